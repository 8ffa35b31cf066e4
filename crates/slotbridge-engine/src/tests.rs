//! Whole runs over platforms in memory: what a person does on one arrives on the other, once, whatever goes wrong.

mod between;
mod daemon;
mod daemon_storm;
mod decisions;
mod fake;
mod faults;
mod listing;
mod occupancy;
mod parts;
mod purge;
mod replay;
mod several;
mod sharing;
mod storm;
mod undo;
mod whole;

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use slotbridge_core::guard::Limits;
use slotbridge_core::mapping::Mapping;
use slotbridge_core::merge::{ConflictPolicy, Policy, RemovedAndEdited};
use slotbridge_core::model::{
    BridgeName, PlatformName, RemoteId, ResourceKey, ResourceName, ServiceKey, ServiceName,
};
use slotbridge_platform::Platform;
use slotbridge_platform::seam::Seam;
use slotbridge_platform::testing::VirtualSeam;
use slotbridge_store::{Change, Store};
use tokio_util::sync::CancellationToken;

use crate::Engine;
use crate::bridge::{
    Bridge, Direction, Member, Mode, NoProgress, OnOverlap, OnRemoval, RunOptions, Share,
};
use crate::report::{OutcomeWord, Report};
use fake::Fake;

/// Two platforms, one bridge, one database.
struct World {
    seam: Arc<VirtualSeam>,
    a: Arc<Fake>,
    b: Arc<Fake>,
    bridge: Bridge,
    store: Store,
}

impl World {
    /// Two platforms that list everything.
    fn listing() -> Self {
        let seam = seam();
        let b = Fake::listing("b", Arc::clone(&seam) as Arc<dyn Seam>);
        Self::over(seam, b)
    }

    /// The second platform lists nothing.
    fn with_grid() -> Self {
        let seam = seam();
        let b = Fake::grid("b", Arc::clone(&seam) as Arc<dyn Seam>);
        Self::over(seam, b)
    }

    fn over(seam: Arc<VirtualSeam>, b: Arc<Fake>) -> Self {
        let a = Fake::listing("a", Arc::clone(&seam) as Arc<dyn Seam>);
        let members = vec![member(&a), member(&b)];
        let bridge = Bridge {
            name: BridgeName::new("main").unwrap(),
            members,
            policy: Policy {
                conflict: ConflictPolicy::Newest,
                on_removed_and_edited: RemovedAndEdited::Ask,
            },
            window_past: SignedDuration::from_hours(24),
            window_future: SignedDuration::from_hours(24 * 60),
            limits: Limits::default(),
            on_overlap: OnOverlap::Hold,
            on_removal: OnRemoval::Propagate,
            share: Share::Full,
        };
        Self {
            seam,
            a,
            b,
            bridge,
            store: Store::in_memory().unwrap(),
        }
    }

    async fn run(&self) -> Report {
        self.run_with(Mode::Apply, CancellationToken::new()).await
    }

    async fn run_with(&self, mode: Mode, cancel: CancellationToken) -> Report {
        // Time passes between runs, so that stamps differ.
        self.seam.sleep(std::time::Duration::from_mins(1)).await;
        let options = RunOptions {
            mode,
            cancel,
            progress: Arc::new(NoProgress),
        };
        let engine = Engine::new(self.store.clone(), Arc::clone(&self.seam) as Arc<dyn Seam>);
        let report = engine
            .reconcile(std::slice::from_ref(&self.bridge), &options)
            .await
            .unwrap();
        assert!(
            !self.a.state.lock().unwrap().twins_seen,
            "two live records of one booking on a"
        );
        assert!(
            !self.b.state.lock().unwrap().twins_seen,
            "two live records of one booking on b"
        );
        report
    }

