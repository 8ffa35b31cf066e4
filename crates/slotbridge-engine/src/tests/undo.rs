//! Taking back runs: what it puts back, what it leaves because somebody went on from there, and that the next pass does
//! not do it again.

use slotbridge_store::RunId;

use super::fake::Fault;
use super::*;
use crate::undo::Ask;

/// Answers every question the same.
struct Always(bool);

impl Ask for Always {
    fn go_on(&self, plan: &Report) -> bool {
        assert!(plan.dry_run, "asked about something that was done");
        self.0
    }
}

impl World {
    async fn undo(&self, run: &str) -> Report {
        self.undo_with(run, Mode::Apply, true).await
    }

    async fn undo_with(&self, run: &str, mode: Mode, answer: bool) -> Report {
        self.seam.sleep(std::time::Duration::from_mins(1)).await;
        let options = RunOptions {
            mode,
            cancel: CancellationToken::new(),
            progress: Arc::new(NoProgress),
        };
        let engine = Engine::new(self.store.clone(), Arc::clone(&self.seam) as Arc<dyn Seam>);
        let run: RunId = run.parse().unwrap();
        let bridges = std::slice::from_ref(&self.bridge);
        engine
            .undo(bridges, run, &options, &Always(answer))
            .await
            .unwrap()
    }

    /// Passes that must find nothing to do.
    async fn rests(&self) {
        for _ in 0..2 {
            let before = self.a.writes() + self.b.writes();
            let report = self.run().await;
            assert_eq!(outcomes(&report), [], "{report:#?}");
            assert_eq!(report.exit_code(), 0, "{report:#?}");
            assert_eq!(self.a.writes() + self.b.writes(), before);
        }
    }
}

