//! What the daemon and systemd say to each other: ready, status, reload, stop, the watchdog, and the journal.
//!
//! Everything here does nothing where no systemd listens, so callers need not ask. This is the only place that reads
//! the environment variables which systemd sets for a service.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use sd_notify::NotifyState;

/// Tells systemd how the service is.
///
/// A notice that cannot be sent is logged and otherwise nobody's concern: bookings matter more than what
/// `systemctl status` shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Notifier {
    listened_to: bool,
}

impl Notifier {
    /// As the environment says; a notifier that says nothing when `NOTIFY_SOCKET` is not set.
    pub(crate) fn from_env() -> Self {
        Self {
            listened_to: std::env::var_os("NOTIFY_SOCKET").is_some(),
        }
    }

    /// The service is up, or has taken over a reloaded config.
    pub(crate) fn ready(self, status: &str) {
        let status = one_line(status);
        self.tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
    }

    /// What the service is about, as `systemctl status` shows it. Never anything of a client.
    pub(crate) fn status(self, text: &str) {
        self.tell(&[NotifyState::Status(&one_line(text))]);
    }

    /// A reload has begun; [`ready`](Self::ready) ends it, whether or not the new config was taken.
    pub(crate) fn reloading(self) {
        match NotifyState::monotonic_usec_now() {
            // Without the time, a unit of `Type=notify-reload` would be taken for stuck and ended.
            Ok(now) => self.tell(&[NotifyState::Reloading, now]),
            Err(error) => tracing::warn!("cannot tell systemd of a reload: {error}"),
        }
    }

    /// The service is on its way out.
    pub(crate) fn stopping(self) {
        self.tell(&[NotifyState::Stopping]);
    }

    /// A sign of life for the watchdog. To be sent by what does the work, never by a timer of its own.
    pub(crate) fn alive(self) {
        self.tell(&[NotifyState::Watchdog]);
    }

    /// How often systemd should see a sign of life: twice as often as it insists on. `None` without a watchdog for this
    /// process.
    pub(crate) fn watchdog_every(self) -> Option<Duration> {
        self.listened_to
            .then(sd_notify::watchdog_enabled)
            .flatten()
            .map(|insisted| insisted / 2)
            .filter(|every| !every.is_zero())
    }

    fn tell(self, states: &[NotifyState<'_>]) {
        if !self.listened_to {
            return;
        }
        if let Err(error) = sd_notify::notify(states) {
            tracing::warn!("cannot tell systemd how the service is: {error}");
        }
    }
}

/// A line break would end the status and begin another notice.
fn one_line(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join(" ")
}

/// Whether standard error goes straight to the journal, which stamps lines itself and wants to know their priority.
pub(crate) fn journal_reads_stderr() -> bool {
    let Some(stream) = std::env::var_os("JOURNAL_STREAM") else {
        return false;
    };
    stream
        .to_str()
        .is_some_and(|stream| is_stream(std::io::stderr().as_fd(), stream))
}

/// Whether a file is the one that `JOURNAL_STREAM` names as `DEVICE:INODE`. The variable alone says little: it is
/// inherited by everything that a service starts, wherever that writes.
fn is_stream(file: BorrowedFd<'_>, stream: &str) -> bool {
    let numbers = stream.split_once(':').and_then(|(device, inode)| {
        Some((device.parse::<u64>().ok()?, inode.parse::<u64>().ok()?))
    });
    let metadata = file.try_clone_to_owned().map(File::from);
    match (numbers, metadata.and_then(|file| file.metadata())) {
        (Some(named), Ok(metadata)) => named == (metadata.dev(), metadata.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
