//! One turn of the loop: starting what is due, and taking in what looks and runs have brought.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use slotbridge_core::model::{BookingId, BridgeName, PlatformName, RemoteId};
use slotbridge_store::{Change, JournalRow};
use tokio_util::sync::CancellationToken;

use super::agenda::{Agenda, Ended as LookEnded, Job, Lane, Turned, What};
use super::handle::{Handle, Request};
use super::inbox::Opened;
use super::looks::{self, Looked};
use super::platforms::{Account, Accounts, Setup};
use crate::EngineError;
use crate::bridge::{Bridge, Mode};
use crate::event::{Event, Listener, LookKind, RunCause, Trouble};
use crate::guarding::Alarms;
use crate::observe::Sight;
use crate::report::{OutcomeWord, Report};
use crate::run::Engine;
use crate::scope::Touched;
use crate::settle::GRACE;
use crate::work::Worked;

/// Over how long the limits of one run are counted: what comes in many small runs is one stretch of work.
pub(super) const STRETCH: SignedDuration = SignedDuration::from_mins(15);

/// How often a bridge is worked on as a whole without anything being looked at for that: bookings come into the window
/// as time passes.
const WHOLE_EVERY: Duration = Duration::from_hours(1);

/// How long before what a record has shown since is taken up again.
const STALE_AGAIN: Duration = Duration::from_secs(2);

/// How long a bridge waits at the start for the first look at each of its platforms. A platform that does not answer
/// holds up the others no longer; it is worked on once it is known.
const FIRST_LOOKS: Duration = Duration::from_secs(10);

/// Something that was started is over.
#[derive(Debug)]
pub(crate) enum Ended {
    Inbox {
        platform: PlatformName,
        opened: Opened,
    },
    Look(Box<LookEnd>),
    Run(Box<RunEnd>),
}

/// A look is over.
#[derive(Debug)]
pub(crate) struct LookEnd {
    pub(super) platform: PlatformName,
    pub(super) what: What,
    pub(super) began: Duration,
    pub(super) asked: BTreeSet<RemoteId>,
    /// The webhooks that waited for them when the look began.
    pub(super) rows: BTreeMap<RemoteId, BTreeSet<i64>>,
    pub(super) looked: Looked,
    pub(super) open: Vec<JournalRow>,
}

/// A run is over.
#[derive(Debug)]
pub(crate) struct RunEnd {
    pub(super) bridge: BridgeName,
    pub(super) cause: RunCause,
    pub(super) whole: bool,
    pub(super) began: Duration,
    pub(super) worked: Worked,
}

/// The state of the loop.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(super) engine: Engine,
    pub(super) bridges: BTreeMap<BridgeName, Arc<Bridge>>,
    pub(super) order: Vec<BridgeName>,
    pub(super) accounts: Accounts,
    pub(super) agenda: Agenda,
    alarms: Arc<Alarms>,
    /// Bridges whose whole plan was not judged yet since these alarms were raised.
    alarmed: BTreeSet<BridgeName>,
    pub(super) mode: Mode,
    listener: Arc<dyn Listener>,
    pub(super) handle: Handle,
    pub(super) cancel: CancellationToken,
    /// What was just looked at, for the next run of each bridge.
    pub(super) sights: BTreeMap<BridgeName, BTreeMap<PlatformName, Arc<Sight>>>,
    /// The bridges that are worked on, with what makes a run give way.
    pub(super) running: BTreeMap<BridgeName, CancellationToken>,
    whole_due: Duration,
    /// Until when first looks are waited for; `None` once that is over.
    patience: Option<Duration>,
}

impl Turn {
    pub(crate) async fn new(
        engine: Engine,
        setup: Setup,
        mode: Mode,
        listener: Arc<dyn Listener>,
        handle: Handle,
    ) -> Result<Self, EngineError> {
        let mut turn = Self {
            engine,
            bridges: BTreeMap::new(),
            order: Vec::new(),
            accounts: Accounts(BTreeMap::new()),
            agenda: Agenda::default(),
            alarms: Arc::default(),
            alarmed: BTreeSet::new(),
            mode,
            listener,
            handle,
            cancel: CancellationToken::new(),
            sights: BTreeMap::new(),
            running: BTreeMap::new(),
            whole_due: Duration::ZERO,
            patience: None,
        };
        turn.replace(setup).await?;
        Ok(turn)
    }

