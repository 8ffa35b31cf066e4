//! Guards over a run: what they must know beforehand, what they hold, and when they let go.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use slotbridge_core::guard::{self, Facts, Trip};
use slotbridge_core::model::PlatformName;
use slotbridge_core::plan::Operation;
use slotbridge_core::record::Coverage;
use slotbridge_store::{Change, GuardRow, Store};

use crate::EngineError;
use crate::bridge::Bridge;
use crate::report::{BridgeReport, GuardReport};
use crate::scope::Scope;
use crate::view::{MemberView, View};
use crate::work::Stretch;

/// What was found out about the clock and the platforms' zones before anything was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Alarms {
    /// Whether our clock has gone back since the last run.
    pub(crate) clock_went_back: bool,
    /// Accounts that have moved to another time zone since they were last read.
    pub(crate) zones_changed: BTreeSet<PlatformName>,
}

/// What the guards make of a plan.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// What may go on.
    pub(crate) pass: Vec<Operation>,
    /// What is held.
    pub(crate) held: Vec<Operation>,
    /// Whether a run over the whole bridge has to say what all of that is.
    pub(crate) held_in_part: bool,
    /// To be stored once what was approved is done: until then the approval stands.
    pub(crate) spent: Vec<Change>,
}

/// The guards of one bridge in one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guarding<'a> {
    pub(crate) store: &'a Store,
    pub(crate) bridge: &'a Bridge,
    pub(crate) scope: &'a Scope,
}

