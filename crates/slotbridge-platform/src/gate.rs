//! The quota gate: no platform ever sees more calls than it allows, restarts included.
//!
//! # Flow
//! A call joins the queue with its priority, waits for its turn (see [`queue`]), for room in every quota (see
//! [`ledger`]), for a free one of the parallel places and for the pace (see [`pace`]); is noted in the durable log; and
//! goes. When its reply is there, or the caller gives up on it, it ends.
//!
//! # Guarantees
//! - In every stretch as long as a quota's window the platform sees at most as many calls as the quota allows, however
//!   the network delays them, since a call fills the quota from its sending until a whole window after its end.
//! - A restart starts no fresh budget: the log is read when the gate opens. Of a scope that nothing is known of, quotas
//!   of up to ten seconds are taken as just used up and longer ones as half used.
//! - A call that cannot be noted is not made.
//! - Within one priority the first to come is the first to go. Every waiting priority gets at least one of ten turns or
//!   so, whatever waits above it.
//! - Whoever drops a waiting call leaves the queue; whoever drops a call on its way ends it at that moment.
//!
//! # Assumptions
//! One process at a time uses a scope, and no exchange outlasts [`EXCHANGE_MAX`]. Other programs that use the same key
//! are noticed by the platform's throttles alone.
//!
//! # Caveats
//! A wait that is known to outlast [`PATIENCE`] is refused with the time it would take, rather than sat out in silence.

mod ledger;
mod pace;
mod queue;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use slotbridge_core::quota;
use tokio::sync::Notify;

use crate::capabilities::Quota;
use crate::platform::Priority;
use crate::seam::Seam;
use ledger::{Full, Ledger};
use pace::Pace;
use queue::{Queue, Ticket};

/// The longest that one exchange may last; [`crate::client::Api`] holds every timeout below it.
pub const EXCHANGE_MAX: Duration = Duration::from_mins(2);

/// The longest that a call waits at the gate when it is known beforehand how long that will be.
pub const PATIENCE: Duration = Duration::from_mins(10);

/// Quotas up to this long are taken as used up when nothing is known of their scope.
const SHORT_QUOTA: Duration = Duration::from_secs(10);

/// What one quota scope allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateSettings {
    /// What shares the quota: source address and host, or a key's fingerprint. Never the key itself.
    pub scope: String,
    /// The limits, all of them at once; a limit of 0 calls counts as one of 1.
    pub quotas: Vec<Quota>,
    /// The most calls at the same time; 0 counts as 1.
    pub parallel: u32,
}

/// The durable record of calls failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log of calls is out of order: {why}")]
pub struct CallLogError {
    /// What went wrong, for a person.
    pub why: String,
}

impl CallLogError {
    /// Says what went wrong.
    pub fn new(why: impl fmt::Display) -> Self {
        Self {
            why: why.to_string(),
        }
    }
}

/// The durable record of calls per quota scope, so that a restart does not start a fresh budget.
///
/// Both methods may block for the length of one small database write.
pub trait CallLog: Send + Sync + fmt::Debug {
    /// The calls of a scope at or after `since`, in any order; `None` when nothing was ever noted for the scope.
    ///
    /// `Some` of an empty list is a promise: there were calls once, and none since then.
    fn load(&self, scope: &str, since: Timestamp) -> Result<Option<Vec<Timestamp>>, CallLogError>;

    /// Notes one call, before it is sent. `Ok` means that it survives a crash of the process.
    fn note(&self, scope: &str, at: Timestamp) -> Result<(), CallLogError>;
}

/// One quota scope. Everything that shares the quota must share the gate.
#[derive(Debug)]
pub struct Gate {
    scope: String,
    parallel: usize,
    seam: Arc<dyn Seam>,
    log: Arc<dyn CallLog>,
    /// The wall clock at the opening, and the steady clock then: windows are measured on the steady one.
    opened: (Timestamp, Duration),
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    ledger: Ledger,
    queue: Queue,
    pace: Pace,
}

/// How a gate stands, for metrics and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateStatus {
    /// Calls that wait for their turn.
    pub waiting: usize,
    /// Calls on their way.
    pub in_flight: usize,
    /// How often the rate is halved because of throttles.
    pub halvings: u32,
    /// How long the scope still pauses because of a throttle.
    pub pause_left: Duration,
}

/// Why the gate lets a call not through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Closed {
    /// The call cannot be noted.
    #[error(transparent)]
    Log(#[from] CallLogError),
    /// It would take too long.
    #[error("the quota leaves no room for {} s", after.as_secs())]
    TooLong { after: Duration },
}

enum Step {
    Go(Pass),
    Sleep(Duration),
    Listen,
    TooLong(Duration),
}

impl Gate {
    /// Opens the gate of a scope with what the log knows of it.
    ///
    /// # Errors
    /// [`CallLogError`] when the log cannot be read: without it the gate does not open.
    pub fn open(
        settings: GateSettings,
        seam: Arc<dyn Seam>,
        log: Arc<dyn CallLog>,
    ) -> Result<Arc<Self>, CallLogError> {
        let GateSettings {
            scope,
            mut quotas,
            parallel,
        } = settings;
        for quota in &mut quotas {
            quota.calls = quota.calls.max(1);
        }
        let parallel = usize::try_from(parallel.max(1)).unwrap_or(usize::MAX);
        let now = seam.now();
        let mut ledger = Ledger::new(&quotas);
        let since = ledger::earlier(now, ledger.longest().saturating_add(EXCHANGE_MAX));
        match log.load(&scope, since)? {
            Some(begun) => ledger.take_over(begun, parallel, EXCHANGE_MAX, now),
            None => ledger.suppose_used(SHORT_QUOTA, now),
        }
        let pace = Pace::new(&quotas, Arc::clone(&seam));
        let opened = (now, seam.elapsed());
        let state = Mutex::new(State {
            ledger,
            queue: Queue::default(),
            pace,
        });
        Ok(Arc::new(Self {
            scope,
            parallel,
            seam,
            log,
            opened,
            state,
        }))
    }