    /// Goes on after everything was stopped, with another set of bridges if there is one.
    pub(crate) async fn go_on(&mut self, setup: Option<Setup>) -> Result<(), EngineError> {
        if let Some(setup) = setup {
            return self.replace(setup).await;
        }
        self.cancel = CancellationToken::new();
        // What was broken off is taken up again by a run over everything.
        self.whole_due = self.engine.seam.elapsed();
        Ok(())
    }

    /// What the next run of a bridge is to be careful about. What the whole plan was judged by is over: where something was
    /// held for it, the guard stays latched until a person has looked.
    pub(super) fn alarms_of(&self, bridge: &BridgeName) -> Arc<Alarms> {
        if self.alarmed.contains(bridge) {
            Arc::clone(&self.alarms)
        } else {
            Arc::default()
        }
    }

    /// Goes on with another set of bridges.
    async fn replace(&mut self, setup: Setup) -> Result<(), EngineError> {
        self.alarms = Arc::new(self.engine.alarms(&setup.bridges).await?);
        let names = setup.bridges.iter().map(|bridge| bridge.name.clone());
        self.alarmed = names.collect();
        self.accounts = Accounts::of(&setup);
        self.cancel = CancellationToken::new();
        self.sights.clear();
        self.running.clear();
        let now = self.engine.seam.now();
        let names: Vec<PlatformName> = self.accounts.0.keys().cloned().collect();
        for name in &names {
            let state = self.engine.store.platform_state(name).await?;
            if let Some(account) = self.accounts.get_mut(name) {
                account.begin(state.cursor, state.complete_at, now);
            }
        }
        self.order = setup
            .bridges
            .iter()
            .map(|bridge| bridge.name.clone())
            .collect();
        self.agenda = Agenda::new(setup.bridges.iter().map(|bridge| {
            let platforms = bridge.members.iter().map(|member| member.platform.name());
            (bridge.name.clone(), platforms.cloned().collect())
        }));
        self.bridges = setup
            .bridges
            .into_iter()
            .map(|bridge| (bridge.name.clone(), Arc::new(bridge)))
            .collect();
        let steady = self.engine.seam.elapsed();
        self.whole_due = steady.saturating_add(WHOLE_EVERY);
        self.patience = Some(steady.saturating_add(FIRST_LOOKS));
        self.begin_health().await?;
        for name in &names {
            self.plan(name);
            for bridge in self.order.clone() {
                if !looks::open_on(&self.engine, &[bridge], name)
                    .await?
                    .is_empty()
                {
                    self.agenda.settle(name, steady.saturating_add(grace()));
                }
            }
        }
        for bridge in self.order.clone() {
            self.agenda.work_on(&bridge, RunCause::Swept);
        }
        self.set_ready();
        Ok(())
    }

    /// What has to be started now.
    pub(crate) fn due(&mut self) -> Vec<Job> {
        let now = self.engine.seam.elapsed();
        if self.patience.is_some_and(|until| now >= until) {
            self.patience = None;
            self.set_ready();
        }
        if now >= self.whole_due {
            self.whole_due = now.saturating_add(WHOLE_EVERY);
            for bridge in &self.order {
                self.agenda.work_on(bridge, RunCause::Polled);
            }
        }
        self.agenda.start(now)
    }

    /// How long until something is due.
    pub(crate) fn sleep(&self) -> Duration {
        let now = self.engine.seam.elapsed();
        let due = self.agenda.next_due(now).unwrap_or(Duration::MAX);
        let due = due.min(self.patience.unwrap_or(Duration::MAX));
        due.min(self.whole_due).saturating_sub(now)
    }

    pub(crate) fn turned(&self) {
        self.handle
            .say(|health| health.turns = health.turns.wrapping_add(1));
    }

    /// Begins nothing new; what is under way ends as soon as it can.
    pub(crate) fn stop(&self) {
        self.cancel.cancel();
    }

    pub(crate) fn is_writing(&self) -> bool {
        !self.running.is_empty()
    }

