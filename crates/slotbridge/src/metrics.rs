//! What Prometheus can ask the daemon: how fresh the platforms are, what was called, what waits, what needs a person.
//!
//! Every metric stands once in `table`, which also makes `docs/operations/metrics.md`. Labels hold the user's names of
//! platforms and bridges and fixed words; never an id of a booking or record, never anything of a client.

#[cfg(test)]
mod docs;
mod family;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use slotbridge_core::model::PlatformName;
use slotbridge_engine::daemon::{BridgeHealth, Health, PlatformHealth};
use slotbridge_engine::event::{Event, Listener};
use slotbridge_engine::report::{BridgeReport, OutcomeWord};

use crate::registry::{CallListener, CallOutcome};
use table::Families;

/// The content type of [`Metrics::page`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The label of a webhook that names no platform of ours: what a stranger writes must not become a label.
const NO_PLATFORM: &str = "unknown";

/// What became of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WebhookResult {
    /// It is on the disk.
    Stored,
    /// The same; its body came before within the last hour.
    Replayed,
    /// It is about no record.
    Ignored,
    /// The token is right, and the body is not this platform's.
    Malformed,
    /// Platform or token are wrong.
    Forged,
    /// The body is too long.
    TooLarge,
    /// The body did not arrive.
    BrokenOff,
    /// Too many in too short a time.
    Limited,
    /// Too many wait.
    Full,
    /// The database did not take it.
    Unstored,
}

impl WebhookResult {
    /// Every result.
    pub(crate) const ALL: [Self; 10] = [
        Self::Stored,
        Self::Replayed,
        Self::Ignored,
        Self::Malformed,
        Self::Forged,
        Self::TooLarge,
        Self::BrokenOff,
        Self::Limited,
        Self::Full,
        Self::Unstored,
    ];

    /// The word in the metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Replayed => "replayed",
            Self::Ignored => "ignored",
            Self::Malformed => "malformed",
            Self::Forged => "forged",
            Self::TooLarge => "too_large",
            Self::BrokenOff => "broken_off",
            Self::Limited => "limited",
            Self::Full => "full",
            Self::Unstored => "unstored",
        }
    }
}

/// The metrics of one process.
pub(crate) struct Metrics {
    registry: Registry,
    families: Families,
    /// The gauges are written anew for every page; two pages at a time would see each other's half.
    page: Mutex<()>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Metrics that know nothing yet, of a process that started now.
    pub(crate) fn new(started: Timestamp) -> Self {
        let mut registry = Registry::default();
        let families = Families::register(&mut registry);
        families.start_time.set(&[], seconds_of(started));
        families.build.set(&[env!("CARGO_PKG_VERSION")], 1.0);
        Self {
            registry,
            families,
            page: Mutex::new(()),
        }
    }

    /// Counts a webhook. `platform` is `None` where the URL names no platform of ours.
    pub(crate) fn webhook(&self, platform: Option<&PlatformName>, result: WebhookResult) {
        let platform = platform.map_or(NO_PLATFORM, PlatformName::as_str);
        self.families.webhooks.add(&[platform, result.as_str()], 1);
    }

    /// Says how many webhooks wait on each platform.
    pub(crate) fn inbox(&self, waiting: &[(PlatformName, u64)]) {
        let _page = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        self.families.inbox_waiting.clear();
        for (platform, waiting) in waiting {
            self.families
                .inbox_waiting
                .set(&[platform.as_str()], count(*waiting));
        }
    }

    /// The page that Prometheus reads.
    pub(crate) fn page(&self, health: &Health) -> String {
        let _page = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        self.families.clear_health();
        self.families.loop_turns.set(&[], count(health.turns));
        for platform in &health.platforms {
            self.platform(platform);
        }
        for bridge in &health.bridges {
            self.bridge(bridge);
        }
        let mut page = String::new();
        encode(&mut page, &self.registry).expect("a String takes whatever is written to it");
        page
    }

