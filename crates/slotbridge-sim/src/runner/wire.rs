//! The network between slotbridge and the simulated platforms: in process, with latency, and watched by the auditor.
//!
//! A request that has gone out is carried out by the platform whatever becomes of the process that sent it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::header;
use jiff::Timestamp;
use slotbridge_platform::transport::{Limits, Transport, TransportError, TransportFailure};
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::canary::Canary;
use super::fate::Fate;
use super::trace::Trace;
use crate::dice::Dice;
use crate::gate::{Asker, ConnectionLost};
use crate::locked;
use crate::simulation::{Auditor, Stage};
use crate::world::Place;

/// How far the call log of a platform was read, and what was found in it.
#[derive(Debug, Clone, Copy, Default)]
struct Landed {
    read: usize,
    writes: usize,
    faults: usize,
    /// How many writes whoever asked cannot be sure of.
    unsure: usize,
    /// How many whole lists of bookings were given.
    lists: usize,
}

/// The network; it outlives the process.
#[derive(Clone)]
pub(crate) struct Network {
    stage: Stage,
    routers: Arc<BTreeMap<Place, Router>>,
    auditor: Arc<Mutex<Auditor>>,
    trace: Trace,
    dice: Arc<Mutex<Dice>>,
    /// How many writes have landed on each platform, the last time somebody looked.
    landed: Arc<Mutex<BTreeMap<Place, Landed>>>,
    /// With many bookings the auditor looks at every n-th write only.
    look_every: usize,
    /// How long a message is on its way at most, in milliseconds.
    latency_max: u64,
    /// How long the platforms have worked, on the real clock, in nanoseconds.
    busy: Arc<AtomicU64>,
    /// The requests that are being carried out, whoever still waits for them.
    under_way: TaskTracker,
}

impl Network {
    pub(crate) fn new(
        stage: &Stage,
        auditor: Arc<Mutex<Auditor>>,
        trace: Trace,
        seed: u64,
        size: usize,
    ) -> Self {
        let routers = stage
            .places
            .iter()
            .map(|place| (*place, stage.router(*place)))
            .collect();
        Self {
            stage: stage.clone(),
            routers: Arc::new(routers),
            auditor,
            trace,
            dice: Arc::new(Mutex::new(Dice::new(seed))),
            landed: Arc::default(),
            look_every: 1 + size / 300,
            latency_max: 205,
            busy: Arc::default(),
            under_way: TaskTracker::new(),
        }
    }

    /// The same network without distance, and without the auditor's eye on it.
    pub(crate) fn at_hand(self) -> Self {
        Self {
            look_every: usize::MAX,
            latency_max: 0,
            ..self
        }
    }

    /// How long the platforms have worked so far, on the real clock.
    pub(crate) fn busy(&self) -> Duration {
        Duration::from_nanos(self.busy.load(Ordering::Relaxed))
    }

    /// Waits until nothing is on its way any more.
    pub(crate) async fn at_rest(&self) {
        self.under_way.close();
        self.under_way.wait().await;
        self.under_way.reopen();
    }

    /// How many writes have landed on all platforms so far.
    pub(crate) fn writes(&self) -> usize {
        self.stage
            .places
            .iter()
            .map(|place| self.count(*place).writes)
            .sum()
    }

    /// How many writes have landed on a platform, without looking anew.
    fn landed(&self, place: Place) -> usize {
        locked(&self.landed)
            .get(&place)
            .map_or(0, |landed| landed.writes)
    }

    /// Counts the writes that have landed.
    fn count(&self, place: Place) -> Landed {
        let mut landed = locked(&self.landed);
        let counted = landed.entry(place).or_default();
        for call in self.stage.side(place).view.calls_from(counted.read) {
            let fault = call.fault.as_deref();
            // A call that is still being answered is looked at again the next time.
            let open = call.status.is_none() && !call.landed && !call.over_quota;
            if open && fault.is_none_or(|fault| fault == "slow") {
                break;
            }
            counted.read += 1;
            self.trace.add(format_args!(
                "{} {place:?} {} {:?} {fault:?} {} {}",
                call.at,
                call.method,
                call.status,
                call.landed,
                call.json().get("id").cloned().unwrap_or_default()
            ));
            counted.writes += usize::from(call.landed);
            counted.faults += usize::from(fault.is_some());
            let is_sure = fault.is_none_or(|fault| fault == "slow");
            counted.unsure += usize::from(call.landed && !is_sure);
            let is_list = call.method == "admin.getBookings" && call.status == Some(200);
            counted.lists += usize::from(is_list && is_sure);
        }
        *counted
    }

