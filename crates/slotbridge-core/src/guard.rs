//! Limits that stop a plan before it does damage.
//!
//! Judged per platform, and for removals, updates and creates apart. A trip holds what it concerns and lets the rest go
//! on, until a person approves exactly what is held.
//!
//! What counts:
//! - Blocks count like appointments: a feed gone wrong shows in either.
//! - A removal that is one half of a move (the plan also creates a booking of the same client on the same platform)
//!   does not count, and is not held with the others: it goes where its create goes.
//! - Parking a booking in a swap is part of its move.
//!
//! What has nothing to say is no alarm: a platform without records trips over no share.

mod hash;
mod moves;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use hash::{basis_hash, plan_hash, records_hash};

use crate::model::PlatformName;
use crate::plan::{Action, Operation};

/// The fewest live records of which a share says anything.
const SHARE_FROM: u64 = 10;

/// What may be done without a person's approval, per platform; 0 is no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Removals in one run.
    pub removals_max: u64,
    /// Removals in one run, as a share of the live mirrored records, once there are at least 10.
    pub removals_max_percent: u64,
    /// Removals over a rolling day.
    pub removals_max_day: u64,
    /// Updates in one run.
    pub updates_max: u64,
    /// Updates in one run, as a share of the live mirrored records, once there are at least 10.
    pub updates_max_percent: u64,
    /// Updates over a rolling day.
    pub updates_max_day: u64,
    /// Creates in one run.
    pub creates_max: u64,
    /// Creates in one run, as a share of the live mirrored records, once there are at least 10.
    pub creates_max_percent: u64,
    /// Creates over a rolling day.
    pub creates_max_day: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            removals_max: 20,
            removals_max_percent: 10,
            removals_max_day: 60,
            updates_max: 0,
            updates_max_percent: 50,
            updates_max_day: 0,
            creates_max: 0,
            creates_max_percent: 0,
            creates_max_day: 0,
        }
    }
}

/// What is known of a platform besides the plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Records that were live there when the run began.
    pub live_mirrored: u64,
    /// Records made there that count as made in this run: the small runs of one stretch of time count as one.
    pub creates_run: u64,
    /// Records changed there that count as changed in this run.
    pub updates_run: u64,
    /// Records removed there that count as removed in this run.
    pub removals_run: u64,
    /// Records made there over the last day, by earlier runs.
    pub creates_day: u64,
    /// Records changed there over the last day, by earlier runs.
    pub updates_day: u64,
    /// Records removed there over the last day, by earlier runs.
    pub removals_day: u64,
    /// Whether its listing shows none of the ids that were known.
    pub ids_all_new: bool,
    /// Whether our clock has gone back since the last run.
    pub clock_went_back: bool,
    /// Whether the account has moved to another time zone since the last run.
    pub zone_changed: bool,
}

impl Facts {
    /// Takes up again what a guard of this name ([`Trip::what`]) was in doubt of; a limit is no doubt.
    pub fn doubt(&mut self, what: &str) {
        match what {
            IDS_ALL_NEW => self.ids_all_new = true,
            CLOCK_WENT_BACK => self.clock_went_back = true,
            ZONE_CHANGED => self.zone_changed = true,
            _ => {}
        }
    }
}

/// [`Trip::what`] of a feed with other ids.
pub const IDS_ALL_NEW: &str = "ids_all_new";
/// [`Trip::what`] of a platform that shows none of its known records, nor anything else. Nothing is planned because of it,
/// so that it holds nothing else; that its records are gone is believed once a person has approved it.
pub const SUDDENLY_EMPTY: &str = "suddenly_empty";
/// [`Trip::what`] of a clock that went back.
const CLOCK_WENT_BACK: &str = "clock_went_back";
/// [`Trip::what`] of an account in another zone.
const ZONE_CHANGED: &str = "zone_changed";

