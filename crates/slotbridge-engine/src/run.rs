//! The pass over all bridges: every account is looked at once, then every bridge is worked on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::join_all;
use jiff::SignedDuration;
use slotbridge_core::model::BridgeName;
use slotbridge_platform::platform::Priority;
use slotbridge_platform::seam::{Seam, random_bytes};
use slotbridge_store::{Change, JournalRow, RunId, Store};
use tracing::Instrument as _;

use crate::EngineError;
use crate::bridge::{Bridge, Mode, RunOptions};
use crate::guarding::Alarms;
use crate::observe::{Look, Observer};
use crate::report::Report;
use crate::scope::Scope;
use crate::settle;
use crate::sights::{Given, Sights};
use crate::watch::{Watch, zone_name};
use crate::work::{Planned, Stretch, Work};

/// How far the clock may have gone back between two runs before a guard stops the bridge.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(5);

/// Drives bridges over one database.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) seam: Arc<dyn Seam>,
}

/// The kinds of run in the database.
const RECONCILE: &str = "reconcile";
const APPLY: &str = "apply";
/// What a run exits with whose saved plan does not hold any more.
const STALE: u8 = 3;

/// What came of planning again what was planned before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replay {
    /// The same was planned, and carried out.
    Done(Report),
    /// Something else would be done now; it was not.
    Stale(Report),
}

impl Engine {
    /// An engine over this database and this clock.
    pub fn new(store: Store, seam: Arc<dyn Seam>) -> Self {
        Self { store, seam }
    }

    /// One full pass over the bridges, side by side.
    ///
    /// # Errors
    /// Only trouble with our own database; everything else is part of the report. Must be driven to its end: to stop
    /// it, cancel [`RunOptions::cancel`].
    pub async fn reconcile(
        &self,
        bridges: &[Bridge],
        options: &RunOptions,
    ) -> Result<Report, EngineError> {
        match self.pass(bridges, options, RECONCILE, None).await? {
            Replay::Done(report) | Replay::Stale(report) => Ok(report),
        }
    }

    /// One full pass that writes only if it plans exactly what an earlier one planned: `plans` holds what
    /// [`crate::report::BridgeReport::plan`] was then. As soon as one bridge plans anything else, nothing is written
    /// anywhere, and what was decided is not stored.
    ///
    /// # Errors
    /// As of [`Self::reconcile`].
    pub async fn replay(
        &self,
        bridges: &[Bridge],
        options: &RunOptions,
        plans: &BTreeMap<BridgeName, String>,
    ) -> Result<Replay, EngineError> {
        self.pass(bridges, options, APPLY, Some(plans)).await
    }

    async fn pass(
        &self,
        bridges: &[Bridge],
        options: &RunOptions,
        kind: &str,
        plans: Option<&BTreeMap<BridgeName, String>>,
    ) -> Result<Replay, EngineError> {
        let run = self.new_run();
        let began = self.seam.now();
        let alarms = self.alarms(bridges).await?;
        self.store
            .apply(vec![Change::RunBegan {
                run,
                kind: kind.to_owned(),
                at: began,
            }])
            .await?;
        let mut open: Vec<JournalRow> = Vec::new();
        for bridge in bridges {
            open.extend(self.store.journal_open(&bridge.name).await?);
        }
        settle::wait_for_grace(self.seam.as_ref(), &open).await;
        let sights = self.look_at_all(bridges, options).await?;
        let mut running = Vec::with_capacity(bridges.len());
        for bridge in bridges {
            let span = tracing::info_span!("bridge", name = %bridge.name, %run);
            let work = Work {
                store: &self.store,
                seam: self.seam.as_ref(),
                bridge,
                run,
                kind: None,
                sights: &sights,
                scope: &Scope::Whole,
                options,
                alarms: &alarms,
                looks_waited: true,
                stretch: Stretch::ThisRun,
            };
            running.push(async move { work.plan().await }.instrument(span));
        }
        // Everything is decided before anything is written only where that matters: bridges do not wait for each other.
        let (reports, stale) = match plans {
            None => {
                let running = running.into_iter().map(|planning| async {
                    let worked = planning.await?.carry_out().await?;
                    Ok::<_, EngineError>(worked.report)
                });
                (all(running).await?, false)
            }
            Some(plans) => {
                let planned = all(running).await?;
                let as_saved =
                    |one: &Planned<'_>| plans.get(&one.report.name) == Some(&one.report.plan);
                if planned.iter().all(as_saved) {
                    let running = planned.into_iter().map(|one| async {
                        let worked = one.carry_out().await?;
                        Ok::<_, EngineError>(worked.report)
                    });
                    (all(running).await?, false)
                } else {
                    (planned.into_iter().map(Planned::not_tried).collect(), true)
                }
            }
        };
        let report = Report {
            run: run.to_string(),
            generated_at: self.seam.now(),
            dry_run: options.mode == Mode::DryRun,
            cancelled: options.cancel.is_cancelled(),
            bridges: reports,
        };
        let exit_code = if stale { STALE } else { report.exit_code() };
        let totals = report.totals();
        self.store
            .apply(vec![Change::RunEnded {
                run,
                at: self.seam.now(),
                exit_code,
                totals: owned(totals),
            }])
            .await?;
        Ok(if stale {
            Replay::Stale(report)
        } else {
            Replay::Done(report)
        })
    }

