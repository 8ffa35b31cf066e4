//! `slotbridge apply PLAN.json`: carries out exactly what a dry run saved, or nothing.
//!
//! **Guarantees.** A full pass is planned anew. Only if every bridge of the file plans the same operations over the same
//! records is anything written; guards hold what they would hold in any pass.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use slotbridge_core::model::BridgeName;
use slotbridge_engine::Replay;
use slotbridge_engine::report::{BridgeReport, OperationReport, Report};
use slotbridge_platform::seam::Seam as _;
use slotbridge_platform::system_seam::SystemSeam;

use super::output::Output;
use super::reconcile::{self, Pass};
use super::report::{Exit, Failure};
use super::{Global, status, stop};
use crate::render::words::{clean, put};
use crate::render::{self, json};

/// How many differences are told per bridge.
const DIFFERENCES: usize = 5;

/// The report of a dry run, as far as it is needed.
#[derive(Debug, Deserialize)]
struct Saved {
    schema: u32,
    generated_at: String,
    dry_run: bool,
    cancelled: bool,
    bridges: Vec<SavedBridge>,
}

#[derive(Debug, Deserialize)]
struct SavedBridge {
    name: String,
    plan: String,
    operations: Vec<SavedOperation>,
}

#[derive(Debug, Deserialize)]
struct SavedOperation {
    op: String,
    platform: String,
    remote_id: Option<String>,
    resource: Option<String>,
    start: Option<String>,
    end: Option<String>,
}

/// Carries out a saved plan.
pub(crate) async fn run(global: &Global, file: &Path, output: &Output) -> Result<Exit, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| Failure::Plain {
        message: format!("cannot read the plan {}: {error}", file.display()),
        hint: Some(save_again(global)),
        exit: Exit::Usage,
    })?;
    let saved = read(&text, global).map_err(|message| Failure::Plain {
        message: format!("{} {message}", file.display()),
        hint: Some(save_again(global)),
        exit: Exit::Usage,
    })?;
    let config = super::load(&Global {
        bridge: saved
            .bridges
            .iter()
            .map(|bridge| bridge.name.clone())
            .collect(),
        ..global.clone()
    })?;
    let plans = saved
        .bridges
        .iter()
        .filter_map(|bridge| {
            let name = BridgeName::new(bridge.name.as_str()).ok()?;
            Some((name, bridge.plan.clone()))
        })
        .collect();
    let cancel = stop::on_signals(output)?;
    let pass = Pass::Replay(&plans);
    let (replay, showing) = reconcile::make(global, &config, pass, cancel, output).await?;
    match replay {
        Replay::Done(report) => {
            output.report(&render::report(&report, global.format, &showing))?;
            Ok(Exit::of(&report))
        }
        Replay::Stale(report) if report.cancelled => Err(Failure::Plain {
            message: "stopped before the plan was made anew; nothing was written".to_owned(),
            hint: None,
            exit: Exit::Trouble,
        }),
        Replay::Stale(report) => Err(stale(&saved, &report, &plans, global)),
    }
}

/// Reads a saved plan, and keeps the bridges that were asked for.
fn read(text: &str, global: &Global) -> Result<Saved, String> {
    let mut saved: Saved = serde_json::from_str(text).map_err(|error| {
        // What is wrong is said by place; the file may hold clients' data.
        format!(
            "is not the JSON report of a dry run (line {}, column {})",
            error.line(),
            error.column()
        )
    })?;
    if saved.schema != json::SCHEMA {
        return Err(format!(
            "has schema {}, and this slotbridge knows {}",
            saved.schema,
            json::SCHEMA
        ));
    }
    if !saved.dry_run {
        return Err("is the report of a run that was made, not of a dry run".to_owned());
    }
    if saved.cancelled {
        return Err("is of a dry run that was stopped before its end".to_owned());
    }
    let named: BTreeSet<&str> = saved.bridges.iter().map(|bridge| &*bridge.name).collect();
    if named.len() < saved.bridges.len() {
        return Err("names a bridge twice".to_owned());
    }
    if let Some(asked) = global
        .bridge
        .iter()
        .find(|asked| !named.contains(asked.as_str()))
    {
        return Err(format!("says nothing of bridge {asked:?}"));
    }
    if !global.bridge.is_empty() {
        saved
            .bridges
            .retain(|bridge| global.bridge.contains(&bridge.name));
    }
    if saved.bridges.is_empty() {
        return Err("names no bridge".to_owned());
    }
    Ok(saved)
}

fn save_again(global: &Global) -> String {
    let mut bridges = String::new();
    for name in &global.bridge {
        put!(&mut bridges, " --bridge {name}");
    }
    format!(
        "make a plan with: slotbridge reconcile --dry-run{bridges} --format json --output PLAN.json"
    )
}

