//! Which records of a platform slotbridge made itself. What is not certain is left and listed: a person's own record must
//! never go.

use std::collections::{BTreeMap, BTreeSet};

use slotbridge_core::merge::{Presence, Shadow, Shown};
use slotbridge_core::model::{Booking, BookingId, PlatformName, RemoteId, ResourceName, Slot};
use slotbridge_core::plan::{Action, Operation};
use slotbridge_core::record::{Record, RecordState};
use slotbridge_store::{Change, JournalRow};

use crate::blocks::is_block_id;
use crate::inverse::took_effect;
use crate::report::{LeftAloneReport, WaitingReport};
use crate::view::{Known, Linked, MemberView, Row, View};

/// What is to be removed, and what is left.
#[derive(Debug, Default)]
pub(crate) struct Purging {
    /// The removals.
    pub(crate) operations: Vec<Operation>,
    /// What has to be stored before they are carried out.
    pub(crate) changes: Vec<Change>,
    /// Bookings of ours whose records are not known.
    pub(crate) left: Vec<WaitingReport>,
    /// Records that may be ours.
    pub(crate) doubtful: Vec<LeftAloneReport>,
}

/// Whose a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Maker {
    /// Slotbridge made it for this booking.
    Ours(BookingId),
    /// It carries a mark of slotbridge's, and nothing else is known of it.
    OnlyMarked,
    /// Not to be told for certain: why.
    Doubtful(&'static str),
    /// A person did, or the platform.
    NotOurs,
}

const COPIED: &str = "it carries the mark of a record that slotbridge made, but is not that record; probably somebody copied it. \
                      Remove it by hand if nobody needs it";
const SEVERAL: &str = "several records carry this mark, and only one of them can be slotbridge's; remove by hand what nobody needs";
const NO_WORDS: &str = "slotbridge made it, but no bridge has a word for its resource or service any more; remove it by hand";
const NOT_KNOWN: &str = "its record here is not known to slotbridge; look there, and remove it by hand if slotbridge made it";

/// Finds what slotbridge made on the only platform of the view. `journal` has the entries of every booking that is linked
/// there, oldest first; `new_id` names records of which only the mark is known.
pub(crate) fn purging(
    view: &mut View<'_>,
    journal: &[JournalRow],
    new_id: &mut dyn FnMut() -> BookingId,
) -> Purging {
    let mut purging = Purging::default();
    let mut alone: Vec<(PlatformName, RemoteId, Booking)> = Vec::new();
    for member in &view.members {
        let marks = marks(member);
        for row in member.rows.values() {
            let (platform, id) = (member.name().clone(), &row.record.id);
            let mut leave = |why: &str| {
                purging.doubtful.push(LeftAloneReport {
                    platform: platform.clone(),
                    remote_id: Some(id.clone()),
                    why: why.to_owned(),
                });
            };
            let maker = maker(view, member, row, &marks, journal);
            match (maker, &row.shown) {
                (Maker::NotOurs, _) | (_, Shown::Gone) => {}
                (Maker::Doubtful(why), _) => leave(why),
                // A record that was not read for this run is told with its platform.
                (_, Shown::Unseen) if row.unmapped.is_none() => {}
                (_, Shown::Unseen) => leave(NO_WORDS),
                (Maker::Ours(booking), Shown::Live(shown)) => {
                    purging
                        .operations
                        .push(removal(booking, &platform, id, shown));
                }
                (Maker::OnlyMarked, Shown::Live(shown)) => {
                    alone.push((platform, id.clone(), shown.clone()));
                }
            }
        }
        purging.left.extend(not_known(view, member));
    }
    for (platform, id, shown) in alone {
        let booking = new_id();
        purging
            .operations
            .push(removal(booking, &platform, &id, &shown));
        note_alone(view, booking, platform, id, shown, &mut purging.changes);
    }
    purging
}

fn removal(
    booking: BookingId,
    platform: &PlatformName,
    id: &RemoteId,
    shown: &Booking,
) -> Operation {
    Operation {
        booking,
        platform: platform.clone(),
        action: Action::Remove {
            remote_id: id.clone(),
            shown: shown.clone(),
        },
        because: Vec::new(),
        force: false,
        undoes: true,
    }
}

/// How many live records carry each mark.
fn marks(member: &MemberView<'_>) -> BTreeMap<BookingId, usize> {
    let mut marks = BTreeMap::new();
    for row in member.rows.values() {
        if let (RecordState::Live, Some(mark)) = (row.record.state, row.record.marker) {
            *marks.entry(mark).or_default() += 1;
        }
    }
    marks
}

