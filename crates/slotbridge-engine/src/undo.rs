//! Taking back a run: look, work out the inverse, ask, and carry it out like any other plan.

use slotbridge_core::model::{BookingId, BridgeName};
use slotbridge_core::order;
use slotbridge_core::plan::Operation;
use slotbridge_store::{Change, JournalRow, RunId};
use tracing::Instrument as _;

use crate::EngineError;
use crate::bridge::{Bridge, Mode, RunOptions};
use crate::found::{empty_report, report_rebooking, report_rows};
use crate::guarding::Guarding;
use crate::inverse::inverse;
use crate::report::{BridgeReport, OutcomeWord, Report};
use crate::run::{Engine, owned};
use crate::scope::Scope;
use crate::settle;
use crate::steps::operation_report;
use crate::view::View;
use crate::work::{Calls, Stretch, Work, planned, taken};

/// The kind of a run that takes back another, in the database.
pub const UNDO: &str = "undo";

/// Asks the person who wanted it whether a plan is to be carried out.
pub trait Ask: Send + Sync {
    /// Shows the plan, of which nothing is done yet, and gives the answer.
    fn go_on(&self, plan: &Report) -> bool;
}

/// A plan of one bridge that waits for an answer.
pub(crate) struct Prepared<'a> {
    pub(crate) work: Work<'a>,
    pub(crate) view: View<'a>,
    pub(crate) ordered: Vec<Operation>,
    pub(crate) held: Vec<Operation>,
    /// What is stored before anything is done: guards that this plan uses up, and what its journal refers to.
    pub(crate) used: Vec<Change>,
    pub(crate) report: BridgeReport,
}

impl Engine {
    /// The bridges in which a run has operations, of those that the database knows.
    ///
    /// # Errors
    /// Trouble with our own database.
    pub async fn bridges_of_run(&self, run: RunId) -> Result<Vec<BridgeName>, EngineError> {
        let rows = self.store.journal_of_run(run).await?;
        let mut names: Vec<BridgeName> = rows.into_iter().map(|row| row.bridge).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Takes back the operations of a run in these bridges, where nobody has gone on from what it left.
    ///
    /// In [`Mode::Apply`] nothing is written to a platform before `ask` has agreed.
    ///
    /// # Errors
    /// Only trouble with our own database; everything else is part of the report. Must be driven to its end: to stop
    /// it, cancel [`RunOptions::cancel`].
    pub async fn undo(
        &self,
        bridges: &[Bridge],
        of: RunId,
        options: &RunOptions,
        ask: &dyn Ask,
    ) -> Result<Report, EngineError> {
        let run = self.new_run();
        let alarms = self.alarms(bridges).await?;
        let mut open: Vec<JournalRow> = Vec::new();
        for bridge in bridges {
            open.extend(self.store.journal_open(&bridge.name).await?);
        }
        settle::wait_for_grace(self.seam.as_ref(), &open).await;
        let sights = self.look_at_all(bridges, options).await?;
        let mut prepared = Vec::with_capacity(bridges.len());
        for bridge in bridges {
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
            prepared.push(prepare(work, of).instrument(span).await?);
        }
        self.carry_out(run, UNDO, prepared, options, ask).await
    }

    /// Asks, and carries out what was prepared if the answer is yes.
    pub(crate) async fn carry_out(
        &self,
        run: RunId,
        kind: &str,
        prepared: Vec<Prepared<'_>>,
        options: &RunOptions,
        ask: &dyn Ask,
    ) -> Result<Report, EngineError> {
        let report = |bridges: Vec<BridgeReport>, dry_run: bool| Report {
            run: run.to_string(),
            generated_at: self.seam.now(),
            dry_run,
            cancelled: options.cancel.is_cancelled(),
            bridges,
        };
        let as_planned = |one: &Prepared<'_>| {
            let ordered = one.ordered.iter().cloned().map(planned).collect();
            one.told(ordered, &Calls::new())
        };
        let wanted = prepared.iter().any(|one| !one.ordered.is_empty());
        if options.mode == Mode::DryRun || !wanted {
            let bridges = prepared.iter().map(as_planned).collect();
            return Ok(report(bridges, options.mode == Mode::DryRun));
        }
        let plan = report(prepared.iter().map(as_planned).collect(), true);
        if !ask.go_on(&plan) {
            return Ok(plan);
        }
        self.store
            .apply(vec![Change::RunBegan {
                run,
                kind: kind.to_owned(),
                at: self.seam.now(),
            }])
            .await?;
        let mut bridges = Vec::with_capacity(prepared.len());
        for mut one in prepared {
            let span = tracing::info_span!("bridge", name = %one.work.bridge.name, %run);
            one.work.apply(std::mem::take(&mut one.used)).await?;
            let ordered = std::mem::take(&mut one.ordered);
            let (done, calls) = one
                .work
                .execute(&one.view, ordered)
                .instrument(span)
                .await?;
            bridges.push(one.told(done, &calls));
        }
        let report = report(bridges, false);
        self.store
            .apply(vec![Change::RunEnded {
                run,
                at: self.seam.now(),
                exit_code: report.exit_code(),
                totals: owned(report.totals()),
            }])
            .await?;
        Ok(report)
    }
}

