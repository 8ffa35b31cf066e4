//! Field by field: who changed what, and whose value it takes.

use jiff::Timestamp;

use super::{
    Claim, Conflict, ConflictPolicy, Merge, Policy, Presence, Shown, Side, Stamp, Subject,
};
use crate::model::{Booking, Field, PlatformName};
use crate::projection::same_value;

/// A platform that shows the booking, and what was changed there.
type Changed<'a> = (&'a Side, &'a Booking, Vec<Field>);

pub(super) fn merge_fields(base: &Booking, sides: &[Side], policy: &Policy) -> Merge {
    let changed: Vec<Changed<'_>> = sides
        .iter()
        .filter_map(|side| match &side.shown {
            Shown::Live(shown) => Some((side, shown, changed_fields(side, base))),
            Shown::Gone | Shown::Unseen => None,
        })
        .filter(|(_, _, fields)| !fields.is_empty())
        .collect();
    let mut merged = Merge::gone();
    let mut result = base.clone();
    for field in Field::ALL {
        let claims: Vec<(&Side, &Booking)> = changed
            .iter()
            .filter(|(_, _, fields)| fields.contains(&field))
            .map(|(side, shown, _)| (*side, *shown))
            .collect();
        let mut heard: Vec<(&Side, &Booking)> = claims
            .iter()
            .copied()
            .filter(|(side, _)| side.heard)
            .collect();
        let before = undelivered(field, base, &heard, sides);
        heard.extend(before);
        if let Some(value) = undisputed(field, &heard) {
            result.take_field(field, value);
        } else if !heard.is_empty() {
            // What was taken in earlier and has changed in something else since has a stamp that says nothing of this field.
            let stampless = before
                .map(|(side, _)| &side.platform)
                .filter(|platform| changed.iter().any(|(side, ..)| side.platform == **platform));
            let winner = winner(&heard, &policy.conflict, stampless);
            decide(field, &heard, winner, &mut result, &mut merged);
        }
        let unheard = claims.iter().filter(|(side, _)| !side.heard);
        for (side, shown) in unheard {
            let lost = !same_value(field, shown, &side.projection.project(&result));
            if lost && !merged.held.contains(&field) {
                merged
                    .conflicts
                    .push(overruled(field, side, shown, &heard, sides));
            }
        }
    }
    merged.presence = Presence::Live(result);
    merged
}

/// The value of a field that every claim agrees on: the others are shorter spellings of it.
pub(super) fn undisputed<'a>(
    field: Field,
    claims: &[(&'a Side, &'a Booking)],
) -> Option<&'a Booking> {
    let covers = |one: &Side, value: &Booking| {
        claims.iter().all(|(side, shown)| {
            side.platform == one.platform
                || same_value(field, &side.projection.project(value), shown)
        })
    };
    claims
        .iter()
        .find(|(side, value)| covers(side, value))
        .map(|(_, value)| *value)
}

/// Whose value a field takes; nobody's while a person is asked.
fn winner<'a>(
    claims: &[(&'a Side, &'a Booking)],
    policy: &ConflictPolicy,
    stampless: Option<&PlatformName>,
) -> Option<(&'a Side, &'a Booking)> {
    match policy {
        ConflictPolicy::Newest => newest(claims, stampless),
        ConflictPolicy::Prefer(order) => order
            .iter()
            .find_map(|platform| claims.iter().find(|(side, _)| side.platform == *platform))
            .copied()
            .or_else(|| newest(claims, stampless)),
        ConflictPolicy::Ask => None,
    }
}

fn decide(
    field: Field,
    claims: &[(&Side, &Booking)],
    winner: Option<(&Side, &Booking)>,
    result: &mut Booking,
    merged: &mut Merge,
) {
    merged.conflicts.push(Conflict {
        subject: Subject::Field(field),
        claims: claims
            .iter()
            .map(|(side, shown)| claim(side, shown, field))
            .collect(),
        decided: winner.map(|(side, _)| side.platform.clone()),
    });
    match winner {
        Some((_, value)) => result.take_field(field, value),
        None => {
            merged.held.insert(field);
        }
    }
}

