//! Leaving a platform: what slotbridge made there is gone, what people made stays, and nobody is told anything.

use slotbridge_sim::{Inspect as _, Seen};

use crate::support::Stage;

fn people(seen: &[Seen]) -> Vec<u64> {
    let theirs = seen.iter().filter(|seen| seen.marker.is_none());
    theirs.map(|seen| seen.id).collect()
}

fn salon(stage: &Stage) -> Vec<Seen> {
    stage.world.yclients.live()
}

/// A week in step; the guard's limits are far below what a purge removes.
fn in_step() -> Stage {
    let stage = Stage::week();
    stage.settle(5);
    stage.change_config(
        "[[bridge]]\nname = \"main\"\n",
        "[guard]\nremovals_max = 1\n\n[[bridge]]\nname = \"main\"\n",
    );
    stage
}

// R15, R44
#[test]
fn a_platform_is_left_cleanly_with_the_database_and_from_the_marks_alone() {
    for lost in [false, true] {
        let stage = in_step();
        let (before, site) = (salon(&stage), stage.world.rubitime.fingerprint());
        let ours = before.len() - people(&before).len();
        assert!(ours > 1, "there is nothing to purge");
        if lost {
            for file in stage.files().keys() {
                // The quota's account is not the database.
                if file.starts_with("slotbridge.db") && !file.contains(".calls") {
                    std::fs::remove_file(stage.folder.path().join(file)).unwrap();
                }
            }
        }
        let shown = stage.run(&["purge", "salon"]);
        assert_eq!(shown.code, Some(5), "{shown:?}");
        assert_eq!(salon(&stage), before, "a purge that nobody agreed to");
        let done = stage.run(&["purge", "salon", "--yes"]);
        assert_eq!(done.code, Some(0), "{lost} {done:?}");
        assert!(
            done.stderr
                .contains(&format!("Remove {ours} records from salon?"))
                && done.stderr.contains("out of the config"),
            "{done:?}"
        );
        let left = salon(&stage);
        assert_eq!(people(&left), people(&before), "{lost}");
        assert_eq!(left.len(), people(&before).len(), "{lost}");
        assert_eq!(stage.world.rubitime.fingerprint(), site, "{lost}");
        assert_eq!(stage.world.yclients.messages_sent(), [], "{lost}");
        let again = stage.run(&["purge", "salon", "--yes"]);
        assert_eq!(again.code, Some(0), "{again:?}");
        if !lost {
            // Left in the config for a while, nothing comes back by itself.
            let writes = stage.writes();
            let (code, report) = stage.reconcile(&[]);
            assert_eq!((code, stage.writes()), (0, writes), "{report:#}");
        }
    }
}

#[test]
fn a_platform_without_a_list_loses_what_the_database_knows() {
    let stage = in_step();
    let before = stage.world.rubitime.live();
    let done = stage.run(&["purge", "site", "--yes"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stderr.contains("cannot list"), "{done:?}");
    let left = stage.world.rubitime.live();
    assert_eq!(people(&left), people(&before));
    assert_eq!(left.len(), people(&before).len());
}

#[test]
fn an_unknown_platform_is_refused_with_the_nearest_one() {
    let stage = Stage::empty();
    let refused = stage.run(&["purge", "sallon", "--yes"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused.stderr.contains("did you mean \"salon\""),
        "{refused:?}"
    );
}
