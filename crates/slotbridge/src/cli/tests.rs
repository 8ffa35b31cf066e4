//! The command line as it is typed, and what each ending exits with.

use clap::CommandFactory as _;
use jiff::Timestamp;
use slotbridge_core::merge::{Claim, Conflict, Stamp, Subject};
use slotbridge_core::model::{BookingId, Field};
use slotbridge_engine::report::{
    AmbiguousReport, BridgeReport, ConflictReport, GuardReport, OutcomeWord, OverlapReport, Report,
    WaitingReport,
};

use super::report::{Exit, Failure};
use super::*;
use crate::config::problem::ConfigError;
use crate::render::tests::{bridge_report, operation, platform, report_of};

#[test]
fn the_definition_of_the_command_line_holds_together() {
    Cli::command().debug_assert();
}

fn parsed(line: &str) -> Result<(Job, Global), clap::Error> {
    let words = std::iter::once("slotbridge").chain(line.split_whitespace());
    let cli = Cli::try_parse_from(words)?;
    Ok((job(&cli)?, cli.global))
}

#[test]
fn a_pass_can_be_spelled_as_option_and_as_command_with_options_on_either_side() {
    for (line, dry) in [
        ("--reconcile", false),
        ("reconcile", false),
        ("--reconcile --dry-run", true),
        ("--dry-run --reconcile", true),
        ("reconcile --dry-run", true),
        ("--dry-run reconcile", true),
        (
            "--config c.toml reconcile --bridge main --bridge other",
            false,
        ),
        (
            "reconcile --config c.toml --format json --output r.json --yes -vv --log-format json --wait 3s --color never",
            false,
        ),
    ] {
        let (job, _) = parsed(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(
            matches!(job, Job::Reconcile { dry_run } if dry_run == dry),
            "{line}: {job:?}"
        );
    }
    let (_, before) = parsed("--config c.toml --wait 3s --bridge one --bridge two status").unwrap();
    let (_, after) = parsed("status --bridge one --bridge two --wait 3s --config c.toml").unwrap();
    assert_eq!(before.config, std::path::Path::new("c.toml"));
    assert_eq!(
        (&before.config, &before.bridge, before.wait),
        (&after.config, &after.bridge, after.wait)
    );
    assert_eq!(before.bridge, ["one", "two"]);
    assert_eq!(before.wait, Duration::from_secs(3));
}

#[test]
fn without_a_command_the_daemon_runs() {
    for (line, dry) in [
        ("", false),
        ("run", false),
        ("--dry-run", true),
        ("run --dry-run", true),
        ("--dry-run run", true),
    ] {
        let (job, _) = parsed(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(
            matches!(job, Job::Run { dry_run } if dry_run == dry),
            "{line}: {job:?}"
        );
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_a_way_out() {
    for (line, part) in [
        ("check --dry-run", "--dry-run"),
        ("--dry-run check", "do not go with another command"),
        ("--reconcile status", "do not go with another command"),
        ("reconcil", "reconcile"),
        ("check --formt json", "--format"),
        ("check --format xml", "text, json, markdown"),
        ("check --wait soon", "such as `500ms`"),
        ("approve", "<BRIDGE>"),
        ("--reconcile run", "do not go with another command"),
    ] {
        let error = parsed(line).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
        let text = error.to_string();
        assert!(text.contains(part), "{line}: expected {part:?} in\n{text}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for line in [
        "--help",
        "-h",
        "reconcile --help",
        "check --help",
        "help reconcile",
        "--version",
    ] {
        let words = std::iter::once("slotbridge").chain(line.split_whitespace());
        let shown = Cli::try_parse_from(words).unwrap_err();
        assert_eq!(shown.exit_code(), 0, "{line}");
        assert!(shown.to_string().contains("slotbridge"), "{line}");
    }
}

#[test]
fn every_exit_has_its_number_and_the_first_of_two_three_one_four_five_wins() {
    use Exit::{Guard, InStep, Pending, Person, Trouble, Usage};
    let numbered = [
        (InStep, 0),
        (Trouble, 1),
        (Usage, 2),
        (Guard, 3),
        (Person, 4),
        (Pending, 5),
    ];
    for (exit, number) in numbered {
        assert_eq!(exit.code(), number);
    }
    for (all, first) in [
        (&[][..], InStep),
        (&[InStep, InStep], InStep),
        (&[InStep, Pending], Pending),
        (&[Pending, Person], Person),
        (&[Person, Trouble, Pending], Trouble),
        (&[Trouble, Guard, Person], Guard),
        (&[Pending, Person, Trouble, Guard, Usage], Usage),
    ] {
        assert_eq!(Exit::first_of(all.iter().copied()), first, "{all:?}");
    }
}

fn conflict(decided: bool) -> ConflictReport {
    let platform = platform("salon");
    ConflictReport {
        id: None,
        booking: BookingId::from_u128(1),
        place: None,
        conflict: Conflict {
            subject: Subject::Field(Field::Status),
            claims: vec![Claim {
                platform: platform.clone(),
                value: None,
                changed_at: Timestamp::UNIX_EPOCH,
                stamp: Stamp::Platform,
            }],
            decided: decided.then_some(platform),
        },
        person: None,
    }
}

fn guard() -> GuardReport {
    GuardReport {
        platform: platform("site"),
        what: "removals_max".to_owned(),
        limit: 20,
        planned: 21,
        plan: "p".to_owned(),
    }
}

fn ambiguous() -> AmbiguousReport {
    AmbiguousReport {
        platform: platform("site"),
        remote_id: None,
        candidates: Vec::new(),
        why: String::new(),
    }
}

fn unread(bridge: &mut BridgeReport) {
    bridge.platforms[0].error = Some("down".to_owned());
}

fn overlap() -> OverlapReport {
    OverlapReport {
        resource: crate::render::tests::anna(),
        bookings: Vec::new(),
    }
}

fn waiting(needs_person: bool) -> WaitingReport {
    WaitingReport {
        platform: platform("site"),
        booking: BookingId::from_u128(1),
        place: None,
        why: String::new(),
        needs_person,
    }
}

fn exit_after(dry_run: bool, change: impl Fn(&mut BridgeReport)) -> Exit {
    let mut bridge = bridge_report();
    change(&mut bridge);
    Exit::of(&Report {
        dry_run,
        ..report_of(vec![bridge])
    })
}

/// What is in a report, and the exit of a real run and of a dry run.
type Row = (&'static str, fn(&mut BridgeReport), Exit, Exit);

#[rustfmt::skip]
const EXITS: &[Row] = &[
    ("nothing", |_| {}, Exit::InStep, Exit::InStep),
    ("applied", |b| b.operations.push(operation(OutcomeWord::Applied)), Exit::InStep, Exit::Pending),
    ("planned", |b| b.operations.push(operation(OutcomeWord::Planned)), Exit::InStep, Exit::Pending),
    ("refused", |b| b.operations.push(operation(OutcomeWord::Refused)), Exit::Trouble, Exit::Trouble),
    ("failed", |b| b.operations.push(operation(OutcomeWord::Failed)), Exit::Trouble, Exit::Trouble),
    ("unknown", |b| b.operations.push(operation(OutcomeWord::Unknown)), Exit::Trouble, Exit::Trouble),
    ("adopted", |b| b.adopted = 3, Exit::InStep, Exit::InStep),
    ("guard", |b| b.guards.push(guard()), Exit::Guard, Exit::Guard),
    ("unread platform", unread, Exit::Trouble, Exit::Trouble),
    ("undecided conflict", |b| b.conflicts.push(conflict(false)), Exit::Person, Exit::Person),
    ("decided conflict", |b| b.conflicts.push(conflict(true)), Exit::InStep, Exit::InStep),
    ("ambiguous", |b| b.ambiguous.push(ambiguous()), Exit::Person, Exit::Person),
    ("overlap", |b| b.overlaps.push(overlap()), Exit::Person, Exit::Person),
    ("waits for a person", |b| b.waiting.push(waiting(true)), Exit::Person, Exit::Person),
    ("waits by itself", |b| b.waiting.push(waiting(false)), Exit::InStep, Exit::InStep),
    ("guard and unread", |b| { b.guards.push(guard()); unread(b); }, Exit::Guard, Exit::Guard),
    ("unread and overlap", |b| { unread(b); b.overlaps.push(overlap()); }, Exit::Trouble, Exit::Trouble),
    ("overlap and plan", |b| { b.overlaps.push(overlap()); b.operations.push(operation(OutcomeWord::Planned)); }, Exit::Person, Exit::Person),
];

#[test]
fn each_thing_in_a_report_has_its_exit() {
    for (what, change, real, dry) in EXITS {
        assert_eq!(exit_after(false, change), *real, "{what}, real run");
        assert_eq!(exit_after(true, change), *dry, "{what}, dry run");
    }
    let cancelled = Report {
        cancelled: true,
        ..report_of(Vec::new())
    };
    assert_eq!(Exit::of(&cancelled), Exit::Trouble);
}

#[test]
fn every_failure_has_words_and_an_exit() {
    let config = Failure::Config(ConfigError::of_file(
        std::path::Path::new("c.toml"),
        "cannot read the config".to_owned(),
    ));
    let store = Failure::Store(slotbridge_store::StoreError::Full);
    let machine = Failure::Machine(anyhow::anyhow!("no randomness").context("cannot start"));
    let output = Failure::output(
        std::path::Path::new("/x/r.json"),
        &std::io::Error::other("disk full"),
    );
    for (failure, exit, words) in [
        (config, Exit::Usage, "c.toml: cannot read the config"),
        (store, Exit::Trouble, "the disk of the database is full"),
        (machine, Exit::Trouble, "cannot start: no randomness"),
        (
            output,
            Exit::Trouble,
            "cannot write the report to /x/r.json: disk full",
        ),
    ] {
        assert_eq!(failure.exit(), exit);
        assert!(failure.to_string().starts_with(words), "{failure}");
    }
}
