//! Serves both simulated platforms with the demo week, for trying a config against them.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use slotbridge_sim::quota::Quota;
use slotbridge_sim::world::Addresses;
use slotbridge_sim::{SimClock, demo_week, serve_on};

/// Simulated booking platforms on loopback.
#[derive(Debug, Parser)]
#[command(name = "slotbridge-sim", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve both platforms with a week of invented bookings and print a bridge's config
    Serve {
        /// Port of the simulated YCLIENTS, 0 for any
        #[arg(long, default_value_t = 18081)]
        yclients_port: u16,
        /// Port of the simulated Rubitime, 0 for any
        #[arg(long, default_value_t = 18082)]
        rubitime_port: u16,
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

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let Command::Serve {
        yclients_port,
        rubitime_port,
        rubitime_gap,
        store,
    } = Cli::parse().command;
    let world = demo_week(&SimClock::system());
    let usual_gap = Duration::from_secs(5);
    let rubitime = world
        .rubitime
        .clone()
        .with_quota(Quota::rubitime(rubitime_gap));
    let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let salon = serve_on(loopback(yclients_port), world.yclients.router())
        .await
        .with_context(|| format!("listening on port {yclients_port}"))?;
    let site = serve_on(loopback(rubitime_port), rubitime.router())
        .await
        .with_context(|| format!("listening on port {rubitime_port}"))?;
    let config = world.config(&Addresses {
        yclients: &salon.url,
        rubitime: &site.url,
        store: &store,
        rubitime_gap: Some(rubitime_gap).filter(|gap| *gap != usual_gap),
    });
    show(&config);
    tokio::signal::ctrl_c()
        .await
        .context("waiting for an interrupt")?;
    Ok(())
}

#[allow(clippy::print_stdout, reason = "the config is this command's output")]
fn show(config: &str) {
    print!("{config}");
}
