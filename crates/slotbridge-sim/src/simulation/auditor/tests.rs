//! The auditor hears, looks and judges: each broken promise that can be shown by hand is found, and an honest bridge
//! passes.

use jiff::SignedDuration;

use super::*;
use crate::person::{Booking, Edit, Hand, Inspect};
use crate::simulation::scenario::Choices;
use crate::world::SERVICES;

/// Two platforms, one client on both as an honest bridge would leave it, and the auditor that saw it booked.
struct Scene {
    stage: Stage,
    auditor: Auditor,
    here: u64,
    there: u64,
}

const HERE: Place = Place::Yclients;
const THERE: Place = Place::Alfacrm;

fn scenario() -> Scenario {
    let choices = Choices {
        places: Some(vec![HERE, THERE]),
        ..Choices::default()
    };
    let mut scenario = Scenario::new(1, &choices);
    scenario.zones = ["Europe/Moscow"; 4];
    scenario
}

fn booking(stage: &Stage, place: Place, client: u64, hour: i64) -> Booking {
    let start = stage.clock.now() + SignedDuration::from_hours(24 + hour);
    let service = &SERVICES[0];
    Booking::new(cast::staff_id(place, 0), place.service(service), start, 60)
        .client(&cast::client_name(client), &cast::phone(client, 0))
}

impl Scene {
    fn new() -> Self {
        let scenario = scenario();
        let stage = Stage::new(&scenario);
        let mut auditor = Auditor::new(&scenario);
        let here = stage.side(HERE).hand.book(&booking(&stage, HERE, 1, 0));
        auditor.booked(HERE, &stage.side(HERE).view.seen(here).unwrap());
        let there = stage.side(THERE).hand.book(&booking(&stage, THERE, 1, 0));
        let run = auditor.run_begins();
        auditor.wrote(&stage, THERE, run);
        auditor.run_ends(false, stage.clock.now());
        Self {
            stage,
            auditor,
            here,
            there,
        }
    }

    fn hand(&self, place: Place) -> &dyn Hand {
        self.stage.side(place).hand
    }

    fn view(&self, place: Place) -> &dyn Inspect {
        self.stage.side(place).view
    }

    /// A person changes a record, and the auditor sees it.
    fn change(&mut self, place: Place, id: u64, edit: &Edit) {
        let before = self.view(place).seen(id).unwrap();
        self.hand(place).edit(id, edit).unwrap();
        let after = self.view(place).seen(id).unwrap();
        let at = self.stage.clock.now();
        self.auditor.changed((place, at), &before, &after);
    }

    /// A person cancels, and the auditor sees it.
    fn cancel(&mut self, place: Place, id: u64) {
        let before = self.view(place).seen(id).unwrap();
        self.hand(place).cancel(id).unwrap();
        let other = if place == HERE { THERE } else { HERE };
        let others: Vec<_> = self
            .view(other)
            .live()
            .into_iter()
            .map(|seen| (other, seen))
            .collect();
        self.auditor.cancelled(place, &before, &others);
    }

    fn judged(mut self, told: &Told) -> Vec<Invariant> {
        self.auditor.finish(&self.stage, told, &[0]);
        let mut found: Vec<Invariant> = self
            .auditor
            .violations()
            .iter()
            .map(|violation| violation.invariant)
            .collect();
        found.dedup();
        found
    }
}

fn comment(text: &str) -> Edit {
    Edit {
        comment: Some(text.to_owned()),
        ..Edit::default()
    }
}

