//! Webhooks that a simulated platform would send: kept for a test to take, and passed on to subscribers.
//!
//! Delivery is somebody else's job: [`Outbox::subscribe`] is the seam for it.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::locked;

/// The webhooks of one platform; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Outbox(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    waiting: Vec<Value>,
    subscribers: Vec<UnboundedSender<Value>>,
}

impl Outbox {
    /// Takes what has gathered since the last time, oldest first.
    pub fn take(&self) -> Vec<Value> {
        std::mem::take(&mut locked(&self.0).waiting)
    }

    /// Gets every webhook from now on, for instance to POST it somewhere; they gather for [`Outbox::take`] too.
    pub fn subscribe(&self) -> UnboundedReceiver<Value> {
        let (sender, receiver) = unbounded_channel();
        locked(&self.0).subscribers.push(sender);
        receiver
    }

    pub(crate) fn send(&self, payload: &Value) {
        let mut inner = locked(&self.0);
        inner
            .subscribers
            .retain(|subscriber| subscriber.send(payload.clone()).is_ok());
        inner.waiting.push(payload.clone());
    }
}
