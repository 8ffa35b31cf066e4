//! A simulated AlfaCRM account: its API v2 as the platform's contract page describes it.
//!
//! Not simulated: payments, tariffs, tasks, communications, the log, `lesson/teach` and the calendars; they answer 404.

mod customers;
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

pub use hand::{Card, Recurring};
pub use options::{DateKey, Options, Times};

use crate::calls::CallLog;
use crate::clock::SimClock;
use crate::dice::Dice;
use crate::faults::Faults;
use crate::gate::{self, Backend, Desk, Incoming, Reply};
use crate::locked;
use crate::quota::Quota;
use crate::webhooks::Outbox;

/// The methods that fault rules and the call log know. `lesson.read` is `lesson/index` with an id, and `lesson.cancel`
/// is `lesson/update` with nothing but status 2.
pub const METHODS: &[&str] = &[
    "auth.login",
    "branch.index",
    "lesson.index",
    "lesson.read",
    "lesson.create",
    "lesson.update",
    "lesson.cancel",
    "regular-lesson.index",
    "customer.index",
    "customer.create",
    "customer.update",
    "teacher.index",
    "subject.index",
    "room.index",
    "lesson-type.index",
    "group.index",
    "cgi.index",
    "unknown",
];

/// A simulated AlfaCRM account with two branches; clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct AlfacrmSim {
    state: Arc<Mutex<state::State>>,
    desk: Desk,
    outbox: Outbox,
}

impl AlfacrmSim {
    /// Makes an empty account with the platform's own quota; people work in `branch`, and the next number is another.
    pub fn new(branch: u64, zone: TimeZone, clock: SimClock, options: Options) -> Self {
        let outbox = Outbox::default();
        let state = state::State::new(branch, zone, clock.clone(), outbox.clone(), options);
        Self {
            state: Arc::new(Mutex::new(state)),
            desk: Desk {
                clock,
                calls: CallLog::default(),
                faults: Faults::new(METHODS),
                quota: Quota::alfacrm(),
            },
            outbox,
        }
    }

    /// Uses another quota, perhaps one that is shared with other accounts behind one address.
    ///
    /// Handles and routers made before keep the old one.
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

    /// Closes a section, such as `customer`, to the role of the API's user.
    pub fn close_section(&self, model: &'static str) {
        locked(&self.state).options.closed.insert(model);
    }

    /// Ends every token, as another login may.
    pub fn revoke_tokens(&self) {
        locked(&self.state).tokens.clear();
    }
}

impl Backend for AlfacrmSim {
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
        // A proxy before the platform says so, in its own words and without a time.
        Reply::html(429)
    }

    fn credentials_reply(&self, _method: &'static str) -> Reply {
        let status = locked(&self.state).options.expired_status;
        wire::trouble(status, "Токен недействителен")
    }

    fn error_reply(&self, status: u16) -> Reply {
        wire::trouble(status, "Внутренняя ошибка сервера")
    }

    fn shorten(&self, body: &mut Value, keep: usize, honest: bool) {
        let Some(Value::Array(rows)) = body.get_mut("items") else {
            return;
        };
        rows.truncate(keep);
        let count = json!(rows.len());
        if let Value::Object(fields) = body {
            fields.insert("count".to_owned(), count.clone());
            if honest {
                fields.insert("total".to_owned(), count);
            }
        }
    }

    fn garbage(&self, _incoming: &Incoming) -> Value {
        json!({"rows": "none of your business"})
    }
}
