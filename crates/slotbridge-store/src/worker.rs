//! Where calls run: on two threads of the store (one writes, one reads), or right where they are made.
//!
//! **Flow.** The writer takes everything that is queued, up to [`GROUP_MAX`], as one group and one commit: under load,
//! many callers share one wait for the disk. The reader has a connection of its own, so a long read neither waits for
//! writes nor holds them up.
//!
//! **Guarantees.** A read sees every write that was answered before the read was asked for: the writer answers after
//! the commit, and every read begins a new transaction. The queues are bounded; a caller waits when one is full.
//! Both threads end when the last handle is dropped or [`Worker::close`] is called; the writer then folds the
//! write-ahead log into the file and lets go of the lock.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::connect;
use crate::error::StoreError;
use crate::files::file_error;
use crate::group::{self, Task};
use crate::lock::Lock;
use crate::upkeep;

/// The most callers that share one commit; with the queue this bounds how long one waits for the others.
const GROUP_MAX: usize = 256;
const QUEUE_MAX: usize = 256;

type Read = Box<dyn FnOnce(&Connection) + Send>;

type Alone = Box<dyn FnOnce(&Connection) + Send>;

enum Message<W> {
    Work(W),
    /// Something that cannot run inside a transaction.
    Alone(Alone),
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// Both connections of a database, and how to get work to them.
pub(crate) struct Worker {
    place: Place,
    commits: Arc<AtomicU64>,
}

enum Place {
    /// One connection, used by whoever calls. `None` once it is closed.
    Inline(Mutex<Option<Inline>>),
    Threads(Threads),
}

struct Inline {
    conn: Connection,
    /// Let go of after the connection: fields drop in their order.
    lock: Option<Lock>,
}

struct Threads {
    writer: Option<mpsc::Sender<Message<Box<dyn Task>>>>,
    reader: Option<mpsc::Sender<Message<Read>>>,
    /// The reader's and the writer's, in this order.
    running: Vec<JoinHandle<()>>,
}

impl Worker {
    /// Calls run where they are made.
    pub(crate) fn inline(conn: Connection, lock: Option<Lock>) -> Self {
        Self {
            place: Place::Inline(Mutex::new(Some(Inline { conn, lock }))),
            commits: Arc::default(),
        }
    }

    /// Calls run on two threads.
    pub(crate) fn threads(
        path: &Path,
        writing: Connection,
        reading: Connection,
        lock: Lock,
    ) -> Result<Self, StoreError> {
        let commits = Arc::new(AtomicU64::new(0));
        let (writer, to_write) = mpsc::channel(QUEUE_MAX);
        let (reader, to_read) = mpsc::channel(QUEUE_MAX);
        let (file, counter) = (path.to_path_buf(), Arc::clone(&commits));
        // On an error below, what was started ends by itself: its queue is dropped.
        let read_thread = spawn(path, "store-reader", move || read_loop(reading, to_read))?;
        let write_thread = spawn(path, "store-writer", move || {
            write_loop(&file, writing, lock, to_write, &counter);
        })?;
        let threads = Threads {
            writer: Some(writer),
            reader: Some(reader),
            running: vec![read_thread, write_thread],
        };
        Ok(Self {
            place: Place::Threads(threads),
            commits,
        })
    }

