//! Double bookings: live bookings of one resource whose slots meet.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::{BookingId, ResourceName, Slot};

/// A live booking as far as overlaps are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taker {
    /// Which booking.
    pub booking: BookingId,
    /// Whose time.
    pub resource: ResourceName,
    /// When.
    pub slot: Slot,
    /// When it was first seen anywhere.
    pub since: Timestamp,
}

/// Every pair of bookings that take the same time of the same resource; in each pair the one that was seen first comes
/// first (on equal times the lower id, so that every run says the same).
pub fn pairs(takers: &[Taker]) -> Vec<(BookingId, BookingId)> {
    let mut by_resource: BTreeMap<&ResourceName, Vec<&Taker>> = BTreeMap::new();
    for taker in takers {
        by_resource.entry(&taker.resource).or_default().push(taker);
    }
    let mut found = Vec::new();
    for group in by_resource.values_mut() {
        group.sort_by_key(|taker| (taker.slot, taker.booking));
        // Sorted by start: whoever is still open when the next one starts may meet it.
        let mut open: Vec<&Taker> = Vec::new();
        for taker in group.iter() {
            open.retain(|earlier| earlier.slot.end() > taker.slot.start());
            for earlier in &open {
                if earlier.slot.intersects(taker.slot) {
                    let mut pair = [*earlier, *taker];
                    pair.sort_by_key(|one| (one.since, one.booking));
                    let [first, second] = pair;
                    found.push((first.booking, second.booking));
                }
            }
            open.push(taker);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + minute * 60).unwrap()
    }

    fn taker(id: u128, resource: &str, from: i64, to: i64, since: i64) -> Taker {
        Taker {
            booking: BookingId::from_u128(id),
            resource: ResourceName::new(resource).unwrap(),
            slot: Slot::new(at(from), at(to)).unwrap(),
            since: at(since),
        }
    }

    fn ids(pairs: &[(BookingId, BookingId)]) -> Vec<(u128, u128)> {
        pairs
            .iter()
            .map(|(a, b)| (a.as_u128(), b.as_u128()))
            .collect()
    }

    #[test]
    fn bookings_that_meet_are_paired_with_the_first_seen_in_front() {
        let takers = [
            taker(1, "anna", 0, 60, 9),
            taker(2, "anna", 30, 90, 3),
            taker(3, "boris", 0, 60, 1),
        ];
        assert_eq!(ids(&pairs(&takers)), [(2, 1)]);
    }

    #[test]
    fn back_to_back_bookings_do_not_meet() {
        assert!(pairs(&[taker(1, "anna", 0, 60, 0), taker(2, "anna", 60, 120, 0)]).is_empty());
    }

    #[test]
    fn a_long_booking_meets_every_short_one_inside_it() {
        let takers = [
            taker(1, "anna", 0, 240, 0),
            taker(2, "anna", 10, 20, 1),
            taker(3, "anna", 200, 210, 2),
        ];
        assert_eq!(ids(&pairs(&takers)), [(1, 2), (1, 3)]);
    }
}