/// Says what is planned otherwise now.
fn stale(
    saved: &Saved,
    fresh: &Report,
    plans: &BTreeMap<BridgeName, String>,
    global: &Global,
) -> Failure {
    let now = SystemSeam::new().now();
    let made = saved.generated_at.parse::<Timestamp>();
    let made = made.map_or_else(
        |_no_time| String::new(),
        |at| format!(", made {}", status::age(now, at)),
    );
    let mut message = format!("the plan{made} does not hold any more; nothing was written");
    for bridge in &fresh.bridges {
        if plans.get(&bridge.name) == Some(&bridge.plan) {
            continue;
        }
        let before = saved
            .bridges
            .iter()
            .find(|one| one.name == bridge.name.as_str());
        for line in differences(before, bridge) {
            put!(&mut message, "\n  bridge {}: {line}", bridge.name);
        }
    }
    Failure::Plain {
        message,
        hint: Some(format!(
            "look at what is planned now; {}",
            save_again(global)
        )),
        exit: Exit::Guard,
    }
}

fn differences(before: Option<&SavedBridge>, now: &BridgeReport) -> Vec<String> {
    let mut gone: Vec<String> = before
        .map(|bridge| {
            bridge
                .operations
                .iter()
                .map(SavedOperation::words)
                .collect()
        })
        .unwrap_or_default();
    let mut new = Vec::new();
    for operation in &now.operations {
        let words = saved_of(operation).words();
        match gone.iter().position(|known| *known == words) {
            Some(at) => {
                gone.swap_remove(at);
            }
            None => new.push(words),
        }
    }
    gone.sort();
    let troubles = now.platforms.iter();
    let mut lines: Vec<String> = troubles
        .filter_map(|platform| Some((platform, platform.error.as_ref()?)))
        .map(|(platform, error)| format!("{} could not be read: {}", platform.name, clean(error)))
        .collect();
    for (what, list) in [("no longer wanted", &gone), ("now wanted", &new)] {
        lines.extend(
            list.iter()
                .take(DIFFERENCES)
                .map(|one| format!("{what}: {one}")),
        );
        if list.len() > DIFFERENCES {
            lines.push(format!("{what}: {} more", list.len() - DIFFERENCES));
        }
    }
    if lines.is_empty() {
        lines.push(
            "the same writes are wanted, and a record that they rest on has changed".to_owned(),
        );
    }
    lines
}

fn saved_of(operation: &OperationReport) -> SavedOperation {
    let place = operation.place();
    SavedOperation {
        op: operation.op.to_owned(),
        platform: operation.platform.to_string(),
        remote_id: operation.remote_id.as_ref().map(ToString::to_string),
        resource: place.map(|(resource, _)| resource.to_string()),
        start: place.map(|(_, slot)| slot.start().to_string()),
        end: place.map(|(_, slot)| slot.end().to_string()),
    }
}

impl SavedOperation {
    fn words(&self) -> String {
        let mut words = format!("{} on {}", clean(&self.op), clean(&self.platform));
        if let Some(id) = &self.remote_id {
            put!(&mut words, " {}", clean(id));
        }
        if let (Some(resource), Some(start), Some(end)) = (&self.resource, &self.start, &self.end) {
            put!(
                &mut words,
                ", {} {}/{}",
                clean(resource),
                clean(start),
                clean(end)
            );
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn global(more: &[&str]) -> Global {
        let arguments = ["slotbridge", "status"].iter().chain(more);
        super::super::Cli::try_parse_from(arguments).unwrap().global
    }

    const PLAN: &str = r#"{"schema": 1, "generated_at": "2026-11-22T03:30:00Z", "dry_run": true, "cancelled": false,
        "bridges": [{"name": "main", "plan": "a1", "operations": [], "more": 1},
                    {"name": "side", "plan": "b2", "operations": []}]}"#;

    #[test]
    fn a_file_that_is_no_plan_says_why() {
        for (from, to, says) in [
            ("\"schema\": 1", "\"schema\": 2", "has schema 2"),
            (
                "\"dry_run\": true",
                "\"dry_run\": false",
                "not of a dry run",
            ),
            (
                "\"cancelled\": false",
                "\"cancelled\": true",
                "stopped before its end",
            ),
            ("\"plan\": \"a1\", ", "", "is not the JSON report"),
            ("\"side\"", "\"main\"", "names a bridge twice"),
            (
                "{\"schema\"",
                "{\"Zinaida-Secretova\"",
                "is not the JSON report",
            ),
        ] {
            assert!(PLAN.contains(from), "{from}");
            let message = read(&PLAN.replacen(from, to, 1), &global(&[])).unwrap_err();
            assert!(message.contains(says), "{from}: {message}");
            assert!(!message.contains("Secretova"), "{message}");
        }
    }

    #[test]
    fn only_the_bridges_that_are_asked_for_are_applied() {
        let names = |more: &[&str]| {
            let saved = read(PLAN, &global(more))?;
            Ok::<_, String>(
                saved
                    .bridges
                    .into_iter()
                    .map(|bridge| bridge.name)
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(names(&[]).unwrap(), ["main", "side"]);
        assert_eq!(names(&["--bridge", "side"]).unwrap(), ["side"]);
        let message = names(&["--bridge", "other"]).unwrap_err();
        assert!(
            message.contains("says nothing of bridge \"other\""),
            "{message}"
        );
    }
}
