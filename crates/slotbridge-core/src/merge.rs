//! The three-way merge: from what the bridge last agreed on and what each platform shows now, to what the booking
//! should be.
//!
//! Decided per booking, first whether it lives, then field by field.
//! A conflict is an outcome, not an error, and its losing value is part of it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::model::{Booking, Field, FieldValue, PlatformName};
use crate::projection::{Projection, same_value};

/// Whether a booking is there, and what it looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// It takes its slot.
    Live(Booking),
    /// It was cancelled or removed.
    Gone,
}

impl Presence {
    /// The booking, if it lives.
    pub fn live(&self) -> Option<&Booking> {
        match self {
            Self::Live(booking) => Some(booking),
            Self::Gone => None,
        }
    }
}

/// What a platform shows of a booking in this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// A live record.
    Live(Booking),
    /// A record that is cancelled, deleted, or proven to be absent.
    Gone,
    /// Nothing that could be relied on: the platform was not read, the row is unreadable, unmapped, or absent without
    /// proof.
    Unseen,
}

/// The base of the merge on one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    /// What the platform kept when the bridge last agreed with it; not what was sent.
    pub kept: Presence,
    /// What the bridge wanted there at that time. Where the platform keeps something else (it trims, cuts, rewrites),
    /// this tells that nothing needs to be written again.
    pub agreed: Presence,
}

/// One platform's side of a linked booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// Which platform.
    pub platform: PlatformName,
    /// What it shows.
    pub shown: Shown,
    /// What it showed when the bridge last agreed.
    pub shadow: Shadow,
    /// What it can hold.
    pub projection: Projection,
    /// Whether changes made there are taken over (direction `both` or `from`).
    pub heard: bool,
    /// The platform's own stamp of the last change.
    pub changed_at: Option<Timestamp>,
    /// When we first saw the record as it is now.
    pub noticed_at: Timestamp,
}

/// Who wins when a field was changed differently on several platforms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConflictPolicy {
    /// The latest change.
    Newest,
    /// The first of these that made one; the latest change where none of them did.
    Prefer(Vec<PlatformName>),
    /// Nobody, until a person decides.
    Ask,
}

/// What happens to a booking that one platform removed and another edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovedAndEdited {
    /// It goes.
    Remove,
    /// It stays, with the edit, and lives again everywhere.
    Keep,
    /// Nothing happens until a person decides.
    Ask,
}

/// The user's choices for one bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// For fields.
    pub conflict: ConflictPolicy,
    /// For removals against edits.
    pub on_removed_and_edited: RemovedAndEdited,
}

/// Where the time of a change comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stamp {
    /// The platform says so.
    Platform,
    /// It is when we first saw it.
    FirstSeen,
}

/// What one platform wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Which platform.
    pub platform: PlatformName,
    /// The value of the field; `None` when it wants the booking gone, or (for a removal) shows it edited.
    pub value: Option<FieldValue>,
    /// Since when.
    pub changed_at: Timestamp,
    /// Whose word that is.
    pub stamp: Stamp,
}

/// What a conflict is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Platforms changed this field to different values.
    Field(Field),
    /// One platform removed the booking, another edited it.
    Removal,
}

impl Subject {
    /// The word used in reports and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Field(field) => field.as_str(),
            Self::Removal => "removal",
        }
    }
}

/// Platforms that want different things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// About what.
    pub subject: Subject,
    /// Everybody's value, the losers' among them.
    pub claims: Vec<Claim>,
    /// Whose value the policy took; `None` while a person is asked.
    pub decided: Option<PlatformName>,
}

/// What a booking should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    /// The booking after the merge.
    pub presence: Presence,
    /// Fields that nobody may write until a person has decided.
    pub held: BTreeSet<Field>,
    /// Whether the booking as a whole waits for a person: neither removed nor written anywhere.
    pub held_whole: bool,
    /// What platforms disagreed on.
    pub conflicts: Vec<Conflict>,
}

/// Merges one booking. `canonical` is what the bridge agreed on when it last looked; `sides` are the linked platforms
/// in the bridge's order.
pub fn merge(canonical: &Presence, sides: &[Side], policy: &Policy) -> Merge {
    match canonical {
        Presence::Live(base) => merge_live(base, sides, policy),
        Presence::Gone => merge_gone(sides, policy),
    }
}