    /// What the platform makes of a request, and what the auditor makes of that.
    async fn carry_out(
        self,
        place: Place,
        (run, sent_at): (u64, Timestamp),
        request: http::Request<Body>,
    ) -> Answer {
        let Some(router) = self.routers.get(&place).cloned() else {
            return Answer::Lost("no such platform");
        };
        let there = self.latency();
        let back = self.latency();
        tokio::time::sleep(there).await;
        let before = self.count(place);
        let began = Instant::now();
        let response = match router.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.busy.fetch_add(took, Ordering::Relaxed);
        let lost = response.extensions().get::<ConnectionLost>().is_some();
        let after = self.count(place);
        if after.writes != before.writes && after.writes.is_multiple_of(self.look_every) {
            let mut auditor = locked(&self.auditor);
            auditor.arrived(place, sent_at);
            let is_unheard = after.unsure != before.unsure;
            if is_unheard {
                auditor.unheard(place, run, self.stage.clock.now());
            }
            for client in auditor.wrote(&self.stage, place, run) {
                if is_unheard {
                    auditor.cut(place, client);
                }
            }
        }
        if after.faults != before.faults {
            locked(&self.auditor).unsure(place);
        }
        let answer = if lost {
            Answer::Lost("the connection was closed without an answer")
        } else {
            whole(response).await
        };
        tokio::time::sleep(back).await;
        if after.lists != before.lists {
            locked(&self.auditor).listed(place, run);
        }
        answer
    }

    fn latency(&self) -> Duration {
        match self.latency_max {
            0 => Duration::ZERO,
            most => {
                Duration::from_millis(5 + locked(&self.dice).below(most.saturating_sub(5).max(1)))
            }
        }
    }
}

/// What comes back.
enum Answer {
    Reply(http::Response<Bytes>),
    Lost(&'static str),
}

async fn whole(response: axum::response::Response) -> Answer {
    let (head, body) = response.into_parts();
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return Answer::Lost("the answer broke off");
    };
    let promised = head
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if promised.is_some_and(|promised| promised != body.len()) {
        return Answer::Lost("the answer stopped in the middle");
    }
    Answer::Reply(http::Response::from_parts(head, body))
}

/// One process's way to one platform.
pub(crate) struct Wire {
    pub(crate) network: Network,
    pub(crate) place: Place,
    pub(crate) fate: Arc<Fate>,
    pub(crate) canary: Option<Canary>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl Wire {
    async fn once(
        &self,
        request: http::Request<Bytes>,
        limits: Limits,
    ) -> Result<http::Response<Bytes>, TransportError> {
        self.fate.before_exchange();
        let run = locked(&self.network.auditor).run();
        // Let go of when the answer is there, when nobody has the patience any more, and when the process dies.
        let waiting = Arc::new(());
        let mut request = request.map(Body::from);
        request.extensions_mut().insert(Asker::of(&waiting));
        let sent_at = self.network.stage.clock.now();
        let network = self.network.clone();
        let work = network.carry_out(self.place, (run, sent_at), request);
        let before = self.network.landed(self.place);
        let work = self.network.under_way.spawn(work);
        let answered = tokio::time::timeout(limits.timeout, work).await;
        drop(waiting);
        self.fate.after_exchange();
        if self.network.landed(self.place) != before {
            self.fate.after_landing();
        }
        let failed = |failure, why: &str| TransportError {
            failure,
            why: why.to_owned(),
        };
        match answered {
            Ok(Ok(Answer::Reply(reply))) => Ok(reply),
            Ok(Ok(Answer::Lost(why))) => Err(failed(TransportFailure::NoReply, why)),
            Ok(Err(_broken)) => Err(failed(TransportFailure::NoReply, "the platform broke down")),
            Err(_late) => Err(failed(
                TransportFailure::TimedOut,
                "nothing came back in time",
            )),
        }
    }
}

#[async_trait]
impl Transport for Wire {
    async fn exchange(
        &self,
        request: http::Request<Bytes>,
        limits: Limits,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let again = (self.canary == Some(Canary::RepeatsWrites)).then(|| request.clone());
        match (self.once(request, limits).await, again) {
            (Err(_lost), Some(again)) => self.once(again, limits).await,
            (answered, _) => answered,
        }
    }
}
