//! What a person does on one platform arrives on every other one: the whole matrix, by the binary over real HTTP.

mod leaving;
mod rig;
mod table;
mod tokens;
mod unlisted;
mod week;

use jiff::Timestamp;
use slotbridge_sim::world::{Place, RESOURCES, SERVICES};
use slotbridge_sim::{Edit, Seen};

use crate::support::at;
use rig::{Rig, SINK_EMAIL};
use table::{Cell, Table};

/// A column or row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Yclients,
    Rubitime,
    SimplybookAdmin,
    Alfacrm,
    /// The company's own web site's view of SimplyBook.me: with API keys alone.
    SimplybookPublic,
    /// A user of the back office, and a sink stands in for the clients' contacts.
    SimplybookSink,
}

use Column::{Alfacrm, Rubitime, SimplybookAdmin, SimplybookPublic, SimplybookSink, Yclients};

/// What a person does with a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    Made,
    Moved,
    /// To another member of staff.
    Reassigned,
    Renamed,
    /// The client has another phone.
    Rephoned,
    Commented,
    Confirmed,
    Arrived,
    Cancelled,
}

use Action::{
    Arrived, Cancelled, Commented, Confirmed, Made, Moved, Reassigned, Renamed, Rephoned,
};

const ACTIONS: [Action; 9] = [
    Made, Moved, Reassigned, Renamed, Rephoned, Commented, Confirmed, Arrived, Cancelled,
];

impl Column {
    const fn place(self) -> Place {
        match self {
            Yclients => Place::Yclients,
            Rubitime => Place::Rubitime,
            SimplybookAdmin | SimplybookPublic | SimplybookSink => Place::Simplybook,
            Alfacrm => Place::Alfacrm,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Yclients => "YCLIENTS",
            Rubitime => "Rubitime",
            SimplybookAdmin => "SimplyBook admin",
            SimplybookPublic => "SimplyBook public",
            SimplybookSink => "SimplyBook sink",
            Alfacrm => "AlfaCRM",
        }
    }

    /// Whether a person can say this there so that it can be read, by "What is kept in step" of its page in
    /// `docs/platforms`.
    const fn tells(self, action: Action) -> bool {
        match action {
            // What a person puts in the place of a sink's contacts is a client's.
            Made | Moved | Reassigned | Renamed | Rephoned | Cancelled => true,
            Commented => !matches!(self, SimplybookPublic),
            // On SimplyBook.me it means that a booking waits no longer: it stands in either case.
            Confirmed => matches!(self, Yclients),
            // A lesson that was held is carried from AlfaCRM to the others.
            Arrived => matches!(self, Yclients | Rubitime | Alfacrm),
        }
    }

    /// Whether slotbridge can write it there.
    const fn takes(self, action: Action) -> bool {
        match action {
            // It is never marked there: that charges the client.
            Arrived if matches!(self, Alfacrm) => false,
            // The sink's stays.
            Rephoned if matches!(self, SimplybookSink) => false,
            _ => self.tells(action),
        }
    }

    /// The platform's own number for a booking that has come as far as the action says.
    fn status(self, action: Action) -> i64 {
        match self {
            Yclients if action == Confirmed => 2,
            Yclients => i64::from(action == Arrived),
            Rubitime => 2 * i64::from(action == Arrived),
            Alfacrm if action == Arrived => 3,
            SimplybookAdmin | SimplybookPublic | SimplybookSink | Alfacrm => 1,
        }
    }
}

/// A booking as a person wants it.
#[derive(Debug, Clone)]
struct Booked {
    /// What will be done with it.
    action: Action,
    /// An index of [`RESOURCES`].
    staff: usize,
    /// An index of [`SERVICES`].
    service: usize,
    start: Timestamp,
    name: String,
    phone: String,
    email: String,
    comment: String,
}

/// The bookings of one person's platform, one for each action; a time of their own, and a phone by which they are found.
fn bookings(set: usize) -> Vec<Booked> {
    let hours = [9, 11, 13, 15, 17];
    ACTIONS
        .into_iter()
        .enumerate()
        .map(|(number, action)| Booked {
            action,
            staff: number % 2,
            service: number % SERVICES.len(),
            start: at(
                1 + i64::try_from(set * 2 + number / hours.len()).unwrap(),
                hours[number % hours.len()],
            ),
            name: format!("Пробная Вера {}", ["Первая", "Вторая"][set]),
            phone: format!("+7900000{set}1{number:02}"),
            email: format!("vera.{set}.{number}@example.com"),
            comment: format!("у окна, {set} {number}"),
        })
        .collect()
}

