//! The journal: intent first, then outcome, and what may be forgotten.

use super::*;
use crate::{Counts, JournalRow, JournalState, Outcome, Pruned};

fn came_out(op: u128, outcome: Outcome, at: i64) -> Change {
    Change::Outcome {
        op: op_id(op),
        outcome,
        remote_id: None,
        error: None,
        at: second(at),
    }
}

const ALL: [Outcome; 7] = [
    Outcome::Applied,
    Outcome::Refused,
    Outcome::Failed,
    Outcome::Unknown,
    Outcome::Abandoned,
    Outcome::SettledApplied,
    Outcome::SettledPresumed,
];

async fn open_ops(store: &Store) -> Vec<u128> {
    store
        .journal_open(&main_bridge())
        .await
        .unwrap()
        .iter()
        .map(|row| row.op.as_u128())
        .collect()
}

#[tokio::test]
async fn an_entry_stays_open_until_it_is_known_how_it_came_out() {
    for outcome in ALL {
        everywhere(async |store| {
            store
                .apply(vec![
                    began(1),
                    intent(2, create(1, &site()), second(1)),
                    intent(1, create(2, &site()), second(2)),
                ])
                .await
                .unwrap();
            assert_eq!(open_ops(&store).await, [2, 1]);
            store.apply(vec![came_out(2, outcome, 10)]).await.unwrap();
            if outcome == Outcome::Unknown {
                assert_eq!(open_ops(&store).await, [2, 1]);
                store
                    .apply(vec![
                        came_out(2, outcome, 20),
                        came_out(2, Outcome::Abandoned, 30),
                    ])
                    .await
                    .unwrap();
            }
            assert_eq!(open_ops(&store).await, [1], "{outcome:?}");
            // What is settled stays settled.
            for later in ALL {
                let error = store.apply(vec![came_out(2, later, 40)]).await.unwrap_err();
                assert!(
                    matches!(error, StoreError::NoSuch { .. }),
                    "{outcome:?} {later:?}"
                );
            }
        })
        .await;
    }
}

#[tokio::test]
async fn an_entry_holds_all_that_is_needed_to_settle_it() {
    everywhere(async |store| {
        let outcome = Change::Outcome {
            op: op_id(1),
            outcome: Outcome::Unknown,
            remote_id: Some(remote("77")),
            error: Some("timeout".to_owned()),
            at: second(20),
        };
        store
            .apply(vec![
                began(1),
                intent(1, update(5, &salon()), second(10)),
                outcome,
            ])
            .await
            .unwrap();
        let [row] = store
            .journal_open(&main_bridge())
            .await
            .unwrap()
            .try_into()
            .unwrap();
        let expected = JournalRow {
            op: op_id(1),
            run: run_id(1),
            bridge: main_bridge(),
            state: JournalState::Done(Outcome::Unknown),
            operation: update(5, &salon()),
            fingerprint: "fingerprint 1".to_owned(),
            at: second(10),
            outcome_at: Some(second(20)),
            remote_id: Some(remote("77")),
            error: Some("timeout".to_owned()),
            is_erased: false,
        };
        assert_eq!(row, expected);
        assert_eq!(
            store
                .journal_open(&BridgeName::new("other").unwrap())
                .await
                .unwrap(),
            []
        );
    })
    .await;
}

#[tokio::test]
async fn an_outcome_without_a_record_keeps_the_one_of_the_intent() {
    everywhere(async |store| {
        let changes = vec![
            began(1),
            intent(1, update(5, &salon()), second(10)),
            came_out(1, Outcome::Unknown, 11),
        ];
        store.apply(changes).await.unwrap();
        let [row] = store
            .journal_open(&main_bridge())
            .await
            .unwrap()
            .try_into()
            .unwrap();
        assert_eq!(row.remote_id, Some(remote("2")));
    })
    .await;
}

#[tokio::test]
async fn only_the_last_word_on_a_booking_and_platform_counts_as_a_refusal() {
    everywhere(async |store| {
        store
            .apply(vec![
                began(1),
                // Refused, then applied.
                intent(1, create(1, &site()), second(1)),
                came_out(1, Outcome::Refused, 2),
                intent(2, create(1, &site()), second(3)),
                came_out(2, Outcome::Applied, 4),
                // Applied, then refused; the other platform has no say.
                intent(3, create(2, &site()), second(1)),
                came_out(3, Outcome::Applied, 2),
                intent(4, update(2, &site()), second(3)),
                came_out(4, Outcome::Refused, 4),
                intent(5, update(2, &salon()), second(5)),
                came_out(5, Outcome::Applied, 6),
                // Refused twice: one refusal.
                intent(6, create(3, &site()), second(1)),
                came_out(6, Outcome::Refused, 2),
                intent(7, create(3, &site()), second(3)),
                came_out(7, Outcome::Refused, 4),
                // Refused, and being tried again.
                intent(8, create(4, &site()), second(1)),
                came_out(8, Outcome::Refused, 2),
                intent(9, create(4, &site()), second(3)),
            ])
            .await
            .unwrap();
        let refused: Vec<u128> = store
            .refusals(&main_bridge())
            .await
            .unwrap()
            .iter()
            .map(|row| row.op.as_u128())
            .collect();
        assert_eq!(refused, [4, 7]);
    })
    .await;
}

