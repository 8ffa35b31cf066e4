//! The plan: what would bring a bridge into step, as plain data that can be compared, stored, shown and replayed.
//!
//! **Law:** planning an applied plan gives an empty plan. A field is written only where the platform shows something
//! else than what is wanted *and* that difference is new since the bridge last agreed with the platform.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::merge::{Merge, Presence, Shadow, Shown};
use crate::model::{Booking, BookingId, Field, PlatformName, RemoteId};
use crate::projection::{Projection, same_value};

/// One create, update or remove on one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Of which booking.
    pub booking: BookingId,
    /// Where.
    pub platform: PlatformName,
    /// What.
    pub action: Action,
    /// The records that the wish comes from.
    pub because: Vec<(PlatformName, RemoteId)>,
    /// Whether the platform is told to accept a time that it takes for busy; only inside a swap that
    /// [`crate::order`] has untied.
    pub force: bool,
    /// Whether it takes back what an earlier run did. Then the platform shows something else than what is wanted, on
    /// purpose: the shadow notes what it keeps, and what was agreed on stays, so that the next run leaves it so.
    pub undoes: bool,
}

/// What an operation does.
#[expect(
    clippy::large_enum_variant,
    reason = "plans are short, and boxes would stand in the way of every match"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Makes a record.
    Create {
        /// What it should show, through the platform's projection.
        desired: Booking,
    },
    /// Edits a record in place.
    Update {
        /// Which record.
        remote_id: RemoteId,
        /// What it shows now.
        shown: Booking,
        /// What it should show; equal to `shown` outside `fields`.
        desired: Booking,
        /// What is written.
        fields: BTreeSet<Field>,
        /// Whether this is only a stop on the way of a swap; the booking's real time is written later in the plan.
        parking: bool,
    },
    /// Cancels or deletes a record.
    Remove {
        /// Which record.
        remote_id: RemoteId,
        /// What it shows now.
        shown: Booking,
    },
}

impl Action {
    /// The word used in reports and the journal.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Update { .. } => "update",
            Self::Remove { .. } => "remove",
        }
    }

    /// The record that it concerns; a create has none yet.
    pub fn remote_id(&self) -> Option<&RemoteId> {
        match self {
            Self::Create { .. } => None,
            Self::Update { remote_id, .. } | Self::Remove { remote_id, .. } => Some(remote_id),
        }
    }

    /// The booking as it stands on the platform before the operation.
    pub fn before(&self) -> Option<&Booking> {
        match self {
            Self::Create { .. } => None,
            Self::Update { shown, .. } | Self::Remove { shown, .. } => Some(shown),
        }
    }

    /// The booking as it stands on the platform after the operation.
    pub fn after(&self) -> Option<&Booking> {
        match self {
            Self::Create { desired } | Self::Update { desired, .. } => Some(desired),
            Self::Remove { .. } => None,
        }
    }
}

/// Why something that is wanted is not written in this run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Withheld {
    /// The bridge only reads this platform.
    ReadOnly,
    /// The bridge maps the booking's resource or service to nothing here.
    Unmapped {
        /// `resource` or `service`.
        what: &'static str,
        /// Its name in the bridge.
        name: String,
    },
    /// The platform could not be read, or not well enough to know that the booking is not there already.
    NotRead,
    /// The booking is over, or starts outside the bridge's window.
    OutsideWindow,
    /// Another live booking takes the time: writing it would book the resource twice.
    Overlap,
    /// Something that the platform does not show us takes exactly this time; it is presumed to be this booking.
    Presumed,
    /// Clients cannot book this time on the platform (too soon, a break), so that there is nothing to protect.
    Closed,
    /// An earlier create has an unknown outcome that could not be settled yet.
    Unsettled,
    /// A record of another booking may stand at that time: its create has an outcome that nobody knows yet.
    InDoubt,
    /// The platform refused it, and nothing has changed since.
    Refused {
        /// The platform's reason.
        why: String,
    },
    /// The row is one that slotbridge never edits.
    Unsupported {
        /// Why.
        why: &'static str,
    },
    /// A person has to decide a conflict first.
    Asked,
}

/// Whether a record may be made on a platform that has none for the booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateGate {
    /// It may.
    Open,
    /// It may not, now.
    Withheld(Withheld),
}

/// One platform as a target of one booking.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    /// Which platform.
    pub platform: &'a PlatformName,
    /// The linked record, if there is one.
    pub remote_id: Option<&'a RemoteId>,
    /// What it shows.
    pub shown: &'a Shown,
    /// The base of the merge, if there is a link.
    pub shadow: Option<&'a Shadow>,
    /// What the platform can hold of this booking (narrowed where only the time is shared).
    pub projection: &'a Projection,
    /// Whether the bridge takes over changes made there. A record that was removed where nobody listens is not made
    /// again.
    pub heard: bool,
    /// Why existing records are not written, if they are not.
    pub read_only: Option<Withheld>,
    /// Whether a record may be made.
    pub create: CreateGate,
}

