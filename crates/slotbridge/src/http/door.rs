//! What is remembered of one platform's webhooks: how many wait, which bodies came lately, when a look was asked for.
//!
//! Plain values under one lock that is never held across a wait; times are the seam's steady clock.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a count of the waiting webhooks is good for.
const COUNT_EVERY: Duration = Duration::from_secs(1);
/// How long a body is remembered.
const REPLAY_WITHIN: Duration = Duration::from_hours(1);
/// How many bodies are remembered.
const BODIES_MAX: usize = 10_000;
/// The least time between two looks that are asked for because webhooks could not be used.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// One platform's door.
#[derive(Debug, Default)]
pub(super) struct Door(Mutex<State>);

/// What stands behind it.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) waiting: Waiting,
    pub(super) bodies: Bodies,
    pub(super) look: Look,
}

impl Door {
    pub(super) fn open(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many webhooks wait: the last count in the database, and what came since. Never less than there are, but for
/// what was under way while they were counted.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    stored: u64,
    under_way: u64,
    counted_at: Option<Duration>,
}

impl Waiting {
    /// Whether the database is to be counted now. Says so once: whoever hears it counts.
    pub(super) fn is_due(&mut self, now: Duration) -> bool {
        let due = self
            .counted_at
            .is_none_or(|at| now.saturating_sub(at) >= COUNT_EVERY);
        if due {
            self.counted_at = Some(now);
        }
        due
    }

    /// Takes a new count.
    pub(super) fn counted(&mut self, stored: u64) {
        self.stored = stored;
    }

    /// Makes room for one more, if there is any.
    pub(super) fn enter(&mut self, most: u64) -> bool {
        let fits = self.stored.saturating_add(self.under_way) < most;
        if fits {
            self.under_way += 1;
        }
        fits
    }

    /// One that has entered is stored, or is not.
    pub(super) fn settle(&mut self, stored: bool) {
        self.under_way = self.under_way.saturating_sub(1);
        self.stored += u64::from(stored);
    }
}

/// The bodies of the last hour, by their hash.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    /// The number of each body's last delivery.
    last: HashMap<[u8; 32], u64>,
    /// In their order; a delivery that is not its body's last one stands for nothing.
    deliveries: VecDeque<Delivery>,
    number: u64,
}

#[derive(Debug, Clone, Copy)]
struct Delivery {
    hash: [u8; 32],
    number: u64,
    at: Duration,
}

impl Bodies {
    /// Remembers a body, and says whether it came before within the last hour.
    pub(super) fn seen(&mut self, hash: [u8; 32], now: Duration) -> bool {
        while let Some(oldest) = self.deliveries.front().copied() {
            let over = now.saturating_sub(oldest.at) >= REPLAY_WITHIN;
            if !over && self.deliveries.len() < BODIES_MAX {
                break;
            }
            self.deliveries.pop_front();
            if self.last.get(&oldest.hash) == Some(&oldest.number) {
                self.last.remove(&oldest.hash);
            }
        }
        self.number += 1;
        let number = self.number;
        self.deliveries.push_back(Delivery {
            hash,
            number,
            at: now,
        });
        self.last.insert(hash, number).is_some()
    }
}

/// When a look was last asked for.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Ahead of the clock while a look is still to be asked for.
    last: Option<Duration>,
}

/// When to ask for a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// At once.
    Now,
    /// After this time: the last one is not long ago.
    After(Duration),
    /// Not again: one is going to be asked for.
    Planned,
}

impl Look {
    /// A look is wanted.
    pub(super) fn want(&mut self, now: Duration) -> When {
        let Some(last) = self.last else {
            self.last = Some(now);
            return When::Now;
        };
        let next = last.saturating_add(LOOK_EVERY);
        if now >= next {
            self.last = Some(now);
            When::Now
        } else if now < last {
            When::Planned
        } else {
            self.last = Some(next);
            When::After(next.saturating_sub(now))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    #[test]
    fn there_is_room_until_what_waits_and_what_is_under_way_reach_the_limit() {
        let mut waiting = Waiting::default();
        waiting.counted(1);
        assert_eq!([(); 3].map(|()| waiting.enter(3)), [true, true, false]);
        // One was stored and takes its room, the other was not and gives it back.
        waiting.settle(true);
        waiting.settle(false);
        assert_eq!([(); 2].map(|()| waiting.enter(3)), [true, false]);
        // The daemon has worked off everything; what is under way still counts.
        waiting.counted(0);
        assert_eq!([(); 3].map(|()| waiting.enter(3)), [true, true, false]);
    }

    #[test]
    fn the_database_is_counted_at_first_and_then_once_a_second() {
        let mut waiting = Waiting::default();
        let asked = [(0, 0), (0, 500), (0, 999), (1, 0), (1, 1), (9, 0)];
        let due = asked.map(|(s, ms)| waiting.is_due(second(s) + Duration::from_millis(ms)));
        assert_eq!(due, [true, false, false, true, false, true]);
    }

    #[test]
    fn a_body_is_a_replay_for_an_hour_after_its_last_delivery() {
        let mut bodies = Bodies::default();
        assert!(!bodies.seen([1; 32], second(0)));
        assert!(!bodies.seen([2; 32], second(1)));
        assert!(bodies.seen([1; 32], second(3_000)));
        // Counted from the second delivery, not from the first.
        assert!(bodies.seen([1; 32], second(6_599)));
        assert!(!bodies.seen([2; 32], second(6_599)));
        assert!(!bodies.seen([1; 32], second(6_599 + 3_600)));
    }

    #[test]
    fn bodies_are_remembered_in_bounded_memory_the_oldest_are_forgotten() {
        let mut bodies = Bodies::default();
        let hash = |number: u64| {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&number.to_le_bytes());
            hash
        };
        for number in 0..25_000 {
            assert!(!bodies.seen(hash(number), second(1)));
        }
        assert_eq!(bodies.deliveries.len(), BODIES_MAX);
        assert_eq!(bodies.last.len(), BODIES_MAX);
        assert!(bodies.seen(hash(24_999), second(1)));
        assert!(!bodies.seen(hash(1), second(1)));
        // The same body over and over takes no more.
        for _ in 0..25_000 {
            bodies.seen(hash(7), second(2));
        }
        assert!(bodies.deliveries.len() <= BODIES_MAX && bodies.last.len() <= BODIES_MAX);
        assert!(bodies.seen(hash(7), second(3)));
    }

    #[test]
    fn looks_are_asked_for_at_most_every_ten_seconds_and_the_last_wish_is_never_lost() {
        let mut look = Look::default();
        assert_eq!(look.want(second(0)), When::Now);
        assert_eq!(look.want(second(4)), When::After(second(6)));
        assert_eq!(look.want(second(5)), When::Planned);
        // The planned one was at 10; this one is too soon after it.
        assert_eq!(look.want(second(12)), When::After(second(8)));
        assert_eq!(look.want(second(40)), When::Now);
    }
}
