//! From relations between entities to groups that are one booking each, and to what cannot be told.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Adoption, Ambiguous, Candidate, Entity, Matching, Relation, Relations, is_stripped, named, note,
};
use crate::model::{BookingId, PlatformName, RemoteId};

const SEVERAL: &str = "several records agree with it in resource, time and client, or agree with it but not with each \
                       other";

/// Why a relation leaves a record in doubt.
fn why(relation: Relation) -> Option<&'static str> {
    match relation {
        // Records that are the same but cannot all be one have their own sentence.
        Relation::Apart | Relation::Same => None,
        Relation::OtherEnd => {
            Some("another booking has the same client at the same start, but ends at another time")
        }
        Relation::Alike => {
            Some("another booking has the same time, and a name that may be the same person's")
        }
        Relation::Blank => Some("another booking has the same time, and neither shows a client"),
        Relation::Untold => {
            Some("several bookings have the same time, and this copy does not show whose it is")
        }
    }
}

/// Entities that have been found to be one.
pub(super) struct Groups<'e, 'a> {
    entities: &'e [Entity<'a>],
    /// For each entity the lowest one that it is one with.
    leader: Vec<usize>,
    /// Entities that agree with others, but not so that one booking comes of it.
    contested: BTreeMap<usize, Vec<usize>>,
}

impl<'e, 'a> Groups<'e, 'a> {
    pub(super) fn new(entities: &'e [Entity<'a>]) -> Self {
        Self {
            entities,
            leader: (0..entities.len()).collect(),
            contested: BTreeMap::new(),
        }
    }

    fn leader(&self, entity: usize) -> usize {
        self.leader.get(entity).copied().unwrap_or(entity)
    }

    fn entity(&self, index: usize) -> Option<&'e Entity<'a>> {
        self.entities.get(index)
    }

    /// Joins what agrees in everything, where only one booking can come of it.
    pub(super) fn join_certain(&mut self, relations: &Relations) {
        let connected = connected(self.entities.len(), relations);
        let mut parts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (entity, part) in connected.iter().enumerate() {
            parts.entry(*part).or_default().push(entity);
        }
        let torn: BTreeSet<usize> = relations
            .iter()
            .filter(|(_, relation)| **relation == Relation::Apart)
            .filter_map(|((one, other), _)| {
                let part = connected.get(*one)?;
                (connected.get(*other) == Some(part)).then_some(*part)
            })
            .collect();
        for (part, members) in parts.into_iter().filter(|(_, members)| members.len() > 1) {
            if torn.contains(&part) || !self.is_one_booking(&members) {
                for member in &members {
                    self.contested.insert(*member, members.clone());
                }
            } else {
                self.join(&members);
            }
        }
    }

    fn is_one_booking(&self, members: &[usize]) -> bool {
        let mut platforms = BTreeSet::new();
        let (mut known, mut unknown) = (0, 0);
        for entity in members.iter().filter_map(|member| self.entity(*member)) {
            if entity
                .has
                .iter()
                .any(|platform| !platforms.insert(*platform))
            {
                return false;
            }
            known += usize::from(entity.known);
            unknown += usize::from(entity.id.is_some() && !entity.known);
        }
        known <= 1 && unknown <= 1
    }

    fn join(&mut self, members: &[usize]) {
        let Some(leader) = members.iter().min().copied() else {
            return;
        };
        for member in members {
            if let Some(place) = self.leader.get_mut(*member) {
                *place = leader;
            }
        }
    }

    /// Joins copies of ours that show no client (the platform may not learn who comes) with the only booking at their
    /// time, after our database was lost: a copy has an original.
    pub(super) fn join_stripped(&mut self, relations: &Relations) {
        let between = self.between(relations);
        let mut neighbours: BTreeMap<usize, usize> = BTreeMap::new();
        for (one, other) in between.keys() {
            *neighbours.entry(*one).or_default() += 1;
            *neighbours.entry(*other).or_default() += 1;
        }
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (entity, leader) in self.leader.iter().enumerate() {
            members.entry(*leader).or_default().push(entity);
        }
        for ((one, other), relation) in between {
            let pair = [one, other];
            let silent = matches!(relation, Relation::Untold | Relation::Blank);
            let only = pair.iter().all(|end| neighbours.get(end) == Some(&1));
            let stripped = pair
                .iter()
                .any(|end| self.entity(*end).is_some_and(is_stripped));
            if !(silent && only && stripped) {
                continue;
            }
            let both: Vec<usize> = pair
                .iter()
                .filter_map(|end| members.get(end))
                .flatten()
                .copied()
                .collect();
            if self.is_one_booking(&both) {
                self.join(&both);
            }
        }
    }

    /// What relates whole groups that could still be one booking.
    fn between(&self, relations: &Relations) -> Relations {
        let mut between = Relations::new();
        for ((one, other), relation) in relations {
            let (one, other) = (self.leader(*one), self.leader(*other));
            if one != other {
                note(&mut between, one, other, *relation);
            }
        }
        let mut platforms: BTreeMap<usize, BTreeSet<&PlatformName>> = BTreeMap::new();
        for (index, entity) in self.entities.iter().enumerate() {
            platforms
                .entry(self.leader(index))
                .or_default()
                .extend(&entity.has);
        }
        between.retain(|(one, other), relation| {
            let pair = platforms.get(one).zip(platforms.get(other));
            *relation != Relation::Apart && pair.is_some_and(|(one, other)| one.is_disjoint(other))
        });
        between
    }

    pub(super) fn into_matching(self, relations: &Relations) -> Matching {
        let mut groups: BTreeMap<usize, Vec<&Entity<'a>>> = BTreeMap::new();
        for (index, entity) in self.entities.iter().enumerate() {
            groups.entry(self.leader(index)).or_default().push(entity);
        }
        let mut doubts = self.doubts(relations, &groups);
        let mut matching = Matching::default();
        for (leader, group) in &groups {
            let mut records: Vec<&Candidate> = group
                .iter()
                .flat_map(|entity| &entity.records)
                .copied()
                .collect();
            records.sort_by_key(|record| (&record.platform, &record.remote_id));
            let known = group.iter().find(|entity| entity.known);
            let marked = known.or_else(|| group.iter().find(|entity| entity.id.is_some()));
            match (records.as_slice(), known, doubts.remove(leader)) {
                ([], _, _) => {}
                ([record], None, Some(doubt)) => matching.ambiguous.push(doubt.about(record)),
                // A record alone, even with a marker that nobody knows: whether it has an original, and keeps the id,
                // is the caller's to judge.
                ([record], None, None) => matching.new.push(named(record)),
                _ => matching.adopt.push(Adoption {
                    booking: marked.and_then(|entity| entity.id),
                    records: records.iter().map(|record| named(record)).collect(),
                }),
            }
        }
        matching.new.sort();
        matching.ambiguous.sort_by(|one, other| {
            (&one.platform, &one.remote_id).cmp(&(&other.platform, &other.remote_id))
        });
        matching
    }

    /// What a record that stands alone may be one with.
    fn doubts(
        &self,
        relations: &Relations,
        groups: &BTreeMap<usize, Vec<&Entity<'a>>>,
    ) -> BTreeMap<usize, Doubt> {
        let mut doubts: BTreeMap<usize, Doubt> = BTreeMap::new();
        for (entity, others) in &self.contested {
            let doubt = doubts.entry(*entity).or_insert_with(|| Doubt::new(SEVERAL));
            for other in others.iter().filter(|other| *other != entity) {
                self.entity(*other)
                    .into_iter()
                    .for_each(|other| doubt.add(other));
            }
        }
        for ((one, other), relation) in self.between(relations) {
            let Some(why) = why(relation) else { continue };
            for (this, that) in [(one, other), (other, one)] {
                // Times without a common key are only doubtful for a copy, which has an original.
                if relation == Relation::Untold && !self.entity(this).is_some_and(is_stripped) {
                    continue;
                }
                let doubt = doubts.entry(this).or_insert_with(|| Doubt::new(why));
                groups
                    .get(&that)
                    .into_iter()
                    .flatten()
                    .for_each(|entity| doubt.add(entity));
            }
        }
        doubts
    }
}

