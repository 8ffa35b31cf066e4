//! What a person decided: applied to the next merge if it still finds what the person saw, void if not.

use super::{
    Claim, Conflict, Merge, Policy, Presence, RemovedAndEdited, Shown, Side, Subject, merge,
};
use crate::model::{Booking, Field, FieldValue, PlatformName};

/// How a person wants a conflict to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// As this platform has it.
    Take(PlatformName),
    /// With a value that the person gave.
    Set(FieldValue),
    /// As the bridge has it; a booking that was removed in one place and edited in another lives on, with the edits.
    Keep,
}

impl Choice {
    /// The word used in reports and the database.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Take(_) => "take",
            Self::Set(_) => "set",
            Self::Keep => "keep",
        }
    }

    /// Whose value it takes, where it takes a platform's.
    pub fn platform(&self) -> Option<&PlatformName> {
        match self {
            Self::Take(platform) => Some(platform),
            Self::Set(_) | Self::Keep => None,
        }
    }
}

/// A person's decision, which waits for a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// About what.
    pub subject: Subject,
    /// What everybody claimed when the person decided.
    pub claims: Vec<Claim>,
    /// What the person decided.
    pub choice: Choice,
}

/// What became of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// The merge follows it.
    Applied,
    /// What it was made over has changed since; it says nothing any more.
    Void,
    /// A platform that it is about was not seen; it waits for the next merge.
    Waits,
}

