//! The week of four: who stands where, that nobody is booked twice across all of them, and what the config says.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::*;
use crate::person::Seen;

fn week() -> World4 {
    demo_week_of_four(&SimClock::new("2031-05-05T21:30:00Z".parse().unwrap()))
}

/// The name of the member of staff behind a platform's id.
fn who(place: Place, seen: &Seen) -> &'static str {
    let is_it = |staff: &&Resource| place.staff(staff) == seen.staff;
    RESOURCES.iter().find(is_it).unwrap().name
}

#[test]
fn the_records_of_one_booking_show_the_same_time_person_and_client() {
    let world = week();
    let shared = world.bookings.iter().filter(|records| records.len() > 1);
    let mut several = 0;
    for records in shared {
        several += 1;
        let shown: BTreeSet<_> = records
            .iter()
            .map(|(place, id)| {
                let seen = world.side(*place).view.seen(*id).unwrap();
                (who(*place, &seen), seen.start, seen.end, seen.name)
            })
            .collect();
        assert_eq!(shown.len(), 1, "{records:?}");
    }
    assert!(several >= 8, "hardly anything stands on two platforms");
}

#[test]
fn every_platform_holds_some_of_the_week_and_nobody_is_booked_twice_across_them() {
    let world = week();
    let mut taken: Vec<(&str, Timestamp, Timestamp)> = Vec::new();
    for records in &world.bookings {
        let (place, id) = records[0];
        let seen = world.side(place).view.seen(id).unwrap();
        taken.push((who(place, &seen), seen.start, seen.end));
    }
    taken.sort();
    for pair in taken.windows(2) {
        let apart = pair[0].0 != pair[1].0 || pair[0].2 <= pair[1].1;
        assert!(apart, "{pair:?}");
    }
    for side in world.sides() {
        assert!(side.view.live().len() >= 8, "{side:?}");
        assert!(
            side.view.live().len() < world.bookings.len(),
            "{side:?} holds everything"
        );
        assert_eq!(side.view.double_bookings(), [], "{side:?}");
    }
}

#[test]
fn the_config_is_toml_and_names_every_platform_and_id() {
    let config = week().config(&Addresses4 {
        yclients: "http://127.0.0.1:1",
        rubitime: "http://127.0.0.1:2",
        simplybook: "http://127.0.0.1:3",
        alfacrm: "http://127.0.0.1:4",
        store: "/tmp/x.db",
        rubitime_gap: Some(Duration::from_millis(20)),
        hurry: true,
    });
    let table: toml::Table = config.parse().unwrap();
    let platforms = table["platform"].as_table().unwrap();
    for (place, kind) in [
        ("salon", "yclients"),
        ("site", "rubitime"),
        ("world", "simplybook"),
        ("school", "alfacrm"),
    ] {
        assert_eq!(platforms[place]["kind"].as_str(), Some(kind));
    }
    assert_eq!(platforms["site"]["quota"][0].as_str(), Some("1/20ms"));
    assert_eq!(platforms["world"]["company"].as_str(), Some("acme"));
    let bridge = &table["bridge"][0];
    assert_eq!(bridge["platforms"].as_array().map(Vec::len), Some(4));
    assert_eq!(bridge["resource"][1]["school"].as_integer(), Some(18));
    let beard = &bridge["service"][2];
    assert_eq!(beard["world"].as_integer(), Some(9));
    assert_eq!(beard["school"]["subject_id"].as_integer(), Some(8));
    assert_eq!(beard["school"]["lesson_type_id"].as_integer(), Some(1));
}
