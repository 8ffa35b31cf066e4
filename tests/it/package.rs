//! What a package and a service rest on: the check without a network, manual pages, completions, lines for the journal.

use std::fs::File;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::{Command, Stdio};

use slotbridge_sim::Inspect as _;

use crate::support::{Ran, Stage, binary};

fn calls(stage: &Stage) -> usize {
    stage.world.yclients.calls().len() + stage.world.rubitime.calls().len()
}

#[test]
fn an_offline_check_asks_no_platform_and_says_so() {
    let stage = Stage::empty();
    let offline = stage.run(&["check", "--offline"]);
    assert_eq!(offline.code, Some(0), "{offline:?}");
    assert!(
        offline.stdout.contains("platforms: none was asked"),
        "{}",
        offline.stdout
    );
    assert_eq!(calls(&stage), 0);
    // The same without the option does ask.
    stage.run(&["check"]);
    assert_ne!(calls(&stage), 0);
}

#[test]
fn an_offline_check_finds_what_is_wrong_on_this_machine() {
    let stage = Stage::empty();
    let config = stage.config();
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o644)).unwrap();
    let exposed = stage.run(&["check", "--offline"]);
    assert_eq!(exposed.code, Some(2), "{exposed:?}");
    assert!(
        exposed
            .stdout
            .contains("everybody on this machine can read"),
        "{}",
        exposed.stdout
    );

    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(stage.database(), "this is no database").unwrap();
    let damaged = stage.run(&["check", "--offline"]);
    assert_eq!(damaged.code, Some(1), "{damaged:?}");
    assert!(
        damaged.stdout.contains("problem  database"),
        "{}",
        damaged.stdout
    );

    stage.change_config("kind = \"rubitime\"", "kind = \"rubytime\"");
    let wrong = stage.run(&["check", "--offline"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(wrong.stdout.contains("rubytime"), "{}", wrong.stdout);
}

#[test]
fn manual_pages_are_written_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let made = Ran::from(binary().arg("man").arg(folder.path()).output().unwrap());
    assert_eq!((made.code, &*made.stdout, &*made.stderr), (Some(0), "", ""));
    for command in [
        "",
        "-reconcile",
        "-check",
        "-map",
        "-status",
        "-approve",
        "-apply",
        "-conflicts",
        "-conflicts-resolve",
        "-explain",
        "-backup",
        "-undo",
        "-forget",
        "-purge",
        "-demo",
    ] {
        let page = std::fs::read_to_string(folder.path().join(format!("slotbridge{command}.1")));
        let page = page.unwrap_or_else(|error| panic!("{command}: {error}"));
        for part in [
            ".TH slotbridge",
            ".SH NAME",
            ".SH SYNOPSIS",
            "\\-\\-config",
            ".SH \"SEE ALSO\"",
        ] {
            assert!(page.contains(part), "{command}: {part} is not in\n{page}");
        }
    }
    let gone = folder.path().join("gone");
    let failed = Ran::from(binary().arg("man").arg(gone).output().unwrap());
    assert_eq!(failed.code, Some(1), "{failed:?}");
}

#[test]
fn the_shell_completes_commands_and_options() {
    let script = Ran::from(binary().args(["completions", "bash"]).output().unwrap());
    assert_eq!(script.code, Some(0), "{script:?}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("slotbridge.bash");
    std::fs::write(&file, script.stdout).unwrap();
    for (typed, expected) in [("rec", "reconcile"), ("check --off", "--offline")] {
        let words = format!("slotbridge {typed}");
        // What bash itself does when somebody types this and presses the tab key.
        let ask = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _slotbridge slotbridge \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            file.display()
        );
        let answered = Command::new("bash")
            .args(["--norc", "-c", &ask])
            .output()
            .unwrap();
        let answered = Ran::from(answered);
        assert_eq!(
            answered.stdout.trim(),
            expected,
            "{typed}: {}",
            answered.stderr
        );
    }
    let unknown = Ran::from(binary().args(["completions", "cmd"]).output().unwrap());
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
}

#[test]
fn lines_for_the_journal_carry_their_priority_and_no_time_of_their_own() {
    let stage = Stage::empty();
    let log = stage.folder.path().join("journal");
    let run = |arguments: &[&str], stream: &dyn Fn(&File) -> String| {
        let file = File::create(&log).unwrap();
        let mut command = stage.command(arguments);
        command
            .env("JOURNAL_STREAM", stream(&file))
            .stdout(Stdio::null())
            .stderr(file);
        command.status().unwrap();
        std::fs::read_to_string(&log).unwrap()
    };
    let this = |file: &File| {
        let metadata = file.metadata().unwrap();
        format!("{}:{}", metadata.dev(), metadata.ino())
    };
    let chatty = ["reconcile", "--dry-run", "-vv"];
    let lines = run(&chatty, &this);
    assert!(lines.contains("<7>"), "{lines}");
    for line in lines.lines() {
        let rest = ["<4>", "<6>", "<7>"]
            .into_iter()
            .find_map(|priority| line.strip_prefix(priority));
        let rest = rest.unwrap_or_else(|| panic!("no priority: {line}"));
        assert!(
            rest.trim_start().starts_with(char::is_alphabetic),
            "a time: {line}"
        );
    }
    assert!(!lines.contains('\u{1b}'), "{lines}");
    // The variable is inherited by what writes elsewhere; there a line is for people.
    let elsewhere = run(&chatty, &|_: &File| "1:1".to_owned());
    assert!(
        !elsewhere.is_empty() && !elsewhere.contains("<7>"),
        "{elsewhere}"
    );
    // JSON stays JSON.
    let json = run(
        &["reconcile", "--dry-run", "-vv", "--log-format", "json"],
        &this,
    );
    assert!(!json.is_empty());
    for line in json.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|_| panic!("{line}"));
    }
    // Why a command ended is an error to the journal, on every line of it.
    let failed = run(&["status", "--config", "/nonexistent.toml"], &this);
    assert!(failed.starts_with("<3>error: "), "{failed}");
    assert!(
        failed.lines().all(|line| line.starts_with("<3>")),
        "{failed}"
    );
}
