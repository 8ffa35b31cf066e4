//! Which records are one booking: by the marker that we left in them, else by resource, time and client.
//!
//! What is certain is linked, what is unlike anything is new, and what may be either is told to a person and left
//! alone: a wrong link moves somebody else's appointment, a missed one doubles it.
//!
//! # Guarantees
//! - Every live record of the input is in exactly one place of the output.
//! - No booking gets two records of one platform.
//! - Two bookings that the bridge knows are never made one.
//! - The same input gives the same output, in whatever order it comes.
//!
//! Work is linear in the records, apart from those that share one resource and one start.

mod client;
mod groups;
mod marked;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

pub use client::{SameClient, same_client};

use crate::model::{Booking, BookingId, Kind, PlatformName, RemoteId, ResourceName, Status};
use client::ClientKeys;
use groups::Groups;

/// A record without a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Where.
    pub platform: PlatformName,
    /// The record.
    pub remote_id: RemoteId,
    /// What it shows.
    pub booking: Booking,
    /// Our booking id in it, if there is one: a hint, since people copy records.
    pub marker: Option<BookingId>,
    /// When the platform says that it was made.
    pub created_at: Option<Timestamp>,
    /// When we first saw it.
    pub first_seen: Timestamp,
}

/// A live booking that lacks a record on some platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Which booking.
    pub booking: BookingId,
    /// What the bridge agreed on.
    pub canonical: Booking,
    /// Where it has a record.
    pub has: BTreeSet<PlatformName>,
}

/// What became of the candidates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matching {
    /// Records that are one booking.
    pub adopt: Vec<Adoption>,
    /// Records that are a booking of their own.
    pub new: Vec<(PlatformName, RemoteId)>,
    /// Records that may be another's, or not.
    pub ambiguous: Vec<Ambiguous>,
}

/// Records that are one booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// The booking that they belong to: one that is known, or one that several records name in their markers although
    /// nobody knows it any more. `None` when it is new.
    pub booking: Option<BookingId>,
    /// Its records, at most one per platform.
    pub records: Vec<(PlatformName, RemoteId)>,
}

/// A record that is left alone because it may belong to something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ambiguous {
    /// Where.
    pub platform: PlatformName,
    /// The record.
    pub remote_id: RemoteId,
    /// The records that it may be one with, or has to be told from.
    pub candidates: Vec<(PlatformName, RemoteId)>,
    /// The known bookings that it may belong to. None of them may get another record on this platform meanwhile.
    pub bookings: Vec<BookingId>,
    /// Why that cannot be told, in a sentence without client data.
    pub why: String,
}

/// Finds out which candidates are one booking. `known` are the ids of all bookings that the bridge knows, open or not.
///
/// Cancelled records are no candidates and appear nowhere in the result.
pub fn matching(candidates: &[Candidate], open: &[Open], known: &BTreeSet<BookingId>) -> Matching {
    let mut live: Vec<&Candidate> = candidates
        .iter()
        .filter(|candidate| candidate.booking.status != Status::Cancelled)
        .collect();
    live.sort_by_key(|candidate| (&candidate.platform, &candidate.remote_id));
    if live.is_empty() {
        return Matching::default();
    }
    let entities = marked::entities(&live, &within_reach(open, &live), known);
    let relations = relations(&entities);
    let mut groups = Groups::new(&entities);
    groups.join_certain(&relations);
    groups.join_stripped(&relations);
    groups.into_matching(&relations)
}

/// The open bookings that a candidate could belong to, by their id: however many bookings are stored, only those next
/// to something new cost anything.
fn within_reach<'a>(open: &'a [Open], live: &[&Candidate]) -> Vec<&'a Open> {
    let named: BTreeSet<BookingId> = live.iter().filter_map(|record| record.marker).collect();
    let places: BTreeSet<Place<'_>> = live.iter().map(|record| place(&record.booking)).collect();
    let mut reach: Vec<&Open> = open
        .iter()
        .filter(|open| named.contains(&open.booking) || places.contains(&place(&open.canonical)))
        .collect();
    reach.sort_by_key(|open| open.booking);
    reach
}

type Place<'a> = (&'a ResourceName, Timestamp);

fn place(booking: &Booking) -> Place<'_> {
    (&booking.resource, booking.slot.start())
}

