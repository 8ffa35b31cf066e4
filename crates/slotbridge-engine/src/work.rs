//! One run of one bridge over what is known of its platforms: settle → decide → guard → execute.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use slotbridge_core::guard::{Facts, basis_hash};
use slotbridge_core::merge::Shown;
use slotbridge_core::model::{BookingId, PlatformName, RemoteId, ResourceKey, Slot};
use slotbridge_core::order::{self, Taken};
use slotbridge_core::plan::{Action, Operation};
use slotbridge_platform::ErrorKind;
use slotbridge_platform::seam::{Seam, random_bytes};
use slotbridge_platform::tally;
use slotbridge_store::{Change, JournalRow, JournalState, Outcome, RunId, Store};
use tokio::sync::mpsc;
use tracing::Instrument as _;

use crate::EngineError;
use crate::blocks::{self, Refused};
use crate::bridge::{Bridge, Mode, RunOptions};
use crate::decide::{Decision, decide};
use crate::execute::{Done, Executor, Task, show_progress};
use crate::found::{empty_report, report_rebooking, report_rows, report_unsettled};
use crate::guarding::{Alarms, Guarding, Judged};
use crate::presume;
use crate::refusal;
use crate::report::{BridgeReport, OutcomeWord, Report};
use crate::run::owned;
use crate::scope::{self, Scope};
use crate::settle;
use crate::sights::{Observed, Sights};
use crate::steps::{basis, operation_report};
use crate::view::{MemberView, View, read_rows};
use crate::whole::{self, Wanted};

/// Over which stretch the limits of one run are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stretch {
    /// This run alone: a pass that somebody asked for.
    ThisRun,
    /// Everything that was done since so long ago: the work of an engine that is always on comes in small runs, and many
    /// small ones must not do what one large one may not.
    Rolling(SignedDuration),
}

/// Calls made, by platform.
pub(crate) type Calls = BTreeMap<PlatformName, u64>;

/// A run of a bridge.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work<'a> {
    pub(crate) store: &'a Store,
    pub(crate) seam: &'a dyn Seam,
    pub(crate) bridge: &'a Bridge,
    pub(crate) run: RunId,
    /// What the run is called in the database, which hears of it only if it writes; `None` when somebody else tells it.
    pub(crate) kind: Option<&'static str>,
    /// What is known of the platforms.
    pub(crate) sights: &'a Sights,
    /// What it is about.
    pub(crate) scope: &'a Scope,
    pub(crate) options: &'a RunOptions,
    pub(crate) alarms: &'a Alarms,
    /// Whether every look was begun late enough to settle what earlier runs left open.
    pub(crate) looks_waited: bool,
    pub(crate) stretch: Stretch,
}

/// What a run did, and what has to follow.
#[derive(Debug)]
pub(crate) struct Worked {
    /// What it found and did.
    pub(crate) report: BridgeReport,
    /// Bookings whose operations had certainly no effect, by platform: to be tried again.
    pub(crate) failed: BTreeMap<PlatformName, BTreeSet<BookingId>>,
    /// Platforms with operations of this run whose outcome nobody knows.
    pub(crate) unknown: BTreeSet<PlatformName>,
    /// Records that have moved on since they were read.
    pub(crate) stale: BTreeSet<(PlatformName, RemoteId)>,
    /// Platforms that were not known well enough to write to.
    pub(crate) not_read: BTreeSet<PlatformName>,
    /// Whether a guard holds something that only a run over the whole bridge can tell of.
    pub(crate) held_in_part: bool,
    /// Whether it was stopped before it had done all that it might.
    pub(crate) gave_way: bool,
    /// Records that came back from a write with a change of somebody else's.
    pub(crate) touched: BTreeSet<(PlatformName, RemoteId)>,
    /// Changes that have arrived: from where, where, what, and how old.
    pub(crate) fresh: Vec<Fresh>,
    /// Times that records of these platforms have left.
    pub(crate) vacated: Vec<(PlatformName, ResourceKey, Slot)>,
    /// Platforms that could not be written to.
    pub(crate) down: BTreeMap<PlatformName, (ErrorKind, String)>,
}

/// A change that has arrived somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fresh {
    pub(crate) from: PlatformName,
    pub(crate) to: PlatformName,
    pub(crate) op: &'static str,
    pub(crate) age: Duration,
}

