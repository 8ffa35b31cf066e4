//! Questions before something is done that is not taken back easily: shown first, answered at the terminal or by
//! `--yes`.

use std::io::{self, BufRead as _, IsTerminal as _};

use slotbridge_engine::bridge::Mode;
use slotbridge_engine::report::Report;
use slotbridge_engine::undo::Ask;
use slotbridge_platform::system_seam::SystemSeam;

use super::Global;
use super::output::Output;
use crate::render::{self, Format, Showing};

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
