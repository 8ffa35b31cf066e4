//! Guards, sightings, inbox, runs, the summary, and changes that are refused.

use slotbridge_core::merge::Choice;

use super::*;
use crate::{Body, GuardRow, Outcome, RunRow, Summary};

#[tokio::test]
async fn a_contradiction_takes_the_whole_apply_back() {
    let intent_of_no_run = Change::Intent {
        op: op_id(1),
        run: run_id(99),
        bridge: main_bridge(),
        operation: create(1, &site()),
        fingerprint: String::new(),
        at: second(0),
    };
    let conflict_over_nothing = Change::Conflict {
        bridge: main_bridge(),
        booking: booking_id(99),
        conflict: conflicts::phone(&[("salon", "1", 0)], None),
        at: second(0),
    };
    let twice = || intent(1, create(1, &site()), second(0));
    let bad: [(&str, Vec<Change>); 6] = [
        (
            "a record of two bookings",
            vec![linked(2, salon(), Some("a"), shadow(0), 0)],
        ),
        (
            "a link of no booking",
            vec![linked(99, salon(), Some("z"), shadow(0), 0)],
        ),
        ("an intent of no run", vec![intent_of_no_run]),
        ("an operation twice", vec![twice(), twice()]),
        ("a run twice", vec![began(1)]),
        ("a conflict over no booking", vec![conflict_over_nothing]),
    ];
    for (what, changes) in bad {
        everywhere(async |store| {
            let good = vec![
                began(1),
                stored(1, live(0), 0),
                stored(2, live(0), 0),
                linked(1, salon(), Some("a"), shadow(0), 0),
            ];
            store.apply(good).await.unwrap();
            let before = store.summary().await.unwrap();
            let mut attempt = vec![seen(record("1", 0), 0), stored(3, live(0), 0)];
            attempt.extend(changes.clone());
            let error = store.apply(attempt).await.unwrap_err();
            assert!(
                matches!(error, StoreError::Constraint(_)),
                "{what}: {error:?}"
            );
            assert!(!everything_said(&error).contains(SECRET), "{what}");
            assert_eq!(store.summary().await.unwrap(), before, "{what}");
        })
        .await;
    }
}

