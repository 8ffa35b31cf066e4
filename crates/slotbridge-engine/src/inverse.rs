//! What would take back a run: the inverse of its operations, and what has to be left because somebody went on from
//! there.
//!
//! # Guarantees
//! A booking is taken back on all of the run's platforms or on none: where anybody has changed it since on one of them,
//! it is left everywhere.

mod room;

use std::collections::{BTreeMap, BTreeSet};

use slotbridge_core::merge::{Presence, Shown};
use slotbridge_core::model::{
    Booking, BookingId, Field, PlatformName, RemoteId, ResourceName, Slot,
};
use slotbridge_core::plan::{Action, Operation};
use slotbridge_core::projection::same_value;
use slotbridge_core::record::{Coverage, Support};
use slotbridge_platform::capabilities::Discovery;
use slotbridge_store::{JournalRow, JournalState, Outcome, RunId};

use crate::decide::sides;
use crate::report::WaitingReport;
use crate::settle::is_respelled;
use crate::view::{Known, Linked, MemberView, View};

/// The inverse of a run.
#[derive(Debug, Default)]
pub(crate) struct Inverse {
    /// What takes it back.
    pub(crate) operations: Vec<Operation>,
    /// What is left as it is, and why.
    pub(crate) left: Vec<WaitingReport>,
}

/// What a run did to one booking on one platform, all in all.
#[derive(Debug)]
struct Trace {
    /// The record before it; `None` when there was none.
    before: Option<Booking>,
    /// The record after it.
    after: Option<Booking>,
    /// What it wrote.
    fields: BTreeSet<Field>,
    /// The record, as the bridge last left it.
    record: Option<RemoteId>,
    /// Whether the contents were erased since.
    erased: bool,
}

/// What a run did to one booking.
#[derive(Debug, Default)]
struct Traces {
    by_platform: BTreeMap<PlatformName, Trace>,
    /// Whether an operation of it is still open.
    open: bool,
    /// Whether a later run has done something to the booking that was no taking back.
    overtaken: bool,
}

/// How a platform stands to what a run did there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// As before the run.
    AsBefore,
    /// As the run left it.
    AsLeft,
    /// Otherwise: why it is left alone.
    Otherwise(&'static str),
}

const CHANGED: &str = "it was changed here since, and stays as it is";
const REMOVED: &str = "it was removed here since, and stays as it is";
const REPLACED: &str = "another record stands for it here now, and stays as it is";
const NOT_SEEN: &str =
    "its record could not be read; try again when the platform can be read, or look there";
const OVERTAKEN: &str =
    "a later run has changed it since; take that one back first, or change the booking by hand";
const OPEN: &str =
    "nobody knows yet what became of an operation of that run; try again after the next pass";
const ERASED: &str = "its client data were erased since, so that nobody knows what it was like before; change it by hand";
const TOO_LONG_AGO: &str = "it was over too long ago";
const NO_MEMBER: &str = "the platform is no longer part of the bridge";
const READ_ONLY: &str = "the bridge only reads this platform now (direction = \"from\")";
const OVER: &str = "it is over, so that it cannot be booked again";
const NOT_EMPTIED: &str =
    "what the run filled in here was empty before, and is not emptied again; do that by hand";
const NEVER_EDITED: &str = "slotbridge never edits this kind of record";

/// Works out what would take back the operations of `run`. `journal` has the entries of every booking that it concerns,
/// oldest first.
pub(crate) fn inverse(view: &View<'_>, run: RunId, journal: &[JournalRow]) -> Inverse {
    let mut inverse = Inverse::default();
    for (booking, traces) in traces(run, journal) {
        one(view, booking, &traces, &mut inverse);
    }
    room::drop_what_has_none(view, &mut inverse);
    inverse
}

