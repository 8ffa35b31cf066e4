//! How the rest of the process speaks to the loop, and sees how it stands.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use slotbridge_core::model::{BridgeName, PlatformName};
use tokio::sync::mpsc;

use crate::event::{PollingPlan, Trouble};

/// What the loop can be asked for from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// The inbox holds something new of this platform.
    Hinted(PlatformName),
    /// Something has happened on this platform, nobody knows what: look at it soon.
    LookAt(PlatformName),
    /// A full pass over one bridge, or all; `approve` and the sweep's schedule end here.
    Sweep {
        /// Which bridge; `None` for all.
        bridge: Option<BridgeName>,
        /// Whether a person asked.
        asked: bool,
    },
}

/// Speaks to the loop. Clones speak to the same one.
#[derive(Debug, Clone)]
pub struct Handle {
    requests: mpsc::UnboundedSender<Request>,
    /// Platforms whose inbox is about to be read: whatever is stored until then needs no word of its own.
    hinted: Arc<Mutex<BTreeSet<PlatformName>>>,
    health: Arc<Mutex<Health>>,
}

/// How the loop stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// How often the loop has turned; a watchdog is fed only while this grows.
    pub turns: u64,
    /// In the order of the config.
    pub platforms: Vec<PlatformHealth>,
    /// In the order of the config.
    pub bridges: Vec<BridgeHealth>,
}

/// How a platform stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformHealth {
    /// Which.
    pub name: PlatformName,
    /// Since when and why it cannot be used.
    pub down: Option<(Timestamp, Trouble)>,
    /// When it was last read without trouble, in this process.
    pub read_at: Option<Timestamp>,
    /// When its whole window was last proven, in this process or before.
    pub complete_at: Option<Timestamp>,
    /// How often it is looked at, once that is planned.
    pub plan: Option<PollingPlan>,
    /// Calls that wait at its quota gate.
    pub calls_waiting: usize,
    /// How often its rate is halved because it said "too many calls".
    pub halvings: u32,
    /// How long it still pauses because of that.
    pub pause_left: Duration,
}

/// How a bridge stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgeHealth {
    /// Which.
    pub name: BridgeName,
    /// Since when a run is at work on it.
    pub running_since: Option<Timestamp>,
    /// When the last run ended.
    pub ran_at: Option<Timestamp>,
    /// What that run would have exited with.
    pub exit_code: Option<u8>,
    /// Operations whose outcome nobody knows.
    pub journal_open: u64,
    /// When the oldest of these was written.
    pub journal_oldest: Option<Timestamp>,
    /// Latched guards that nobody has approved.
    pub guards: u64,
    /// Conflicts that wait for a person.
    pub conflicts: u64,
    /// Double bookings that the last full pass saw.
    pub overlaps: u64,
}

impl Handle {
    /// A handle, and the end of it that the loop keeps.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Request>) {
        let (requests, received) = mpsc::unbounded_channel();
        let handle = Self {
            requests,
            hinted: Arc::default(),
            health: Arc::default(),
        };
        (handle, received)
    }

    /// Asks for something. Never blocks; says whether anybody is there to hear it. A thousand webhooks that come before
    /// the inbox is read wake the loop once.
    pub fn ask(&self, request: Request) -> bool {
        if let Request::Hinted(platform) = &request
            && !self.hinted().insert(platform.clone())
        {
            return !self.requests.is_closed();
        }
        self.requests.send(request).is_ok()
    }

    /// The inbox of a platform is read from now on: what is stored later is to be told again.
    pub(crate) fn reads_inbox(&self, platform: &PlatformName) {
        self.hinted().remove(platform);
    }

    fn hinted(&self) -> std::sync::MutexGuard<'_, BTreeSet<PlatformName>> {
        self.hinted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the loop stands.
    pub fn health(&self) -> Health {
        self.health
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Lets the loop say how it stands.
    pub fn say(&self, change: impl FnOnce(&mut Health)) {
        change(&mut self.health.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_wake_the_loop_once_until_their_inbox_is_read_and_again_afterwards() {
        let (handle, mut requests) = Handle::new();
        let [salon, site] = ["salon", "site"].map(|name| PlatformName::new(name).unwrap());
        let mut heard = || {
            let mut heard = Vec::new();
            while let Ok(request) = requests.try_recv() {
                heard.push(request);
            }
            heard
        };
        let hint = |platform: &PlatformName| handle.ask(Request::Hinted(platform.clone()));
        assert!(hint(&salon) && hint(&salon) && hint(&site));
        let both = [&salon, &site].map(|name| Request::Hinted(name.clone()));
        assert_eq!(heard(), both);
        assert!(hint(&salon));
        assert_eq!(heard(), []);
        handle.reads_inbox(&salon);
        assert!(hint(&salon) && hint(&site));
        assert_eq!(heard(), [Request::Hinted(salon.clone())]);
        // Other wishes are passed on as often as they come.
        assert!(handle.ask(Request::LookAt(salon.clone())));
        assert!(handle.ask(Request::LookAt(salon.clone())));
        assert_eq!(heard().len(), 2);
        drop(requests);
        assert!(!hint(&salon), "nobody is there to hear it");
    }
}
