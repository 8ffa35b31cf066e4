//! What the loop remembers of each platform: how far it can be trusted, what its looks cost, its grids.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use slotbridge_core::model::{PlatformName, RemoteId, ResourceKey, Slot};
use slotbridge_core::quota::{self, Intervals, Polling};
use slotbridge_core::record::Record;
use slotbridge_platform::capabilities::{ChangeFeed, Discovery, Quota};
use slotbridge_platform::gate::Gate;

use super::agenda::{Pace, What};
use super::handle::PlatformHealth;
use super::looks::Memory;
use crate::bridge::Bridge;
use crate::event::{PollingPlan, Trouble};
use crate::observe::Sight;
use crate::sights::PastGrid;
use crate::watch::Watch;

/// How much of a quota is kept for writes and what they need.
const RESERVE_PERCENT: u32 = 25;

/// How old the mirror of an earlier process may be and still be trusted at the start.
const TRUSTED_AT_START: SignedDuration = SignedDuration::from_hours(1);

/// How old a grid of free and busy times may be, unless reading all of them in turn takes longer.
const GRID_AGE_MAX: SignedDuration = SignedDuration::from_mins(10);

/// The quota of one platform.
#[derive(Debug, Clone)]
pub struct PlatformQuota {
    /// What shares the quota; platforms of one scope share its calls.
    pub scope: String,
    /// The limits, all of them at once.
    pub quotas: Vec<Quota>,
    /// The interval that the user chose.
    pub poll_every: Option<Duration>,
    /// The gate that its calls pass, which knows how often it was told "too many".
    pub gate: Option<Arc<Gate>>,
}

/// What is kept in step, and within which quotas.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The bridges.
    pub bridges: Vec<Bridge>,
    /// The quota of every platform of the bridges.
    pub quotas: BTreeMap<PlatformName, PlatformQuota>,
}

/// One platform.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) watch: Arc<Watch>,
    pub(crate) quota: PlatformQuota,
    pub(crate) memory: Memory,
    /// The last webhook that was looked into.
    pub(crate) inbox_last: i64,
    /// Webhooks that are done when their records were read: by record, and how many records each still waits for.
    pub(crate) waiting: BTreeMap<RemoteId, BTreeSet<i64>>,
    /// Since when it cannot be used, and why.
    pub(crate) down: Option<(Timestamp, Trouble)>,
    /// When it was last read without trouble.
    pub(crate) read_at: Option<Timestamp>,
    /// Since when everything on it has been seen.
    pub(crate) complete_at: Option<Timestamp>,
    /// Whether the first look was tried in this process.
    pub(crate) tried: bool,
    /// Whether the mirror is known to be up to date.
    pub(crate) known: bool,
    pub(crate) plan: Option<PollingPlan>,
    pub(crate) pace: Pace,
    /// When a look was last noted in the database, on the steady clock.
    pub(crate) noted: Duration,
    grids: BTreeMap<ResourceKey, PastGrid>,
    costs: Costs,
}

/// What looking costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Costs {
    near_calls: u32,
    far_calls: u32,
    /// How many looks it takes to see everything near.
    near_steps: u32,
    far_steps: u32,
    halvings: u32,
}

impl Account {
    pub(crate) fn new(watch: Watch, quota: PlatformQuota) -> Self {
        Self {
            watch: Arc::new(watch),
            quota,
            memory: Memory::default(),
            inbox_last: 0,
            waiting: BTreeMap::new(),
            down: None,
            read_at: None,
            complete_at: None,
            tried: false,
            known: false,
            plan: None,
            pace: Pace {
                near: Duration::MAX,
                far: None,
            },
            noted: Duration::ZERO,
            grids: BTreeMap::new(),
            costs: Costs {
                near_calls: 1,
                far_calls: 1,
                near_steps: 1,
                far_steps: 1,
                halvings: 0,
            },
        }
    }

