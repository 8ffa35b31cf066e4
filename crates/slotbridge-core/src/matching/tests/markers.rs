//! What markers say, and what they no longer say.

use super::*;

#[test]
fn a_marker_says_which_booking_it_is() {
    let moved = |record| during(300, 360, record);
    for (why, candidates, open, known, expected) in [
        (
            "even after it was moved",
            vec![marked(7, moved(vera("b", "2")))],
            vec![open(7, &["a"], &vera("a", "1"))],
            vec![],
            vec!["#7 = b/2"],
        ),
        (
            "a copy on the platform of the linked record",
            vec![marked(7, moved(vera("a", "2")))],
            vec![open(7, &["a"], &vera("a", "1"))],
            vec![],
            vec!["new a/2"],
        ),
        (
            "of two, the one that shows what the booking shows",
            vec![marked(7, moved(vera("b", "2"))), marked(7, vera("b", "3"))],
            vec![open(7, &["a"], &vera("a", "1"))],
            vec![],
            vec!["#7 = b/3", "new b/2"],
        ),
        (
            "a copy of a booking that is complete or over",
            vec![marked(7, moved(vera("b", "2")))],
            vec![],
            vec![7],
            vec!["new b/2"],
        ),
        (
            "two such copies are not one for that",
            vec![marked(7, moved(vera("b", "2"))), marked(7, vera("c", "3"))],
            vec![],
            vec![7],
            vec!["new b/2", "new c/3"],
        ),
        (
            "stronger than what the record shows",
            vec![marked(7, vera("b", "2"))],
            vec![
                open(7, &["a"], &moved(vera("a", "1"))),
                open(8, &["a"], &vera("a", "3")),
            ],
            vec![],
            vec!["#7 = b/2"],
        ),
        (
            "a block of ours belongs to the appointment that it protects",
            vec![marked(7, {
                let mut record = blank("b", "2");
                record.booking.kind = Kind::Block;
                record
            })],
            vec![open(7, &["a"], &vera("a", "1"))],
            vec![],
            vec!["#7 = b/2"],
        ),
    ] {
        check(why, &candidates, &open, &known, &expected);
    }
}

// R13
#[test]
fn of_two_records_with_one_marker_the_older_one_keeps_it() {
    let at_both = [
        during(300, 360, vera("b", "2")),
        during(400, 460, vera("b", "3")),
    ];
    let open = [open(7, &["a"], &vera("a", "1"))];
    for (created, seen, expected) in [
        ((Some(5), Some(4)), (0, 0), ["#7 = b/3", "new b/2"]),
        ((Some(4), Some(5)), (0, 0), ["#7 = b/2", "new b/3"]),
        ((None, None), (9, 8), ["#7 = b/3", "new b/2"]),
        ((None, Some(7)), (9, 8), ["#7 = b/3", "new b/2"]),
        ((None, None), (3, 3), ["#7 = b/2", "new b/3"]),
    ] {
        let [mut first, mut second] = at_both.clone().map(|record| marked(7, record));
        (first.created_at, second.created_at) = (created.0.map(at), created.1.map(at));
        (first.first_seen, second.first_seen) = (at(seen.0), at(seen.1));
        check("age", &[second, first], &open, &[], &expected);
    }
}

#[test]
fn after_our_database_was_lost_markers_put_bookings_together_again() {
    let moved = |record| during(300, 360, record);
    for (why, candidates, expected) in [
        (
            "copies of one booking, whatever they show by now",
            vec![marked(9, vera("b", "2")), marked(9, moved(vera("c", "3")))],
            vec!["#9 = b/2+c/3"],
        ),
        (
            "a copy and the record that it was made of",
            vec![vera("a", "1"), marked(9, vera("b", "2"))],
            vec!["#9 = a/1+b/2"],
        ),
        (
            "all three",
            vec![
                vera("a", "1"),
                marked(9, vera("b", "2")),
                marked(9, vera("c", "3")),
            ],
            vec!["#9 = a/1+b/2+c/3"],
        ),
        (
            "a copy alone is for the caller to judge",
            vec![marked(9, vera("b", "2"))],
            vec!["new b/2"],
        ),
        (
            "of two on one platform, the one that agrees with the others",
            vec![
                marked(9, moved(vera("b", "1"))),
                marked(9, vera("b", "2")),
                marked(9, vera("c", "3")),
            ],
            vec!["#9 = b/2+c/3", "new b/1"],
        ),
        (
            "two markers are two bookings",
            vec![marked(9, vera("b", "2")), marked(8, vera("c", "3"))],
            vec!["new b/2", "new c/3"],
        ),
        (
            "a record between two markers belongs to either",
            vec![
                vera("a", "1"),
                marked(9, vera("b", "2")),
                marked(8, vera("c", "3")),
            ],
            vec!["a/1 ~ b/2+c/3", "b/2 ~ a/1+c/3", "c/3 ~ a/1+b/2"],
        ),
        (
            "a copy that may not show the client, and the only record of its time",
            vec![vera("a", "1"), marked(9, blank("b", "2"))],
            vec!["#9 = a/1+b/2"],
        ),
        (
            "the same with records that are one booking already",
            vec![vera("a", "1"), marked(9, blank("b", "2")), vera("c", "3")],
            vec!["#9 = a/1+b/2+c/3"],
        ),
        (
            "the same with two clients at that time",
            vec![
                vera("a", "1"),
                record("a", "3", ("Вика", "+79000000002", "")),
                marked(9, blank("b", "2")),
            ],
            vec!["new a/1", "new a/3", "b/2 ~ a/1+a/3"],
        ),
    ] {
        check(why, &candidates, &[], &[], &expected);
    }
}

#[test]
fn a_marker_that_nobody_knows_gives_way_to_a_booking_that_is_known() {
    check(
        "the database was restored from an older copy",
        &[marked(9, vera("b", "2"))],
        &[open(7, &["a"], &vera("a", "1"))],
        &[],
        &["#7 = b/2"],
    );
}
