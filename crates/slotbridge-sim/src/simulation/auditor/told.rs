//! What a bridge has told its owner, in the auditor's words.

use crate::world::Place;

use super::holds::Field;

/// What a conflict is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A field.
    Field(Field),
    /// A removal against an edit.
    Removal,
}

/// A conflict that was told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictTold {
    /// Whose booking.
    pub client: u64,
    /// About what.
    pub subject: Subject,
    /// What the platforms said, in the spelling of the auditor.
    pub values: Vec<String>,
    /// Whether a person has to decide.
    pub open: bool,
}

/// Something that could not be brought to a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trouble {
    /// Whose booking.
    pub client: u64,
    /// Where; none where it is about all of them.
    pub place: Option<Place>,
}

/// Everything that was told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// All conflicts, ever.
    pub conflicts: Vec<ConflictTold>,
    /// What stands in the last report.
    pub troubles: Vec<Trouble>,
    /// The same of busy times without a client: where, whose time it is, and when it begins and ends, in seconds.
    pub anonymous: Vec<(Option<Place>, (String, i64, i64))>,
    /// Which platforms showed nothing although records were known there, by the last report.
    pub empty: Vec<Place>,
}

impl Told {
    /// Whether it was told that a client's booking could not be brought to a platform.
    pub(crate) fn trouble(&self, client: u64, place: Place) -> bool {
        self.troubles.iter().any(|trouble| {
            trouble.client == client && trouble.place.is_none_or(|other| other == place)
        })
    }

    /// Whether a conflict of this subject was told of.
    pub(crate) fn conflict(&self, client: u64, subject: Subject) -> bool {
        self.about(client)
            .any(|conflict| conflict.subject == subject)
    }

    /// Whether a conflict of this subject, in which this value lost or won, was told of.
    pub(crate) fn names(&self, client: u64, field: Field, value: &str) -> bool {
        self.about(client)
            .filter(|conflict| conflict.subject == Subject::Field(field))
            .any(|conflict| conflict.values.iter().any(|told| told == value))
    }

    /// Whether a person has to decide something about the booking.
    pub(crate) fn waits(&self, client: u64) -> bool {
        self.about(client).any(|conflict| conflict.open)
    }

    fn about(&self, client: u64) -> impl Iterator<Item = &ConflictTold> {
        self.conflicts
            .iter()
            .filter(move |conflict| conflict.client == client)
    }
}