    /// Takes over what an earlier process has seen.
    pub(crate) fn begin(
        &mut self,
        cursor: Option<String>,
        complete_at: Option<Timestamp>,
        now: Timestamp,
    ) {
        self.memory.cursor = cursor;
        self.complete_at = complete_at;
        self.known = self.lists()
            && complete_at.is_some_and(|at| {
                let age = now.duration_since(at);
                !age.is_negative() && age <= TRUSTED_AT_START
            });
    }

    fn lists(&self) -> bool {
        self.watch.platform.capabilities().discovery == Discovery::List
    }

    /// Whether the mirror counts for what the platform shows.
    pub(crate) fn is_trusted(&self) -> bool {
        self.known && self.down.is_none()
    }

    /// Whether the account's mirror needs no far looks: its near ones show every change.
    fn shows_every_change(&self) -> bool {
        let capabilities = self.watch.platform.capabilities();
        capabilities.discovery == Discovery::List
            && capabilities.change_feed == ChangeFeed::SinceCursor
    }

    /// Takes in what a look brought.
    pub(crate) fn note(
        &mut self,
        what: What,
        sight: &Sight,
        steps: u32,
        all_seen_since: Option<Timestamp>,
        now: Timestamp,
    ) {
        if sight.trouble.is_some() {
            return;
        }
        self.read_at = Some(now);
        if let Some(cursor) = &sight.cursor {
            self.memory.cursor = Some(cursor.clone());
        }
        match what {
            What::Near => self.cost(false, sight.calls, steps),
            What::Far => self.cost(true, sight.calls, steps),
            What::Sweep => {
                self.known = !sight.ids_all_new;
                // The first near look of a platform without a feed costs no more than all of it.
                if self.lists() {
                    self.cost(true, sight.calls, 1);
                }
            }
            What::Records | What::Confirm | What::Settle => {}
        }
        if matches!(what, What::Sweep | What::Far | What::Near) {
            self.complete_at = all_seen_since.or(self.complete_at);
        }
    }

    /// How it stands, for whoever watches.
    pub(crate) fn health(&self) -> PlatformHealth {
        let gate = self.quota.gate.as_ref().map(|gate| gate.status());
        PlatformHealth {
            name: self.watch.name().clone(),
            down: self.down.clone(),
            read_at: self.read_at,
            complete_at: self.complete_at,
            plan: self.plan,
            calls_waiting: gate.map_or(0, |gate| gate.waiting),
            halvings: gate.map_or(0, |gate| gate.halvings),
            pause_left: gate.map_or(Duration::ZERO, |gate| gate.pause_left),
        }
    }

    /// What a look cost: how many calls, of how many looks that show everything together.
    fn cost(&mut self, far: bool, calls: u64, steps: u32) {
        let calls = u32::try_from(calls).unwrap_or(u32::MAX).max(1);
        // Up at once, down slowly: a busy day must not break the quota, one quiet look must not hurry the next.
        let follow = |before: u32| if calls >= before { calls } else { before - 1 };
        if far {
            self.costs.far_calls = follow(self.costs.far_calls);
            self.costs.far_steps = steps;
        } else {
            self.costs.near_calls = follow(self.costs.near_calls);
            self.costs.near_steps = steps;
        }
    }

    fn polling(&self) -> Polling {
        Polling {
            near_calls: self.costs.near_calls,
            far_calls: if self.shows_every_change() {
                0
            } else {
                self.costs.far_calls
            },
            reserve_percent: RESERVE_PERCENT,
        }
    }

    fn halvings(&self) -> u32 {
        self.quota
            .gate
            .as_ref()
            .map_or(0, |gate| gate.status().halvings)
    }

    /// The limits as they last from now on, after what was used of them.
    fn quotas(&self) -> Vec<Quota> {
        let quotas = &self.quota.quotas;
        match &self.quota.gate {
            Some(gate) => gate.lasting(quotas),
            None => quotas.clone(),
        }
    }

