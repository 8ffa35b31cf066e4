//! What is due when: a pure account of every platform's looks and every bridge's runs.
//!
//! It reads no clock and draws no random number: times are arguments, on the steady clock of the process.
//!
//! # Guarantees
//! - Of one platform at most one look of each [`Lane`] is under way; of one bridge at most one run.
//! - What was touched while a run is under way is worked on by the next one.
//! - A platform that fails is asked ever more rarely, and holds up no other one; the first look that succeeds afterwards
//!   is followed by one at everything.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use slotbridge_core::model::{BridgeName, PlatformName, RemoteId};

use crate::event::{LookKind, RunCause};
use crate::scope::Touched;

/// After how many failures in a row a platform counts as down: one may be a hiccup.
const DOWN_AFTER: u32 = 2;
/// The first wait after a failure.
const BACK_OFF_MIN: Duration = Duration::from_secs(5);
/// The longest wait after failures.
const BACK_OFF_MAX: Duration = Duration::from_mins(5);
/// The first wait before looking again at what stayed open.
const SETTLE_AGAIN_MIN: Duration = Duration::from_secs(30);
/// The longest such wait.
const SETTLE_AGAIN_MAX: Duration = Duration::from_mins(10);
/// How soon after its last reading an inbox is read again: of webhooks that come in a burst, the first is acted on at
/// once and the others together.
const INBOX_AGAIN: Duration = Duration::from_millis(20);

/// Looks of one lane wait for each other, those of different lanes do not: a sweep of minutes must not hold up a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// The inbox of webhooks; asks the platform nothing.
    Inbox,
    /// Single records.
    Hint,
    /// Records that a webhook showed whole, to be confirmed when there is nothing better to do.
    Confirm,
    /// Today and the next days.
    Near,
    /// Everything.
    Wide,
}

/// Something to be started now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Job {
    /// Work off the webhooks that wait.
    Inbox(PlatformName),
    /// Read these records.
    Records(PlatformName, BTreeSet<RemoteId>),
    /// Read these records, which were taken at a webhook's word.
    Confirm(PlatformName, BTreeSet<RemoteId>),
    /// Look at what may have become of operations without an answer.
    Settle(PlatformName),
    /// Look for changes, near or far.
    Poll(PlatformName, LookKind),
    /// Work on a bridge.
    Run(BridgeName, Aim),
}

/// What a run is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Aim {
    /// Whether it is about the whole bridge.
    pub(crate) whole: bool,
    /// What was touched.
    pub(crate) touched: Touched,
    /// The most urgent reason.
    pub(crate) cause: RunCause,
}

/// How a platform's looks stand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turns {
    near_due: Duration,
    far_due: Option<Duration>,
    sweep_due: Option<Duration>,
    settle_due: Option<Duration>,
    settled_in_vain: u32,
    inbox: bool,
    inbox_not_before: Duration,
    records: BTreeSet<RemoteId>,
    unconfirmed: BTreeSet<RemoteId>,
    busy: BTreeSet<Lane>,
    failures: u32,
    not_before: Duration,
    down: bool,
    /// Whether everything was looked at once; what changes is only looked for afterwards.
    swept: bool,
}

/// How a bridge's runs stand.
#[derive(Debug, Clone, Default)]
struct Runs {
    platforms: Vec<PlatformName>,
    running: bool,
    /// Whether enough is known of its platforms to work on it.
    ready: bool,
    whole: Option<RunCause>,
    touched: Touched,
    cause: Option<RunCause>,
    later: Vec<(Duration, Touched)>,
    failures: u32,
    /// Platforms that were not known well enough when a run wanted to write there.
    missed: BTreeSet<PlatformName>,
}

/// What a finished look means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turned {
    /// All is as before.
    Same,
    /// The platform cannot be used any more.
    WentDown,
    /// It can be used again.
    CameUp,
}

/// All that is due.
#[derive(Debug, Clone, Default)]
pub(crate) struct Agenda {
    platforms: BTreeMap<PlatformName, Turns>,
    bridges: BTreeMap<BridgeName, Runs>,
}

