//! `slotbridge approve BRIDGE`: records that what a guard holds is meant.
//!
//! A running daemon holds the database; then it is asked to record it, and goes to work at once.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use slotbridge_core::model::BridgeName;
use slotbridge_platform::seam::Seam as _;
use slotbridge_platform::system_seam::SystemSeam;
use slotbridge_store::{OpenOptions, Store, StoreError};

use super::Global;
use super::output::Output;
use super::report::{Exit, Failure};
use crate::control::approval;
use crate::control::client::{ControlError, Daemon};
use crate::control::rows::{Approved, HeldRow};
use crate::render::words;

/// How the lock of a running daemon says what holds it.
const DAEMON: &str = "slotbridge run";

/// Approves every plan that is held in the bridge.
pub(crate) async fn run(global: &Global, bridge: &str, output: &Output) -> Result<Exit, Failure> {
    let config = super::load(&Global {
        bridge: vec![bridge.to_owned()],
        ..global.clone()
    })?;
    let Some(bridge) = config.bridges.first().map(|bridge| bridge.name.clone()) else {
        return Ok(Exit::InStep);
    };
    let now = SystemSeam::new().now();
    let (approved, next) = match open(&config.store, Duration::ZERO).await {
        Err(StoreError::Locked { holder, .. })
            if holder
                .as_ref()
                .is_some_and(|holder| holder.what.starts_with(DAEMON)) =>
        {
            ask_daemon(&config.store, &bridge, global.wait, now).await?
        }
        Err(StoreError::Locked { .. }) => {
            by_itself(open(&config.store, global.wait).await?, &bridge, now).await?
        }
        opened => by_itself(opened?, &bridge, now).await?,
    };
    output.report(&text(&approved, next, now))?;
    Ok(Exit::InStep)
}

/// When what was approved is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The daemon is at it.
    Now,
    /// With the next run that somebody starts.
    NextRun,
}

async fn open(database: &Path, lock_wait: Duration) -> Result<Store, StoreError> {
    let options = OpenOptions {
        lock_wait,
        holder: "slotbridge approve".to_owned(),
    };
    let path = database.to_path_buf();
    // A panic inside is a fault of the store like any other.
    tokio::task::spawn_blocking(move || Store::open(&path, &options))
        .await
        .unwrap_or(Err(StoreError::Fault))
}

async fn by_itself(
    store: Store,
    bridge: &BridgeName,
    now: Timestamp,
) -> Result<(Approved, Next), Failure> {
    let approved = approval::approve(&store, bridge, now).await?;
    store.close().await?;
    Ok((approved, Next::NextRun))
}

/// Asks the daemon. One that does not answer may be starting or ending: the database is waited for instead.
async fn ask_daemon(
    database: &Path,
    bridge: &BridgeName,
    wait: Duration,
    now: Timestamp,
) -> Result<(Approved, Next), Failure> {
    match Daemon::of(database).approve(bridge).await {
        Ok(approved) => Ok((approved, Next::Now)),
        Err(ControlError::NotThere { .. }) => {
            by_itself(open(database, wait).await?, bridge, now).await
        }
        Err(error) => Err(error).context("cannot approve")?,
    }
}

fn text(approved: &Approved, next: Next, now: Timestamp) -> String {
    let bridge = &approved.bridge;
    let guards = approved.guards.iter();
    let mut lines: Vec<String> = guards.map(|guard| guard_words(guard, now)).collect();
    lines.push(match (lines.is_empty(), next) {
        (true, _) => format!("Nothing is held in bridge {bridge}.\n"),
        (false, Next::NextRun) => format!(
            "Approved. The next run of bridge {bridge} applies it if nothing has changed since.\n"
        ),
        (false, Next::Now) => format!(
            "Approved. The running daemon makes a full pass over bridge {bridge} now and applies it if nothing has changed since.\n"
        ),
    });
    lines.concat()
}

fn guard_words(guard: &HeldRow, now: Timestamp) -> String {
    let age = super::status::age_of_text(now, &guard.tripped_at);
    let what = words::guard(&guard.what, guard.limit, guard.planned);
    format!("{}: {what}; tripped {age}\n", guard.platform)
}
