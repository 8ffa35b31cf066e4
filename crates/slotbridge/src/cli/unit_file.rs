//! The systemd unit says only what the program understands, and agrees with the files beside it.

use super::report::Exit;
use super::*;

const UNIT: &str = include_str!("../../../../systemd/slotbridge.service");
const SYSUSERS: &str = include_str!("../../../../systemd/slotbridge.sysusers");
const TMPFILES: &str = include_str!("../../../../systemd/slotbridge.tmpfiles");
const EXAMPLE: &str = include_str!("../../../../config.example.toml");

/// The values of a setting, in the order of the unit.
fn values(setting: &str) -> Vec<&'static str> {
    let lines = UNIT.lines().filter_map(|line| line.split_once('='));
    lines
        .filter(|(name, _)| *name == setting)
        .map(|(_, value)| value)
        .collect()
}

/// Every command line of the unit, as words.
fn command_lines() -> Vec<(&'static str, Vec<&'static str>)> {
    UNIT.lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| name.starts_with("Exec"))
        .map(|(name, value)| {
            let plain = value.trim_start_matches(['@', '-', ':', '+', '!']);
            (name, plain.split_whitespace().collect())
        })
        .collect()
}

#[test]
fn every_command_line_of_the_unit_is_one_that_the_program_understands() {
    let lines = command_lines();
    let starts = lines.iter().filter(|(name, _)| *name == "ExecStart");
    assert_eq!(starts.count(), 1, "{lines:?}");
    for (name, words) in lines {
        let (program, arguments) = words.split_first().unwrap();
        if *program != "/usr/bin/slotbridge" {
            // Only the reload is somebody else's work.
            assert_eq!((name, *program), ("ExecReload", "/bin/kill"));
            assert_eq!(arguments, ["-HUP", "$MAINPID"]);
            continue;
        }
        let parsed = Cli::try_parse_from(&words).and_then(|cli| job(&cli));
        parsed.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn a_wrong_config_is_not_tried_again_and_nothing_else_is_given_up() {
    let usage = Exit::Usage.code().to_string();
    assert_eq!(values("RestartPreventExitStatus"), [&*usage]);
    assert_eq!(values("Restart"), ["on-failure"]);
    assert_eq!(values("StartLimitIntervalSec"), ["0"]);
}

#[test]
fn unit_users_and_folders_speak_of_the_same_things() {
    assert_eq!(values("User"), values("Group"));
    let user = values("User")[0];
    assert!(SYSUSERS.contains(&format!("\nu {user} ")), "{SYSUSERS}");
    let state = format!("/var/lib/{}", values("StateDirectory")[0]);
    let private = format!(
        "\nd {state} {} {user} {user} ",
        values("StateDirectoryMode")[0]
    );
    assert!(TMPFILES.contains(&private), "{private:?} in {TMPFILES}");
    let folder = std::path::Path::new(config::DEFAULT_PATH).parent().unwrap();
    let readable = format!("\nd {} 0750 root {user} ", folder.display());
    assert!(TMPFILES.contains(&readable), "{readable:?} in {TMPFILES}");
    let store = format!("\npath = \"{state}/");
    assert!(
        EXAMPLE.contains(&store),
        "the example's database is elsewhere"
    );
}
