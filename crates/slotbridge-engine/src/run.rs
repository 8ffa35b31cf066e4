//! The pass over all bridges: every account is looked at once, then every bridge is worked on.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use jiff::SignedDuration;
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
use crate::work::{Stretch, Work};

/// How far the clock may have gone back between two runs before a guard stops the bridge.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(5);

/// Drives bridges over one database.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) seam: Arc<dyn Seam>,
}

/// The kind of a run in the database.
const RECONCILE: &str = "reconcile";

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
        let run = self.new_run();
        let began = self.seam.now();
        let alarms = self.alarms(bridges).await?;
        self.store
            .apply(vec![Change::RunBegan {
                run,
                kind: RECONCILE.to_owned(),
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
            running.push(async move { work.run().await }.instrument(span));
        }
        let mut reports = Vec::with_capacity(bridges.len());
        for worked in join_all(running).await {
            reports.push(worked?.report);
        }
        let report = Report {
            run: run.to_string(),
            generated_at: self.seam.now(),
            dry_run: options.mode == Mode::DryRun,
            cancelled: options.cancel.is_cancelled(),
            bridges: reports,
        };
        let (exit_code, totals) = (report.exit_code(), report.totals());
        self.store
            .apply(vec![Change::RunEnded {
                run,
                at: self.seam.now(),
                exit_code,
                totals: owned(totals),
            }])
            .await?;
        Ok(report)
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
    async fn look_at_all(
        &self,
        bridges: &[Bridge],
        options: &RunOptions,
    ) -> Result<Sights, EngineError> {
        let watches = Watch::of(bridges);
        let now = self.seam.now();
        let mut looking = Vec::with_capacity(watches.len());
        for watch in &watches {
            let span = tracing::info_span!("observe", platform = %watch.name());
            let observer = Observer {
                store: &self.store,
                seam: self.seam.as_ref(),
                watch,
                priority: Priority::Sweep,
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

/// Totals as the database keeps them.
pub(crate) fn owned(totals: Vec<(&'static str, u64)>) -> Vec<(String, u64)> {
    totals
        .into_iter()
        .map(|(name, count)| (name.to_owned(), count))
        .collect()
}
