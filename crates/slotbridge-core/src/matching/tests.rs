//! Which records are one booking: case by case, and as laws.

mod laws;
mod markers;

use super::*;
use crate::testing::{at, booking, client, id, platform, remote, resource, slot};

/// A record of Anna's from 0 to 60, of a client who shows name, phone and e-mail.
fn record(on: &str, remote_id: &str, (name, phone, email): (&str, &str, &str)) -> Candidate {
    let mut shown = booking(0);
    shown.client = client(name, phone, email);
    Candidate {
        platform: platform(on),
        remote_id: remote(remote_id),
        booking: shown,
        marker: None,
        created_at: None,
        first_seen: at(-600),
    }
}

const VERA: (&str, &str, &str) = ("Вера Пробная", "+79000000001", "vera@example.com");
const BLANK: (&str, &str, &str) = ("", "", "");

fn vera(on: &str, remote_id: &str) -> Candidate {
    record(on, remote_id, VERA)
}

fn blank(on: &str, remote_id: &str) -> Candidate {
    record(on, remote_id, BLANK)
}

fn marked(number: u128, record: Candidate) -> Candidate {
    Candidate {
        marker: Some(id(number)),
        ..record
    }
}

fn during(from: i64, to: i64, mut record: Candidate) -> Candidate {
    record.booking.slot = slot(from, to);
    record
}

fn open(number: u128, has: &[&str], shown: &Candidate) -> Open {
    Open {
        booking: id(number),
        canonical: shown.booking.clone(),
        has: has.iter().map(|name| platform(name)).collect(),
    }
}

fn names(records: &[(PlatformName, RemoteId)]) -> String {
    let names: Vec<String> = records
        .iter()
        .map(|(platform, id)| format!("{platform}/{id}"))
        .collect();
    names.join("+")
}

fn ids(bookings: &[BookingId]) -> String {
    let ids: Vec<String> = bookings
        .iter()
        .map(|id| format!("#{}", id.as_u128()))
        .collect();
    ids.join("+")
}

/// The result in short lines: `#7 = a/1+b/2`, `? = a/1+b/2` for an adoption without an id, `new a/1`,
/// `a/1 ~ b/2 #7` for a doubt.
fn told(matching: &Matching) -> Vec<String> {
    let adopted = matching.adopt.iter().map(|adoption| {
        let id = adoption
            .booking
            .map_or_else(|| "?".to_owned(), |id| ids(&[id]));
        format!("{id} = {}", names(&adoption.records))
    });
    let new = matching
        .new
        .iter()
        .map(|record| format!("new {}", names(std::slice::from_ref(record))));
    let doubts = matching.ambiguous.iter().map(|doubt| {
        let others = [names(&doubt.candidates), ids(&doubt.bookings)];
        let others: Vec<&str> = others
            .iter()
            .map(String::as_str)
            .filter(|text| !text.is_empty())
            .collect();
        format!(
            "{}/{} ~ {}",
            doubt.platform,
            doubt.remote_id,
            others.join(" ")
        )
    });
    adopted.chain(new).chain(doubts).collect()
}

fn check(why: &str, candidates: &[Candidate], open: &[Open], known: &[u128], expected: &[&str]) {
    let known: BTreeSet<BookingId> = known
        .iter()
        .map(|number| id(*number))
        .chain(open.iter().map(|open| open.booking))
        .collect();
    let matching = matching(candidates, open, &known);
    assert_eq!(told(&matching), expected, "{why}");
    for doubt in &matching.ambiguous {
        for secret in ["Вер", "7900", "example.com"] {
            assert!(!doubt.why.contains(secret), "{}", doubt.why);
        }
    }
}