    /// How far apart single calls are where a quota allows no two at once.
    fn gap(&self) -> Duration {
        let quotas = self.quota.quotas.iter();
        quotas
            .map(|quota| quota.per / quota.calls.max(1))
            .max()
            .unwrap_or_default()
    }

    /// Takes the planned intervals, with the user's word before them. Gives the plan if it is another one.
    fn take(&mut self, intervals: Intervals) -> Option<PollingPlan> {
        let near = self.quota.poll_every.unwrap_or(intervals.near);
        let far = intervals.far.max(near);
        let shows_all = self.shows_every_change();
        self.pace = Pace {
            near,
            far: (!shows_all).then_some(far),
        };
        let near_cycle = near.saturating_mul(self.costs.near_steps.max(1));
        let plan = PollingPlan {
            near: near_cycle,
            far: if shows_all {
                near_cycle
            } else {
                far.saturating_mul(self.costs.far_steps.max(1))
            },
            // A time that only a grid shows as taken counts when the next call shows it too.
            notice: near_cycle / 2
                + if self.lists() {
                    Duration::ZERO
                } else {
                    self.gap()
                },
            chosen: self.quota.poll_every.is_some(),
        };
        let changed = self.plan != Some(plan);
        self.plan = Some(plan);
        changed.then_some(plan)
    }

    /// Notes that a grid was read. Says whether that tells anything: it shows something new, or bears out what was new
    /// the last time, for a busy time counts once it was seen twice. And whether it shows something new.
    pub(crate) fn keep_grid(
        &mut self,
        grid: &slotbridge_core::record::Grid,
        read_at: Timestamp,
    ) -> (bool, bool) {
        let before = self.grids.get(&grid.resource).map(|past| &past.grid);
        let changed = super::looks::grid_changed(before, grid);
        self.memory
            .grids_read
            .insert(grid.resource.clone(), read_at);
        let before = self.grids.remove(&grid.resource);
        let mut left = before.map(|past| past.left).unwrap_or_default();
        // The answer may have been on its way when they were seen to have left.
        left.retain(|(seen_at, _)| *seen_at > read_at);
        self.grids.insert(
            grid.resource.clone(),
            PastGrid {
                grid: grid.clone(),
                read_at,
                vacated: Vec::new(),
                left,
            },
        );
        if changed {
            *self.memory.unsure.entry(grid.resource.clone()).or_default() += 1;
            return (true, true);
        }
        let was_unsure = self.memory.unsure.remove(&grid.resource).is_some();
        (was_unsure, false)
    }

    /// What the grid of a resource means is not sure any more: it is read again, and worked on.
    pub(crate) fn doubt_grid(&mut self, resource: &ResourceKey) {
        if self.grids.contains_key(resource) {
            self.memory.unsure.entry(resource.clone()).or_insert(1);
        }
    }

    /// Notes that a record has left a time.
    pub(crate) fn vacate(&mut self, resource: &ResourceKey, slot: Slot) {
        if let Some(past) = self.grids.get_mut(resource) {
            past.vacated.push(slot);
        }
    }

    /// Notes that somebody has taken a record away from its time: what the grid of its resource shows there is not sure
    /// any more.
    pub(crate) fn has_left(&mut self, record: &Record, seen_at: Timestamp) {
        if let Some(past) = self.grids.get_mut(&record.resource) {
            past.left.push((seen_at, record.clone()));
        }
        self.doubt_grid(&record.resource);
    }

    /// The grids that are new enough to go by. One that was read in the future is not: then the clock was set back.
    pub(crate) fn grids(&self, now: Timestamp) -> Vec<PastGrid> {
        let cycle = self.plan.map_or(Duration::ZERO, |plan| plan.near * 3);
        let cycle = SignedDuration::try_from(cycle).unwrap_or(SignedDuration::MAX);
        let oldest = now
            .saturating_sub(GRID_AGE_MAX.max(cycle))
            .unwrap_or(Timestamp::MIN);
        self.grids
            .values()
            .filter(|past| (oldest..=now).contains(&past.read_at))
            .cloned()
            .collect()
    }

