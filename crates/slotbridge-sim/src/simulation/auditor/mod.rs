//! Judges what a bridge makes of what people did, by a model of its own.
//!
//! It hears of every act of a person and looks at the platforms after every write. It never calls or reads slotbridge's
//! own code: what is right follows from what people said, and from what each platform can hold.
//!
//! # What it holds a bridge to
//! The eight invariants, [`Invariant`]. Where something may rightly be missing (two people took one time, a time that
//! cannot be spelled there, a record that nobody can list), the auditor must see the reason itself, *and* the bridge must
//! have told it; one of the two is not enough.
//!
//! # What it forgives
//! What a person does while a run is at work may be lost if it is an edit of a record that the run writes: the platforms
//! have no conditional writes. A booking or a cancellation is never forgiven.

mod client;
mod finish;
mod history;
mod holds;
#[cfg(test)]
mod tests;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::person::Seen;
use crate::simulation::cast;
use crate::simulation::scenario::Scenario;
use crate::simulation::stage::Stage;
use crate::world::Place;

use client::{Circumstances, Client, Moment};
pub use holds::Field;
pub(crate) use holds::statuses;
pub use told::{ConflictTold, Subject, Told, Trouble};

/// How long it takes at most until a write was answered, or given up.
const ANSWERED_WITHIN: SignedDuration = SignedDuration::from_mins(2);

/// What a bridge promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// When people and faults stop, every platform shows the same, and the next pass writes nothing.
    Convergence,
    /// No platform ever holds two live records of one booking.
    NoDuplicates,
    /// What a person booked is removed or overwritten only by a person, or by a policy that is told of.
    NothingLost,
    /// What a person cancelled does not come back.
    NoResurrection,
    /// No platform sees more calls than it allows.
    Quota,
    /// A dry run writes nothing.
    DryRun,
    /// After a crash the next start goes on.
    CrashSafe,
    /// No client data in logs and errors.
    Privacy,
}

impl Invariant {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Convergence,
        Self::NoDuplicates,
        Self::NothingLost,
        Self::NoResurrection,
        Self::Quota,
        Self::DryRun,
        Self::CrashSafe,
        Self::Privacy,
    ];
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Convergence => "convergence",
            Self::NoDuplicates => "no duplicates",
            Self::NothingLost => "nothing lost",
            Self::NoResurrection => "no resurrection",
            Self::Quota => "quota",
            Self::DryRun => "dry run writes nothing",
            Self::CrashSafe => "crash-safe",
            Self::Privacy => "privacy",
        })
    }
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// When, by the platforms' clocks.
    pub at: Timestamp,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {}", self.invariant, self.at, self.what)
    }
}

/// What the auditor knows.
#[derive(Debug)]
pub struct Auditor {
    scenario: Scenario,
    clients: BTreeMap<u64, Client>,
    violations: Vec<Violation>,
    /// How many runs have begun.
    run: u64,
    /// The last run that was killed.
    died_in: Option<u64>,
    /// Whether one is at work.
    at_work: bool,
    /// What was already found of each platform.
    known_twins: BTreeMap<Place, usize>,
    known_refusals: BTreeMap<Place, usize>,
    /// Copies made in the run that is at work, where they cannot be listed, and when.
    fresh: BTreeMap<(Place, u64), Timestamp>,
    /// Whose record was edited, where and when.
    edits: Vec<(Timestamp, Place, u64)>,
    /// How many whole lists of what stands the run that is at work was given, and where a run was last given one and lived
    /// to keep it.
    looks: BTreeMap<Place, usize>,
    looked: BTreeMap<Place, Moment>,
    /// Where and when a write was last not answered, and by which run.
    unheard: BTreeMap<Place, (u64, Timestamp)>,
    /// Where a person removed a record of which nothing is left.
    removed: BTreeSet<Place>,
    /// Whether a run was killed, or an answer was lost where nothing can be listed: something may be open for ever.
    doubts: bool,
}