    /// Runs until nothing is written any more, and checks that both platforms then show the same times.
    async fn settle(&self) {
        for _ in 0..4 {
            let before = self.a.writes() + self.b.writes();
            let report = self.run().await;
            if self.a.writes() + self.b.writes() == before && report.exit_code() == 0 {
                break;
            }
        }
        self.assert_in_step().await;
    }

    async fn assert_in_step(&self) {
        let before = self.a.writes() + self.b.writes();
        let report = self.run().await;
        assert_eq!(report.exit_code(), 0, "{report:#?}");
        assert_eq!(
            self.a.writes() + self.b.writes(),
            before,
            "a pass over platforms in step wrote something"
        );
        assert_eq!(self.times(&self.a), self.times(&self.b));
        assert!(
            !self.a.state.lock().unwrap().doubles_seen
                && !self.b.state.lock().unwrap().doubles_seen
        );
    }

    /// A person approves everything that guards hold.
    async fn approve(&self) {
        let bridge = &self.bridge.name;
        let changes = self
            .store
            .guards(bridge)
            .await
            .unwrap()
            .into_iter()
            .map(|guard| Change::GuardApproved {
                bridge: bridge.clone(),
                plan: guard.plan,
                at: self.seam.now(),
            });
        self.store.apply(changes.collect()).await.unwrap();
    }

    /// Resource, start and client of every live record.
    #[expect(clippy::unused_self, reason = "reads as a question to the world")]
    fn times(&self, platform: &Fake) -> Vec<(String, Timestamp, String)> {
        let mut times: Vec<_> = platform
            .live()
            .into_iter()
            .map(|record| {
                (
                    record.resource.as_str().to_owned(),
                    record.start,
                    record.client.name.expose().to_owned(),
                )
            })
            .collect();
        times.sort();
        times
    }
}

fn seam() -> Arc<VirtualSeam> {
    Arc::new(VirtualSeam::new("2031-05-05T06:10:00Z".parse().unwrap(), 7))
}

fn member(platform: &Arc<Fake>) -> Member {
    let name = platform.name().clone();
    let mut mapping = Mapping::default();
    for resource in ["anna", "boris"] {
        mapping
            .add_resource(
                &name,
                &ResourceName::new(resource).unwrap(),
                ResourceKey::new(resource),
            )
            .unwrap();
    }
    let service = ServiceName::new("haircut").unwrap();
    mapping
        .add_service(
            &name,
            &service,
            ServiceKey::new("cut"),
            Some(SignedDuration::from_mins(30)),
        )
        .unwrap();
    Member {
        platform: Arc::clone(platform) as Arc<dyn Platform>,
        mapping,
        direction: Direction::Both,
        time_zone: TimeZone::get("Europe/Moscow").unwrap(),
        lead_time: Some(SignedDuration::ZERO),
        known_records: Vec::new(),
        chooses_block_service: false,
    }
}

/// An instant on the day after the world begins, at this UTC hour and minute.
fn at(hour: i64, minute: i64) -> Timestamp {
    let day: Timestamp = "2031-05-06T00:00:00Z".parse().unwrap();
    day + SignedDuration::from_mins(hour * 60 + minute)
}

fn outcomes(report: &Report) -> Vec<(&'static str, String, OutcomeWord)> {
    report
        .bridges
        .iter()
        .flat_map(|bridge| &bridge.operations)
        .map(|one| (one.op, one.platform.to_string(), one.outcome))
        .collect()
}

fn only(records: &[slotbridge_core::record::Record]) -> &slotbridge_core::record::Record {
    assert_eq!(records.len(), 1);
    &records[0]
}

fn name(text: &str) -> PlatformName {
    PlatformName::new(text).unwrap()
}

fn live_id(platform: &Fake) -> RemoteId {
    only(&platform.live()).id.clone()
}

fn client_on(platform: &Fake, name: &str) -> RemoteId {
    let live = platform.live();
    let mut records = live.iter().filter(|one| one.client.name.expose() == name);
    records.next().unwrap().id.clone()
}