/// A limit that the plan is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trip {
    /// On which platform.
    pub platform: PlatformName,
    /// What tripped: a key of the limits, such as `removals_max`, or `ids_all_new`, `suddenly_empty`, `clock_went_back`,
    /// `zone_changed`.
    pub what: &'static str,
    /// The limit; 0 for what must not happen at all.
    pub limit: u64,
    /// How many operations there would be (over the day, with what was done already), or as a share how many percent,
    /// rounded up; for what must not happen, how many are held, or how many records are not shown any more.
    pub planned: u64,
    /// The fingerprint of everything that is held because of this platform; what an approval names.
    pub plan: String,
}

/// What may go on and what may not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What may be carried out, in the order of the plan.
    pub pass: Vec<Operation>,
    /// What must wait for a person, in the order of the plan.
    pub held: Vec<Operation>,
    /// Why.
    pub trips: Vec<Trip>,
}

/// Judges a plan. `approved` holds for a platform the fingerprints ([`Trip::plan`]) of the plans that a person approved;
/// several, while one of them waits for what another guard holds.
///
/// Held with what tripped: operations that need a time which a held one would have freed, and where the platform's own
/// word is in doubt (its ids, its zone, our clock) everything on it, and everything elsewhere that rests on it.
pub fn judge(
    operations: Vec<Operation>,
    facts: &BTreeMap<PlatformName, Facts>,
    limits: &Limits,
    approved: &BTreeSet<(PlatformName, String)>,
) -> Verdict {
    let halves = moves::removals_of_moves(&operations);
    let mut held: BTreeSet<usize> = BTreeSet::new();
    let mut trips = Vec::new();
    let platforms: BTreeSet<&PlatformName> = facts
        .keys()
        .chain(operations.iter().map(|operation| &operation.platform))
        .collect();
    let nothing_known = Facts::default();
    for platform in platforms {
        let facts = facts.get(platform).unwrap_or(&nothing_known);
        let plan = Plan {
            platform,
            operations: &operations,
            halves: &halves,
        };
        let found: Vec<Found> = plan
            .doubts(facts)
            .into_iter()
            .chain(plan.excesses(facts, limits))
            .collect();
        let concerned: BTreeSet<usize> = found
            .iter()
            .flat_map(|found| &found.holds)
            .copied()
            .collect();
        if concerned.is_empty() {
            continue;
        }
        let hash = plan_hash(concerned.iter().filter_map(|index| operations.get(*index)));
        if approved.contains(&(platform.clone(), hash.clone())) {
            continue;
        }
        trips.extend(
            found
                .into_iter()
                .filter(|found| !found.holds.is_empty())
                .map(|found| Trip {
                    platform: platform.clone(),
                    what: found.what,
                    limit: found.limit,
                    planned: found.planned,
                    plan: hash.clone(),
                }),
        );
        held.extend(concerned);
    }
    moves::hold_what_rests_on_held(&operations, &halves, &mut held);
    let mut verdict = Verdict {
        trips,
        ..Verdict::default()
    };
    for (index, operation) in operations.into_iter().enumerate() {
        let side = if held.contains(&index) {
            &mut verdict.held
        } else {
            &mut verdict.pass
        };
        side.push(operation);
    }
    verdict
}

/// Whether a latched guard of this name ([`Trip::what`]) holds an operation, where only a part of the plan is known: all
/// of its kind wait with what was held, until the whole plan is judged again.
pub fn latches(what: &str, platform: &PlatformName, operation: &Operation) -> bool {
    let there = operation.platform == *platform;
    let kind = match &operation.action {
        Action::Create { .. } => "creates_",
        Action::Update { .. } => "updates_",
        Action::Remove { .. } => "removals_",
    };
    if [IDS_ALL_NEW, CLOCK_WENT_BACK, ZONE_CHANGED].contains(&what) {
        let rests_on_it = operation.because.iter().any(|(of, _)| of == platform);
        return there || rests_on_it;
    }
    there && what.starts_with(kind)
}

/// What tripped on one platform, and which operations that concerns.
struct Found {
    what: &'static str,
    limit: u64,
    planned: u64,
    holds: Vec<usize>,
}

