//! The alarm clock: posts a message at every full minute, and does nothing else.
//!
//! Which schedules are due, in which zone, what was missed and what is still at work is decided by [`super::agenda`]:
//! the scheduler that ticks here computes times in zones an hour off around a change of the clocks
//! (mvniekerk/tokio-cron-scheduler#107), and knows nothing of what it missed while the machine was off.

use tokio::sync::mpsc;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// Every full minute, in UTC, where every minute is like the other.
const EVERY_MINUTE: &str = "0 * * * * *";

/// An alarm clock that ticks until it is stopped.
pub(super) struct Clock {
    scheduler: JobScheduler,
}

/// Winds the clock; its ticks arrive at the receiver. A tick that nobody has taken yet stands for those after it.
pub(super) async fn start() -> Result<(Clock, mpsc::Receiver<()>), JobSchedulerError> {
    start_with(EVERY_MINUTE).await
}

async fn start_with(line: &str) -> Result<(Clock, mpsc::Receiver<()>), JobSchedulerError> {
    let (tick, ticks) = mpsc::channel(1);
    let scheduler = JobScheduler::new().await?;
    let post = Job::new(line, move |_id, _scheduler| {
        // Full: the last tick is still there. Closed: nobody listens any more.
        if tick.try_send(()).is_err() {}
    })?;
    scheduler.add(post).await?;
    scheduler.start().await?;
    Ok((Clock { scheduler }, ticks))
}

impl Clock {
    /// Stops it.
    pub(super) async fn stop(mut self) {
        if let Err(error) = self.scheduler.shutdown().await {
            tracing::debug!(%error, "The alarm clock did not stop.");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In real time: the clock itself has no other.
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn it_ticks_until_it_is_stopped() {
        let (clock, mut ticks) = start_with("* * * * * *").await.unwrap();
        for _ in 0..2 {
            let tick = tokio::time::timeout(std::time::Duration::from_secs(10), ticks.recv());
            tick.await.expect("no tick within ten seconds").unwrap();
        }
        clock.stop().await;
    }

    #[tokio::test]
    async fn the_line_of_every_minute_is_one_that_the_scheduler_takes() {
        start().await.unwrap().0.stop().await;
    }
}