impl Agenda {
    /// Everything is to be swept at once.
    pub(crate) fn new(bridges: impl IntoIterator<Item = (BridgeName, Vec<PlatformName>)>) -> Self {
        let mut agenda = Self::default();
        for (name, platforms) in bridges {
            for platform in &platforms {
                let turns = agenda.platforms.entry(platform.clone()).or_default();
                turns.sweep_due = Some(Duration::ZERO);
                turns.inbox = true;
                turns.near_due = Duration::MAX;
            }
            let runs = Runs {
                platforms,
                ..Runs::default()
            };
            agenda.bridges.insert(name, runs);
        }
        agenda
    }

    /// What has to be started now. What is given is taken as started.
    pub(crate) fn start(&mut self, now: Duration) -> Vec<Job> {
        let mut jobs = Vec::new();
        for (name, turns) in &mut self.platforms {
            turns.start(name, now, &mut jobs);
        }
        for (name, runs) in &mut self.bridges {
            if let Some(aim) = runs.start(now) {
                jobs.push(Job::Run(name.clone(), aim));
            }
        }
        jobs
    }

    /// When something is due that is not due yet.
    pub(crate) fn next_due(&self, now: Duration) -> Option<Duration> {
        let platforms = self.platforms.values().filter_map(Turns::next_due);
        let bridges = self.bridges.values().filter_map(Runs::next_due);
        platforms.chain(bridges).filter(|due| *due > now).min()
    }

    /// A webhook is in the inbox.
    pub(crate) fn hinted(&mut self, platform: &PlatformName) {
        if let Some(turns) = self.platforms.get_mut(platform) {
            turns.inbox = true;
        }
    }

    /// These records have to be read.
    pub(crate) fn read(
        &mut self,
        platform: &PlatformName,
        ids: impl IntoIterator<Item = RemoteId>,
    ) {
        if let Some(turns) = self.platforms.get_mut(platform) {
            turns.records.extend(ids);
        }
    }

    /// These records were taken at a webhook's word.
    pub(crate) fn confirm(
        &mut self,
        platform: &PlatformName,
        ids: impl IntoIterator<Item = RemoteId>,
    ) {
        if let Some(turns) = self.platforms.get_mut(platform) {
            turns.unconfirmed.extend(ids);
        }
    }

    /// The inbox was read.
    pub(crate) fn inbox_read(&mut self, platform: &PlatformName, now: Duration) {
        if let Some(turns) = self.platforms.get_mut(platform) {
            turns.inbox_not_before = now.saturating_add(INBOX_AGAIN);
            turns.busy.remove(&Lane::Inbox);
        }
    }

    /// Look for changes now, whenever that would have been due.
    pub(crate) fn look_at(&mut self, platform: &PlatformName, now: Duration) {
        if let Some(turns) = self.platforms.get_mut(platform) {
            turns.near_due = turns.near_due.min(now);
        }
    }

    /// Everything is to be looked at, and the bridge worked on as a whole; `None` for all bridges.
    pub(crate) fn sweep(&mut self, bridge: Option<&BridgeName>, cause: RunCause, now: Duration) {
        for (name, runs) in &mut self.bridges {
            if bridge.is_some_and(|wanted| wanted != name) {
                continue;
            }
            runs.want_whole(cause);
            for platform in &runs.platforms {
                if let Some(turns) = self.platforms.get_mut(platform) {
                    turns.sweep_by(now);
                }
            }
        }
    }

    /// Everything of one platform is to be looked at.
    pub(crate) fn sweep_one(&mut self, platform: &PlatformName, now: Duration) {
        if let Some(turns) = self.platforms.get_mut(platform) {
            turns.sweep_by(now);
        }
    }

    /// Operations on the platform have no answer: it has to be looked at from then on.
    pub(crate) fn settle(&mut self, platform: &PlatformName, due: Duration) {
        if let Some(turns) = self.platforms.get_mut(platform) {
            turns.settled_in_vain = 0;
            turns.settle_due = Some(turns.settle_due.map_or(due, |set| set.min(due)));
        }
    }