fn traces(run: RunId, journal: &[JournalRow]) -> BTreeMap<BookingId, Traces> {
    let mut found: BTreeMap<BookingId, Traces> = BTreeMap::new();
    for row in journal {
        let booking = row.operation.booking;
        if row.run == run {
            let traces = found.entry(booking).or_default();
            if is_open(row) {
                traces.open = true;
            } else if took_effect(row) {
                traces.add(row);
            }
        } else if let Some(traces) = found.get_mut(&booking) {
            if is_open(row) {
                traces.open = true;
            } else if took_effect(row) {
                traces.follow(row);
            }
        }
    }
    found.retain(|_, traces| traces.open || !traces.by_platform.is_empty());
    found
}

impl Traces {
    fn add(&mut self, row: &JournalRow) {
        let action = &row.operation.action;
        let fields = match action {
            Action::Update { fields, .. } => fields.clone(),
            Action::Create { .. } | Action::Remove { .. } => BTreeSet::new(),
        };
        let trace = self
            .by_platform
            .entry(row.operation.platform.clone())
            .or_insert_with(|| Trace {
                before: action.before().cloned(),
                after: None,
                fields: BTreeSet::new(),
                record: None,
                erased: false,
            });
        trace.after = action.after().cloned();
        trace.fields.extend(fields);
        trace.record.clone_from(&row.remote_id);
        trace.erased |= row.is_erased;
    }

    /// A later entry of the same booking. One that took something back leaves the question to what the platforms show.
    fn follow(&mut self, row: &JournalRow) {
        if !row.operation.undoes {
            self.overtaken = true;
        } else if let Some(trace) = self.by_platform.get_mut(&row.operation.platform) {
            trace.record.clone_from(&row.remote_id);
        }
    }
}

fn is_open(row: &JournalRow) -> bool {
    matches!(
        row.state,
        JournalState::Intended | JournalState::Done(Outcome::Unknown)
    )
}

pub(crate) fn took_effect(row: &JournalRow) -> bool {
    match row.state {
        JournalState::Done(
            Outcome::Applied | Outcome::SettledApplied | Outcome::SettledPresumed,
        ) => true,
        JournalState::Intended
        | JournalState::Done(
            Outcome::Refused | Outcome::Failed | Outcome::Unknown | Outcome::Abandoned,
        ) => false,
    }
}