fn maker(
    view: &View<'_>,
    member: &MemberView<'_>,
    row: &Row,
    marks: &BTreeMap<BookingId, usize>,
    journal: &[JournalRow],
) -> Maker {
    let record: &Record = &row.record;
    if record.state != RecordState::Live || is_block_id(&record.id) {
        return Maker::NotOurs;
    }
    let linked = view.bookings.iter().find(|(_, known)| {
        let link = known.links.get(member.name());
        link.and_then(|link| link.remote_id.as_ref()) == Some(&record.id)
    });
    match (linked, record.marker) {
        (Some((booking, _)), Some(mark)) if *booking == mark => Maker::Ours(mark),
        (Some((booking, _)), mark) => {
            if created(journal, *booking, member.name(), &record.id) {
                Maker::Ours(*booking)
            } else if mark.is_some() {
                Maker::Doubtful(COPIED)
            } else {
                Maker::NotOurs
            }
        }
        (None, None) => Maker::NotOurs,
        (None, Some(mark)) => {
            let there = view
                .bookings
                .get(&mark)
                .and_then(|known| known.links.get(member.name()));
            if there.is_some_and(|link| link.remote_id.is_some()) {
                Maker::Doubtful(COPIED)
            } else if marks.get(&mark).is_some_and(|number| *number > 1) {
                Maker::Doubtful(SEVERAL)
            } else {
                Maker::OnlyMarked
            }
        }
    }
}

/// Whether the journal says that the record came from a create of ours, maybe under other ids since.
fn created(
    journal: &[JournalRow],
    booking: BookingId,
    platform: &PlatformName,
    id: &RemoteId,
) -> bool {
    let mut id = id.clone();
    let entries = journal.iter().rev().filter(|row| {
        row.operation.booking == booking && row.operation.platform == *platform && took_effect(row)
    });
    for row in entries {
        if row.remote_id.as_ref() != Some(&id) {
            continue;
        }
        match &row.operation.action {
            Action::Create { .. } => return true,
            Action::Update { remote_id, .. } => id.clone_from(remote_id),
            Action::Remove { .. } => {}
        }
    }
    false
}

/// Bookings whose record there is only presumed.
fn not_known(view: &View<'_>, member: &MemberView<'_>) -> Vec<WaitingReport> {
    let presumed = |known: &Known| -> Option<(ResourceName, Slot)> {
        let link = known.links.get(member.name())?;
        let kept = link.shadow.kept.live()?;
        let to_come = link.remote_id.is_none() && kept.slot.end() > view.now;
        to_come.then(|| (kept.resource.clone(), kept.slot))
    };
    view.bookings
        .iter()
        .filter_map(|(booking, known)| {
            Some(WaitingReport {
                platform: member.name().clone(),
                booking: *booking,
                place: Some(presumed(known)?),
                why: NOT_KNOWN.to_owned(),
                needs_person: true,
            })
        })
        .collect()
}

/// The database has to know what its journal speaks of. The booking is a new one, and gone: the mark's own booking may be
/// found on other platforms later, and has nothing to do with this record any more.
fn note_alone(
    view: &mut View<'_>,
    booking: BookingId,
    platform: PlatformName,
    id: RemoteId,
    shown: Booking,
    changes: &mut Vec<Change>,
) {
    // Kept on: should the removal not be reached, no pass goes on with it unasked.
    let shadow = Shadow {
        kept: Presence::Live(shown),
        agreed: Presence::Gone,
    };
    let (bridge, at) = (view.bridge.name.clone(), view.now);
    changes.push(Change::Booking {
        bridge: bridge.clone(),
        id: booking,
        canonical: Presence::Gone,
        at,
    });
    changes.push(Change::Link {
        bridge,
        booking,
        platform: platform.clone(),
        remote_id: Some(id.clone()),
        shadow: shadow.clone(),
        at,
    });
    let link = Linked {
        remote_id: Some(id),
        shadow,
        at,
    };
    view.bookings.insert(
        booking,
        Known {
            canonical: Presence::Gone,
            created_at: at,
            links: BTreeMap::from([(platform, link)]),
            is_erased: false,
        },
    );
}

/// The bookings whose journal matters.
pub(crate) fn linked_bookings(view: &View<'_>) -> Vec<BookingId> {
    let names: BTreeSet<&PlatformName> = view.members.iter().map(MemberView::name).collect();
    view.bookings
        .iter()
        .filter(|(_, known)| known.links.keys().any(|name| names.contains(name)))
        .map(|(id, _)| *id)
        .collect()
}
