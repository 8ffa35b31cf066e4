//! The way to one target: a queue, its rate, and trying again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::meter::Meter;
use super::notice::{Kind, Notice};
use super::queue::Queue;
use super::target::{Means, Retry, Target};
use super::until;

/// The most notices that wait for one target.
const WAITING_MAX: usize = 200;
/// About an hour of trying, at first often, then every ten minutes.
const RETRY_FIRST: Duration = Duration::from_secs(2);
const RETRY_MAX: Duration = Duration::from_mins(10);
const RETRIES: usize = 13;

/// The way to one target, as the desk sees it.
#[derive(Debug)]
pub(super) struct Line {
    shared: Arc<Shared>,
    task: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    target: Target,
    queue: Queue<Notice>,
    /// Notices that had to go for newer ones.
    dropped: Mutex<Vec<Kind>>,
}

/// Opens the way to a target.
pub(super) fn start(target: Target, means: Means, stopping: CancellationToken) -> Line {
    let shared = Arc::new(Shared {
        target,
        queue: Queue::new(WAITING_MAX),
        dropped: Mutex::default(),
    });
    let worker = Worker {
        meter: Meter::new(shared.target.max_per_hour),
        shared: Arc::clone(&shared),
        means,
        stopping,
    };
    Line {
        shared,
        task: Some(tokio::spawn(worker.work())),
    }
}

impl Line {
    /// Hands a notice over, if the target wants its kind. Never waits.
    pub(super) fn tell(&self, notice: &Notice) {
        if !self.shared.target.takes(notice.kind) {
            return;
        }
        if let Some(dropped) = self.shared.queue.push(notice.clone()) {
            tracing::warn!(target = %self.shared.target.name, kind = dropped.kind.as_str(), "Too many notices wait; the oldest is only counted.");
            let mut kinds = self
                .shared
                .dropped
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            kinds.push(dropped.kind);
        }
    }

    /// Takes nothing more, and waits until what is there has been tried.
    pub(super) async fn finish(mut self) {
        self.shared.queue.close();
        let Some(task) = &mut self.task else { return };
        if task.await.is_err() {
            tracing::error!(target = %self.shared.target.name, "The way to a target of notices broke off.");
        }
        self.task = None;
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

struct Worker {
    shared: Arc<Shared>,
    meter: Meter,
    means: Means,
    stopping: CancellationToken,
}

impl Worker {
    async fn work(mut self) {
        let shared = Arc::clone(&self.shared);
        let seam = Arc::clone(&self.means.seam);
        loop {
            self.count_dropped();
            let wake = self.meter.next_wake();
            let wait = until(wake, seam.now());
            tokio::select! {
                biased;
                // Without a sum there is nothing to wait for but the queue.
                () = seam.sleep(wait), if wake.is_some() => {
                    if let Some(sum) = self.meter.sum(seam.now()) {
                        self.deliver(&sum).await;
                    }
                }
                notice = shared.queue.next() => {
                    let Some(notice) = notice else { break };
                    self.count_dropped();
                    if self.meter.admit(notice.kind, seam.now()) {
                        self.deliver(&notice).await;
                    }
                }
            }
        }
        if let Some(sum) = self.meter.take(seam.now()) {
            self.deliver(&sum).await;
        }
    }

    fn count_dropped(&mut self) {
        let mut dropped = self
            .shared
            .dropped
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for kind in dropped.drain(..) {
            self.meter.hold(kind);
        }
    }

    /// Brings a notice to the target, with several attempts; after the order to stop, with one more.
    async fn deliver(&mut self, notice: &Notice) {
        let (target, kind) = (&self.shared.target, notice.kind.as_str());
        let mut delays = ExponentialBuilder::new()
            .with_min_delay(RETRY_FIRST)
            .with_max_delay(RETRY_MAX)
            .with_max_times(RETRIES)
            .with_jitter()
            .with_jitter_seed(self.means.seam.random())
            .build();
        loop {
            let Err(failure) = target.bring(notice, &self.means).await else {
                tracing::debug!(target = %target.name, kind, "A notice has arrived.");
                return;
            };
            let delay = match failure.retry {
                Retry::No => None,
                Retry::Yes => delays.next(),
                Retry::After(wish) => delays.next().map(|delay| delay.max(wish.min(RETRY_MAX))),
            };
            let Some(delay) = delay else {
                tracing::error!(target = %target.name, kind, why = %failure.why, "A notice did not arrive and is given up.");
                // When the target comes back it hears that there was more. What is wrong with the target itself would
                // only be wrong again.
                if failure.retry != Retry::No && notice.kind != Kind::More {
                    self.meter.hold(notice.kind);
                }
                return;
            };
            tracing::warn!(target = %target.name, kind, why = %failure.why, retry_in = ?delay, "A notice did not arrive.");
            tokio::select! {
                () = self.means.seam.sleep(delay) => {}
                () = self.stopping.cancelled() => {
                    tracing::error!(target = %target.name, kind, "A notice did not arrive before the stop.");
                    return;
                }
            }
        }
    }
}