/// Why a choice cannot be made for a conflict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoChoice {
    /// The platform claims nothing in this conflict.
    #[error("{0} claims nothing in this conflict")]
    NotAClaimant(PlatformName),
    /// A value for a conflict about the whole booking.
    #[error(
        "it is about whether the booking lives: take the platform that removed it, or one that has it, or keep it"
    )]
    NoValueForRemoval,
    /// A value of another field.
    #[error("the conflict is about {0}, and the value is of another field")]
    OtherField(&'static str),
    /// Nothing, where nothing means "not known here" and is never written.
    #[error("an empty {0} means \"not known\" and is written nowhere")]
    Empty(&'static str),
}

/// Whether a choice makes sense for a conflict. `canonical` is what the bridge has.
///
/// # Errors
/// [`NoChoice`], which says why it does not.
pub fn can_choose(
    conflict: &Conflict,
    canonical: &Presence,
    choice: &Choice,
) -> Result<(), NoChoice> {
    let empty = |field: Field, value: &FieldValue| {
        if field.empty_means_unknown() && value.is_empty() {
            Err(NoChoice::Empty(field.as_str()))
        } else {
            Ok(())
        }
    };
    match (choice, conflict.subject) {
        (Choice::Take(platform), _) => {
            if conflict
                .claims
                .iter()
                .any(|claim| claim.platform == *platform)
            {
                Ok(())
            } else {
                Err(NoChoice::NotAClaimant(platform.clone()))
            }
        }
        (Choice::Set(_), Subject::Removal) => Err(NoChoice::NoValueForRemoval),
        (Choice::Set(value), Subject::Field(field)) if value.is_of(field) => empty(field, value),
        (Choice::Set(_), Subject::Field(field)) => Err(NoChoice::OtherField(field.as_str())),
        (Choice::Keep, Subject::Removal) => Ok(()),
        (Choice::Keep, Subject::Field(field)) => canonical
            .live()
            .map_or(Ok(()), |booking| empty(field, &booking.field(field))),
    }
}

/// Merges one booking as [`merge`] does, with what a person decided. Gives what became of each decision, in their order.
///
/// A decision counts only where the merge finds the conflict that it was made over, with everybody's values as they
/// were; then it outweighs the policy. **Law:** once the merge is taken over ([`super::accepted`]), merging again gives
/// the same booking without a conflict and without the decision.
pub fn merge_decided(
    canonical: &Presence,
    sides: &[Side],
    policy: &Policy,
    decisions: &[Decision],
) -> (Merge, Vec<Fate>) {
    let mut merged = merge(canonical, sides, policy);
    if decisions.is_empty() {
        return (merged, Vec::new());
    }
    let on_removal = decisions
        .iter()
        .find(|decision| decision.subject == Subject::Removal && decision.fits(&merged.conflicts));
    if let Some(decision) = on_removal {
        let policy = Policy {
            on_removed_and_edited: decision.lives_or_goes(),
            conflict: policy.conflict.clone(),
        };
        merged = merge(canonical, sides, &policy);
    }
    let fates: Vec<Fate> = decisions
        .iter()
        .map(|decision| {
            // What an unseen platform is remembered to say can be claimed, but not yet settled.
            if decision.subject != Subject::Removal && is_unseen(&decision.claims, sides) {
                return Fate::Waits;
            }
            let fits = decision.fits(&merged.conflicts);
            let followed = match decision.subject {
                Subject::Removal => fits,
                Subject::Field(field) => {
                    fits && decision.settle(field, canonical, sides, &mut merged)
                }
            };
            match (followed, fits) {
                (true, _) => Fate::Applied,
                (false, true) => Fate::Void,
                (false, false) => decision.without_conflict(&merged, sides),
            }
        })
        .collect();
    let not_waiting = decisions
        .iter()
        .zip(&fates)
        .filter(|(_, fate)| **fate != Fate::Waits);
    for (decision, _) in not_waiting {
        for conflict in &mut merged.conflicts {
            if decision.is_about(conflict) {
                conflict.decided = decision.choice.platform().cloned();
            }
        }
    }
    (merged, fates)
}

impl Decision {
    /// Whether it is the conflict that was decided, and everybody claims what they claimed. A stamp may move for the sake
    /// of another field; but against a removal only one of the edited fields is named, so there any later edit counts.
    pub fn is_about(&self, conflict: &Conflict) -> bool {
        let known = |claim: &Claim| {
            self.claims.iter().any(|seen| {
                let edited = conflict.subject == Subject::Removal && claim.value.is_some();
                seen.platform == claim.platform
                    && seen.value == claim.value
                    && (!edited
                        || seen.changed_at.as_microsecond() == claim.changed_at.as_microsecond())
            })
        };
        conflict.subject == self.subject
            && conflict.claims.len() == self.claims.len()
            && conflict.claims.iter().all(known)
    }

    fn fits(&self, conflicts: &[Conflict]) -> bool {
        conflicts.iter().any(|conflict| self.is_about(conflict))
    }

    fn lives_or_goes(&self) -> RemovedAndEdited {
        let removed = |platform: &PlatformName| {
            self.claims
                .iter()
                .any(|claim| claim.platform == *platform && claim.value.is_none())
        };
        match &self.choice {
            Choice::Take(platform) if removed(platform) => RemovedAndEdited::Remove,
            Choice::Take(_) | Choice::Set(_) | Choice::Keep => RemovedAndEdited::Keep,
        }
    }

    /// Writes the decided value of a field into a merge; says whether that could be done.
    fn settle(
        &self,
        field: Field,
        canonical: &Presence,
        sides: &[Side],
        merged: &mut Merge,
    ) -> bool {
        let Presence::Live(result) = &mut merged.presence else {
            return false;
        };
        let done = match &self.choice {
            Choice::Take(platform) => shown_by(platform, sides)
                .map(|shown| result.take_field(field, shown))
                .is_some(),
            Choice::Set(value) => result.set_field(field, value.clone()),
            Choice::Keep => {
                // Of a booking that came back to life the bridge has nothing: then it stays as the merge has it.
                if let Presence::Live(base) = canonical {
                    result.take_field(field, base);
                }
                true
            }
        };
        if done {
            merged.held.remove(&field);
        }
        done
    }

    /// What becomes of it where the merge does not find its conflict.
    fn without_conflict(&self, merged: &Merge, sides: &[Side]) -> Fate {
        // A conflict about a field cannot be seen while it is open whether the booking lives at all.
        let hidden = merged.held_whole && self.subject != Subject::Removal;
        if hidden || is_unseen(&self.claims, sides) {
            Fate::Waits
        } else {
            Fate::Void
        }
    }
}

/// Whether a platform that claims something was not seen: then nothing can be said about what the claims come to.
pub fn is_unseen(claims: &[Claim], sides: &[Side]) -> bool {
    claims.iter().any(|claim| {
        sides
            .iter()
            .any(|side| side.platform == claim.platform && side.shown == Shown::Unseen)
    })
}

fn shown_by<'a>(platform: &PlatformName, sides: &'a [Side]) -> Option<&'a Booking> {
    sides
        .iter()
        .find(|side| side.platform == *platform)
        .and_then(|side| match &side.shown {
            Shown::Live(shown) => Some(shown),
            Shown::Gone | Shown::Unseen => None,
        })
}
