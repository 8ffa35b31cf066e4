//! The three-way merge: from what the bridge last agreed on and what each platform shows now, to what the booking
//! should be.
//!
//! Decided per booking, first whether it lives, then field by field.
//! A conflict is an outcome, not an error, and its losing value is part of it.

mod accept;
mod choice;
mod fields;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::model::{Booking, Field, FieldValue, PlatformName};
use crate::projection::Projection;
pub use accept::accepted;
pub use choice::{Choice, Decision, Fate, NoChoice, can_choose, is_unseen, merge_decided};
use fields::{changed_fields, merge_fields, stamp, undisputed};

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
    /// The value of the field; `None` when it wants the booking gone. Against a removal, the first of the edited fields,
    /// or the status of a record that came back as it was.
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
    /// Whose value was taken, by the policy or by a person; `None` while a person is asked, and where a person took
    /// nobody's.
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

impl Shadow {
    /// The shadow of a record that is gone as it should be.
    pub const GONE: Self = Self {
        kept: Presence::Gone,
        agreed: Presence::Gone,
    };

    /// What the bridge wanted on a platform that was left without a record all the same: a record of ours was taken
    /// back there. It is not made again before something else is wanted.
    pub fn left_out(&self) -> Option<&Booking> {
        match (&self.kept, &self.agreed) {
            (Presence::Gone, Presence::Live(agreed)) => Some(agreed),
            _ => None,
        }
    }

    /// Whether the platform keeps its record although the booking is gone: a removal of ours was taken back there. It
    /// stays until a person changes or removes it.
    pub fn is_kept_on(&self) -> bool {
        matches!(
            (&self.kept, &self.agreed),
            (Presence::Live(_), Presence::Gone)
        )
    }
}

fn merge_live(base: &Booking, sides: &[Side], policy: &Policy) -> Merge {
    let removed: Vec<&Side> = sides
        .iter()
        .filter(|side| side.heard && side.shown == Shown::Gone && side.shadow.kept.live().is_some())
        .collect();
    if removed.is_empty() {
        return merge_fields(base, sides, policy);
    }
    // A record that came back is as much a person's word as an edit.
    let edited: Vec<&Side> = sides
        .iter()
        .filter(|side| side.heard && (is_revived(side) || !changed_fields(side, base).is_empty()))
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
    let revived = sides.iter().find(|side| side.heard && is_revived(side));
    if let Some(Shown::Live(booking)) = revived.map(|side| &side.shown) {
        return merge_fields(&with_what_is_known(booking, sides), sides, policy);
    }
    // A removal that has not arrived everywhere yet, and an edit where it has not.
    let edited: Vec<&Side> = sides
        .iter()
        .filter(|side| {
            let kept = side.shadow.kept.live();
            side.heard && kept.is_some_and(|kept| !changed_fields(side, kept).is_empty())
        })
        .collect();
    let before_edit = edited.first().and_then(|side| {
        side.shadow
            .agreed
            .live()
            .or_else(|| side.shadow.kept.live())
    });
    let Some(before_edit) = before_edit else {
        return Merge::gone();
    };
    let base = &with_what_is_known(before_edit, sides);
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

/// Whether a person brought the record back to life, or went on with one that was only kept on.
fn is_revived(side: &Side) -> bool {
    match (&side.shown, &side.shadow.kept) {
        (Shown::Live(_), Presence::Gone) => true,
        (Shown::Live(_), Presence::Live(kept)) => {
            side.shadow.is_kept_on() && !changed_fields(side, kept).is_empty()
        }
        (Shown::Gone | Shown::Unseen, _) => false,
    }
}

/// A cancelled booking as a platform has it, with what that platform cannot hold taken from those that can: of a
/// cancelled booking the bridge knows nothing else.
fn with_what_is_known(booking: &Booking, sides: &[Side]) -> Booking {
    let told: Vec<(&Side, &Booking)> = sides
        .iter()
        .filter_map(|side| match (&side.shown, &side.shadow.kept) {
            (_, Presence::Live(kept)) => Some((side, side.shadow.agreed.live().unwrap_or(kept))),
            (Shown::Live(shown), Presence::Gone) if side.heard => Some((side, shown)),
            (_, Presence::Gone) => None,
        })
        .collect();
    let mut whole = booking.clone();
    for field in Field::ALL {
        if let Some(value) = undisputed(field, &told) {
            whole.take_field(field, value);
        }
    }
    whole
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
        Shown::Live(shown) => {
            let field = changed_fields(side, base).first().copied();
            // A record that came back as it was only says that it lives.
            Some(shown.field(field.unwrap_or(Field::Status)))
        }
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
