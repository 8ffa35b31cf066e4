//! `slotbridge undo RUN`: takes back what a run wrote, where nobody has gone on from there.

use std::collections::BTreeSet;

use jiff::Timestamp;
use slotbridge_core::model::BridgeName;
use slotbridge_engine::bridge::Mode;
use slotbridge_engine::report::Report;
use slotbridge_store::{RunId, RunRow, Store};

use super::Global;
use super::ask::{self, Person};
use super::database;
use super::once::Once;
use super::output::Output;
use super::report::{Exit, Failure};
use super::status::age;
use super::stop;
use crate::config::Config;
use crate::render::{self, words};

/// The word for the run that wrote last.
const LAST: &str = "last";
/// The fewest characters by which a run can be named.
const PREFIX_MIN: usize = 6;
/// How many runs are listed.
const LISTED: usize = 20;

/// Takes back a run, or lists those that can be taken back.
pub(crate) async fn run(
    global: &Global,
    run: Option<&str>,
    dry_run: bool,
    output: &Output,
) -> Result<Exit, Failure> {
    let mut config = super::load(global)?;
    let known = database::copy(&config.store).await?;
    let runs = known.runs_that_wrote().await?;
    let Some(asked) = run else {
        output.report(&list(&runs, ask::now()))?;
        return Ok(Exit::InStep);
    };
    let id = find(asked, &runs).map_err(|message| unknown(message, &runs))?;
    keep_bridges(&mut config, &known, id, !global.bridge.is_empty()).await?;
    drop(known);

    let mode = ask::mode(global, dry_run);
    let cancel = stop::on_signals(output)?;
    let store = match mode {
        Mode::DryRun => database::copy(&config.store).await?,
        Mode::Apply => database::alone(global, &config, "slotbridge undo").await?,
    };
    let once = Once::set_up(global, &config, store, mode, cancel, output).await?;
    let person = Person {
        yes: global.yes,
        output,
        showing: &once.showing,
        question: &|number| {
            let writes = words::count(number, "write", "writes");
            format!("Take this back with {writes}?")
        },
        tells_number: false,
    };
    let report = once
        .engine
        .undo(&once.bridges, id, &once.options, &person)
        .await;
    let (report, _, showing) = once.close(report, output).await?;
    output.report(&render::report(&report, global.format, &showing))?;
    say_what_is_next(&report, asked, output);
    Ok(Exit::of(&report))
}

fn say_what_is_next(report: &Report, asked: &str, output: &Output) {
    let mut bridges = report.bridges.iter();
    let held: Vec<String> = bridges
        .by_ref()
        .filter(|bridge| !bridge.guards.is_empty())
        .map(|bridge| format!("`slotbridge approve {}`", bridge.name))
        .collect();
    let pending = report
        .bridges
        .iter()
        .any(|bridge| !bridge.operations.is_empty());
    if !held.is_empty() && !report.dry_run {
        output.note(&format!(
            "A guard holds what is marked as held. If it is meant: {}, then `slotbridge undo {asked}` again.",
            held.join(" and ")
        ));
    } else if report.dry_run && pending {
        output.note(&format!(
            "Nothing was taken back. `slotbridge undo {asked} --yes` does it."
        ));
    }
}

/// Keeps the bridges in which the run wrote. All of them must be there, unless only some were asked for.
async fn keep_bridges(
    config: &mut Config,
    known: &Store,
    run: RunId,
    some: bool,
) -> Result<(), Failure> {
    let rows = known.journal_of_run(run).await?;
    let wrote: BTreeSet<BridgeName> = rows.into_iter().map(|row| row.bridge).collect();
    config.bridges.retain(|bridge| wrote.contains(&bridge.name));
    let missing = wrote
        .iter()
        .find(|name| !config.bridges.iter().any(|bridge| bridge.name == **name));
    match missing {
        Some(name) if !some || config.bridges.is_empty() => Err(Failure::Plain {
            message: format!("run {run} wrote in bridge {name}, which is not among those of this command"),
            hint: Some(
                "leave --bridge away or name that bridge; one that has left the config must come back first".to_owned(),
            ),
            exit: Exit::Usage,
        }),
        _ => Ok(()),
    }
}

