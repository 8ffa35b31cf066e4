//! Files that nobody means: no panic, every problem has its place, and no secret is shown.

use proptest::prelude::*;

use super::super::example::EXAMPLE;
use super::*;

/// What stands in the files for a secret, and must never be shown.
const PLANTED: [&str; 3] = ["planted-partner", "planted-key", "planted-user"];

/// Reads a text and gives what is said of it.
fn said(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(config) => vec![format!("{config:?}")],
        Err(error) => {
            assert!(!error.problems.is_empty(), "refused for no reason");
            for problem in &error.problems {
                assert!(!problem.message.is_empty(), "{problem:?}");
                assert!(problem.place.is_some(), "{problem:?} names no place");
            }
            let lines: Vec<String> = error.lines().collect();
            let placed = lines.iter().all(|line| line.starts_with("test.toml:"));
            assert!(placed, "{lines:?}");
            lines
        }
    }
}

type Edit = (prop::sample::Index, usize, String);

/// A change of a text: letters at a place are taken away and others put there.
fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let inserted = prop_oneof![
        r#"[\[\]{}=."'#,\\ -]{0,3}"#,
        proptest::sample::select(vec![
            "\n",
            "true",
            "-1",
            "1e999",
            "99999999999999999999",
            "[[bridge]]\n",
            "[platform.salon]\n",
            "'''",
            "\u{0}",
            "ё",
            "0d",
            "{ file = \"/dev/null\" }",
            "1979-05-27T07:32:00Z",
        ])
        .prop_map(str::to_owned),
    ];
    proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..12, inserted), 1..5)
}

fn edited(text: &str, edits: Vec<Edit>) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for (place, gone, inserted) in edits {
        let from = place.index(letters.len() + 1);
        let to = (from + gone).min(letters.len());
        letters.splice(from..to, inserted.chars());
    }
    letters.into_iter().collect()
}

proptest! {
    #[test]
    fn any_text_is_a_config_or_has_problems_with_places(text in any::<String>()) {
        said(&text);
    }

    #[test]
    fn a_config_with_something_odd_in_it_shows_no_secret(edits in edits()) {
        let lines = said(&edited(SMALL, edits));
        for secret in PLANTED {
            prop_assert!(lines.iter().all(|line| !line.contains(secret)), "{}: {:?}", secret, lines);
        }
    }

    #[test]
    fn the_example_with_something_odd_in_it_is_read_or_refused(edits in edits()) {
        said(&edited(EXAMPLE, edits));
    }
}