#[test]
fn clients_are_compared_by_the_strongest_key_that_both_show() {
    for (one, other, expected) in [
        (VERA, VERA, SameClient::Yes),
        (
            VERA,
            ("Вика", "+79000000001", "v@example.com"),
            SameClient::Yes,
        ),
        (
            VERA,
            ("Вера Пробная", "+79000000002", "vera@example.com"),
            SameClient::No,
        ),
        (VERA, ("Вика", "", "VERA@example.com"), SameClient::Yes),
        (
            VERA,
            ("Вера Пробная", "", "other@example.com"),
            SameClient::No,
        ),
        (VERA, ("вера  пробная", "", ""), SameClient::Yes),
        (VERA, ("Пробная Вера", "", ""), SameClient::Alike),
        (VERA, ("Пробная В.", "", ""), SameClient::Alike),
        (VERA, ("Вика Пробная", "", ""), SameClient::No),
        (VERA, BLANK, SameClient::Untold),
        (BLANK, BLANK, SameClient::Untold),
        (
            ("Вера", "", ""),
            ("", "+79000000001", ""),
            SameClient::Untold,
        ),
        // What is no phone says nothing, neither for nor against.
        (("Вера", "8900", ""), ("Вика", "8900", ""), SameClient::No),
        (
            ("Вера", "8900", ""),
            ("Вера", "+79000000001", ""),
            SameClient::Yes,
        ),
    ] {
        let client = |(name, phone, email)| client(name, phone, email);
        assert_eq!(
            same_client(&client(one), &client(other)),
            expected,
            "{one:?} {other:?}"
        );
        assert_eq!(
            same_client(&client(other), &client(one)),
            expected,
            "{other:?} {one:?}"
        );
    }
}

#[test]
fn records_of_one_client_at_one_time_are_one_booking() {
    let other = || record("b", "2", ("Вика", "+79000000002", ""));
    let elsewhere = || {
        let mut record = vera("b", "2");
        record.booking.resource = resource("boris");
        record
    };
    let block = |mut record: Candidate| {
        record.booking.kind = Kind::Block;
        record
    };
    for (why, candidates, expected) in [
        ("alone", vec![vera("a", "1")], vec!["new a/1"]),
        (
            "two platforms",
            vec![vera("a", "1"), vera("b", "2")],
            vec!["? = a/1+b/2"],
        ),
        (
            "three platforms",
            vec![vera("c", "3"), vera("a", "1"), vera("b", "2")],
            vec!["? = a/1+b/2+c/3"],
        ),
        (
            "three platforms that show different things",
            vec![
                record("a", "1", ("", "+79000000001", "")),
                vera("b", "2"),
                record("c", "3", ("", "", "vera@example.com")),
            ],
            vec!["? = a/1+b/2+c/3"],
        ),
        (
            "another client",
            vec![vera("a", "1"), other()],
            vec!["new a/1", "new b/2"],
        ),
        (
            "another resource",
            vec![vera("a", "1"), elsewhere()],
            vec!["new a/1", "new b/2"],
        ),
        (
            "another start",
            vec![vera("a", "1"), during(30, 60, vera("b", "2"))],
            vec!["new a/1", "new b/2"],
        ),
        (
            "twice on one platform",
            vec![vera("a", "1"), vera("a", "2")],
            vec!["new a/1", "new a/2"],
        ),
        (
            "a block is no appointment",
            vec![vera("a", "1"), block(vera("b", "2"))],
            vec!["new a/1", "new b/2"],
        ),
        (
            "blocks at one time",
            vec![block(blank("a", "1")), block(blank("b", "2"))],
            vec!["new a/1", "new b/2"],
        ),
        (
            "nothing tells who it is on one of them",
            vec![vera("a", "1"), blank("b", "2")],
            vec!["new a/1", "new b/2"],
        ),
    ] {
        check(why, &candidates, &[], &[], &expected);
    }
}

#[test]
fn a_cancelled_record_is_no_candidate() {
    let mut cancelled = vera("b", "2");
    cancelled.booking.status = Status::Cancelled;
    check(
        "cancelled",
        &[vera("a", "1"), cancelled.clone()],
        &[],
        &[],
        &["new a/1"],
    );
    check("cancelled alone", &[cancelled], &[], &[], &[]);
}