    /// What had no answer still has none.
    pub(crate) fn settle_again(&mut self, platform: &PlatformName, now: Duration) {
        if let Some(turns) = self.platforms.get_mut(platform) {
            if turns.settle_due.is_some() {
                return;
            }
            let wait = SETTLE_AGAIN_MIN.saturating_mul(1_u32 << turns.settled_in_vain.min(10));
            turns.settled_in_vain += 1;
            turns.settle_due = Some(now + wait.min(SETTLE_AGAIN_MAX));
        }
    }

    /// How often a platform is looked at from now on. Looks that are farther off than that come nearer.
    pub(crate) fn plan(&mut self, platform: &PlatformName, pace: Pace, now: Duration) {
        let Some(turns) = self.platforms.get_mut(platform) else {
            return;
        };
        if !turns.swept {
            return;
        }
        let at = |wait: Duration| now.saturating_add(wait);
        turns.near_due = turns.near_due.min(at(pace.near));
        turns.far_due = pace
            .far
            .map(|far| turns.far_due.unwrap_or(Duration::MAX).min(at(far)));
    }

    /// A look is over. `draw` is a random number for the wait after a failure.
    pub(crate) fn looked(
        &mut self,
        platform: &PlatformName,
        ended: &Ended,
        now: Duration,
        draw: u64,
    ) -> Turned {
        let Some(turns) = self.platforms.get_mut(platform) else {
            return Turned::Same;
        };
        turns.busy.remove(&ended.lane);
        if ended.failed {
            return turns.failed(ended, now, draw);
        }
        let came_up = std::mem::take(&mut turns.down);
        turns.failures = 0;
        turns.not_before = now;
        match ended.what {
            What::Near if ended.unsure => turns.near_due = now,
            What::Near => turns.near_due = ended.began.saturating_add(ended.pace.near).max(now),
            What::Far => {
                turns.far_due = ended
                    .pace
                    .far
                    .map(|far| ended.began.saturating_add(far).max(now));
            }
            What::Sweep => {
                turns.swept = true;
                turns.near_due = turns.near_due.min(now.saturating_add(ended.pace.near));
                turns.far_due = ended.pace.far.map(|far| now.saturating_add(far));
            }
            What::Records | What::Confirm | What::Settle => {}
        }
        if came_up {
            // What was missed meanwhile may be anywhere.
            if ended.what != What::Sweep {
                turns.sweep_due = Some(now);
            }
            return Turned::CameUp;
        }
        Turned::Same
    }

    /// The platform could not be written to.
    pub(crate) fn unwritable(
        &mut self,
        platform: &PlatformName,
        now: Duration,
        draw: u64,
    ) -> Turned {
        match self.platforms.get_mut(platform) {
            Some(turns) => turns.back_off(now, draw),
            None => Turned::Same,
        }
    }

    /// Something of a platform was touched; every bridge that it is in has to look into it. Gives those that are at work
    /// on something else.
    pub(crate) fn touched(
        &mut self,
        platform: &PlatformName,
        ids: &BTreeSet<RemoteId>,
        cause: RunCause,
    ) -> Vec<BridgeName> {
        let mut busy = Vec::new();
        if ids.is_empty() {
            return busy;
        }
        for (name, runs) in &mut self.bridges {
            if !runs.platforms.contains(platform) {
                continue;
            }
            if runs.running {
                busy.push(name.clone());
            }
            runs.touched
                .records
                .extend(ids.iter().map(|id| (platform.clone(), id.clone())));
            runs.because(cause);
        }
        busy
    }

    /// Bookings have to be looked into again.
    pub(crate) fn revisit(&mut self, bridge: &BridgeName, touched: Touched, due: Duration) {
        if let Some(runs) = self.bridges.get_mut(bridge)
            && !touched.is_empty()
        {
            runs.later.push((due, touched));
        }
    }

    /// The whole bridge has to be worked on; nothing need be looked at for that.
    pub(crate) fn work_on(&mut self, bridge: &BridgeName, cause: RunCause) {
        if let Some(runs) = self.bridges.get_mut(bridge) {
            runs.want_whole(cause);
        }
    }