    fn platform(&self, health: &PlatformHealth) {
        let families = &self.families;
        let name = health.name.as_str();
        // A series that begins at its first event hides that event from `increase`.
        for result in WebhookResult::ALL {
            families.webhooks.add(&[name, result.as_str()], 0);
        }
        for outcome in CallOutcome::ALL {
            families.calls.add(&[name, outcome.as_str()], 0);
        }
        match (&health.down, health.read_at) {
            (Some(_), _) => families.platform_up.set(&[name], 0.0),
            (None, Some(_)) => families.platform_up.set(&[name], 1.0),
            // Nobody knows yet.
            (None, None) => {}
        }
        if let Some(at) = health.read_at {
            families.last_read.set(&[name], seconds_of(at));
        }
        if let Some(at) = health.complete_at {
            families.last_complete.set(&[name], seconds_of(at));
        }
        if let Some(plan) = health.plan {
            families.polling_near.set(&[name], plan.near.as_secs_f64());
            families.polling_far.set(&[name], plan.far.as_secs_f64());
            families.notice.set(&[name], plan.notice.as_secs_f64());
        }
        let waiting = u64::try_from(health.calls_waiting).unwrap_or(u64::MAX);
        families.calls_waiting.set(&[name], count(waiting));
        families
            .rate_halvings
            .set(&[name], f64::from(health.halvings));
        families
            .pause_left
            .set(&[name], health.pause_left.as_secs_f64());
    }

    fn bridge(&self, health: &BridgeHealth) {
        let families = &self.families;
        let name = health.name.as_str();
        if let Some(at) = health.running_since {
            families.running_since.set(&[name], seconds_of(at));
        }
        if let Some(at) = health.ran_at {
            families.last_run.set(&[name], seconds_of(at));
        }
        families
            .journal_open
            .set(&[name], count(health.journal_open));
        if let Some(at) = health.journal_oldest {
            families.journal_oldest.set(&[name], seconds_of(at));
        }
        families.guards_latched.set(&[name], count(health.guards));
        families
            .conflicts_open
            .set(&[name], count(health.conflicts));
        families.overlaps.set(&[name], count(health.overlaps));
    }

    fn operations(&self, report: &BridgeReport) {
        for operation in &report.operations {
            // What was only planned has not happened.
            if operation.outcome != OutcomeWord::Planned {
                self.families.operations.add(
                    &[
                        operation.platform.as_str(),
                        operation.op,
                        operation.outcome.as_str(),
                    ],
                    1,
                );
            }
        }
    }
}

impl Listener for Metrics {
    fn hear(&self, event: &Event) {
        let families = &self.families;
        match event {
            Event::Looked {
                platform,
                look,
                took,
                changed,
                complete,
                trouble,
                at: _,
                calls: _,
            } => {
                let (name, look) = (platform.as_str(), look.as_str());
                let outcome = match (trouble, complete) {
                    (Some(_), _) => "failed",
                    (None, true) => "complete",
                    (None, false) => "read",
                };
                families.looks.add(&[name, look, outcome], 1);
                families
                    .look_duration
                    .observe(&[name, look], took.as_secs_f64());
                families.records_changed.add(&[name], *changed);
            }
            Event::Down { platform, .. } => families.downs.add(&[platform.as_str()], 1),
            Event::Ran {
                bridge,
                cause,
                took,
                dry_run,
                report,
                at: _,
            } => {
                families
                    .run_duration
                    .observe(&[bridge.as_str(), cause.as_str()], took.as_secs_f64());
                if !dry_run {
                    self.operations(report);
                }
            }
            Event::Fresh { from, to, age, .. } => families
                .freshness
                .observe(&[from.as_str(), to.as_str()], age.as_secs_f64()),
            // What these say is in the health, or counted where it happens.
            Event::Up { .. } | Event::Planned { .. } | Event::Hinted { .. } => {}
        }
    }
}

impl CallListener for Metrics {
    fn called(&self, platform: &PlatformName, outcome: CallOutcome) {
        self.families
            .calls
            .add(&[platform.as_str(), outcome.as_str()], 1);
    }
}

fn seconds_of(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

/// A count as a gauge holds it.
fn count(count: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "nothing that is counted here reaches 2^53"
    )]
    let count = count as f64;
    count
}
