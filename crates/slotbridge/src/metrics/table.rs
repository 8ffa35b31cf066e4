//! The list of metrics: each stands here once, with its name, its labels and its meaning.

use prometheus_client::registry::Registry;

use super::family::{Counter, Gauge, Histogram};

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One metric.
#[derive(Debug)]
pub(super) struct Definition {
    /// Its name, without what Prometheus's text form adds to it.
    pub(super) name: &'static str,
    /// What it is.
    #[cfg_attr(not(test), expect(dead_code, reason = "the docs are made by a test"))]
    pub(super) kind: Kind,
    /// The names of its labels, in the order in which values are given.
    pub(super) labels: &'static [&'static str],
    /// What it says, without full stop at the end.
    pub(super) help: &'static str,
}

macro_rules! metrics {
    ($($field:ident: $kind:ident $name:literal $labels:tt $help:literal;)*) => {
        /// Every metric, ready to be counted on.
        #[derive(Debug)]
        pub(super) struct Families {
            $(#[doc = $help] pub(super) $field: $kind,)*
        }

        impl Families {
            /// Registers every metric.
            pub(super) fn register(registry: &mut Registry) -> Self {
                Self {
                    $($field: $kind::register(registry, &Definition {
                        name: $name,
                        kind: Kind::$kind,
                        labels: &$labels,
                        help: $help,
                    }),)*
                }
            }
        }

        /// Every metric, in the order of the docs.
        #[cfg(test)]
        pub(super) const TABLE: &[Definition] = &[
            $(Definition { name: $name, kind: Kind::$kind, labels: &$labels, help: $help },)*
        ];
    };
}

metrics! {
    freshness: Histogram "slotbridge_freshness_seconds" ["from", "to"]
        "From a change on one platform to the answer to its write on another: the time in which a double booking could happen";
    platform_up: Gauge "slotbridge_platform_up" ["platform"]
        "1 while the platform can be used, 0 while it is down; absent until it was first read";
    downs: Counter "slotbridge_platform_downs" ["platform"]
        "How often the platform went down";
    last_read: Gauge "slotbridge_last_read_timestamp_seconds" ["platform"]
        "When the platform was last read without trouble, in this process";
    last_complete: Gauge "slotbridge_last_complete_timestamp_seconds" ["platform"]
        "When the platform's whole window was last proven";
    looks: Counter "slotbridge_looks" ["platform", "look", "outcome"]
        "Looks at a platform: hint, near, far or sweep; complete (the whole window was proven), read, or failed";
    look_duration: Histogram "slotbridge_look_duration_seconds" ["platform", "look"]
        "How long a look took, waiting at the quota gate included";
    records_changed: Counter "slotbridge_records_changed" ["platform"]
        "Records that looks found new, changed or gone";
    polling_near: Gauge "slotbridge_polling_near_seconds" ["platform"]
        "How often today and the next days are looked at";
    polling_far: Gauge "slotbridge_polling_far_seconds" ["platform"]
        "How often the whole window is looked at";
    notice: Gauge "slotbridge_notice_seconds" ["platform"]
        "The expected time until a change of the next days is noticed without a webhook";
    calls: Counter "slotbridge_calls" ["platform", "outcome"]
        "Calls to a platform by the class of their HTTP status: 2xx, 3xx, 4xx, 429, 5xx, or lost (no whole reply)";
    calls_waiting: Gauge "slotbridge_calls_waiting" ["platform"]
        "Calls that wait at the quota gate";
    rate_halvings: Gauge "slotbridge_rate_halvings" ["platform"]
        "How often the rate of calls is halved because the platform said that they were too many";
    pause_left: Gauge "slotbridge_pause_left_seconds" ["platform"]
        "How long calls still pause because of that";
    webhooks: Counter "slotbridge_webhooks" ["platform", "result"]
        "Webhooks: stored, replayed (stored, and the same body came within the last hour), ignored (about no record), malformed, forged (wrong platform or token), `too_large`, `broken_off`, limited, full (too many wait), unstored (the database did not take it)";
    inbox_waiting: Gauge "slotbridge_inbox_waiting" ["platform"]
        "Webhooks that are stored and not yet worked off";
    operations: Counter "slotbridge_operations" ["platform", "op", "outcome"]
        "Writes to a platform: create, update or remove; applied, refused, failed or unknown";
    run_duration: Histogram "slotbridge_run_duration_seconds" ["bridge", "cause"]
        "How long a run of a bridge took: hinted, polled, swept or asked";
    running_since: Gauge "slotbridge_running_since_timestamp_seconds" ["bridge"]
        "When the run began that is at work now; absent between runs";
    last_run: Gauge "slotbridge_last_run_timestamp_seconds" ["bridge"]
        "When the last run ended, in this process";
    journal_open: Gauge "slotbridge_journal_open" ["bridge"]
        "Operations whose outcome nobody knows yet";
    journal_oldest: Gauge "slotbridge_journal_oldest_timestamp_seconds" ["bridge"]
        "When the oldest of these was written; absent when there is none";
    conflicts_open: Gauge "slotbridge_conflicts_open" ["bridge"]
        "Conflicts that wait for a person";
    overlaps: Gauge "slotbridge_overlaps" ["bridge"]
        "Double bookings that the last full pass saw";
    guards_latched: Gauge "slotbridge_guards_latched" ["bridge"]
        "Guards that hold something until `slotbridge approve`";
    loop_turns: Gauge "slotbridge_loop_turns" []
        "How often the daemon's loop has turned; it stands still when the daemon hangs";
    start_time: Gauge "process_start_time_seconds" []
        "When the process started";
    build: Gauge "slotbridge_build_info" ["version"]
        "Always 1; the label says which version runs";
}

impl Families {
    /// Forgets what the health says, so that what it no longer says is no longer shown.
    pub(super) fn clear_health(&self) {
        for gauge in [
            &self.platform_up,
            &self.last_read,
            &self.last_complete,
            &self.polling_near,
            &self.polling_far,
            &self.notice,
            &self.calls_waiting,
            &self.rate_halvings,
            &self.pause_left,
            &self.running_since,
            &self.last_run,
            &self.journal_open,
            &self.journal_oldest,
            &self.conflicts_open,
            &self.overlaps,
            &self.guards_latched,
        ] {
            gauge.clear();
        }
    }
}
