//! Notices: telling people what needs them, or that something is broken, wherever they want to hear it.
//!
//! **Flow.** The engine's events go into a queue ([`Ear`]). The desk takes them out one by one, asks the database what
//! stands ([`gather`]), lets [`policy`] decide what is told, and hands that to the queue of every target that wants it.
//! Each target has a task of its own, which keeps to its rate ([`meter`]) and tries again ([`mod@line`]).
//!
//! **Guarantees.** Whoever tells an event never waits. A target that does not answer holds up nothing but itself. What
//! is told and stands is remembered in the database. Client data goes only to targets with `show_clients`.
//!
//! **Caveats.** A notice is remembered as told when it is handed to the targets: one that is lost with the process in
//! that moment is told again only as a reminder.

mod command;
mod gather;
mod line;
mod meter;
pub(crate) mod notice;
mod policy;
mod queue;
pub(crate) mod target;
pub(crate) mod template;
pub(crate) mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use slotbridge_core::model::{BridgeName, PlatformName};
use slotbridge_engine::event::{Event, Listener};
use slotbridge_platform::seam::Seam;
use slotbridge_store::{Change, Store};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::NoticesConfig;
use gather::Gather;
use line::Line;
use notice::Kind;
use policy::{Input, Key, Memory, Policy, Rules, Told};
use queue::Queue;
use target::Means;

/// The most events that wait for the desk.
const EVENTS_MAX: usize = 1024;

/// What notices rest on.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    /// Clock and transport.
    pub(crate) means: Means,
    /// The database: what stands, and what was told.
    pub(crate) store: Store,
    /// By which clock each bridge's times are written.
    pub(crate) zones: BTreeMap<BridgeName, TimeZone>,
    /// The platforms in use, and whether each can list its records: only then a pass over it can be complete.
    pub(crate) platforms: Vec<(PlatformName, bool)>,
}

/// Notices at work.
#[derive(Debug)]
pub(crate) struct Notices {
    ear: Arc<Ear>,
    seam: Arc<dyn Seam>,
    stopping: CancellationToken,
    desk: Option<JoinHandle<()>>,
}

/// Something that the desk has to look at.
#[derive(Debug)]
enum Heard {
    Event(Event),
    Checked(Vec<String>),
}

/// Hears the engine's events.
#[derive(Debug)]
struct Ear {
    queue: Queue<Heard>,
    /// Events that were never looked at because too many came at once.
    dropped: AtomicU64,
}