/// A run that is decided, and has written neither to a platform nor what it decided.
#[derive(Debug)]
pub(crate) struct Planned<'a> {
    work: Work<'a>,
    view: View<'a>,
    /// What is wanted, not yet guarded or ordered.
    pub(crate) operations: Vec<Operation>,
    /// What was found; says nothing of operations yet.
    pub(crate) report: BridgeReport,
    /// What was decided, not yet stored.
    pub(crate) changes: Vec<Change>,
    /// Platforms that were not known well enough to write to.
    pub(crate) not_read: BTreeSet<PlatformName>,
    open: Vec<JournalRow>,
    facts: BTreeMap<PlatformName, Facts>,
}

impl<'a> Work<'a> {
    /// Does the run. Must be driven to its end: to stop it, cancel [`RunOptions::cancel`].
    pub(crate) async fn run(self) -> Result<Worked, EngineError> {
        self.plan().await?.carry_out().await
    }

    /// Decides what is to be done, looking only into what is not at rest.
    pub(crate) async fn plan(self) -> Result<Planned<'a>, EngineError> {
        self.plan_over(true).await
    }

    /// The same with everything loaded, to compare with.
    #[cfg(test)]
    pub(crate) async fn plan_over_everything(self) -> Result<Planned<'a>, EngineError> {
        self.plan_over(false).await
    }

    async fn plan_over(self, only_restless: bool) -> Result<Planned<'a>, EngineError> {
        let (store, seam, bridge) = (self.store, self.seam, self.bridge);
        let open = store.journal_open(&bridge.name).await?;
        let guarding = Guarding {
            store,
            bridge,
            scope: self.scope,
        };
        let now = seam.now();
        let facts = guarding.facts(now, self.alarms, self.stretch).await?;
        let conflicts = store.conflicts(Some(&bridge.name)).await?;
        let wanted = Wanted {
            open: open.iter().map(|row| row.operation.booking).collect(),
            made: open
                .iter()
                .any(|row| matches!(row.operation.action, Action::Create { .. })),
            disputed: conflicts.iter().map(|row| row.booking).collect(),
        };
        let mut view = self
            .look_over(now, &open, Some(&wanted).filter(|_| only_restless))
            .await?;
        for row in store.refusals(&bridge.name).await? {
            view.refused
                .insert((row.operation.booking, row.operation.platform.clone()), row);
        }
        for row in conflicts {
            view.open_conflicts
                .entry(row.booking)
                .or_default()
                .push(row);
        }
        let (open, elsewhere): (Vec<JournalRow>, Vec<JournalRow>) = open
            .into_iter()
            .partition(|row| view.focus.has_booking(row.operation.booking));
        for row in elsewhere {
            if let Some(place) = scope::may_have_taken(&row) {
                let create = (row.operation.booking, row.operation.platform);
                view.unsettled.insert(create, place);
            }
        }
        let settled = settle::settle(&mut view, &open, settle::begun(seam));
        self.apply(settled).await?;
        let mut found_out = Vec::new();
        let shown = settle::comments::newly_shown(&view);
        if !shown.is_empty() {
            let journal = store.journal_of_bookings(&bridge.name, shown).await?;
            settle::comments::take_over(&mut view, &journal, &mut found_out);
        }
        let turned_up = settle::late::turned_up(&view);
        if !turned_up.is_empty() {
            view.sent = store.journal_of_bookings(&bridge.name, turned_up).await?;
        }
        let explained = self.presumed_in_vain(&view).await?;
        presume::take_back(&mut view, explained, &mut found_out);

        let mut report = empty_report(bridge);
        let mut new_id = || BookingId::from_parts(seam.now(), random_bytes(seam));
        let Decision {
            changes,
            operations,
            not_read,
        } = decide(&mut view, &mut report, &mut new_id);
        if let Some(walked) = &mut view.walked {
            report.unmapped.append(&mut walked.unmapped);
        }
        report.plan = basis_hash(&operations);
        let changes = found_out.into_iter().chain(changes).collect();
        Ok(Planned {
            work: self,
            view,
            operations,
            report,
            changes,
            not_read,
            open,
            facts,
        })
    }

    /// Presumed records of which it has come out that there is none: what was busy is another booking. Where a create of
    /// ours had no answer, it may stand there beside that one.
    async fn presumed_in_vain(
        &self,
        view: &View<'_>,
    ) -> Result<Vec<(BookingId, PlatformName)>, EngineError> {
        let mut explained = presume::explained(view);
        if explained.is_empty() {
            return Ok(explained);
        }
        let ids = explained.iter().map(|(id, _)| *id).collect();
        let journal = self
            .store
            .journal_of_bookings(&self.bridge.name, ids)
            .await?;
        explained.retain(|(id, platform)| {
            let last_create = journal.iter().rev().find(|row| {
                row.operation.booking == *id
                    && row.operation.platform == *platform
                    && matches!(row.operation.action, Action::Create { .. })
            });
            last_create.is_none_or(|row| {
                !row.state.is_open() && row.state != JournalState::Done(Outcome::SettledPresumed)
            })
        });
        Ok(explained)
    }
}