/// What one platform needs for one booking.
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, on its way into the plan"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing: it is in step, or nothing can be said.
    Nothing,
    /// An operation.
    Do(Action),
    /// An operation is wanted, but not now.
    Wait(Withheld),
}

/// Decides what one platform needs for one merged booking.
pub fn step(merge: &Merge, target: &Target<'_>) -> Step {
    if merge.held_whole {
        return match target.shown {
            Shown::Live(_) | Shown::Gone => Step::Wait(Withheld::Asked),
            Shown::Unseen => Step::Nothing,
        };
    }
    match (&merge.presence, target.shown, target.remote_id) {
        (Presence::Live(booking), Shown::Live(shown), Some(remote_id)) => {
            update(booking, shown, remote_id, merge, target)
        }
        (Presence::Live(booking), Shown::Gone, _) if is_left_out(booking, target) => Step::Nothing,
        (Presence::Gone, Shown::Live(_), _) if target.shadow.is_some_and(Shadow::is_kept_on) => {
            Step::Nothing
        }
        // Where nobody listens, only a record that the bridge itself saw gone is made again: the booking came back to
        // life since. One that was removed there without our doing stays removed.
        (Presence::Live(booking), Shown::Gone, _) if target.heard || was_gone(target.shadow) => {
            create(booking, target)
        }
        (Presence::Live(booking), Shown::Live(_) | Shown::Gone | Shown::Unseen, None) => {
            create(booking, target)
        }
        (Presence::Gone, Shown::Live(shown), Some(remote_id)) => allowed(
            target,
            Action::Remove {
                remote_id: remote_id.clone(),
                shown: shown.clone(),
            },
        ),
        // Removed where nobody listens; not seen in this run; or gone as it should be.
        (Presence::Live(_), Shown::Gone | Shown::Unseen, Some(_)) | (Presence::Gone, _, _) => {
            Step::Nothing
        }
    }
}

fn create(booking: &Booking, target: &Target<'_>) -> Step {
    match &target.create {
        CreateGate::Open => allowed(
            target,
            Action::Create {
                desired: target.projection.project(booking),
            },
        ),
        CreateGate::Withheld(why) => Step::Wait(why.clone()),
    }
}

fn update(
    booking: &Booking,
    shown: &Booking,
    remote_id: &RemoteId,
    merge: &Merge,
    target: &Target<'_>,
) -> Step {
    let wanted = target.projection.project(booking);
    let fields: BTreeSet<Field> = Field::ALL
        .into_iter()
        .filter(|field| !merge.held.contains(field))
        .filter(|field| !same_value(*field, &wanted, shown))
        .filter(|field| !(field.empty_means_unknown() && wanted.is_field_empty(*field)))
        .filter(|field| !settled(*field, &wanted, shown, target.shadow))
        .collect();
    if fields.is_empty() {
        return Step::Nothing;
    }
    let mut desired = shown.clone();
    for field in &fields {
        desired.take_field(*field, &wanted);
    }
    allowed(
        target,
        Action::Update {
            remote_id: remote_id.clone(),
            shown: shown.clone(),
            desired,
            fields,
            parking: false,
        },
    )
}

/// Whether the platform keeps this field in its own way, and neither side has moved since the bridge accepted that.
fn settled(field: Field, wanted: &Booking, shown: &Booking, shadow: Option<&Shadow>) -> bool {
    let Some(Shadow {
        kept: Presence::Live(kept),
        agreed: Presence::Live(agreed),
    }) = shadow
    else {
        return false;
    };
    // A contact that became invisible is not written over and over.
    let invisible = field.empty_means_unknown() && shown.is_field_empty(field);
    (invisible || same_value(field, shown, kept)) && same_value(field, wanted, agreed)
}

/// Whether the bridge has agreed that the platform has no record of the booking, and the booking is still as it was then.
fn is_left_out(booking: &Booking, target: &Target<'_>) -> bool {
    let Some(agreed) = target.shadow.and_then(Shadow::left_out) else {
        return false;
    };
    let wanted = target.projection.project(booking);
    Field::ALL.into_iter().all(|field| {
        let unknown = field.empty_means_unknown() && wanted.is_field_empty(field);
        unknown || same_value(field, &wanted, agreed)
    })
}

fn was_gone(shadow: Option<&Shadow>) -> bool {
    shadow.is_some_and(|shadow| shadow.kept == Presence::Gone)
}

fn allowed(target: &Target<'_>, action: Action) -> Step {
    match &target.read_only {
        Some(why) => Step::Wait(why.clone()),
        None => Step::Do(action),
    }
}
