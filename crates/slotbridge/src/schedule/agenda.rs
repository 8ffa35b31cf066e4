//! What is due when. Pure: cron lines, what was done, and the time go in.
//!
//! **Guarantees.** What came due while nobody was there is due once, as soon as somebody is, however often it was
//! missed. What is due again while it is still at work waits for its next time.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::cron::Cron;

/// What can be scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Job {
    /// A full pass over every bridge.
    Sweep,
    /// Forgetting what is over for long.
    Retention,
    /// Looking after the database.
    Upkeep,
}

impl Job {
    /// Its name in the config and in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Retention => "retention",
            Self::Upkeep => "upkeep",
        }
    }
}

/// Something that is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// What.
    pub(crate) job: Job,
    /// The due time that it is done for.
    pub(crate) at: Timestamp,
}

/// One job's part of the agenda.
#[derive(Debug)]
struct Entry {
    cron: Cron,
    /// Up to which due time it was done.
    done: Timestamp,
    /// A due time that has come, and when work on it begins.
    waiting: Option<(Timestamp, Timestamp)>,
}

/// Everything that is scheduled.
#[derive(Debug)]
pub(crate) struct Agenda {
    zone: TimeZone,
    entries: BTreeMap<Job, Entry>,
}

impl Agenda {
    /// The jobs with their lines, by the clock of a zone. What was never done counts as done until now: a first start
    /// catches up on nothing.
    pub(crate) fn new(
        lines: impl IntoIterator<Item = (Job, Cron)>,
        zone: TimeZone,
        done: &BTreeMap<String, Timestamp>,
        now: Timestamp,
    ) -> Self {
        let entries = lines.into_iter().map(|(job, cron)| {
            let entry = Entry {
                cron,
                // A clock that was wrong must not keep a job from ever being due again.
                done: done.get(job.as_str()).map_or(now, |at| (*at).min(now)),
                waiting: None,
            };
            (job, entry)
        });
        Self {
            zone,
            entries: entries.collect(),
        }
    }

    /// What has come due since it was last asked begins `jitter` later; what now begins is given back.
    pub(crate) fn look(
        &mut self,
        now: Timestamp,
        mut jitter: impl FnMut() -> Duration,
    ) -> Vec<Due> {
        let mut begins = Vec::new();
        for (job, entry) in &mut self.entries {
            // A clock that was set back by a lot: what was done in what is the future now counts until now.
            entry.done = entry.done.min(later(now, SignedDuration::from_hours(24)));
            if entry.waiting.is_none()
                && let Some(at) = entry.cron.last(now, &self.zone)
                && at > entry.done
            {
                let jitter = SignedDuration::try_from(jitter()).unwrap_or(SignedDuration::ZERO);
                entry.waiting = Some((at, later(now, jitter)));
            }
            if let Some((at, begin)) = entry.waiting
                && begin <= now
            {
                entry.waiting = None;
                entry.done = at;
                begins.push(Due { job: *job, at });
            }
        }
        begins
    }

    /// When work on something that has come due begins.
    pub(crate) fn next_begin(&self) -> Option<Timestamp> {
        let waiting = self.entries.values().filter_map(|entry| entry.waiting);
        waiting.map(|(_, begin)| begin).min()
    }

    /// When each job is due next.
    pub(crate) fn next(&self, now: Timestamp) -> Vec<(Job, Option<Timestamp>)> {
        let next = |entry: &Entry| entry.cron.next(now, &self.zone);
        self.entries
            .iter()
            .map(|(job, entry)| (*job, next(entry)))
            .collect()
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}
