//! What is due when, as a table of what happened before.

use slotbridge_core::model::BookingId;

use super::*;

fn platform(name: &str) -> PlatformName {
    PlatformName::new(name).unwrap()
}

fn bridge() -> BridgeName {
    BridgeName::new("main").unwrap()
}

fn ids(names: &[&str]) -> BTreeSet<RemoteId> {
    names.iter().map(|name| RemoteId::new(*name)).collect()
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const PACE: Pace = Pace {
    near: s(10),
    far: Some(s(100)),
};

fn ended(what: What, began: Duration) -> Ended {
    Ended {
        what,
        lane: match what {
            What::Records | What::Settle => Lane::Hint,
            What::Confirm => Lane::Confirm,
            What::Near => Lane::Near,
            What::Far | What::Sweep => Lane::Wide,
        },
        began,
        failed: false,
        unread: BTreeSet::new(),
        unsure: false,
        pace: PACE,
    }
}

fn failed(what: What, began: Duration, unread: &[&str]) -> Ended {
    Ended {
        failed: true,
        unread: ids(unread),
        ..ended(what, began)
    }
}

/// One bridge of two platforms that were both swept, at second 1.
fn swept() -> Agenda {
    let mut agenda = Agenda::new([(bridge(), vec![platform("a"), platform("b")])]);
    assert_eq!(
        agenda.start(s(0)),
        [
            Job::Inbox(platform("a")),
            Job::Poll(platform("a"), LookKind::Sweep),
            Job::Inbox(platform("b")),
            Job::Poll(platform("b"), LookKind::Sweep),
        ],
        "a start looks into the inbox and at everything, and at nothing twice"
    );
    for name in ["a", "b"] {
        agenda.inbox_read(&platform(name), s(0));
        let turned = agenda.looked(&platform(name), &ended(What::Sweep, s(0)), s(1), 0);
        assert_eq!(turned, Turned::Same);
    }
    agenda
}

#[test]
fn looks_are_begun_as_far_apart_as_the_plan_says_however_long_they_take() {
    let mut agenda = swept();
    let a = platform("a");
    assert_eq!(agenda.start(s(10)), []);
    assert_eq!(agenda.next_due(s(10)), Some(s(11)));
    let polls = |agenda: &mut Agenda, at| -> Vec<LookKind> {
        let jobs = agenda.start(s(at)).into_iter();
        jobs.filter_map(|job| match job {
            Job::Poll(name, kind) if name == platform("a") => Some(kind),
            _ => None,
        })
        .collect()
    };
    assert_eq!(polls(&mut agenda, 11), [LookKind::Near]);
    // While it looks, it does not look again.
    assert_eq!(polls(&mut agenda, 30), []);
    agenda.looked(&a, &ended(What::Near, s(11)), s(15), 0);
    assert_eq!(polls(&mut agenda, 20), []);
    assert_eq!(polls(&mut agenda, 21), [LookKind::Near]);
    // One that took longer than the interval is followed at once, and by one only.
    agenda.looked(&a, &ended(What::Near, s(21)), s(60), 0);
    assert_eq!(polls(&mut agenda, 60), [LookKind::Near]);
    // One that has to be borne out is followed at once too.
    let unsure = Ended {
        unsure: true,
        ..ended(What::Near, s(60))
    };
    agenda.looked(&a, &unsure, s(61), 0);
    assert_eq!(polls(&mut agenda, 61), [LookKind::Near]);
    // The far one goes its own way.
    assert_eq!(polls(&mut agenda, 101), [LookKind::Far]);
}

#[test]
fn a_plan_that_allows_more_brings_looks_nearer_and_one_that_allows_less_does_not_lose_them() {
    let mut agenda = swept();
    let a = platform("a");
    let hurried = Pace {
        near: s(2),
        far: None,
    };
    agenda.plan(&a, hurried, s(1));
    assert_eq!(agenda.next_due(s(1)), Some(s(3)));
    let slow = Pace {
        near: s(1_000),
        far: None,
    };
    agenda.plan(&a, slow, s(1));
    assert_eq!(
        agenda.next_due(s(1)),
        Some(s(3)),
        "what is due soon stays due"
    );
}

#[test]
fn nothing_is_looked_for_before_everything_was_looked_at_once() {
    let mut agenda = Agenda::new([(bridge(), vec![platform("a")])]);
    agenda.start(s(0));
    agenda.plan(&platform("a"), PACE, s(0));
    assert_eq!(agenda.start(s(500)), []);
}

#[test]
fn webhooks_are_looked_into_at_once_and_their_records_read_one_job_at_a_time() {
    let mut agenda = swept();
    let a = platform("a");
    agenda.hinted(&a);
    agenda.hinted(&a);
    assert_eq!(agenda.start(s(2)), [Job::Inbox(a.clone())]);
    // One that comes in meanwhile is not lost.
    agenda.hinted(&a);
    assert_eq!(agenda.start(s(2)), []);
    agenda.inbox_read(&a, s(2));
    agenda.read(&a, ids(&["1", "2"]));
    agenda.confirm(&a, ids(&["3"]));
    assert_eq!(
        agenda.start(s(2) + INBOX_AGAIN),
        [
            Job::Inbox(a.clone()),
            Job::Confirm(a.clone(), ids(&["3"])),
            Job::Records(a.clone(), ids(&["1", "2"])),
        ]
    );
    agenda.read(&a, ids(&["2", "4"]));
    assert_eq!(agenda.start(s(2)), []);
    agenda.looked(&a, &ended(What::Records, s(2)), s(3), 0);
    assert_eq!(agenda.start(s(3)), [Job::Records(a, ids(&["2", "4"]))]);
}

#[test]
fn of_a_burst_of_webhooks_the_first_is_looked_into_at_once_and_the_others_together() {
    let mut agenda = swept();
    let a = platform("a");
    agenda.hinted(&a);
    assert_eq!(agenda.start(s(2)), [Job::Inbox(a.clone())]);
    agenda.inbox_read(&a, s(2));
    agenda.hinted(&a);
    agenda.hinted(&a);
    let soon = s(2) + INBOX_AGAIN;
    assert_eq!(agenda.start(s(2) + INBOX_AGAIN / 2), []);
    assert_eq!(agenda.next_due(s(2)), Some(soon));
    assert_eq!(agenda.start(soon), [Job::Inbox(a)]);
}

#[test]
fn a_platform_that_fails_is_asked_ever_more_rarely_and_nothing_is_forgotten() {
    let mut agenda = swept();
    let (a, b) = (platform("a"), platform("b"));
    agenda.read(&a, ids(&["1", "2"]));
    agenda.start(s(2));
    // Longest waits: the whole of 5 s, 10 s, 20 s.
    let turned = agenda.looked(&a, &failed(What::Records, s(2), &["2"]), s(3), 2_500);
    assert_eq!(turned, Turned::Same, "one failure is a hiccup");
    assert_eq!(agenda.start(s(7)), []);
    let jobs = agenda.start(s(8));
    assert!(
        jobs.contains(&Job::Records(a.clone(), ids(&["2"]))),
        "{jobs:?}"
    );
    let turned = agenda.looked(&a, &failed(What::Records, s(8), &["2"]), s(8), 5_000);
    assert_eq!(turned, Turned::WentDown);
    // The other one is looked at as ever.
    assert_eq!(agenda.start(s(17)), [Job::Poll(b, LookKind::Near)]);
    let jobs = agenda.start(s(18));
    assert!(
        jobs.contains(&Job::Records(a.clone(), ids(&["2"]))),
        "{jobs:?}"
    );
    agenda.looked(&a, &failed(What::Records, s(18), &["2"]), s(18), 10_000);
    assert_eq!(
        agenda
            .start(s(37))
            .iter()
            .filter(|job| matches!(job, Job::Records(..)))
            .count(),
        0
    );
    agenda.start(s(38));
    let turned = agenda.looked(&a, &ended(What::Records, s(38)), s(39), 0);
    assert_eq!(turned, Turned::CameUp);
    let jobs = agenda.start(s(39));
    assert!(
        jobs.contains(&Job::Poll(a, LookKind::Sweep)),
        "what was missed may be anywhere: {jobs:?}"
    );
}

#[test]
fn waits_after_failures_grow_to_a_limit_and_are_drawn() {
    for (failures, draw, wait) in [
        (1, 0, 2_500),
        (1, 2_500, 5_000),
        (2, 0, 5_000),
        (4, 0, 20_000),
        (7, 0, 150_000),
        (60, 150_000, 300_000),
    ] {
        assert_eq!(
            back_off(failures, draw),
            Duration::from_millis(wait),
            "{failures}"
        );
    }
}

#[test]
fn of_one_bridge_one_run_is_under_way_and_what_people_did_goes_first() {
    let mut agenda = swept();
    let a = platform("a");
    let run = |agenda: &mut Agenda, at| -> Option<Aim> {
        agenda.start(s(at)).into_iter().find_map(|job| match job {
            Job::Run(_, aim) => Some(aim),
            _ => None,
        })
    };
    agenda.work_on(&bridge(), RunCause::Swept);
    assert_eq!(run(&mut agenda, 2), None, "not before enough is known");
    agenda.set_ready(&bridge(), true);
    assert!(
        agenda
            .touched(&a, &ids(&["1"]), RunCause::Hinted)
            .is_empty()
    );
    let first = run(&mut agenda, 2).unwrap();
    assert_eq!((first.whole, first.cause), (false, RunCause::Hinted));
    assert_eq!(
        first.touched.records,
        BTreeSet::from([(a.clone(), RemoteId::new("1"))])
    );
    // What is touched meanwhile makes the run under way give way, and is worked on next.
    assert_eq!(
        agenda.touched(&a, &ids(&["2"]), RunCause::Polled),
        [bridge()]
    );
    assert_eq!(run(&mut agenda, 3), None);
    agenda.ran(&bridge(), false, BTreeSet::new(), 0);
    let second = run(&mut agenda, 3).unwrap();
    assert_eq!((second.whole, second.cause), (false, RunCause::Polled));
    agenda.ran(&bridge(), false, BTreeSet::new(), 0);
    let third = run(&mut agenda, 3).unwrap();
    assert_eq!((third.whole, third.cause), (true, RunCause::Swept));
    agenda.ran(&bridge(), false, BTreeSet::new(), 0);
    assert_eq!(run(&mut agenda, 3), None);
}

#[test]
fn what_failed_is_taken_up_when_its_time_has_come() {
    let mut agenda = swept();
    agenda.set_ready(&bridge(), true);
    let touched = Touched {
        bookings: BTreeSet::from([BookingId::from_u128(7)]),
        ..Touched::default()
    };
    agenda.revisit(&bridge(), touched.clone(), s(5));
    assert_eq!(agenda.start(s(4)), []);
    assert_eq!(agenda.next_due(s(4)), Some(s(5)));
    assert_eq!(
        agenda.start(s(5)),
        [Job::Run(
            bridge(),
            Aim {
                whole: false,
                touched,
                cause: RunCause::Polled
            }
        )]
    );
}

#[test]
fn a_bridge_that_missed_a_platform_is_worked_on_when_that_is_known_again() {
    let mut agenda = swept();
    agenda.set_ready(&bridge(), true);
    agenda.ran(&bridge(), false, BTreeSet::from([platform("b")]), 0);
    agenda.is_known(&platform("a"));
    assert_eq!(agenda.start(s(2)), []);
    agenda.is_known(&platform("b"));
    assert!(matches!(
        agenda.start(s(2)).as_slice(),
        [Job::Run(_, Aim { whole: true, .. })]
    ));
}

#[test]
fn what_has_no_answer_is_looked_for_soon_and_then_more_and_more_rarely() {
    let mut agenda = swept();
    let a = platform("a");
    let settles = |agenda: &mut Agenda, at| {
        let jobs = agenda.start(s(at));
        jobs.contains(&Job::Settle(platform("a")))
    };
    agenda.settle(&a, s(4));
    assert!(!settles(&mut agenda, 3));
    assert!(settles(&mut agenda, 4));
    agenda.looked(&a, &ended(What::Settle, s(4)), s(4), 0);
    for (asked, due) in [(5, 35), (35, 95), (95, 215)] {
        agenda.settle_again(&a, s(asked));
        // Asking twice changes nothing.
        agenda.settle_again(&a, s(asked));
        assert!(!settles(&mut agenda, due - 1));
        assert!(settles(&mut agenda, due), "{due}");
        agenda.looked(&a, &ended(What::Settle, s(due)), s(due), 0);
    }
}
