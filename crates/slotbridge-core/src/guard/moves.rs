//! Which operations belong together: the halves of a move, and what needs a time that another one frees.

use std::collections::{BTreeMap, BTreeSet};

use crate::matching::{SameClient, same_client};
use crate::model::{Booking, BookingId, Client, Kind, PlatformName, ResourceName, Slot};
use crate::normalise;
use crate::plan::{Action, Operation};

/// For each removal that is half of a move, the create that is the other half; each create serves once.
pub(super) fn removals_of_moves(operations: &[Operation]) -> BTreeMap<usize, usize> {
    let mut creates: BTreeMap<(&PlatformName, Key), BTreeSet<usize>> = BTreeMap::new();
    for (index, operation) in operations.iter().enumerate() {
        if let Action::Create { desired } = &operation.action {
            for key in keys(desired) {
                creates
                    .entry((&operation.platform, key))
                    .or_default()
                    .insert(index);
            }
        }
    }
    let mut used = BTreeSet::new();
    let mut halves = BTreeMap::new();
    for (index, operation) in operations.iter().enumerate() {
        let Action::Remove { shown, .. } = &operation.action else {
            continue;
        };
        let partner = keys(shown)
            .into_iter()
            .filter_map(|key| creates.get(&(&operation.platform, key)))
            .flatten()
            .find(|create| {
                !used.contains(*create) && is_client_of(operations.get(**create), &shown.client)
            });
        if let Some(create) = partner {
            used.insert(*create);
            halves.insert(index, *create);
        }
    }
    halves
}

/// Under what a client is looked up; private text never leaves this module.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Phone(String),
    Email(String),
    Name(String),
}

fn keys(booking: &Booking) -> Vec<Key> {
    if booking.kind == Kind::Block {
        return Vec::new();
    }
    let client = &booking.client;
    let name = normalise::name_key(client.name.expose());
    let phone = client
        .phone
        .as_ref()
        .map(|phone| Key::Phone(phone.expose().to_owned()));
    let email = client
        .email
        .as_ref()
        .map(|email| Key::Email(normalise::email_key(email.expose())));
    let name = (!name.is_empty()).then_some(Key::Name(name));
    [phone, email, name].into_iter().flatten().collect()
}

fn is_client_of(create: Option<&Operation>, client: &Client) -> bool {
    create
        .and_then(|create| create.action.after())
        .is_some_and(|booking| same_client(&booking.client, client) == SameClient::Yes)
}

/// Holds what cannot go on without something that is held: operations of one booking on one platform, the halves of a
/// move when its create is held, and whatever needs a time that a held operation would have freed.
pub(super) fn hold_what_rests_on_held(
    operations: &[Operation],
    halves: &BTreeMap<usize, usize>,
    held: &mut BTreeSet<usize>,
) {
    let mut of_booking: BTreeMap<(&PlatformName, BookingId), Vec<usize>> = BTreeMap::new();
    let mut needing: BTreeMap<(&PlatformName, &ResourceName), Vec<(Slot, usize)>> = BTreeMap::new();
    for (index, operation) in operations.iter().enumerate() {
        of_booking
            .entry((&operation.platform, operation.booking))
            .or_default()
            .push(index);
        if let (before, Some(after)) = (operation.action.before(), operation.action.after())
            && before.is_none_or(|before| place(before) != place(after))
        {
            needing
                .entry((&operation.platform, &after.resource))
                .or_default()
                .push((after.slot, index));
        }
    }
    let mut halves_of: BTreeMap<usize, usize> = BTreeMap::new();
    halves_of.extend(halves.iter().map(|(removal, create)| (*create, *removal)));
    let mut waiting: Vec<usize> = held.iter().copied().collect();
    while let Some(index) = waiting.pop() {
        let Some(operation) = operations.get(index) else {
            continue;
        };
        let own = of_booking
            .get(&(&operation.platform, operation.booking))
            .into_iter()
            .flatten()
            .copied();
        let mut follow: Vec<usize> = own.chain(halves_of.get(&index).copied()).collect();
        if let Some(before) = operation.action.before() {
            let near = needing
                .get(&(&operation.platform, &before.resource))
                .into_iter()
                .flatten();
            follow.extend(
                near.filter(|(slot, _)| slot.intersects(before.slot))
                    .map(|(_, index)| *index),
            );
        }
        waiting.extend(follow.into_iter().filter(|index| held.insert(*index)));
    }
}

fn place(booking: &Booking) -> (&ResourceName, Slot) {
    (&booking.resource, booking.slot)
}