    pub(crate) async fn asked(&mut self, request: Request) -> Result<(), EngineError> {
        let now = self.engine.seam.elapsed();
        match request {
            Request::Hinted(platform) => self.agenda.hinted(&platform),
            Request::LookAt(platform) => self.agenda.look_at(&platform, now),
            Request::Sweep { bridge, asked } => {
                let cause = if asked {
                    RunCause::Asked
                } else {
                    RunCause::Swept
                };
                self.agenda.sweep(bridge.as_ref(), cause, now);
                // What is already known needs no look: a person who approves waits for no listing.
                self.set_ready();
                self.say_bridges().await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn ended(&mut self, ended: Ended) -> Result<(), EngineError> {
        match ended {
            Ended::Inbox { platform, opened } => {
                self.opened(&platform, opened);
                Ok(())
            }
            Ended::Look(end) => self.looked(*end).await,
            Ended::Run(end) => self.ran(*end).await,
        }
    }

    fn opened(&mut self, platform: &PlatformName, opened: Opened) {
        let now = self.engine.seam.elapsed();
        self.agenda.inbox_read(platform, now);
        let Some(account) = self.accounts.get_mut(platform) else {
            return;
        };
        account.inbox_last = opened.last.unwrap_or(account.inbox_last);
        for record in &opened.left {
            account.has_left(record, self.engine.seam.now());
        }
        if opened.more {
            self.agenda.hinted(platform);
        }
        self.agenda.read(platform, opened.read.keys().cloned());
        self.agenda
            .confirm(platform, opened.confirm.keys().cloned());
        account.wait_for(opened.read);
        account.wait_for(opened.confirm);
        self.touched(platform, &opened.changed, RunCause::Hinted);
    }

    /// Something of a platform has changed. A run that has hours of work before it gives way, and goes on afterwards: a
    /// client who books now must not wait behind a backfill.
    fn touched(&mut self, platform: &PlatformName, ids: &BTreeSet<RemoteId>, cause: RunCause) {
        for bridge in self.agenda.touched(platform, ids, cause) {
            if let Some(run) = self.running.get(&bridge) {
                run.cancel();
            }
        }
    }

    async fn looked(&mut self, end: LookEnd) -> Result<(), EngineError> {
        let LookEnd {
            platform,
            what,
            began,
            asked,
            rows,
            looked,
            open,
        } = end;
        let (now, steady) = (self.engine.seam.now(), self.engine.seam.elapsed());
        let sight = Arc::new(looked.sight);
        let failed = sight.trouble.is_some();
        let unread: BTreeSet<RemoteId> = asked
            .iter()
            .filter(|id| !sight.has_answer_for(id))
            .cloned()
            .collect();
        let Some(account) = self.accounts.get_mut(&platform) else {
            return Ok(());
        };
        account.note(what, &sight, looked.steps, looked.all_seen_since, now);
        account
            .memory
            .note_named(&account.watch.known_records, &sight, now);
        let done = account.done(asked.difference(&unread), &rows);
        for record in &sight.left {
            account.has_left(record, now);
        }
        let mut news = false;
        let mut new_grids = Vec::new();
        for grid in sight.grids.values() {
            let (tells, is_new) = account.keep_grid(grid, sight.began_at);
            news |= tells;
            if is_new {
                new_grids.push(grid.clone());
            }
        }
        let pace = account.pace;
        let unsure = looks::is_unsure(&account.memory.unsure);
        let first = !std::mem::replace(&mut account.tried, true);
        let was_down = account.down.is_some();
        let kind = what.look_kind();
        self.listener.hear(&Event::Looked {
            platform: platform.clone(),
            look: kind,
            at: now,
            took: steady.saturating_sub(began),
            calls: sight.calls,
            changed: u64::try_from(sight.changed.len()).unwrap_or(u64::MAX),
            complete: what == What::Sweep && !failed,
            trouble: sight.trouble.clone(),
        });
        if !done.is_empty() {
            let rows = Change::InboxDone { rows: done };
            self.engine.store.apply(vec![rows]).await?;
        }
        let ended = LookEnded {
            what,
            lane: what.lane(),
            began,
            failed,
            unread,
            unsure,
            pace,
        };
        let draw = self.engine.seam.random();
        let turned = self.agenda.looked(&platform, &ended, steady, draw);
        if sight.emptied.is_some() && what != What::Sweep && !was_down {
            // Whether nothing is left at all shows in a look at everything, which leads to what a person is asked.
            self.agenda.sweep_one(&platform, steady);
        }
        self.turned_to(&platform, turned, sight.trouble.as_ref(), now);
        let cause = match kind {
            LookKind::Hint => RunCause::Hinted,
            LookKind::Near | LookKind::Far => RunCause::Polled,
            LookKind::Sweep => RunCause::Swept,
        };
        self.touched(&platform, &sight.changed, cause);
        self.look_for_moved(&platform, &new_grids).await?;
        self.doubt_grids_of(&platform, &sight.changed).await?;
        self.follow(&platform, what, &sight, &open, news);
        if first || self.accounts.is_out_of_date(&platform) || what != What::Records {
            self.plan(&platform);
        }
        if !failed
            && self
                .accounts
                .0
                .get(&platform)
                .is_some_and(Account::is_trusted)
        {
            self.agenda.is_known(&platform);
        }
        self.set_ready();
        self.say_platform(&platform);
        Ok(())
    }

    /// What a look leads to besides a run over what it found changed.
    fn follow(
        &mut self,
        platform: &PlatformName,
        what: What,
        sight: &Arc<Sight>,
        open: &[JournalRow],
        news: bool,
    ) {
        let bridges: Vec<BridgeName> = self.agenda.bridges_of(platform).cloned().collect();
        let (mut give, mut whole) = (false, false);
        match what {
            // A pass over everything may prove that something is gone, or that all ids are new.
            What::Sweep => (give, whole) = (true, true),
            What::Settle => {
                give = true;
                // A grid is only understood beside everything that takes its times.
                whole = !sight.grids.is_empty();
                let now = self.engine.seam.elapsed();
                for (bridge, bookings) in looks::bookings_of(open) {
                    let touched = Touched {
                        bookings,
                        ..Touched::default()
                    };
                    self.agenda.revisit(&bridge, touched, now);
                }
            }
            What::Far => (give, whole) = (sight.ids_all_new, sight.ids_all_new),
            What::Near if sight.ids_all_new => {
                let now = self.engine.seam.elapsed();
                for bridge in &bridges {
                    self.agenda.sweep(Some(bridge), RunCause::Swept, now);
                }
            }
            What::Near | What::Records | What::Confirm => {}
        }
        if news {
            (give, whole) = (true, true);
        }
        for bridge in bridges {
            if give {
                let kept = self.sights.entry(bridge.clone()).or_default();
                kept.insert(platform.clone(), Arc::clone(sight));
            }
            if whole {
                let cause = if what == What::Sweep {
                    RunCause::Swept
                } else {
                    RunCause::Polled
                };
                self.agenda.work_on(&bridge, cause);
            }
        }
    }

    async fn ran(&mut self, end: RunEnd) -> Result<(), EngineError> {
        let RunEnd {
            bridge,
            cause,
            whole,
            began,
            worked,
        } = end;
        self.running.remove(&bridge);
        if whole && !worked.gave_way && worked.not_read.is_empty() {
            self.alarmed.remove(&bridge);
        }
        let (now, steady) = (self.engine.seam.now(), self.engine.seam.elapsed());
        let draw = self.engine.seam.random();
        let failed: BTreeSet<BookingId> = worked.failed.values().flatten().copied().collect();
        let wait = self
            .agenda
            .ran(&bridge, !failed.is_empty(), worked.not_read.clone(), draw);
        for (platform, (kind, text)) in &worked.down {
            let trouble = Trouble {
                kind: Some(*kind),
                text: text.clone(),
            };
            let turned = self.agenda.unwritable(platform, steady, draw);
            self.turned_to(platform, turned, Some(&trouble), now);
            self.agenda.look_at(platform, steady);
        }
        for (platform, id) in &worked.stale {
            self.agenda.read(platform, [id.clone()]);
        }
        let again = if worked.stale.is_empty() {
            wait
        } else {
            wait.min(STALE_AGAIN)
        };
        let touched = Touched {
            bookings: failed,
            ..Touched::default()
        };
        self.agenda
            .revisit(&bridge, touched, steady.saturating_add(again));
        if worked.gave_way {
            self.agenda.work_on(&bridge, cause);
        }
        for (platform, resource, slot) in &worked.vacated {
            if let Some(account) = self.accounts.get_mut(platform) {
                account.vacate(resource, *slot);
            }
        }
        for fresh in &worked.fresh {
            self.listener.hear(&Event::Fresh {
                from: fresh.from.clone(),
                to: fresh.to.clone(),
                op: fresh.op,
                age: fresh.age,
            });
        }
        for platform in &worked.not_read {
            self.agenda.look_at(platform, steady);
        }
        let touched = Touched {
            records: worked.touched.clone(),
            ..Touched::default()
        };
        self.agenda.revisit(&bridge, touched, steady);
        if worked.held_in_part && !whole {
            // What a guard holds is told whole, so that a person can judge it.
            self.agenda.work_on(&bridge, cause);
        }
        self.look_for_unknown(&bridge, &worked, steady).await?;
        let report = Arc::new(worked.report);
        self.listener.hear(&Event::Ran {
            bridge: bridge.clone(),
            cause,
            at: now,
            took: steady.saturating_sub(began),
            dry_run: self.mode == Mode::DryRun,
            report: Arc::clone(&report),
        });
        let overlaps = u64::try_from(report.overlaps.len()).unwrap_or(u64::MAX);
        let exit_code = Report::exit_code_of(&report, self.mode == Mode::DryRun);
        self.handle.say(|health| {
            if let Some(health) = health.bridges.iter_mut().find(|one| one.name == bridge) {
                health.running_since = None;
                health.ran_at = Some(now);
                health.exit_code = Some(exit_code);
                if whole {
                    health.overlaps = overlaps;
                }
            }
        });
        self.say_bridge(&bridge).await
    }

    /// Operations without an answer are looked for, once they have had time to land.
    async fn look_for_unknown(
        &mut self,
        bridge: &BridgeName,
        worked: &Worked,
        steady: Duration,
    ) -> Result<(), EngineError> {
        let unknown: BTreeSet<&PlatformName> = worked
            .report
            .operations
            .iter()
            .filter(|one| one.outcome == OutcomeWord::Unknown)
            .map(|one| &one.platform)
            .collect();
        let new: BTreeSet<&PlatformName> = worked.unknown.iter().collect();
        for platform in &new {
            self.agenda.settle(platform, steady.saturating_add(grace()));
        }
        for platform in unknown.difference(&new) {
            self.agenda.settle_again(platform, steady);
        }
        let open = self.engine.store.journal_open(bridge).await?;
        for row in open {
            if !new.contains(&row.operation.platform) {
                self.agenda.settle_again(&row.operation.platform, steady);
            }
        }
        Ok(())
    }

    fn turned_to(
        &mut self,
        platform: &PlatformName,
        turned: Turned,
        trouble: Option<&Trouble>,
        now: Timestamp,
    ) {
        let Some(account) = self.accounts.get_mut(platform) else {
            return;
        };
        match turned {
            Turned::Same => {}
            Turned::WentDown => {
                let trouble = trouble.cloned().unwrap_or_else(|| Trouble {
                    kind: None,
                    text: "it could not be used".to_owned(),
                });
                tracing::warn!(%platform, why = %trouble.text, "A platform cannot be used; it is tried again by itself.");
                account.down = Some((now, trouble.clone()));
                // What happens there meanwhile is not seen.
                account.known = false;
                for looked in self.sights.values_mut() {
                    looked.remove(platform);
                }
                self.listener.hear(&Event::Down {
                    platform: platform.clone(),
                    since: now,
                    trouble,
                });
            }
            Turned::CameUp => {
                tracing::info!(%platform, "A platform can be used again.");
                if let Some((down_since, _)) = account.down.take() {
                    self.listener.hear(&Event::Up {
                        platform: platform.clone(),
                        down_since,
                        at: now,
                    });
                }
            }
        }
        self.say_platform(platform);
    }

    fn plan(&mut self, platform: &PlatformName) {
        let now = self.engine.seam.elapsed();
        for (name, plan, pace) in self.accounts.plan(platform) {
            self.agenda.plan(&name, pace, now);
            tracing::debug!(platform = %name, near = ?plan.near, far = ?plan.far, "Looks are planned.");
            self.listener.hear(&Event::Planned {
                platform: name.clone(),
                plan,
            });
            self.say_platform(&name);
        }
    }

    /// A bridge is worked on once every platform of it is known, or has shown that it cannot be, or took too long.
    fn set_ready(&mut self) {
        let waited = self.patience.is_none();
        for (name, bridge) in &self.bridges {
            let ready = waited
                || bridge.members.iter().all(|member| {
                    self.accounts
                        .0
                        .get(member.platform.name())
                        .is_some_and(|account| account.tried || account.is_trusted())
                });
            self.agenda.set_ready(name, ready);
        }
    }
}

impl What {
    fn lane(self) -> Lane {
        match self {
            Self::Records | Self::Settle => Lane::Hint,
            Self::Confirm => Lane::Confirm,
            Self::Near => Lane::Near,
            Self::Far | Self::Sweep => Lane::Wide,
        }
    }

    fn look_kind(self) -> LookKind {
        match self {
            Self::Records | Self::Settle | Self::Confirm => LookKind::Hint,
            Self::Near => LookKind::Near,
            Self::Far => LookKind::Far,
            Self::Sweep => LookKind::Sweep,
        }
    }
}

/// How long a write without an answer is given to land, on the steady clock.
fn grace() -> Duration {
    Duration::try_from(GRACE).unwrap_or_default()
}