/// A person does on a platform what the booking is for; gives the booking as it then ought to be, if it is there.
fn act(rig: &Rig, on: Column, booked: &Booked) -> Option<Booked> {
    let mut wanted = booked.clone();
    let side = rig.world.side(on.place());
    let [seen] = &rig.find(on, booked)[..] else {
        return None;
    };
    let edit = Edit::default();
    let done = match booked.action {
        Made => Ok(()),
        Confirmed if on.place() == Place::Simplybook => {
            let simplybook = &rig.world.simplybook;
            simplybook.set_approval(seen.id, "approved", true)
        }
        Moved => {
            wanted.start = at(20, 9) + (booked.start - at(1, 9));
            side.hand.move_to(seen.id, wanted.start)
        }
        Reassigned => {
            wanted.staff = 1 - booked.staff;
            let staff = Some(on.place().staff(&RESOURCES[wanted.staff]));
            side.hand.edit(seen.id, &Edit { staff, ..edit })
        }
        Renamed => {
            "Пробная Вероника".clone_into(&mut wanted.name);
            let name = Some(wanted.name.clone());
            side.hand.edit(seen.id, &Edit { name, ..edit })
        }
        Rephoned => {
            wanted.phone = booked.phone.replace("+7900000", "+7900999");
            let phone = Some(wanted.phone.clone());
            side.hand.edit(seen.id, &Edit { phone, ..edit })
        }
        Commented => {
            "просит перезвонить".clone_into(&mut wanted.comment);
            // A person who edits a text leaves the line of the bridge's mark below it alone.
            let comment = match seen.comment.as_str() {
                "" => wanted.comment.clone(),
                text => text.replace(&booked.comment, &wanted.comment),
            };
            let comment = Some(comment);
            side.hand.edit(seen.id, &Edit { comment, ..edit })
        }
        Arrived if on == Alfacrm => rig.world.alfacrm.hold(seen.id, true),
        // There is no word for it that a person could say.
        Confirmed | Arrived if !on.tells(booked.action) => Ok(()),
        Confirmed | Arrived => {
            let status = Some(on.status(booked.action));
            side.hand.edit(seen.id, &Edit { status, ..edit })
        }
        Cancelled => side.hand.cancel(seen.id),
    };
    done.unwrap();
    // What is not told there changes nothing elsewhere.
    if on.tells(booked.action) {
        Some(wanted)
    } else {
        Some(booked.clone())
    }
}

/// Judges what a platform shows of a booking after a person acted elsewhere.
fn judge(rig: &Rig, from: Column, to: Column, wanted: &Booked, acted: bool) -> Cell {
    let action = if acted { wanted.action } else { Made };
    let live = rig.find(to, wanted);
    let held = from.tells(action) && to.takes(action);
    let wrong = match (&live[..], action) {
        ([], Cancelled) => None,
        (_, Cancelled) => Some("is still there".to_owned()),
        ([seen], _) => difference(to, wanted, if held { action } else { Made }, seen),
        (many, _) => Some(format!("{} live records", many.len())),
    };
    match wrong {
        Some(why) => Cell::Wrong(why),
        None if held => Cell::Ok,
        None => Cell::NotHeld,
    }
}

/// What is not as it should be in a record.
fn difference(on: Column, wanted: &Booked, action: Action, seen: &Seen) -> Option<String> {
    let (staff, service) = (&RESOURCES[wanted.staff], &SERVICES[wanted.service]);
    let place = on.place();
    let minutes = seen.end.duration_since(seen.start).as_mins();
    let comment = if on.takes(Commented) {
        wanted.comment.as_str()
    } else {
        ""
    };
    // The marker stands in lines of its own below the comment.
    let said = seen.comment.lines().next().unwrap_or_default();
    let status = on.status(action);
    let email = if on == SimplybookSink && seen.marker.is_some() {
        SINK_EMAIL
    } else {
        wanted.email.as_str()
    };
    let checks = [
        ("staff", seen.staff == place.staff(staff)),
        ("service", seen.services == [place.service(service)]),
        ("start", seen.start == wanted.start),
        ("length", minutes == service.minutes),
        ("name", seen.name == wanted.name),
        ("e-mail", same_address(&seen.email, email)),
        ("comment", comment.is_empty() || said == comment),
        ("status", seen.status == status),
    ];
    let wrong: Vec<_> = checks
        .into_iter()
        .filter(|(_, right)| !right)
        .map(|(what, _)| what)
        .collect();
    (!wrong.is_empty()).then(|| format!("{}: {seen:?}", wrong.join(", ")))
}

