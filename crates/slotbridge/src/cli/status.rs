//! `slotbridge status`: what the database and a running daemon know, without asking a platform and without holding up
//! a run.

mod live;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::Serialize;
use slotbridge_platform::seam::Seam as _;
use slotbridge_platform::system_seam::SystemSeam;
use slotbridge_store::{BridgeSummary, GuardRow, PlatformSummary, RunRow, Store, Summary};

use super::Global;
use super::database;
use super::output::Output;
use super::report::{Exit, Failure};
use crate::config::Config;
use crate::control::client::{ControlError, Daemon};
use crate::control::rows::Status;
use crate::render::text::{mood_style, styled, table};
use crate::render::view::Mood;
use crate::render::words::put;
use crate::render::{Format, json, words};
use live::LiveRow;

/// How many of the last runs are shown.
const RUNS: u32 = 5;

/// What is known, ready to be shown.
#[derive(Debug)]
struct Known {
    summary: Summary,
    guards: Vec<(String, GuardRow)>,
    runs: Vec<RunRow>,
    /// What the running daemon says, if one runs.
    daemon: Option<Status>,
}

/// Shows what the database knows.
pub(crate) async fn run(global: &Global, output: &Output) -> Result<Exit, Failure> {
    let config = super::load(global)?;
    if !config.store.exists() && global.format != Format::Json {
        output.report(&format!(
            "There is no database yet at {}; `slotbridge --reconcile` makes it.\n",
            config.store.display()
        ))?;
        return Ok(Exit::InStep);
    }
    let store = database::copy(&config.store).await?;
    let mut known = read(&store, &config).await?;
    known.daemon = ask_daemon(&config).await;
    let now = SystemSeam::new().now();
    let text = match global.format {
        Format::Text => text(&known, now),
        Format::Json => json::to_text(&rows(&known, now)),
        Format::Markdown => markdown(&known, now),
    };
    output.report(&text)?;
    Ok(Exit::InStep)
}

/// Asks the daemon, if one runs. What the database says is worth showing without its answer.
async fn ask_daemon(config: &Config) -> Option<Status> {
    match Daemon::of(&config.store).status().await {
        Ok(mut status) => {
            let member = |name: &str| {
                config
                    .bridges
                    .iter()
                    .flat_map(|bridge| &bridge.members)
                    .any(|member| member.platform.as_str() == name)
            };
            status.platforms.retain(|platform| member(&platform.name));
            Some(status)
        }
        Err(ControlError::NotThere { .. }) => None,
        Err(error) => {
            tracing::warn!("{error}");
            None
        }
    }
}

/// Reads what belongs to the platforms and bridges of the config.
async fn read(store: &Store, config: &Config) -> Result<Known, Failure> {
    let mut summary = store.summary().await?;
    let member = |platform: &PlatformSummary| {
        config
            .bridges
            .iter()
            .flat_map(|bridge| &bridge.members)
            .any(|member| member.platform == platform.platform)
    };
    summary.platforms.retain(member);
    let ours =
        |bridge: &BridgeSummary| config.bridges.iter().any(|ours| ours.name == bridge.bridge);
    summary.bridges.retain(ours);
    let mut guards = Vec::new();
    for bridge in &config.bridges {
        let held = store.guards(&bridge.name).await?;
        guards.extend(
            held.into_iter()
                .map(|guard| (bridge.name.to_string(), guard)),
        );
    }
    let runs = store.last_runs(RUNS).await?;
    Ok(Known {
        summary,
        guards,
        runs,
        daemon: None,
    })
}