impl Ear {
    fn take(&self, heard: Heard) {
        let dropped = self.queue.push(heard);
        if dropped.is_some() && !self.queue.is_closed() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Listener for Ear {
    fn hear(&self, event: &Event) {
        match event {
            Event::Looked { .. } | Event::Down { .. } | Event::Up { .. } | Event::Ran { .. } => {
                self.take(Heard::Event(event.clone()));
            }
            Event::Fresh { .. } | Event::Planned { .. } | Event::Hinted { .. } => {}
        }
    }
}

/// Starts telling. Without a target there is nobody to tell, and nothing is done. Must be called inside a tokio
/// runtime; not for a dry run, which tells what it finds in its report only.
pub(crate) fn start(config: &NoticesConfig, parts: Parts) -> Notices {
    let ear = Arc::new(Ear {
        queue: Queue::new(EVENTS_MAX),
        dropped: AtomicU64::new(0),
    });
    let stopping = CancellationToken::new();
    let seam = Arc::clone(&parts.means.seam);
    if config.targets.is_empty() {
        ear.queue.close();
        return Notices {
            ear,
            seam,
            stopping,
            desk: None,
        };
    }
    let zone = parts.zones.values().next().cloned();
    let rules = Rules {
        down_after: config.down_after,
        silent_after: config.silent_after,
        remind_after: config.remind_after,
        zone: zone.unwrap_or(TimeZone::UTC),
    };
    let lines = config
        .targets
        .iter()
        .map(|target| line::start(target.clone(), parts.means.clone(), stopping.clone()))
        .collect();
    let desk = Desk {
        ear: Arc::clone(&ear),
        policy: Policy::new(rules),
        lines,
        unsaved: Vec::new(),
        parts,
    };
    Notices {
        ear,
        seam,
        stopping,
        desk: Some(tokio::spawn(desk.work())),
    }
}

impl Notices {
    /// What hears the engine's events.
    pub(crate) fn listener(&self) -> Arc<dyn Listener> {
        Arc::<Ear>::clone(&self.ear)
    }

    /// What tells of a check of the database.
    pub(crate) fn checked(&self) -> impl Fn(Vec<String>) + Send + Sync + use<> {
        let ear = Arc::clone(&self.ear);
        move |damage| ear.take(Heard::Checked(damage))
    }

    /// Takes nothing more, tells what waits, each once, and gives up on what has not gone out after `within`.
    pub(crate) async fn stop(self, within: Duration) {
        self.ear.queue.close();
        self.stopping.cancel();
        let Some(mut desk) = self.desk else { return };
        tokio::select! {
            ended = &mut desk => {
                if ended.is_err() {
                    tracing::error!("The desk of notices broke off.");
                }
            }
            () = self.seam.sleep(within) => {
                // Its lines go with it, and their commands with them.
                desk.abort();
                tracing::warn!("Notices that were still on their way are given up.");
            }
        }
    }
}

/// Where events become notices.
struct Desk {
    ear: Arc<Ear>,
    policy: Policy,
    lines: Vec<Line>,
    /// What could not be remembered yet.
    unsaved: Vec<Memory>,
    parts: Parts,
}

impl Desk {
    async fn work(mut self) {
        self.begin().await;
        let ear = Arc::clone(&self.ear);
        let seam = Arc::clone(&self.parts.means.seam);
        loop {
            let wait = self.wait();
            let heard = tokio::select! {
                heard = ear.queue.next() => match heard {
                    Some(heard) => Some(heard),
                    None => break,
                },
                () = seam.sleep(wait) => None,
            };
            let inputs = match heard {
                None => vec![Input::Tick],
                Some(Heard::Checked(damage)) => vec![Input::Checked { damage }],
                Some(Heard::Event(event)) => self.gather().inputs(&event).await,
            };
            self.take(inputs).await;
            let dropped = self.ear.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                tracing::warn!(
                    dropped,
                    "Too many events came at once; the oldest were not looked at for notices."
                );
            }
        }
        for line in std::mem::take(&mut self.lines) {
            line.finish().await;
        }
    }

    /// What an earlier process told, and when each platform was last read completely.
    async fn begin(&mut self) {
        let store = self.parts.store.clone();
        let mut inputs = Vec::new();
        match store.notices().await {
            Ok(rows) => inputs.push(Input::Restored(
                rows.into_iter()
                    // A kind that this version does not know stands for nothing that it could call off.
                    .filter_map(|row| {
                        let kind = Kind::from_word(&row.kind)?;
                        let key = Key {
                            kind,
                            subject: row.subject,
                        };
                        Some(Told {
                            key,
                            since: row.since,
                            at: row.told_at,
                        })
                    })
                    .collect(),
            )),
            Err(error) => {
                tracing::warn!(%error, "What was told before cannot be read; it may be told again.");
            }
        }
        for (platform, lists) in self.parts.platforms.clone() {
            let complete_at = match store.platform_state(&platform).await {
                Ok(state) => state.complete_at.filter(|_| lists),
                Err(error) => {
                    tracing::warn!(%platform, %error, "The time of the last complete pass cannot be read.");
                    None
                }
            };
            let platform = platform.to_string();
            inputs.push(Input::Watched {
                platform,
                complete_at,
            });
        }
        self.take(inputs).await;
    }

    fn gather(&self) -> Gather<'_> {
        Gather {
            store: &self.parts.store,
            zones: &self.parts.zones,
            platforms: &self.parts.platforms,
        }
    }

    async fn take(&mut self, inputs: Vec<Input>) {
        for input in inputs {
            let now = self.now();
            for notice in self.policy.step(input, now) {
                tracing::info!(kind = notice.kind.as_str(), text = %notice.content.text, "Notice.");
                for line in &self.lines {
                    line.tell(&notice);
                }
            }
        }
        self.remember().await;
    }

    async fn remember(&mut self) {
        self.unsaved.append(&mut self.policy.take_memory());
        if self.unsaved.is_empty() {
            return;
        }
        let changes = self.unsaved.iter().map(change).collect();
        match self.parts.store.apply(changes).await {
            Ok(()) => self.unsaved.clear(),
            Err(error) => {
                tracing::warn!(%error, "What was told cannot be remembered; after a restart it may be told again.");
            }
        }
    }

    /// How long until time alone makes a notice.
    fn wait(&self) -> Duration {
        let wake = self.policy.next_wake();
        until(wake, self.now())
    }

    fn now(&self) -> Timestamp {
        self.parts.means.seam.now()
    }
}

/// The longest wait without a look at the clock, which may have been set.
const WAIT_MAX: SignedDuration = SignedDuration::from_hours(1);

/// How long to wait for an instant; for none, as long as ever without a look.
fn until(wake: Option<Timestamp>, now: Timestamp) -> Duration {
    let wait = wake.map_or(WAIT_MAX, |wake| wake.duration_since(now).min(WAIT_MAX));
    Duration::try_from(wait).unwrap_or(Duration::ZERO)
}

fn change(memory: &Memory) -> Change {
    match memory {
        Memory::Told(told) => Change::NoticeTold {
            kind: told.key.kind.as_str().to_owned(),
            subject: told.key.subject.clone(),
            since: told.since,
            at: told.at,
        },
        Memory::Over(key) => Change::NoticeOver {
            kind: key.kind.as_str().to_owned(),
            subject: key.subject.clone(),
        },
    }
}
