//! Wall-clock times and instants, through skipped and doubled hours.

use jiff::tz;
use proptest::prelude::*;

use super::*;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn civil(text: &str) -> DateTime {
    text.parse().unwrap()
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

// R39
#[test]
fn wall_clock_times_are_instants_of_their_zone() {
    for (name, wall, expected) in [
        ("Europe/Moscow", "2026-12-01T12:00", "2026-12-01T09:00Z"),
        ("Europe/Moscow", "2026-07-01T12:00", "2026-07-01T09:00Z"),
        // Moscow had other offsets until 2014-10-26.
        ("Europe/Moscow", "2014-07-01T12:00", "2014-07-01T08:00Z"),
        ("Asia/Kolkata", "2026-12-01T12:00", "2026-12-01T06:30Z"),
        ("Asia/Kathmandu", "2026-12-01T12:00", "2026-12-01T06:15Z"),
        (
            "Australia/Lord_Howe",
            "2026-07-01T12:00",
            "2026-07-01T01:30Z",
        ),
        (
            "Australia/Lord_Howe",
            "2026-12-01T12:00",
            "2026-12-01T01:00Z",
        ),
        ("Europe/Kiev", "2026-07-01T12:00", "2026-07-01T09:00Z"),
        ("Europe/Kyiv", "2026-07-01T12:00", "2026-07-01T09:00Z"),
        // Around the clocks going forward and back.
        (
            "Europe/Berlin",
            "2026-03-29T01:59:59",
            "2026-03-29T00:59:59Z",
        ),
        ("Europe/Berlin", "2026-03-29T03:00", "2026-03-29T01:00Z"),
        (
            "Europe/Berlin",
            "2026-10-25T01:59:59",
            "2026-10-24T23:59:59Z",
        ),
        ("Europe/Berlin", "2026-10-25T02:00", "2026-10-25T00:00Z"),
        ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30Z"),
        ("Europe/Berlin", "2026-10-25T03:00", "2026-10-25T02:00Z"),
        // Half an hour is doubled there.
        (
            "Australia/Lord_Howe",
            "2026-04-05T01:45",
            "2026-04-04T14:45Z",
        ),
        (
            "Australia/Lord_Howe",
            "2026-04-05T02:00",
            "2026-04-04T15:30Z",
        ),
    ] {
        let tz = zone(name);
        assert_eq!(
            to_instant(civil(wall), &tz),
            Ok(instant(expected)),
            "{wall} in {name}"
        );
        assert_eq!(
            to_civil(instant(expected), &tz),
            Ok(civil(wall)),
            "{expected} in {name}"
        );
    }
}

// R39
#[test]
fn a_skipped_hour_is_refused() {
    for (name, wall) in [
        ("Europe/Berlin", "2026-03-29T02:00"),
        ("Europe/Berlin", "2026-03-29T02:59:59"),
        ("Australia/Lord_Howe", "2026-10-04T02:15"),
        // Samoa went without that day.
        ("Pacific/Apia", "2011-12-30T12:00"),
    ] {
        let refused = to_instant(civil(wall), &zone(name));
        let expected = NoSuchTime {
            civil: civil(wall),
            zone: name.to_owned(),
        };
        assert_eq!(refused, Err(expected.clone()));
        assert_eq!(
            to_instant_with_offset(civil(wall), tz::offset(1), &zone(name)),
            Err(expected)
        );
    }
}

#[test]
fn the_records_own_offset_says_which_of_a_doubled_hour_is_meant() {
    let berlin = zone("Europe/Berlin");
    for (wall, hours, expected) in [
        ("2026-10-25T02:30", 2, "2026-10-25T00:30Z"),
        ("2026-10-25T02:30", 1, "2026-10-25T01:30Z"),
        // The zone has no such offset then: the wall clock is what staff see.
        ("2026-10-25T02:30", 3, "2026-10-25T00:30Z"),
        ("2026-12-01T12:00", 3, "2026-12-01T11:00Z"),
        ("2026-12-01T12:00", 1, "2026-12-01T11:00Z"),
    ] {
        let read = to_instant_with_offset(civil(wall), tz::offset(hours), &berlin);
        assert_eq!(read, Ok(instant(expected)), "{wall} at {hours}");
    }
}

// R39
#[test]
fn the_second_of_a_doubled_hour_cannot_be_spelled() {
    for (name, at, shown) in [
        ("Europe/Berlin", "2026-10-25T01:00Z", "2026-10-25T02:00"),
        (
            "Europe/Berlin",
            "2026-10-25T01:59:59Z",
            "2026-10-25T02:59:59",
        ),
        (
            "Australia/Lord_Howe",
            "2026-04-04T15:15Z",
            "2026-04-05T01:45",
        ),
    ] {
        let refused = to_civil(instant(at), &zone(name));
        let expected = CannotSpell {
            instant: instant(at),
            civil: civil(shown),
            zone: name.to_owned(),
        };
        assert_eq!(refused, Err(expected));
    }
}

// R3
#[test]
fn days_cover_a_window_by_the_zones_clocks() {
    for (name, from, to, first, last) in [
        (
            "Europe/Moscow",
            "2026-12-01T09:00Z",
            "2026-12-03T09:00Z",
            "2026-12-01",
            "2026-12-03",
        ),
        // Midnight in Moscow is not part of the day that it ends.
        (
            "Europe/Moscow",
            "2026-11-30T21:00Z",
            "2026-12-01T21:00Z",
            "2026-12-01",
            "2026-12-01",
        ),
        (
            "Europe/Moscow",
            "2026-11-30T20:59Z",
            "2026-12-01T21:00:01Z",
            "2026-11-30",
            "2026-12-02",
        ),
        (
            "Pacific/Auckland",
            "2026-12-01T11:30Z",
            "2026-12-01T12:00Z",
            "2026-12-02",
            "2026-12-02",
        ),
        (
            "Europe/Moscow",
            "2026-12-01T09:00Z",
            "2026-12-01T09:00Z",
            "2026-12-01",
            "2026-12-01",
        ),
        (
            "Europe/Moscow",
            "2026-12-03T09:00Z",
            "2026-12-01T09:00Z",
            "2026-12-03",
            "2026-12-03",
        ),
    ] {
        let window = Window {
            from: instant(from),
            to: instant(to),
        };
        let expected = (first.parse().unwrap(), last.parse().unwrap());
        assert_eq!(
            window_days(window, &zone(name)),
            expected,
            "{from} to {to} in {name}"
        );
    }
}

proptest! {
    #[test]
    fn what_can_be_spelled_is_read_back_as_the_same_instant(
        seconds in 0_i64..4_000_000_000,
        name in prop::sample::select(vec!["Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kolkata"]),
    ) {
        let tz = zone(name);
        let at = Timestamp::from_second(seconds).unwrap();
        match to_civil(at, &tz) {
            Ok(wall) => prop_assert_eq!(to_instant(wall, &tz), Ok(at)),
            // Refused only where the clocks showed the same time before.
            Err(refused) => prop_assert!(to_instant(refused.civil, &tz).unwrap() < at),
        }
        // The offset always tells the two apart.
        prop_assert_eq!(to_instant_with_offset(tz.to_datetime(at), tz.to_offset(at), &tz), Ok(at));
    }

    #[test]
    fn every_instant_of_a_window_lies_on_one_of_its_days(
        from in 0_i64..4_000_000_000, length in 1_i64..10_000_000, share in 0_i64..1000,
    ) {
        let tz = zone("Europe/Berlin");
        let at = |second| Timestamp::from_second(second).unwrap();
        let (first, last) = window_days(Window { from: at(from), to: at(from + length) }, &tz);
        let day = tz.to_datetime(at(from + (length - 1) * share / 1000)).date();
        prop_assert!(first <= day && day <= last);
    }
}
