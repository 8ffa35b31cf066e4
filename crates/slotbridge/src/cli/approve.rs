//! `slotbridge approve BRIDGE`: records that what a guard holds is meant.

use std::collections::BTreeSet;

use anyhow::Context as _;
use jiff::Timestamp;
use slotbridge_platform::seam::Seam as _;
use slotbridge_platform::system_seam::SystemSeam;
use slotbridge_store::{Change, GuardRow, OpenOptions, Store};

use super::Global;
use super::output::Output;
use super::report::{Exit, Failure};
use crate::render::words;

/// Approves every plan that is held in the bridge.
pub(crate) async fn run(global: &Global, bridge: &str, output: &Output) -> Result<Exit, Failure> {
    let config = super::load(&Global {
        bridge: vec![bridge.to_owned()],
        ..global.clone()
    })?;
    let Some(bridge) = config.bridges.first().map(|bridge| bridge.name.clone()) else {
        return Ok(Exit::InStep);
    };
    let options = OpenOptions {
        lock_wait: global.wait,
        holder: "slotbridge approve".to_owned(),
    };
    let path = config.store.clone();
    let store = tokio::task::spawn_blocking(move || Store::open(&path, &options))
        .await
        .context("opening the database broke off")??;
    let held = store.guards(&bridge).await?;
    let now = SystemSeam::new().now();
    let plans: BTreeSet<&str> = held.iter().map(|guard| guard.plan.as_str()).collect();
    let changes = plans.into_iter().map(|plan| Change::GuardApproved {
        bridge: bridge.clone(),
        plan: plan.to_owned(),
        at: now,
    });
    store.apply(changes.collect()).await?;
    store.close().await?;
    let mut lines: Vec<String> = held.iter().map(|guard| words(guard, now)).collect();
    lines.push(if held.is_empty() {
        format!("Nothing is held in bridge {bridge}.\n")
    } else {
        format!(
            "Approved. The next run of bridge {bridge} applies it if nothing has changed since.\n"
        )
    });
    output.report(&lines.concat())?;
    Ok(Exit::InStep)
}

fn words(guard: &GuardRow, now: Timestamp) -> String {
    let age = super::status::age(now, guard.tripped_at);
    let what = words::guard(&guard.what, guard.limit, guard.planned);
    format!("{}: {what}; tripped {age}\n", guard.platform)
}
