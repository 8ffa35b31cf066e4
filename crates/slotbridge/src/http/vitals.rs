//! `/healthz`, `/readyz` and `/metrics`: whether the loop turns, whether the platforms are in reach, and the figures.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use jiff::{SignedDuration, Timestamp};
use slotbridge_engine::daemon::Health;

use super::App;
use crate::cli::status::age;
use crate::metrics::CONTENT_TYPE;

/// A loop that has not turned for so long hangs.
const STILL_MAX: Duration = Duration::from_mins(1);
/// How often the loop's turns are looked at.
const SAMPLE_EVERY: Duration = Duration::from_secs(5);
/// An operation whose outcome is unknown for so long needs somebody.
const JOURNAL_OPEN_MAX: SignedDuration = SignedDuration::from_mins(10);

/// When the loop was last seen to turn.
#[derive(Debug)]
pub(super) struct Pulse(Mutex<Beat>);

#[derive(Debug)]
struct Beat {
    turns: u64,
    at: Duration,
}

impl Pulse {
    /// A loop that gets its time to begin, from now on.
    pub(super) fn new(now: Duration) -> Self {
        Self(Mutex::new(Beat { turns: 0, at: now }))
    }

    /// Looks at the loop's turns; says how long it has not turned.
    fn sample(&self, turns: u64, now: Duration) -> Duration {
        let mut beat = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if beat.turns != turns {
            *beat = Beat { turns, at: now };
        }
        now.saturating_sub(beat.at)
    }
}

/// Looks at the loop's turns for ever, so that a question after a long silence is not taken for a turn.
pub(super) async fn watch(app: &App) {
    loop {
        app.parts.seam.sleep(SAMPLE_EVERY).await;
        let still = app
            .pulse
            .sample(app.parts.handle.health().turns, app.parts.seam.elapsed());
        if still >= STILL_MAX {
            tracing::warn!(seconds = still.as_secs(), "The loop does not turn.");
        }
    }
}

/// Whether the loop turns.
pub(super) async fn healthz(State(app): State<Arc<App>>) -> Response {
    let turns = app.parts.handle.health().turns;
    let still = app.pulse.sample(turns, app.parts.seam.elapsed());
    if still < STILL_MAX {
        "ok\n".into_response()
    } else {
        let reason = format!("the loop has not turned for {} s\n", still.as_secs());
        (StatusCode::SERVICE_UNAVAILABLE, reason).into_response()
    }
}

/// Whether every platform is in reach and nothing is stuck.
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Response {
    let reasons = reasons(&app.parts.handle.health(), app.parts.seam.now());
    if reasons.is_empty() {
        "ready\n".into_response()
    } else {
        let lines = reasons.join("\n") + "\n";
        (StatusCode::SERVICE_UNAVAILABLE, lines).into_response()
    }
}

/// The figures.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let health = app.parts.handle.health();
    let mut waiting = Vec::new();
    for platform in &health.platforms {
        match app.parts.store.inbox_waiting(&platform.name).await {
            Ok(count) => waiting.push((platform.name.clone(), count)),
            // A figure that is missing is better than one that is wrong.
            Err(error) => tracing::warn!(%error, "The inbox could not be counted."),
        }
    }
    app.parts.metrics.inbox(&waiting);
    let page = app.parts.metrics.page(&health);
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], page).into_response()
}

/// What keeps the daemon from being ready; one line each, with names and ages only.
fn reasons(health: &Health, now: Timestamp) -> Vec<String> {
    if health.platforms.is_empty() {
        return vec!["no platform was looked at yet".to_owned()];
    }
    let platforms = health.platforms.iter().filter_map(|platform| {
        let name = &platform.name;
        match (&platform.down, platform.read_at) {
            (Some((since, _)), _) => Some(format!(
                "platform {name} cannot be used; it went down {}",
                age(now, *since)
            )),
            (None, None) => Some(format!("platform {name} was not read yet")),
            (None, Some(_)) => None,
        }
    });
    let bridges = health.bridges.iter().filter_map(|bridge| {
        let oldest = bridge.journal_oldest?;
        (now.duration_since(oldest) > JOURNAL_OPEN_MAX).then(|| {
            format!(
                "bridge {} has a write of unknown outcome since {}",
                bridge.name,
                age(now, oldest)
            )
        })
    });
    platforms.chain(bridges).collect()
}

#[cfg(test)]
mod tests {
    use slotbridge_core::model::{BridgeName, PlatformName};
    use slotbridge_engine::daemon::{BridgeHealth, PlatformHealth};
    use slotbridge_engine::event::Trouble;

    use super::*;
    use crate::control::testing::{bridge_health, platform_health};

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn platform(name: &str) -> PlatformHealth {
        PlatformHealth {
            read_at: Some(minute(100)),
            ..platform_health(PlatformName::new(name).unwrap())
        }
    }

    fn bridge(oldest: Option<Timestamp>) -> BridgeHealth {
        BridgeHealth {
            journal_oldest: oldest,
            ..bridge_health(BridgeName::new("main").unwrap())
        }
    }

    #[test]
    fn the_loop_counts_as_alive_for_a_minute_after_its_last_turn() {
        let pulse = Pulse::new(Duration::from_secs(100));
        let still = |turns, second| pulse.sample(turns, Duration::from_secs(second)).as_secs();
        assert_eq!(still(0, 130), 30);
        assert_eq!(still(1, 140), 0);
        assert_eq!(still(1, 199), 59);
        assert_eq!(still(1, 200), 60);
        assert_eq!(still(2, 201), 0);
    }

    #[test]
    fn every_reason_is_one_line_with_names_and_ages_only() {
        let trouble = Trouble {
            kind: None,
            text: "something that a platform said".to_owned(),
        };
        let down = PlatformHealth {
            down: Some((minute(95), trouble)),
            ..platform("site")
        };
        let unread = PlatformHealth {
            read_at: None,
            ..platform("world")
        };
        for (platforms, bridges, expected) in [
            (vec![], vec![], vec!["no platform was looked at yet"]),
            (vec![platform("salon")], vec![bridge(None)], vec![]),
            (
                vec![platform("salon")],
                vec![bridge(Some(minute(90)))],
                vec![],
            ),
            (
                vec![platform("salon"), down, unread],
                vec![bridge(Some(minute(89)))],
                vec![
                    "platform site cannot be used; it went down 5 min ago",
                    "platform world was not read yet",
                    "bridge main has a write of unknown outcome since 11 min ago",
                ],
            ),
        ] {
            let health = Health {
                turns: 1,
                platforms,
                bridges,
            };
            assert_eq!(reasons(&health, minute(100)), expected);
        }
    }
}
