//! Double bookings among bookings that come in the order in which they end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};
use slotbridge_core::model::{BookingId, ResourceName, Slot};
use slotbridge_core::record::Window;
use slotbridge_store::BookingRow;

use crate::view::Known;

/// How long an ended booking is remembered; who is booked for longer is compared with what is stored. That is also how
/// long a booking may be and still be found by its time.
const MEMORY: SignedDuration = SignedDuration::from_hours(24);

/// The bookings that take a time that another takes too.
#[derive(Debug)]
pub(super) struct Overlaps {
    now: Timestamp,
    /// By resource, in order of their end.
    recent: BTreeMap<ResourceName, VecDeque<(Slot, BookingId)>>,
    found: BTreeSet<BookingId>,
    wide: Vec<Wide>,
    all_wide: BTreeSet<BookingId>,
}

/// A booking that lasts so long that others have been forgotten since it began.
#[derive(Debug, Clone)]
pub(super) struct Wide {
    id: BookingId,
    resource: ResourceName,
    slot: Slot,
}

impl Wide {
    /// Where to look for what it meets.
    pub(super) fn window(&self) -> Window {
        Window {
            from: self.slot.start(),
            to: self.slot.end(),
        }
    }
}

impl Overlaps {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            now,
            recent: BTreeMap::new(),
            found: BTreeSet::new(),
            wide: Vec::new(),
            all_wide: BTreeSet::new(),
        }
    }

    /// The next booking. One that is over takes nobody's time.
    pub(super) fn add(&mut self, booking: &BookingRow) {
        let Some(live) = booking.canonical.live() else {
            return;
        };
        let slot = live.slot;
        let is_wide = slot.end().duration_since(slot.start()) > MEMORY;
        if is_wide {
            self.all_wide.insert(booking.id);
        }
        if slot.end() <= self.now {
            return;
        }
        if is_wide {
            self.wide.push(Wide {
                id: booking.id,
                resource: live.resource.clone(),
                slot,
            });
        }
        if !self.recent.contains_key(&live.resource) {
            self.recent.insert(live.resource.clone(), VecDeque::new());
        }
        let Some(recent) = self.recent.get_mut(&live.resource) else {
            return;
        };
        let oldest = slot.end().saturating_sub(MEMORY).unwrap_or(Timestamp::MIN);
        while recent.front().is_some_and(|(slot, _)| slot.end() < oldest) {
            recent.pop_front();
        }
        // Whoever ended before this one begins does not meet it, and neither do those before.
        let meeting = recent
            .iter()
            .rev()
            .take_while(|(earlier, _)| earlier.end() > slot.start())
            .filter(|(earlier, _)| earlier.intersects(slot));
        let mut met = false;
        for (_, id) in meeting {
            self.found.insert(*id);
            met = true;
        }
        if met {
            self.found.insert(booking.id);
        }
        recent.push_back((slot, booking.id));
    }

    /// The long bookings since the last time that this was asked.
    pub(super) fn wide(&mut self) -> Vec<Wide> {
        std::mem::take(&mut self.wide)
    }

    /// Holds a long booking against all that is stored around it.
    pub(super) fn meet(&mut self, wide: &Wide, stored: &BTreeMap<BookingId, Known>) {
        for (id, known) in stored {
            let meets = known.canonical.live().is_some_and(|other| {
                other.resource == wide.resource
                    && other.slot.intersects(wide.slot)
                    && other.slot.end() > self.now
            });
            if meets && *id != wide.id {
                self.found.insert(*id);
                self.found.insert(wide.id);
            }
        }
    }

    /// All bookings that meet another, and all that last so long that their time does not find them.
    pub(super) fn into_ids(self) -> (BTreeSet<BookingId>, BTreeSet<BookingId>) {
        (self.found, self.all_wide)
    }
}

#[cfg(test)]
mod tests {
    use slotbridge_core::merge::Presence;
    use slotbridge_core::model::{Booking, Client, Kind, Private, Status};

    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + hour * 3_600).unwrap()
    }

    fn row(id: u128, resource: &str, from: i64, to: i64) -> BookingRow {
        let slot = Slot::new(at(from), at(to)).unwrap();
        BookingRow {
            id: BookingId::from_u128(id),
            canonical: Presence::Live(Booking {
                resource: ResourceName::new(resource).unwrap(),
                services: Vec::new(),
                slot,
                client: Client::default(),
                status: Status::Booked,
                comment: Private::default(),
                kind: Kind::Appointment,
            }),
            created_at: at(0),
            changed_at: at(0),
            last_slot: Some(slot),
            is_erased: false,
        }
    }

    fn found(mut rows: Vec<BookingRow>) -> Vec<u128> {
        rows.sort_by_key(|row| row.last_slot.map(Slot::end));
        let mut overlaps = Overlaps::new(at(10));
        for row in &rows {
            overlaps.add(row);
        }
        let stored: BTreeMap<BookingId, Known> = rows
            .into_iter()
            .map(|row| {
                let known = Known {
                    canonical: row.canonical,
                    created_at: row.created_at,
                    links: BTreeMap::new(),
                    is_erased: false,
                };
                (row.id, known)
            })
            .collect();
        for wide in overlaps.wide() {
            overlaps.meet(&wide, &stored);
        }
        overlaps
            .into_ids()
            .0
            .iter()
            .map(|id| id.as_u128())
            .collect()
    }

    #[test]
    fn both_of_a_double_booking_are_found_and_nobody_else() {
        assert_eq!(
            found(vec![
                row(1, "anna", 20, 22),
                row(2, "anna", 21, 23),
                row(3, "anna", 23, 24),
                row(4, "boris", 21, 23),
            ]),
            [1, 2]
        );
    }

    #[test]
    fn what_is_over_meets_nobody() {
        assert!(found(vec![row(1, "anna", 5, 9), row(2, "anna", 5, 9)]).is_empty());
        assert_eq!(
            found(vec![row(1, "anna", 5, 11), row(2, "anna", 5, 9)]),
            [0; 0]
        );
    }

    #[test]
    fn a_booking_of_days_meets_every_short_one_inside_it() {
        assert_eq!(
            found(vec![
                row(1, "anna", 20, 300),
                row(2, "anna", 21, 22),
                row(3, "anna", 150, 151),
                row(4, "anna", 299, 301),
                row(5, "anna", 301, 302),
                row(6, "boris", 150, 151),
            ]),
            [1, 2, 3, 4]
        );
    }
}
