//! A simulated YCLIENTS branch: its REST API v1 as the platform's contract page describes it.

mod errors;
mod forms;
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

pub use hand::Marks;
pub use options::{
    AuthReply, ClientCard, CreateReply, DeletedGet, Options, Rights, UnauthorizedForm,
};
pub use state::{Message, Reminder, Service, Staff};

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
    "auth",
    "companies.list",
    "company.get",
    "records.list",
    "records.create",
    "record.get",
    "record.update",
    "record.delete",
    "staff.list",
    "services.list",
    "permissions.get",
    "unknown",
];

/// A simulated YCLIENTS branch; clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct YclientsSim {
    state: Arc<Mutex<state::State>>,
    desk: Desk,
    outbox: Outbox,
}

impl YclientsSim {
    /// Makes an empty branch with the platform's own quota.
    pub fn new(company: u64, zone: TimeZone, clock: SimClock, options: Options) -> Self {
        let outbox = Outbox::default();
        let state = state::State::new(company, zone, clock.clone(), outbox.clone(), options);
        Self {
            state: Arc::new(Mutex::new(state)),
            desk: Desk {
                clock,
                calls: CallLog::default(),
                faults: Faults::new(METHODS),
                quota: Quota::yclients(),
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
}

impl Backend for YclientsSim {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn method_of(&self, incoming: &Incoming) -> &'static str {
        handlers::method_of(incoming)
    }

    fn answer(&self, method: &'static str, incoming: &Incoming) -> Reply {
        handlers::answer(&mut locked(&self.state), method, incoming)
    }

    fn limit_reply(&self, wait: Option<Duration>) -> Reply {
        errors::too_many(wait, locked(&self.state).options.retry_after)
    }

    fn credentials_reply(&self, method: &'static str) -> Reply {
        if method.starts_with("company.") {
            return errors::company_error(401, "Необходима авторизация");
        }
        errors::unauthorized(locked(&self.state).options.unauthorized)
    }

    fn error_reply(&self, status: u16) -> Reply {
        errors::refuse(status, "Внутренняя ошибка")
    }

    fn shorten(&self, body: &mut Value, keep: usize, honest: bool) {
        if let Some(Value::Array(rows)) = body.get_mut("data") {
            rows.truncate(keep);
        }
        if honest
            && let Some(total) = body
                .get_mut("meta")
                .and_then(|meta| meta.get_mut("total_count"))
        {
            *total = json!(keep);
        }
    }

    fn garbage(&self, _incoming: &Incoming) -> Value {
        json!({"success": true, "data": {"rows": "none of your business"}, "meta": []})
    }
}