/// A platform that is only written to loses its own edits; the conflict row keeps them.
fn overruled(
    field: Field,
    side: &Side,
    shown: &Booking,
    heard: &[(&Side, &Booking)],
    sides: &[Side],
) -> Conflict {
    let decider = heard
        .first()
        .map(|(side, _)| *side)
        .or_else(|| sides.iter().find(|side| side.heard));
    Conflict {
        subject: Subject::Field(field),
        claims: vec![claim(side, shown, field)],
        // Where nobody is heard, the bridge's own word stands; it is still no question to a person.
        decided: Some(decider.unwrap_or(side).platform.clone()),
    }
}

/// The fields that were changed on this platform since the bridge last agreed with it, as far as the change says
/// anything: not our own value coming back, not a contact that became invisible.
pub(super) fn changed_fields(side: &Side, canonical: &Booking) -> Vec<Field> {
    let Shown::Live(shown) = &side.shown else {
        return Vec::new();
    };
    let wanted = side.projection.project(canonical);
    let kept = match &side.shadow.kept {
        Presence::Live(kept) => kept,
        // The record came back: what it shows counts against what the bridge wants.
        Presence::Gone => &wanted,
    };
    Field::ALL
        .into_iter()
        .filter(|field| {
            !same_value(*field, shown, kept)
                && !same_value(*field, shown, &wanted)
                && !is_unknown(*field, shown)
        })
        .collect()
}

/// Whether the platform shows nothing where nothing means that it cannot tell.
pub(super) fn is_unknown(field: Field, shown: &Booking) -> bool {
    field.empty_means_unknown() && shown.is_field_empty(field)
}

/// The side whose accepted value never reached a platform that has now changed the same field. Without it the value
/// would be overwritten without a word: by the time of the second change it was already the bridge's own. The same goes
/// for a record that was gone and came back differing.
fn undelivered<'a>(
    field: Field,
    base: &Booking,
    claims: &[(&'a Side, &'a Booking)],
    sides: &'a [Side],
) -> Option<(&'a Side, &'a Booking)> {
    let had_it = |side: &Side| match &side.shadow.agreed {
        Presence::Live(agreed) => same_value(field, agreed, &side.projection.project(base)),
        Presence::Gone => false,
    };
    // Whoever had it whole and has changed it now has said what became of it; the copies that show it tell nothing newer.
    let is_whole = |side: &Side| same_value(field, &side.projection.project(base), base);
    let has_answered = |side: &Side| had_it(side) && is_whole(side);
    let waiting = claims.iter().any(|(side, _)| !had_it(side));
    if !waiting || claims.iter().any(|(side, _)| has_answered(side)) {
        return None;
    }
    let differs = |side: &Side, shown: &Booking| {
        claims
            .iter()
            .any(|(_, value)| !same_value(field, &side.projection.project(value), shown))
    };
    let holders = |read: bool| {
        sides
            .iter()
            .filter_map(move |side| match (&side.shown, &side.shadow.kept) {
                (Shown::Live(shown), _) if read && side.heard => Some((side, shown)),
                // It cannot be read in this run, but what it said was taken in before.
                (Shown::Unseen, Presence::Live(kept)) if !read && side.heard => Some((side, kept)),
                (Shown::Live(_) | Shown::Gone | Shown::Unseen, _) => None,
            })
            .filter(|(side, shown)| same_value(field, shown, &side.projection.project(base)))
            .filter(|(side, shown)| differs(side, shown))
            // Where the value comes from has had it longest; the others got it from us.
            .min_by_key(|(side, _)| stamp(side).0)
    };
    holders(true).or_else(|| holders(false))
}

/// The latest claim. One that was taken in earlier, and whose stamp tells of something else, is older than the others.
fn newest<'a>(
    claims: &[(&'a Side, &'a Booking)],
    stampless: Option<&PlatformName>,
) -> Option<(&'a Side, &'a Booking)> {
    // On equal stamps the platform named first in the bridge wins, so `rev` for `max_by_key`, which keeps the last.
    claims
        .iter()
        .rev()
        .copied()
        .max_by_key(|(side, _)| (stampless != Some(&side.platform), stamp(side).0))
}

fn claim(side: &Side, shown: &Booking, field: Field) -> Claim {
    let (changed_at, stamp) = stamp(side);
    Claim {
        platform: side.platform.clone(),
        value: Some(shown.field(field)),
        changed_at,
        stamp,
    }
}

pub(super) fn stamp(side: &Side) -> (Timestamp, Stamp) {
    match side.changed_at {
        Some(at) => (at, Stamp::Platform),
        None => (side.noticed_at, Stamp::FirstSeen),
    }
}