impl Prepared<'_> {
    /// The report, once it is known what became of the operations.
    fn told(&self, done: Vec<crate::execute::Done>, calls: &Calls) -> BridgeReport {
        let mut report = self.report.clone();
        for operation in &self.held {
            let mut shown = operation_report(operation, OutcomeWord::Planned);
            shown.held = true;
            report.operations.push(shown);
        }
        for one in done {
            let mut shown = operation_report(&one.operation, one.outcome);
            shown.remote_id = one.remote_id.or(shown.remote_id);
            shown.error = one.error;
            report.operations.push(shown);
        }
        report_rebooking(&self.view, &mut report);
        report_rows(&self.view, calls, &mut report);
        report.sort();
        report
    }
}

/// Works out what takes back the run in one bridge.
async fn prepare(work: Work<'_>, of: RunId) -> Result<Prepared<'_>, EngineError> {
    let (store, bridge) = (work.store, work.bridge);
    let mut view = settled_view(&work).await?;
    let mut bookings: Vec<BookingId> = store
        .journal_of_run(of)
        .await?
        .into_iter()
        .filter(|row| row.bridge == bridge.name)
        .map(|row| row.operation.booking)
        .collect();
    bookings.sort();
    bookings.dedup();
    let journal = store.journal_of_bookings(&bridge.name, bookings).await?;
    let inverse = inverse(&view, of, &journal);
    let mut report = empty_report(bridge);
    report.waiting = inverse.left;
    guarded(work, &mut view, inverse.operations, report)
        .await
        .map(|(ordered, held, used, report)| Prepared {
            work,
            view,
            ordered,
            held,
            used,
            report,
        })
}

/// What the platforms show, with what earlier runs left open settled as far as that can be.
pub(crate) async fn settled_view<'a>(work: &Work<'a>) -> Result<View<'a>, EngineError> {
    let open = work.store.journal_open(&work.bridge.name).await?;
    let mut view = work.view(work.seam.now()).await?;
    let settled = settle::settle(&mut view, &open, settle::begun(work.seam));
    work.apply(settled).await?;
    Ok(view)
}

type Guarded = (Vec<Operation>, Vec<Operation>, Vec<Change>, BridgeReport);

/// Lets the guards look at a plan, and brings what may go on into order.
pub(crate) async fn guarded(
    work: Work<'_>,
    view: &mut View<'_>,
    operations: Vec<Operation>,
    mut report: BridgeReport,
) -> Result<Guarded, EngineError> {
    let guarding = Guarding {
        store: work.store,
        bridge: work.bridge,
        scope: work.scope,
    };
    let mut facts = guarding.facts(view.now, work.alarms, work.stretch).await?;
    let (pass, held, used) = guarding
        .judge_asked(view, operations, &mut facts, &mut report)
        .await?;
    let ordered = order::order(pass, &taken(view));
    Ok((ordered, held, used, report))
}
