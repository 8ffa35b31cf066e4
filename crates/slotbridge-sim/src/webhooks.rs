//! Webhooks that a simulated platform would send: kept for a test to take, and passed on to subscribers.
//!
//! [`Outbox::deliver`] really POSTs them to a loopback URL; [`Outbox::subscribe`] is the seam for
//! anything else, such as delivering late, twice or never.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use tokio::task::JoinHandle;

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

    /// POSTs every webhook from now on to an `http://host:port/path`, once each and in order.
    pub fn deliver(&self, url: &str) -> io::Result<Delivery> {
        let bad = || io::Error::new(io::ErrorKind::InvalidInput, "want http://host:port/path");
        let rest = url.strip_prefix("http://").ok_or_else(bad)?;
        let (host, path) = rest.split_once('/').ok_or_else(bad)?;
        let (host, path) = (host.to_owned(), format!("/{path}"));
        let mut payloads = self.subscribe();
        let statuses = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&statuses);
        let task = tokio::spawn(async move {
            while let Some(payload) = payloads.recv().await {
                let status = post(&host, &path, &payload.to_string()).await.ok();
                locked(&noted).push(status);
            }
        });
        Ok(Delivery { statuses, task })
    }

    pub(crate) fn send(&self, payload: &Value) {
        let mut inner = locked(&self.0);
        inner
            .subscribers
            .retain(|subscriber| subscriber.send(payload.clone()).is_ok());
        inner.waiting.push(payload.clone());
    }
}

/// A running delivery; it stops when this is dropped.
#[derive(Debug)]
pub struct Delivery {
    statuses: Arc<Mutex<Vec<Option<u16>>>>,
    task: JoinHandle<()>,
}

impl Delivery {
    /// What each webhook was answered with, in order; none where nobody answered.
    pub fn statuses(&self) -> Vec<Option<u16>> {
        locked(&self.statuses).clone()
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Sends one POST on a connection of its own and gives the status.
async fn post(host: &str, path: &str, body: &str) -> io::Result<u16> {
    let mut stream = TcpStream::connect(host).await?;
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    status.ok_or_else(|| io::ErrorKind::InvalidData.into())
}
