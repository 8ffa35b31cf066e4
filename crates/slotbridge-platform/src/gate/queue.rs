//! Who waits at the gate, and who goes next.
//!
//! The first waiting call of the most urgent rank goes next, with one exception: a rank that was passed over by
//! [`PASSED_OVER_MAX`] more urgent calls since it last had a turn goes before all others. So writes overtake sweeps, but
//! of any ten calls in a row at least one is a sweep while one waits, and at most three of ten are not for the most
//! urgent rank.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::platform::Priority;

/// How many more urgent calls a waiting rank lets pass.
pub(super) const PASSED_OVER_MAX: u32 = 9;

const RANKS: [Priority; 4] = [
    Priority::Write,
    Priority::Hint,
    Priority::Poll,
    Priority::Sweep,
];

/// A place in the queue; lower ones came first.
pub(super) type Ticket = u64;

#[derive(Debug, Default)]
struct Rank {
    waiting: BTreeMap<Ticket, Arc<Notify>>,
    passed_over: u32,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    ranks: [Rank; 4],
    tickets: Ticket,
}

impl Queue {
    /// A place behind everybody who has one.
    pub(super) fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        self.tickets
    }

    pub(super) fn join(&mut self, priority: Priority, ticket: Ticket, bell: Arc<Notify>) {
        self.rank(priority).waiting.insert(ticket, bell);
    }

    /// Someone leaves without a turn.
    pub(super) fn leave(&mut self, priority: Priority, ticket: Ticket) {
        let rank = self.rank(priority);
        rank.waiting.remove(&ticket);
        if rank.waiting.is_empty() {
            rank.passed_over = 0;
        }
    }

    /// Someone has a turn.
    pub(super) fn turn(&mut self, priority: Priority, ticket: Ticket) {
        for (rank, of) in self.ranks.iter_mut().zip(RANKS) {
            if of == priority {
                rank.waiting.remove(&ticket);
                rank.passed_over = 0;
            } else if of > priority && !rank.waiting.is_empty() {
                rank.passed_over += 1;
            }
        }
    }

    /// Whose turn it is.
    pub(super) fn next(&self) -> Option<(Ticket, &Arc<Notify>)> {
        let waiting = || self.ranks.iter().filter(|rank| !rank.waiting.is_empty());
        // The longest passed over; of equals the most urgent.
        let owed = waiting()
            .filter(|rank| rank.passed_over >= PASSED_OVER_MAX)
            .rev()
            .max_by_key(|rank| rank.passed_over);
        let rank = owed.or_else(|| waiting().next())?;
        rank.waiting
            .first_key_value()
            .map(|(ticket, bell)| (*ticket, bell))
    }

    pub(super) fn len(&self) -> usize {
        self.ranks.iter().map(|rank| rank.waiting.len()).sum()
    }

    fn rank(&mut self, priority: Priority) -> &mut Rank {
        let [write, hint, poll, sweep] = &mut self.ranks;
        match priority {
            Priority::Write => write,
            Priority::Hint => hint,
            Priority::Poll => poll,
            Priority::Sweep => sweep,
        }
    }
}