impl Auditor {
    /// An auditor of a life that has not begun.
    pub fn new(scenario: &Scenario) -> Self {
        Self {
            scenario: scenario.clone(),
            clients: BTreeMap::new(),
            violations: Vec::new(),
            run: 0,
            died_in: None,
            at_work: false,
            known_twins: BTreeMap::new(),
            known_refusals: BTreeMap::new(),
            fresh: BTreeMap::new(),
            edits: Vec::new(),
            looks: BTreeMap::new(),
            looked: BTreeMap::new(),
            unheard: BTreeMap::new(),
            removed: BTreeSet::new(),
            doubts: false,
        }
    }

    /// What was found so far.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Notes a broken promise that somebody else has seen.
    pub fn object(&mut self, invariant: Invariant, at: Timestamp, what: String) {
        self.violations.push(Violation {
            invariant,
            at,
            what,
        });
    }

    /// A run begins; gives its number, by which its writes are known.
    pub fn run_begins(&mut self) -> u64 {
        self.run += 1;
        self.at_work = true;
        self.fresh.clear();
        self.looks.clear();
        self.run
    }

    /// A run is over, or was killed.
    pub fn run_ends(&mut self, killed: bool, now: Timestamp) {
        self.at_work = false;
        self.doubts |= killed;
        if killed {
            self.died_in = Some(self.run);
        }
        for (place, lists) in std::mem::take(&mut self.looks) {
            if !killed {
                self.looked.insert(place, (self.run, lists));
            }
        }
        for ((place, client), made_at) in std::mem::take(&mut self.fresh) {
            // What was made longer ago was answered and written down.
            let just_made = now.duration_since(made_at) < ANSWERED_WITHIN;
            if killed
                && just_made
                && let Some(client) = self.clients.get_mut(&client)
            {
                client.cut.insert(place);
            }
        }
    }

    /// A run was given a whole list of what stands at a platform.
    pub fn listed(&mut self, place: Place, run: u64) {
        if self.at_work && run == self.run {
            *self.looks.entry(place).or_default() += 1;
        }
    }

    /// The run keeps nothing of what it saw.
    pub fn forget_looks(&mut self) {
        self.looks.clear();
    }

    /// Whether a run is at work at this moment, of an engine that is always on.
    pub fn set_at_work(&mut self, at_work: bool) {
        self.at_work = at_work;
    }

    /// The number of the run that is at work, or was last.
    pub const fn run(&self) -> u64 {
        self.run
    }

    /// A person has booked.
    pub fn booked(&mut self, place: Place, seen: &Seen) {
        let Some(number) = cast::client_of(&seen.name) else {
            return;
        };
        // Where nothing can be listed, only what the owner names can be known.
        let unlisted = place == Place::Rubitime && !self.scenario.named;
        if let Some(client) = self.clients.get_mut(&number) {
            client.books_again((place, self.run), seen, self.scenario.sink);
            return;
        }
        self.clients
            .insert(number, Client::new(place, seen, unlisted));
    }

    /// A person has changed a record.
    pub fn changed(&mut self, (place, at): (Place, Timestamp), before: &Seen, after: &Seen) {
        let run = self.run;
        let by_runs = !self.scenario.always_on;
        let unheard = self.unheard.get(&place).is_some_and(|(by, since)| {
            by_runs && *by == run || at.duration_since(*since) < ANSWERED_WITHIN
        });
        let how = Circumstances {
            racy: self.at_work,
            unheard,
            by_runs,
        };
        let sink = self.scenario.sink;
        if let Some(client) = self.client_of(before) {
            client.edited((place, run), before, after, how, sink);
        }
        if let Some(number) = cast::client_of(&before.name) {
            self.edits.push((at, place, number));
        }
    }

    /// A write has landed that went out then, perhaps before the process died: whoever edited in between did so while a run
    /// was still at work.
    pub fn arrived(&mut self, place: Place, sent_at: Timestamp) {
        let since = self.edits.iter().rev();
        for (_, at, number) in since.take_while(|(said_at, ..)| *said_at >= sent_at) {
            if *at == place
                && let Some(client) = self.clients.get_mut(number)
            {
                client.was_overtaken((place, self.run));
            }
        }
    }

