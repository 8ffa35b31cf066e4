//! In which order a plan is carried out, so that a time is freed before it is needed.
//!
//! Platforms are independent of each other. On each of them removals come first, then moves, then everything else, the
//! nearest start first within each; but an operation that needs a time always comes after the ones that free it.
//!
//! Bookings that swap their times wait for each other in a circle. One of them is parked at a free time first, and
//! moved to its real one when that is free. Parking is forced: it must not fail because clients could not book that
//! time.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};

use crate::model::{Booking, BookingId, Field, PlatformName, RemoteId, ResourceName, Slot};
use crate::plan::{Action, Operation};

/// A time that a live record takes before the plan begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Where.
    pub platform: PlatformName,
    /// By which booking.
    pub booking: BookingId,
    /// Whose time.
    pub resource: ResourceName,
    /// When.
    pub slot: Slot,
}

/// The operations in the order in which they are carried out, platform by platform, with the stops that swaps need.
///
/// Every operation of the input is there once. One whose booking was parked shows the parked state as what it starts
/// from, and writes the slot.
pub fn order(operations: Vec<Operation>, taken: &[Taken]) -> Vec<Operation> {
    let mut platforms: BTreeMap<PlatformName, Vec<Operation>> = BTreeMap::new();
    for operation in operations {
        platforms
            .entry(operation.platform.clone())
            .or_default()
            .push(operation);
    }
    let mut ordered = Vec::new();
    for (platform, operations) in platforms {
        let taken = taken.iter().filter(|taken| taken.platform == platform);
        let busy = taken
            .map(|taken| (taken.resource.clone(), taken.slot))
            .collect();
        ordered.extend(Queue::new(operations, busy).run());
    }
    ordered
}

/// What an operation does to the times of its platform.
#[derive(Debug)]
struct Node {
    operation: Operation,
    frees: Option<(ResourceName, Slot)>,
    needs: Option<(ResourceName, Slot)>,
    rank: Rank,
}

/// Lower goes first.
type Rank = (Class, Timestamp, BookingId, Option<RemoteId>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Removal,
    Move,
    Other,
}

impl Node {
    fn new(operation: Operation) -> Self {
        let place = |booking: &Booking| (booking.resource.clone(), booking.slot);
        let before = operation.action.before().map(place);
        let after = operation.action.after().map(place);
        let start =
            |place: &Option<(ResourceName, Slot)>| place.as_ref().map(|(_, slot)| slot.start());
        let starts = start(&after)
            .or_else(|| start(&before))
            .unwrap_or(Timestamp::MAX);
        let stays = before == after;
        let class = match &operation.action {
            Action::Remove { .. } => Class::Removal,
            Action::Update { .. } if !stays => Class::Move,
            Action::Update { .. } | Action::Create { .. } => Class::Other,
        };
        let remote_id = operation.action.remote_id().cloned();
        Self {
            rank: (class, starts, operation.booking, remote_id),
            frees: before.filter(|_| !stays),
            needs: after.filter(|_| !stays),
            operation,
        }
    }
}

/// The operations of one platform on their way.
struct Queue {
    nodes: Vec<Node>,
    /// For each operation the ones that still have to free something for it.
    waits_for: Vec<BTreeSet<usize>>,
    /// For each operation the ones that it frees something for.
    serves: Vec<Vec<usize>>,
    busy: Busy,
    left: BTreeSet<usize>,
    ready: BTreeSet<usize>,
    done: Vec<Operation>,
}

impl Queue {
    fn new(operations: Vec<Operation>, taken: Vec<(ResourceName, Slot)>) -> Self {
        let mut nodes: Vec<Node> = operations.into_iter().map(Node::new).collect();
        // From here on an operation's number says when it would like to go.
        nodes.sort_by(|one, other| one.rank.cmp(&other.rank));
        let wanted = nodes.iter().filter_map(|node| node.needs.clone());
        let freed = nodes.iter().filter_map(|node| node.frees.clone());
        let busy = Busy::new(taken.into_iter().chain(wanted).chain(freed));
        let (waits_for, serves) = dependencies(&nodes);
        let left: BTreeSet<usize> = (0..nodes.len()).collect();
        let waits = |index: &usize| waits_for.get(*index).is_some_and(|waits| !waits.is_empty());
        let ready = left.iter().copied().filter(|index| !waits(index)).collect();
        Self {
            nodes,
            waits_for,
            serves,
            busy,
            left,
            ready,
            done: Vec::new(),
        }
    }

    fn run(mut self) -> Vec<Operation> {
        while !self.left.is_empty() {
            match self.ready.pop_first() {
                Some(index) => {
                    self.left.remove(&index);
                    if let Some(node) = self.nodes.get(index) {
                        self.done.push(node.operation.clone());
                    }
                    self.release(index);
                }
                None => self.untie(),
            }
        }
        self.done
    }

    /// What waited for this operation waits no longer.
    fn release(&mut self, index: usize) {
        for served in self.serves.get(index).cloned().unwrap_or_default() {
            let Some(waits) = self.waits_for.get_mut(served) else {
                continue;
            };
            waits.remove(&index);
            if waits.is_empty() && self.left.contains(&served) {
                self.ready.insert(served);
            }
        }
    }

