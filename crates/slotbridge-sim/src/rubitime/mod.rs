//! A simulated Rubitime account: its API 2 as the platform's contract page describes it.

mod hand;
mod handlers;
mod options;
mod state;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

pub use options::{Options, UpdateReply};
pub use state::{Cooperator, Reminder, Service};

use crate::calls::CallLog;
use crate::clock::SimClock;
use crate::dice::Dice;
use crate::faults::Faults;
use crate::gate::{self, Backend, Desk, Incoming, Reply};
use crate::locked;
use crate::quota::Quota;
use crate::webhooks::Outbox;

/// The methods that fault rules and the call log know.
pub const METHODS: &[&str] = &[
    "get-record",
    "create-record",
    "update-record",
    "remove-record",
    "get-schedule",
    "unknown",
];

/// A simulated Rubitime account with one branch; clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct RubitimeSim {
    state: Arc<Mutex<state::State>>,
    desk: Desk,
    outbox: Outbox,
}

impl RubitimeSim {
    /// Makes an empty account with the platform's own quota, 5 seconds between calls.
    pub fn new(branch: u64, zone: TimeZone, clock: SimClock, options: Options) -> Self {
        let outbox = Outbox::default();
        let state = state::State::new(branch, zone, clock.clone(), outbox.clone(), options);
        Self {
            state: Arc::new(Mutex::new(state)),
            desk: Desk {
                clock,
                calls: CallLog::default(),
                faults: Faults::new(METHODS),
                quota: Quota::rubitime(Duration::from_secs(5)),
            },
            outbox,
        }
    }

    /// Uses another quota; handles and routers made before keep the old one.
    #[must_use]
    pub fn with_quota(mut self, quota: Quota) -> Self {
        self.desk.quota = quota;
        self
    }

    /// Gives the API as a router, to be served or called in process.
    pub fn router(&self) -> Router {
        gate::router(self.clone())
    }

    /// Changes how the platform behaves from now on.
    pub fn configure(&self, change: impl FnOnce(&mut Options)) {
        let mut state = locked(&self.state);
        let seed = state.options.odd_spellings;
        change(&mut state.options);
        state.given.clear();
        if state.options.odd_spellings != seed {
            state.dice = Dice::new(state.options.odd_spellings.unwrap_or_default());
        }
    }

    /// Gives the quota, to change it.
    pub fn quota(&self) -> &Quota {
        &self.desk.quota
    }

    /// Gives the webhooks that went out.
    pub fn webhooks(&self) -> &Outbox {
        &self.outbox
    }

    /// Takes the webhooks that went out since the last time.
    pub fn take_webhooks(&self) -> Vec<Value> {
        self.outbox.take()
    }
}

impl Backend for RubitimeSim {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn method_of(&self, incoming: &Incoming) -> &'static str {
        handlers::method_of(incoming)
    }

    fn answer(&self, method: &'static str, incoming: &Incoming) -> Reply {
        handlers::answer(&mut locked(&self.state), method, incoming)
    }

    fn limit_reply(&self, _wait: Option<Duration>) -> Reply {
        wire::error("Limit on the number of consecutive requests: 5 seconds")
    }

    fn credentials_reply(&self, _method: &'static str) -> Reply {
        wire::error("Invalid API key")
    }

    fn error_reply(&self, status: u16) -> Reply {
        match status {
            200 => wire::error("Internal error"),
            status => Reply::empty(status),
        }
    }

    fn shorten(&self, body: &mut Value, keep: usize, _honest: bool) {
        let Some(data) = body.get_mut("data") else {
            return;
        };
        if keep == 0 {
            *data = json!([]);
        } else if let Value::Object(days) = data {
            let kept = std::mem::take(days).into_iter().take(keep).collect();
            *days = kept;
        }
    }

    fn garbage(&self, _incoming: &Incoming) -> Value {
        json!({"status": "ok", "message": "Success", "data": "none of your business"})
    }
}
