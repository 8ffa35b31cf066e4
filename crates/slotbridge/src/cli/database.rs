//! By whose hand a command writes: its own, or that of the running daemon, which holds the database.

use std::path::Path;
use std::time::Duration;

use slotbridge_store::{OpenOptions, Store, StoreError};

use crate::control::client::Daemon;

/// How the lock of a running daemon says what holds it.
const DAEMON: &str = "slotbridge run";

/// Who writes.
#[derive(Debug)]
pub(crate) enum Hand {
    /// The command itself.
    Own(Store),
    /// The daemon, which is asked.
    Daemon(Daemon),
}

/// Takes the database, waiting for it as long as `wait`, unless a daemon holds it: then that is to be asked.
pub(crate) async fn of(
    database: &Path,
    holder: &'static str,
    wait: Duration,
) -> Result<Hand, StoreError> {
    match own(database, holder, Duration::ZERO).await {
        Err(StoreError::Locked {
            holder: Some(who), ..
        }) if who.what.starts_with(DAEMON) => Ok(Hand::Daemon(Daemon::of(database))),
        Err(StoreError::Locked { .. }) => own(database, holder, wait).await.map(Hand::Own),
        opened => opened.map(Hand::Own),
    }
}

/// Takes the database, whoever holds it now.
pub(crate) async fn own(
    database: &Path,
    holder: &'static str,
    wait: Duration,
) -> Result<Store, StoreError> {
    let options = OpenOptions {
        lock_wait: wait,
        holder: holder.to_owned(),
    };
    let path = database.to_path_buf();
    // A panic inside is a fault of the store like any other.
    tokio::task::spawn_blocking(move || Store::open(&path, &options))
        .await
        .unwrap_or(Err(StoreError::Fault))
}

/// A copy of the database to look into, whoever holds it.
pub(crate) async fn copy(database: &Path) -> Result<Store, StoreError> {
    let path = database.to_path_buf();
    tokio::task::spawn_blocking(move || Store::open_copy(&path))
        .await
        .unwrap_or(Err(StoreError::Fault))
}
