//! Schedules as grids.

use slotbridge_core::record::GridCell;

use super::{at, data, terms};

const READABLE: &[(&str, &[(&str, bool)])] = &[
    (
        "schedule/whole.json",
        &[
            ("2031-05-06T07:00:00Z", true),
            ("2031-05-06T08:00:00Z", false),
            ("2031-05-07T06:00:00Z", true),
        ],
    ),
    ("schedule/empty_list.json", &[]),
    ("schedule/empty_object.json", &[]),
    ("schedule/null.json", &[]),
    ("schedule/empty_day.json", &[("2031-05-07T06:00:00Z", true)]),
    (
        "schedule/numbers_and_texts.json",
        &[
            ("2031-05-06T07:00:00Z", true),
            ("2031-05-06T07:30:00Z", false),
            ("2031-05-06T08:00:00Z", true),
            ("2031-05-06T08:30:00Z", false),
            ("2031-05-06T09:00:00Z", true),
            ("2031-05-06T09:30:00Z", false),
        ],
    ),
    // 02:30 did not exist in Moscow on that day.
    (
        "schedule/gap.json",
        &[
            ("2011-03-26T22:30:00Z", true),
            ("2011-03-26T23:30:00Z", true),
        ],
    ),
    // 02:30 came twice on that day; the first is meant.
    (
        "schedule/doubled_hour.json",
        &[
            ("2010-10-30T21:30:00Z", true),
            ("2010-10-30T22:30:00Z", false),
            ("2010-10-31T00:30:00Z", true),
        ],
    ),
];

const BROKEN: &[(&str, &str)] = &[
    (
        "schedule/broken_available_null.json",
        "neither free nor busy",
    ),
    (
        "schedule/broken_available_absent.json",
        "neither free nor busy",
    ),
    ("schedule/broken_available_2.json", "neither free nor busy"),
    (
        "schedule/broken_available_word.json",
        "neither free nor busy",
    ),
    ("schedule/broken_cell.json", "neither free nor busy"),
    ("schedule/broken_time.json", "a time is unreadable"),
    ("schedule/broken_date.json", "a date is unreadable"),
    ("schedule/broken_day.json", "no table of times"),
    ("schedule/broken_list.json", "no table of dates"),
    ("schedule/broken_words.json", "no table of dates"),
    ("schedule/broken_contradiction.json", "both free and busy"),
];

pub(super) fn fixtures() -> Vec<&'static str> {
    READABLE
        .iter()
        .map(|case| case.0)
        .chain(BROKEN.iter().map(|case| case.0))
        .collect()
}

#[test]
fn a_schedule_becomes_start_times_in_order() {
    for (path, expected) in READABLE {
        let cells: Vec<GridCell> = expected
            .iter()
            .map(|(start, available)| GridCell {
                start: at(start),
                available: *available,
            })
            .collect();
        assert_eq!(
            terms().cells(&data(path)).as_deref(),
            Ok(cells.as_slice()),
            "{path}"
        );
    }
}

#[test]
fn one_thing_not_understood_spoils_the_whole_grid() {
    for (path, why) in BROKEN {
        let said = terms().cells(&data(path)).unwrap_err();
        assert!(said.contains(why), "{path}: {said}");
    }
}
