//! The lock that makes one process the writer. It belongs to an open file, so it dies with the process, however that
//! ends; the file `<database>.lock` stays and is only ever overwritten.

use std::fs::{File, OpenOptions as FileOptions, Permissions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use crate::error::{Holder, StoreError};
use crate::files::{PRIVATE, beside, file_error};
use crate::store::OpenOptions;

const POLL: Duration = Duration::from_millis(50);
/// More than any holder's text; whatever else stands in the file is not read.
const TEXT_MAX: u64 = 1024;

/// The lock, until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Drop for Lock {
    /// Says so instead of leaving it to the close of the file: a command that this process is just starting has the
    /// open file too, until it runs, and would hold the lock for that long.
    fn drop(&mut self) {
        // Closing follows in any case, and nobody could do more about an error here.
        drop(self.file.unlock());
    }
}

/// Takes the lock of a database, waiting for another process as long as the options say.
///
/// Waits by sleeping: this is a wait for another process at start-up, which no virtual clock can shorten.
pub(crate) fn acquire(database: &Path, options: &OpenOptions) -> Result<Lock, StoreError> {
    let path = beside(database, ".lock");
    let mut file = FileOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(PRIVATE)
        .open(&path)
        .map_err(|error| file_error("open", &path, error))?;
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(file_error("lock", &path, error)),
            Err(TryLockError::WouldBlock) => {}
        }
        if waited >= options.lock_wait {
            return Err(StoreError::Locked {
                path: database.to_path_buf(),
                holder: read(&mut file),
                waited,
            });
        }
        let pause = POLL.min(options.lock_wait.saturating_sub(waited));
        std::thread::sleep(pause);
        waited = waited.saturating_add(pause);
    }
    private_if_new(&file).map_err(|error| file_error("set the mode of", &path, error))?;
    write(&mut file, &options.holder).map_err(|error| file_error("write", &path, error))?;
    Ok(Lock { file })
}

/// The umask can have taken the owner's own rights away from a new file.
fn private_if_new(file: &File) -> std::io::Result<()> {
    if file.metadata()?.len() == 0 {
        file.set_permissions(Permissions::from_mode(PRIVATE))?;
    }
    Ok(())
}

fn write(file: &mut File, holder: &str) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    // One line, so that it can be read back and cannot fake a second one.
    let holder: String = holder
        .chars()
        .filter(|c| !c.is_control())
        .take(200)
        .collect();
    file.write_all(format!("{}\n{holder}\n", std::process::id()).as_bytes())
}

/// Who holds the lock, as far as the file says so; the time is that of its last writing.
fn read(file: &mut File) -> Option<Holder> {
    let since = Timestamp::try_from(file.metadata().ok()?.modified().ok()?).ok()?;
    file.rewind().ok()?;
    let mut text = String::new();
    file.take(TEXT_MAX).read_to_string(&mut text).ok()?;
    let mut lines = text.lines();
    let pid = lines.next()?.parse().ok()?;
    let what: String = lines.next()?.chars().filter(|c| !c.is_control()).collect();
    Some(Holder { what, pid, since })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_let_go_is_free_even_while_a_child_has_the_open_file() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("slotbridge.db");
        let options = OpenOptions {
            lock_wait: Duration::ZERO,
            holder: "a test".to_owned(),
        };
        let lock = acquire(&database, &options).unwrap();
        let as_a_child_has_it = lock.file.try_clone().unwrap();
        drop(lock);
        acquire(&database, &options).unwrap();
        drop(as_a_child_has_it);
    }
}