/// The part of the plan that concerns one platform.
struct Plan<'a> {
    platform: &'a PlatformName,
    operations: &'a [Operation],
    halves: &'a BTreeMap<usize, usize>,
}

impl Plan<'_> {
    /// Whether the platform's word, or our clock, is in doubt.
    fn doubts(&self, facts: &Facts) -> Vec<Found> {
        let holds: Vec<usize> = self
            .operations
            .iter()
            .enumerate()
            .filter(|(_, operation)| {
                let rests_on_it = operation
                    .because
                    .iter()
                    .any(|(platform, _)| platform == self.platform);
                operation.platform == *self.platform || rests_on_it
            })
            .map(|(index, _)| index)
            .collect();
        let planned = count(&holds);
        [
            (IDS_ALL_NEW, facts.ids_all_new),
            (CLOCK_WENT_BACK, facts.clock_went_back),
            (ZONE_CHANGED, facts.zone_changed),
        ]
        .into_iter()
        .filter(|(_, doubtful)| *doubtful)
        .map(|(what, _)| Found {
            what,
            limit: 0,
            planned,
            holds: holds.clone(),
        })
        .collect()
    }

    /// Which limits the plan is over; of one kind of operation the first.
    fn excesses(&self, facts: &Facts, limits: &Limits) -> Vec<Found> {
        let live = facts.live_mirrored;
        let kinds = [
            Kind {
                holds: self.indices(|index, action| {
                    matches!(action, Action::Remove { .. }) && !self.halves.contains_key(&index)
                }),
                run: facts.removals_run,
                day: facts.removals_day,
                max: ("removals_max", limits.removals_max),
                percent: ("removals_max_percent", limits.removals_max_percent),
                max_day: ("removals_max_day", limits.removals_max_day),
            },
            Kind {
                holds: self
                    .indices(|_, action| matches!(action, Action::Update { parking: false, .. })),
                run: facts.updates_run,
                day: facts.updates_day,
                max: ("updates_max", limits.updates_max),
                percent: ("updates_max_percent", limits.updates_max_percent),
                max_day: ("updates_max_day", limits.updates_max_day),
            },
            Kind {
                holds: self.indices(|_, action| matches!(action, Action::Create { .. })),
                run: facts.creates_run,
                day: facts.creates_day,
                max: ("creates_max", limits.creates_max),
                percent: ("creates_max_percent", limits.creates_max_percent),
                max_day: ("creates_max_day", limits.creates_max_day),
            },
        ];
        kinds
            .into_iter()
            .filter_map(|kind| kind.excess(live))
            .collect()
    }

    fn indices(&self, concerns: impl Fn(usize, &Action) -> bool) -> Vec<usize> {
        self.operations
            .iter()
            .enumerate()
            .filter(|(index, operation)| {
                operation.platform == *self.platform && concerns(*index, &operation.action)
            })
            .map(|(index, _)| index)
            .collect()
    }
}

/// The limits of one kind of operation, and what is planned of it.
struct Kind {
    holds: Vec<usize>,
    run: u64,
    day: u64,
    max: (&'static str, u64),
    percent: (&'static str, u64),
    max_day: (&'static str, u64),
}

impl Kind {
    fn excess(self, live: u64) -> Option<Found> {
        let planned = count(&self.holds);
        if planned == 0 {
            return None;
        }
        let in_run = self.run.saturating_add(planned);
        let share = if live < SHARE_FROM {
            0
        } else {
            in_run.saturating_mul(100).div_ceil(live)
        };
        let over_day = self.day.saturating_add(planned);
        [
            (self.max, in_run),
            (self.percent, share),
            (self.max_day, over_day),
        ]
        .into_iter()
        .find(|((_, limit), planned)| *limit > 0 && planned > limit)
        .map(|((what, limit), planned)| Found {
            what,
            limit,
            planned,
            holds: self.holds,
        })
    }
}

fn count(indices: &[usize]) -> u64 {
    u64::try_from(indices.len()).unwrap_or(u64::MAX)
}
