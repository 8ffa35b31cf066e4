//! `slotbridge conflicts`: what waits for a person in the bridges, and `resolve`, by which the person decides.

mod list;
mod rows;
#[cfg(test)]
mod tests;
mod value;

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use slotbridge_core::merge::Choice;
use slotbridge_core::model::PlatformName;
use slotbridge_platform::seam::Seam as _;
use slotbridge_platform::system_seam::SystemSeam;
use slotbridge_store::{ConflictRow, Store};

use super::database::{self, Hand};
use super::output::Output;
use super::report::{Exit, Failure, chain};
use super::{Global, zones};
use crate::config::{BridgeConfig, Config};
use crate::control::client::{ControlError, Daemon};
use crate::control::decision::{self, Undecided};
use crate::control::rows::{ChoiceRow, Decided};
use crate::render::Showing;
use value::Terms;

const HOLDER: &str = "slotbridge conflicts resolve";

/// How a conflict is to end: exactly one of these.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Wish {
    /// As this platform has it; of a booking that it removed: removed everywhere
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) take: Option<String>,

    /// With this value; times are by the bridge's clock
    #[arg(long, value_name = "FIELD=VALUE")]
    pub(crate) set: Option<String>,

    /// As the bridge has it: written back where it was changed; a booking that was removed and edited lives on
    #[arg(long)]
    pub(crate) keep: bool,
}

/// Shows what waits for a person.
pub(crate) async fn show(global: &Global, all: bool, output: &Output) -> Result<Exit, Failure> {
    let config = super::load(global)?;
    let store = database::copy(&config.store).await?;
    let now = SystemSeam::new().now();
    let found = list::gather(&store, &config, all, now).await?;
    let showing = Showing {
        clients: global.show_clients,
        zones: zones::of_bridges(&config, &store).await?,
    };
    output.report(&list::render(&found, global.format, &showing, now))?;
    Ok(if found.waits_for_person() {
        Exit::Person
    } else {
        Exit::InStep
    })
}

/// Decides a conflict.
pub(crate) async fn resolve(
    global: &Global,
    id: i64,
    wish: &Wish,
    output: &Output,
) -> Result<Exit, Failure> {
    let config = super::load(global)?;
    let store = database::copy(&config.store).await?;
    let row = decision::open(&store, id).await.map_err(refused)?;
    let choice = choice(&config, &store, &row, wish).await?;
    drop(store);
    let (decided, next) = decide(&config, id, choice, global.wait).await?;
    output.report(&text(&decided, next))?;
    Ok(Exit::InStep)
}

/// Reads the wish in the terms of the conflict's bridge.
async fn choice(
    config: &Config,
    store: &Store,
    row: &ConflictRow,
    wish: &Wish,
) -> Result<Choice, Failure> {
    let bridge = config.bridges.iter().find(|one| one.name == row.bridge);
    let bridge = bridge.ok_or_else(|| {
        wrong(
            format!(
                "conflict {} is of bridge {}, which is not meant here",
                row.id, row.bridge
            ),
            "leave out --bridge, or name the config that has this bridge".to_owned(),
        )
    })?;
    if let Some(platform) = &wish.take {
        return take(row, bridge, platform);
    }
    let Some(set) = &wish.set else {
        return Ok(Choice::Keep);
    };
    let zones = zones::of_bridges(config, store).await?;
    let first = bridge.members.first();
    let account = first.and_then(|member| config.platform(member.platform.as_str()));
    let state = store.bookings(&row.bridge, vec![row.booking]).await?;
    let booking = state.bookings.iter().find_map(|row| row.canonical.live());
    let terms = Terms {
        subject: row.conflict.subject,
        zone: zones.get(&row.bridge).cloned(),
        country: account.map_or("", |account| account.default_country.as_str()),
        length: booking.map(|one| one.slot.end().duration_since(one.slot.start())),
        bridge,
    };
    let value = terms
        .read(set)
        .map_err(|(message, hint)| wrong(message, hint))?;
    Ok(Choice::Set(value))
}

