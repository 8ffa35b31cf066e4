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

fn merge_live(base: &Booking, sides: &[Side], policy: &Policy) -> Merge {
    let removed: Vec<&Side> = sides
        .iter()
        .filter(|side| side.heard && side.shown == Shown::Gone && side.shadow.kept.live().is_some())
        .collect();
    let merged = merge_fields(base, sides, policy);
    if removed.is_empty() {
        return merged;
    }
    let edited: Vec<&Side> = sides.iter().filter(|side| side.heard && !changed_fields(side, base).is_empty()).collect();
    if edited.is_empty() {
        return Merge { presence: Presence::Gone, held: BTreeSet::new(), held_whole: false, conflicts: Vec::new() };
    }
    removal_conflict(base, &removed, &edited, merged, policy)
}

fn merge_gone(sides: &[Side], policy: &Policy) -> Merge {
    let still_gone = Merge { presence: Presence::Gone, held: BTreeSet::new(), held_whole: false, conflicts: Vec::new() };
    // A person brought a cancelled record back to life.
    let revived = sides.iter().find_map(|side| match (&side.shown, &side.shadow.kept) {
        (Shown::Live(booking), Presence::Gone) if side.heard => Some(booking),
        (Shown::Live(_) | Shown::Gone | Shown::Unseen, Presence::Live(_) | Presence::Gone) => None,
    });
    if let Some(booking) = revived {
        return merge_fields(booking, sides, policy);
    }
    // A removal that has not arrived everywhere yet, and an edit where it has not.
    let edited: Vec<&Side> = sides
        .iter()
        .filter(|side| side.heard && side.shadow.kept.live().is_some_and(|kept| !changed_fields(side, kept).is_empty()))
        .collect();
    let Some(Shown::Live(base)) = edited.first().map(|side| &side.shown) else {
        return still_gone;
    };
    let removed: Vec<&Side> = sides.iter().filter(|side| side.shown == Shown::Gone).collect();
    let merged = merge_fields(base, sides, policy);
    removal_conflict(base, &removed, &edited, merged, policy)
}

fn removal_conflict(base: &Booking, removed: &[&Side], edited: &[&Side], merged: Merge, policy: &Policy) -> Merge {
    let first = |sides: &[&Side]| sides.first().map(|side| side.platform.clone());
    let mut conflict = Conflict {
        subject: Subject::Removal,
        claims: removed.iter().chain(edited).map(|side| removal_claim(side, base)).collect(),
        decided: None,
    };
    match policy.on_removed_and_edited {
        RemovedAndEdited::Remove => {
            conflict.decided = first(removed);
            Merge { presence: Presence::Gone, held: BTreeSet::new(), held_whole: false, conflicts: vec![conflict] }
        }
        RemovedAndEdited::Keep => {
            conflict.decided = first(edited);
            let mut merged = merged;
            merged.conflicts.insert(0, conflict);
            merged
        }
        RemovedAndEdited::Ask => {
            let mut conflicts = merged.conflicts;
            conflicts.insert(0, conflict);
            Merge { presence: merged.presence, held: merged.held, held_whole: true, conflicts }
        }
    }
}

fn removal_claim(side: &Side, base: &Booking) -> Claim {
    let value = match &side.shown {
        Shown::Live(shown) => changed_fields(side, base).first().map(|field| shown.field(*field)),
        Shown::Gone | Shown::Unseen => None,
    };
    let (changed_at, stamp) = stamp(side);
    Claim { platform: side.platform.clone(), value, changed_at, stamp }
}

fn merge_fields(base: &Booking, sides: &[Side], policy: &Policy) -> Merge {
    let mut result = base.clone();
    let mut held = BTreeSet::new();
    let mut conflicts = Vec::new();
    for field in Field::ALL {
        let claims: Vec<(&Side, &Booking)> = sides
            .iter()
            .filter_map(|side| match &side.shown {
                Shown::Live(shown) if changed_fields(side, base).contains(&field) => Some((side, shown)),
                Shown::Live(_) | Shown::Gone | Shown::Unseen => None,
            })
            .collect();
        let heard: Vec<(&Side, &Booking)> = claims.iter().copied().filter(|(side, _)| side.heard).collect();
        // A platform that is only written to loses its own edits; the conflict row keeps them.
        for (side, shown) in claims.iter().filter(|(side, _)| !side.heard) {
            conflicts.push(Conflict {
                subject: Subject::Field(field),
                claims: vec![claim(side, shown, field)],
                decided: heard.first().map(|(side, _)| side.platform.clone()).or_else(|| {
                    sides.iter().find(|side| side.heard).map(|side| side.platform.clone())
                }),
            });
        }
        if heard.is_empty() {
            continue;
        }
        // One value that all the others are shorter spellings of is no conflict.
        let richest = heard.iter().find(|(_, value)| {
            heard.iter().all(|(side, shown)| same_value(field, &side.projection.project(value), shown))
        });
        if let Some((_, value)) = richest {
            result.take_field(field, value);
            continue;
        }
        let winner = match &policy.conflict {
            ConflictPolicy::Newest => newest(&heard),
            ConflictPolicy::Prefer(order) => order
                .iter()
                .find_map(|platform| heard.iter().find(|(side, _)| side.platform == *platform))
                .copied()
                .or_else(|| newest(&heard)),
            ConflictPolicy::Ask => None,
        };
        conflicts.push(Conflict {
            subject: Subject::Field(field),
            claims: heard.iter().map(|(side, shown)| claim(side, shown, field)).collect(),
            decided: winner.map(|(side, _)| side.platform.clone()),
        });
        match winner {
            Some((_, value)) => result.take_field(field, value),
            None => {
                held.insert(field);
            }
        }
    }
    Merge { presence: Presence::Live(result), held, held_whole: false, conflicts }
}

/// The fields that were changed on this platform since the bridge last agreed with it, as far as the change says
/// anything: not our own value coming back, not a contact that became invisible.
fn changed_fields(side: &Side, canonical: &Booking) -> Vec<Field> {
    let Shown::Live(shown) = &side.shown else { return Vec::new() };
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
                && !(field.empty_means_unknown() && shown.field(*field).is_empty())
        })
        .collect()
}

fn newest<'a>(claims: &[(&'a Side, &'a Booking)]) -> Option<(&'a Side, &'a Booking)> {
    // On equal stamps the platform named first in the bridge wins, so `rev` for `max_by_key`, which keeps the last.
    claims.iter().rev().copied().max_by_key(|(side, _)| stamp(side).0)
}

fn claim(side: &Side, shown: &Booking, field: Field) -> Claim {
    let (changed_at, stamp) = stamp(side);
    Claim { platform: side.platform.clone(), value: Some(shown.field(field)), changed_at, stamp }
}

fn stamp(side: &Side) -> (Timestamp, Stamp) {
    match side.changed_at {
        Some(at) => (at, Stamp::Platform),
        None => (side.noticed_at, Stamp::FirstSeen),
    }
}
