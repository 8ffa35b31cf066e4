//! `slotbridge reconcile`: one full pass over every bridge, or its dry run.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use slotbridge_core::model::BridgeName;
use slotbridge_engine::Replay;
use slotbridge_engine::bridge::{Bridge, Mode};
use slotbridge_engine::report::Report;
use slotbridge_platform::reqwest_transport::ReqwestTransport;
use slotbridge_platform::system_seam::SystemSeam;
use slotbridge_store::{CallJournal, Store};
use tokio_util::sync::CancellationToken;

use super::Global;
use super::database;
use super::once::Once;
use super::output::Output;
use super::report::{Exit, Failure};
use super::stop;
use crate::config::Config;
use crate::registry::Parts;
use crate::render::{self, Showing};

/// Makes a pass and shows its report.
pub(crate) async fn run(global: &Global, dry_run: bool, output: &Output) -> Result<Exit, Failure> {
    let config = super::load(global)?;
    for exposed in crate::config::secret::exposed(&config) {
        tracing::warn!("{exposed}");
    }
    let mode = if dry_run { Mode::DryRun } else { Mode::Apply };
    let cancel = stop::on_signals(output)?;
    let (report, showing) = pass(global, &config, mode, cancel, output).await?;
    output.report(&render::report(&report, global.format, &showing))?;
    Ok(Exit::of(&report))
}

/// Makes a pass over the bridges of a config.
pub(crate) async fn pass(
    global: &Global,
    config: &Config,
    mode: Mode,
    cancel: CancellationToken,
    output: &Output,
) -> Result<(Report, Showing), Failure> {
    let (replay, showing) = make(global, config, Pass::New(mode), cancel, output).await?;
    match replay {
        Replay::Done(report) | Replay::Stale(report) => Ok((report, showing)),
    }
}

/// Which pass is made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pass<'a> {
    /// One of its own, or its dry run.
    New(Mode),
    /// One that writes only if it plans what an earlier one planned, by bridge.
    Replay(&'a BTreeMap<BridgeName, String>),
}

impl Pass<'_> {
    fn mode(self) -> Mode {
        match self {
            Self::New(mode) => mode,
            Self::Replay(_) => Mode::Apply,
        }
    }

    fn holder(self) -> &'static str {
        match self {
            Self::New(_) => "slotbridge reconcile",
            Self::Replay(_) => "slotbridge apply",
        }
    }
}

/// Makes a pass of either kind.
pub(crate) async fn make(
    global: &Global,
    config: &Config,
    pass: Pass<'_>,
    cancel: CancellationToken,
    output: &Output,
) -> Result<(Replay, Showing), Failure> {
    let mode = pass.mode();
    let store = open(global, config, mode, pass.holder()).await?;
    let once = Once::set_up(global, config, store, mode, cancel, output).await?;
    let Once {
        engine,
        bridges,
        options,
        ..
    } = &once;
    let replay = match pass {
        Pass::New(_) => engine.reconcile(bridges, options).await.map(Replay::Done),
        Pass::Replay(plans) => engine.replay(bridges, options, plans).await,
    };
    let (replay, _, showing) = once.close(replay, output).await?;
    Ok((replay, showing))
}

/// Each bridge's times are shown by the clock of its first platform.
pub(crate) fn bridge_zones(bridges: &[Bridge]) -> BTreeMap<BridgeName, jiff::tz::TimeZone> {
    bridges
        .iter()
        .filter_map(|bridge| {
            let first = bridge.members.first()?;
            Some((bridge.name.clone(), first.time_zone.clone()))
        })
        .collect()
}

/// Opens the database: for writing, or a copy of it in memory for a dry run.
pub(crate) async fn open(
    global: &Global,
    config: &Config,
    mode: Mode,
    holder: &str,
) -> Result<Store, Failure> {
    Ok(match mode {
        Mode::Apply => database::own(&config.store, holder, global.wait).await?,
        Mode::DryRun => database::copy(&config.store).await?,
    })
}

/// What the platforms of this process share. A dry run notes its calls where the last real run left its own, so that it
/// spends the same budget.
pub(crate) fn parts(database: &Path, mode: Mode) -> Result<Parts, Failure> {
    let calls = match mode {
        Mode::Apply => CallJournal::open(database)?,
        Mode::DryRun => CallJournal::open_existing_or_memory(database)?,
    };
    let transport = ReqwestTransport::new().context("no platform can be called")?;
    Ok(Parts {
        seam: Arc::new(SystemSeam::new()),
        transport: Arc::new(transport),
        calls: Arc::new(calls),
        listener: None,
    })
}