fn left(report: &Report) -> Vec<(String, String)> {
    report.bridges[0]
        .waiting
        .iter()
        .map(|one| (one.platform.to_string(), one.why.clone()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_was_taken_back_is_made_again_only_when_its_booking_changes() {
    let world = World::listing();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    let run = world.run().await.run;
    assert_eq!(world.b.live().len(), 1);
    let report = world.undo(&run).await;
    assert_eq!(
        outcomes(&report),
        [("remove", "b".to_owned(), OutcomeWord::Applied)]
    );
    assert_eq!((report.exit_code(), world.b.live().len()), (0, 0));
    world.rests().await;
    // Doing it a second time finds nothing.
    assert_eq!(outcomes(&world.undo(&run).await), []);
    world.a.move_to(&a, at(12, 0));
    world.settle().await;
    assert_eq!(only(&world.b.live()).start, at(12, 0));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_taken_back_stays_so_until_somebody_changes_the_field() {
    let world = World::listing();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    world.a.move_to(&a, at(11, 0));
    let run = world.run().await.run;
    let report = world.undo(&run).await;
    assert_eq!(
        outcomes(&report),
        [("update", "b".to_owned(), OutcomeWord::Applied)]
    );
    assert_eq!(
        (only(&world.a.live()).start, only(&world.b.live()).start),
        (at(11, 0), at(9, 0))
    );
    world.rests().await;
    world.a.move_to(&a, at(13, 0));
    world.settle().await;
    assert_eq!(only(&world.b.live()).start, at(13, 0));
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_was_taken_back_stands_alone_until_a_person_goes_on_with_it() {
    let world = World::listing();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    world.a.cancel(&a);
    let run = world.run().await.run;
    assert_eq!(world.b.live().len(), 0);
    let report = world.undo(&run).await;
    assert_eq!(
        outcomes(&report),
        [("create", "b".to_owned(), OutcomeWord::Applied)]
    );
    assert_eq!((world.a.live().len(), world.b.live().len()), (0, 1));
    world.rests().await;
    let b = live_id(&world.b);
    world.b.move_to(&b, at(10, 0));
    world.settle().await;
    assert_eq!(only(&world.a.live()).start, at(10, 0));
}

#[tokio::test(start_paused = true)]
async fn a_person_cancels_what_was_booked_again() {
    let world = World::listing();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    world.a.cancel(&a);
    let run = world.run().await.run;
    world.undo(&run).await;
    world.b.cancel(&live_id(&world.b));
    world.rests().await;
    assert_eq!((world.a.live().len(), world.b.live().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn taking_back_a_taking_back_does_it_again() {
    let world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Вера");
    let run = world.run().await.run;
    let undo = world.undo(&run).await.run;
    let report = world.undo(&undo).await;
    assert_eq!(
        outcomes(&report),
        [("create", "b".to_owned(), OutcomeWord::Applied)]
    );
    world.assert_in_step().await;
    // And the first run can be taken back once more, under the record's new id.
    world.undo(&run).await;
    assert_eq!(world.b.live().len(), 0);
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn what_somebody_has_changed_since_is_left_everywhere_and_listed() {
    // On the platform that was written, and on the other, seen by a pass meanwhile or not.
    for (on_copy, pass_between) in [(true, false), (true, true), (false, false), (false, true)] {
        let world = World::listing();
        let a = world.a.book("anna", at(9, 0), 60, "Вера");
        world.a.book("boris", at(9, 0), 60, "Игорь");
        let run = world.run().await.run;
        let copies = world.b.live();
        let b = copies
            .iter()
            .find(|record| record.resource.as_str() == "anna")
            .unwrap();
        if on_copy {
            world.b.move_to(&b.id, at(15, 0));
        } else {
            world.a.move_to(&a, at(15, 0));
        }
        if pass_between {
            world.run().await;
        }
        let report = world.undo(&run).await;
        let case = format!("{on_copy} {pass_between} {report:#?}");
        assert_eq!(
            outcomes(&report),
            [("remove", "b".to_owned(), OutcomeWord::Applied)],
            "{case}"
        );
        assert_eq!(left(&report).len(), 1, "{case}");
        let why = if pass_between {
            "a later run has changed it since"
        } else {
            "was changed here since"
        };
        assert!(left(&report)[0].1.contains(why), "{case}");
        assert_eq!(report.exit_code(), 4, "{case}");
        assert!(only(&world.b.live()).resource.as_str() == "anna", "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_person_removed_or_booked_anew_is_left() {
    let world = World::listing();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    world.a.move_to(&a, at(11, 0));
    let run = world.run().await.run;
    // The person's own record takes the place of ours.
    world.b.cancel(&live_id(&world.b));
    world.b.book("anna", at(11, 0), 60, "Вера");
    let report = world.undo(&run).await;
    assert_eq!(outcomes(&report), [], "{report:#?}");
    assert_eq!((report.exit_code(), left(&report).len()), (4, 1));
    assert_eq!(only(&world.b.live()).start, at(11, 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_booked_again_over_somebody_else_or_in_the_past() {
    let world = World::listing();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    world.a.cancel(&a);
    let run = world.run().await.run;
    let other = world.b.book("anna", at(9, 30), 60, "Игорь");
    let report = world.undo(&run).await;
    assert_eq!((outcomes(&report), report.exit_code()), (vec![], 4));
    assert!(left(&report)[0].1.contains("taken here now"), "{report:#?}");
    world.b.cancel(&other);
    world.seam.sleep(std::time::Duration::from_hours(30)).await;
    let report = world.undo(&run).await;
    assert_eq!((outcomes(&report), report.exit_code()), (vec![], 4));
    assert!(left(&report)[0].1.contains("is over"), "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn guards_hold_a_large_undo_until_it_is_approved() {
    let mut world = World::listing();
    world.bridge.limits.removals_max = 2;
    world.bridge.limits.removals_max_percent = 0;
    for hour in 9..13 {
        world.a.book("anna", at(hour, 0), 60, "Вера");
    }
    let run = world.run().await.run;
    let report = world.undo(&run).await;
    assert_eq!((report.exit_code(), world.b.live().len()), (3, 4));
    world.approve().await;
    let report = world.undo(&run).await;
    assert_eq!((report.exit_code(), world.b.live().len()), (0, 0));
    assert_eq!(world.store.guards(&world.bridge.name).await.unwrap(), []);
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_without_a_yes() {
    let world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Вера");
    let run = world.run().await.run;
    for (mode, answer) in [(Mode::DryRun, true), (Mode::Apply, false)] {
        let report = world.undo_with(&run, mode, answer).await;
        assert_eq!(
            outcomes(&report),
            [("remove", "b".to_owned(), OutcomeWord::Planned)]
        );
        assert_eq!(report.exit_code(), 5);
        assert_eq!(world.b.live().len(), 1);
    }
    world.assert_in_step().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_while_taking_back_is_settled_as_a_taking_back() {
    for call in ["create", "update", "remove"] {
        for fault in [Fault::ReplyLost, Fault::LostBefore] {
            let world = World::listing();
            let a = world.a.book("anna", at(9, 0), 60, "Вера");
            let mut run = world.run().await.run;
            match call {
                "create" => {
                    world.a.cancel(&a);
                    run = world.run().await.run;
                }
                "update" => {
                    world.a.move_to(&a, at(11, 0));
                    run = world.run().await.run;
                }
                _ => {}
            }
            world.b.fault(call, fault);
            let report = world.undo(&run).await;
            assert_eq!(
                outcomes(&report),
                [(call, "b".to_owned(), OutcomeWord::Unknown)]
            );
            let landed: Vec<_> = world.b.live();
            let before = world.b.writes();
            let report = world.run().await;
            assert_eq!(outcomes(&report), [], "{call} {fault:?} {report:#?}");
            assert_eq!(world.b.writes(), before, "{call} {fault:?}");
            assert_eq!(world.b.live(), landed, "{call} {fault:?}");
            // What did not land is still there to be taken back.
            world.undo(&run).await;
            let expected = match call {
                "remove" => vec![],
                _ => vec![at(9, 0)],
            };
            let shown: Vec<_> = world.b.live().iter().map(|record| record.start).collect();
            assert_eq!(shown, expected, "{call} {fault:?}");
            world.rests().await;
        }
    }
}