    /// Whether enough is known of a bridge's platforms.
    pub(crate) fn set_ready(&mut self, bridge: &BridgeName, ready: bool) {
        if let Some(runs) = self.bridges.get_mut(bridge) {
            runs.ready = ready;
        }
    }

    /// A run is over. Gives how long to wait before trying again what failed in it.
    pub(crate) fn ran(
        &mut self,
        bridge: &BridgeName,
        failed: bool,
        missed: BTreeSet<PlatformName>,
        draw: u64,
    ) -> Duration {
        let Some(runs) = self.bridges.get_mut(bridge) else {
            return BACK_OFF_MIN;
        };
        runs.running = false;
        runs.missed.extend(missed);
        if failed {
            runs.failures = runs.failures.saturating_add(1);
        } else {
            runs.failures = 0;
        }
        back_off(runs.failures, draw)
    }

    /// A platform is known well again: bridges that could not write there for want of that are worked on.
    pub(crate) fn is_known(&mut self, platform: &PlatformName) {
        for runs in self.bridges.values_mut() {
            if runs.missed.remove(platform) {
                runs.want_whole(RunCause::Polled);
            }
        }
    }

    /// The bridges that a platform is in.
    pub(crate) fn bridges_of<'a>(
        &'a self,
        platform: &'a PlatformName,
    ) -> impl Iterator<Item = &'a BridgeName> + 'a {
        self.bridges
            .iter()
            .filter(move |(_, runs)| runs.platforms.contains(platform))
            .map(|(name, _)| name)
    }
}

/// How far apart a platform's looks are begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Near ones.
    pub(crate) near: Duration,
    /// Far ones; `None` where the near ones show everything.
    pub(crate) far: Option<Duration>,
}

/// Which job a look was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    Records,
    Confirm,
    Settle,
    Near,
    Far,
    Sweep,
}

/// A look that is over.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) what: What,
    pub(crate) lane: Lane,
    /// When it was begun.
    pub(crate) began: Duration,
    /// Whether the platform could not be used.
    pub(crate) failed: bool,
    /// Records that it was to read and did not.
    pub(crate) unread: BTreeSet<RemoteId>,
    /// Whether what it showed counts only when it is seen once more, so that the next look comes as soon as it may.
    pub(crate) unsure: bool,
    /// How far apart looks are.
    pub(crate) pace: Pace,
}

impl Turns {
    fn start(&mut self, name: &PlatformName, now: Duration, jobs: &mut Vec<Job>) {
        if self.inbox && !self.busy.contains(&Lane::Inbox) && self.inbox_not_before <= now {
            self.inbox = false;
            self.busy.insert(Lane::Inbox);
            jobs.push(Job::Inbox(name.clone()));
        }
        if now < self.not_before {
            return;
        }
        let due = |at: Option<Duration>| at.is_some_and(|at| at <= now);
        if !self.busy.contains(&Lane::Confirm) && !self.unconfirmed.is_empty() {
            self.busy.insert(Lane::Confirm);
            let ids = std::mem::take(&mut self.unconfirmed);
            jobs.push(Job::Confirm(name.clone(), ids));
        }
        if !self.busy.contains(&Lane::Hint) {
            if !self.records.is_empty() {
                self.busy.insert(Lane::Hint);
                let ids = std::mem::take(&mut self.records);
                jobs.push(Job::Records(name.clone(), ids));
            } else if due(self.settle_due) {
                self.busy.insert(Lane::Hint);
                self.settle_due = None;
                jobs.push(Job::Settle(name.clone()));
            }
        }
        if !self.busy.contains(&Lane::Wide) {
            let look = if due(self.sweep_due) {
                self.sweep_due = None;
                Some(LookKind::Sweep)
            } else if due(self.far_due) {
                self.far_due = None;
                Some(LookKind::Far)
            } else {
                None
            };
            if let Some(look) = look {
                self.busy.insert(Lane::Wide);
                jobs.push(Job::Poll(name.clone(), look));
            }
        }
        if !self.busy.contains(&Lane::Near) && self.near_due <= now {
            self.busy.insert(Lane::Near);
            self.near_due = Duration::MAX;
            jobs.push(Job::Poll(name.clone(), LookKind::Near));
        }
    }

