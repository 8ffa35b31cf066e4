//! Stand-ins for tests and simulations: a seam in virtual time, a transport that follows a script, a log in memory.
//!
//! Compiled always, so that adapters, the engine and the simulator can use it in their tests; nothing here is meant for
//! a running bridge.

pub mod hostile;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use tokio::time::Instant;

use crate::gate::{CallLog, CallLogError};
use crate::seam::Seam;
use crate::transport::{Limits, Transport, TransportError, TransportFailure};

/// A seam on tokio's clock, with a wall clock of its own and seeded randomness.
///
/// Under tokio's paused clock all waiting takes no time, and one seed gives one run.
pub struct VirtualSeam {
    start: Timestamp,
    begun: Instant,
    /// How far the wall clock was set forward or back.
    set: Mutex<SignedDuration>,
    random: Mutex<StdRng>,
}

impl VirtualSeam {
    /// A seam whose wall clock shows `start` now. Must be called inside a tokio runtime.
    pub fn new(start: Timestamp, seed: u64) -> Self {
        Self {
            start,
            begun: Instant::now(),
            set: Mutex::new(SignedDuration::ZERO),
            random: Mutex::new(StdRng::seed_from_u64(seed)),
        }
    }

    /// Sets the wall clock forward, or back with a negative duration. The steady clock goes on as it was.
    pub fn set_wall_clock(&self, by: SignedDuration) {
        let mut set = locked(&self.set);
        *set = set.saturating_add(by);
    }
}

impl fmt::Debug for VirtualSeam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualSeam")
            .field("now", &self.now())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Seam for VirtualSeam {
    fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.elapsed()).unwrap_or(SignedDuration::MAX);
        let shift = elapsed.saturating_add(*locked(&self.set));
        self.start.saturating_add(shift).unwrap_or(Timestamp::MAX)
    }

    fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn random(&self) -> u64 {
        locked(&self.random).next_u64()
    }
}

/// What a [`ScriptedTransport`] does with one exchange.
#[derive(Debug)]
pub enum Scene {
    /// It answers with this status and body.
    Reply(u16, &'static str),
    /// It answers with this whole response.
    Response(http::Response<Bytes>),
    /// It fails.
    Failure(TransportFailure),
    /// It answers nothing until it is dropped.
    Silence,
}

/// A transport that plays scenes in order and keeps the requests.
///
/// An exchange after the last scene fails with [`TransportFailure::NotSent`] and says so.
#[derive(Default)]
pub struct ScriptedTransport {
    scenes: Mutex<VecDeque<Scene>>,
    requests: Mutex<Vec<http::Request<Bytes>>>,
    /// How long each exchange takes.
    lasts: Duration,
}

impl ScriptedTransport {
    /// A transport that plays these scenes at once.
    pub fn new(scenes: impl IntoIterator<Item = Scene>) -> Arc<Self> {
        Self::lasting(Duration::ZERO, scenes)
    }

    /// A transport whose exchanges take so long on tokio's clock.
    pub fn lasting(lasts: Duration, scenes: impl IntoIterator<Item = Scene>) -> Arc<Self> {
        Arc::new(Self {
            scenes: Mutex::new(scenes.into_iter().collect()),
            requests: Mutex::default(),
            lasts,
        })
    }

    /// The requests so far, in order.
    pub fn requests(&self) -> Vec<http::Request<Bytes>> {
        locked(&self.requests).clone()
    }

    /// How many scenes were not played yet.
    pub fn scenes_left(&self) -> usize {
        locked(&self.scenes).len()
    }
}

impl fmt::Debug for ScriptedTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedTransport")
            .field("scenes_left", &self.scenes_left())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for ScriptedTransport {
    async fn exchange(
        &self,
        request: http::Request<Bytes>,
        limits: Limits,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let failed = |failure, why: &str| {
            Err(TransportError {
                failure,
                why: why.to_owned(),
            })
        };
        locked(&self.requests).push(request);
        let scene = locked(&self.scenes).pop_front();
        if !self.lasts.is_zero() {
            tokio::time::sleep(self.lasts).await;
        }
        match scene {
            Some(Scene::Reply(status, body)) => {
                let mut response = http::Response::new(Bytes::from_static(body.as_bytes()));
                *response.status_mut() =
                    http::StatusCode::from_u16(status).expect("a script names real statuses");
                Ok(response)
            }
            Some(Scene::Response(response)) => Ok(response),
            Some(Scene::Failure(failure)) => failed(failure, "so says the script"),
            Some(Scene::Silence) => {
                tokio::time::sleep(limits.timeout).await;
                failed(TransportFailure::TimedOut, "nothing came back in time")
            }
            None => failed(TransportFailure::NotSent, "the script has come to its end"),
        }
    }
}

/// A log of calls in memory; clones share it, as two runs of one process share a database.
#[derive(Debug, Clone, Default)]
pub struct MemoryCallLog {
    calls: Arc<Mutex<BTreeMap<String, Vec<Timestamp>>>>,
    broken: Arc<Mutex<bool>>,
}

impl MemoryCallLog {
    /// A log in which the scope is known and has made no calls, so that a gate opens with its whole quota.
    pub fn knowing(scope: &str) -> Self {
        let log = Self::default();
        locked(&log.calls).insert(scope.to_owned(), Vec::new());
        log
    }

    /// The calls noted for a scope.
    pub fn calls(&self, scope: &str) -> Vec<Timestamp> {
        locked(&self.calls).get(scope).cloned().unwrap_or_default()
    }

    /// From now on both methods fail, or work again.
    pub fn set_broken(&self, broken: bool) {
        *locked(&self.broken) = broken;
    }

    fn check(&self) -> Result<(), CallLogError> {
        if *locked(&self.broken) {
            Err(CallLogError::new("the disk is full"))
        } else {
            Ok(())
        }
    }
}

impl CallLog for MemoryCallLog {
    fn load(&self, scope: &str, since: Timestamp) -> Result<Option<Vec<Timestamp>>, CallLogError> {
        self.check()?;
        let calls = locked(&self.calls);
        Ok(calls
            .get(scope)
            .map(|calls| calls.iter().copied().filter(|at| *at >= since).collect()))
    }

    fn note(&self, scope: &str, at: Timestamp) -> Result<(), CallLogError> {
        self.check()?;
        locked(&self.calls)
            .entry(scope.to_owned())
            .or_default()
            .push(at);
        Ok(())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a test that panicked left behind is still worth reading.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
