//! Group commit: several callers' changes in one transaction, each in a savepoint of its own.
//!
//! **Guarantees.** A caller is answered after the commit, never before. What fails in one savepoint takes back that
//! caller's changes and nobody else's. When the commit fails, or SQLite gives the whole transaction up (full disk,
//! failing disk), every caller of the group is told so. A panic in one caller's work is caught.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::StoreError;

/// One caller's work, as the group sees it.
pub(crate) trait Task: Send {
    /// Does the work. Called once.
    fn run(&mut self, conn: &Connection) -> Result<(), StoreError>;
    /// Tells the caller how it came out: its own result if it was committed, else the error.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Job<F, T> {
    work: Option<F>,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

/// Packs work into a task; the answer arrives at the receiver.
pub(crate) fn task<F, T>(work: F) -> (Box<dyn Task>, oneshot::Receiver<Result<T, StoreError>>)
where
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    T: Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (
        Box::new(Job {
            work: Some(work),
            result: None,
            reply,
        }),
        answer,
    )
}

impl<F, T> Task for Job<F, T>
where
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn run(&mut self, conn: &Connection) -> Result<(), StoreError> {
        let work = self.work.take().expect("a task runs once");
        self.result = Some(work(conn)?);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { result, reply, .. } = *self;
        let answer = committed.map(|()| result.expect("a committed task has run"));
        // A caller that went away has no use for the answer; its changes are committed all the same.
        drop(reply.send(answer));
    }
}

/// Runs the tasks in one transaction and answers them. Counts the commits that were made.
pub(crate) fn run(conn: &Connection, mut tasks: Vec<Box<dyn Task>>, commits: &AtomicU64) {
    let outcomes = transaction(conn, &mut tasks, commits);
    for (task, outcome) in tasks.into_iter().zip(outcomes) {
        task.answer(outcome);
    }
}

fn transaction(
    conn: &Connection,
    tasks: &mut [Box<dyn Task>],
    commits: &AtomicU64,
) -> Vec<Result<(), StoreError>> {
    let all = |error: StoreError, count| vec![Err(error); count];
    let count = tasks.len();
    if let Err(error) = conn.execute_batch("BEGIN IMMEDIATE") {
        return all(error.into(), count);
    }
    let mut outcomes = Vec::with_capacity(count);
    for task in tasks {
        let outcome = in_savepoint(conn, task.as_mut());
        if conn.is_autocommit() {
            // SQLite has rolled everything back: nothing of the group is stored, whatever it said before.
            return all(outcome.err().unwrap_or(StoreError::Fault), count);
        }
        outcomes.push(outcome);
    }
    let end = if outcomes.iter().any(Result::is_ok) {
        "COMMIT"
    } else {
        "ROLLBACK"
    };
    match conn.execute_batch(end) {
        Ok(()) => {
            commits.fetch_add(u64::from(end == "COMMIT"), Ordering::Relaxed);
            outcomes
        }
        Err(error) => {
            roll_back(conn);
            let error = StoreError::from(error);
            outcomes
                .into_iter()
                .map(|outcome| outcome.and(Err(error.clone())))
                .collect()
        }
    }
}

fn in_savepoint(conn: &Connection, task: &mut dyn Task) -> Result<(), StoreError> {
    conn.execute_batch("SAVEPOINT task")?;
    let outcome =
        catch_unwind(AssertUnwindSafe(|| task.run(conn))).unwrap_or(Err(StoreError::Fault));
    if conn.is_autocommit() {
        return outcome.and(Err(StoreError::Fault));
    }
    let end = if outcome.is_ok() {
        "RELEASE task"
    } else {
        "ROLLBACK TO task; RELEASE task"
    };
    if let Err(error) = conn.execute_batch(end) {
        // A savepoint that cannot be ended leaves only the whole transaction to give up.
        roll_back(conn);
        return outcome.and(Err(error.into()));
    }
    outcome
}

fn roll_back(conn: &Connection) {
    if !conn.is_autocommit()
        && let Err(error) = conn.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "A transaction could not be rolled back");
    }
}