    fn next_due(&self) -> Option<Duration> {
        let free = |lane| !self.busy.contains(&lane);
        let mut dues: Vec<Duration> = Vec::with_capacity(4);
        if free(Lane::Hint) {
            dues.extend(self.settle_due);
            if !self.records.is_empty() {
                dues.push(Duration::ZERO);
            }
        }
        if free(Lane::Confirm) && !self.unconfirmed.is_empty() {
            dues.push(Duration::ZERO);
        }
        if free(Lane::Wide) {
            dues.extend(self.sweep_due);
            dues.extend(self.far_due);
        }
        if free(Lane::Near) && self.near_due < Duration::MAX {
            dues.push(self.near_due);
        }
        let look = dues.into_iter().min().map(|due| due.max(self.not_before));
        // The inbox asks the platform nothing, so it does not wait for it.
        let inbox = (self.inbox && free(Lane::Inbox)).then_some(self.inbox_not_before);
        look.into_iter().chain(inbox).min()
    }

    fn sweep_by(&mut self, now: Duration) {
        self.sweep_due = Some(self.sweep_due.map_or(now, |due| due.min(now)));
    }

    /// A look has failed: what it was for stays to be done.
    fn failed(&mut self, ended: &Ended, now: Duration, draw: u64) -> Turned {
        match ended.what {
            What::Confirm => self.unconfirmed.extend(ended.unread.iter().cloned()),
            What::Records => self.records.extend(ended.unread.iter().cloned()),
            What::Settle => self.settle_due = Some(now),
            What::Near => self.near_due = now,
            What::Far => self.far_due = Some(now),
            What::Sweep => self.sweep_due = Some(now),
        }
        self.back_off(now, draw)
    }

    fn back_off(&mut self, now: Duration, draw: u64) -> Turned {
        self.failures = self.failures.saturating_add(1);
        self.not_before = now.saturating_add(back_off(self.failures, draw));
        if self.failures < DOWN_AFTER || std::mem::replace(&mut self.down, true) {
            Turned::Same
        } else {
            Turned::WentDown
        }
    }
}

impl Runs {
    fn want_whole(&mut self, cause: RunCause) {
        self.whole = Some(self.whole.map_or(cause, |before| before.max(cause)));
    }

    fn because(&mut self, cause: RunCause) {
        self.cause = Some(self.cause.map_or(cause, |before| before.min(cause)));
    }

    fn start(&mut self, now: Duration) -> Option<Aim> {
        if self.running || !self.ready {
            return None;
        }
        let (due, later) = std::mem::take(&mut self.later)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.later = later;
        let due: Vec<(Duration, Touched)> = due;
        for (_, touched) in due {
            self.touched.extend(touched);
            self.because(RunCause::Polled);
        }
        // What people have just done goes before what can wait.
        if !self.touched.is_empty() {
            self.running = true;
            return Some(Aim {
                touched: std::mem::take(&mut self.touched),
                whole: false,
                cause: self.cause.take().unwrap_or(RunCause::Polled),
            });
        }
        let cause = self.whole.take()?;
        self.running = true;
        Some(Aim {
            touched: Touched::default(),
            whole: true,
            cause,
        })
    }

    fn next_due(&self) -> Option<Duration> {
        if self.running || !self.ready {
            return None;
        }
        self.later.iter().map(|(due, _)| *due).min()
    }
}

/// Twice as long with every failure, up to a limit, and never the same for two that failed together.
fn back_off(failures: u32, draw: u64) -> Duration {
    let doublings = failures.saturating_sub(1).min(10);
    let longest = BACK_OFF_MIN
        .saturating_mul(1 << doublings)
        .min(BACK_OFF_MAX);
    let millis = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
    // From half of it to all of it.
    Duration::from_millis(millis / 2 + draw % (millis / 2 + 1))
}
