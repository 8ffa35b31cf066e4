//! Every case of what is told when, in minutes.

use super::*;

/// A minute of the story; minute 0 is when the process started.
fn minute(n: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + n * 60).unwrap()
}

fn fresh() -> Policy {
    Policy::new(Rules {
        down_after: SignedDuration::from_mins(10),
        silent_after: SignedDuration::from_hours(26),
        remind_after: SignedDuration::from_hours(24),
        zone: TimeZone::UTC,
    })
}

const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

fn down(since: i64) -> Input {
    Input::Down {
        platform: "salon".to_owned(),
        since: minute(since),
        why: "connection refused".to_owned(),
    }
}

fn up() -> Input {
    Input::Up {
        platform: "salon".to_owned(),
    }
}

fn read() -> Input {
    Input::Read {
        platform: "salon".to_owned(),
    }
}

fn complete() -> Input {
    Input::Complete {
        platform: "salon".to_owned(),
    }
}

fn watched(complete_at: Option<i64>) -> Input {
    Input::Watched {
        platform: "salon".to_owned(),
        complete_at: complete_at.map(minute),
    }
}

fn content() -> Content {
    words::sample(Kind::Overlap)
}

fn item(kind: Kind, bridge: &str, what: &str, since: i64) -> Item {
    Item {
        key: Key::of_bridge(kind, bridge, what),
        since: minute(since),
        content: content(),
    }
}

fn ran(bridge: &str, items: Vec<Item>, settled: &[Kind]) -> Input {
    Input::Ran {
        bridge: bridge.to_owned(),
        items,
        settled: settled.to_vec(),
    }
}

fn restored(kind: Kind, subject: &str, since: i64, at: i64) -> Input {
    Input::Restored(vec![Told {
        key: Key {
            kind,
            subject: subject.to_owned(),
        },
        since: minute(since),
        at: minute(at),
    }])
}

/// What is told: kind, since when, and whether again.
type Expected = (Kind, i64, bool);

/// Plays a story of minutes, inputs and what is told at once.
fn play(policy: &mut Policy, story: Vec<(i64, Input, &[Expected])>) {
    for (number, (at, input, expected)) in story.into_iter().enumerate() {
        let told: Vec<Expected> = policy
            .step(input, minute(at))
            .into_iter()
            .map(|notice| {
                assert_eq!(notice.at, minute(at));
                let since = notice.since.duration_since(minute(0)).as_mins();
                (notice.kind, since, notice.reminder)
            })
            .collect();
        assert_eq!(told, expected, "step {number}, minute {at}");
    }
}

#[test]
fn a_platform_is_told_as_down_after_ten_minutes_and_as_up_again() {
    use Kind::{PlatformDown, PlatformUp};
    let mut policy = fresh();
    let story = vec![
        (1, down(0), &[][..]),
        (9, Input::Tick, &[]),
        (10, Input::Tick, &[(PlatformDown, 0, false)]),
        (11, down(0), &[]),
        (200, Input::Tick, &[]),
        (10 + DAY - 1, Input::Tick, &[]),
        (10 + DAY, Input::Tick, &[(PlatformDown, 0, true)]),
        (12 + DAY, up(), &[(PlatformUp, 12 + DAY, false)]),
        (13 + DAY, up(), &[]),
        (14 + 2 * DAY, Input::Tick, &[]),
    ];
    play(&mut policy, story);
    assert_eq!(policy.next_wake(), None);
}

#[test]
fn a_short_trouble_is_never_told_and_neither_is_its_end() {
    let mut policy = fresh();
    let story = vec![
        (0, down(0), &[][..]),
        (9, up(), &[]),
        (30, Input::Tick, &[]),
        // The next one counts from its own beginning.
        (30, down(30), &[]),
        (39, Input::Tick, &[]),
    ];
    play(&mut policy, story);
    assert_eq!(policy.next_wake(), Some(minute(40)));
    assert_eq!(policy.take_memory(), []);
}

#[test]
fn a_look_without_trouble_ends_only_what_an_earlier_process_told() {
    use Kind::{PlatformDown, PlatformUp};
    // It can be read and not written: the engine says when it is up again.
    let mut policy = fresh();
    let story = vec![
        (0, down(0), &[][..]),
        (5, read(), &[]),
        (10, Input::Tick, &[(PlatformDown, 0, false)]),
        (11, read(), &[]),
    ];
    play(&mut policy, story);
    // It was down when the last process ended, and is not any more.
    let mut policy = fresh();
    let story = vec![
        (0, restored(PlatformDown, "salon", -50, -40), &[][..]),
        (1, read(), &[(PlatformUp, 1, false)]),
        (2, read(), &[]),
    ];
    play(&mut policy, story);
}

#[test]
fn a_restart_tells_nothing_again_that_still_stands() {
    use Kind::{Guard, PlatformDown};
    let mut policy = fresh();
    let guard = || item(Guard, "main", "site/removals_max", -100);
    let story = vec![
        (
            0,
            restored(Guard, "main/site/removals_max", -100, -90),
            &[][..],
        ),
        (0, restored(PlatformDown, "salon", -50, -40), &[]),
        // Nothing can be said of it before it was seen again.
        (DAY, Input::Tick, &[]),
        (
            DAY,
            ran("main", vec![guard()], &[Guard]),
            &[(Guard, -100, true)],
        ),
        (DAY, down(0), &[(PlatformDown, -50, true)]),
        (DAY + 1, ran("main", vec![guard()], &[Guard]), &[]),
    ];
    play(&mut policy, story);
}