fn take(row: &ConflictRow, bridge: &BridgeConfig, platform: &str) -> Result<Choice, Failure> {
    let claims = row.conflict.claims.iter();
    let claimants: Vec<&str> = claims.map(|claim| claim.platform.as_str()).collect();
    let name = PlatformName::new(platform).ok();
    if let Some(name) = name.filter(|name| claimants.contains(&name.as_str())) {
        return Ok(Choice::Take(name));
    }
    let mut members = bridge.members.iter();
    let hint = if members.any(|one| one.platform.as_str() == platform) {
        "a value that none of them has is given with --set, the bridge's own with --keep"
    } else {
        "it is a platform's name in the config that is meant"
    };
    Err(wrong(
        format!(
            "{platform:?} claims nothing in conflict {}; these do: {}",
            row.id,
            claimants.join(", ")
        ),
        hint.to_owned(),
    ))
}

fn wrong(message: String, hint: String) -> Failure {
    Failure::Plain {
        message,
        hint: Some(hint),
        exit: Exit::Usage,
    }
}

fn refused(error: Undecided) -> Failure {
    match error {
        Undecided::Store(error) => Failure::Store(error),
        error => Failure::Plain {
            message: chain(&error),
            hint: None,
            exit: Exit::Usage,
        },
    }
}

/// When what was decided is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The daemon is at it.
    Now,
    /// With the next run that somebody starts.
    NextRun,
}

async fn decide(
    config: &Config,
    id: i64,
    choice: Choice,
    wait: Duration,
) -> Result<(Decided, Next), Failure> {
    match database::hand(&config.store, HOLDER, wait).await? {
        Hand::Own(store) => by_itself(store, id, choice).await,
        Hand::Daemon(daemon) => ask(&daemon, config, id, choice, wait).await,
    }
}

async fn by_itself(store: Store, id: i64, choice: Choice) -> Result<(Decided, Next), Failure> {
    let now = SystemSeam::new().now();
    let decided = decision::decide(&store, id, choice, now).await;
    store.close().await?;
    Ok((decided.map_err(refused)?, Next::NextRun))
}

/// Asks the daemon. One that does not answer may be starting or ending: the database is waited for instead.
async fn ask(
    daemon: &Daemon,
    config: &Config,
    id: i64,
    choice: Choice,
    wait: Duration,
) -> Result<(Decided, Next), Failure> {
    match daemon.decide(id, ChoiceRow::of(&choice)).await {
        Ok(decided) => Ok((decided, Next::Now)),
        Err(ControlError::NotThere { .. }) => {
            by_itself(
                database::own(&config.store, HOLDER, wait).await?,
                id,
                choice,
            )
            .await
        }
        Err(ControlError::Refused(why)) => Err(Failure::Plain {
            message: why,
            hint: None,
            exit: Exit::Usage,
        }),
        Err(error) => Err(error).context("cannot decide")?,
    }
}

fn text(decided: &Decided, next: Next) -> String {
    let how = match (&*decided.choice, &decided.platform, &*decided.field) {
        (_, Some(platform), "removal") => format!("the booking is as {platform} has it"),
        ("keep", _, "removal") => "the booking lives on everywhere".to_owned(),
        (_, Some(platform), field) => format!("the {field} is as {platform} has it"),
        ("keep", _, field) => format!("the {field} stays as the bridge has it"),
        (_, None, field) => format!("the {field} gets your value"),
    };
    let instead = if decided.replaced {
        " This replaces an earlier decision."
    } else {
        ""
    };
    let bridge = &decided.bridge;
    let when = match next {
        Next::Now => format!(
            "The running daemon makes a full pass over bridge {bridge} now and applies it if nobody's value has changed since."
        ),
        Next::NextRun => {
            format!(
                "The next run of bridge {bridge} applies it if nobody's value has changed since."
            )
        }
    };
    format!(
        "Conflict {} is decided: {how}.{instead}\n{when}\n",
        decided.conflict
    )
}