// R10
#[test]
fn what_may_be_one_booking_or_not_is_left_to_a_person() {
    for (why, candidates, expected) in [
        (
            "two candidates on the other platform",
            vec![vera("a", "1"), vera("b", "2"), vera("b", "3")],
            vec!["a/1 ~ b/2+b/3", "b/2 ~ a/1+b/3", "b/3 ~ a/1+b/2"],
        ),
        (
            "two candidates there, and a third platform",
            vec![
                vera("a", "1"),
                vera("b", "2"),
                vera("b", "3"),
                vera("c", "4"),
            ],
            vec![
                "a/1 ~ b/2+b/3+c/4",
                "b/2 ~ a/1+b/3+c/4",
                "b/3 ~ a/1+b/2+c/4",
                "c/4 ~ a/1+b/2+b/3",
            ],
        ),
        (
            "agreeing in pairs, but not all with each other",
            vec![
                record("a", "1", ("Вера", "+79000000001", "")),
                record("b", "2", ("", "+79000000001", "vera@example.com")),
                record("c", "3", ("Вика", "", "vera@example.com")),
            ],
            vec!["a/1 ~ b/2+c/3", "b/2 ~ a/1+c/3", "c/3 ~ a/1+b/2"],
        ),
        (
            "another end",
            vec![vera("a", "1"), during(0, 90, vera("b", "2"))],
            vec!["a/1 ~ b/2", "b/2 ~ a/1"],
        ),
        (
            "both blank",
            vec![blank("a", "1"), blank("b", "2")],
            vec!["a/1 ~ b/2", "b/2 ~ a/1"],
        ),
        (
            "names that may be one person's",
            vec![
                record("a", "1", ("Вера Пробная", "", "")),
                record("b", "2", ("Пробная В.", "", "")),
            ],
            vec!["a/1 ~ b/2", "b/2 ~ a/1"],
        ),
        (
            "a sure pair is not held up by a doubtful third",
            vec![
                record("a", "1", ("Вера Пробная", "+79000000001", "")),
                record("b", "2", ("Вера Пробная", "+79000000001", "")),
                record("c", "3", ("Пробная Вера", "", "")),
            ],
            vec!["? = a/1+b/2", "c/3 ~ a/1+b/2"],
        ),
        (
            "nor doubted by another one of a platform that it has",
            vec![
                record("a", "1", ("Вера Пробная", "+79000000001", "")),
                record("b", "2", ("Вера Пробная", "+79000000001", "")),
                record("b", "3", ("Пробная Вера", "", "")),
            ],
            vec!["? = a/1+b/2", "new b/3"],
        ),
    ] {
        check(why, &candidates, &[], &[], &expected);
    }
}

#[test]
fn an_open_booking_takes_the_record_that_it_lacks() {
    for (why, candidates, open, expected) in [
        (
            "the only one",
            vec![vera("b", "2")],
            vec![open(7, &["a"], &vera("a", "1"))],
            vec!["#7 = b/2"],
        ),
        (
            "two platforms at once",
            vec![vera("b", "2"), vera("c", "3")],
            vec![open(7, &["a"], &vera("a", "1"))],
            vec!["#7 = b/2+c/3"],
        ),
        (
            "not where it has one",
            vec![vera("a", "2")],
            vec![open(7, &["a"], &vera("a", "1"))],
            vec!["new a/2"],
        ),
        (
            "one of two",
            vec![vera("b", "2"), vera("b", "3")],
            vec![open(7, &["a"], &vera("a", "1"))],
            vec!["b/2 ~ b/3 #7", "b/3 ~ b/2 #7"],
        ),
        (
            "two bookings want it",
            vec![vera("c", "3")],
            vec![
                open(7, &["a"], &vera("a", "1")),
                open(8, &["b"], &vera("b", "2")),
            ],
            vec!["c/3 ~ #7+#8"],
        ),
        (
            "with another end",
            vec![during(0, 90, vera("b", "2"))],
            vec![open(7, &["a"], &vera("a", "1"))],
            vec!["b/2 ~ #7"],
        ),
        (
            "both without a client",
            vec![blank("b", "2")],
            vec![open(7, &["a"], &blank("a", "1"))],
            vec!["b/2 ~ #7"],
        ),
        (
            "two known bookings are never made one",
            vec![],
            vec![
                open(7, &["a"], &vera("a", "1")),
                open(8, &["b"], &vera("b", "2")),
            ],
            vec![],
        ),
    ] {
        check(why, &candidates, &open, &[], &expected);
    }
}