    /// Everything that is left waits in circles or behind one: parks a booking of the first circle.
    fn untie(&mut self) {
        let circle = self.circle();
        // Whoever is farthest away is disturbed least by standing elsewhere for a moment.
        let farthest = circle.iter().copied().max_by_key(|index| {
            self.nodes.get(*index).map(|node| {
                let start = node.frees.as_ref().map(|(_, slot)| slot.start());
                (start, node.operation.booking)
            })
        });
        let parked = farthest.and_then(|index| Some((index, self.park(index, &circle)?)));
        match parked {
            Some((index, parking)) => {
                self.done.push(parking);
                self.release(index);
            }
            // Not a circle of moves after all, which cannot be: go on with what is first, rather than for ever.
            None => self.ready.extend(self.left.first().copied()),
        }
    }

    /// A circle of operations each of which waits for the next.
    fn circle(&self) -> Vec<usize> {
        let Some(first) = self.left.first() else {
            return Vec::new();
        };
        let (mut at, mut seen, mut path) = (*first, BTreeSet::new(), VecDeque::new());
        while seen.insert(at) {
            path.push_back(at);
            let Some(next) = self.waits_for.get(at).and_then(BTreeSet::first) else {
                break;
            };
            at = *next;
        }
        while path.front().is_some_and(|front| *front != at) {
            path.pop_front();
        }
        path.into()
    }

    /// The stop of one booking; its own operation then starts from there.
    fn park(&mut self, index: usize, circle: &[usize]) -> Option<Operation> {
        let involved =
            |place: &Option<(ResourceName, Slot)>| place.as_ref().map(|(_, slot)| slot.end());
        let after = circle
            .iter()
            .filter_map(|member| self.nodes.get(*member))
            .flat_map(|node| [involved(&node.frees), involved(&node.needs)])
            .flatten()
            .max()?;
        let node = self.nodes.get_mut(index)?;
        let Action::Update {
            remote_id,
            shown,
            fields,
            ..
        } = &mut node.operation.action
        else {
            return None;
        };
        let slot = self.busy.free_from(&shown.resource, after, shown.slot)?;
        let mut desired = shown.clone();
        desired.slot = slot;
        let parking = Action::Update {
            remote_id: remote_id.clone(),
            shown: shown.clone(),
            desired: desired.clone(),
            fields: BTreeSet::from([Field::Slot]),
            parking: true,
        };
        self.busy.add(desired.resource.clone(), slot);
        *shown = desired;
        fields.insert(Field::Slot);
        Some(Operation {
            booking: node.operation.booking,
            platform: node.operation.platform.clone(),
            action: parking,
            because: node.operation.because.clone(),
            force: true,
            undoes: node.operation.undoes,
        })
    }
}

/// For each operation the ones that it waits for, and the ones that wait for it.
fn dependencies(nodes: &[Node]) -> (Vec<BTreeSet<usize>>, Vec<Vec<usize>>) {
    let mut freed: BTreeMap<&ResourceName, Vec<(Slot, usize)>> = BTreeMap::new();
    let mut longest = SignedDuration::ZERO;
    for (index, node) in nodes.iter().enumerate() {
        if let Some((resource, slot)) = &node.frees {
            longest = longest.max(slot.end().duration_since(slot.start()));
            freed.entry(resource).or_default().push((*slot, index));
        }
    }
    for slots in freed.values_mut() {
        slots.sort_unstable();
    }
    let mut waits_for = vec![BTreeSet::new(); nodes.len()];
    let mut serves = vec![Vec::new(); nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        let Some((resource, needed)) = &node.needs else {
            continue;
        };
        let slots = freed.get(resource).map(Vec::as_slice).unwrap_or_default();
        let earliest = needed
            .start()
            .checked_sub(longest)
            .unwrap_or(Timestamp::MIN);
        let from = slots.partition_point(|(slot, _)| slot.start() < earliest);
        let near = slots
            .iter()
            .skip(from)
            .take_while(|(slot, _)| slot.start() < needed.end());
        for (slot, freeing) in near {
            if *freeing == index
                || !slot.intersects(*needed)
                || takes(nodes.get(*freeing), resource, *needed)
            {
                continue;
            }
            if let (Some(waits), Some(serves)) =
                (waits_for.get_mut(index), serves.get_mut(*freeing))
            {
                waits.insert(*freeing);
                serves.push(index);
            }
        }
    }
    (waits_for, serves)
}

/// Whether an operation still takes part of that time once it is done; waiting for it would be no use then.
fn takes(node: Option<&Node>, resource: &ResourceName, slot: Slot) -> bool {
    node.and_then(|node| node.needs.as_ref())
        .is_some_and(|(whose, needed)| whose == resource && needed.intersects(slot))
}

/// Times of one platform that nothing may be parked at.
#[derive(Debug)]
struct Busy {
    slots: BTreeMap<ResourceName, Vec<Slot>>,
}

impl Busy {
    fn new(slots: impl Iterator<Item = (ResourceName, Slot)>) -> Self {
        let mut busy = Self {
            slots: BTreeMap::new(),
        };
        slots.for_each(|(resource, slot)| busy.add(resource, slot));
        busy
    }

    fn add(&mut self, resource: ResourceName, slot: Slot) {
        self.slots.entry(resource).or_default().push(slot);
    }

    /// The first slot as long as `like` that begins at `earliest` or when something ends, and meets nothing.
    fn free_from(&self, resource: &ResourceName, earliest: Timestamp, like: Slot) -> Option<Slot> {
        let length = like.end().duration_since(like.start());
        let mut slots = self.slots.get(resource).cloned().unwrap_or_default();
        slots.sort_unstable();
        let mut start = earliest;
        for slot in slots {
            let end = start.checked_add(length).ok()?;
            if Slot::new(start, end).ok()?.intersects(slot) {
                start = start.max(slot.end());
            }
        }
        Slot::new(start, start.checked_add(length).ok()?).ok()
    }
}