#[tokio::test]
async fn what_took_effect_is_counted_from_an_instant_on() {
    everywhere(async |store| {
        let mut changes = vec![began(1)];
        for (n, outcome) in ALL.into_iter().enumerate() {
            let op = u128::try_from(n).unwrap();
            changes.push(intent(op, create(op, &site()), second(0)));
            changes.push(came_out(op, outcome, 100));
        }
        for (op, operation, at) in [
            (20, update(1, &site()), 100),
            (21, remove(1, &site()), 100),
            (22, remove(2, &site()), 99),
            (23, remove(3, &salon()), 100),
        ] {
            changes.push(intent(op, operation, second(0)));
            changes.push(came_out(op, Outcome::Applied, at));
        }
        store.apply(changes).await.unwrap();
        let counts = store
            .journal_counts(&main_bridge(), &site(), second(100))
            .await
            .unwrap();
        assert_eq!(
            counts,
            Counts {
                create: 3,
                update: 1,
                remove: 1
            }
        );
        let counts = store
            .journal_counts(&main_bridge(), &site(), second(99))
            .await
            .unwrap();
        assert_eq!(counts.remove, 2);
        let none = store
            .journal_counts(&main_bridge(), &site(), second(101))
            .await
            .unwrap();
        assert_eq!(none, Counts::default());
    })
    .await;
}

#[tokio::test]
async fn what_takes_something_back_leaves_the_daily_limits_alone() {
    everywhere(async |store| {
        let taken_back = Operation {
            undoes: true,
            ..remove(1, &site())
        };
        store
            .apply(vec![
                began(1),
                intent(1, taken_back, second(0)),
                intent(2, remove(2, &site()), second(0)),
                came_out(1, Outcome::Applied, 10),
                came_out(2, Outcome::Applied, 10),
            ])
            .await
            .unwrap();
        let counts = store
            .journal_counts(&main_bridge(), &site(), second(0))
            .await
            .unwrap();
        assert_eq!(counts.remove, 1);
    })
    .await;
}

#[tokio::test]
async fn the_entries_of_a_run_and_of_a_booking_come_in_order() {
    everywhere(async |store| {
        store
            .apply(vec![
                began(1),
                intent(3, create(1, &site()), second(0)),
                intent(1, update(2, &site()), second(0)),
                intent(2, update(1, &site()), second(0)),
            ])
            .await
            .unwrap();
        let ops = |rows: Vec<JournalRow>| rows.into_iter().map(|row| row.op).collect::<Vec<_>>();
        let of_run = store.journal_of_run(run_id(1)).await.unwrap();
        assert_eq!(ops(of_run), [op_id(3), op_id(1), op_id(2)]);
        assert_eq!(store.journal_of_run(run_id(2)).await.unwrap(), []);
        let of_booking = store
            .journal_of_bookings(&main_bridge(), vec![booking_id(1)])
            .await
            .unwrap();
        assert_eq!(ops(of_booking), [op_id(3), op_id(2)]);
        let wrote = store.runs_that_wrote().await.unwrap();
        assert_eq!(wrote.len(), 1);
        store
            .apply(vec![Change::RunBegan {
                run: run_id(9),
                kind: "scheduled".to_owned(),
                at: second(99),
            }])
            .await
            .unwrap();
        assert_eq!(store.runs_that_wrote().await.unwrap(), wrote);
    })
    .await;
}

#[tokio::test]
async fn pruning_forgets_what_is_over_and_keeps_what_still_counts() {
    everywhere(async |store| {
        let run = |n: u128, at| Change::RunBegan {
            run: run_id(n),
            kind: "scheduled".to_owned(),
            at: second(at),
        };
        let conflict = conflicts::phone(&[("salon", "1", 1)], Some("site"));
        store
            .apply(vec![
                began(1),
                run(2, 0),
                run(3, 1000),
                stored(1, live(0), 0),
                intent(1, create(1, &site()), second(1)),
                came_out(1, Outcome::Applied, 2),
                intent(2, create(2, &site()), second(1)),
                came_out(2, Outcome::Refused, 2),
                intent(3, create(3, &site()), second(1)),
                came_out(3, Outcome::Unknown, 2),
                intent(4, create(4, &site()), second(1)),
                came_out(4, Outcome::Refused, 2),
                intent(5, create(4, &site()), second(1)),
                came_out(5, Outcome::Failed, 1000),
                Change::Conflict {
                    bridge: main_bridge(),
                    booking: booking_id(1),
                    conflict,
                    at: second(2),
                },
            ])
            .await
            .unwrap();
        let pruned = store.prune(second(1000)).await.unwrap();
        assert_eq!(
            pruned,
            Pruned {
                runs: 1,
                journal: 2,
                conflicts: 1,
                notices: 0,
            }
        );
        let runs: Vec<u128> = store
            .last_runs(9)
            .await
            .unwrap()
            .iter()
            .map(|row| row.id.as_u128())
            .collect();
        assert_eq!(runs, [3, 1]);
        assert_eq!(open_ops(&store).await, [3]);
        let refused: Vec<u128> = store
            .refusals(&main_bridge())
            .await
            .unwrap()
            .iter()
            .map(|row| row.op.as_u128())
            .collect();
        assert_eq!(refused, [2]);
        assert_eq!(store.prune(second(1000)).await.unwrap(), Pruned::default());
    })
    .await;
}