#[tokio::test]
async fn what_continues_nothing_is_refused_whole() {
    let outcome = Change::Outcome {
        op: op_id(9),
        outcome: Outcome::Applied,
        remote_id: None,
        error: None,
        at: second(0),
    };
    let bad = [
        Change::RunEnded {
            run: run_id(9),
            at: second(0),
            exit_code: 0,
            totals: Vec::new(),
        },
        outcome,
        Change::GuardApproved {
            bridge: main_bridge(),
            plan: "p".to_owned(),
            at: second(0),
        },
        Change::Decision {
            conflict: 9,
            choice: Choice::Keep,
            at: second(0),
        },
    ];
    for change in bad {
        let store = Store::in_memory().unwrap();
        let error = store
            .apply(vec![seen(record("1", 0), 0), change])
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::NoSuch { .. }), "{error:?}");
        assert_eq!(store.mirror(&salon(), Timestamp::MIN).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_count_that_the_database_cannot_hold_is_refused_and_not_bent() {
    let store = Store::in_memory().unwrap();
    let latch = Change::Guard {
        bridge: main_bridge(),
        platform: salon(),
        what: "removals".to_owned(),
        limit: u64::MAX,
        planned: 1,
        plan: "p".to_owned(),
        at: second(0),
    };
    assert!(matches!(
        store.apply(vec![latch]).await,
        Err(StoreError::Database(_))
    ));
    assert_eq!(store.guards(&main_bridge()).await.unwrap(), []);
}

#[tokio::test]
async fn sightings_replace_those_of_their_resource() {
    everywhere(async |store| {
        let cells = |resource: &str, cells: &[(i64, u32)]| Change::Sightings {
            platform: salon(),
            resource: ResourceKey::new(resource),
            cells: cells
                .iter()
                .map(|(start, times)| (second(*start), *times))
                .collect(),
        };
        store
            .apply(vec![
                cells("1", &[(30, 1), (10, 2)]),
                cells("2", &[(10, 5)]),
            ])
            .await
            .unwrap();
        store
            .apply(vec![cells("1", &[(20, 3)]), cells("2", &[(10, 5)])])
            .await
            .unwrap();
        let expected = BTreeMap::from([
            ((ResourceKey::new("1"), second(20)), 3),
            ((ResourceKey::new("2"), second(10)), 5),
        ]);
        assert_eq!(store.sightings(&salon()).await.unwrap(), expected);
        assert!(store.sightings(&site()).await.unwrap().is_empty());
        store
            .apply(vec![cells("1", &[]), cells("2", &[])])
            .await
            .unwrap();
        assert!(store.sightings(&salon()).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_approval_holds_for_exactly_the_plan_that_was_shown() {
    everywhere(async |store| {
        let latch = |plan: &str, planned, at| Change::Guard {
            bridge: main_bridge(),
            platform: salon(),
            what: "removals".to_owned(),
            limit: 20,
            planned,
            plan: plan.to_owned(),
            at: second(at),
        };
        let approve = |plan: &str, at| Change::GuardApproved {
            bridge: main_bridge(),
            plan: plan.to_owned(),
            at: second(at),
        };
        store
            .apply(vec![
                latch("p1", 30, 10),
                approve("p1", 20),
                latch("p1", 30, 30),
            ])
            .await
            .unwrap();
        let expected = GuardRow {
            platform: salon(),
            what: "removals".to_owned(),
            limit: 20,
            planned: 30,
            plan: "p1".to_owned(),
            tripped_at: second(10),
            approved_at: Some(second(20)),
        };
        assert_eq!(
            store.guards(&main_bridge()).await.unwrap(),
            std::slice::from_ref(&expected)
        );
        store.apply(vec![latch("p2", 31, 40)]).await.unwrap();
        let replaced = GuardRow {
            planned: 31,
            plan: "p2".to_owned(),
            tripped_at: second(40),
            approved_at: None,
            ..expected
        };
        assert_eq!(store.guards(&main_bridge()).await.unwrap(), [replaced]);
        assert!(matches!(
            store.apply(vec![approve("p1", 50)]).await,
            Err(StoreError::NoSuch { .. })
        ));
        let release = Change::GuardReleased {
            bridge: main_bridge(),
            platform: salon(),
            what: "removals".to_owned(),
        };
        store.apply(vec![release.clone(), release]).await.unwrap();
        assert_eq!(store.guards(&main_bridge()).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_webhook_that_comes_again_during_a_run_survives_the_end_of_the_run() {
    everywhere(async |store| {
        let hint = |body: u8, at| Change::Inbox {
            platform: salon(),
            id: Some(remote("5")),
            body_hash: [body; 32],
            body: Body::from(vec![body; 3]),
            at: second(at),
        };
        store
            .apply(vec![hint(1, 10), hint(2, 11), hint(1, 12)])
            .await
            .unwrap();
        let pending = store.inbox_pending(&salon()).await.unwrap();
        let times: Vec<Timestamp> = pending.iter().map(|row| row.at).collect();
        assert_eq!(times, [second(11), second(12)]);
        assert_eq!(
            (pending[0].body.as_bytes(), pending[0].body_hash),
            ([2; 3].as_slice(), [2; 32])
        );
        assert_eq!(store.inbox_waiting(&salon()).await.unwrap(), 2);
        assert_eq!(store.inbox_waiting(&site()).await.unwrap(), 0);
        // The run has these two in hand when the second body is delivered once more.
        store.apply(vec![hint(2, 20)]).await.unwrap();
        let rows = pending.iter().map(|row| row.id).collect();
        store.apply(vec![Change::InboxDone { rows }]).await.unwrap();
        let [left] = store
            .inbox_pending(&salon())
            .await
            .unwrap()
            .try_into()
            .unwrap();
        assert_eq!((left.at, left.remote_id), (second(20), Some(remote("5"))));
        assert_eq!(store.inbox_pending(&site()).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn runs_are_listed_newest_first() {
    everywhere(async |store| {
        let run = |n: u128, at| Change::RunBegan {
            run: run_id(n),
            kind: "hinted".to_owned(),
            at: second(at),
        };
        let totals = vec![("create".to_owned(), 1), ("adopted".to_owned(), 3)];
        let ended = Change::RunEnded {
            run: run_id(2),
            at: second(25),
            exit_code: 4,
            totals: totals.clone(),
        };
        store
            .apply(vec![run(1, 40), run(2, 20), ended, run(3, 10)])
            .await
            .unwrap();
        let [third, second_run] = store.last_runs(2).await.unwrap().try_into().unwrap();
        assert_eq!(
            (third.id, third.ended_at, third.exit_code),
            (run_id(3), None, None)
        );
        let expected = RunRow {
            id: run_id(2),
            kind: "hinted".to_owned(),
            began_at: second(20),
            ended_at: Some(second(25)),
            exit_code: Some(4),
            totals,
        };
        assert_eq!(second_run, expected);
    })
    .await;
}

#[tokio::test]
async fn the_summary_counts_what_is_there() {
    everywhere(async |store| {
        assert_eq!(store.summary().await.unwrap(), Summary::default());
        let cancelled = Record {
            state: RecordState::Cancelled,
            status: Status::Cancelled,
            ..record("2", 0)
        };
        let conflict = Change::Conflict {
            bridge: main_bridge(),
            booking: booking_id(1),
            conflict: conflicts::phone(&[("salon", "1", 0), ("site", "2", 0)], None),
            at: second(0),
        };
        let changes = vec![
            began(1),
            seen(record("1", 0), 0),
            seen(cancelled, 0),
            Change::MirrorUnreadable {
                platform: site(),
                id: None,
                why: "x".to_owned(),
                at: second(0),
            },
            stored(1, live(0), 0),
            stored(2, Presence::Gone, 0),
            linked(1, salon(), Some("1"), shadow(0), 0),
            linked(1, site(), None, shadow(0), 0),
            intent(1, create(1, &site()), second(7)),
            intent(2, create(1, &site()), second(9)),
            conflict,
        ];
        store.apply(changes).await.unwrap();
        let summary = store.summary().await.unwrap();
        let platforms: Vec<_> = summary
            .platforms
            .iter()
            .map(|row| {
                (
                    row.platform.as_str(),
                    row.records,
                    row.live,
                    row.unreadable,
                    row.inbox,
                )
            })
            .collect();
        assert_eq!(platforms, [("salon", 2, 1, 0, 0), ("site", 0, 0, 1, 0)]);
        let [bridge] = summary.bridges.try_into().unwrap();
        assert_eq!(
            (bridge.bookings, bridge.live, bridge.links, bridge.presumed),
            (2, 1, 2, 1)
        );
        assert_eq!(
            (bridge.journal_open, bridge.journal_oldest),
            (2, Some(second(7)))
        );
        assert_eq!((bridge.conflicts_open, bridge.guards_latched), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn webhooks_are_read_on_from_where_the_last_look_ended() {
    everywhere(async |store| {
        let came = |platform: PlatformName, body: u8| Change::Inbox {
            platform,
            id: None,
            body_hash: [body; 32],
            body: vec![body].into(),
            at: second(i64::from(body)),
        };
        store
            .apply(vec![
                came(salon(), 1),
                came(site(), 2),
                came(salon(), 3),
                came(salon(), 4),
            ])
            .await
            .unwrap();
        let bodies = |rows: &[crate::InboxRow]| -> Vec<u8> {
            rows.iter().map(|row| row.body.as_bytes()[0]).collect()
        };
        let first = store.inbox_after(&salon(), 0, 2).await.unwrap();
        assert_eq!(bodies(&first), [1, 3]);
        // What comes again meanwhile comes last.
        store.apply(vec![came(salon(), 1)]).await.unwrap();
        let last = first.last().unwrap().id;
        let rest = store.inbox_after(&salon(), last, 10).await.unwrap();
        assert_eq!(bodies(&rest), [4, 1]);
        let last = rest.last().unwrap().id;
        assert_eq!(store.inbox_after(&salon(), last, 10).await.unwrap(), []);
    })
    .await;
}