/// The run that is meant.
fn find(asked: &str, runs: &[RunRow]) -> Result<RunId, String> {
    if asked == LAST {
        return runs
            .first()
            .map(|run| run.id)
            .ok_or_else(|| "no run has written anything yet".to_owned());
    }
    let asked = asked.to_lowercase();
    let named = |run: &&RunRow| {
        let id = run.id.to_string();
        id == asked || (asked.len() >= PREFIX_MIN && id.starts_with(&asked))
    };
    let mut fitting = runs.iter().filter(named);
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(one.id),
        (Some(_), Some(_)) => Err(format!(
            "several runs begin with {asked}: write more of the id"
        )),
        (None, _) => Err(format!(
            "no run {} has written anything that the journal still knows",
            words::clean(&asked)
        )),
    }
}

fn unknown(message: String, runs: &[RunRow]) -> Failure {
    let hint = if runs.is_empty() {
        "there is nothing to take back".to_owned()
    } else {
        "`slotbridge undo` lists the runs that can be taken back".to_owned()
    };
    Failure::Plain {
        message,
        hint: Some(hint),
        exit: Exit::Usage,
    }
}

fn list(runs: &[RunRow], now: Timestamp) -> String {
    if runs.is_empty() {
        return "No run has written anything yet.\n".to_owned();
    }
    let mut lines: Vec<String> = runs.iter().take(LISTED).map(|run| line(run, now)).collect();
    if runs.len() > LISTED {
        lines.push(format!("and {} older ones\n", runs.len() - LISTED));
    }
    lines.concat()
}

fn line(run: &RunRow, now: Timestamp) -> String {
    let written: Vec<String> = run
        .totals
        .iter()
        .filter(|(name, number)| {
            *number > 0 && ["create", "update", "remove"].contains(&name.as_str())
        })
        .map(|(name, number)| format!("{name} {number}"))
        .collect();
    let written = if written.is_empty() {
        "not ended: it works, or was killed".to_owned()
    } else {
        written.join(", ")
    };
    format!(
        "{}  {} {}: {written}\n",
        run.id,
        run.kind,
        age(now, run.began_at)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(id: u128) -> RunRow {
        RunRow {
            id: RunId::from_u128(id),
            kind: "reconcile".to_owned(),
            began_at: Timestamp::from_second(1_000).unwrap(),
            ended_at: None,
            exit_code: None,
            totals: vec![("create".to_owned(), 3), ("adopted".to_owned(), 9)],
        }
    }

    #[test]
    fn a_run_is_named_by_its_id_the_beginning_of_it_or_as_the_last() {
        let runs = [
            ran(0x0190_0000_0000_0000_0000_0000_0000_0002),
            ran(0x0190_0001_0000_0000_0000_0000_0000_0001),
        ];
        let [newest, older] = [runs[0].id, runs[1].id];
        for (asked, expected) in [
            ("last", Some(newest)),
            ("01900001-0000-0000-0000-000000000001", Some(older)),
            ("01900001", Some(older)),
            ("01900000-0", Some(newest)),
            ("019000", None),
            ("0190", None),
            ("ffffffff", None),
            ("", None),
        ] {
            assert_eq!(find(asked, &runs).ok(), expected, "{asked:?}");
        }
        assert!(find("last", &[]).is_err());
    }

    #[test]
    fn the_list_says_what_each_run_wrote() {
        let text = list(&[ran(1)], Timestamp::from_second(1_060).unwrap());
        assert!(
            text.ends_with("0001  reconcile 60 s ago: create 3\n"),
            "{text}"
        );
        assert!(list(&[], Timestamp::UNIX_EPOCH).contains("No run"));
    }
}
