//! What a person does on one platform arrives on every other one: the whole matrix, by the binary over real HTTP.

mod rig;
mod table;
mod tokens;
mod unlisted;

use jiff::Timestamp;
use slotbridge_sim::world::{Place, RESOURCES, SERVICES};
use slotbridge_sim::{Edit, Seen};

use crate::support::at;
use rig::Rig;
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
}

use Column::{Alfacrm, Rubitime, SimplybookAdmin, SimplybookPublic, Yclients};

/// What a person does with a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    Made,
    Moved,
    /// To another member of staff.
    Reassigned,
    Renamed,
    Commented,
    Confirmed,
    Arrived,
    Cancelled,
}

use Action::{Arrived, Cancelled, Commented, Confirmed, Made, Moved, Reassigned, Renamed};

const ACTIONS: [Action; 8] = [
    Made, Moved, Reassigned, Renamed, Commented, Confirmed, Arrived, Cancelled,
];

impl Column {
    const fn place(self) -> Place {
        match self {
            Yclients => Place::Yclients,
            Rubitime => Place::Rubitime,
            SimplybookAdmin | SimplybookPublic => Place::Simplybook,
            Alfacrm => Place::Alfacrm,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Yclients => "YCLIENTS",
            Rubitime => "Rubitime",
            SimplybookAdmin => "SimplyBook admin",
            SimplybookPublic => "SimplyBook public",
            Alfacrm => "AlfaCRM",
        }
    }

    /// Whether a person can say this there so that it can be read, by "What is kept in step" of its page in
    /// `docs/platforms`.
    const fn tells(self, action: Action) -> bool {
        match action {
            Made | Moved | Reassigned | Renamed | Cancelled => true,
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
            _ => self.tells(action),
        }
    }

    /// The platform's own number for a booking that has come as far as the action says.
    fn status(self, action: Action) -> i64 {
        match (self, action) {
            (Yclients, Confirmed) => 2,
            (Yclients, Arrived) => 1,
            (Rubitime, Arrived) => 2,
            (Alfacrm, Arrived) => 3,
            (Yclients | Rubitime, _) => 0,
            (SimplybookAdmin | SimplybookPublic | Alfacrm, _) => 1,
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

/// A person does on a platform what the booking is for; gives the booking as it then ought to be.
fn act(rig: &Rig, on: Column, booked: &Booked) -> Booked {
    let mut wanted = booked.clone();
    let side = rig.world.side(on.place());
    let [seen] = &rig.of_client(on.place(), &booked.phone)[..] else {
        panic!("{} does not hold {booked:?} once", on.title())
    };
    let edit = Edit::default();
    let done = match booked.action {
        Made => Ok(()),
        Confirmed if on.place() == Place::Simplybook => {
            let simplybook = &rig.world.simplybook;
            simplybook.set_approval(seen.id, "approved", true)
        }
        _ if !on.tells(booked.action) => Ok(()),
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
        Commented => {
            "просит перезвонить".clone_into(&mut wanted.comment);
            // A person who edits a text leaves the line of the bridge's mark below it alone.
            let comment = Some(seen.comment.replace(&booked.comment, &wanted.comment));
            side.hand.edit(seen.id, &Edit { comment, ..edit })
        }
        Arrived if on == Alfacrm => rig.world.alfacrm.hold(seen.id, true),
        Confirmed | Arrived => {
            let status = Some(on.status(booked.action));
            side.hand.edit(seen.id, &Edit { status, ..edit })
        }
        Cancelled => side.hand.cancel(seen.id),
    };
    done.unwrap();
    wanted
}

/// Judges what a platform shows of a booking after a person acted elsewhere.
fn judge(rig: &Rig, from: Column, to: Column, wanted: &Booked, acted: bool) -> Cell {
    let action = if acted { wanted.action } else { Made };
    let live = rig.of_client(to.place(), &wanted.phone);
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
    let checks = [
        ("staff", seen.staff == place.staff(staff)),
        ("service", seen.services == [place.service(service)]),
        ("start", seen.start == wanted.start),
        ("length", minutes == service.minutes),
        ("name", seen.name == wanted.name),
        ("e-mail", seen.email == wanted.email),
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

/// Everything that a person can do on `from`: with bookings made there, if they can be found there, and with those that
/// came from `other`.
fn row(table: &mut Table, from: Column, other: Column, columns: &[Column]) {
    let what = format!("from {}", from.title());
    let public = columns.contains(&SimplybookPublic);
    let rig = if public { Rig::public() } else { Rig::admin() };
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
                table.add(maker, *to, Made, judge(&rig, maker, *to, booked, false));
            }
        }
    }
    let wanted: Vec<Booked> = own
        .iter()
        .chain(&foreign)
        .map(|booked| act(&rig, from, booked))
        .collect();
    table.note(&what, rig.settle(6));
    for to in columns.iter().filter(|to| **to != from) {
        for booked in wanted.iter().filter(|booked| booked.action != Made) {
            let cell = judge(&rig, from, *to, booked, true);
            table.add(from, *to, booked.action, cell);
        }
    }
    rig.assert_nothing_doubled(&what);
}

#[test]
fn what_a_person_does_on_any_platform_arrives_on_every_other_one() {
    let columns = [Yclients, Rubitime, SimplybookAdmin, Alfacrm];
    let rows = columns.into_iter().enumerate().map(|(number, from)| {
        let other = columns[(number + 1) % columns.len()];
        move |table: &mut Table| row(table, from, other, &columns)
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
    let rows = rows.map(|(from, other)| move |table: &mut Table| row(table, from, other, &columns));
    let table = Table::of_rows(rows.into_iter());
    table.print(&columns);
    table.assert_right(&columns, &[(SimplybookPublic, Made)]);
}
