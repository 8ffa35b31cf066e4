//! Every file in `config_bad/` is refused with the messages that its first lines expect, before anything is touched.

use std::path::Path;

use crate::support::{Ran, binary};

#[test]
fn every_bad_config_is_refused_with_its_message() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/it/config_bad");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 20, "the samples are gone");
    for file in files {
        let name = file.display();
        let text = std::fs::read_to_string(&file).unwrap();
        let expected: Vec<&str> = text
            .lines()
            .map_while(|line| line.strip_prefix("# expect: "))
            .collect();
        assert!(!expected.is_empty(), "{name} does not say what it expects");
        for arguments in [
            &["--reconcile"][..],
            &["--reconcile", "--dry-run"],
            &["status"],
            &["check"],
        ] {
            let output = binary()
                .args(arguments)
                .arg("--config")
                .arg(&file)
                .env("SLOTBRIDGE_TEST_SECRET", "planted-variable")
                .env_remove("SLOTBRIDGE_TEST_ABSENT")
                .output()
                .unwrap();
            let ran = Ran::from(output);
            assert_eq!(ran.code, Some(2), "{name} {arguments:?}: {ran:?}");
            // `check` reports its findings, the others fail.
            let said = if arguments == ["check"] {
                &ran.stdout
            } else {
                &ran.stderr
            };
            for part in &expected {
                assert!(
                    said.contains(part),
                    "{name} {arguments:?}: expected {part:?} in\n{said}"
                );
            }
            assert!(
                !format!("{ran:?}").contains("planted"),
                "{name}: a secret is shown: {ran:?}"
            );
        }
    }
}