#[test]
fn a_thing_of_a_bridge_is_told_once_reminded_of_and_told_anew_when_it_comes_back() {
    use Kind::{Conflict, Guard, Overlap};
    let mut policy = fresh();
    let overlap = || item(Overlap, "main", "1+2", 3);
    let conflict = || item(Conflict, "main", "7/slot", 4);
    let all = &[Conflict, Guard, Overlap][..];
    let some = &[Conflict, Guard][..];
    let story = vec![
        // The worst first.
        (
            5,
            ran("main", vec![conflict(), overlap()], all),
            &[(Overlap, 3, false), (Conflict, 4, false)][..],
        ),
        (6, ran("main", vec![conflict(), overlap()], all), &[]),
        // A hinted run sees some of it: what it cannot see is not over.
        (7, ran("main", vec![conflict()], some), &[]),
        (8, ran("main", vec![conflict(), overlap()], all), &[]),
        // Another bridge has nothing to say about this one, however alike the names.
        (9, ran("mai", vec![], all), &[]),
        (9, ran("main2", vec![], all), &[]),
        (
            5 + DAY,
            Input::Tick,
            &[(Overlap, 3, true), (Conflict, 4, true)],
        ),
        (6 + DAY, ran("main", vec![overlap()], all), &[]),
        (
            7 + DAY,
            ran("main", vec![conflict(), overlap()], all),
            &[(Conflict, 4, false)],
        ),
        (8 + DAY, ran("main", vec![], all), &[]),
        (9 + 9 * DAY, Input::Tick, &[]),
    ];
    play(&mut policy, story);
}

// R32
#[test]
fn silence_is_told_and_its_end_too() {
    use Kind::{CompletePass, NoCompletePass};
    let mut policy = fresh();
    let story = vec![
        (0, watched(Some(-2 * HOUR)), &[][..]),
        (24 * HOUR - 1, Input::Tick, &[]),
        (
            24 * HOUR,
            Input::Tick,
            &[(NoCompletePass, -2 * HOUR, false)],
        ),
        (25 * HOUR, read(), &[]),
        (26 * HOUR, complete(), &[(CompletePass, 26 * HOUR, false)]),
        (27 * HOUR, complete(), &[]),
        (27 * HOUR + 26 * HOUR - 1, Input::Tick, &[]),
        (
            27 * HOUR + 26 * HOUR,
            Input::Tick,
            &[(NoCompletePass, 27 * HOUR, false)],
        ),
    ];
    play(&mut policy, story);
}

#[test]
fn an_old_pass_is_held_against_nobody_in_the_first_hour() {
    use Kind::NoCompletePass;
    let mut policy = fresh();
    let story = vec![
        (0, watched(Some(-10 * DAY)), &[][..]),
        (59, Input::Tick, &[]),
        (60, Input::Tick, &[(NoCompletePass, -10 * DAY, false)]),
    ];
    play(&mut policy, story);
    // Nothing is known: the time of the start counts.
    let mut policy = fresh();
    let story = vec![
        (0, watched(None), &[][..]),
        (26 * HOUR - 1, Input::Tick, &[]),
        (26 * HOUR, Input::Tick, &[(NoCompletePass, 0, false)]),
    ];
    play(&mut policy, story);
    // A pass within the hour ends it.
    let mut policy = fresh();
    let story = vec![
        (0, watched(Some(-10 * DAY)), &[][..]),
        (59, complete(), &[]),
        (60, Input::Tick, &[]),
    ];
    play(&mut policy, story);
    assert_eq!(policy.next_wake(), Some(minute(59 + 26 * HOUR)));
}

#[test]
fn a_damaged_database_is_told_until_it_is_whole() {
    use Kind::Database;
    let checked = |damage: &[&str]| Input::Checked {
        damage: damage.iter().map(|line| (*line).to_owned()).collect(),
    };
    let mut policy = fresh();
    let story = vec![
        (0, checked(&[]), &[][..]),
        (
            1,
            checked(&["booking: row 3 missing"]),
            &[(Database, 1, false)],
        ),
        (2, checked(&["booking: row 3 missing"]), &[]),
        (3, checked(&[]), &[]),
        (3 + DAY, Input::Tick, &[]),
    ];
    play(&mut policy, story);
}

#[test]
fn what_was_told_and_what_is_over_is_remembered() {
    let key = Key::of_bridge(Kind::Guard, "main", "site/removals_max");
    let guard = || item(Kind::Guard, "main", "site/removals_max", 2);
    let mut policy = fresh();
    policy.step(ran("main", vec![guard()], &[Kind::Guard]), minute(3));
    let told = |at| {
        Memory::Told(Told {
            key: key.clone(),
            since: minute(2),
            at: minute(at),
        })
    };
    assert_eq!(policy.take_memory(), [told(3)]);
    policy.step(ran("main", vec![guard()], &[Kind::Guard]), minute(4));
    assert_eq!(policy.take_memory(), []);
    assert_eq!(policy.next_wake(), Some(minute(3 + DAY)));
    policy.step(Input::Tick, minute(3 + DAY));
    assert_eq!(policy.take_memory(), [told(3 + DAY)]);
    policy.step(ran("main", vec![], &[Kind::Guard]), minute(4 + DAY));
    assert_eq!(policy.take_memory(), [Memory::Over(key)]);
}

#[test]
fn the_next_wake_is_when_the_next_notice_is_due() {
    let mut policy = fresh();
    assert_eq!(policy.next_wake(), None);
    policy.step(watched(None), minute(0));
    assert_eq!(policy.next_wake(), Some(minute(26 * HOUR)));
    policy.step(down(5), minute(6));
    assert_eq!(policy.next_wake(), Some(minute(15)));
    policy.step(Input::Tick, minute(15));
    assert_eq!(policy.next_wake(), Some(minute(15 + DAY)));
    policy.step(up(), minute(16));
    assert_eq!(policy.next_wake(), Some(minute(26 * HOUR)));
}
