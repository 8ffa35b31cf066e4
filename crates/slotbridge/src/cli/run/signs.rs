//! Signs of life: the watchdog is fed while the loop turns, and the service manager's status line says how things stand.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use slotbridge_engine::daemon::{Handle, Health};
use slotbridge_engine::event::{Event, Listener, Listeners};
use slotbridge_platform::seam::Seam;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::systemd::Notifier;

/// How often the status line is renewed.
const STATUS_EVERY: Duration = Duration::from_secs(30);

/// Passes events to whoever hears them now; a reload changes who that is.
#[derive(Debug, Clone, Default)]
pub(super) struct Switch(Arc<RwLock<Listeners>>);

impl Switch {
    /// From now on these hear.
    pub(super) fn hear_with(&self, listeners: Listeners) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = listeners;
    }
}

impl Listener for Switch {
    fn hear(&self, event: &Event) {
        let listeners = self.0.read().unwrap_or_else(PoisonError::into_inner);
        listeners.hear(event);
    }
}

/// The task that gives the signs.
#[derive(Debug)]
pub(super) struct Signs {
    stopping: CancellationToken,
    task: JoinHandle<()>,
}

impl Signs {
    pub(super) fn start(handle: &Handle, notifier: Notifier, seam: &Arc<dyn Seam>) -> Self {
        let stopping = CancellationToken::new();
        let (token, handle, seam) = (stopping.clone(), handle.clone(), Arc::clone(seam));
        let every = notifier
            .watchdog_every()
            .map_or(STATUS_EVERY, |every| every.min(STATUS_EVERY));
        let task = tokio::spawn(async move {
            let mut turns = None;
            loop {
                let health = handle.health();
                // Before the first turn the platforms are asked for their zones, which takes a call each at most.
                if turns != Some(health.turns) || health.turns == 0 {
                    notifier.alive();
                }
                turns = Some(health.turns);
                if health.turns > 0 {
                    notifier.status(&status(&health));
                }
                tokio::select! {
                    () = token.cancelled() => return,
                    () = seam.sleep(every) => {}
                }
            }
        });
        Self { stopping, task }
    }

    pub(super) async fn stop(self) {
        self.stopping.cancel();
        if self.task.await.is_err() {
            tracing::error!("The signs of life broke off.");
        }
    }
}

/// How things stand, in one line.
fn status(health: &Health) -> String {
    let down: Vec<&str> = health
        .platforms
        .iter()
        .filter(|platform| platform.down.is_some())
        .map(|platform| platform.name.as_str())
        .collect();
    let mut parts = vec![match down.as_slice() {
        [] => format!("{} platforms in reach", health.platforms.len()),
        down => format!("out of reach: {}", down.join(", ")),
    }];
    let sum = |of: fn(&slotbridge_engine::daemon::BridgeHealth) -> u64| -> u64 {
        health.bridges.iter().map(of).sum()
    };
    for (count, what) in [
        (
            sum(|bridge| bridge.journal_open),
            "writes without an answer",
        ),
        (sum(|bridge| bridge.guards), "guards that wait for approval"),
        (
            sum(|bridge| bridge.conflicts),
            "conflicts that wait for a person",
        ),
        (sum(|bridge| bridge.overlaps), "double bookings"),
    ] {
        if count > 0 {
            parts.push(format!("{what}: {count}"));
        }
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use slotbridge_core::model::{BridgeName, PlatformName};
    use slotbridge_engine::event::Trouble;

    use super::*;
    use crate::control::testing::{bridge_health, platform_health};

    #[test]
    fn the_status_line_names_what_needs_a_look_and_nothing_else() {
        let platform = |name| platform_health(PlatformName::new(name).unwrap());
        let mut health = Health {
            platforms: vec![platform("salon"), platform("site")],
            bridges: vec![bridge_health(BridgeName::new("main").unwrap())],
            ..Health::default()
        };
        assert_eq!(status(&health), "2 platforms in reach");
        let trouble = Trouble {
            kind: None,
            text: "told elsewhere".to_owned(),
        };
        health.platforms[1].down = Some((jiff::Timestamp::UNIX_EPOCH, trouble));
        health.bridges[0].guards = 2;
        assert_eq!(
            status(&health),
            "out of reach: site; guards that wait for approval: 2"
        );
    }
}
