//! Benchmarks of the daemon and the one-shot pass on the simulated platforms, in virtual time at the real quotas.

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};
use slotbridge_sim::runner::bench::{self, Figures};

/// Measures slotbridge on the simulated platforms, in virtual time at the real quotas
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
struct Cli {
    /// The seed that decides everything
    #[arg(long, default_value_t = 1, global = true)]
    seed: u64,
    /// How the figures are printed
    #[arg(long, value_enum, default_value = "text", global = true)]
    format: Format,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum What {
    /// With webhooks: from a booking to the last write elsewhere
    Freshness {
        /// How many bookings
        #[arg(long, default_value_t = 200)]
        changes: usize,
    },
    /// What the machine needs from a webhook to the last write elsewhere, without any quota
    Own {
        /// How many bookings
        #[arg(long, default_value_t = 200)]
        changes: usize,
    },
    /// Without webhooks: from a booking until it is acted on
    Noticing {
        /// How many bookings
        #[arg(long, default_value_t = 200)]
        changes: usize,
    },
    /// Days of four platforms and four bridges: quotas, webhooks, memory
    Days {
        /// How many days
        #[arg(long, default_value_t = 7)]
        days: u64,
    },
    /// Calls of one-shot passes, for every ordered pair of kinds
    Thrift,
    /// All of these one after the other, with a single day
    All,
}

fn main() -> anyhow::Result<()> {
    let Cli { seed, format, what } = Cli::parse();
    match what {
        What::Freshness { changes } => show(format, bench::freshness(seed, changes)),
        What::Own { changes } => show(format, bench::own(seed, changes)),
        What::Noticing { changes } => show(format, bench::noticing(seed, changes)),
        What::Days { days } => show(format, bench::days(seed, days)),
        What::Thrift => show(format, bench::thrift(seed)),
        What::All => {
            show(format, bench::thrift(seed))?;
            show(format, bench::freshness(seed, 200))?;
            show(format, bench::own(seed, 200))?;
            show(format, bench::noticing(seed, 200))?;
            show(format, bench::days(seed, 1))
        }
    }
}

/// Measures, and prints the figures; as JSON in one line.
#[allow(clippy::print_stdout, reason = "the figures are this command's output")]
fn show(
    format: Format,
    measure: impl Future<Output = anyhow::Result<Figures>>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .context("no runtime")?;
    let figures = runtime.block_on(measure)?;
    match format {
        Format::Text => println!("{}", figures.text()),
        Format::Json => println!("{}", figures.json()),
    }
    Ok(())
}
