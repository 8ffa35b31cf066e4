//! The demo does what it tells, in under a minute.

use std::time::{Duration, Instant};

use crate::support::{Ran, binary};

#[test]
fn the_demo_ends_with_all_four_platforms_in_step() {
    let began = Instant::now();
    let ran = Ran::from(binary().arg("demo").output().unwrap());
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    assert!(
        began.elapsed() < Duration::from_mins(1),
        "it took {:?}",
        began.elapsed()
    );
    for part in [
        "slotbridge --reconcile --dry-run",
        "kind = \"yclients\"",
        "kind = \"rubitime\"",
        "kind = \"simplybook\"",
        "kind = \"alfacrm\"",
        "one call in 5 seconds",
        "records made twice: 0",
        "calls over a quota: 0",
        "messages to clients: 0",
        "In step.",
    ] {
        assert!(
            ran.stdout.contains(part),
            "{part:?} is not in\n{}",
            ran.stdout
        );
    }
    for platform in ["salon", "site", "world", "school"] {
        for deed in [" books ", " moves from ", " cancels "] {
            let told = ran.stdout.lines().filter(|line| {
                line.trim_start().starts_with(&format!("{platform}: ")) && line.contains(deed)
            });
            assert_eq!(told.count(), 1, "{platform}{deed}in\n{}", ran.stdout);
        }
    }
    let last_plan = ran
        .stdout
        .rsplit("7. Is anything left to do?")
        .next()
        .unwrap();
    assert!(last_plan.contains("nothing to write"), "{last_plan}");
    let folder = ran
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("The demo works in "))
        .unwrap();
    assert!(
        !std::path::Path::new(folder.trim_end_matches('.')).exists(),
        "{folder} is left behind"
    );
}
