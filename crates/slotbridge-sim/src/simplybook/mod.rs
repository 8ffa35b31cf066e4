//! A simulated SimplyBook.me company: its login, public and administration services as the contract page describes them.

mod admin;
mod hand;
mod handlers;
mod options;
mod public;
mod state;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

pub use options::{ClientDedup, LimitShape, Options, SecondCancel, User};
pub use state::{Event, IntakeField, Message, Unit};

use crate::calls::CallLog;
use crate::clock::SimClock;
use crate::faults::Faults;
use crate::gate::{self, Asker, Backend, Content, Crowd, Desk, Incoming, Reply};
use crate::locked;
use crate::quota::{Limit, Quota};
use crate::webhooks::Outbox;

/// The methods that fault rules and the call log know.
pub const METHODS: &[&str] = &[
    "login.getToken",
    "login.getUserToken",
    "admin.getBookings",
    "admin.getBookingDetails",
    "admin.getBookingComment",
    "admin.setBookingComment",
    "admin.book",
    "admin.editBook",
    "admin.cancelBooking",
    "admin.confirmBooking",
    "admin.addClient",
    "admin.editClient",
    "admin.getClient",
    "admin.getClientList",
    "admin.getUnitList",
    "admin.getEventList",
    "admin.getAdditionalFields",
    "admin.getCompanyInfo",
    "admin.getCompanyParam",
    "admin.getPluginStatuses",
    "admin.getCurrentUserDetails",
    "public.book",
    "public.getBooking",
    "public.getBookingDetails",
    "public.cancelBooking",
    "public.confirmBooking",
    "public.getUnitList",
    "public.getEventList",
    "public.getAdditionalFields",
    "public.getCompanyInfo",
    "public.getCompanyParam",
    "public.getPluginStatuses",
    "public.getStartTimeMatrix",
    "public.getWorkCalendar",
    "unknown",
];

/// How many requests the common servers answer at the same time.
const PARALLEL: usize = 2;

/// A simulated company; clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct SimplybookSim {
    state: Arc<Mutex<state::State>>,
    desk: Desk,
    outbox: Outbox,
    in_flight: Arc<Mutex<InFlight>>,
}

impl SimplybookSim {
    /// Makes an empty company with the quota of the common servers: 5 a second, 5,000 a day, 2 at once.
    pub fn new(company: &str, zone: TimeZone, clock: SimClock, options: Options) -> Self {
        let outbox = Outbox::default();
        let state = state::State::new(company, zone, clock.clone(), outbox.clone(), options);
        let quota = Quota::new(
            [
                Limit::new(5, Duration::from_secs(1)),
                Limit::new(5000, Duration::from_hours(24)),
            ],
            false,
        );
        Self {
            state: Arc::new(Mutex::new(state)),
            desk: Desk {
                clock,
                calls: CallLog::default(),
                faults: Faults::new(METHODS),
                quota,
            },
            outbox,
            in_flight: Arc::default(),
        }
    }

    /// Uses another quota; handles and routers made before keep the old one.
    #[must_use]
    pub fn with_quota(mut self, quota: Quota) -> Self {
        self.desk.quota = quota;
        self
    }

    /// Gives the services as a router, to be served or called in process.
    pub fn router(&self) -> Router {
        let in_flight = Arc::clone(&self.in_flight);
        gate::router(self.clone()).layer(middleware::from_fn(
            move |request: Request, next: Next| {
                let one = One::of(&in_flight, request.extensions().get().cloned());
                async move {
                    let response = next.run(request).await;
                    drop(one);
                    response
                }
            },
        ))
    }

    /// Changes how the platform behaves from now on.
    pub fn configure(&self, change: impl FnOnce(&mut Options)) {
        change(&mut locked(&self.state).options);
    }

    /// Gives the quota, to change it.
    pub fn quota(&self) -> &Quota {
        &self.desk.quota
    }

    /// Gives the callbacks that went out.
    pub fn webhooks(&self) -> &Outbox {
        &self.outbox
    }

    /// Takes the callbacks that went out since the last time.
    pub fn take_webhooks(&self) -> Vec<Value> {
        self.outbox.take()
    }
}

/// The requests that are being answered, with whoever waits for them if that is told.
#[derive(Debug, Default)]
struct InFlight {
    next: u64,
    askers: BTreeMap<u64, Option<Asker>>,
}

/// One request being answered.
struct One {
    all: Arc<Mutex<InFlight>>,
    number: u64,
}

impl One {
    fn of(all: &Arc<Mutex<InFlight>>, asker: Option<Asker>) -> Self {
        let mut in_flight = locked(all);
        let number = in_flight.next;
        in_flight.next += 1;
        in_flight.askers.insert(number, asker);
        Self {
            all: Arc::clone(all),
            number,
        }
    }
}

impl Drop for One {
    fn drop(&mut self) {
        locked(&self.all).askers.remove(&self.number);
    }
}

impl Backend for SimplybookSim {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn method_of(&self, incoming: &Incoming) -> &'static str {
        handlers::method_of(incoming)
    }

    fn crowd(&self) -> Crowd {
        if !locked(&self.state).options.parallel_limited {
            return Crowd::Room;
        }
        let in_flight = locked(&self.in_flight);
        let gone = |asker: &&Option<Asker>| asker.as_ref().is_some_and(Asker::is_gone);
        let gone = in_flight.askers.values().filter(gone).count();
        let all = in_flight.askers.len();
        if all <= PARALLEL {
            Crowd::Room
        } else if all - gone <= PARALLEL {
            Crowd::OfTheGone
        } else {
            Crowd::Full
        }
    }

    fn answer(&self, method: &'static str, incoming: &Incoming) -> Reply {
        handlers::answer(&mut locked(&self.state), method, incoming)
    }

    fn limit_reply(&self, _wait: Option<Duration>) -> Reply {
        match locked(&self.state).options.limit_shape {
            LimitShape::Status429 => Reply {
                body: Content::Html,
                ..Reply::empty(429)
            },
            LimitShape::Status403 => Reply {
                body: Content::Html,
                ..Reply::empty(403)
            },
            LimitShape::Error => wire::error(&json!(1), -32000, "Too many requests"),
            LimitShape::Dropped => Reply {
                body: Content::Lost,
                ..Reply::empty(502)
            },
        }
    }

    fn credentials_reply(&self, _method: &'static str) -> Reply {
        locked(&self.state).tokens.clear();
        wire::error(&json!(1), -32600, "Access denied")
    }

    fn error_reply(&self, status: u16) -> Reply {
        match status {
            200 => wire::error(&json!(1), -32603, "Internal error"),
            status => Reply::empty(status),
        }
    }

    fn shorten(&self, body: &mut Value, keep: usize, _honest: bool) {
        if let Some(Value::Array(rows)) = body.get_mut("result") {
            rows.truncate(keep);
        }
    }

    /// It names the request, and is no text, which could pass for a comment.
    fn garbage(&self, incoming: &Incoming) -> Value {
        let asked: Value = serde_json::from_slice(&incoming.body).unwrap_or_default();
        json!({"jsonrpc": "2.0", "id": asked.get("id"), "result": [["none of your business"]]})
    }
}
