//! The call log: every request that reached a simulated platform, and what became of it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use crate::locked;

/// One request and its fate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The platform's wall clock at arrival.
    pub at: Timestamp,
    /// Which method it was, such as `records.list` or `create-record`; `unknown` for no such path.
    pub method: &'static str,
    /// The path with its query, as it was asked.
    pub target: String,
    /// The request body as it came.
    pub body: Bytes,
    /// The status that was answered; none if the connection was closed or no answer was given yet.
    pub status: Option<u16>,
    /// The name of the fault rule that fired.
    pub fault: Option<String>,
    /// Whether the request was refused because the quota was used up (not by a fault rule).
    pub over_quota: bool,
    /// Whether whoever made it could have known that; not where the platform was still at work for somebody who had gone.
    pub is_foreseeable: bool,
    /// Whether the request changed what the platform holds.
    pub landed: bool,
}

impl Call {
    /// Reads the request body as JSON; null if it isn't.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// The log itself; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallLog(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    /// How many calls were forgotten; the first of the others has this place.
    forgotten: usize,
    /// Of those, the ones that were refused because the quota was used up.
    over_quota: Vec<Call>,
    calls: Vec<Call>,
}

impl CallLog {
    /// Notes an arrival and gives its place in the log.
    pub(crate) fn arrive(&self, call: Call) -> usize {
        let mut log = locked(&self.0);
        log.calls.push(call);
        log.forgotten + log.calls.len() - 1
    }

    /// Changes the entry at `place`, unless it was forgotten.
    pub(crate) fn note(&self, place: usize, change: impl FnOnce(&mut Call)) {
        let mut log = locked(&self.0);
        if let Some(place) = place.checked_sub(log.forgotten)
            && let Some(call) = log.calls.get_mut(place)
        {
            change(call);
        }
    }

    pub(crate) fn all(&self) -> Vec<Call> {
        locked(&self.0).calls.clone()
    }

    pub(crate) fn from(&self, place: usize) -> Vec<Call> {
        let log = locked(&self.0);
        let known = place.saturating_sub(log.forgotten);
        log.calls.iter().skip(known).cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        let log = locked(&self.0);
        log.forgotten + log.calls.len()
    }

    pub(crate) fn forget(&self) {
        let mut log = locked(&self.0);
        log.forgotten += log.calls.len();
        let refused: Vec<Call> = log.calls.drain(..).filter(|call| call.over_quota).collect();
        log.over_quota.extend(refused);
    }

    pub(crate) fn count(&self, method: &str) -> usize {
        locked(&self.0)
            .calls
            .iter()
            .filter(|call| call.method == method)
            .count()
    }

    pub(crate) fn over_quota(&self) -> Vec<Call> {
        let log = locked(&self.0);
        let open = log.calls.iter().filter(|call| call.over_quota);
        log.over_quota.iter().chain(open).cloned().collect()
    }
}
