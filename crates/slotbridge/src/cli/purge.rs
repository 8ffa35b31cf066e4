//! `slotbridge purge PLATFORM`: removes from a platform what slotbridge made there.

use clap::CommandFactory as _;
use clap::error::ErrorKind;
use slotbridge_core::model::PlatformName;
use slotbridge_engine::bridge::{Bridge, Mode};
use slotbridge_engine::report::{OutcomeWord, Report};
use slotbridge_platform::capabilities::Discovery;

use super::ask::{self, Person};
use super::database;
use super::once::Once;
use super::output::Output;
use super::report::{Exit, Failure};
use super::{Cli, Global, stop};
use crate::config::{Config, value};
use crate::render::{self, words};

/// Purges a platform.
pub(crate) async fn run(
    global: &Global,
    platform: &str,
    dry_run: bool,
    output: &Output,
) -> Result<Exit, Failure> {
    let mut config = super::load(global)?;
    let platform = find(&mut config, platform)?;
    let mode = ask::mode(global, dry_run);
    let cancel = stop::on_signals(output)?;
    let store = match mode {
        Mode::DryRun => database::copy(&config.store).await?,
        Mode::Apply => database::alone(global, &config, "slotbridge purge").await?,
    };
    let once = Once::set_up(global, &config, store, mode, cancel, output).await?;
    let person = Person {
        yes: global.yes,
        output,
        showing: &once.showing,
        question: &|number| {
            let records = words::count(number, "record", "records");
            format!("Remove {records} from {platform}?")
        },
        tells_number: true,
    };
    let report = once
        .engine
        .purge(&once.bridges, &platform, &once.options, &person)
        .await;
    let (report, bridges, showing) = once.close(report, output).await?;
    output.report(&render::report(&report, global.format, &showing))?;
    for note in notes(&report, &bridges, &platform) {
        output.note(&note);
    }
    Ok(Exit::of(&report))
}

/// The platform that is meant, with the bridges that it is in.
fn find(config: &mut Config, asked: &str) -> Result<PlatformName, Failure> {
    let usage =
        |message: String| Failure::Usage(Cli::command().error(ErrorKind::InvalidValue, message));
    let Some(platform) = config.platform(asked).map(|platform| platform.name.clone()) else {
        let known = config
            .platforms
            .iter()
            .map(|platform| platform.name.as_str());
        let hint = value::nearest(asked, known).map_or_else(
            || "it must be in the config, with its credentials, until it is purged".to_owned(),
            |near| format!("did you mean {near:?}?"),
        );
        return Err(usage(format!("there is no platform {asked:?}; {hint}")));
    };
    config.bridges.retain(|bridge| {
        let mut members = bridge.members.iter();
        members.any(|member| member.platform == platform)
    });
    if config.bridges.is_empty() {
        return Err(usage(format!(
            "{platform} is in no bridge of this command; it must be in its bridge until it is purged"
        )));
    }
    Ok(platform)
}

/// What a person has to know besides the report.
fn notes(report: &Report, bridges: &[Bridge], platform: &PlatformName) -> Vec<String> {
    let mut notes = Vec::new();
    let operations = || report.bridges.iter().flat_map(|bridge| &bridge.operations);
    let lists = bridges
        .iter()
        .flat_map(|bridge| &bridge.members)
        .filter(|member| member.platform.name() == platform)
        .all(|member| member.platform.capabilities().discovery == Discovery::List);
    if !lists {
        notes.push(format!(
            "{platform} cannot list its records: only those were looked for whose ids the database or known_records knows. \
             If the database was lost, look there for others by hand."
        ));
    }
    if report.dry_run && operations().next().is_some() {
        notes.push(format!(
            "Nothing was removed. `slotbridge purge {platform} --yes` does it."
        ));
    }
    if operations().any(|operation| operation.outcome == OutcomeWord::Applied) {
        notes.push(format!(
            "Take {platform} out of the config now: new and changed bookings would be written there again."
        ));
    }
    notes
}