impl Guarding<'_> {
    /// What the guards must know from before the run.
    pub(crate) async fn facts(
        &self,
        now: Timestamp,
        alarms: &Alarms,
        stretch: Stretch,
    ) -> Result<BTreeMap<PlatformName, Facts>, EngineError> {
        let ago = |span| now.checked_sub(span).unwrap_or(Timestamp::MIN);
        let day_ago = ago(SignedDuration::from_hours(24));
        let bridge = &self.bridge.name;
        let mut facts = BTreeMap::new();
        for member in &self.bridge.members {
            let name = member.platform.name();
            let day = self.store.journal_counts(bridge, name, day_ago).await?;
            let run = match stretch {
                Stretch::ThisRun => slotbridge_store::Counts::default(),
                Stretch::Rolling(span) => {
                    self.store.journal_counts(bridge, name, ago(span)).await?
                }
            };
            facts.insert(
                name.clone(),
                Facts {
                    // Counted when it is known whether there is anything to judge.
                    live_mirrored: 0,
                    creates_run: run.create,
                    updates_run: run.update,
                    removals_run: run.remove,
                    creates_day: day.create,
                    updates_day: day.update,
                    removals_day: day.remove,
                    ids_all_new: false,
                    clock_went_back: alarms.clock_went_back,
                    zone_changed: alarms.zones_changed.contains(name),
                },
            );
        }
        Ok(facts)
    }

    /// Lets the guards look at the plan, and stores what tripped.
    pub(crate) async fn judge(
        &self,
        view: &View<'_>,
        operations: Vec<Operation>,
        facts: &mut BTreeMap<PlatformName, Facts>,
        report: &mut BridgeReport,
    ) -> Result<Judged, EngineError> {
        self.add_what_was_seen(view, facts);
        if matches!(self.scope, Scope::Around(_)) && !operations.is_empty() {
            self.count_live(view.now, facts).await?;
        }
        let latched = self.store.guards(&self.bridge.name).await?;
        for guard in &latched {
            // What was in doubt stays so until a person has looked: one run later it would look settled.
            if let Some(facts) = facts.get_mut(&guard.platform) {
                facts.doubt(&guard.what);
            }
        }
        match self.scope {
            Scope::Whole => {
                self.judge_whole(view, operations, facts, &latched, report)
                    .await
            }
            Scope::Around(_) => {
                self.judge_part(view, operations, facts, &latched, report)
                    .await
            }
        }
    }

    /// Judges a plan that a person asked for, beside the bridge's own: nothing that is latched is let go, except what was
    /// approved and is this plan. Gives what may go on, what is held, and the guards that are used up.
    pub(crate) async fn judge_asked(
        &self,
        view: &View<'_>,
        operations: Vec<Operation>,
        facts: &mut BTreeMap<PlatformName, Facts>,
        report: &mut BridgeReport,
    ) -> Result<(Vec<Operation>, Vec<Operation>, Vec<Change>), EngineError> {
        self.add_what_was_seen(view, facts);
        let latched = self.store.guards(&self.bridge.name).await?;
        let mut approved = BTreeSet::new();
        for guard in &latched {
            if let Some(facts) = facts.get_mut(&guard.platform) {
                facts.doubt(&guard.what);
            }
            if guard.approved_at.is_some() {
                approved.insert((guard.platform.clone(), guard.plan.clone()));
            }
        }
        // Without approvals it can be seen which of them were needed.
        let alone = guard::judge(
            operations.clone(),
            facts,
            &view.bridge.limits,
            &BTreeSet::new(),
        );
        let used = latched
            .iter()
            .filter(|guard| guard.approved_at.is_some())
            .filter(|guard| {
                alone
                    .trips
                    .iter()
                    .any(|trip| trip.platform == guard.platform && trip.plan == guard.plan)
            })
            .map(|guard| Change::GuardReleased {
                bridge: view.bridge.name.clone(),
                platform: guard.platform.clone(),
                what: guard.what.clone(),
            })
            .collect();
        let verdict = guard::judge(operations, facts, &view.bridge.limits, &approved);
        self.note_trips(view, verdict.trips, Vec::new(), report)
            .await?;
        Ok((verdict.pass, verdict.held, used))
    }

    /// How many records live on each platform, where the run has not seen all of them.
    async fn count_live(
        &self,
        now: Timestamp,
        facts: &mut BTreeMap<PlatformName, Facts>,
    ) -> Result<(), EngineError> {
        let from = now.checked_sub(self.bridge.window_past);
        let from = from.unwrap_or(Timestamp::MIN);
        for (name, facts) in facts {
            facts.live_mirrored = self.store.live_since(name, from).await?;
        }
        Ok(())
    }

    fn add_what_was_seen(&self, view: &View<'_>, facts: &mut BTreeMap<PlatformName, Facts>) {
        for member in &view.members {
            let Some(facts) = facts.get_mut(member.name()) else {
                continue;
            };
            if *self.scope == Scope::Whole {
                // Without what the bridge has no words for.
                facts.live_mirrored = member.live;
            }
            facts.ids_all_new = member.observed.ids_all_new;
        }
    }

    /// The whole plan is known: guards are judged anew, and let go where nothing is left to hold.
    async fn judge_whole(
        &self,
        view: &View<'_>,
        operations: Vec<Operation>,
        facts: &BTreeMap<PlatformName, Facts>,
        latched: &[GuardRow],
        report: &mut BridgeReport,
    ) -> Result<Judged, EngineError> {
        let approved = latched
            .iter()
            .filter(|guard| guard.approved_at.is_some())
            .map(|guard| (guard.platform.clone(), guard.plan.clone()))
            .collect();
        let mut verdict = guard::judge(operations, facts, &view.bridge.limits, &approved);
        verdict.trips.extend(other_ids(view, &verdict.trips));
        verdict.trips.extend(emptied(view, latched));
        let (mut changes, mut spent) = (Vec::new(), Vec::new());
        for guard in latched {
            // A guard lets go when what it held is no longer planned, or was approved and passes now. An approval outlasts
            // the runs in which another guard still holds what it is for: else the two would take turns for ever.
            let tripped = verdict
                .trips
                .iter()
                .any(|trip| trip.platform == guard.platform && trip.what == guard.what);
            let held_by_others = guard.approved_at.is_some()
                && verdict
                    .held
                    .iter()
                    .any(|operation| concerns(operation, &guard.platform));
            if !tripped && !held_by_others {
                let release = if guard.approved_at.is_some() {
                    &mut spent
                } else {
                    &mut changes
                };
                release.push(Change::GuardReleased {
                    bridge: view.bridge.name.clone(),
                    platform: guard.platform.clone(),
                    what: guard.what.clone(),
                });
            }
        }
        self.note_trips(view, verdict.trips, changes, report)
            .await?;
        Ok(Judged {
            pass: verdict.pass,
            held: verdict.held,
            held_in_part: false,
            spent,
        })
    }

    /// What is left of an approved plan by a run that gave way is approved as well: another run takes it up as a plan of its
    /// own. `facts` are those after the run, and `spent` is what the whole plan would have used up.
    pub(crate) fn still_approved(
        &self,
        view: &View<'_>,
        left: Vec<Operation>,
        mut facts: BTreeMap<PlatformName, Facts>,
        spent: &[Change],
    ) -> Vec<Change> {
        fn kind(what: &str) -> &str {
            what.split_once('_').map_or(what, |(kind, _)| kind)
        }
        self.add_what_was_seen(view, &mut facts);
        let verdict = guard::judge(left, &facts, &view.bridge.limits, &BTreeSet::new());
        let was_approved = |trip: &Trip| {
            spent.iter().any(|change| match change {
                Change::GuardReleased { platform, what, .. } => {
                    *platform == trip.platform && kind(what) == kind(trip.what)
                }
                _ => false,
            })
        };
        // One fingerprint stands for all that is held on a platform, so all of it must have been approved.
        let trips = verdict.trips.iter().filter(|trip| {
            let mut same_plan = verdict
                .trips
                .iter()
                .filter(|other| other.platform == trip.platform);
            same_plan.all(was_approved)
        });
        let mut changes = Vec::new();
        let mut plans: BTreeSet<&String> = BTreeSet::new();
        for trip in trips {
            changes.push(tripped(view, trip));
            plans.insert(&trip.plan);
        }
        let approved = plans.into_iter().map(|plan| Change::GuardApproved {
            bridge: view.bridge.name.clone(),
            plan: plan.clone(),
            at: view.now,
        });
        changes.extend(approved);
        changes
    }

    /// Only part of the plan is known: what is latched holds all of its kind, and nothing is let go.
    async fn judge_part(
        &self,
        view: &View<'_>,
        operations: Vec<Operation>,
        facts: &BTreeMap<PlatformName, Facts>,
        latched: &[GuardRow],
        report: &mut BridgeReport,
    ) -> Result<Judged, EngineError> {
        let (mut held, open): (Vec<Operation>, Vec<Operation>) =
            operations.into_iter().partition(|operation| {
                latched
                    .iter()
                    .any(|guard| guard::latches(&guard.what, &guard.platform, operation))
            });
        // A latched guard that holds something here is part of what this run has to tell.
        for guard in latched {
            if held
                .iter()
                .any(|operation| guard::latches(&guard.what, &guard.platform, operation))
            {
                report.guards.push(GuardReport {
                    platform: guard.platform.clone(),
                    what: guard.what.clone(),
                    limit: guard.limit,
                    planned: guard.planned,
                    plan: guard.plan.clone(),
                });
            }
        }
        let verdict = guard::judge(open, facts, &view.bridge.limits, &BTreeSet::new());
        held.extend(verdict.held);
        self.note_trips(view, verdict.trips, Vec::new(), report)
            .await?;
        Ok(Judged {
            pass: verdict.pass,
            held_in_part: !held.is_empty(),
            held,
            spent: Vec::new(),
        })
    }

    async fn note_trips(
        &self,
        view: &View<'_>,
        trips: Vec<Trip>,
        mut changes: Vec<Change>,
        report: &mut BridgeReport,
    ) -> Result<(), EngineError> {
        for trip in trips {
            changes.push(tripped(view, &trip));
            report.guards.push(GuardReport {
                platform: trip.platform,
                what: trip.what.to_owned(),
                limit: trip.limit,
                planned: trip.planned,
                plan: trip.plan,
            });
        }
        if !changes.is_empty() {
            self.store.apply(changes).await?;
        }
        Ok(())
    }
}