/// What may turn out to be one booking with others: a booking that the bridge knows, records with one marker, or a
/// record.
#[derive(Debug)]
struct Entity<'a> {
    id: Option<BookingId>,
    known: bool,
    /// Platforms on which it has a record, linked or in `records`.
    has: BTreeSet<&'a PlatformName>,
    records: Vec<&'a Candidate>,
    canonical: Option<&'a Booking>,
}

impl<'a> Entity<'a> {
    fn bookings(&self) -> impl Iterator<Item = &'a Booking> {
        self.canonical
            .into_iter()
            .chain(self.records.iter().map(|record| &record.booking))
    }
}

/// How two entities go together, the clearest word first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Relation {
    /// They are not one booking.
    Apart,
    /// Same resource, time and client.
    Same,
    /// The same client at the same start, but not until the same end.
    OtherEnd,
    /// The same time, and names that may be one person's.
    Alike,
    /// The same time, and neither shows a client.
    Blank,
    /// The same time, and no key that both clients show.
    Untold,
}

/// Relations of pairs, the lower index first.
type Relations = BTreeMap<(usize, usize), Relation>;

fn note(relations: &mut Relations, one: usize, other: usize, relation: Relation) {
    let pair = (one.min(other), one.max(other));
    let clearest = relations
        .get(&pair)
        .map_or(relation, |before| relation.min(*before));
    relations.insert(pair, clearest);
}

/// One of the bookings that an entity shows.
type Shows<'a> = (usize, &'a Booking, ClientKeys<'a>);

/// Relates all entities that share a resource and a start.
fn relations(entities: &[Entity<'_>]) -> Relations {
    let mut places: BTreeMap<Place<'_>, Vec<Shows<'_>>> = BTreeMap::new();
    for (index, entity) in entities.iter().enumerate() {
        // A block is told apart from nothing, except one of ours that has lost its booking: the record at its time,
        // if there is only one, is what it was made for.
        let stripped = is_stripped(entity);
        let comparable = entity
            .bookings()
            .filter(|booking| stripped || booking.kind == Kind::Appointment);
        for booking in comparable {
            let keys = ClientKeys::of(&booking.client);
            places
                .entry(place(booking))
                .or_default()
                .push((index, booking, keys));
        }
    }
    let mut found = Relations::new();
    for place in places.values() {
        for (at, (one, booking, keys)) in place.iter().enumerate() {
            for (other, other_booking, other_keys) in place.iter().skip(at + 1) {
                let pair = entities.get(*one).zip(entities.get(*other));
                let may_be_one =
                    one != other && pair.is_some_and(|(one, other)| may_be_one(one, other));
                let same_end = booking.slot.end() == other_booking.slot.end();
                let relation = may_be_one
                    .then(|| relation(keys, other_keys, same_end))
                    .flatten();
                if let Some(relation) = relation {
                    note(&mut found, *one, *other, relation);
                }
            }
        }
    }
    found
}

/// Two bookings that the bridge knows are two, and so are records that name two ids, and those of one platform.
fn may_be_one(one: &Entity<'_>, other: &Entity<'_>) -> bool {
    let told_apart = one.id.is_some() && other.id.is_some() && one.known == other.known;
    !told_apart && one.has.is_disjoint(&other.has)
}

fn relation(one: &ClientKeys<'_>, other: &ClientKeys<'_>, same_end: bool) -> Option<Relation> {
    match (one.compare(other), same_end) {
        (SameClient::Yes, true) => Some(Relation::Same),
        (SameClient::Yes, false) => Some(Relation::OtherEnd),
        (SameClient::Alike, true) => Some(Relation::Alike),
        (SameClient::Untold, true) if one.is_blank() && other.is_blank() => Some(Relation::Blank),
        (SameClient::Untold, true) => Some(Relation::Untold),
        (SameClient::No, _) => Some(Relation::Apart),
        (SameClient::Alike | SameClient::Untold, false) => None,
    }
}

/// Whether these are copies of ours that nobody knows any more, and that show nothing of a client.
fn is_stripped(entity: &Entity<'_>) -> bool {
    let blank = |booking: &Booking| ClientKeys::of(&booking.client).is_blank();
    entity.id.is_some() && !entity.known && entity.bookings().all(blank)
}

fn named(record: &Candidate) -> (PlatformName, RemoteId) {
    (record.platform.clone(), record.remote_id.clone())
}
