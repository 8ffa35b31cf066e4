//! Fingerprints of plans, and the approvals that name them.

use super::*;
use crate::model::RemoteId;

#[test]
fn an_approval_lets_exactly_the_held_plan_through() {
    let plan: Vec<Operation> = many(remove, 21)
        .into_iter()
        .chain((30..35).map(update))
        .collect();
    let facts = at_salon(facts(1_000));
    let held = judge(plan.clone(), &facts, &Limits::default(), &BTreeSet::new());
    let approved = BTreeSet::from([(platform("salon"), held.trips[0].plan.clone())]);
    let judge = |plan: Vec<Operation>| judge(plan, &facts, &Limits::default(), &approved);

    assert_eq!(
        judge(plan.clone()),
        Verdict {
            pass: plan.clone(),
            ..Verdict::default()
        }
    );
    // What was never held may differ.
    let mut more = plan.clone();
    more.push(create(99));
    assert_eq!(judge(more).trips, []);
    // One removal more, one less, or another one is another plan.
    let one_more: Vec<Operation> = plan.iter().cloned().chain([remove(22)]).collect();
    let another: Vec<Operation> = plan[1..].iter().cloned().chain([remove(22)]).collect();
    for changed in [one_more, another] {
        let verdict = judge(changed);
        assert_eq!(
            verdict.held.len(),
            verdict.trips[0].planned.try_into().unwrap()
        );
        assert_ne!(verdict.trips[0].plan, held.trips[0].plan);
    }
    let elsewhere = BTreeSet::from([(platform("site"), held.trips[0].plan.clone())]);
    let verdict = super::judge(plan, &facts, &Limits::default(), &elsewhere);
    assert_eq!(verdict.trips, held.trips, "an approval is for one platform");
}

#[test]
fn several_trips_of_one_platform_are_approved_together() {
    let plan: Vec<Operation> = many(remove, 21)
        .into_iter()
        .chain((30..81).map(update))
        .collect();
    let verdict = judged(plan, facts(100), &Limits::default());
    assert_eq!(
        whats(&verdict),
        [("removals_max", 20, 21), ("updates_max_percent", 50, 51)]
    );
    assert_eq!(verdict.trips[0].plan, verdict.trips[1].plan);
}

#[test]
fn a_fingerprint_is_that_of_what_would_be_done() {
    let plan = [remove(1), update(2), create(3)];
    let hash = plan_hash(&plan);
    assert_eq!(hash.len(), 16);
    let reordered = [create(3), remove(1), update(2)];
    assert_eq!(plan_hash(&reordered), hash);
    let because = |mut operation: Operation| {
        operation.because.push((platform("site"), remote("9")));
        operation
    };
    assert_eq!(
        plan_hash(&plan.clone().map(because)),
        hash,
        "where the wish comes from is not what is done"
    );

    let edited = |change: fn(&mut Booking)| {
        let mut desired = shown(3);
        change(&mut desired);
        [
            remove(1),
            update(2),
            operation(3, "salon", Action::Create { desired }),
        ]
    };
    let mut hashes = BTreeSet::from([hash]);
    for other in [
        edited(|desired| desired.slot = slot(7, 8)),
        edited(|desired| desired.resource = resource("boris")),
        edited(|desired| desired.services.clear()),
        edited(|desired| desired.client.name = Private::new("Вика")),
        edited(|desired| desired.client.phone = None),
        edited(|desired| desired.comment = Private::new("Вика")),
        edited(|desired| desired.status = Status::Arrived),
        edited(|desired| desired.kind = Kind::Block),
        [on("site", remove(1)), update(2), create(3)],
        [remove(4), update(2), create(3)],
        [update(1), update(2), create(3)],
    ] {
        assert!(hashes.insert(plan_hash(&other)), "{other:?}");
    }
    assert!(hashes.insert(plan_hash(&plan[..2])));
    assert!(hashes.insert(plan_hash([])));
}

#[test]
fn a_fingerprint_stays_the_same_from_version_to_version() {
    // Worked out by hand: FNV-1a over nothing is its offset basis.
    assert_eq!(plan_hash([]), "cbf29ce484222325");
}

#[test]
fn records_have_one_fingerprint_in_any_order_and_another_when_one_comes_or_goes() {
    let ids = ["1", "2", "31"].map(RemoteId::new);
    let hash = records_hash(&ids);
    assert_eq!(records_hash(ids.iter().rev()), hash);
    for others in [&["1", "2"][..], &["1", "2", "3"], &["1", "2", "31", "4"]] {
        let others: Vec<RemoteId> = others.iter().copied().map(RemoteId::new).collect();
        assert_ne!(records_hash(&others), hash, "{others:?}");
    }
}
