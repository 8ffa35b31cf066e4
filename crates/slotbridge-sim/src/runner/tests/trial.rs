//! A small world for one trial: the real engine, store and adapters on simulated platforms in virtual time, without a
//! seed's people and storms.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use slotbridge_engine::bridge::{Mode, NoProgress, RunOptions};
use slotbridge_engine::report::Report;
use slotbridge_store::Change;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::locked;
use crate::person::{Booking, Hand, Inspect, Seen};
use crate::runner::fate::Death;
use crate::runner::process::{Host, Process};
use crate::runner::seam::Machine;
use crate::runner::trace::Trace;
use crate::runner::wire::Network;
use crate::simulation::scenario::{Removed, Simplybook, Winner};
use crate::simulation::{Auditor, Choices, FaultMix, Scenario, Stage, Violation, cast};
use crate::world::{Place, SERVICES};

/// The world, and a process of slotbridge in it now and then.
pub(super) struct Trial {
    pub(super) scenario: Scenario,
    pub(super) stage: Stage,
    auditor: Arc<Mutex<Auditor>>,
    network: Network,
    machine: Machine,
    folder: TempDir,
    named: Vec<u64>,
    clients: u64,
}

impl Trial {
    pub(super) fn new(places: &[Place], simplybook: Simplybook) -> Self {
        let choices = Choices {
            places: Some(places.to_vec()),
            size: Some(0),
            steps: Some(0),
            faults: Some(FaultMix::None),
        };
        let mut scenario = Scenario::new(1, &choices);
        scenario.zones = ["Europe/Moscow"; 4];
        scenario.start = "2031-05-05T06:10:00Z".parse().unwrap();
        scenario.hours = (8, 21);
        scenario.window = SignedDuration::from_hours(24 * 60);
        (scenario.winner, scenario.removed) = (Winner::Newest, Removed::Remove);
        (scenario.sink, scenario.named, scenario.guards) = (false, true, true);
        (scenario.clock_steps, scenario.meanwhile) = (false, false);
        scenario.simplybook = simplybook;
        let stage = Stage::new(&scenario);
        let auditor = Arc::new(Mutex::new(Auditor::new(&scenario)));
        let network = Network::new(&stage, Arc::clone(&auditor), Trace::default(), 1, 0);
        Self {
            machine: Machine::new(stage.clock.clone(), 1),
            scenario,
            stage,
            auditor,
            network,
            folder: tempfile::tempdir().unwrap(),
            named: Vec::new(),
            clients: 0,
        }
    }

    pub(super) fn hand(&self, place: Place) -> &dyn Hand {
        self.stage.side(place).hand
    }

    pub(super) fn view(&self, place: Place) -> &dyn Inspect {
        self.stage.side(place).view
    }

    /// An instant so many days from the beginning, by the clocks of the business.
    pub(super) fn at(&self, day: i64, hour: i8, minute: i8) -> Timestamp {
        let zone = TimeZone::get("Europe/Moscow").unwrap();
        let date = zone.to_datetime(self.scenario.start).date();
        let day = date.saturating_add(jiff::Span::new().days(day));
        zone.to_timestamp(day.at(hour, minute, 0, 0)).unwrap()
    }

    /// A new client books; gives the record and the client.
    pub(super) fn book(&mut self, place: Place, staff: usize, start: Timestamp) -> (u64, u64) {
        self.clients += 1;
        let client = self.clients;
        let service = &SERVICES[0];
        let id = cast::staff_id(place, staff);
        let booking = Booking::new(id, place.service(service), start, service.minutes)
            .client(&cast::client_name(client), &cast::phone(client, 0))
            .comment(&cast::comment(client, 0, false));
        let record = self.hand(place).book(&booking);
        if place == Place::Rubitime {
            self.named.push(record);
        }
        let seen = self.view(place).seen(record).unwrap();
        locked(&self.auditor).booked(place, &seen);
        (record, client)
    }

    /// A person moves a record.
    pub(super) fn move_to(&self, place: Place, record: u64, start: Timestamp) {
        let before = self.view(place).seen(record).unwrap();
        self.hand(place).move_to(record, start).unwrap();
        let after = self.view(place).seen(record).unwrap();
        locked(&self.auditor).changed((place, self.stage.clock.now()), &before, &after);
    }

    /// A person cancels a record.
    pub(super) fn cancel(&self, place: Place, record: u64) {
        let before = self.view(place).seen(record).unwrap();
        self.hand(place).cancel(record).unwrap();
        locked(&self.auditor).cancelled(place, &before, &[]);
    }

    /// A client's live records on a platform.
    pub(super) fn live(&self, place: Place, client: u64) -> Vec<Seen> {
        let mut live = self.view(place).live();
        live.retain(|seen| cast::client_of(&seen.name) == Some(client));
        live
    }

    /// What the auditor has objected to so far.
    pub(super) fn violations(&self) -> Vec<Violation> {
        locked(&self.auditor).violations().to_vec()
    }

    pub(super) fn process(&self) -> Process {
        let host = Host {
            scenario: &self.scenario,
            network: &self.network,
            machine: &self.machine,
            canary: None,
            database: self.folder.path().join("slotbridge.db"),
            named: self.named.clone(),
            quotas: true,
        };
        Process::start(&host, None).unwrap()
    }

    /// One pass of a new process; nothing if it died in it.
    pub(super) async fn pass(&self, death: Option<Death>) -> Option<Report> {
        tokio::time::sleep(Duration::from_mins(1)).await;
        let process = self.process();
        process.fate.arm(death, &process.store);
        locked(&self.auditor).run_begins();
        let bridges = std::slice::from_ref(&process.bridge);
        let options = options();
        let report = process
            .fate
            .drive(process.engine.reconcile(bridges, &options))
            .await;
        locked(&self.auditor).run_ends(report.is_none(), self.stage.clock.now());
        let report = report?.unwrap();
        if report.exit_code() == 3 {
            self.approve(&process).await;
        }
        Some(report)
    }

    /// A person approves what guards hold.
    pub(super) async fn approve(&self, process: &Process) {
        let bridge = &process.bridge.name;
        let guards = process.store.guards(bridge).await.unwrap();
        let at = self.stage.clock.now();
        let changes = guards.into_iter().map(|guard| Change::GuardApproved {
            bridge: bridge.clone(),
            plan: guard.plan,
            at,
        });
        process.store.apply(changes.collect()).await.unwrap();
    }

    /// Passes until one writes nothing, with time for what has to wait.
    pub(super) async fn settle(&self) -> Report {
        let mut before = self.network.writes();
        for pass in 0..12 {
            let report = self.pass(None).await.unwrap();
            let now = self.network.writes();
            if now == before && pass > 2 {
                return report;
            }
            before = now;
            if pass > 2 {
                tokio::time::sleep(Duration::from_mins(15)).await;
            }
        }
        panic!("does not come to rest");
    }
}

pub(super) fn options() -> RunOptions {
    RunOptions {
        mode: Mode::Apply,
        cancel: CancellationToken::new(),
        progress: Arc::new(NoProgress),
    }
}