/// How long ago something was, in the largest unit that says enough.
pub(crate) fn age(now: Timestamp, at: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs();
    match seconds {
        ..0 => "a time ahead of this clock".to_owned(),
        0..=1 => "just now".to_owned(),
        2..120 => format!("{seconds} s ago"),
        120..7_200 => format!("{} min ago", seconds / 60),
        7_200..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// The same of a time that came as text.
pub(crate) fn age_of_text(now: Timestamp, at: &str) -> String {
    at.parse().map_or_else(
        |_no_time| format!("at {}", words::clean(at)),
        |at| age(now, at),
    )
}

fn age_of(now: Timestamp, at: Option<Timestamp>) -> String {
    at.map_or_else(|| "never".to_owned(), |at| age(now, at))
}

fn text(known: &Known, now: Timestamp) -> String {
    let mut out = String::new();
    let head = [
        "platform",
        "records",
        "last read",
        "last complete",
        "unreadable",
        "webhooks",
    ];
    let rows = known.summary.platforms.iter().map(|platform| {
        [
            platform.platform.to_string(),
            platform.live.to_string(),
            age_of(now, platform.state.seen_at),
            age_of(now, platform.state.complete_at),
            platform.unreadable.to_string(),
            platform.inbox.to_string(),
        ]
    });
    push_table(
        &mut out,
        std::iter::once(head.map(str::to_owned)).chain(rows),
    );
    live::text(&mut out, known.daemon.as_ref(), now);
    let head = ["bridge", "bookings", "open writes", "conflicts", "guards"];
    let rows = known.summary.bridges.iter().map(|bridge| {
        [
            bridge.bridge.to_string(),
            bridge.live.to_string(),
            bridge.journal_open.to_string(),
            bridge.conflicts_open.to_string(),
            bridge.guards_latched.to_string(),
        ]
    });
    push_table(
        &mut out,
        std::iter::once(head.map(str::to_owned)).chain(rows),
    );
    for (bridge, guard) in &known.guards {
        out.push_str(&styled(
            mood_style(Mood::Bad),
            &guard_words(bridge, guard, now),
        ));
        out.push('\n');
    }
    for run in &known.runs {
        out.push_str(&run_words(run, now));
        out.push('\n');
    }
    if known.runs.is_empty() {
        out.push_str("No run yet.\n");
    }
    out
}

fn push_table<const N: usize>(out: &mut String, rows: impl Iterator<Item = [String; N]>) {
    for line in table(rows) {
        out.push_str(&line);
        out.push('\n');
    }
    out.push('\n');
}

fn guard_words(bridge: &str, guard: &GuardRow, now: Timestamp) -> String {
    let approved = match guard.approved_at {
        Some(at) => format!("approved {}; the next run applies it", age(now, at)),
        None => format!("`slotbridge approve {bridge}` lets it through"),
    };
    format!(
        "held in {bridge} on {}: {} ({}); {approved}",
        guard.platform,
        words::guard(&guard.what, guard.limit, guard.planned),
        age(now, guard.tripped_at)
    )
}

fn run_words(run: &RunRow, now: Timestamp) -> String {
    let end = match (run.ended_at, run.exit_code) {
        (Some(_), Some(code)) => format!("exit {code}"),
        (Some(_), None) => "ended".to_owned(),
        (None, _) => "not ended: it works, or was killed".to_owned(),
    };
    let totals: Vec<String> = run
        .totals
        .iter()
        .filter(|(_, number)| *number > 0)
        .map(|(name, number)| format!("{name} {number}"))
        .collect();
    let totals = if totals.is_empty() {
        "nothing to do".to_owned()
    } else {
        totals.join(", ")
    };
    format!("{} {}: {end}; {totals}", run.kind, age(now, run.began_at))
}

fn markdown(known: &Known, now: Timestamp) -> String {
    let mut out = String::from(
        "| platform | records | last read | last complete | unreadable |\n| --- | ---: | --- | --- | ---: |\n",
    );
    for platform in &known.summary.platforms {
        put!(
            &mut out,
            "| {} | {} | {} | {} | {} |\n",
            platform.platform,
            platform.live,
            age_of(now, platform.state.seen_at),
            age_of(now, platform.state.complete_at),
            platform.unreadable
        );
    }
    live::markdown(&mut out, known.daemon.as_ref(), now);
    out.push_str("\n| bridge | bookings | open writes | conflicts | guards |\n| --- | ---: | ---: | ---: | ---: |\n");
    for bridge in &known.summary.bridges {
        put!(
            &mut out,
            "| {} | {} | {} | {} | {} |\n",
            bridge.bridge,
            bridge.live,
            bridge.journal_open,
            bridge.conflicts_open,
            bridge.guards_latched
        );
    }
    out.push('\n');
    for (bridge, guard) in &known.guards {
        put!(&mut out, "- {}\n", guard_words(bridge, guard, now));
    }
    for run in &known.runs {
        put!(&mut out, "- {}\n", run_words(run, now));
    }
    out
}

#[derive(Debug, Serialize)]
struct StatusRow {
    schema: u32,
    at: String,
    platforms: Vec<PlatformRow>,
    bridges: Vec<BridgeRow>,
    guards: Vec<HeldRow>,
    runs: Vec<LastRunRow>,
    /// Whether a daemon runs.
    daemon: bool,
}

#[derive(Debug, Serialize)]
struct PlatformRow {
    name: String,
    records: u64,
    unreadable: u64,
    webhooks_waiting: u64,
    seen_at: Option<String>,
    complete_at: Option<String>,
    complete_age_s: Option<i64>,
    #[serde(flatten)]
    live: LiveRow,
}

#[derive(Debug, Serialize)]
struct BridgeRow {
    name: String,
    bookings: u64,
    links: u64,
    journal_open: u64,
    journal_oldest_at: Option<String>,
    conflicts: u64,
    guards: u64,
}

#[derive(Debug, Serialize)]
struct HeldRow {
    bridge: String,
    platform: String,
    what: String,
    limit: u64,
    planned: u64,
    plan: String,
    at: String,
    approved_at: Option<String>,
}

#[derive(Debug, Serialize)]
struct LastRunRow {
    run: String,
    kind: String,
    began_at: String,
    ended_at: Option<String>,
    exit_code: Option<u8>,
    totals: std::collections::BTreeMap<String, u64>,
}

fn rows(known: &Known, now: Timestamp) -> StatusRow {
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
    StatusRow {
        schema: 1,
        at: now.to_string(),
        platforms: known
            .summary
            .platforms
            .iter()
            .map(|platform| PlatformRow {
                name: platform.platform.to_string(),
                records: platform.live,
                unreadable: platform.unreadable,
                webhooks_waiting: platform.inbox,
                seen_at: text(platform.state.seen_at),
                complete_at: text(platform.state.complete_at),
                complete_age_s: platform
                    .state
                    .complete_at
                    .map(|at| now.duration_since(at).as_secs()),
                live: LiveRow::of(known.daemon.as_ref(), platform.platform.as_str()),
            })
            .collect(),
        bridges: known
            .summary
            .bridges
            .iter()
            .map(|bridge| BridgeRow {
                name: bridge.bridge.to_string(),
                bookings: bridge.live,
                links: bridge.links,
                journal_open: bridge.journal_open,
                journal_oldest_at: text(bridge.journal_oldest),
                conflicts: bridge.conflicts_open,
                guards: bridge.guards_latched,
            })
            .collect(),
        guards: known
            .guards
            .iter()
            .map(|(bridge, guard)| HeldRow {
                bridge: bridge.clone(),
                platform: guard.platform.to_string(),
                what: guard.what.clone(),
                limit: guard.limit,
                planned: guard.planned,
                plan: guard.plan.clone(),
                at: guard.tripped_at.to_string(),
                approved_at: text(guard.approved_at),
            })
            .collect(),
        runs: known
            .runs
            .iter()
            .map(|run| LastRunRow {
                run: run.id.to_string(),
                kind: run.kind.clone(),
                began_at: run.began_at.to_string(),
                ended_at: text(run.ended_at),
                exit_code: run.exit_code,
                totals: run.totals.iter().cloned().collect(),
            })
            .collect(),
        daemon: known.daemon.is_some(),
    }
}
