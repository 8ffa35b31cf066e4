//! One run of one bridge, step by step, and the pass over all bridges.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use slotbridge_core::guard::{self, Facts, Trip};
use slotbridge_core::merge::Shown;
use slotbridge_core::model::{BookingId, PlatformName};
use slotbridge_core::order::{self, Taken};
use slotbridge_core::plan::Operation;
use slotbridge_core::record::Window;
use slotbridge_platform::seam::{Seam, random_bytes};
use slotbridge_store::{Change, RunId, Store};
use tokio::sync::mpsc;
use tracing::Instrument as _;

use crate::EngineError;
use crate::blocks;
use crate::bridge::{Bridge, Mode, RunOptions};
use crate::decide::{Decision, decide};
use crate::execute::{Done, Executor, Task, show_progress};
use crate::found::{empty_report, report_rebooking, report_rows, report_unsettled};
use crate::observe::observe;
use crate::report::{BridgeReport, GuardReport, OutcomeWord, Report};
use crate::settle;
use crate::steps::{fingerprint, operation_report};
use crate::view::{MemberView, View, load_bookings, load_rows};

/// How far the clock may have gone back between two runs before a guard stops the bridge.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(5);

/// Drives bridges over one database.
#[derive(Debug, Clone)]
pub struct Engine {
    store: Store,
    seam: Arc<dyn Seam>,
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
        let run = RunId::from_parts(self.seam.now(), random_bytes(self.seam.as_ref()));
        let began = self.seam.now();
        let clock_went_back = self.clock_went_back(began).await?;
        self.store
            .apply(vec![Change::RunBegan {
                run,
                kind: RECONCILE.to_owned(),
                at: began,
            }])
            .await?;
        let mut reports = Vec::with_capacity(bridges.len());
        let mut running = Vec::with_capacity(bridges.len());
        for bridge in bridges {
            let span = tracing::info_span!("bridge", name = %bridge.name, %run);
            running.push(
                self.bridge(run, bridge, options, clock_went_back)
                    .instrument(span),
            );
        }
        for report in join_all(running).await {
            reports.push(report?);
        }
        let report = Report {
            run: run.to_string(),
            generated_at: self.seam.now(),
            dry_run: options.mode == Mode::DryRun,
            cancelled: options.cancel.is_cancelled(),
            bridges: reports,
        };
        let (exit_code, totals) = (report.exit_code(), report.totals());
        let totals = totals
            .into_iter()
            .map(|(name, count)| (name.to_owned(), count))
            .collect();
        self.store
            .apply(vec![Change::RunEnded {
                run,
                at: self.seam.now(),
                exit_code,
                totals,
            }])
            .await?;
        Ok(report)
    }

    async fn clock_went_back(&self, now: Timestamp) -> Result<bool, EngineError> {
        let last = self.store.last_runs(1).await?.into_iter().next();
        Ok(last.is_some_and(|run| run.began_at.duration_since(now) > CLOCK_SLACK))
    }

    async fn bridge(
        &self,
        run: RunId,
        bridge: &Bridge,
        options: &RunOptions,
        clock_went_back: bool,
    ) -> Result<BridgeReport, EngineError> {
        let (store, seam) = (&self.store, self.seam.as_ref());
        let open = store.journal_open(&bridge.name).await?;
        settle::wait_for_grace(seam, &open).await;
        let mut facts = self.facts(bridge, clock_went_back).await?;

        let mut view = self.observe_all(bridge, options).await?;
        for row in store.refusals(&bridge.name).await? {
            view.refused
                .insert((row.operation.booking, row.operation.platform.clone()), row);
        }
        let settled = settle::settle(&mut view, &open);
        store.apply(settled).await?;

        let mut report = empty_report(bridge);
        let mut new_id = || BookingId::from_parts(seam.now(), random_bytes(seam));
        let Decision {
            changes,
            operations,
        } = decide(&mut view, &mut report, &mut new_id);
        store.apply(changes).await?;

        let (allowed, held) = self
            .guard(&view, operations, &mut facts, &mut report)
            .await?;
        for operation in &held {
            let mut shown = operation_report(operation, OutcomeWord::Planned);
            shown.held = true;
            report.operations.push(shown);
        }
        let ordered = order::order(allowed, &taken(&view));
        let done = match options.mode {
            Mode::DryRun => ordered.into_iter().map(planned).collect(),
            Mode::Apply => self.execute(run, bridge, &view, ordered, options).await?,
        };
        for one in done {
            let mut shown = operation_report(&one.operation, one.outcome);
            shown.remote_id = one.remote_id.or(shown.remote_id);
            shown.error = one.error;
            report.operations.push(shown);
        }
        report_unsettled(&view, &open, &mut report);
        report_rebooking(&view, &mut report);
        report_rows(&view, &mut report);
        self.number_conflicts(bridge, &mut report).await?;
        report.sort();
        Ok(report)
    }

    /// Reads every platform of the bridge, then what the mirror and the links know.
    async fn observe_all<'a>(
        &self,
        bridge: &'a Bridge,
        options: &RunOptions,
    ) -> Result<View<'a>, EngineError> {
        let (store, seam) = (&self.store, self.seam.as_ref());
        let began = seam.now();
        let window = Window {
            from: began
                .checked_sub(bridge.window_past)
                .unwrap_or(Timestamp::MIN),
            to: began
                .checked_add(bridge.window_future)
                .unwrap_or(Timestamp::MAX),
        };
        let mut reading = Vec::with_capacity(bridge.members.len());
        for member in &bridge.members {
            let span = tracing::info_span!("observe", platform = %member.platform.name());
            reading.push(observe(store, seam, bridge, member, window, options).instrument(span));
        }
        let observed = join_all(reading).await;
        // Reading may have taken minutes; what is over or too soon is judged by the time of the decision.
        let now = seam.now();
        let bookings = load_bookings(store, bridge, now).await?;
        let mut members = Vec::with_capacity(bridge.members.len());
        for (member, observed) in bridge.members.iter().zip(observed) {
            let mut observed = observed?;
            blocks::refresh(store, bridge, member, &mut observed, &bookings, now).await?;
            let rows = load_rows(store, bridge, member, &observed, &bookings, now).await?;
            members.push(MemberView {
                member,
                observed,
                rows,
            });
        }
        Ok(View {
            bridge,
            now,
            members,
            bookings,
            unsettled: std::collections::BTreeSet::new(),
            refused: BTreeMap::new(),
        })
    }

    /// What the guards must know from before the run.
    async fn facts(
        &self,
        bridge: &Bridge,
        clock_went_back: bool,
    ) -> Result<BTreeMap<PlatformName, Facts>, EngineError> {
        let now = self.seam.now();
        let day_ago = now
            .checked_sub(SignedDuration::from_hours(24))
            .unwrap_or(Timestamp::MIN);
        let mut facts = BTreeMap::new();
        for member in &bridge.members {
            let name = member.platform.name();
            let day = self
                .store
                .journal_counts(&bridge.name, name, day_ago)
                .await?;
            let zone = self.store.platform_state(name).await?.time_zone;
            let zone_changed = matches!(
                (zone.as_deref(), member.time_zone.iana_name()), (Some(before), Some(now)) if before != now
            );
            facts.insert(
                name.clone(),
                Facts {
                    live_mirrored: 0,
                    creates_day: day.create,
                    updates_day: day.update,
                    removals_day: day.remove,
                    ids_all_new: false,
                    clock_went_back,
                    zone_changed,
                },
            );
        }
        Ok(facts)
    }

    /// Lets the guards look at the plan, and stores what tripped.
    async fn guard(
        &self,
        view: &View<'_>,
        operations: Vec<Operation>,
        facts: &mut BTreeMap<PlatformName, Facts>,
        report: &mut BridgeReport,
    ) -> Result<(Vec<Operation>, Vec<Operation>), EngineError> {
        for member in &view.members {
            if let Some(facts) = facts.get_mut(member.name()) {
                let live = member
                    .rows
                    .values()
                    .filter(|row| matches!(row.shown, Shown::Live(_)))
                    .count();
                facts.live_mirrored = u64::try_from(live).unwrap_or(u64::MAX);
                facts.ids_all_new = member.observed.ids_all_new;
            }
        }
        let latched = self.store.guards(&view.bridge.name).await?;
        for guard in &latched {
            // What was in doubt stays so until a person has looked: one run later it would look settled.
            if let Some(facts) = facts.get_mut(&guard.platform) {
                facts.doubt(&guard.what);
            }
        }
        let approved = latched
            .iter()
            .filter(|guard| guard.approved_at.is_some())
            .map(|guard| (guard.platform.clone(), guard.plan.clone()))
            .collect();
        let mut verdict = guard::judge(operations, facts, &view.bridge.limits, &approved);
        verdict.trips.extend(other_ids(view, &verdict.trips));
        let (bridge, at) = (&view.bridge.name, view.now);
        let mut changes = Vec::new();
        for guard in &latched {
            // A guard lets go when what it held is no longer planned, or was approved and passes now.
            if !verdict
                .trips
                .iter()
                .any(|trip| trip.platform == guard.platform && trip.what == guard.what)
            {
                changes.push(Change::GuardReleased {
                    bridge: bridge.clone(),
                    platform: guard.platform.clone(),
                    what: guard.what.clone(),
                });
            }
        }
        for trip in verdict.trips {
            changes.push(Change::Guard {
                bridge: bridge.clone(),
                platform: trip.platform.clone(),
                what: trip.what.to_owned(),
                limit: trip.limit,
                planned: trip.planned,
                plan: trip.plan.clone(),
                at,
            });
            report.guards.push(GuardReport {
                platform: trip.platform,
                what: trip.what.to_owned(),
                limit: trip.limit,
                planned: trip.planned,
                plan: trip.plan,
            });
        }
        self.store.apply(changes).await?;
        Ok((verdict.pass, verdict.held))
    }

    async fn execute(
        &self,
        run: RunId,
        bridge: &Bridge,
        view: &View<'_>,
        ordered: Vec<Operation>,
        options: &RunOptions,
    ) -> Result<Vec<Done>, EngineError> {
        let total = u64::try_from(ordered.len()).unwrap_or(u64::MAX);
        let executor = Executor {
            store: &self.store,
            seam: self.seam.as_ref(),
            bridge,
            run,
            options,
        };
        let (progress, finished) = mpsc::unbounded_channel();
        let mut queues: BTreeMap<PlatformName, Vec<Task>> = BTreeMap::new();
        for operation in ordered {
            let task = task(view, operation);
            queues
                .entry(task.operation.platform.clone())
                .or_default()
                .push(task);
        }
        let mut working = Vec::with_capacity(queues.len());
        for member in &bridge.members {
            let Some(tasks) = queues.remove(member.platform.name()) else {
                continue;
            };
            let span = tracing::info_span!("execute", platform = %member.platform.name());
            working.push(
                executor
                    .platform(member, tasks, progress.clone())
                    .instrument(span),
            );
        }
        drop(progress);
        let (finished, ()) = tokio::join!(
            join_all(working),
            show_progress(bridge, options, total, finished)
        );
        let mut done = Vec::new();
        for queue in finished {
            done.extend(queue?);
        }
        Ok(done)
    }

    /// Gives the reported conflicts the ids under which a person can decide them.
    async fn number_conflicts(
        &self,
        bridge: &Bridge,
        report: &mut BridgeReport,
    ) -> Result<(), EngineError> {
        if report.conflicts.is_empty() {
            return Ok(());
        }
        let stored = self.store.conflicts(Some(&bridge.name)).await?;
        for conflict in &mut report.conflicts {
            let row = stored.iter().find(|row| {
                row.booking == conflict.booking && row.conflict.subject == conflict.conflict.subject
            });
            conflict.id = row.map(|row| row.id.to_string());
        }
        Ok(())
    }
}

