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
pub(crate) struct CallLog(Arc<Mutex<Vec<Call>>>);

impl CallLog {
    /// Notes an arrival and gives its place in the log.
    pub(crate) fn arrive(&self, call: Call) -> usize {
        let mut calls = locked(&self.0);
        calls.push(call);
        calls.len() - 1
    }

    /// Changes the entry at `place`.
    pub(crate) fn note(&self, place: usize, change: impl FnOnce(&mut Call)) {
        if let Some(call) = locked(&self.0).get_mut(place) {
            change(call);
        }
    }

    pub(crate) fn all(&self) -> Vec<Call> {
        locked(&self.0).clone()
    }

    pub(crate) fn from(&self, place: usize) -> Vec<Call> {
        locked(&self.0).iter().skip(place).cloned().collect()
    }

    pub(crate) fn count(&self, method: &str) -> usize {
        locked(&self.0)
            .iter()
            .filter(|call| call.method == method)
            .count()
    }

    pub(crate) fn over_quota(&self) -> Vec<Call> {
        locked(&self.0)
            .iter()
            .filter(|call| call.over_quota)
            .cloned()
            .collect()
    }
}
