//! Whether there is anything to do about a booking at all: the question that is asked of every booking in every pass, so
//! that match, merge and plan are about the few that are not at rest.
//!
//! **Law:** where a booking is at rest, [`crate::merge::merge`] gives the booking as it is without a conflict,
//! [`crate::merge::accepted`] leaves every shadow as it is, and [`crate::plan::step`] wants nothing of any record. The
//! reverse does not hold: what is not at rest may still turn out to need nothing.

#[cfg(test)]
mod tests;

use crate::merge::{Presence, Shown};
use crate::projection::Projection;

/// A linked record of a booking.
#[derive(Debug, Clone, Copy)]
pub struct Kept<'a> {
    /// What it shows.
    pub shown: &'a Shown,
    /// What it showed when the bridge last agreed with it ([`crate::merge::Shadow::kept`]).
    pub kept: &'a Presence,
    /// What the bridge wanted there at that time ([`crate::merge::Shadow::agreed`]).
    pub agreed: &'a Presence,
    /// What its platform can hold of the booking.
    pub projection: &'a Projection,
}

/// Whether none of its records calls for anything: each shows what it showed when the bridge last agreed with it, and
/// what was agreed on is what the bridge wants. A record that was not seen calls for nothing.
pub fn is_at_rest<'a>(canonical: &Presence, records: impl IntoIterator<Item = Kept<'a>>) -> bool {
    records.into_iter().all(|record| calm(canonical, record))
}

fn calm(canonical: &Presence, record: Kept<'_>) -> bool {
    let Kept { kept, agreed, .. } = record;
    match (canonical, record.shown) {
        (Presence::Live(_) | Presence::Gone, Shown::Unseen) => true,
        (Presence::Live(booking), Shown::Live(shown)) => {
            // A record that is shown as another kind of thing is looked into every time.
            shown.kind == booking.kind
                && kept.live() == Some(shown)
                && agreed
                    .live()
                    .is_some_and(|agreed| record.projection.shows(booking, agreed))
        }
        (Presence::Gone, Shown::Gone) => *kept == Presence::Gone && *agreed == Presence::Gone,
        (Presence::Live(_), Shown::Gone) | (Presence::Gone, Shown::Live(_)) => false,
    }
}
