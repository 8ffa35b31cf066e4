//! What people decided about conflicts, on its way into a run: what is followed, what is void, and which conflicts have
//! solved themselves.
//!
//! **Guarantees.** A decision is stored as applied in the transaction that takes over the merge it led to, so that it
//! counts exactly once, whatever is killed when. What it wants written goes through plan, guards and journal like
//! anything else.

use std::collections::BTreeMap;

use jiff::Timestamp;
use slotbridge_core::merge::{self, Choice, Conflict, Decision, Fate, Merge, Side, Subject};
use slotbridge_core::model::BookingId;
use slotbridge_store::{Change, ConflictRow, DecisionState};

use crate::report::PersonReport;
use crate::scope::Focus;
use crate::view::View;

/// The open conflicts of one booking, and the decisions among them that wait.
#[derive(Debug)]
pub(crate) struct Said<'a> {
    rows: &'a [ConflictRow],
    waiting: Vec<&'a ConflictRow>,
    /// The same decisions in the core's words.
    pub(crate) decisions: Vec<Decision>,
}

/// What people said about a booking.
pub(crate) fn said(rows: &[ConflictRow]) -> Said<'_> {
    let mut said = Said {
        rows,
        waiting: Vec::new(),
        decisions: Vec::new(),
    };
    for row in rows {
        if let Some(decision) = &row.decision
            && decision.state == DecisionState::Waiting
        {
            said.waiting.push(row);
            said.decisions.push(Decision {
                subject: row.conflict.subject,
                claims: decision.claims.clone(),
                choice: decision.choice.clone(),
            });
        }
    }
    said
}

impl<'a> Said<'a> {
    /// With what became of the decisions, in their order.
    pub(crate) fn with(self, fates: Vec<Fate>) -> Heeded<'a> {
        let Self {
            rows,
            waiting,
            decisions,
        } = self;
        Heeded {
            rows,
            decisions: waiting
                .into_iter()
                .zip(decisions)
                .zip(fates)
                .map(|((row, decision), fate)| (row, decision, fate))
                .collect(),
        }
    }
}

/// What became of what people said about a booking.
#[derive(Debug)]
pub(crate) struct Heeded<'a> {
    rows: &'a [ConflictRow],
    decisions: Vec<(&'a ConflictRow, Decision, Fate)>,
}

impl Heeded<'_> {
    /// The decision that ended this conflict: its number, and what was chosen.
    pub(crate) fn applied(&self, conflict: &Conflict) -> Option<(i64, &Choice)> {
        self.decisions
            .iter()
            .find(|(_, decision, fate)| *fate == Fate::Applied && decision.is_about(conflict))
            .map(|(row, decision, _)| (row.id, &decision.choice))
    }

    /// Whether a person's word about this was followed.
    pub(crate) fn follows(&self, subject: Subject) -> bool {
        self.decisions
            .iter()
            .any(|(_, decision, fate)| *fate == Fate::Applied && decision.subject == subject)
    }

    /// What is to be told of an earlier or present decision about an open conflict that says nothing any more.
    pub(crate) fn void(&self, conflict: &Conflict) -> Option<PersonReport> {
        if conflict.decided.is_some() {
            return None;
        }
        let now = self
            .decisions
            .iter()
            .any(|(row, _, fate)| *fate == Fate::Void && row.conflict.subject == conflict.subject);
        let before = self.rows.iter().any(|row| {
            let state = row.decision.as_ref().map(|decision| decision.state);
            row.conflict.subject == conflict.subject && state == Some(DecisionState::Void)
        });
        (now || before).then_some(PersonReport::Void)
    }

    /// What is to be stored besides the conflicts that the merge found: decisions that are void, and conflicts that the
    /// merge did not find any more although it saw all that they are about.
    pub(crate) fn afterwards(&self, sides: &[Side], merged: &Merge, at: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        for (row, _, fate) in &self.decisions {
            if *fate == Fate::Void {
                tracing::warn!(
                    conflict = row.id,
                    booking = %row.booking,
                    "A decision is void: what it was made over has changed since."
                );
                changes.push(Change::DecisionVoid {
                    conflict: row.id,
                    at,
                });
            }
        }
        for row in self.rows {
            // Whether fields are disputed cannot be seen while it is open whether the booking lives.
            let hidden = merged.held_whole && row.conflict.subject != Subject::Removal;
            let seen = !merge::is_unseen(&row.conflict.claims, sides);
            let stands = merged.conflicts.iter().any(|one| is_next_word(one, row));
            if seen && !hidden && !stands {
                changes.push(gone(row, at));
            }
        }
        changes
    }
}

/// Whether a conflict of this run is about what the stored one is about: somebody makes a claim in both.
fn is_next_word(conflict: &Conflict, row: &ConflictRow) -> bool {
    let mut stored = row.conflict.claims.iter();
    conflict.subject == row.conflict.subject
        && stored.any(|claim| {
            conflict
                .claims
                .iter()
                .any(|now| now.platform == claim.platform)
        })
}

fn gone(row: &ConflictRow, at: Timestamp) -> Change {
    Change::ConflictGone {
        bridge: row.bridge.clone(),
        booking: row.booking,
        subject: row.conflict.subject,
        at,
    }
}

/// Conflicts over bookings that are over for so long that a run over the whole bridge does not look at them any more.
pub(crate) fn long_over(view: &View<'_>) -> Vec<Change> {
    let is_over = |id: &BookingId| match &view.walked {
        Some(walked) => walked.long_over.contains(id),
        None => view.focus == Focus::All && !view.bookings.contains_key(id),
    };
    let open: &BTreeMap<BookingId, Vec<ConflictRow>> = &view.open_conflicts;
    open.iter()
        .filter(|(id, _)| is_over(id))
        .flat_map(|(_, rows)| rows)
        .map(|row| gone(row, view.now))
        .collect()
}
