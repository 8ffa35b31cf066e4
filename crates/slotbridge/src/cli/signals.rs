//! SIGHUP: somebody asks the daemon to read its config again.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::report::Failure;

/// The wishes for a reload, one after the other. Several that come while nobody looks are one.
#[derive(Debug)]
pub(crate) struct Reloads {
    hangups: Signal,
}

impl Reloads {
    /// Starts listening. From here on a SIGHUP no longer ends the process.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let hangups = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
        Ok(Self { hangups })
    }

    /// Waits for the next wish. Nothing is lost when the waiting is given up, as `tokio::select!` does.
    pub(crate) async fn next(&mut self) {
        if self.hangups.recv().await.is_none() {
            // The runtime delivers no signals any more; a stream that is at its end must not look like wishes.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn hang_up() {
        let me = std::process::id().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-HUP", &me])
            .status();
        assert!(sent.unwrap().success());
    }

    #[tokio::test]
    async fn each_hangup_is_one_wish_and_ends_nothing() {
        let mut reloads = Reloads::listen().unwrap();
        for _ in 0..2 {
            let none = tokio::time::timeout(Duration::ZERO, reloads.next()).await;
            assert!(none.is_err(), "nobody has asked");
            hang_up();
            tokio::time::timeout(Duration::from_secs(30), reloads.next())
                .await
                .unwrap();
        }
    }
}