fn one(view: &View<'_>, booking: BookingId, traces: &Traces, inverse: &mut Inverse) {
    let known = view.bookings.get(&booking);
    let place = place(known, traces);
    let mut leave = |platform: &PlatformName, why: &str| {
        inverse.left.push(WaitingReport {
            platform: platform.clone(),
            booking,
            place: place.clone(),
            why: why.to_owned(),
            needs_person: true,
        });
    };
    let platforms = || traces.by_platform.keys();
    let Some(known) = known else {
        for platform in platforms() {
            leave(platform, TOO_LONG_AGO);
        }
        return;
    };
    let stands: Vec<(&PlatformName, &Trace, Stand)> = traces
        .by_platform
        .iter()
        .map(|(platform, trace)| (platform, trace, stand(view, known, platform, trace)))
        .collect();
    let done = stands.iter().all(|(_, _, stand)| *stand == Stand::AsBefore);
    if done && !traces.open {
        return;
    }
    let whole = [
        (traces.open, OPEN),
        (traces.overtaken, OVERTAKEN),
        (
            traces.by_platform.values().any(|trace| trace.erased),
            ERASED,
        ),
    ];
    if let Some((_, why)) = whole.into_iter().find(|(holds, _)| *holds) {
        for platform in platforms() {
            leave(platform, why);
        }
        return;
    }
    let mut moved_on: Vec<(PlatformName, &'static str)> = stands
        .iter()
        .filter_map(|(platform, _, stand)| match stand {
            Stand::Otherwise(why) => Some(((*platform).clone(), *why)),
            Stand::AsBefore | Stand::AsLeft => None,
        })
        .collect();
    moved_on.extend(changed_elsewhere(view, known, traces));
    if !moved_on.is_empty() {
        for (platform, why) in &moved_on {
            leave(platform, why);
        }
        return;
    }
    for (platform, trace, stand) in stands {
        if stand == Stand::AsBefore {
            continue;
        }
        match action(view, known, platform, trace) {
            Ok((action, remainder)) => {
                if let Some(why) = remainder {
                    leave(platform, why);
                }
                inverse.operations.extend(action.map(|action| Operation {
                    booking,
                    platform: platform.clone(),
                    action,
                    because: Vec::new(),
                    force: false,
                    undoes: true,
                }));
            }
            Err(why) => leave(platform, why),
        }
    }
}

fn place(known: Option<&Known>, traces: &Traces) -> Option<(ResourceName, Slot)> {
    let written = || {
        let mut traces = traces.by_platform.values();
        traces.find_map(|trace| trace.after.as_ref().or(trace.before.as_ref()))
    };
    known
        .and_then(|known| known.canonical.live())
        .or_else(written)
        .map(|booking| (booking.resource.clone(), booking.slot))
}

/// How a platform stands to what the run did there.
fn stand(view: &View<'_>, known: &Known, platform: &PlatformName, trace: &Trace) -> Stand {
    let Some(member) = view.member(platform) else {
        return Stand::Otherwise(NO_MEMBER);
    };
    let Some(link) = known.links.get(platform) else {
        return Stand::Otherwise(REPLACED);
    };
    if link.remote_id != trace.record {
        return Stand::Otherwise(REPLACED);
    }
    match (view.shown(platform, link), &trace.before, &trace.after) {
        (Shown::Unseen, _, _) => Stand::Otherwise(NOT_SEEN),
        (Shown::Gone, None, _) => Stand::AsBefore,
        (Shown::Gone, Some(_), None) => Stand::AsLeft,
        (Shown::Gone, Some(_), Some(_)) => Stand::Otherwise(REMOVED),
        (Shown::Live(shown), before, after) => {
            let is = Likeness {
                view,
                member,
                link,
                shown: &shown,
            };
            let like = |of: &Option<Booking>, loosely: bool, fields: &[Field]| {
                of.as_ref()
                    .is_some_and(|then| fields.iter().all(|field| is.like(*field, then, loosely)))
            };
            let written: Vec<Field> = if after.is_some() && before.is_some() {
                trace.fields.iter().copied().collect()
            } else {
                Field::ALL.to_vec()
            };
            if like(before, false, &written) {
                Stand::AsBefore
            } else if like(after, false, &Field::ALL) || like(after, true, &Field::ALL) {
                Stand::AsLeft
            } else if like(before, true, &written) {
                Stand::AsBefore
            } else {
                Stand::Otherwise(CHANGED)
            }
        }
    }
}

/// Compares what a platform shows with what was there once.
struct Likeness<'v, 'a> {
    view: &'v View<'a>,
    member: &'v MemberView<'a>,
    link: &'v Linked,
    shown: &'v Booking,
}

impl Likeness<'_, '_> {
    /// Whether the platform shows this field as it was then; loosely also in a spelling of its own that the bridge has
    /// accepted.
    fn like(&self, field: Field, then: &Booking, loosely: bool) -> bool {
        let hidden = field.empty_means_unknown() && self.shown.field(field).is_empty();
        if hidden || same_value(field, self.shown, then) {
            return true;
        }
        let record = self.link.remote_id.as_ref();
        let projection = self.member.projection(self.view.bridge, then.kind, record);
        if same_value(field, self.shown, &projection.project(then)) {
            return true;
        }
        let (Presence::Live(kept), Presence::Live(agreed)) =
            (&self.link.shadow.kept, &self.link.shadow.agreed)
        else {
            return false;
        };
        loosely
            && !self.shown.field(field).is_empty()
            && is_respelled(&then.field(field), &self.shown.field(field))
            && same_value(field, self.shown, kept)
            && same_value(field, then, agreed)
    }
}

/// Changes on other platforms that no run has taken over yet: the booking is on the move, and is left.
fn changed_elsewhere(
    view: &View<'_>,
    known: &Known,
    traces: &Traces,
) -> Vec<(PlatformName, &'static str)> {
    sides(view, known)
        .into_iter()
        .filter(|side| side.heard && !traces.by_platform.contains_key(&side.platform))
        .filter_map(|side| {
            let why = match (&side.shown, &side.shadow.kept) {
                (Shown::Live(shown), Presence::Live(kept)) => Field::ALL
                    .into_iter()
                    .any(|field| {
                        let hidden = field.empty_means_unknown() && shown.field(field).is_empty();
                        !hidden && !same_value(field, shown, kept)
                    })
                    .then_some(CHANGED),
                (Shown::Live(_), Presence::Gone) => Some(CHANGED),
                (Shown::Gone, Presence::Live(_)) => Some(REMOVED),
                (Shown::Gone | Shown::Unseen, _) => None,
            };
            Some((side.platform, why?))
        })
        .collect()
}

/// What takes the run back on one platform, and what of it stays; or why nothing is done there.
fn action(
    view: &View<'_>,
    known: &Known,
    platform: &PlatformName,
    trace: &Trace,
) -> Result<(Option<Action>, Option<&'static str>), &'static str> {
    let member = view.member(platform).ok_or(NO_MEMBER)?;
    let link = known.links.get(platform).ok_or(REPLACED)?;
    if !member.member.direction.written() {
        return Err(READ_ONLY);
    }
    let row = link.remote_id.as_ref().and_then(|id| member.rows.get(id));
    if row.is_some_and(|row| matches!(row.record.support, Support::Occupancy { .. })) {
        return Err(NEVER_EDITED);
    }
    match (&trace.before, view.shown(platform, link), &link.remote_id) {
        (None, Shown::Live(shown), Some(remote_id)) => {
            let action = Action::Remove {
                remote_id: remote_id.clone(),
                shown,
            };
            Ok((Some(action), None))
        }
        (Some(before), Shown::Live(shown), Some(remote_id)) => {
            Ok(back(before, shown, remote_id, &trace.fields))
        }
        (Some(before), Shown::Gone, _) => {
            if before.slot.end() <= view.now {
                return Err(OVER);
            }
            if !is_read(member) {
                return Err(NOT_SEEN);
            }
            let action = Action::Create {
                desired: before.clone(),
            };
            Ok((Some(action), None))
        }
        _ => Err(NOT_SEEN),
    }
}

/// Puts the written fields back. What was empty because nobody knew it is not emptied: no platform could tell that from
/// a reading without the right to see it.
fn back(
    before: &Booking,
    shown: Booking,
    remote_id: &RemoteId,
    written: &BTreeSet<Field>,
) -> (Option<Action>, Option<&'static str>) {
    let (empty, fields): (BTreeSet<Field>, BTreeSet<Field>) = written
        .iter()
        .copied()
        .filter(|field| !same_value(*field, before, &shown))
        .partition(|field| field.empty_means_unknown() && before.field(*field).is_empty());
    let remainder = (!empty.is_empty()).then_some(NOT_EMPTIED);
    if fields.is_empty() {
        return (None, remainder);
    }
    let mut desired = shown.clone();
    for field in &fields {
        desired.take_field(*field, before);
    }
    let action = Action::Update {
        remote_id: remote_id.clone(),
        shown,
        desired,
        fields,
        parking: false,
    };
    (Some(action), remainder)
}

/// Whether it is known well enough what a platform has to make a record there.
fn is_read(member: &MemberView<'_>) -> bool {
    match member.member.platform.capabilities().discovery {
        Discovery::List => {
            matches!(member.observed.coverage, Coverage::Complete(_))
                && !member.observed.ids_all_new
        }
        Discovery::ReadKnown => member.observed.error.is_none(),
    }
}