    /// Runs work in a transaction that is committed when this returns.
    pub(crate) async fn write<F, T>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let (task, answer) = group::task(work);
        match &self.place {
            Place::Inline(inline) => {
                let guard = inline.lock().unwrap_or_else(PoisonError::into_inner);
                let inline = guard.as_ref().ok_or(StoreError::Closed)?;
                group::run(&inline.conn, vec![task], &self.commits);
            }
            Place::Threads(threads) => {
                let queue = threads.writer.as_ref().ok_or(StoreError::Closed)?;
                queue
                    .send(Message::Work(task))
                    .await
                    .map_err(|_gone| StoreError::Closed)?;
            }
        }
        // Every task is answered; a missing answer means that the writer ended before it came to this one.
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Runs a query in a read transaction.
    pub(crate) async fn read<F, T>(&self, query: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        match &self.place {
            Place::Inline(inline) => {
                let guard = inline.lock().unwrap_or_else(PoisonError::into_inner);
                let inline = guard.as_ref().ok_or(StoreError::Closed)?;
                snapshot(&inline.conn, query)
            }
            Place::Threads(threads) => {
                let (reply, answer) = oneshot::channel();
                // A caller that went away has no use for the answer.
                let read: Read = Box::new(move |conn| drop(reply.send(snapshot(conn, query))));
                let queue = threads.reader.as_ref().ok_or(StoreError::Closed)?;
                queue
                    .send(Message::Work(read))
                    .await
                    .map_err(|_gone| StoreError::Closed)?;
                answer.await.unwrap_or(Err(StoreError::Closed))
            }
        }
    }

    /// Runs work on the writing connection, outside of any transaction.
    pub(crate) async fn alone<F, T>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        match &self.place {
            Place::Inline(inline) => {
                let guard = inline.lock().unwrap_or_else(PoisonError::into_inner);
                let inline = guard.as_ref().ok_or(StoreError::Closed)?;
                caught(&inline.conn, work)
            }
            Place::Threads(threads) => {
                let (reply, answer) = oneshot::channel();
                // A caller that went away has no use for the answer.
                let alone: Alone = Box::new(move |conn| drop(reply.send(caught(conn, work))));
                let queue = threads.writer.as_ref().ok_or(StoreError::Closed)?;
                queue
                    .send(Message::Alone(alone))
                    .await
                    .map_err(|_gone| StoreError::Closed)?;
                answer.await.unwrap_or(Err(StoreError::Closed))
            }
        }
    }

    /// Checks the database. Where calls run on threads, on one more of them and with a connection of its own, so that
    /// neither reads nor writes wait.
    pub(crate) async fn check(&self, path: Option<&Path>) -> Result<Vec<String>, StoreError> {
        let (Place::Threads(threads), Some(path)) = (&self.place, path) else {
            return self.alone(upkeep::check).await;
        };
        if threads.reader.as_ref().is_none_or(mpsc::Sender::is_closed) {
            return Err(StoreError::Closed);
        }
        let (reply, answer) = oneshot::channel();
        let file = path.to_path_buf();
        let look = move || {
            let found = connect::open_reader(&file).and_then(|conn| caught(&conn, upkeep::check));
            drop(reply.send(found));
        };
        // Not waited for: it ends with its check.
        drop(spawn(path, "store-check", look)?);
        answer.await.unwrap_or(Err(StoreError::Fault))
    }

    /// Finishes what is queued and closes the database, whoever else still has a handle.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        match &self.place {
            Place::Inline(inline) => {
                let taken = inline.lock().unwrap_or_else(PoisonError::into_inner).take();
                let Inline { conn, lock } = taken.ok_or(StoreError::Closed)?;
                let closed = close(conn);
                drop(lock);
                closed
            }
            Place::Threads(threads) => {
                // The reader first: the last connection to go is the one that can fold the log into the file.
                close_thread(threads.reader.as_ref()).await?;
                close_thread(threads.writer.as_ref()).await
            }
        }
    }

    /// How many commits were made.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// How many writes wait.
    #[cfg(test)]
    pub(crate) fn queued_writes(&self) -> usize {
        match &self.place {
            Place::Inline(_) => 0,
            Place::Threads(threads) => threads
                .writer
                .as_ref()
                .map_or(0, |queue| queue.max_capacity() - queue.capacity()),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let place = std::mem::replace(&mut self.place, Place::Inline(Mutex::new(None)));
        match place {
            Place::Inline(inline) => {
                if let Some(Inline { conn, lock }) =
                    inline.into_inner().unwrap_or_else(PoisonError::into_inner)
                {
                    log_close(close(conn));
                    drop(lock);
                }
            }
            Place::Threads(Threads {
                writer,
                reader,
                running,
            }) => {
                // The reader first, as in `close`.
                let mut running = running.into_iter();
                drop(reader);
                join(running.next());
                drop(writer);
                join(running.next());
            }
        }
    }
}

