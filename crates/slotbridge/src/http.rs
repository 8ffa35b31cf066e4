//! What the daemon answers over HTTP: webhooks, `/healthz`, `/readyz` and `/metrics`.
//!
//! **Flow.** A webhook with the right token is stored durably, then answered, then the loop is told. It is a hint and
//! is never taken for a fact: the loop reads the record again.
//!
//! **Guarantees.** `200` to a webhook about a record means that it is on the disk. A wrong platform and a wrong token
//! get the same answer. Nothing that came in, and no token, is logged.

mod answers;
mod connections;
mod door;
mod sources;
mod vitals;
mod webhook;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use secrecy::{ExposeSecret as _, SecretString};
use slotbridge_core::model::PlatformName;
use slotbridge_engine::daemon::Handle;
use slotbridge_engine::event::Listener;
use slotbridge_platform::Platform;
use slotbridge_platform::seam::Seam;
use slotbridge_store::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use door::Door;
use sources::Sources;
use vitals::Pulse;

/// Where webhooks of one platform go.
#[derive(Clone)]
pub(crate) struct Target {
    /// Of the token; equality of hashes is looked at in constant time.
    token: blake3::Hash,
    platform: Arc<dyn Platform>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("platform", &self.platform.name())
            .finish_non_exhaustive()
    }
}

impl Target {
    /// The platform, and the token that its webhooks carry.
    pub(crate) fn new(token: &SecretString, platform: Arc<dyn Platform>) -> Self {
        Self {
            token: blake3::hash(token.expose_secret().as_bytes()),
            platform,
        }
    }
}

/// The platforms that may send webhooks. Clones share one list, which can be replaced while webhooks come in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Targets(Arc<RwLock<Arc<BTreeMap<String, Target>>>>);

impl Targets {
    /// The platforms that have a token.
    #[cfg(test)]
    pub(crate) fn new(targets: impl IntoIterator<Item = Target>) -> Self {
        let list = Self::default();
        list.replace(targets);
        list
    }

    /// Puts another list in place of this one. Webhooks that are under way keep the one that they found.
    pub(crate) fn replace(&self, targets: impl IntoIterator<Item = Target>) {
        let targets = targets
            .into_iter()
            .map(|target| (target.platform.name().to_string(), target))
            .collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(targets);
    }

    fn current(&self) -> Arc<BTreeMap<String, Target>> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What is allowed.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// The most bytes of a webhook.
    pub(crate) body_bytes_max: usize,
    /// How long a webhook's body may take to arrive.
    pub(crate) body_timeout: Duration,
    /// How long a request's head may take to arrive, and how long a connection may stay idle.
    pub(crate) head_timeout: Duration,
    /// The most connections at one time; others wait to be accepted.
    pub(crate) connections_max: usize,
    /// The most webhooks of a platform that wait in the database.
    pub(crate) inbox_max: u64,
    /// How many webhooks with a wrong token are answered as such, per source and minute.
    pub(crate) forged_per_minute: u32,
    /// How many webhooks with the right token are taken, per source and second.
    pub(crate) good_per_second: u32,
    /// How long requests that are under way are waited for at the end.
    pub(crate) shutdown_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 256 * 1024,
            body_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(15),
            connections_max: 1024,
            inbox_max: 10_000,
            forged_per_minute: 20,
            good_per_second: 5_000,
            // With the wait for writes under way, the end stays below what the unit allows.
            shutdown_timeout: Duration::from_secs(2),
        }
    }
}

/// What the server works with.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    /// Where webhooks are kept.
    pub(crate) store: Store,
    /// Who may send them.
    pub(crate) targets: Targets,
    /// The loop.
    pub(crate) handle: Handle,
    /// Where webhooks are counted, and the page of `/metrics`.
    pub(crate) metrics: Arc<Metrics>,
    /// Who hears that a webhook was stored.
    pub(crate) listener: Arc<dyn Listener>,
    /// Clock and waiting.
    pub(crate) seam: Arc<dyn Seam>,
    /// What is allowed.
    pub(crate) limits: Limits,
}

/// What every request sees.
#[derive(Debug)]
struct App {
    parts: Parts,
    sources: Sources,
    /// Outlives a replacement of the targets, so that a reload forgets nothing.
    doors: Mutex<BTreeMap<PlatformName, Arc<Door>>>,
    pulse: Pulse,
}

impl App {
    fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            sources: Sources::new(&parts.limits, &parts.seam),
            doors: Mutex::default(),
            pulse: Pulse::new(parts.seam.elapsed()),
            parts,
        })
    }

    /// What is remembered of a platform's webhooks. Only ever asked for platforms of the config.
    fn door(&self, platform: &PlatformName) -> Arc<Door> {
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(doors.entry(platform.clone()).or_default())
    }
}

/// Answers until `shutdown` is cancelled, then waits for what is under way, but not for long.
pub(crate) async fn serve(listener: TcpListener, parts: Parts, shutdown: CancellationToken) {
    let limits = parts.limits.clone();
    let seam = Arc::clone(&parts.seam);
    let app = App::new(parts);
    let router = router(Arc::clone(&app));
    tokio::select! {
        () = connections::serve(listener, router, &limits, seam.as_ref(), &shutdown) => {}
        () = vitals::watch(&app) => {}
    }
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/webhooks/{platform}/{token}", post(webhook::receive))
        .route("/healthz", get(vitals::healthz))
        .route("/readyz", get(vitals::readyz))
        .route("/metrics", get(vitals::metrics))
        .fallback(async || answers::not_found())
        .layer(DefaultBodyLimit::max(app.parts.limits.body_bytes_max))
        .with_state(app)
}
