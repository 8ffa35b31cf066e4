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
use slotbridge_store::Store;

use super::Global;
use super::database::{self, Hand};
use super::output::Output;
use super::report::{Exit, Failure};
use crate::control::approval;
use crate::control::client::{ControlError, Daemon};
use crate::control::rows::{Approved, HeldRow};
use crate::render::words;

/// What the lock says while this command holds it.
const HOLDER: &str = "slotbridge approve";

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
    let (approved, next) = approve(&config.store, &bridge, global.wait, now).await?;
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

/// Approves by asking the daemon that holds the database, else by itself.
async fn approve(
    database: &Path,
    bridge: &BridgeName,
    wait: Duration,
    now: Timestamp,
) -> Result<(Approved, Next), Failure> {
    match database::hand(database, HOLDER, wait).await? {
        Hand::Own(store) => by_itself(store, bridge, now).await,
        Hand::Daemon(daemon) => ask_daemon(&daemon, database, bridge, wait, now).await,
    }
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
    daemon: &Daemon,
    database: &Path,
    bridge: &BridgeName,
    wait: Duration,
    now: Timestamp,
) -> Result<(Approved, Next), Failure> {
    match daemon.approve(bridge).await {
        Ok(approved) => Ok((approved, Next::Now)),
        Err(ControlError::NotThere { .. }) => {
            by_itself(database::own(database, HOLDER, wait).await?, bridge, now).await
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use slotbridge_core::model::PlatformName;
    use slotbridge_engine::daemon::Handle;
    use slotbridge_store::{Change, OpenOptions};
    use tempfile::TempDir;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::control;
    use crate::control::testing::bridge_health;

    fn main_bridge() -> BridgeName {
        BridgeName::new("main").unwrap()
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A database in which a guard holds something, opened by `holder`.
    async fn held(folder: &TempDir, holder: &str) -> Store {
        let options = OpenOptions {
            lock_wait: Duration::ZERO,
            holder: holder.to_owned(),
        };
        let store = Store::open(&folder.path().join("s.db"), &options).unwrap();
        let guard = Change::Guard {
            bridge: main_bridge(),
            platform: PlatformName::new("salon").unwrap(),
            what: "removals_max".to_owned(),
            limit: 20,
            planned: 70,
            plan: "plan-1".to_owned(),
            at: second(1_000),
        };
        store.apply(vec![guard]).await.unwrap();
        store
    }

    async fn approve_in(folder: &TempDir) -> Result<(Approved, Next), Failure> {
        let database = folder.path().join("s.db");
        approve(&database, &main_bridge(), Duration::ZERO, second(1_060)).await
    }

    async fn is_approved(store: &Store) -> bool {
        let guards = store.guards(&main_bridge()).await.unwrap();
        guards.iter().all(|guard| guard.approved_at.is_some())
    }

    #[tokio::test]
    async fn a_running_daemon_is_asked_and_goes_to_work_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = held(&folder, "slotbridge run").await;
        let (handle, mut requests) = Handle::new();
        handle.say(|health| health.bridges = vec![bridge_health(main_bridge())]);
        let parts = control::Parts {
            store: store.clone(),
            handle,
            seam: Arc::new(SystemSeam::new()),
        };
        let seam = Arc::clone(&parts.seam);
        let socket = control::bind(&folder.path().join("s.db"), seam)
            .await
            .unwrap();
        tokio::spawn(control::serve(socket, parts, CancellationToken::new()));
        let (approved, next) = approve_in(&folder).await.unwrap();
        assert_eq!(next, Next::Now);
        assert!(is_approved(&store).await);
        assert!(requests.try_recv().is_ok());
        let shown = text(&approved, next, second(1_060));
        assert!(shown.starts_with("salon: "), "{shown}");
        assert!(shown.contains("tripped 60 s ago\n"), "{shown}");
        assert!(
            shown.contains("makes a full pass over bridge main now"),
            "{shown}"
        );
    }

    #[tokio::test]
    async fn without_a_daemon_the_command_records_it_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        held(&folder, "slotbridge reconcile")
            .await
            .close()
            .await
            .unwrap();
        let (approved, next) = approve_in(&folder).await.unwrap();
        assert_eq!((approved.guards.len(), next), (1, Next::NextRun));
        let store = Store::open_copy(&folder.path().join("s.db")).unwrap();
        assert!(is_approved(&store).await);
    }

    #[tokio::test]
    async fn a_database_that_is_held_and_cannot_be_asked_is_left_alone() {
        // The daemon is just starting, or somebody makes a pass.
        for holder in ["slotbridge run", "slotbridge reconcile"] {
            let folder = tempfile::tempdir().unwrap();
            let store = held(&folder, holder).await;
            let failure = approve_in(&folder).await.unwrap_err();
            assert!(failure.to_string().contains(holder), "{failure}");
            assert!(!is_approved(&store).await, "{holder}");
        }
    }
}
