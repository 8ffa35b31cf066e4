//! Leaving a platform cleanly: look, find what slotbridge made there, ask, and remove it like any other plan.

use std::collections::BTreeSet;

use slotbridge_core::guard::Limits;
use slotbridge_core::model::{BookingId, PlatformName, RemoteId};
use slotbridge_platform::seam::random_bytes;
use tracing::Instrument as _;

use crate::EngineError;
use crate::bridge::{Bridge, RunOptions};
use crate::found::empty_report;
use crate::purging::{linked_bookings, purging};
use crate::report::Report;
use crate::run::Engine;
use crate::scope::Scope;
use crate::settle;
use crate::undo::{Ask, Prepared, guarded, settled_view};
use crate::work::{Stretch, Work};

/// The kind of a run that purges a platform, in the database.
pub const PURGE: &str = "purge";

/// No limit on numbers: how many records go is what the person is asked about. What casts doubt on the platform's word
/// holds all the same.
const UNLIMITED: Limits = Limits {
    removals_max: 0,
    removals_max_percent: 0,
    removals_max_day: 0,
    updates_max: 0,
    updates_max_percent: 0,
    updates_max_day: 0,
    creates_max: 0,
    creates_max_percent: 0,
    creates_max_day: 0,
};

impl Engine {
    /// Removes from a platform, within the bridges' windows, what slotbridge made there. Only that platform is read.
    ///
    /// In [`crate::bridge::Mode::Apply`] nothing is written to it before `ask` has agreed.
    ///
    /// # Errors
    /// Only trouble with our own database; everything else is part of the report. Must be driven to its end: to stop
    /// it, cancel [`RunOptions::cancel`].
    pub async fn purge(
        &self,
        bridges: &[Bridge],
        platform: &PlatformName,
        options: &RunOptions,
        ask: &dyn Ask,
    ) -> Result<Report, EngineError> {
        let bridges: Vec<Bridge> = bridges
            .iter()
            .map(|bridge| alone(bridge, platform))
            .filter(|bridge| !bridge.members.is_empty())
            .collect();
        let run = self.new_run();
        let alarms = self.alarms(&bridges).await?;
        let mut open = Vec::new();
        for bridge in &bridges {
            open.extend(self.store.journal_open(&bridge.name).await?);
        }
        settle::wait_for_grace(self.seam.as_ref(), &open).await;
        let sights = self.look_at_all(&bridges, options).await?;
        let mut prepared = Vec::with_capacity(bridges.len());
        for bridge in &bridges {
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
            let span = tracing::info_span!("bridge", name = %bridge.name, %run);
            prepared.push(prepare(work).instrument(span).await?);
        }
        forget_what_another_bridge_knows(&mut prepared);
        self.carry_out(run, PURGE, prepared, options, ask).await
    }
}

/// The bridge as if it had this platform only.
fn alone(bridge: &Bridge, platform: &PlatformName) -> Bridge {
    let mut alone = bridge.clone();
    alone
        .members
        .retain(|member| member.platform.name() == platform);
    alone.limits = UNLIMITED;
    alone
}

/// A record that one bridge has no words for may be another's.
fn forget_what_another_bridge_knows(prepared: &mut [Prepared<'_>]) {
    let known: BTreeSet<RemoteId> = prepared
        .iter()
        .flat_map(|one| one.ordered.iter().chain(&one.held))
        .filter_map(|operation| operation.action.remote_id().cloned())
        .collect();
    for one in prepared {
        one.report.ambiguous.retain(|doubtful| {
            doubtful
                .remote_id
                .as_ref()
                .is_none_or(|id| !known.contains(id))
        });
    }
}

async fn prepare(work: Work<'_>) -> Result<Prepared<'_>, EngineError> {
    let (store, bridge, seam) = (work.store, work.bridge, work.seam);
    let mut view = settled_view(&work).await?;
    let journal = store
        .journal_of_bookings(&bridge.name, linked_bookings(&view))
        .await?;
    let mut new_id = || BookingId::from_parts(seam.now(), random_bytes(seam));
    let found = purging(&mut view, &journal, &mut new_id);
    let mut report = empty_report(bridge);
    report.waiting = found.left;
    report.ambiguous = found
        .doubtful
        .into_iter()
        .map(|doubtful| crate::report::AmbiguousReport {
            platform: doubtful.platform,
            remote_id: doubtful.remote_id,
            candidates: Vec::new(),
            why: doubtful.why,
        })
        .collect();
    let (ordered, held, used, report) = guarded(work, &mut view, found.operations, report).await?;
    let mut first = found.changes;
    first.extend(used);
    Ok(Prepared {
        work,
        ordered,
        held,
        used: first,
        report,
        view,
    })
}
