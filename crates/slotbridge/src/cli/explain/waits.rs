//! Why something is not done, and what a person can do about it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use slotbridge_core::model::{Booking, BookingId, PlatformName, RemoteId};
use slotbridge_engine::bridge::{Bridge, OnOverlap};
use slotbridge_engine::report::{
    BridgeReport, OperationReport, OutcomeWord, OverlapReport, UnmappedReport,
};
use slotbridge_store::LinkRow;

use crate::render::words;

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wait {
    pub(super) platform: Option<PlatformName>,
    pub(super) why: String,
    pub(super) needs_person: bool,
}

pub(super) fn wait(platform: Option<&PlatformName>, why: String, needs_person: bool) -> Wait {
    Wait {
        platform: platform.cloned(),
        why,
        needs_person,
    }
}

/// Why a booking waits, by what a run would say.
pub(super) fn of_booking(
    bridge: &Bridge,
    outlook: &BridgeReport,
    booking: BookingId,
    content: Option<&Booking>,
    links: &[LinkRow],
) -> Vec<Wait> {
    let mut waits: Vec<Wait> = outlook
        .waiting
        .iter()
        .filter(|one| one.booking == booking)
        .map(|one| wait(Some(&one.platform), one.why.clone(), one.needs_person))
        .collect();
    let operations = outlook.operations.iter();
    for one in operations.filter(|one| one.booking == booking) {
        waits.extend(of_operation(outlook, one));
    }
    let conflicts = outlook.conflicts.iter();
    for one in conflicts.filter(|one| one.booking == booking && one.is_open()) {
        let id = one.id.as_deref().unwrap_or("?");
        let about = one.conflict.subject.as_str();
        let why = format!("conflict {id} about {about} waits for you: `slotbridge conflicts`");
        waits.push(wait(None, why, true));
    }
    let overlaps = outlook.overlaps.iter();
    waits.extend(overlaps.filter_map(|overlap| of_overlap(bridge, overlap, booking)));
    let unmapped = outlook.unmapped.iter();
    waits.extend(
        unmapped
            .filter(|one| is_unmapped(one, content, links))
            .map(of_unmapped),
    );
    let mut seen = BTreeSet::new();
    waits.retain(|one| seen.insert((one.platform.clone(), one.why.clone())));
    waits
}

/// Why an operation that is wanted does not come to be: what it came to earlier, or a guard.
fn of_operation(outlook: &BridgeReport, one: &OperationReport) -> Vec<Wait> {
    let mut waits = Vec::new();
    match one.outcome {
        OutcomeWord::Refused | OutcomeWord::Unknown | OutcomeWord::Failed => {
            let said = one.error.as_deref().map(words::clean).unwrap_or_default();
            let why = format!("{} is {}: {said}", one.op, one.outcome.as_str());
            let refused = one.outcome == OutcomeWord::Refused;
            waits.push(wait(Some(&one.platform), why, refused));
        }
        OutcomeWord::Planned | OutcomeWord::Applied => {}
    }
    if one.held {
        waits.extend(outlook.guards.iter().map(|guard| {
            let what = words::guard(&guard.what, guard.limit, guard.planned);
            let why = format!(
                "a guard holds the {}: {what}; `slotbridge approve {}` lets it through",
                one.op, outlook.name
            );
            wait(Some(&guard.platform), why, true)
        }));
    }
    waits
}

fn of_overlap(bridge: &Bridge, overlap: &OverlapReport, booking: BookingId) -> Option<Wait> {
    let mut entries = overlap.bookings.iter();
    let position = entries.position(|entry| entry.booking == booking)?;
    let mut entries = overlap.bookings.iter();
    let rival = entries.find(|entry| entry.booking != booking)?;
    let order = if position == 0 {
        "was seen first"
    } else if bridge.on_overlap == OnOverlap::Hold {
        "came later and is held back where it would double-book"
    } else {
        "came later"
    };
    let why = format!(
        "{} is booked twice: it {order}; the other one is booking {}",
        overlap.resource, rival.booking
    );
    Some(wait(None, why, true))
}

/// Whether it is about this booking or one of its records.
fn is_unmapped(one: &UnmappedReport, content: Option<&Booking>, links: &[LinkRow]) -> bool {
    let Some(id) = &one.remote_id else {
        return content.is_some_and(|booking| {
            let mut services = booking.services.iter();
            booking.resource.as_str() == one.id || services.any(|name| name.as_str() == one.id)
        });
    };
    links
        .iter()
        .any(|link| link.platform == one.platform && link.remote_id.as_ref() == Some(id))
}

fn of_unmapped(one: &UnmappedReport) -> Wait {
    let id = words::clean(&one.id);
    let why = format!(
        "{} {id} is not mapped: add it to the bridge in the config",
        one.what
    );
    wait(Some(&one.platform), why, true)
}

/// Why a record is no booking's, by what a run would say.
pub(super) fn of_record(
    outlook: &BridgeReport,
    platform: &PlatformName,
    id: &RemoteId,
) -> Vec<Wait> {
    let ours = |other: &PlatformName, other_id: Option<&RemoteId>| {
        other == platform && other_id == Some(id)
    };
    let unmapped = outlook.unmapped.iter();
    let mut waits: Vec<Wait> = unmapped
        .filter(|one| ours(&one.platform, one.remote_id.as_ref()))
        .map(of_unmapped)
        .collect();
    let ambiguous = outlook.ambiguous.iter();
    waits.extend(
        ambiguous
            .filter(|one| ours(&one.platform, one.remote_id.as_ref()))
            .map(|one| wait(Some(platform), words::clean(&one.why), true)),
    );
    let unsupported = outlook.unsupported.iter();
    waits.extend(
        unsupported
            .filter(|one| ours(&one.platform, one.remote_id.as_ref()))
            .map(|one| {
                let why = format!("it is left as it is: {}", words::clean(&one.why));
                wait(Some(platform), why, false)
            }),
    );
    waits
}

/// Why a live booking has no record somewhere by the owner's own choice.
pub(super) fn by_choice(
    bridge: &Bridge,
    live: &Booking,
    links: &[LinkRow],
    now: Timestamp,
) -> Vec<Wait> {
    let mut waits = Vec::new();
    let linked: BTreeSet<&PlatformName> = links.iter().map(|link| &link.platform).collect();
    let until = now
        .checked_add(bridge.window_future)
        .unwrap_or(Timestamp::MAX);
    for member in &bridge.members {
        let name = member.platform.name();
        if linked.contains(name) {
            continue;
        }
        if !member.direction.written() {
            waits.push(wait(
                Some(name),
                "the bridge only reads this platform".to_owned(),
                false,
            ));
        } else if live.slot.end() <= now {
            waits.push(wait(
                Some(name),
                "it is over, so that no record is made any more".to_owned(),
                false,
            ));
        } else if live.slot.start() >= until {
            waits.push(wait(
                Some(name),
                "it starts beyond the bridge's window_future, and is written when that reaches it"
                    .to_owned(),
                false,
            ));
        }
    }
    waits
}