impl Planned<'_> {
    /// How many bookings were loaded.
    #[cfg(test)]
    pub(crate) fn bookings(&self) -> usize {
        self.view.bookings.len()
    }

    /// What the bridge would do now, and does not.
    pub(crate) fn not_tried(self) -> BridgeReport {
        let mut report = self.report;
        let operations = self.operations.iter();
        report.operations = operations
            .map(|operation| operation_report(operation, OutcomeWord::Planned))
            .collect();
        report_rows(&self.view, &Calls::new(), &mut report);
        report.sort();
        report
    }

    /// Stores what was decided, asks the guards, and writes.
    pub(crate) async fn carry_out(self) -> Result<Worked, EngineError> {
        let Self {
            work,
            view,
            operations,
            mut report,
            changes,
            not_read,
            open,
            mut facts,
        } = self;
        let (bridge, seam) = (work.bridge, work.seam);
        work.apply(changes).await?;
        let guarding = Guarding {
            store: work.store,
            bridge,
            scope: work.scope,
        };
        let Judged {
            pass: allowed,
            held,
            held_in_part,
            spent,
        } = guarding
            .judge(&view, operations, &mut facts, &mut report)
            .await?;
        for operation in &held {
            let mut shown = operation_report(operation, OutcomeWord::Planned);
            shown.held = true;
            report.operations.push(shown);
        }
        tracing::debug!(
            bookings = view.bookings.len(),
            allowed = allowed.len(),
            held = held.len(),
            "A run has decided."
        );
        let ordered = order::order(allowed, &taken(&view));
        let (done, calls) = match work.options.mode {
            Mode::DryRun => (ordered.into_iter().map(planned).collect(), Calls::new()),
            Mode::Apply => {
                work.begin(&ordered).await?;
                work.execute(&view, ordered).await?
            }
        };
        let begun = work.kind.is_some() && !done.is_empty() && work.options.mode == Mode::Apply;
        let mut worked = Worked {
            report,
            failed: BTreeMap::new(),
            unknown: BTreeSet::new(),
            stale: BTreeSet::new(),
            not_read,
            held_in_part,
            gave_way: false,
            touched: BTreeSet::new(),
            fresh: Vec::new(),
            vacated: Vec::new(),
            down: BTreeMap::new(),
        };
        let mut left = Vec::new();
        for one in done {
            if work.options.mode == Mode::Apply {
                worked.note(&view, &one, seam.now());
                if one.outcome == OutcomeWord::Planned {
                    left.push(one.operation.clone());
                }
            }
            let mut shown = operation_report(&one.operation, one.outcome);
            shown.remote_id = one.remote_id.or(shown.remote_id);
            shown.error = one.error;
            worked.report.operations.push(shown);
        }
        if !worked.gave_way {
            work.apply(spent).await?;
        } else if !spent.is_empty() {
            let facts = guarding
                .facts(seam.now(), work.alarms, work.stretch)
                .await?;
            work.apply(guarding.still_approved(&view, left, facts, &spent))
                .await?;
        }
        let report = &mut worked.report;
        report_unsettled(&view, &open, report);
        report_rebooking(&view, report);
        report_rows(&view, &calls, report);
        work.number_conflicts(report).await?;
        report.sort();
        if begun {
            work.end(report).await?;
        }
        Ok(worked)
    }
}

