//! A conflict is stored once, keeps its number while it is open, and never loses a losing value once it is decided.

use slotbridge_core::merge::{Choice, Claim, Conflict, Stamp, Subject};
use slotbridge_core::model::FieldValue;

use super::*;
use crate::{ConflictRow, Decider, DecisionRow, DecisionState};

/// Platforms, the phones that they claim, and when they changed them.
pub(super) fn phone(claims: &[(&str, &str, i64)], decided: Option<&str>) -> Conflict {
    Conflict {
        subject: Subject::Field(Field::ClientPhone),
        claims: claims
            .iter()
            .map(|(platform, phone, at)| Claim {
                platform: PlatformName::new(*platform).unwrap(),
                value: Some(FieldValue::Text(Some(Private::new(*phone)))),
                changed_at: second(*at),
                stamp: Stamp::FirstSeen,
            })
            .collect(),
        decided: decided.map(|platform| PlatformName::new(platform).unwrap()),
    }
}

fn found(conflict: Conflict, at: i64) -> Change {
    Change::Conflict {
        bridge: main_bridge(),
        booking: booking_id(1),
        conflict,
        at: second(at),
    }
}

async fn with_booking(store: &Store) {
    store.apply(vec![stored(1, live(0), 0)]).await.unwrap();
}

async fn open_ones(store: &Store) -> Vec<ConflictRow> {
    let of_the_bridge = store.conflicts(Some(&main_bridge())).await.unwrap();
    assert_eq!(of_the_bridge, store.conflicts(None).await.unwrap());
    of_the_bridge
}

