//! Named fault rules: an ordered list per platform, of which the first that is due decides.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::dice::Dice;
use crate::locked;

/// What goes wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The call is carried out and the connection closes without an answer.
    ReplyLost,
    /// The connection closes before anything happened.
    DropBefore,
    /// An error in the platform's own form, and nothing happened.
    ErrorBefore {
        /// The status answered; 200 on Rubitime gives its own kind of error.
        status: u16,
    },
    /// The call is carried out and answered as an error all the same.
    ErrorAfter {
        /// The status answered; 200 on Rubitime gives its own kind of error.
        status: u16,
    },
    /// The platform's rate-limit answer, and nothing happened.
    TooManyRequests {
        /// The value of the `Retry-After` header, rounded up to seconds.
        retry_after: Option<Duration>,
    },
    /// The call is carried out `delay` after it arrived, also when the client has gone by then.
    Slow {
        /// How long the platform waits.
        delay: Duration,
    },
    /// The call is carried out at once and answered after `delay`.
    SlowAnswer {
        /// How long the platform waits.
        delay: Duration,
    },
    /// The call is carried out and the answer's body stops in the middle.
    Truncated,
    /// A listing holds only its first rows and still tells its true total.
    ListingCut {
        /// How many rows (on Rubitime: days) stay.
        keep: usize,
    },
    /// A listing is empty and says so.
    EmptyListing,
    /// A page for people, and nothing happened.
    HtmlError {
        /// The status answered.
        status: u16,
    },
    /// The token or key isn't valid any more, in the platform's own form.
    ExpiredToken,
    /// The call is carried out and answered with success and JSON of an unexpected shape.
    Garbage,
}

/// Which of the calls of its method a rule strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The nth one since the rule was added, counted from 1.
    Nth(u64),
    /// Every one.
    Every,
    /// The next so many.
    Next(u64),
    /// Each one by a seeded chance.
    Chance {
        /// How many of a thousand.
        permille: u16,
        /// The seed of the sequence.
        seed: u64,
    },
}

/// One named rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The name under which it shows in the call log.
    pub name: String,
    /// The method it is about, or `*` for all.
    pub method: String,
    /// Which calls of that method.
    pub which: Which,
    /// What happens to them.
    pub fault: Fault,
}

#[derive(Debug)]
struct Armed {
    rule: Rule,
    seen: u64,
    fired: u64,
    dice: Dice,
}

/// The rules of one platform in order; clones share them.
#[derive(Debug, Clone)]
pub struct Faults {
    methods: &'static [&'static str],
    rules: Arc<Mutex<Vec<Armed>>>,
}

impl Faults {
    pub(crate) fn new(methods: &'static [&'static str]) -> Self {
        Self {
            methods,
            rules: Arc::new(Mutex::new(Vec::new())),
        }
    }

    /// Appends a rule.
    ///
    /// # Panics
    /// When this platform has no such method: such a rule would never fire, and a test of it never fail.
    pub fn add(&self, name: &str, method: &str, which: Which, fault: Fault) {
        assert!(
            method == "*" || self.methods.contains(&method),
            "no method {method}; there are {:?}",
            self.methods
        );
        let seed = match which {
            Which::Chance { seed, .. } => seed,
            Which::Nth(_) | Which::Every | Which::Next(_) => 0,
        };
        locked(&self.rules).push(Armed {
            rule: Rule {
                name: name.to_owned(),
                method: method.to_owned(),
                which,
                fault,
            },
            seen: 0,
            fired: 0,
            dice: Dice::new(seed),
        });
    }

    /// Takes all rules away.
    pub fn clear(&self) {
        locked(&self.rules).clear();
    }

    /// Tells how often the rules of that name fired; none if there is no such rule.
    pub fn fired(&self, name: &str) -> Option<u64> {
        let rules = locked(&self.rules);
        let mut named = rules.iter().filter(|armed| armed.rule.name == name);
        let first = named.next()?.fired;
        Some(named.fold(first, |sum, armed| sum + armed.fired))
    }

    /// Picks what happens to a call that arrives now.
    pub(crate) fn pick(&self, method: &str) -> Option<(String, Fault)> {
        let mut picked = None;
        for armed in locked(&self.rules).iter_mut() {
            if armed.rule.method != "*" && armed.rule.method != method {
                continue;
            }
            // Every rule counts every call of its method, whichever rule decides.
            armed.seen += 1;
            let due = match armed.rule.which {
                Which::Nth(nth) => armed.seen == nth,
                Which::Every => true,
                Which::Next(calls) => armed.fired < calls,
                Which::Chance { permille, .. } => armed.dice.below(1000) < u64::from(permille),
            };
            if due && picked.is_none() {
                armed.fired += 1;
                picked = Some((armed.rule.name.clone(), armed.rule.fault.clone()));
            }
        }
        picked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHODS: &[&str] = &["list", "create"];

    fn names(faults: &Faults, method: &str, calls: usize) -> Vec<String> {
        (0..calls)
            .map(|_| {
                faults
                    .pick(method)
                    .map_or_else(|| "-".to_owned(), |(name, _)| name)
            })
            .collect()
    }

    #[test]
    fn the_first_rule_that_is_due_decides_and_all_of_them_count() {
        let faults = Faults::new(METHODS);
        faults.add("second", "list", Which::Nth(2), Fault::Truncated);
        faults.add("two", "*", Which::Next(2), Fault::Garbage);
        faults.add("third", "list", Which::Nth(3), Fault::ReplyLost);
        assert_eq!(
            names(&faults, "list", 5),
            ["two", "second", "two", "-", "-"]
        );
        assert_eq!(faults.fired("two"), Some(2));
        assert_eq!(faults.fired("third"), Some(0));
        assert_eq!(faults.fired("nobody"), None);
        faults.clear();
        assert_eq!(names(&faults, "list", 1), ["-"]);
    }

    #[test]
    fn a_chance_replays_from_its_seed_and_keeps_its_share() {
        let sequence = |seed| {
            let faults = Faults::new(METHODS);
            faults.add(
                "rain",
                "create",
                Which::Chance {
                    permille: 250,
                    seed,
                },
                Fault::DropBefore,
            );
            names(&faults, "create", 1000)
        };
        assert_eq!(sequence(7), sequence(7));
        assert_ne!(sequence(7), sequence(8));
        let rained = sequence(7).iter().filter(|name| *name == "rain").count();
        assert!((200..300).contains(&rained), "{rained}");
    }

    #[test]
    fn a_misspelt_method_is_refused() {
        let faults = Faults::new(METHODS);
        let added = std::panic::catch_unwind(|| {
            faults.add("typo", "lists", Which::Every, Fault::Truncated);
        });
        assert!(added.is_err());
    }
}
