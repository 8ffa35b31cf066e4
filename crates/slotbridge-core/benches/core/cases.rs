//! What is measured: each case is prepared apart from being run.

use std::collections::{BTreeMap, BTreeSet};

use slotbridge_core::guard::{self, Facts, Limits};
use slotbridge_core::mapping::{self, Mapping};
use slotbridge_core::matching::{self, Candidate, Open};
use slotbridge_core::merge::{self, Merge, Policy, Presence, Shown, Side};
use slotbridge_core::model::{Booking, BookingId, PlatformName, RemoteId};
use slotbridge_core::order;
use slotbridge_core::overlap::{self, Taker};
use slotbridge_core::plan::{self, CreateGate, Operation, Step, Target};
use slotbridge_core::projection::Projection;
use slotbridge_core::record::Record;
use slotbridge_core::rest::{self, Kept};

use crate::{keep, made};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// Which records are one booking.
    Match,
    /// Whether each booking is at rest.
    Rest,
    /// Three-way merge of each booking, at rest or not.
    Merge,
    /// What each platform needs for each merged booking.
    Plan,
    /// All of the above as a pass does it: only what is not at rest is merged and planned.
    Decide,
    /// Guards and order of so many operations.
    Order,
    /// Records in the bridge's words.
    Read,
    /// Bookings as a narrower platform shows them.
    Project,
    /// Double bookings.
    Overlap,
}

/// What a case works on.
#[derive(Debug)]
pub(crate) enum Work {
    Match(Vec<Candidate>, Vec<Open>, BTreeSet<BookingId>),
    Rest(Vec<Bound>),
    Merge(Vec<Bound>, Policy),
    Plan(Vec<(Bound, Merge)>),
    Decide(Vec<Bound>, Policy),
    Order(Vec<Operation>, BTreeMap<PlatformName, Facts>),
    Read(Vec<Record>, Mapping),
    Project(Vec<Booking>, Projection),
    Overlap(Vec<Taker>),
}

/// A booking with its records.
#[derive(Debug)]
pub(crate) struct Bound {
    id: BookingId,
    canonical: Presence,
    sides: Vec<Side>,
    records: Vec<RemoteId>,
}

impl Case {
    pub(crate) const ALL: [Self; 9] = [
        Self::Match,
        Self::Rest,
        Self::Merge,
        Self::Plan,
        Self::Decide,
        Self::Order,
        Self::Read,
        Self::Project,
        Self::Overlap,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Rest => "rest",
            Self::Merge => "merge",
            Self::Plan => "plan",
            Self::Decide => "decide",
            Self::Order => "order",
            Self::Read => "read",
            Self::Project => "project",
            Self::Overlap => "overlap",
        }
    }

    pub(crate) fn depends_on_changes(self) -> bool {
        matches!(self, Self::Rest | Self::Merge | Self::Plan | Self::Decide)
    }

    /// So many bookings, one of `one_of` of them changed; 0 for none.
    pub(crate) fn prepare(self, count: u64, one_of: u64) -> Work {
        let bound = || (0..count).map(|index| bind(index, one_of)).collect();
        match self {
            Self::Match => Work::Match(
                made::candidates(count),
                made::open(count / 10),
                (0..count / 10).map(made::id).collect(),
            ),
            Self::Rest => Work::Rest(bound()),
            Self::Merge => Work::Merge(bound(), made::policy()),
            Self::Plan => {
                let bound: Vec<Bound> = bound();
                let merged = bound.into_iter().map(|bound| {
                    let merged = merge::merge(&bound.canonical, &bound.sides, &made::policy());
                    (bound, merged)
                });
                Work::Plan(merged.collect())
            }
            Self::Decide => Work::Decide(bound(), made::policy()),
            Self::Order => {
                let mut operations = Vec::new();
                for bound in (0..count).map(|index| bind(index, 1)) {
                    let merged = merge::merge(&bound.canonical, &bound.sides, &made::policy());
                    steps(&bound, &merged, &mut operations);
                }
                let facts = Facts {
                    live_mirrored: count,
                    creates_run: 0,
                    updates_run: 0,
                    removals_run: 0,
                    creates_day: 0,
                    updates_day: 0,
                    removals_day: 0,
                    ids_all_new: false,
                    clock_went_back: false,
                    zone_changed: false,
                };
                let facts = [0, 1].map(|at| (made::platform(at), facts.clone()));
                Work::Order(operations, facts.into())
            }
            Self::Read => Work::Read((0..count).map(made::record).collect(), made::mapping(count)),
            Self::Project => {
                let [_, narrow] = made::projections();
                Work::Project((0..count).map(made::booking).collect(), narrow)
            }
            Self::Overlap => {
                let takers = (0..count).map(|index| {
                    let booking = made::booking(index);
                    Taker {
                        booking: made::id(index),
                        resource: booking.resource,
                        slot: booking.slot,
                        since: made::begin(),
                    }
                });
                Work::Overlap(takers.collect())
            }
        }
    }
}