    /// A person is about to cancel or remove a record; `others` are the live records of the client elsewhere.
    pub fn cancelled(&mut self, place: Place, before: &Seen, others: &[(Place, Seen)]) {
        let (sink, run) = (self.scenario.sink, self.run);
        let looked = self.looked.get(&place).copied().unwrap_or_default();
        if let Some(client) = self.client_of(before) {
            client.cancelled((place, run, looked), before, others, sink);
        }
    }

    /// What a person cancelled is not even shown as cancelled any more.
    pub fn removed(&mut self, place: Place) {
        self.removed.insert(place);
    }

    /// A write by API cannot be known to have been answered. Where records are listed, that is made good by looking.
    pub fn cut(&mut self, place: Place, client: u64) {
        if place != Place::Rubitime {
            return;
        }
        if let Some(client) = self.clients.get_mut(&client) {
            client.cut.insert(place);
        }
    }

    /// Whether people leave a client's record alone: the bridge cannot know of it, or the client has booked again, so that
    /// nobody could say which of two bookings is meant.
    pub fn is_left_alone(&self, place: Place, client: u64) -> bool {
        self.clients.get(&client).is_some_and(|client| {
            let in_the_making = place == Place::Rubitime && !client.lives_on.contains(&place);
            in_the_making || client.cut.contains(&place) || client.booked_again
        })
    }

    /// Whether nothing is open about a client: every platform shows the same, and nobody disputes anything.
    pub fn is_settled(&self, client: u64, records: &[(Place, Seen)]) -> bool {
        let Some(known) = self.clients.get(&client) else {
            return false;
        };
        known.is_undisputed()
            && self.scenario.places.iter().all(|place| {
                let mut here = records.iter().filter(|(other, _)| other == place);
                let (Some((_, seen)), None) = (here.next(), here.next()) else {
                    return false;
                };
                known.shows_all(*place, seen, self.scenario.sink)
            })
    }

    /// Whether a client's booking stands on a platform without a listing and nobody can know of it.
    pub fn is_unlisted(&self, client: u64) -> bool {
        self.clients
            .get(&client)
            .is_some_and(|client| client.unlisted)
    }

    /// A write has landed, and its answer was lost or made no sense.
    pub fn unheard(&mut self, place: Place, run: u64, now: Timestamp) {
        self.unheard.insert(place, (run, now));
    }

    /// An answer was lost, or made no sense.
    pub fn unsure(&mut self, place: Place) {
        self.doubts |= place == Place::Rubitime;
    }

    fn client_of(&mut self, seen: &Seen) -> Option<&mut Client> {
        self.clients.get_mut(&cast::client_of(&seen.name)?)
    }

