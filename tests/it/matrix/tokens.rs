//! A token that ends in the middle of a pass, on every platform that has tokens: nobody notices.

use slotbridge_sim::world::Place;
use slotbridge_sim::{Fault, Which};

use super::rig::{Rig, with_api_keys};
use super::table::Cell;
use super::{Column, bookings, judge};

/// Logs in to YCLIENTS with a password: a user token from the config could not be renewed.
fn with_login(toml: &str) -> String {
    let token = "user_token = \"demo-user-token\"\n";
    assert!(toml.contains(token), "{toml}");
    let login = "login = \"sync@example.com\"\npassword = \"demo-password\"\n";
    toml.replace(token, login)
}

// R34
#[test]
fn a_token_that_ends_in_the_middle_of_a_pass_is_invisible() {
    // The platform, how it is logged in to, and the call that meets the dead token: in the reading, and in the writing.
    let cases = [
        (Column::Yclients, "auth", "records.list", 1),
        (Column::Yclients, "auth", "records.create", 3),
        (
            Column::SimplybookAdmin,
            "login.getUserToken",
            "admin.getBookings",
            1,
        ),
        (
            Column::SimplybookAdmin,
            "login.getUserToken",
            "admin.book",
            3,
        ),
        (
            Column::SimplybookPublic,
            "login.getToken",
            "public.getStartTimeMatrix",
            1,
        ),
        (Column::SimplybookPublic, "login.getToken", "public.book", 3),
        (Column::Alfacrm, "auth.login", "lesson.index", 2),
        (Column::Alfacrm, "auth.login", "lesson.create", 3),
    ];
    std::thread::scope(|scope| {
        for (on, login, method, nth) in cases {
            scope.spawn(move || expire(on, login, method, nth));
        }
    });
}

fn expire(on: Column, login: &str, method: &str, nth: u64) {
    let what = format!("{} {method}", on.title());
    let rig = match on {
        Column::SimplybookPublic => Rig::new(|toml| with_api_keys(&with_login(&toml))),
        _ => Rig::new(|toml| with_login(&toml)),
    };
    let view = rig.world.side(on.place()).view;
    // What is to be written to `on` comes from another platform.
    let from = if on == Column::Yclients {
        Column::Alfacrm
    } else {
        Column::Yclients
    };
    let simplybook = if on == Column::SimplybookPublic {
        on
    } else {
        Column::SimplybookAdmin
    };
    let booked = bookings(0);
    for booked in &booked {
        rig.book(from.place(), booked);
    }
    view.faults()
        .add("expired", method, Which::Nth(nth), Fault::ExpiredToken);
    let (code, report, stderr) = rig.pass();
    assert_eq!(code, Some(0), "{what}: {report:#} {stderr}");
    assert_eq!(view.faults().fired("expired"), Some(1), "{what}");
    assert_eq!(view.count(login), 2, "{what}: logged in another time");
    for trouble in ["failed", "refused", "unknown"] {
        assert_eq!(report["totals"][trouble], 0, "{what}: {report:#}");
    }
    for to in [
        Column::Yclients,
        Column::Rubitime,
        simplybook,
        Column::Alfacrm,
    ] {
        for booked in booked.iter().filter(|_| to != from) {
            assert_eq!(
                judge(&rig, from, to, booked, false),
                Cell::Ok,
                "{what}: {to:?}"
            );
        }
    }
    let writes = rig.writes().len();
    assert_eq!(rig.pass().0, Some(0), "{what}");
    assert_eq!(rig.writes().len(), writes, "{what}: was not in step");
    rig.assert_nothing_doubled(&what);
    assert_eq!(
        rig.world.side(Place::Rubitime).view.live().len(),
        booked.len()
    );
}
