//! The engine that is always on: one explicit loop over a closed set of wake-ups.
//!
//! # Flow
//! Looks at platforms bring the mirror up to date and say what was touched; runs of bridges work on what was touched.
//! Looks and runs are tasks of their own; the loop only starts them, as the [`agenda`] says, and takes in what they
//! brought. A webhook is looked into at once; without webhooks a platform is looked at as often as its quota allows.
//!
//! # Guarantees
//! Of one bridge at most one run is under way. What comes in meanwhile is kept for the next one. A platform that cannot
//! be used holds up no other. At the end, writes under way are waited for; what was not begun stays in the journal, the
//! inbox and the mirror, from which the next start goes on.

mod agenda;
mod freed;
mod handle;
mod inbox;
mod looks;
mod platforms;
mod standing;
mod tasks;
mod turn;

pub use handle::{BridgeHealth, Handle, Health, PlatformHealth, Request};
pub use platforms::{PlatformQuota, Setup};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use slotbridge_platform::seam::Seam;
use slotbridge_store::Store;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::EngineError;
use crate::bridge::Mode;
use crate::event::Listener;
use crate::run::Engine;
use turn::{Ended, Turn};

/// How long writes under way may take once the end was asked for.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// The longest that the loop sleeps, so that whoever watches it sees that it turns.
const SLEEP_MAX: Duration = Duration::from_secs(5);

/// Another config, made once nothing goes by the old one any more: the quota gates of the two must not overlap.
/// `None` goes on as before.
pub struct Reload(pub BoxFuture<'static, Option<Setup>>);

impl fmt::Debug for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reload").finish_non_exhaustive()
    }
}

/// What can wake the loop.
#[derive(Debug)]
enum Wake {
    /// Something is due.
    Tick,
    /// Somebody asks for something: a webhook, a person, a schedule.
    Asked(Request),
    /// A look or a run is over.
    Ended(Ended),
    /// Another config is to be used.
    Reload(Reload),
    /// The end.
    Shutdown,
}

/// What an engine that is always on is made of.
#[derive(Debug)]
pub struct Daemon {
    /// The database.
    pub store: Store,
    /// Clock, waiting and random numbers.
    pub seam: Arc<dyn Seam>,
    /// Bridges and quotas.
    pub setup: Setup,
    /// Whether it writes.
    pub mode: Mode,
    /// Who hears of what happens.
    pub listener: Arc<dyn Listener>,
    /// Where it says how it stands.
    pub handle: Handle,
    /// What it is asked for.
    pub requests: mpsc::UnboundedReceiver<Request>,
    /// Other configs to be used from then on.
    pub reloads: mpsc::Receiver<Reload>,
}

impl Daemon {
    /// Runs until `shutdown` is cancelled.
    ///
    /// # Errors
    /// Trouble with our own database, which nothing can go on without.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), EngineError> {
        let Self {
            store,
            seam,
            setup,
            mode,
            listener,
            handle,
            mut requests,
            mut reloads,
        } = self;
        let engine = Engine::new(store, Arc::clone(&seam));
        let mut turn = Turn::new(engine, setup, mode, listener, handle).await?;
        let mut tasks: JoinSet<Result<Ended, EngineError>> = JoinSet::new();
        let mut next: Option<Reload> = None;
        loop {
            if next.is_none() {
                for job in turn.due() {
                    turn.spawn(job, &mut tasks);
                }
            } else if tasks.is_empty()
                && let Some(reload) = next.take()
            {
                turn.go_on(reload.0.await).await?;
                continue;
            }
            let sleep = turn.sleep().min(SLEEP_MAX);
            let wake = tokio::select! {
                biased;
                () = shutdown.cancelled() => Wake::Shutdown,
                Some(ended) = tasks.join_next(), if !tasks.is_empty() => Wake::Ended(finished(ended)?),
                Some(request) = requests.recv() => Wake::Asked(request),
                Some(reload) = reloads.recv() => Wake::Reload(reload),
                () = seam.sleep(sleep) => Wake::Tick,
            };
            turn.turned();
            match wake {
                Wake::Tick => {}
                Wake::Asked(request) => turn.asked(request).await?,
                Wake::Ended(ended) => turn.ended(ended).await?,
                Wake::Reload(reload) => {
                    // Nothing new is begun before all that goes by the old config is over.
                    turn.stop();
                    next = Some(reload);
                }
                Wake::Shutdown => break,
            }
        }
        turn.stop();
        finish(seam.as_ref(), &mut turn, &mut tasks).await
    }
}

/// Waits for writes under way, a while; whatever takes longer is left to the next start, which looks at it first.
async fn finish(
    seam: &dyn Seam,
    turn: &mut Turn,
    tasks: &mut JoinSet<Result<Ended, EngineError>>,
) -> Result<(), EngineError> {
    let last = seam.sleep(LAST_WRITES);
    tokio::pin!(last);
    while turn.is_writing() {
        tokio::select! {
            biased;
            Some(ended) = tasks.join_next() => turn.ended(finished(ended)?).await?,
            () = &mut last => {
                tracing::warn!("A write has no answer yet; the next start looks what became of it.");
                break;
            }
        }
    }
    tasks.abort_all();
    while let Some(ended) = tasks.join_next().await {
        // Looks that were broken off have nothing to say.
        drop(ended);
    }
    Ok(())
}

/// What a task brought. A panic in one is one in the loop: its state is not to be trusted.
fn finished(
    ended: Result<Result<Ended, EngineError>, tokio::task::JoinError>,
) -> Result<Ended, EngineError> {
    match ended {
        Ok(ended) => ended,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_cancelled) => Err(EngineError::Broken),
        },
    }
}