/// A feed whose ids have all changed is told at once, also when nothing is planned because of it: the next run looks for
/// the known records, and what it would do about those that are gone waits for a person.
fn other_ids(view: &View<'_>, trips: &[Trip]) -> Vec<Trip> {
    view.members
        .iter()
        .filter(|member| member.observed.ids_all_new)
        .filter(|member| !trips.iter().any(|trip| trip.platform == *member.name()))
        .map(|member| Trip {
            platform: member.name().clone(),
            what: guard::IDS_ALL_NEW,
            limit: 0,
            planned: u64::try_from(member.observed.seen.len()).unwrap_or(u64::MAX),
            plan: guard::IDS_ALL_NEW.to_owned(),
        })
        .collect()
}

fn planned(operation: Operation) -> Done {
    Done {
        operation,
        outcome: OutcomeWord::Planned,
        remote_id: None,
        error: None,
    }
}

fn task(view: &View<'_>, operation: Operation) -> Task {
    let shadow = view
        .bookings
        .get(&operation.booking)
        .and_then(|known| known.links.get(&operation.platform))
        .map(|link| link.shadow.clone());
    let record = operation
        .action
        .remote_id()
        .and_then(|id| view.member(&operation.platform)?.rows.get(id))
        .map(|row| row.record.clone());
    Task {
        fingerprint: fingerprint(view, &operation),
        operation,
        shadow,
        record,
    }
}

/// Who takes which time on each platform before the plan begins.
fn taken(view: &View<'_>) -> Vec<Taken> {
    let mut taken = Vec::new();
    for (id, known) in &view.bookings {
        for (platform, link) in &known.links {
            if let Shown::Live(shown) = view.shown(platform, link) {
                taken.push(Taken {
                    platform: platform.clone(),
                    booking: *id,
                    resource: shown.resource.clone(),
                    slot: shown.slot,
                });
            }
        }
    }
    taken
}
