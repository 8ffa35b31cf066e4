//! `slotbridge explain BOOKING`: the life of a booking from its first sight on, and why it stands as it does.
//!
//! Reads a copy of the database and asks no platform: what it says of platforms is how they were last seen.

mod events;
mod find;
mod life;
mod show;
mod waits;

use slotbridge_engine::bridge::Mode;
use slotbridge_platform::seam::Seam as _;
use slotbridge_platform::system_seam::SystemSeam;

use super::output::Output;
use super::report::{Exit, Failure};
use super::{Global, database, reconcile, zones};
use crate::registry;
use crate::render::Showing;
use find::Found;

/// Tells the life of whatever goes by this name.
pub(crate) async fn run(global: &Global, asked: &str, output: &Output) -> Result<Exit, Failure> {
    let config = super::load(global)?;
    let store = database::copy(&config.store).await?;
    let seam = SystemSeam::new();
    let now = seam.now();
    let found = find::find(&store, &config, asked).await?;
    // Adapters are built to know what they can hold; none of them is called.
    let parts = reconcile::parts(&config.store, Mode::DryRun)?;
    let platforms = registry::platforms(&config, &parts)?;
    let platform_zones = zones::of_platforms(&config, &store).await?;
    let bridges = registry::bridges(&config, &platforms, &platform_zones);
    let mut lives = Vec::new();
    for one in &found {
        let name = match one {
            Found::Booking { bridge, .. } | Found::Record { bridge, .. } => bridge,
        };
        if let Some(bridge) = bridges.iter().find(|bridge| bridge.name == *name) {
            lives.push(
                life::of(&store, &config.store, parts.seam.as_ref(), bridge, one, now).await?,
            );
        }
    }
    let showing = Showing {
        clients: global.show_clients,
        zones: zones::of_bridges(&config, &store).await?,
    };
    output.report(&show::render(&lives, global.format, &showing, now))?;
    Ok(Exit::InStep)
}
