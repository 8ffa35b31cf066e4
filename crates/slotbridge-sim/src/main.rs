//! The seeded simulation; and `serve`, which serves simulated platforms for trying a config against them.

mod simulate;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use slotbridge_sim::quota::Quota;
use slotbridge_sim::world::{Addresses, Addresses4, World, demo_week_of_four};
use slotbridge_sim::{Served, SimClock, demo_week, serve_on};

/// Lives seeded lives of slotbridge on simulated platforms; or serves such platforms on loopback
#[derive(Debug, Parser)]
#[command(
    name = "slotbridge-sim",
    version,
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    simulate: simulate::Arguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve two platforms, or all four, with a week of invented bookings and print a bridge's config
    Serve {
        /// Port of the simulated YCLIENTS, 0 for any
        #[arg(long, default_value_t = 18081)]
        yclients_port: u16,
        /// Port of the simulated Rubitime, 0 for any
        #[arg(long, default_value_t = 18082)]
        rubitime_port: u16,
        /// Port of the simulated SimplyBook.me, 0 for any; with it or the next all four are served
        #[arg(long)]
        simplybook_port: Option<u16>,
        /// Port of the simulated AlfaCRM, 0 for any; with it or the one before all four are served
        #[arg(long)]
        alfacrm_port: Option<u16>,
        /// How far apart Rubitime wants two calls, such as 200ms
        #[arg(long, default_value = "5s", value_parser = duration)]
        rubitime_gap: Duration,
        /// Where the printed config keeps its database
        #[arg(long, default_value = "slotbridge-demo.db")]
        store: String,
    },
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number
        .parse()
        .map_err(|_why| "want a number and ms or s".to_owned())?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        _ => Err("want ms or s after the number".to_owned()),
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    match cli.command {
        None => simulate::run(&cli.simulate),
        Some(command) => {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .context("no runtime")?
                .block_on(serve(command))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn serve(command: Command) -> anyhow::Result<()> {
    let Command::Serve {
        yclients_port,
        rubitime_port,
        simplybook_port,
        alfacrm_port,
        rubitime_gap,
        store,
    } = command;
    let four = simplybook_port.is_some() || alfacrm_port.is_some();
    let clock = SimClock::system();
    let own_gap = Some(rubitime_gap).filter(|gap| *gap != USUAL_GAP);
    // The platforms are served as long as these are there.
    let (config, _served) = if four {
        let world = demo_week_of_four(&clock);
        let (salon, site) = two(&world.two, yclients_port, rubitime_port, rubitime_gap).await?;
        let company = listen(simplybook_port.unwrap_or(0), world.simplybook.router()).await?;
        let school = listen(alfacrm_port.unwrap_or(0), world.alfacrm.router()).await?;
        let config = world.config(&Addresses4 {
            yclients: &salon.url,
            rubitime: &site.url,
            simplybook: &company.url,
            alfacrm: &school.url,
            store: &store,
            rubitime_gap: own_gap,
            hurry: false,
        });
        (config, vec![salon, site, company, school])
    } else {
        let world = demo_week(&clock);
        let (salon, site) = two(&world, yclients_port, rubitime_port, rubitime_gap).await?;
        let config = world.config(&Addresses {
            yclients: &salon.url,
            rubitime: &site.url,
            store: &store,
            rubitime_gap: own_gap,
        });
        (config, vec![salon, site])
    };
    show(&config);
    tokio::signal::ctrl_c()
        .await
        .context("waiting for an interrupt")?;
    Ok(())
}

/// The gap that Rubitime's documents name.
const USUAL_GAP: Duration = Duration::from_secs(5);

/// Serves YCLIENTS and Rubitime.
async fn two(
    world: &World,
    yclients_port: u16,
    rubitime_port: u16,
    gap: Duration,
) -> anyhow::Result<(Served, Served)> {
    let rubitime = world.rubitime.clone().with_quota(Quota::rubitime(gap));
    let salon = listen(yclients_port, world.yclients.router()).await?;
    Ok((salon, listen(rubitime_port, rubitime.router()).await?))
}

async fn listen(port: u16, router: axum::Router) -> anyhow::Result<Served> {
    serve_on(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), router)
        .await
        .with_context(|| format!("listening on port {port}"))
}

#[allow(clippy::print_stdout, reason = "the config is this command's output")]
fn show(config: &str) {
    print!("{config}");
}