/// The shadow of one side once a merge has been taken over, before anything is written: what the platform shows is
/// known and judged, whether it won or lost, so that it is never judged again.
///
/// What waits for a person stays a change, and so does an edit where nobody listens. A value that lost is agreed as the
/// base that the winning one will be written over.
/// **Law:** merging again with the accepted shadows gives the same booking and no new conflict.
#[must_use]
pub fn accepted(side: &Side, merge: &Merge) -> Shadow {
    let old = &side.shadow;
    match (&merge.presence, &side.shown) {
        _ if merge.held_whole => old.clone(),
        // It came back differing, and a person has not decided yet.
        (Presence::Live(_), Shown::Live(_))
            if old.kept == Presence::Gone && !merge.held.is_empty() =>
        {
            old.clone()
        }
        (Presence::Live(booking), Shown::Live(shown)) => {
            accepted_fields(side, merge, booking, shown)
        }
        (Presence::Live(_), Shown::Gone) if side.heard => Shadow::GONE,
        (Presence::Gone, Shown::Gone) => Shadow::GONE,
        // An edit that lost against a removal must not be taken for a new one until the removal arrives.
        (Presence::Gone, Shown::Live(shown)) if old.kept.live().is_some() => Shadow {
            kept: Presence::Live(shown.clone()),
            agreed: old.agreed.clone(),
        },
        (Presence::Live(_), Shown::Gone | Shown::Unseen)
        | (Presence::Gone, Shown::Live(_) | Shown::Unseen) => old.clone(),
    }
}

fn accepted_fields(side: &Side, merge: &Merge, booking: &Booking, shown: &Booking) -> Shadow {
    let wanted = side.projection.project(booking);
    let mut kept = shown.clone();
    let mut agreed = shown.clone();
    for field in Field::ALL {
        let in_step = same_value(field, shown, &wanted);
        let open = merge.held.contains(&field) || !side.heard;
        if in_step {
            agreed.take_field(field, &wanted);
            continue;
        }
        let Presence::Live(before) = &side.shadow.kept else {
            continue;
        };
        let was_agreed = side.shadow.agreed.live().unwrap_or(before);
        if open {
            kept.take_field(field, before);
            agreed.take_field(field, was_agreed);
        } else if same_value(field, shown, before) || is_unknown(field, shown) {
            agreed.take_field(field, was_agreed);
        }
    }
    Shadow {
        kept: Presence::Live(kept),
        agreed: Presence::Live(agreed),
    }
}

/// Whether the platform shows nothing where nothing means that it cannot tell.
fn is_unknown(field: Field, shown: &Booking) -> bool {
    field.empty_means_unknown() && shown.field(field).is_empty()
}

impl Shadow {
    /// The shadow of a record that is gone as it should be.
    pub const GONE: Self = Self {
        kept: Presence::Gone,
        agreed: Presence::Gone,
    };
}

fn merge_live(base: &Booking, sides: &[Side], policy: &Policy) -> Merge {
    let removed: Vec<&Side> = sides
        .iter()
        .filter(|side| side.heard && side.shown == Shown::Gone && side.shadow.kept.live().is_some())
        .collect();
    if removed.is_empty() {
        return merge_fields(base, sides, policy);
    }
    let edited: Vec<&Side> = sides
        .iter()
        .filter(|side| side.heard && !changed_fields(side, base).is_empty())
        .collect();
    if edited.is_empty() {
        return Merge::gone();
    }
    match policy.on_removed_and_edited {
        RemovedAndEdited::Remove => {
            Merge::gone().with(removal_conflict(base, &removed, &edited, removed.first()))
        }
        RemovedAndEdited::Keep => merge_fields(base, sides, policy).with(removal_conflict(
            base,
            &removed,
            &edited,
            edited.first(),
        )),
        RemovedAndEdited::Ask => Merge::waiting(Presence::Live(base.clone()))
            .with(removal_conflict(base, &removed, &edited, None)),
    }
}

fn merge_gone(sides: &[Side], policy: &Policy) -> Merge {
    // A person brought a cancelled record back to life.
    let revived = sides
        .iter()
        .find_map(|side| match (&side.shown, &side.shadow.kept) {
            (Shown::Live(booking), Presence::Gone) if side.heard => Some(booking),
            (Shown::Live(_) | Shown::Gone | Shown::Unseen, Presence::Live(_) | Presence::Gone) => {
                None
            }
        });
    if let Some(booking) = revived {
        return merge_fields(booking, sides, policy);
    }
    // A removal that has not arrived everywhere yet, and an edit where it has not.
    let edited: Vec<&Side> = sides
        .iter()
        .filter(|side| {
            let kept = side.shadow.kept.live();
            side.heard && kept.is_some_and(|kept| !changed_fields(side, kept).is_empty())
        })
        .collect();
    let Some(base) = edited.first().and_then(|side| before_edit(side)) else {
        return Merge::gone();
    };
    // Who removed it may not have been read in this run.
    let removed: Vec<&Side> = sides
        .iter()
        .filter(|side| match side.shown {
            Shown::Gone => true,
            Shown::Unseen => side.shadow.kept == Presence::Gone,
            Shown::Live(_) => false,
        })
        .collect();
    match policy.on_removed_and_edited {
        RemovedAndEdited::Remove => {
            // The bridge itself holds on to a removal whose platform has left it.
            let decider = removed.first().or_else(|| edited.first());
            Merge::gone().with(removal_conflict(base, &removed, &edited, decider))
        }
        RemovedAndEdited::Keep => merge_fields(base, sides, policy).with(removal_conflict(
            base,
            &removed,
            &edited,
            edited.first(),
        )),
        // The removal stands until a person has decided: nothing may bring the booking back meanwhile.
        RemovedAndEdited::Ask => {
            Merge::waiting(Presence::Gone).with(removal_conflict(base, &removed, &edited, None))
        }
    }
}

