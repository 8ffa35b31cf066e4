//! What is done at its hour: the full pass, forgetting, looking after the database.
//!
//! **Flow.** The alarm clock ([`clock`]) ticks; [`agenda`] says what is due; it is done here, one after the other: a full
//! pass is asked for, the rest is the database's own work, on its own threads. Up to which due time each was done is
//! kept in the database, so that what was missed while the machine was off is done at the next start, once.
//!
//! **Guarantees.** Nothing here holds up the engine. A dry run asks for passes and writes nothing.

pub(crate) mod agenda;
mod clock;
pub(crate) mod cron;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use slotbridge_engine::daemon::{Handle, Request};
use slotbridge_platform::seam::Seam;
use slotbridge_store::{Change, Store, StoreError, Upkeep};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::ScheduleConfig;
use agenda::{Agenda, Due, Job};
use cron::Cron;

/// The clock is looked at this often even if the alarm clock should be silent.
const LOOK_EVERY: Duration = Duration::from_mins(10);

/// Hears what a check of the database found.
pub(crate) type Checked = Arc<dyn Fn(Vec<String>) + Send + Sync>;

/// What schedules rest on.
#[derive(Clone)]
pub(crate) struct Parts {
    /// The database.
    pub(crate) store: Store,
    /// Clock, waiting and random numbers.
    pub(crate) seam: Arc<dyn Seam>,
    /// The engine's loop.
    pub(crate) handle: Handle,
    /// By which clock the lines are read when the config names none: that of the first bridge's first platform.
    pub(crate) zone: TimeZone,
    /// Whether nothing may be written.
    pub(crate) dry_run: bool,
    /// Hears what a check of the database found.
    pub(crate) checked: Checked,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// Schedules at work.
#[derive(Debug)]
pub(crate) struct Alarms {
    stopping: CancellationToken,
    task: JoinHandle<()>,
}

impl Alarms {
    /// Begins nothing more. What the database is at is not waited for; the next start does it again.
    pub(crate) async fn stop(self) {
        self.stopping.cancel();
        if self.task.await.is_err() {
            tracing::error!("The schedules broke off.");
        }
    }
}

/// Starts the schedules. Must be called inside a tokio runtime.
pub(crate) fn start(config: &ScheduleConfig, parts: Parts) -> Alarms {
    let stopping = CancellationToken::new();
    let (config, token) = (config.clone(), stopping.clone());
    let task = tokio::spawn(async move {
        match clock::start().await {
            Ok((clock, ticks)) => {
                work(&config, &parts, ticks, &token).await;
                clock.stop().await;
            }
            Err(error) => {
                tracing::error!(%error, "The alarm clock cannot be wound; schedules begin up to ten minutes late.");
                let (_never, ticks) = mpsc::channel(1);
                work(&config, &parts, ticks, &token).await;
            }
        }
    });
    Alarms { stopping, task }
}

/// Does what is due, whenever it is due, until it is told to stop.
async fn work(
    config: &ScheduleConfig,
    parts: &Parts,
    mut ticks: mpsc::Receiver<()>,
    stopping: &CancellationToken,
) {
    let zone = config
        .time_zone
        .clone()
        .unwrap_or_else(|| parts.zone.clone());
    let done = parts.store.schedules().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "What was done on schedule cannot be read; nothing is caught up.");
        BTreeMap::new()
    });
    let lines: Vec<(Job, Cron)> = [
        (Job::Sweep, Some(config.sweep.clone())),
        (Job::Retention, config.retention.clone()),
        (Job::Upkeep, config.upkeep.clone()),
    ]
    .into_iter()
    .filter_map(|(job, line)| Some((job, line?)))
    .collect();
    let now = parts.seam.now();
    // From now on a first time can be missed.
    let new = lines
        .iter()
        .map(|(job, _)| *job)
        .filter(|job| !done.contains_key(job.as_str()));
    remember(parts, new.map(|job| Due { job, at: now }).collect()).await;
    let mut agenda = Agenda::new(lines, zone, &done, now);
    for (job, at) in agenda.next(now) {
        let at = at.map(|at| at.to_string()).unwrap_or_default();
        tracing::info!(job = job.as_str(), next = %at, "Scheduled.");
    }
    while !stopping.is_cancelled() {
        let now = parts.seam.now();
        for due in agenda.look(now, || drawn(parts.seam.as_ref(), config.jitter)) {
            tokio::select! {
                biased;
                () = stopping.cancelled() => return,
                done = carry_out(due.job, config, parts) => {
                    if done {
                        remember(parts, vec![due]).await;
                    }
                }
            }
        }
        let wait = agenda.next_begin().map_or(LOOK_EVERY, |begin| {
            let wait = begin.duration_since(parts.seam.now());
            Duration::try_from(wait).unwrap_or_default().min(LOOK_EVERY)
        });
        tokio::select! {
            () = stopping.cancelled() => {}
            () = parts.seam.sleep(wait) => {}
            Some(()) = ticks.recv() => {}
        }
    }
}