/// Whether two addresses reach the same person; a sink's may have a tag behind a plus sign.
fn same_address(one: &str, other: &str) -> bool {
    let plain = |address: &str| {
        let (user, host) = address.split_once('@').unwrap_or((address, ""));
        let (user, _tag) = user.split_once('+').unwrap_or((user, ""));
        format!("{user}@{host}")
    };
    plain(one) == plain(other)
}

/// Everything that a person can do on `from`: with bookings made there, if they can be found there, and with those that
/// came from `other`.
fn row(table: &mut Table, from: Column, other: Column, columns: &[Column], rig: &Rig) {
    let what = format!("from {}", from.title());
    // Where neither a list nor the config tells of a new booking only its time is known: see `unlisted`.
    let own = if from == SimplybookPublic {
        Vec::new()
    } else {
        bookings(0)
    };
    let foreign = bookings(1);
    for booked in &own {
        rig.book(from.place(), booked);
    }
    for booked in &foreign {
        rig.book(other.place(), booked);
    }
    table.note(&what, rig.settle(6));
    for (maker, booked) in [(from, &own), (other, &foreign)] {
        for to in columns.iter().filter(|to| **to != maker) {
            for booked in booked {
                table.add(maker, *to, Made, judge(rig, maker, *to, booked, false));
            }
        }
    }
    let acted: Vec<(&Booked, Option<Booked>)> = own
        .iter()
        .chain(&foreign)
        .map(|booked| (booked, act(rig, from, booked)))
        .collect();
    table.note(&what, rig.settle(6));
    for to in columns.iter().filter(|to| **to != from) {
        for (booked, wanted) in acted.iter().filter(|(booked, _)| booked.action != Made) {
            let cell = match wanted {
                Some(wanted) => judge(rig, from, *to, wanted, true),
                None => Cell::Wrong("was not there to be changed".to_owned()),
            };
            table.add(from, *to, booked.action, cell);
        }
    }
    rig.assert_nothing_doubled(&what);
    if columns.contains(&SimplybookSink) && ![from, other].contains(&SimplybookSink) {
        let told = rig.written_to();
        assert!(
            !told.is_empty(),
            "{what}: SimplyBook.me writes about everything"
        );
        for address in told {
            assert!(same_address(&address, SINK_EMAIL), "{what}: {address}");
        }
    }
}

// R23
#[test]
fn what_a_person_does_on_any_platform_arrives_on_every_other_one() {
    let columns = [Yclients, Rubitime, SimplybookAdmin, Alfacrm];
    let rows = columns.into_iter().enumerate().map(|(number, from)| {
        let other = columns[(number + 1) % columns.len()];
        move |table: &mut Table| row(table, from, other, &columns, &Rig::admin())
    });
    let table = Table::of_rows(rows);
    table.print(&columns);
    table.assert_right(&columns, &[]);
}

#[test]
fn with_api_keys_alone_simplybook_takes_and_tells_all_but_bookings_that_people_make_there() {
    let columns = [Yclients, Rubitime, Alfacrm, SimplybookPublic];
    let rows = [
        (Yclients, Rubitime),
        (Rubitime, Alfacrm),
        (Alfacrm, Yclients),
        (SimplybookPublic, Yclients),
    ];
    let rows = rows.map(|(from, other)| {
        move |table: &mut Table| row(table, from, other, &columns, &Rig::public())
    });
    let table = Table::of_rows(rows.into_iter());
    table.print(&columns);
    table.assert_right(&columns, &[(SimplybookPublic, Made)]);
}

// R15
#[test]
fn with_a_sink_simplybook_gets_no_contacts_of_clients_from_elsewhere() {
    let columns = [Yclients, Rubitime, Alfacrm, SimplybookSink];
    let rows = columns.into_iter().enumerate().map(|(number, from)| {
        let other = columns[(number + 1) % columns.len()];
        move |table: &mut Table| row(table, from, other, &columns, &Rig::sink())
    });
    let table = Table::of_rows(rows);
    table.print(&columns);
    table.assert_right(&columns, &[]);
}

// R16
#[test]
fn platforms_that_spell_everything_oddly_are_kept_in_step_too() {
    let columns = [Yclients, Rubitime, SimplybookAdmin, Alfacrm];
    let rows = columns.into_iter().enumerate().map(|(number, from)| {
        let other = columns[(number + 2) % columns.len()];
        move |table: &mut Table| row(table, from, other, &columns, &Rig::odd())
    });
    let table = Table::of_rows(rows);
    table.assert_right(&columns, &[]);
}