fn tripped(view: &View<'_>, trip: &Trip) -> Change {
    Change::Guard {
        bridge: view.bridge.name.clone(),
        platform: trip.platform.clone(),
        what: trip.what.to_owned(),
        limit: trip.limit,
        planned: trip.planned,
        plan: trip.plan.clone(),
        at: view.now,
    }
}

/// Whether an operation is on a platform, or rests on what it shows.
fn concerns(operation: &Operation, platform: &PlatformName) -> bool {
    operation.platform == *platform
        || operation
            .because
            .iter()
            .any(|(source, _)| source == platform)
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
            planned: u64::try_from(member.observed.shown).unwrap_or(u64::MAX),
            plan: guard::IDS_ALL_NEW.to_owned(),
        })
        .collect()
}

/// A platform that shows nothing of what is known there counts as not read, so that nothing is planned because of it.
/// Whether its records are gone only a person can say; it stays so until the platform shows something, or was believed.
fn emptied(view: &View<'_>, latched: &[GuardRow]) -> Vec<Trip> {
    let empty = |member: &MemberView<'_>| {
        let trip = |planned, plan: &str| Trip {
            platform: member.name().clone(),
            what: guard::SUDDENLY_EMPTY,
            limit: 0,
            planned,
            plan: plan.to_owned(),
        };
        if let Some(emptied) = &member.observed.emptied {
            let live = u64::try_from(emptied.live).unwrap_or(u64::MAX);
            return Some(trip(live, &emptied.plan));
        }
        let row = latched
            .iter()
            .find(|row| row.what == guard::SUDDENLY_EMPTY && row.platform == *member.name())?;
        let was_listed = matches!(member.observed.coverage, Coverage::Complete(_));
        (!was_listed).then(|| trip(row.planned, &row.plan))
    };
    view.members.iter().filter_map(empty).collect()
}