impl<'a> Work<'a> {
    /// Opens the run's account, which the intents of its operations refer to.
    async fn begin(&self, ordered: &[Operation]) -> Result<(), EngineError> {
        let Some(kind) = self.kind.filter(|_| !ordered.is_empty()) else {
            return Ok(());
        };
        self.apply(vec![Change::RunBegan {
            run: self.run,
            kind: kind.to_owned(),
            at: self.seam.now(),
        }])
        .await
    }

    async fn end(&self, report: &BridgeReport) -> Result<(), EngineError> {
        let alone = Report {
            run: self.run.to_string(),
            generated_at: self.seam.now(),
            dry_run: false,
            cancelled: self.options.cancel.is_cancelled(),
            bridges: vec![report.clone()],
        };
        self.apply(vec![Change::RunEnded {
            run: self.run,
            at: alone.generated_at,
            exit_code: alone.exit_code(),
            totals: owned(alone.totals()),
        }])
        .await
    }

    /// Stores changes; a run that found nothing to store waits for no disk.
    pub(crate) async fn apply(&self, changes: Vec<Change>) -> Result<(), EngineError> {
        if changes.is_empty() {
            return Ok(());
        }
        Ok(self.store.apply(changes).await?)
    }

    /// All that the platforms show, and all that the mirror and the links know.
    pub(crate) async fn view(&self, now: Timestamp) -> Result<View<'a>, EngineError> {
        self.look_over(now, &[], None).await
    }

    /// What the platforms show, and what the mirror and the links know. With `wanted`, a run over the whole bridge leaves
    /// out what is at rest.
    async fn look_over(
        &self,
        now: Timestamp,
        open: &[JournalRow],
        wanted: Option<&Wanted>,
    ) -> Result<View<'a>, EngineError> {
        let (store, bridge) = (self.store, self.bridge);
        let mut observed: Vec<Observed> = bridge
            .members
            .iter()
            .map(|member| Observed::of(self.sights.get(member.platform.name()), member))
            .collect();
        let new_grids = observed.iter().any(|seen| !seen.grids_are_new.is_empty());
        if *self.scope == Scope::Whole && new_grids {
            let since = crate::view::horizon(bridge, now);
            let bookings = crate::view::known(store.bridge(&bridge.name, since).await?);
            let refused = Refused::of(&store.refusals(&bridge.name).await?);
            for (member, observed) in bridge.members.iter().zip(&mut observed) {
                blocks::refresh(store, bridge, member, observed, &bookings, &refused, now).await?;
            }
        }
        let restless = match (self.scope, wanted) {
            (Scope::Whole, Some(wanted)) => {
                whole::load(store, bridge, &observed, wanted, now).await?
            }
            (Scope::Whole, None) | (Scope::Around(_), _) => None,
        };
        let (loaded, walked) = if let Some((loaded, walked)) = restless {
            (loaded, Some(walked))
        } else {
            let loaded = scope::load(store, bridge, self.scope, open, now).await?;
            (loaded, None)
        };
        let mut members = Vec::with_capacity(bridge.members.len());
        for ((member, observed), rows) in bridge.members.iter().zip(observed).zip(loaded.rows) {
            let rows = read_rows(rows, member, &observed, &loaded.bookings);
            members.push(MemberView::new(
                member,
                observed,
                rows,
                walked.as_ref(),
                now,
            ));
        }
        Ok(View {
            bridge,
            now,
            members,
            bookings: loaded.bookings,
            focus: loaded.focus,
            looks_waited: self.looks_waited,
            unsettled: BTreeMap::new(),
            sent: Vec::new(),
            cancelled_copies: BTreeMap::new(),
            refused: BTreeMap::new(),
            open_conflicts: BTreeMap::new(),
            walked,
        })
    }

    pub(crate) async fn execute(
        &self,
        view: &View<'_>,
        ordered: Vec<Operation>,
    ) -> Result<(Vec<Done>, Calls), EngineError> {
        let (bridge, options) = (self.bridge, self.options);
        let total = u64::try_from(ordered.len()).unwrap_or(u64::MAX);
        let executor = Executor {
            store: self.store,
            seam: self.seam,
            bridge,
            run: self.run,
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
            let work = executor
                .platform(member, tasks, progress.clone())
                .instrument(span);
            working.push(async move {
                let (done, calls) = Box::pin(tally::counted(work)).await;
                (member.platform.name().clone(), done, calls)
            });
        }
        drop(progress);
        let (finished, ()) = tokio::join!(
            join_all(working),
            show_progress(bridge, options, total, finished)
        );
        let (mut done, mut calls) = (Vec::new(), Calls::new());
        for (platform, queue, made) in finished {
            done.extend(queue?);
            calls.insert(platform, made);
        }
        Ok((done, calls))
    }

    /// Gives the reported conflicts the ids under which a person can decide them.
    async fn number_conflicts(&self, report: &mut BridgeReport) -> Result<(), EngineError> {
        if report.conflicts.is_empty() {
            return Ok(());
        }
        let stored = self.store.conflicts(Some(&self.bridge.name)).await?;
        for conflict in &mut report.conflicts {
            if conflict.person.is_some() {
                // It has its number: a person decided it by that.
                continue;
            }
            let row = stored.iter().find(|row| {
                row.booking == conflict.booking && row.conflict.subject == conflict.conflict.subject
            });
            conflict.id = row.map(|row| row.id.to_string());
        }
        Ok(())
    }
}

