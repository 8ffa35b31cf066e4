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
}

#[allow(clippy::print_stdout, reason = "the figures are this command's output")]
fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .context("no runtime")?;
    let figures: Figures = runtime.block_on(async {
        match cli.what {
            What::Freshness { changes } => bench::freshness(cli.seed, changes).await,
            What::Own { changes } => bench::own(cli.seed, changes).await,
            What::Noticing { changes } => bench::noticing(cli.seed, changes).await,
            What::Days { days } => bench::days(cli.seed, days).await,
            What::Thrift => bench::thrift(cli.seed).await,
        }
    })?;
    match cli.format {
        Format::Text => print!("{}", figures.text()),
        Format::Json => println!("{}", figures.json()),
    }
    Ok(())
}
