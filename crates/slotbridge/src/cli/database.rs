//! Who opens the database for a command: itself, alone or for a look at a copy, or the running daemon, which holds it and
//! is asked.

use std::path::Path;
use std::time::Duration;

use slotbridge_store::{OpenOptions, Store, StoreError};

use super::Global;
use super::report::{Exit, Failure, chain};
use crate::config::Config;
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
pub(crate) async fn hand(
    database: &Path,
    holder: &str,
    wait: Duration,
) -> Result<Hand, StoreError> {
    match own(database, holder, Duration::ZERO).await {
        Err(error) if is_daemon(&error) => Ok(Hand::Daemon(Daemon::of(database))),
        Err(StoreError::Locked { .. }) => own(database, holder, wait).await.map(Hand::Own),
        opened => opened.map(Hand::Own),
    }
}

/// Takes the database for a command that needs it for itself.
pub(crate) async fn alone(
    global: &Global,
    config: &Config,
    holder: &str,
) -> Result<Store, Failure> {
    // A daemon does not let go of it soon.
    match own(&config.store, holder, Duration::ZERO).await {
        Err(error) if is_daemon(&error) => Err(Failure::Plain {
            message: chain(&error),
            hint: Some(
                "this command needs the database for itself: stop the service (`systemctl stop slotbridge`), run the \
                 command, and start the service again"
                    .to_owned(),
            ),
            exit: Exit::Trouble,
        }),
        Err(StoreError::Locked { .. }) => Ok(own(&config.store, holder, global.wait).await?),
        opened => Ok(opened?),
    }
}

/// Takes the database, whoever holds it now.
pub(crate) async fn own(
    database: &Path,
    holder: &str,
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

/// A copy of the database in memory to look into, which a daemon may go on writing meanwhile.
pub(crate) async fn copy(database: &Path) -> Result<Store, StoreError> {
    let path = database.to_path_buf();
    tokio::task::spawn_blocking(move || Store::open_copy(&path))
        .await
        .unwrap_or(Err(StoreError::Fault))
}

fn is_daemon(error: &StoreError) -> bool {
    matches!(error, StoreError::Locked { holder: Some(holder), .. } if holder.what.starts_with(DAEMON))
}