    /// How the gate stands now.
    pub fn status(&self) -> GateStatus {
        let state = self.lock();
        GateStatus {
            waiting: state.queue.len(),
            in_flight: state.ledger.in_flight(),
            halvings: state.pace.halvings(),
            pause_left: state.pace.pause_left(),
        }
    }

    /// These quotas as they last from now on ([`quota::lasting`]), as far as a call beyond them would be refused; a shorter
    /// window is waited for.
    pub fn lasting(&self, quotas: &[Quota]) -> Vec<Quota> {
        let now = self.steady_now();
        let state = self.lock();
        let quotas = quotas.iter();
        quotas
            .map(|quota| {
                if quota.per <= PATIENCE {
                    return *quota;
                }
                quota::lasting(quota, &state.ledger.back(quota.per, now))
            })
            .collect()
    }

    /// A place behind everybody who has one. A call keeps it while it is tried again.
    pub(crate) fn ticket(&self) -> Ticket {
        self.lock().queue.ticket()
    }

    /// Waits for the turn of `ticket`, notes the call, and lets it go.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        priority: Priority,
        ticket: Ticket,
    ) -> Result<Pass, Closed> {
        let waiter = Waiter::join(self, priority, ticket);
        loop {
            match self.step(&waiter) {
                Step::Go(pass) => {
                    // The pass is dropped if this fails, which counts the call: nobody knows what the log has kept.
                    self.log.note(&self.scope, self.seam.now())?;
                    return Ok(pass);
                }
                Step::TooLong(after) => return Err(Closed::TooLong { after }),
                Step::Listen => waiter.bell.notified().await,
                Step::Sleep(wait) => tokio::select! {
                    () = self.seam.sleep(wait) => {}
                    () = waiter.bell.notified() => {}
                },
            }
        }
    }

    fn step(self: &Arc<Self>, waiter: &Waiter<'_>) -> Step {
        let now = self.steady_now();
        let mut state = self.lock();
        // Whoever is behind others is woken when that changes.
        if state
            .queue
            .next()
            .is_none_or(|(ticket, _)| ticket != waiter.ticket)
        {
            return Step::Listen;
        }
        if state.ledger.in_flight() >= self.parallel {
            return Step::Listen;
        }
        let pause = state.pace.pause_left();
        let room = match state.ledger.room(now) {
            Ok(()) => Duration::ZERO,
            Err(Full::For(wait)) => wait,
            Err(Full::UntilOneEnds) => return Step::Listen,
        };
        let wait = pause.max(room);
        if wait > PATIENCE {
            return Step::TooLong(wait);
        }
        if !wait.is_zero() {
            return Step::Sleep(wait);
        }
        // Last, because asking takes the place.
        if let Err(wait) = state.pace.take() {
            return Step::Sleep(wait);
        }
        state.queue.turn(waiter.priority, waiter.ticket);
        state.ledger.begin();
        state.wake_next();
        Step::Go(Pass {
            gate: Arc::clone(self),
            begun: self.seam.elapsed(),
        })
    }

    /// The wall clock as it was at the opening, moved on by the steady one: nobody can set it back.
    fn steady_now(&self) -> Timestamp {
        let (wall, steady) = self.opened;
        ledger::later(wall, self.seam.elapsed().saturating_sub(steady))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock can panic halfway through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake_next(&self) {
        if let Some((_, bell)) = self.queue.next() {
            bell.notify_one();
        }
    }
}

/// A place in the queue; dropping it leaves the queue.
struct Waiter<'a> {
    gate: &'a Gate,
    priority: Priority,
    ticket: Ticket,
    bell: Arc<Notify>,
}

impl<'a> Waiter<'a> {
    fn join(gate: &'a Gate, priority: Priority, ticket: Ticket) -> Self {
        let bell = Arc::new(Notify::new());
        gate.lock().queue.join(priority, ticket, Arc::clone(&bell));
        Self {
            gate,
            priority,
            ticket,
            bell,
        }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        state.queue.leave(self.priority, self.ticket);
        // It may have been woken for a turn that it will not take.
        state.wake_next();
    }
}

/// A call on its way. Dropping it ends the call.
#[derive(Debug)]
pub(crate) struct Pass {
    gate: Arc<Gate>,
    begun: Duration,
}

impl Pass {
    /// The reply is there, and is no throttle.
    pub(crate) fn went_through(self) {
        self.gate.lock().pace.went_through();
    }

    /// The reply is there, and says "too many calls". Gives how long the scope pauses.
    pub(crate) fn throttled(self, after: Option<Duration>) -> Duration {
        self.gate.lock().pace.throttled(self.begun, after)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let now = self.gate.steady_now();
        let mut state = self.gate.lock();
        state.ledger.end(now);
        state.wake_next();
    }
}