#[tokio::test(start_paused = true)]
async fn platforms_in_step_pass() {
    assert_eq!(Scene::new().judged(&Told::default()), []);
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_did_not_arrive_is_found_and_one_that_did_is_not() {
    let mut scene = Scene::new();
    scene.change(HERE, scene.here, &comment("Тайна 1"));
    assert_eq!(scene.judged(&Told::default()), [Invariant::Convergence]);

    let mut scene = Scene::new();
    scene.change(HERE, scene.here, &comment("Тайна 1"));
    scene
        .hand(THERE)
        .edit(scene.there, &comment("Тайна 1\n[sb:018f]"))
        .unwrap();
    assert_eq!(scene.judged(&Told::default()), []);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_nobody_said_is_a_loss() {
    let scene = Scene::new();
    for (place, id) in [(HERE, scene.here), (THERE, scene.there)] {
        scene.hand(place).edit(id, &comment("чужое")).unwrap();
    }
    assert_eq!(scene.judged(&Told::default()), [Invariant::NothingLost]);
}

#[tokio::test(start_paused = true)]
async fn the_loser_of_a_conflict_must_be_told_of() {
    let both = |told: &Told| {
        let mut scene = Scene::new();
        scene.change(HERE, scene.here, &comment("Тайна 1"));
        scene.change(THERE, scene.there, &comment("Тайна 2"));
        // The bridge lets the second one win.
        scene
            .hand(HERE)
            .edit(scene.here, &comment("Тайна 2"))
            .unwrap();
        scene.judged(told)
    };
    assert_eq!(both(&Told::default()), [Invariant::NothingLost]);
    let told = Told {
        conflicts: vec![ConflictTold {
            client: 1,
            subject: Subject::Field(Field::Comment),
            values: vec!["Тайна 1".to_owned(), "Тайна 2".to_owned()],
            open: false,
        }],
        ..Told::default()
    };
    assert_eq!(both(&told), []);
}

#[tokio::test(start_paused = true)]
async fn a_value_taken_back_before_anybody_could_look_loses_without_a_word() {
    let lost = |taken_back: bool| {
        let mut scene = Scene::new();
        scene.change(HERE, scene.here, &comment("Тайна 1"));
        scene.change(THERE, scene.there, &comment("Тайна 2"));
        if taken_back {
            scene.change(HERE, scene.here, &comment(""));
        }
        // The bridge knows of one change only.
        scene
            .hand(HERE)
            .edit(scene.here, &comment("Тайна 2"))
            .unwrap();
        scene.judged(&Told::default())
    };
    assert_eq!(lost(true), []);
    assert_eq!(lost(false), [Invariant::NothingLost]);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_is_cancelled_before_anybody_knows_of_it_may_wait_for_a_person_who_is_told() {
    /// What the next run is, if there is one.
    #[derive(Clone, Copy, PartialEq)]
    enum Later {
        None,
        /// A list came right before the copy was made.
        Before,
        Blind,
        Killed,
        Dry,
        Looks,
    }
    let fate = |place: Place, comment: &str, later: Later, told: bool| {
        let choices = Choices {
            places: Some(vec![HERE, place]),
            ..Choices::default()
        };
        let mut scenario = Scenario::new(1, &choices);
        scenario.zones = ["Europe/Moscow"; 4];
        // At noon, when everybody can be booked.
        scenario.start = "2031-05-05T09:00:00Z".parse().unwrap();
        let stage = Stage::new(&scenario);
        let mut auditor = Auditor::new(&scenario);
        let with_comment = booking(&stage, HERE, 1, 0).comment(comment);
        let here = stage.side(HERE).hand.book(&with_comment);
        auditor.booked(HERE, &stage.side(HERE).view.seen(here).unwrap());
        let run = auditor.run_begins();
        if later == Later::Before {
            auditor.listed(place, run);
        }
        let copy = stage.side(place).hand.book(&booking(&stage, place, 1, 0));
        auditor.wrote(&stage, place, run);
        auditor.run_ends(false, stage.clock.now());
        if later != Later::None {
            let run = auditor.run_begins();
            if !matches!(later, Later::Blind | Later::Before) {
                auditor.listed(place, run);
            }
            if later == Later::Dry {
                auditor.forget_looks();
            }
            auditor.run_ends(later == Later::Killed, stage.clock.now());
        }
        let others = stage.side(HERE).view.live().into_iter();
        let others: Vec<_> = others.map(|seen| (HERE, seen)).collect();
        auditor.cancelled(place, &stage.side(place).view.seen(copy).unwrap(), &others);
        stage.side(place).hand.cancel(copy).unwrap();
        let trouble = Trouble {
            client: 1,
            place: Some(place),
        };
        let told = Told {
            troubles: vec![trouble; usize::from(told)],
            ..Told::default()
        };
        auditor.finish(&stage, &told, &[0]);
        let found = auditor.violations().first();
        found.map(|violation| violation.invariant)
    };
    let (back, missing) = (Invariant::NoResurrection, Invariant::Convergence);
    // Whoever cancelled may have seen no comment, because it had not arrived: then the booking may stand as well.
    for (comment, found) in [("", back), ("Тайна 1", missing)] {
        for later in [
            Later::None,
            Later::Before,
            Later::Blind,
            Later::Killed,
            Later::Dry,
        ] {
            assert_eq!(fate(Place::Simplybook, comment, later, true), None);
            let untold = fate(Place::Simplybook, comment, later, false);
            assert_eq!(untold, Some(found));
        }
        let looked = fate(Place::Simplybook, comment, Later::Looks, true);
        assert_eq!(looked, Some(found));
        let elsewhere = fate(Place::Alfacrm, comment, Later::None, true);
        assert_eq!(elsewhere, Some(found));
    }
}

#[tokio::test(start_paused = true)]
async fn an_edit_may_be_lost_to_a_write_that_was_on_its_way_and_to_no_other() {
    let lost = |sent_before: bool, place: Place| {
        let mut scene = Scene::new();
        let now = scene.stage.clock.now();
        let sent_at = now + SignedDuration::from_millis(if sent_before { -100 } else { 100 });
        scene.change(HERE, scene.here, &comment("Тайна 1"));
        scene.hand(HERE).edit(scene.here, &comment("")).unwrap();
        scene.auditor.arrived(place, sent_at);
        scene.judged(&Told::default())
    };
    assert_eq!(lost(true, HERE), []);
    assert_eq!(lost(false, HERE), [Invariant::Convergence]);
    assert_eq!(lost(true, THERE), [Invariant::Convergence]);
}

#[tokio::test(start_paused = true)]
async fn what_was_cancelled_must_go_unless_somebody_edited_it_at_the_same_time() {
    let mut scene = Scene::new();
    scene.cancel(HERE, scene.here);
    assert_eq!(scene.judged(&Told::default()), [Invariant::NoResurrection]);

    let mut scene = Scene::new();
    scene.change(THERE, scene.there, &comment("Тайна 1"));
    scene.cancel(HERE, scene.here);
    // The bridge takes it away on the other side too.
    scene.hand(THERE).cancel(scene.there).unwrap();
    assert_eq!(scene.judged(&Told::default()), []);
}

#[tokio::test(start_paused = true)]
async fn a_booking_that_goes_without_a_person_is_a_loss_at_that_moment() {
    let mut scene = Scene::new();
    scene.hand(HERE).cancel(scene.here).unwrap();
    let run = scene.auditor.run_begins();
    scene.auditor.wrote(&scene.stage, HERE, run);
    let found = scene.auditor.violations();
    assert_eq!(found[0].invariant, Invariant::NothingLost);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_booking_that_comes_back_is_found_at_that_moment() {
    let mut scene = Scene::new();
    scene.cancel(HERE, scene.here);
    scene.hand(THERE).cancel(scene.there).unwrap();
    let run = scene.auditor.run_begins();
    scene.auditor.wrote(&scene.stage, THERE, run);
    assert_eq!(scene.auditor.violations(), []);
    let again = booking(&scene.stage, THERE, 1, 0);
    scene.hand(THERE).book(&again);
    // The run in which it went may still have had a request under way; a later one has no excuse.
    scene.auditor.wrote(&scene.stage, THERE, run);
    assert_eq!(scene.auditor.violations(), []);
    let id = scene.view(THERE).live()[0].id;
    scene.hand(THERE).cancel(id).unwrap();
    scene.auditor.wrote(&scene.stage, THERE, run);
    scene.hand(THERE).book(&again);
    let later = scene.auditor.run_begins();
    scene.auditor.wrote(&scene.stage, THERE, later);
    let found = scene.auditor.violations();
    assert_eq!(found[0].invariant, Invariant::NoResurrection);
}

#[tokio::test(start_paused = true)]
async fn two_live_records_of_one_client_are_found_at_once() {
    let mut scene = Scene::new();
    scene.hand(THERE).book(&booking(&scene.stage, THERE, 1, 3));
    let run = scene.auditor.run_begins();
    scene.auditor.wrote(&scene.stage, THERE, run);
    let found = scene.auditor.violations();
    assert_eq!(found[0].invariant, Invariant::NoDuplicates);
}

#[tokio::test(start_paused = true)]
async fn a_double_booking_may_keep_a_record_away_only_if_it_was_told_of() {
    let taken = |told: &Told| {
        let mut scene = Scene::new();
        // Another client has taken the same hour on the other side.
        let there = scene.hand(THERE).book(&booking(&scene.stage, THERE, 2, 0));
        let seen = scene.view(THERE).seen(there).unwrap();
        scene.auditor.booked(THERE, &seen);
        scene.judged(told)
    };
    assert_eq!(taken(&Told::default()), [Invariant::Convergence]);
    let told = Told {
        troubles: vec![Trouble {
            client: 2,
            place: None,
        }],
        ..Told::default()
    };
    assert_eq!(taken(&told), []);
}

#[tokio::test(start_paused = true)]
async fn a_platform_from_which_everything_was_removed_may_be_left_alone_only_if_that_is_told() {
    let fate = |removed: bool, empty: bool, told: bool| {
        let mut scene = Scene::new();
        scene.cancel(THERE, scene.there);
        if removed {
            scene.auditor.removed(THERE);
        }
        if !empty {
            scene.hand(THERE).book(&booking(&scene.stage, THERE, 3, 5));
        }
        let new = scene.hand(HERE).book(&booking(&scene.stage, HERE, 2, 3));
        let seen = scene.view(HERE).seen(new).unwrap();
        scene.auditor.booked(HERE, &seen);
        scene.judged(&Told {
            empty: vec![THERE; usize::from(told)],
            ..Told::default()
        })
    };
    let found = [Invariant::NoResurrection, Invariant::Convergence];
    assert_eq!(fate(true, true, true), []);
    assert_eq!(fate(false, true, true), found);
    assert_eq!(fate(true, false, true), found);
    assert_eq!(fate(true, true, false), found);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_can_list_may_stay_behind_its_copy_only_where_a_double_booking_was_told_of() {
    let fate = |taken: bool, told: bool| {
        let choices = Choices {
            places: Some(vec![HERE, Place::Rubitime]),
            ..Choices::default()
        };
        let mut scenario = Scenario::new(1, &choices);
        scenario.zones = ["Europe/Moscow"; 4];
        // At noon, when everybody can be booked.
        scenario.start = "2031-05-05T09:00:00Z".parse().unwrap();
        scenario.named = false;
        let stage = Stage::new(&scenario);
        let mut auditor = Auditor::new(&scenario);
        let place = Place::Rubitime;
        let there = stage.side(place).hand.book(&booking(&stage, place, 1, 0));
        auditor.booked(place, &stage.side(place).view.seen(there).unwrap());
        let (hand, view) = (stage.side(HERE).hand, stage.side(HERE).view);
        let copy = hand.book(&booking(&stage, HERE, 1, 0));
        if taken {
            let other = hand.book(&booking(&stage, HERE, 2, 5));
            auditor.booked(HERE, &view.seen(other).unwrap());
        }
        let before = view.seen(copy).unwrap();
        hand.move_to(copy, before.start + SignedDuration::from_hours(5))
            .unwrap();
        let after = view.seen(copy).unwrap();
        auditor.changed((HERE, stage.clock.now()), &before, &after);
        let trouble = |client| Trouble {
            client,
            place: None,
        };
        let told = Told {
            troubles: if told {
                vec![trouble(1), trouble(2)]
            } else {
                Vec::new()
            },
            ..Told::default()
        };
        auditor.finish(&stage, &told, &[0]);
        let first = |what: &Violation| what.what.starts_with("client 1:");
        auditor.violations().iter().any(first)
    };
    assert!(!fate(true, true));
    assert!(fate(true, false));
    assert!(fate(false, true));
}

#[tokio::test(start_paused = true)]
async fn an_anonymous_record_with_nothing_behind_it_is_found() {
    let scene = Scene::new();
    let mut block = booking(&scene.stage, THERE, 9, 5);
    block.name = "Busy".to_owned();
    scene.hand(THERE).book(&block);
    assert_eq!(scene.judged(&Told::default()), [Invariant::Convergence]);
}

#[test]
fn a_name_a_phone_or_a_secret_in_the_log_is_found() {
    for (text, found) in [
        ("made record 8900017 at 2031-05-06", 0),
        ("made a record for Небылица Ё-3", 1),
        ("phone +79000000030", 1),
        ("phone 8 9000000030.", 1),
        ("phone79000000030", 1),
        ("a-phone:79000000030-", 1),
        ("run=01c2b491-28ea-74ce-8448-79008602222c", 0),
        ("plan 79008602222cafe0", 0),
        ("key s3cret", 1),
    ] {
        let mut auditor = Auditor::new(&scenario());

        auditor.read_log(text, &["s3cret"], Timestamp::UNIX_EPOCH);
        assert_eq!(auditor.violations().len(), found, "{text}");
    }
}