struct Doubt {
    why: &'static str,
    records: BTreeSet<(PlatformName, RemoteId)>,
    bookings: BTreeSet<BookingId>,
}

impl Doubt {
    fn new(why: &'static str) -> Self {
        Self {
            why,
            records: BTreeSet::new(),
            bookings: BTreeSet::new(),
        }
    }

    fn add(&mut self, entity: &Entity<'_>) {
        self.records
            .extend(entity.records.iter().map(|record| named(record)));
        self.bookings.extend(entity.id.filter(|_| entity.known));
    }

    fn about(self, record: &Candidate) -> Ambiguous {
        Ambiguous {
            platform: record.platform.clone(),
            remote_id: record.remote_id.clone(),
            candidates: self.records.into_iter().collect(),
            bookings: self.bookings.into_iter().collect(),
            why: self.why.to_owned(),
        }
    }
}

/// For each entity the lowest one that a chain of entities leads to, each the same as the next.
fn connected(count: usize, relations: &Relations) -> Vec<usize> {
    let mut near: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for ((one, other), _) in relations
        .iter()
        .filter(|(_, relation)| **relation == Relation::Same)
    {
        near.entry(*one).or_default().push(*other);
        near.entry(*other).or_default().push(*one);
    }
    let mut part: Vec<Option<usize>> = vec![None; count];
    for first in 0..count {
        let mut waiting = vec![first];
        while let Some(entity) = waiting.pop() {
            if let Some(place @ None) = part.get_mut(entity) {
                *place = Some(first);
                waiting.extend(near.get(&entity).into_iter().flatten());
            }
        }
    }
    part.into_iter()
        .enumerate()
        .map(|(entity, part)| part.unwrap_or(entity))
        .collect()
}