    /// Notes which records webhooks wait for.
    pub(crate) fn wait_for(&mut self, records: BTreeMap<RemoteId, BTreeSet<i64>>) {
        for (id, rows) in records {
            self.waiting.entry(id).or_default().extend(rows);
        }
    }

    /// The webhooks that wait for these records now, before they are read.
    pub(crate) fn waiting_for<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a RemoteId>,
    ) -> BTreeMap<RemoteId, BTreeSet<i64>> {
        let with_rows = |id: &RemoteId| Some((id.clone(), self.waiting.get(id)?.clone()));
        ids.into_iter().filter_map(with_rows).collect()
    }

    /// Gives the webhooks that are done, now that these records were read. Only those that waited when the reading
    /// began: what came later may tell of a change that the reading has not seen.
    pub(crate) fn done<'a>(
        &mut self,
        read: impl IntoIterator<Item = &'a RemoteId>,
        at_begin: &BTreeMap<RemoteId, BTreeSet<i64>>,
    ) -> Vec<i64> {
        let mut rows: BTreeSet<i64> = BTreeSet::new();
        for id in read {
            let (Some(left), Some(then)) = (self.waiting.get_mut(id), at_begin.get(id)) else {
                continue;
            };
            left.retain(|row| !then.contains(row));
            if left.is_empty() {
                self.waiting.remove(id);
            }
            rows.extend(then);
        }
        let wanted: BTreeSet<i64> = self.waiting.values().flatten().copied().collect();
        rows.difference(&wanted).copied().collect()
    }
}

/// All platforms of the bridges.
#[derive(Debug)]
pub(crate) struct Accounts(pub(crate) BTreeMap<PlatformName, Account>);

impl Accounts {
    pub(crate) fn of(setup: &Setup) -> Self {
        let accounts = Watch::of(&setup.bridges).into_iter().map(|watch| {
            let name = watch.name().clone();
            let quota = setup
                .quotas
                .get(&name)
                .cloned()
                .unwrap_or_else(|| PlatformQuota {
                    scope: name.to_string(),
                    quotas: watch.platform.capabilities().quotas.to_vec(),
                    poll_every: None,
                    gate: None,
                });
            (name, Account::new(watch, quota))
        });
        Self(accounts.collect())
    }

    pub(crate) fn get_mut(&mut self, name: &PlatformName) -> Option<&mut Account> {
        self.0.get_mut(name)
    }

    /// Plans the looks of every platform that shares a quota with this one. Gives the plans that are new.
    pub(crate) fn plan(&mut self, name: &PlatformName) -> Vec<(PlatformName, PollingPlan, Pace)> {
        let Some(scope) = self.0.get(name).map(|account| account.quota.scope.clone()) else {
            return Vec::new();
        };
        let mut sharers: Vec<&mut Account> = self
            .0
            .values_mut()
            .filter(|account| account.quota.scope == scope)
            .collect();
        let mut quotas: Vec<Quota> = sharers
            .iter()
            .flat_map(|account| account.quotas())
            .collect();
        quotas.sort_unstable();
        quotas.dedup();
        let halvings = sharers
            .iter()
            .map(|account| account.halvings())
            .max()
            .unwrap_or(0);
        let needs: Vec<Polling> = sharers.iter().map(|account| account.polling()).collect();
        let intervals = quota::plan_scope(&quotas, &needs, halvings);
        let mut plans = Vec::new();
        for (account, intervals) in sharers.iter_mut().zip(intervals) {
            account.costs.halvings = halvings;
            if let Some(plan) = account.take(intervals) {
                plans.push((account.watch.name().clone(), plan, account.pace));
            }
        }
        plans
    }

    /// Whether the platform's rate was halved, or doubled again, since its looks were planned.
    pub(crate) fn is_out_of_date(&self, name: &PlatformName) -> bool {
        self.0
            .get(name)
            .is_some_and(|account| account.costs.halvings != account.halvings())
    }
}