    /// Looks at a platform after a write by API of that run. Gives the clients whose record is new there.
    pub fn wrote(&mut self, stage: &Stage, place: Place, run: u64) -> Vec<u64> {
        let now = stage.clock.now();
        let side = stage.side(place);
        self.count_twins(stage, place);
        let mut records: BTreeMap<u64, usize> = BTreeMap::new();
        for seen in side.view.live() {
            if let Some(client) = cast::client_of(&seen.name) {
                *records.entry(client).or_default() += 1;
            }
        }
        let (mut found, mut appeared) = (Vec::new(), Vec::new());
        let lists = self.looks.get(&place).copied().filter(|_| run == self.run);
        let lists = lists.unwrap_or_default();
        for (number, client) in &mut self.clients {
            let count = records.get(number).copied().unwrap_or(0);
            if count > 1 && !client.booked_again {
                found.push((
                    Invariant::NoDuplicates,
                    format!(
                        "{count} live records of client {number} on {}",
                        place.name()
                    ),
                ));
            }
            let was = client.lives_on.contains(&place);
            if count > 0 && !was {
                client.lives_on.insert(place);
                client.note_birth(place, (run, lists));
                appeared.push(*number);
                if client.is_dead_since_before(run) {
                    found.push((
                        Invariant::NoResurrection,
                        format!(
                            "client {number} had cancelled and is back on {}",
                            place.name()
                        ),
                    ));
                }
            }
            if count == 0 && was {
                client.lives_on.remove(&place);
                client.note_death(self.run);
                if client.cancels.is_empty() && !client.booked_again {
                    found.push((
                        Invariant::NothingLost,
                        format!(
                            "client {number} never cancelled, and was removed from {}",
                            place.name()
                        ),
                    ));
                }
            }
        }
        for (invariant, what) in found {
            self.object(invariant, now, what);
        }
        if place == Place::Rubitime {
            if self.died_in.is_some_and(|died| run <= died) {
                // It was on its way when its run was killed: nobody was there for the answer.
                for client in &appeared {
                    self.cut(place, *client);
                }
            } else {
                self.fresh
                    .extend(appeared.iter().map(|client| ((place, *client), now)));
            }
        }
        appeared
    }

    fn count_twins(&mut self, stage: &Stage, place: Place) {
        let twins = stage.side(place).view.duplicates_ever();
        let known = self.known_twins.entry(place).or_default();
        let new: Vec<String> = twins
            .iter()
            .skip(*known)
            .map(|twin| format!("one marker on records {:?} of {}", twin.ids, place.name()))
            .collect();
        *known = twins.len();
        for what in new {
            self.object(Invariant::NoDuplicates, stage.clock.now(), what);
        }
    }

    /// Looks whether a platform had to refuse calls because its quota was used up, where that could be foreseen.
    pub fn count_refusals(&mut self, stage: &Stage) {
        for side in stage.sides() {
            let refused = side.view.quota_violations();
            let count = refused.iter().filter(|call| call.is_foreseeable).count();
            let known = self.known_refusals.insert(side.place, count).unwrap_or(0);
            if count > known {
                let what = format!(
                    "{} calls over the quota of {}",
                    count - known,
                    side.place.name()
                );
                self.object(Invariant::Quota, stage.clock.now(), what);
            }
        }
    }

    /// Looks through what was logged and told for anything about a client, and for these secrets.
    pub fn read_log(&mut self, text: &str, secrets: &[&str], at: Timestamp) {
        let planted = [cast::NAME, cast::COMMENT, cast::EMAIL_HOST];
        for word in planted.iter().chain(secrets) {
            if let Some((before, _)) = text.split_once(word) {
                let line = before.lines().last().unwrap_or_default();
                let what = format!("{word:?} is in the log after {line:?}");
                self.object(Invariant::Privacy, at, what);
            }
        }
        let mut numbers = without_ids(text)
            .flat_map(|word| word.split(|c: char| !c.is_ascii_digit()))
            .filter(|digits| matches!(digits.len(), 10 | 11));
        let phone = |digits: &str| {
            digits.len() == 11 && digits.starts_with(cast::PHONE)
                || digits.len() == 10 && cast::PHONE.ends_with("900") && digits.starts_with("9000")
        };
        if numbers.any(phone) {
            self.object(
                Invariant::Privacy,
                at,
                "a client's phone is in the log".to_owned(),
            );
        }
    }
}

/// What may be a number in a text, apart from the last parts of ids and from hashes: these are hexadecimal, and any digits
/// may meet in them.
fn without_ids(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split_inclusive(|c: char| !c.is_ascii_hexdigit());
    let mut after_dash = false;
    words.filter(move |word| {
        let digits = word.trim_end_matches(|c: char| !c.is_ascii_hexdigit());
        let is_hex = digits.contains(|c: char| c.is_ascii_lowercase());
        let is_id = is_hex && (digits.len() == 16 || after_dash && digits.len() == 12);
        after_dash = word.ends_with('-');
        !is_id
    })
}