/// A share of the jitter, drawn by chance.
fn drawn(seam: &dyn Seam, jitter: Duration) -> Duration {
    let millis = u64::try_from(jitter.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(seam.random() % millis.saturating_add(1))
}

/// Does a job; says whether it is done.
async fn carry_out(job: Job, config: &ScheduleConfig, parts: &Parts) -> bool {
    tracing::info!(job = job.as_str(), "Its hour has come.");
    match job {
        Job::Sweep => parts.handle.ask(Request::Sweep {
            bridge: None,
            asked: false,
        }),
        Job::Retention | Job::Upkeep if parts.dry_run => {
            tracing::info!(job = job.as_str(), "A dry run leaves it to a real one.");
            false
        }
        Job::Retention => {
            let erased = match config.keep_clients {
                Some(keep) => erase(parts, keep).await,
                None => true,
            };
            forget(parts, config.keep).await && erased
        }
        Job::Upkeep => look_after(parts).await,
    }
}

async fn forget(parts: &Parts, keep: SignedDuration) -> bool {
    let before = parts.seam.now().saturating_sub(keep);
    match parts.store.prune(before.unwrap_or(Timestamp::MIN)).await {
        Ok(pruned) => {
            tracing::info!(
                runs = pruned.runs,
                journal = pruned.journal,
                conflicts = pruned.conflicts,
                notices = pruned.notices,
                "What is over for long is forgotten."
            );
            true
        }
        Err(error) => {
            tracing::error!(%error, "What is over for long could not be forgotten.");
            false
        }
    }
}

/// Erases the clients of bookings that are over for long.
async fn erase(parts: &Parts, keep: SignedDuration) -> bool {
    let before = parts.seam.now().saturating_sub(keep);
    let erased = parts
        .store
        .erase_over(before.unwrap_or(Timestamp::MIN))
        .await;
    match erased {
        Ok(erased) => {
            tracing::info!(
                bookings = erased.bookings,
                records = erased.records,
                journal = erased.operations,
                conflicts = erased.conflicts,
                "Clients of bookings that are over for long are erased."
            );
            if erased.is_nothing() {
                return true;
            }
            match parts.store.scrub_if_small().await {
                Ok(true) => {}
                Ok(false) => tracing::warn!(
                    "The database's log still holds what was erased, because somebody was reading; it is emptied later."
                ),
                Err(error) => tracing::warn!(
                    %error,
                    "The database's file still holds what was erased; it is rewritten later."
                ),
            }
            true
        }
        Err(error) => {
            tracing::error!(%error, "Clients of bookings that are over for long could not be erased.");
            false
        }
    }
}

async fn look_after(parts: &Parts) -> bool {
    match parts.store.upkeep().await {
        Ok(upkeep) => {
            say(&upkeep);
            (parts.checked)(upkeep.damage);
            true
        }
        Err(error) => {
            tracing::error!(%error, "The database could not be looked after.");
            if let StoreError::Damaged(_) | StoreError::Corrupt { .. } = error {
                (parts.checked)(vec![error.to_string()]);
            }
            false
        }
    }
}

fn say(upkeep: &Upkeep) {
    if upkeep.damage.is_empty() {
        tracing::info!(
            bytes = upkeep.bytes,
            free = upkeep.free,
            given_back = upkeep.given_back,
            log_folded = upkeep.folded,
            "The database is in order."
        );
    } else {
        tracing::error!(found = %upkeep.damage.join("; "), "The database is damaged.");
    }
}

/// Writes down up to where jobs were done.
async fn remember(parts: &Parts, done: Vec<Due>) {
    if parts.dry_run || done.is_empty() {
        return;
    }
    let changes = done.into_iter().map(|due| Change::ScheduleDone {
        name: due.job.as_str().to_owned(),
        at: due.at,
    });
    if let Err(error) = parts.store.apply(changes.collect()).await {
        tracing::warn!(%error, "What was done on schedule cannot be written down; the next start does it again.");
    }
}