fn join(thread: Option<JoinHandle<()>>) {
    if let Some(thread) = thread
        && thread.join().is_err()
    {
        tracing::error!("A thread of the store panicked");
    }
}

fn spawn(
    path: &Path,
    name: &str,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|error| file_error("start a thread for", path, error))
}

async fn close_thread<W>(queue: Option<&mpsc::Sender<Message<W>>>) -> Result<(), StoreError> {
    let (reply, answer) = oneshot::channel();
    let queue = queue.ok_or(StoreError::Closed)?;
    queue
        .send(Message::Close(reply))
        .await
        .map_err(|_gone| StoreError::Closed)?;
    answer.await.unwrap_or(Err(StoreError::Closed))
}

fn read_loop(conn: Connection, mut queue: mpsc::Receiver<Message<Read>>) {
    while let Some(message) = queue.blocking_recv() {
        match message {
            Message::Work(read) | Message::Alone(read) => read(&conn),
            Message::Close(reply) => {
                let closed = conn.close().map_err(|(_conn, error)| error.into());
                // Nobody waits any more: then nobody needs to know.
                drop(reply.send(closed));
                return;
            }
        }
    }
    log_close(conn.close().map_err(|(_conn, error)| error.into()));
}

fn write_loop(
    path: &Path,
    conn: Connection,
    lock: Lock,
    mut queue: mpsc::Receiver<Message<Box<dyn Task>>>,
    commits: &AtomicU64,
) {
    let mut asked_to_close = None;
    while asked_to_close.is_none() {
        let Some(mut message) = queue.blocking_recv() else {
            break;
        };
        let mut group = Vec::new();
        let mut alone = None;
        loop {
            match message {
                Message::Work(task) => group.push(task),
                Message::Alone(work) => {
                    alone = Some(work);
                    break;
                }
                Message::Close(reply) => {
                    asked_to_close = Some(reply);
                    break;
                }
            }
            if group.len() >= GROUP_MAX {
                break;
            }
            match queue.try_recv() {
                Ok(next) => message = next,
                Err(_empty) => break,
            }
        }
        if !group.is_empty() {
            group::run(&conn, group, commits);
        }
        if let Some(work) = alone {
            work(&conn);
        }
    }
    let closed = close(conn);
    drop(lock);
    tracing::debug!(path = %path.display(), "Database closed");
    match asked_to_close {
        Some(reply) => drop(reply.send(closed)),
        None => log_close(closed),
    }
}

/// Runs a query so that all of it sees one state of the database; a panic in it is caught.
fn snapshot<T>(
    conn: &Connection,
    query: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    conn.execute_batch("BEGIN")?;
    let result = catch_unwind(AssertUnwindSafe(|| query(conn))).unwrap_or(Err(StoreError::Fault));
    if !conn.is_autocommit() {
        conn.execute_batch("ROLLBACK")?;
    }
    result
}

/// Runs work on a connection; a panic in it is caught.
fn caught<T>(
    conn: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let result = catch_unwind(AssertUnwindSafe(|| work(conn))).unwrap_or(Err(StoreError::Fault));
    if !conn.is_autocommit() {
        conn.execute_batch("ROLLBACK")?;
    }
    result
}

/// Folds the write-ahead log into the file and closes the connection.
fn close(conn: Connection) -> Result<(), StoreError> {
    conn.flush_prepared_statement_cache();
    // Busy when another process is copying the database at this moment: the log then stays for the next start.
    let folded = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        row.get::<_, i64>(0)
    });
    let closed = conn
        .close()
        .map_err(|(_conn, error)| StoreError::from(error));
    if folded? != 0 {
        tracing::info!(
            "The write-ahead log stays until the next start: another process reads the database"
        );
    }
    closed
}

fn log_close(closed: Result<(), StoreError>) {
    if let Err(error) = closed {
        tracing::error!(%error, "The database was not closed cleanly; the next start checks it");
    }
}
