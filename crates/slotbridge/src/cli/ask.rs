//! Questions before something is done that is not taken back easily: shown first, answered at the terminal or by
//! `--yes`.

use std::io::{self, BufRead as _, IsTerminal as _};

use slotbridge_engine::bridge::Mode;
use slotbridge_engine::report::Report;
use slotbridge_engine::undo::Ask;
use slotbridge_platform::system_seam::SystemSeam;
use slotbridge_store::{OpenOptions, Store, StoreError};

use super::Global;
use super::output::Output;
use super::report::{Exit, Failure};
use crate::config::Config;
use crate::render::{self, Format, Showing};

/// How the lock of a running daemon says what holds it.
const DAEMON: &str = "slotbridge run";

/// Whether anybody can answer: without a terminal and without `--yes` only the plan is shown.
pub(crate) fn mode(global: &Global, dry_run: bool) -> Mode {
    if dry_run || !(global.yes || io::stdin().is_terminal()) {
        Mode::DryRun
    } else {
        Mode::Apply
    }
}

/// The person at the terminal.
pub(crate) struct Person<'a> {
    pub(crate) yes: bool,
    pub(crate) output: &'a Output,
    pub(crate) showing: &'a Showing,
    /// What is asked after the plan, by how many writes it has.
    pub(crate) question: &'a (dyn Fn(u64) -> String + Send + Sync),
    /// Whether the number is told even where nobody is asked.
    pub(crate) tells_number: bool,
}

impl Ask for Person<'_> {
    fn go_on(&self, plan: &Report) -> bool {
        self.output.bars().clear();
        let operations = plan.bridges.iter().flat_map(|bridge| &bridge.operations);
        let number = operations.filter(|operation| !operation.held).count();
        let question = (self.question)(u64::try_from(number).unwrap_or(u64::MAX));
        if self.yes {
            if self.tells_number {
                self.output.note(&format!("{question} Yes."));
            }
            return true;
        }
        self.output
            .note(&render::report(plan, Format::Text, self.showing));
        confirmed(self.output, &question)
    }
}

/// Asks on standard error, so that the report stays alone on standard output.
pub(crate) fn confirmed(output: &Output, question: &str) -> bool {
    output.note(&format!("{question} Type yes to go on:"));
    let mut answer = String::new();
    // An input that cannot be read is no yes.
    let read = io::stdin().lock().read_line(&mut answer).is_ok();
    read && is_yes(&answer)
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// Opens the database for a command that needs it for itself.
pub(crate) async fn open(global: &Global, config: &Config, holder: &str) -> Result<Store, Failure> {
    // A daemon does not let go of it soon.
    let at_once = try_open(config, std::time::Duration::ZERO, holder).await;
    match at_once {
        Err(error) if is_daemon(&error) => Err(Failure::Plain {
            message: super::report::chain(&error),
            hint: Some(
                "this command needs the database for itself: stop the service (`systemctl stop slotbridge`), run the \
                 command, and start the service again"
                    .to_owned(),
            ),
            exit: Exit::Trouble,
        }),
        Err(StoreError::Locked { .. }) => Ok(try_open(config, global.wait, holder).await?),
        opened => Ok(opened?),
    }
}

fn is_daemon(error: &StoreError) -> bool {
    matches!(error, StoreError::Locked { holder: Some(holder), .. } if holder.what.starts_with(DAEMON))
}

async fn try_open(
    config: &Config,
    lock_wait: std::time::Duration,
    holder: &str,
) -> Result<Store, StoreError> {
    let path = config.store.clone();
    let options = OpenOptions {
        lock_wait,
        holder: holder.to_owned(),
    };
    tokio::task::spawn_blocking(move || Store::open(&path, &options))
        .await
        .unwrap_or(Err(StoreError::Fault))
}

/// A copy of the database in memory, which a daemon may go on writing meanwhile.
pub(crate) async fn open_copy(config: &Config) -> Result<Store, StoreError> {
    let path = config.store.clone();
    tokio::task::spawn_blocking(move || Store::open_copy(&path))
        .await
        .unwrap_or(Err(StoreError::Fault))
}

/// The time now.
pub(crate) fn now() -> jiff::Timestamp {
    use slotbridge_platform::seam::Seam as _;
    SystemSeam::new().now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_yes_is_one() {
        for yes in ["yes\n", "y", " YES \r\n", "Y\n"] {
            assert!(is_yes(yes), "{yes:?}");
        }
        for no in ["", "\n", "no", "yes please", "yeah", "да", "1"] {
            assert!(!is_yes(no), "{no:?}");
        }
    }
}