    /// An id for a run that begins now.
    pub(crate) fn new_run(&self) -> RunId {
        RunId::from_parts(self.seam.now(), random_bytes(self.seam.as_ref()))
    }

    /// What has to be known before anything is looked at, because a look makes it as if it had always been so.
    pub(crate) async fn alarms(&self, bridges: &[Bridge]) -> Result<Alarms, EngineError> {
        let now = self.seam.now();
        let last = self.store.last_runs(1).await?.into_iter().next();
        let clock_went_back =
            last.is_some_and(|run| run.began_at.duration_since(now) > CLOCK_SLACK);
        let mut zones_changed = BTreeSet::new();
        for member in bridges.iter().flat_map(|bridge| &bridge.members) {
            let name = member.platform.name();
            let before = self.store.platform_state(name).await?.time_zone;
            if matches!((before.as_deref(), zone_name(&member.time_zone)), (Some(before), Some(now)) if before != now)
            {
                zones_changed.insert(name.clone());
            }
        }
        Ok(Alarms {
            clock_went_back,
            zones_changed,
        })
    }

    /// Looks at the whole window of every account, side by side.
    pub(crate) async fn look_at_all(
        &self,
        bridges: &[Bridge],
        options: &RunOptions,
    ) -> Result<Sights, EngineError> {
        let watches = Watch::of(bridges);
        let now = self.seam.now();
        let nothing = BTreeSet::new();
        let mut looking = Vec::with_capacity(watches.len());
        for watch in &watches {
            let span = tracing::info_span!("observe", platform = %watch.name());
            let observer = Observer {
                store: &self.store,
                seam: self.seam.as_ref(),
                watch,
                priority: Priority::Sweep,
                asked: &nothing,
                note_unchanged: true,
                note_look: true,
                cancel: &options.cancel,
                progress: options.progress.as_ref(),
            };
            let look = Look::Whole(watch.window(now));
            looking.push(async move { observer.look(&look).await }.instrument(span));
        }
        let mut sights = Sights::new();
        for (watch, sight) in watches.iter().zip(join_all(looking).await) {
            sights.insert(watch.name().clone(), Given::Looked(Arc::new(sight?), None));
        }
        Ok(sights)
    }
}

async fn all<T>(
    running: impl IntoIterator<Item = impl Future<Output = Result<T, EngineError>>>,
) -> Result<Vec<T>, EngineError> {
    join_all(running).await.into_iter().collect()
}

/// Totals as the database keeps them.
pub(crate) fn owned(totals: Vec<(&'static str, u64)>) -> Vec<(String, u64)> {
    totals
        .into_iter()
        .map(|(name, count)| (name.to_owned(), count))
        .collect()
}
