//! What came of the demo, as the platforms themselves see it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use slotbridge_sim::world::{PLACES, Place, RESOURCES, TIME_ZONE, World4};

use super::SINK_EMAIL;
use crate::render::text::table;
use crate::render::words::{self, put};

/// What stands at one time with one person.
#[derive(Default)]
struct Row {
    names: BTreeSet<String>,
    ids: [Vec<u64>; 4],
}

/// The calendars side by side, and whether they are the same.
pub(super) fn calendar(world: &World4) -> (String, bool) {
    let mut rows: BTreeMap<(Timestamp, Timestamp, &str), Row> = BTreeMap::new();
    for (column, side) in world.sides().into_iter().enumerate() {
        for seen in side.view.live() {
            let staff = RESOURCES
                .iter()
                .find(|staff| side.place.staff(staff) == seen.staff);
            let name = staff.map_or("?", |staff| staff.name);
            let row = rows.entry((seen.start, seen.end, name)).or_default();
            row.names.insert(words::clean(&seen.name));
            if let Some(ids) = row.ids.get_mut(column) {
                ids.push(seen.id);
            }
        }
    }
    let everywhere = |row: &Row| row.ids.iter().all(|ids| ids.len() == 1);
    let same = rows.values().all(everywhere);
    let zone = TimeZone::get(TIME_ZONE).unwrap_or(TimeZone::UTC);
    let [first, second, third, fourth] = PLACES.map(Place::name);
    let head = ["when", "with", "client", first, second, third, fourth, ""].map(str::to_owned);
    let body = rows.into_iter().map(|((start, end, with), row)| {
        let when = format!(
            "{} {}–{}",
            words::day(start, &zone),
            words::time(start, &zone),
            words::time(end, &zone)
        );
        let mark = if everywhere(&row) { "✓" } else { "✗" };
        let names = row.names.into_iter().collect::<Vec<_>>().join(", ");
        let [first, second, third, fourth] = row.ids.map(|ids| words::join(&ids));
        let mark = mark.to_owned();
        [
            when,
            with.to_owned(),
            names,
            first,
            second,
            third,
            fourth,
            mark,
        ]
    });
    let lines = table(std::iter::once(head).chain(body));
    (lines.join("\n") + "\n\n", same)
}

/// Whether nobody was booked twice, nobody was written to, and no limit was broken.
pub(super) fn facts(world: &World4) -> (String, bool) {
    let sum = |count: fn(&dyn slotbridge_sim::Inspect) -> usize| -> usize {
        world.sides().iter().map(|side| count(side.view)).sum()
    };
    let messages = world.simplybook.messages_sent();
    let (to_sink, to_clients): (Vec<_>, Vec<_>) =
        messages.iter().partition(|message| is_sink(&message.email));
    let facts = [
        (
            "records made twice",
            sum(|view| view.duplicates_ever().len()),
        ),
        ("double bookings", sum(|view| view.double_bookings().len())),
        (
            "calls over a quota",
            sum(|view| view.quota_violations().len()),
        ),
        (
            "messages to clients",
            world.two.yclients.messages_sent().len()
                + world.two.yclients.reminders_set().len()
                + world.two.rubitime.reminders_set().len()
                + to_clients.len(),
        ),
        ("lessons charged", world.alfacrm.held_by_api().len()),
    ];
    let mut text = String::new();
    for (what, number) in &facts {
        put!(&mut text, "{what}: {number}\n");
    }
    put!(
        &mut text,
        "messages that SimplyBook.me sent to the sink instead: {}\n\n",
        to_sink.len()
    );
    (text, facts.iter().all(|(_, number)| *number == 0))
}

/// The sink's address, also with a tag behind a plus sign, which tells its cards apart.
fn is_sink(address: &str) -> bool {
    let (name, host) = SINK_EMAIL.split_once('@').unwrap_or((SINK_EMAIL, ""));
    address
        .split_once('@')
        .is_some_and(|(before, after)| after == host && before.split('+').next() == Some(name))
}
