//! Death of the process: at the n-th instant, after the n-th commit, or around the n-th exchange.
//!
//! The engine's future is what dies. It is dropped where it stands: at an await point, or in the middle of a poll by an
//! unwinding that starts inside the clock or the transport, so that it also dies between two commits.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;

use slotbridge_store::Store;

use crate::locked;

/// Where the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    /// At the n-th look at the clock, wait or random number.
    AtSeam(u64),
    /// After the n-th commit, before anything else happens.
    AfterCommit(u64),
    /// Before the n-th request goes out.
    BeforeExchange(u64),
    /// When the n-th reply has come back, before anybody reads it.
    AfterExchange(u64),
    /// At the n-th await point.
    AtPoll(u64),
    /// When the reply to the n-th request that changed something has come back, before anybody reads it: between the two
    /// commits of an operation.
    AfterLanding(u64),
}

/// The unwinding of a death; no panic.
struct Died;

/// Whether and when the process dies. One for each process.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    death: Mutex<Option<Death>>,
    dead: AtomicBool,
    seen: AtomicU64,
    exchanges: AtomicU64,
    replies: AtomicU64,
    polls: AtomicU64,
    landed: AtomicU64,
    commits: Mutex<Option<(Store, u64)>>,
}

impl Fate {
    /// From now on this death waits.
    pub(crate) fn arm(&self, death: Option<Death>, store: &Store) {
        *locked(&self.death) = death;
        *locked(&self.commits) = Some((store.clone(), store.commits()));
        for counter in [
            &self.seen,
            &self.exchanges,
            &self.replies,
            &self.polls,
            &self.landed,
        ] {
            counter.store(0, Ordering::Relaxed);
        }
    }

    /// Lets go of what was armed.
    pub(crate) fn disarm(&self) {
        *locked(&self.death) = None;
        *locked(&self.commits) = None;
    }

    /// Whether the process has died, even if nobody has noticed yet.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    fn pass(&self, counter: &AtomicU64, dies_at: impl Fn(Death) -> Option<u64>) {
        if std::thread::panicking() {
            return;
        }
        // Whatever is left of a dead process gets no further.
        if self.dead.load(Ordering::Relaxed) {
            resume_unwind(Box::new(Died));
        }
        let Some(death) = *locked(&self.death) else {
            return;
        };
        let count = counter.fetch_add(1, Ordering::Relaxed) + 1;
        let committed = match death {
            Death::AfterCommit(after) => locked(&self.commits)
                .as_ref()
                .is_some_and(|(store, before)| store.commits() - before >= after),
            _ => false,
        };
        if committed || dies_at(death).is_some_and(|at| count >= at) {
            self.dead.store(true, Ordering::Relaxed);
            resume_unwind(Box::new(Died));
        }
    }

    /// The engine looks at the clock, waits, or draws a number.
    pub(crate) fn at_seam(&self) {
        self.pass(&self.seen, |death| match death {
            Death::AtSeam(at) => Some(at),
            _ => None,
        });
    }

    /// A request is about to go out.
    pub(crate) fn before_exchange(&self) {
        self.pass(&self.exchanges, |death| match death {
            Death::BeforeExchange(at) => Some(at),
            _ => None,
        });
    }

    /// A reply has come back.
    pub(crate) fn after_exchange(&self) {
        self.pass(&self.replies, |death| match death {
            Death::AfterExchange(at) => Some(at),
            _ => None,
        });
    }

    /// A reply has come back to a request that changed something on the platform.
    pub(crate) fn after_landing(&self) {
        self.pass(&self.landed, |death| match death {
            Death::AfterLanding(at) => Some(at),
            _ => None,
        });
    }

    /// Whether the process dies at this await point.
    fn dies_at_poll(&self) -> bool {
        let Some(Death::AtPoll(polls)) = *locked(&self.death) else {
            return false;
        };
        let dies = self.polls.fetch_add(1, Ordering::Relaxed) >= polls;
        if dies {
            self.dead.store(true, Ordering::Relaxed);
        }
        dies
    }

    /// Drives work to its end; nothing if it died on the way.
    pub(crate) async fn drive<T>(&self, work: impl Future<Output = T> + Send) -> Option<T> {
        let mut work: Pin<Box<dyn Future<Output = T> + Send + '_>> = Box::pin(work);
        std::future::poll_fn(move |cx| {
            if self.dies_at_poll() {
                return Poll::Ready(None);
            }
            match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
                Ok(polled) => polled.map(Some),
                Err(cause) if cause.is::<Died>() => Poll::Ready(None),
                Err(cause) => resume_unwind(cause),
            }
        })
        .await
    }
}