impl Worked {
    /// Notes what has to follow an operation.
    fn note(&mut self, view: &View<'_>, done: &Done, now: Timestamp) {
        let (operation, platform) = (&done.operation, &done.operation.platform);
        match done.outcome {
            OutcomeWord::Applied => {
                self.fresh.extend(freshness(view, operation, now));
                self.vacated.extend(vacated(view, operation));
                if let Some(id) = done.remote_id.as_ref().filter(|_| done.brought_news) {
                    self.touched.insert((platform.clone(), id.clone()));
                }
            }
            OutcomeWord::Failed => {
                let failed = self.failed.entry(platform.clone()).or_default();
                failed.insert(operation.booking);
            }
            OutcomeWord::Unknown => {
                self.unknown.insert(platform.clone());
                self.vacated.extend(vacated(view, operation));
            }
            OutcomeWord::Planned => self.gave_way = true,
            OutcomeWord::Refused => {}
        }
        if let Some(kind) = done.kind {
            if matches!(kind, ErrorKind::Stale | ErrorKind::NotFound) {
                let id = operation.action.remote_id();
                self.stale
                    .extend(id.map(|id| (platform.clone(), id.clone())));
            }
            if crate::execute::is_down(kind) {
                let why = done.error.clone().unwrap_or_default();
                self.down.insert(platform.clone(), (kind, why));
            }
        }
    }
}

/// Where an operation came from, and how long ago the change was made that it carries.
fn freshness(view: &View<'_>, operation: &Operation, now: Timestamp) -> Option<Fresh> {
    let latest = operation
        .because
        .iter()
        .filter_map(|(platform, id)| {
            let row = view.member(platform)?.rows.get(id)?;
            // The stamp of a platform that rounds, or whose clock is ahead, is no later than our own word.
            let made = row
                .record
                .changed_at
                .map_or(row.noticed_at, |changed| changed.min(row.noticed_at));
            Some((made, platform))
        })
        .max()?;
    let (made, from) = latest;
    Some(Fresh {
        from: from.clone(),
        to: operation.platform.clone(),
        op: operation.action.as_str(),
        age: Duration::try_from(now.duration_since(made)).unwrap_or_default(),
    })
}

/// The time that a record has left, in the platform's words.
fn vacated(view: &View<'_>, operation: &Operation) -> Option<(PlatformName, ResourceKey, Slot)> {
    let before = operation.action.before()?;
    let member = view.member(&operation.platform)?.member;
    let key = member.mapping.resource_key(&before.resource)?;
    Some((operation.platform.clone(), key.clone(), before.slot))
}

pub(crate) fn planned(operation: Operation) -> Done {
    Done {
        operation,
        outcome: OutcomeWord::Planned,
        remote_id: None,
        error: None,
        kind: None,
        brought_news: false,
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
    let refused = view
        .refused
        .get(&(operation.booking, operation.platform.clone()));
    Task {
        fingerprint: refusal::fingerprint(&basis(view, &operation), refused),
        operation,
        shadow,
        record,
    }
}

/// Who takes which time on each platform before the plan begins.
pub(crate) fn taken(view: &View<'_>) -> Vec<Taken> {
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