fn bind(index: u64, one_of: u64) -> Bound {
    let edited = one_of > 0 && index.is_multiple_of(one_of);
    let (canonical, sides) = made::sides(index, edited);
    Bound {
        id: made::id(index),
        canonical,
        sides,
        records: [0, 1]
            .map(|at| RemoteId::new(format!("{at}-{index}")))
            .into(),
    }
}

/// Runs a case. Only this and what it calls is counted.
#[inline(never)]
pub(crate) fn counted(work: &mut Work) -> usize {
    if let Work::Order(operations, facts) = work {
        let operations = std::mem::take(operations);
        let verdict = guard::judge(operations, facts, &Limits::default(), &BTreeSet::new());
        let all: Vec<Operation> = verdict.pass.into_iter().chain(verdict.held).collect();
        return order::order(all, &[]).len();
    }
    match keep(work) {
        Work::Match(candidates, open, known) => {
            matching::matching(candidates, open, known).adopt.len()
        }
        Work::Rest(bound) => bound.iter().filter(|bound| rests(bound)).count(),
        Work::Merge(bound, policy) => bound
            .iter()
            .map(|bound| merge::merge(&bound.canonical, &bound.sides, policy))
            .filter(|merged| merged.conflicts.is_empty())
            .count(),
        Work::Plan(bound) => {
            let mut operations = Vec::new();
            for (bound, merged) in bound {
                steps(bound, merged, &mut operations);
            }
            operations.len()
        }
        Work::Decide(bound, policy) => {
            let mut operations = Vec::new();
            for bound in bound.iter().filter(|bound| !rests(bound)) {
                let merged = merge::merge(&bound.canonical, &bound.sides, policy);
                for side in &bound.sides {
                    std::hint::black_box(merge::accepted(side, &merged));
                }
                steps(bound, &merged, &mut operations);
            }
            operations.len()
        }
        Work::Order(..) => 0,
        Work::Read(records, mapping) => records
            .iter()
            .filter(|record| mapping::to_booking(record, mapping).is_ok())
            .count(),
        Work::Project(bookings, projection) => bookings
            .iter()
            .filter(|booking| projection.project(booking).kind == booking.kind)
            .count(),
        Work::Overlap(takers) => overlap::pairs(takers).len(),
    }
}

fn rests(bound: &Bound) -> bool {
    let kept = bound.sides.iter().map(|side| Kept {
        shown: &side.shown,
        kept: &side.shadow.kept,
        agreed: &side.shadow.agreed,
        projection: &side.projection,
    });
    rest::is_at_rest(&bound.canonical, kept)
}

fn steps(bound: &Bound, merged: &Merge, operations: &mut Vec<Operation>) {
    for (side, record) in bound.sides.iter().zip(&bound.records) {
        let target = Target {
            platform: &side.platform,
            remote_id: Some(record),
            shown: &side.shown,
            shadow: Some(&side.shadow),
            projection: &side.projection,
            heard: side.heard,
            read_only: None,
            create: CreateGate::Open,
        };
        if let Step::Do(action) = plan::step(merged, &target) {
            operations.push(Operation {
                booking: bound.id,
                platform: side.platform.clone(),
                action,
                because: vec![(side.platform.clone(), record.clone())],
                force: false,
                undoes: false,
            });
        }
    }
    debug_assert!(bound.sides.iter().all(|side| side.shown != Shown::Unseen));
}