/// What an edited booking was before the edit: what the bridge wanted there, which may be more than what the platform
/// kept of it.
fn before_edit(side: &Side) -> Option<&Booking> {
    side.shadow
        .agreed
        .live()
        .or_else(|| side.shadow.kept.live())
}

impl Merge {
    fn gone() -> Self {
        Self {
            presence: Presence::Gone,
            held: BTreeSet::new(),
            held_whole: false,
            conflicts: Vec::new(),
        }
    }

    fn waiting(presence: Presence) -> Self {
        Self {
            presence,
            held: BTreeSet::new(),
            held_whole: true,
            conflicts: Vec::new(),
        }
    }

    fn with(mut self, conflict: Conflict) -> Self {
        self.conflicts.insert(0, conflict);
        self
    }
}

fn removal_conflict(
    base: &Booking,
    removed: &[&Side],
    edited: &[&Side],
    decided: Option<&&Side>,
) -> Conflict {
    Conflict {
        subject: Subject::Removal,
        claims: removed
            .iter()
            .chain(edited)
            .map(|side| removal_claim(side, base))
            .collect(),
        decided: decided.map(|side| side.platform.clone()),
    }
}

fn removal_claim(side: &Side, base: &Booking) -> Claim {
    let value = match &side.shown {
        Shown::Live(shown) => changed_fields(side, base)
            .first()
            .map(|field| shown.field(*field)),
        Shown::Gone | Shown::Unseen => None,
    };
    let (changed_at, stamp) = stamp(side);
    Claim {
        platform: side.platform.clone(),
        value,
        changed_at,
        stamp,
    }
}

/// A platform that shows the booking, and what was changed there.
type Changed<'a> = (&'a Side, &'a Booking, Vec<Field>);

fn merge_fields(base: &Booking, sides: &[Side], policy: &Policy) -> Merge {
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
        heard.extend(undelivered(field, base, &heard, sides));
        if let Some(value) = undisputed(field, &heard) {
            result.take_field(field, value);
        } else if !heard.is_empty() {
            decide(field, &heard, &policy.conflict, &mut result, &mut merged);
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
fn undisputed<'a>(field: Field, claims: &[(&'a Side, &'a Booking)]) -> Option<&'a Booking> {
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

fn decide(
    field: Field,
    claims: &[(&Side, &Booking)],
    policy: &ConflictPolicy,
    result: &mut Booking,
    merged: &mut Merge,
) {
    let winner = match policy {
        ConflictPolicy::Newest => newest(claims),
        ConflictPolicy::Prefer(order) => order
            .iter()
            .find_map(|platform| claims.iter().find(|(side, _)| side.platform == *platform))
            .copied()
            .or_else(|| newest(claims)),
        ConflictPolicy::Ask => None,
    };
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
fn changed_fields(side: &Side, canonical: &Booking) -> Vec<Field> {
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

/// The side whose accepted value never reached a platform that has now changed the same field. Without it the value
/// would be overwritten without a word: by the time of the second change it was already the bridge's own. The same goes
/// for a record that was gone and came back differing.
fn undelivered<'a>(
    field: Field,
    base: &Booking,
    claims: &[(&'a Side, &'a Booking)],
    sides: &'a [Side],
) -> Option<(&'a Side, &'a Booking)> {
    let waiting = claims.iter().any(|(side, _)| match &side.shadow.agreed {
        Presence::Live(agreed) => !same_value(field, agreed, &side.projection.project(base)),
        Presence::Gone => true,
    });
    if !waiting {
        return None;
    }
    sides.iter().find_map(|side| match &side.shown {
        Shown::Live(shown)
            if side.heard && same_value(field, shown, &side.projection.project(base)) =>
        {
            Some((side, shown))
        }
        Shown::Live(_) | Shown::Gone | Shown::Unseen => None,
    })
}

fn newest<'a>(claims: &[(&'a Side, &'a Booking)]) -> Option<(&'a Side, &'a Booking)> {
    // On equal stamps the platform named first in the bridge wins, so `rev` for `max_by_key`, which keeps the last.
    claims
        .iter()
        .rev()
        .copied()
        .max_by_key(|(side, _)| stamp(side).0)
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

fn stamp(side: &Side) -> (Timestamp, Stamp) {
    match side.changed_at {
        Some(at) => (at, Stamp::Platform),
        None => (side.noticed_at, Stamp::FirstSeen),
    }
}
