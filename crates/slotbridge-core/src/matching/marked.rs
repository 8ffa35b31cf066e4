//! What markers say: which records name a known booking, and which name one id that nobody knows any more.

use std::collections::{BTreeMap, BTreeSet};

use super::client::{SameClient, same_client};
use super::{Candidate, Entity, Open};
use crate::model::{Booking, BookingId, PlatformName};

/// The open bookings with the records that name them, then the ids that nobody knows with theirs, then the records
/// without a marker that counts.
pub(super) fn entities<'a>(
    live: &[&'a Candidate],
    open: &[&'a Open],
    known: &BTreeSet<BookingId>,
) -> Vec<Entity<'a>> {
    let mut carriers: BTreeMap<BookingId, Vec<&'a Candidate>> = BTreeMap::new();
    let mut unmarked: Vec<&'a Candidate> = Vec::new();
    for candidate in live {
        match candidate.marker {
            Some(marker) => carriers.entry(marker).or_default().push(candidate),
            None => unmarked.push(candidate),
        }
    }
    let mut entities = Vec::with_capacity(open.len() + live.len());
    for open in open {
        let named = carriers.remove(&open.booking).unwrap_or_default();
        let (kept, copies) = one_per_platform(named, &open.has, Some(&open.canonical));
        unmarked.extend(copies);
        let platforms = kept.iter().map(|record| &record.platform);
        entities.push(Entity {
            id: Some(open.booking),
            known: true,
            has: open.has.iter().chain(platforms).collect(),
            records: kept,
            canonical: Some(&open.canonical),
        });
    }
    for (id, named) in carriers {
        // A booking that is over, cancelled or complete: what carries its marker is a copy that somebody made.
        if known.contains(&id) {
            unmarked.extend(named);
            continue;
        }
        let (kept, copies) = one_per_platform(named, &BTreeSet::new(), None);
        unmarked.extend(copies);
        entities.push(Entity {
            id: Some(id),
            known: false,
            has: kept.iter().map(|record| &record.platform).collect(),
            records: kept,
            canonical: None,
        });
    }
    unmarked.sort_by_key(|record| (&record.platform, &record.remote_id));
    entities.extend(unmarked.into_iter().map(|record| Entity {
        id: None,
        known: false,
        has: BTreeSet::from([&record.platform]),
        records: vec![record],
        canonical: None,
    }));
    entities
}

/// Of the records that carry one marker, the one of each platform that it belongs to; the others are copies that people
/// made. On a platform where the booking is linked already all of them are.
fn one_per_platform<'a>(
    named: Vec<&'a Candidate>,
    linked: &BTreeSet<PlatformName>,
    canonical: Option<&Booking>,
) -> (Vec<&'a Candidate>, Vec<&'a Candidate>) {
    let all = named.clone();
    let mut platforms: BTreeMap<&PlatformName, Vec<&'a Candidate>> = BTreeMap::new();
    for record in named {
        platforms.entry(&record.platform).or_default().push(record);
    }
    let (mut kept, mut copies) = (Vec::new(), Vec::new());
    for (platform, mut records) in platforms {
        if !linked.contains(platform) && !records.is_empty() {
            // Where nobody knows the booking, the other platforms' records are the best word on it.
            let elsewhere = all
                .iter()
                .filter(|other| other.platform != *platform)
                .map(|other| &other.booking);
            let originals: Vec<&Booking> = match canonical {
                Some(canonical) => vec![canonical],
                None => elsewhere.collect(),
            };
            kept.push(records.swap_remove(belongs(&records, &originals)));
        }
        copies.extend(records);
    }
    (kept, copies)
}

/// Which of several records with one marker is the booking's: the only one that shows what the booking shows, else the
/// oldest one.
fn belongs(records: &[&Candidate], originals: &[&Booking]) -> usize {
    let shows = |record: &Candidate| {
        originals
            .iter()
            .any(|original| agrees(&record.booking, original))
    };
    let agreeing: Vec<usize> = records
        .iter()
        .enumerate()
        .filter(|(_, record)| shows(record))
        .map(|(index, _)| index)
        .collect();
    if let [only] = agreeing.as_slice() {
        return *only;
    }
    let age = |record: &Candidate| record.created_at.unwrap_or(record.first_seen);
    let oldest = records
        .iter()
        .enumerate()
        .min_by_key(|(_, record)| (age(record), &record.remote_id));
    oldest.map_or(0, |(index, _)| index)
}

fn agrees(one: &Booking, other: &Booking) -> bool {
    one.resource == other.resource
        && one.slot == other.slot
        && same_client(&one.client, &other.client) != SameClient::No
}