async fn decided_ones(store: &Store) -> Vec<ConflictRow> {
    store
        .conflicts_decided(&main_bridge(), Timestamp::MIN)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_same_open_conflict_is_not_stored_twice() {
    everywhere(async |store| {
        with_booking(&store).await;
        let conflict = phone(&[("salon", "1", 1), ("site", "2", 2)], None);
        store
            .apply(vec![
                found(conflict.clone(), 10),
                found(conflict.clone(), 20),
            ])
            .await
            .unwrap();
        let [row] = open_ones(&store).await.try_into().unwrap();
        assert_eq!(
            (row.conflict, row.at, row.changed_at, row.decided_by),
            (conflict, second(10), second(10), None)
        );
    })
    .await;
}

#[tokio::test]
async fn newer_claims_replace_those_of_an_open_conflict_which_keeps_its_number() {
    everywhere(async |store| {
        with_booking(&store).await;
        store
            .apply(vec![found(
                phone(&[("salon", "1", 1), ("site", "2", 2)], None),
                10,
            )])
            .await
            .unwrap();
        let number = open_ones(&store).await[0].id;
        let newer = phone(&[("salon", "3", 30), ("site", "2", 2)], None);
        store.apply(vec![found(newer.clone(), 40)]).await.unwrap();
        let [row] = open_ones(&store).await.try_into().unwrap();
        assert_eq!(
            (row.id, row.conflict, row.at, row.changed_at),
            (number, newer, second(10), second(40))
        );
    })
    .await;
}

#[tokio::test]
async fn conflicts_over_different_subjects_are_different() {
    everywhere(async |store| {
        with_booking(&store).await;
        let phones = phone(&[("salon", "1", 1), ("site", "2", 2)], None);
        let removal = Conflict {
            subject: Subject::Removal,
            ..phones.clone()
        };
        store
            .apply(vec![found(phones, 10), found(removal, 10)])
            .await
            .unwrap();
        assert_eq!(open_ones(&store).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_conflict_that_policy_decides_is_kept_once_for_each_set_of_claims() {
    everywhere(async |store| {
        with_booking(&store).await;
        let first = phone(&[("salon", "1", 1), ("site", "2", 2)], Some("site"));
        let second_one = phone(&[("salon", "3", 30), ("site", "2", 2)], Some("salon"));
        store
            .apply(vec![found(first.clone(), 10), found(first.clone(), 20)])
            .await
            .unwrap();
        store
            .apply(vec![
                found(second_one.clone(), 40),
                found(second_one.clone(), 50),
            ])
            .await
            .unwrap();
        assert_eq!(open_ones(&store).await, []);
        let rows = decided_ones(&store).await;
        let kept: Vec<(&Conflict, Option<Decider>)> = rows
            .iter()
            .map(|row| (&row.conflict, row.decided_by))
            .collect();
        assert_eq!(
            kept,
            [
                (&first, Some(Decider::Policy)),
                (&second_one, Some(Decider::Policy))
            ]
        );
        assert_eq!(
            store
                .conflicts_decided(&main_bridge(), second(41))
                .await
                .unwrap(),
            []
        );
    })
    .await;
}

#[tokio::test]
async fn an_open_conflict_that_policy_decides_later_keeps_its_number() {
    everywhere(async |store| {
        with_booking(&store).await;
        let claims = [("salon", "1", 1), ("site", "2", 2)];
        store
            .apply(vec![found(phone(&claims, None), 10)])
            .await
            .unwrap();
        let number = open_ones(&store).await[0].id;
        store
            .apply(vec![found(phone(&claims, Some("salon")), 20)])
            .await
            .unwrap();
        assert_eq!(open_ones(&store).await, []);
        let [row] = decided_ones(&store).await.try_into().unwrap();
        assert_eq!(
            (row.id, row.conflict, row.changed_at),
            (number, phone(&claims, Some("salon")), second(20))
        );
    })
    .await;
}

#[tokio::test]
async fn an_edit_that_nobody_listens_to_does_not_decide_what_the_others_disagree_on() {
    everywhere(async |store| {
        with_booking(&store).await;
        let disagreement = phone(&[("salon", "1", 1), ("site", "2", 2)], None);
        let unheard = phone(&[("school", "9", 3)], Some("salon"));
        for at in [10, 20, 30] {
            store
                .apply(vec![
                    found(unheard.clone(), at),
                    found(disagreement.clone(), at),
                ])
                .await
                .unwrap();
        }
        assert_eq!(open_ones(&store).await.len(), 1);
        assert_eq!(open_ones(&store).await[0].conflict, disagreement);
        assert_eq!(decided_ones(&store).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_a_person_decided_is_not_asked_again() {
    everywhere(async |store| {
        with_booking(&store).await;
        let claims = [("salon", "1", 1), ("site", "2", 2)];
        store
            .apply(vec![found(phone(&claims, None), 10)])
            .await
            .unwrap();
        let number = open_ones(&store).await[0].id;
        let decide = Change::Decision {
            conflict: number,
            choice: Choice::Take(site()),
            at: second(20),
        };
        store.apply(vec![decide.clone()]).await.unwrap();
        // Until a run takes it over, it is open.
        assert_eq!(open_ones(&store).await[0].id, number);
        let applied = Change::DecisionApplied {
            conflict: number,
            choice: Choice::Take(site()),
            at: second(25),
        };
        store.apply(vec![applied]).await.unwrap();
        store
            .apply(vec![
                found(phone(&claims, None), 30),
                found(phone(&claims, Some("salon")), 30),
            ])
            .await
            .unwrap();
        assert_eq!(open_ones(&store).await, []);
        let [row] = decided_ones(&store).await.try_into().unwrap();
        assert_eq!(
            (row.decided_by, row.conflict.decided),
            (Some(Decider::Person), Some(site()))
        );
        assert!(matches!(
            store.apply(vec![decide]).await,
            Err(StoreError::NoSuch { .. })
        ));
        // Newer claims are a new question.
        store
            .apply(vec![found(
                phone(&[("salon", "3", 40), ("site", "2", 2)], None),
                50,
            )])
            .await
            .unwrap();
        assert_eq!(open_ones(&store).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_policy_that_changes_to_asking_asks() {
    everywhere(async |store| {
        with_booking(&store).await;
        let claims = [("salon", "1", 1), ("site", "2", 2)];
        store
            .apply(vec![
                found(phone(&claims, Some("site")), 10),
                found(phone(&claims, None), 20),
            ])
            .await
            .unwrap();
        assert_eq!(
            (
                open_ones(&store).await.len(),
                decided_ones(&store).await.len()
            ),
            (1, 1)
        );
    })
    .await;
}

#[tokio::test]
async fn a_conflict_that_solved_itself_closes_and_comes_back_under_its_number() {
    everywhere(async |store| {
        with_booking(&store).await;
        let conflict = phone(&[("salon", "1", 1), ("site", "2", 2)], None);
        let gone = Change::ConflictGone {
            bridge: main_bridge(),
            booking: booking_id(1),
            subject: conflict.subject,
            at: second(20),
        };
        store
            .apply(vec![found(conflict.clone(), 10)])
            .await
            .unwrap();
        let number = open_ones(&store).await[0].id;
        store.apply(vec![gone.clone(), gone]).await.unwrap();
        assert_eq!(open_ones(&store).await, []);
        assert_eq!(decided_ones(&store).await, []);
        store.apply(vec![found(conflict, 30)]).await.unwrap();
        assert_eq!(open_ones(&store).await[0].id, number);
        let other = phone(&[("salon", "3", 1), ("site", "2", 2)], None);
        let gone = Change::ConflictGone {
            bridge: main_bridge(),
            booking: booking_id(1),
            subject: other.subject,
            at: second(35),
        };
        store.apply(vec![gone, found(other, 40)]).await.unwrap();
        assert!(open_ones(&store).await[0].id > number);
    })
    .await;
}

/// Two phones that nobody has decided on, under this number.
async fn asked(store: &Store) -> (i64, Conflict) {
    with_booking(store).await;
    let conflict = phone(&[("salon", "1", 1), ("site", "2", 2)], None);
    store
        .apply(vec![found(conflict.clone(), 10)])
        .await
        .unwrap();
    (open_ones(store).await[0].id, conflict)
}

fn decided(conflict: i64, choice: Choice, at: i64) -> Change {
    Change::Decision {
        conflict,
        choice,
        at: second(at),
    }
}

fn choices() -> [Choice; 3] {
    [
        Choice::Take(salon()),
        Choice::Set(FieldValue::Text(Some(Private::new("3")))),
        Choice::Keep,
    ]
}

async fn decision_of(store: &Store, id: i64) -> Option<DecisionRow> {
    store.conflict(id).await.unwrap().unwrap().decision
}

#[tokio::test]
async fn a_decision_waits_with_what_the_person_saw_and_can_be_changed_until_it_is_applied() {
    everywhere(async |store| {
        let (id, conflict) = asked(&store).await;
        assert_eq!(decision_of(&store, id).await, None);
        for (at, choice) in (20..).zip(choices()) {
            store
                .apply(vec![decided(id, choice.clone(), at)])
                .await
                .unwrap();
            let expected = DecisionRow {
                choice,
                claims: conflict.claims.clone(),
                at: second(at),
                state: DecisionState::Waiting,
                state_at: second(at),
            };
            assert_eq!(decision_of(&store, id).await, Some(expected));
        }
        // Newer claims leave what was seen as it was.
        let newer = phone(&[("salon", "9", 1), ("site", "2", 2)], None);
        store.apply(vec![found(newer.clone(), 30)]).await.unwrap();
        let [row] = open_ones(&store).await.try_into().unwrap();
        assert_eq!(row.conflict, newer);
        assert_eq!(row.decision.unwrap().claims, conflict.claims);
    })
    .await;
}

#[tokio::test]
async fn an_applied_decision_closes_its_conflict_whatever_was_chosen() {
    for choice in choices() {
        everywhere(async |store| {
            let (id, conflict) = asked(&store).await;
            let applied = Change::DecisionApplied {
                conflict: id,
                choice: choice.clone(),
                at: second(30),
            };
            store
                .apply(vec![decided(id, choice.clone(), 20), applied.clone()])
                .await
                .unwrap();
            assert_eq!(open_ones(&store).await, []);
            let [row] = decided_ones(&store).await.try_into().unwrap();
            assert_eq!(
                (row.id, row.decided_by, row.changed_at),
                (id, Some(Decider::Person), second(30))
            );
            assert_eq!(row.conflict.decided.as_ref(), choice.platform());
            assert_eq!(row.conflict.claims, conflict.claims);
            let state = row
                .decision
                .map(|row| (row.choice, row.state, row.state_at));
            let expected = (choice.clone(), DecisionState::Applied, second(30));
            assert_eq!(state, Some(expected));
            let of_booking = store
                .conflicts_of(&main_bridge(), booking_id(1))
                .await
                .unwrap();
            assert_eq!(of_booking.len(), 1);
            // Said again it changes nothing, and nobody can decide what is decided.
            store.apply(vec![applied]).await.unwrap();
            let again = store.apply(vec![decided(id, Choice::Keep, 40)]).await;
            assert!(matches!(again, Err(StoreError::NoSuch { .. })), "{again:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_void_decision_leaves_the_conflict_open_and_can_be_made_again() {
    everywhere(async |store| {
        let (id, conflict) = asked(&store).await;
        let void = Change::DecisionVoid {
            conflict: id,
            at: second(30),
        };
        store
            .apply(vec![decided(id, Choice::Keep, 20), void])
            .await
            .unwrap();
        assert_eq!(open_ones(&store).await[0].id, id);
        let decision = decision_of(&store, id).await.unwrap();
        assert_eq!(
            (decision.state, decision.state_at),
            (DecisionState::Void, second(30))
        );
        let gone = Change::ConflictGone {
            bridge: main_bridge(),
            booking: booking_id(1),
            subject: conflict.subject,
            at: second(50),
        };
        store
            .apply(vec![decided(id, Choice::Take(site()), 40), gone])
            .await
            .unwrap();
        let row = store.conflict(id).await.unwrap().unwrap();
        assert!(row.closed);
        let decision = row.decision.unwrap();
        assert_eq!(
            (decision.choice, decision.state, decision.state_at),
            (Choice::Take(site()), DecisionState::Void, second(50))
        );
        assert_eq!(store.conflict(id + 1).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn what_was_decided_is_forgotten_with_its_conflict() {
    everywhere(async |store| {
        let (id, _) = asked(&store).await;
        let applied = Change::DecisionApplied {
            conflict: id,
            choice: Choice::Keep,
            at: second(30),
        };
        store
            .apply(vec![decided(id, Choice::Keep, 20), applied])
            .await
            .unwrap();
        assert_eq!(store.prune(second(31)).await.unwrap().conflicts, 1);
        assert_eq!(store.conflict(id).await.unwrap(), None);
    })
    .await;
}
