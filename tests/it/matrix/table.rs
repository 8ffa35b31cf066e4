//! The table of the matrix: platform by platform by action.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::{ACTIONS, Action, Column};

/// What became of an action.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cell {
    /// It arrived.
    Ok,
    /// One of the two has no word for it, and nothing else happened.
    NotHeld,
    /// It did not arrive, or something else did.
    Wrong(String),
}

/// What became of everything.
#[derive(Debug, Default)]
pub(super) struct Table {
    cells: BTreeMap<(Column, Column, Action), Cell>,
    troubles: Vec<String>,
}

impl Table {
    /// Fills the rows side by side; a row that panics fails the test.
    pub(super) fn of_rows<F>(rows: impl Iterator<Item = F>) -> Self
    where
        F: FnOnce(&mut Self) + Send,
    {
        let whole = Mutex::new(Self::default());
        std::thread::scope(|scope| {
            for row in rows {
                let whole = &whole;
                scope.spawn(move || {
                    let mut mine = Self::default();
                    row(&mut mine);
                    whole.lock().unwrap().merge(mine);
                });
            }
        });
        whole.into_inner().unwrap()
    }

    fn merge(&mut self, other: Self) {
        for ((from, to, action), cell) in other.cells {
            self.add(from, to, action, cell);
        }
        self.troubles.extend(other.troubles);
    }

    /// Adds what became of an action; the worst counts.
    pub(super) fn add(&mut self, from: Column, to: Column, action: Action, cell: Cell) {
        let worst = self
            .cells
            .entry((from, to, action))
            .or_insert_with(|| cell.clone());
        *worst = cell.max(worst.clone());
    }

    /// Notes what went wrong outside of any cell.
    pub(super) fn note(&mut self, what: &str, done: Result<(), String>) {
        if let Err(why) = done {
            self.troubles.push(format!("{what}: {why}"));
        }
    }

    fn shown(&self, from: Column, to: Column, action: Action) -> &'static str {
        match self.cells.get(&(from, to, action)) {
            Some(Cell::Ok) => "ok",
            Some(Cell::NotHeld) => "not held",
            Some(Cell::Wrong(_)) => "WRONG",
            None => "-",
        }
    }

    /// Prints it for people.
    #[expect(
        clippy::print_stdout,
        reason = "the table is asked for; a passing test shows it with --nocapture"
    )]
    pub(super) fn print(&self, columns: &[Column]) {
        let heads = ACTIONS.map(|action| format!("{action:?}").to_lowercase());
        println!("| from | to | {} |", heads.join(" | "));
        println!("| --- | --- |{}", " --- |".repeat(heads.len()));
        for (from, to) in pairs(columns) {
            let cells = ACTIONS.map(|action| self.shown(from, to, action));
            println!(
                "| {} | {} | {} |",
                from.title(),
                to.title(),
                cells.join(" | ")
            );
        }
    }

    /// Fails if any cell is wrong or was never filled, other than those of `open`, or if anything went wrong beside them.
    pub(super) fn assert_right(&self, columns: &[Column], open: &[(Column, Action)]) {
        let mut wrong = self.troubles.clone();
        for (from, to) in pairs(columns) {
            for action in ACTIONS {
                let cell = self.cells.get(&(from, to, action));
                let right = match cell {
                    Some(Cell::Ok | Cell::NotHeld) => true,
                    Some(Cell::Wrong(_)) => false,
                    None => open.contains(&(from, action)),
                };
                if !right {
                    wrong.push(format!("{from:?} → {to:?}, {action:?}: {cell:?}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// Every ordered pair of two different platforms.
fn pairs(columns: &[Column]) -> Vec<(Column, Column)> {
    let mut pairs = Vec::new();
    for from in columns {
        let others = columns.iter().filter(|to| *to != from);
        pairs.extend(others.map(|to| (*from, *to)));
    }
    pairs
}
