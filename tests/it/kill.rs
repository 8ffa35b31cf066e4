//! A backfill that is killed, or loses an answer, or its database, and is started again: in step, and nothing doubled.
//!
//! The real binary, real HTTP on loopback, a real database file. Each case has platforms and a folder of its own; a few
//! run side by side.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use slotbridge_sim::world::{Addresses, World, demo_week};
use slotbridge_sim::{Fault, Inspect, Limit, Seen, Served, SimClock, Which, serve};
use tempfile::TempDir;

use crate::support::{binary, write_private};

/// How many cases run at once; they mostly wait.
const SIDE_BY_SIDE: usize = 4;

/// The gap between two calls of the simulated Rubitime, far below the real five seconds.
const GAP: Duration = Duration::from_millis(10);

struct Rig {
    world: World,
    // Dropped before the runtime that they run on.
    _salon: Served,
    _site: Served,
    _runtime: tokio::runtime::Runtime,
    folder: TempDir,
}

impl Rig {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let world = demo_week(&SimClock::system());
        world.rubitime.quota().set([Limit::new(1, GAP)], true);
        let salon = runtime.block_on(serve(world.yclients.router())).unwrap();
        let site = runtime.block_on(serve(world.rubitime.router())).unwrap();
        let store = folder.path().join("slotbridge.db");
        let toml = world.config(&Addresses {
            yclients: &salon.url,
            rubitime: &site.url,
            store: store.to_str().unwrap(),
            rubitime_gap: Some(GAP),
        });
        // Half of what stands on Rubitime is known by name, the rest is only busy time.
        let known: Vec<String> = world
            .both
            .iter()
            .map(|(_, site)| site.to_string())
            .step_by(2)
            .collect();
        let toml = toml.replace(
            "branch_id =",
            &format!("known_records = [{}]\nbranch_id =", known.join(", ")),
        );
        let rig = Self {
            world,
            _salon: salon,
            _site: site,
            _runtime: runtime,
            folder,
        };
        write_private(&rig.config(), toml.as_bytes());
        rig
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    fn command(&self) -> Command {
        let mut command = binary();
        command
            .arg("--config")
            .arg(self.config())
            .args(["--reconcile", "--format", "json"]);
        command
    }

    fn run(&self) -> Output {
        self.command().output().unwrap()
    }

    /// Starts a run and kills it as soon as the platforms have seen so many calls. Tells whether it was still running.
    fn run_killed(&self, after_calls: usize) -> bool {
        kill_after(&mut self.command(), || self.calls(), after_calls)
    }

    fn calls(&self) -> usize {
        self.world.yclients.calls().len() + self.world.rubitime.calls().len()
    }

    fn writes(&self) -> usize {
        let salon = ["records.create", "record.update", "record.delete"];
        let site = ["create-record", "update-record", "remove-record"];
        salon
            .iter()
            .map(|method| self.world.yclients.count(method))
            .sum::<usize>()
            + site
                .iter()
                .map(|method| self.world.rubitime.count(method))
                .sum::<usize>()
    }

    /// Runs until the platforms are in step, at most so many times, and checks everything that must hold then.
    fn assert_in_step_after(&self, runs_max: usize, what: &str) {
        let mut last = None;
        for _ in 0..runs_max {
            let output = self.run();
            let done = output.status.code() == Some(0);
            last = Some(output);
            // Busy times become blocks when they were seen twice, so one good run is followed by another.
            if done && last_pass_was_quiet(last.as_ref().unwrap()) {
                break;
            }
        }
        let last = last.unwrap();
        let said = String::from_utf8_lossy(&last.stdout).into_owned()
            + &String::from_utf8_lossy(&last.stderr);
        assert_eq!(last.status.code(), Some(0), "{what}: {said}");
        let writes = self.writes();
        assert_eq!(self.run().status.code(), Some(0), "{what}");
        assert_eq!(
            self.writes(),
            writes,
            "{what}: a pass over platforms in step wrote something"
        );

        for platform in [&self.world.yclients as &dyn Inspect, &self.world.rubitime] {
            assert!(
                platform.duplicates_ever().is_empty(),
                "{what}: {:?}",
                platform.duplicates_ever()
            );
            assert!(platform.quota_violations().is_empty(), "{what}");
            assert!(
                platform.double_bookings().is_empty(),
                "{what}: {:?}",
                platform.double_bookings()
            );
        }
        assert_eq!(
            self.slots(&self.world.yclients),
            self.slots(&self.world.rubitime),
            "{what}"
        );
        assert_eq!(
            self.world.yclients.messages_sent().len(),
            0,
            "{what}: a client was written to"
        );
    }

    /// Staff member (0 or 1) and start of every live record, with how many there are.
    #[expect(clippy::unused_self, reason = "reads as a question to the rig")]
    fn slots(&self, platform: &dyn Inspect) -> BTreeMap<(bool, jiff::Timestamp), usize> {
        let mut slots = BTreeMap::new();
        for Seen { staff, start, .. } in platform.live() {
            *slots
                .entry(([8886, 1702].contains(&staff), start))
                .or_default() += 1;
        }
        slots
    }
}

/// Starts a run and kills it after so many more calls than there were. Tells whether it was still running.
pub(crate) fn kill_after(
    command: &mut Command,
    calls: impl Fn() -> usize,
    after_calls: usize,
) -> bool {
    let before = calls();
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if calls() - before >= after_calls {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        std::thread::yield_now();
    }
}

/// Whether the pass that reported this as JSON wrote nothing.
pub(crate) fn last_pass_was_quiet(output: &Output) -> bool {
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let totals = &report["totals"];
    ["create", "update", "remove"]
        .iter()
        .all(|op| totals[*op] == 0)
}

/// Works off cases on a few threads; a case that panics fails the test.
fn side_by_side<T: Send>(cases: Vec<T>, test: impl Fn(T) + Sync) {
    let queue = Mutex::new(cases.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some(case) = next else { return };
                    test(case);
                }
            });
        }
    });
}

/// Numbers that look random and are the same every time (splitmix64).
fn dice(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |below| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(below).unwrap()).unwrap()
    }
}

// R30
#[test]
fn killed_at_any_moment_of_a_backfill_it_ends_in_step_without_a_twin() {
    let seeds: Vec<u64> = (1..=16).collect();
    let killed = Mutex::new(0);
    side_by_side(seeds, |seed| {
        let rig = Rig::new();
        let mut dice = dice(seed);
        // Twice in a row: the second one dies somewhere in the clearing up.
        for _ in 0..2 {
            let after_calls = 1 + dice(45);
            if rig.run_killed(after_calls) {
                *killed.lock().unwrap() += 1;
            }
        }
        rig.assert_in_step_after(4, &format!("seed {seed}"));
    });
    assert!(
        *killed.lock().unwrap() >= 16,
        "too few runs were alive long enough to be killed"
    );
}

#[test]
fn a_lost_reply_to_any_single_write_doubles_nothing() {
    let clean = Rig::new();
    clean.assert_in_step_after(3, "clean");
    let creates_salon = clean.world.yclients.count("records.create");
    let creates_site = clean.world.rubitime.count("create-record");
    assert!(
        creates_salon >= 5 && creates_site >= 5,
        "the week asks for writes on both sides"
    );

    let salon = (1..=u64::try_from(creates_salon).unwrap()).map(|n| (true, n));
    let site = (1..=u64::try_from(creates_site).unwrap()).map(|n| (false, n));
    side_by_side(salon.chain(site).collect(), |(salon, n)| {
        let rig = Rig::new();
        let (faults, method) = if salon {
            (rig.world.yclients.faults(), "records.create")
        } else {
            (rig.world.rubitime.faults(), "create-record")
        };
        faults.add("lost", method, Which::Nth(n), Fault::ReplyLost);
        rig.assert_in_step_after(5, &format!("{method} {n}"));
        assert_eq!(
            faults.fired("lost"),
            Some(1),
            "{method} {n}: the fault never struck"
        );
    });
}

// R14
#[test]
fn a_500_after_the_write_landed_doubles_nothing() {
    side_by_side(
        vec![
            ("records.create", 2),
            ("records.create", 4),
            ("create-record", 3),
        ],
        |(method, n)| {
            let rig = Rig::new();
            let faults = if method == "create-record" {
                rig.world.rubitime.faults()
            } else {
                rig.world.yclients.faults()
            };
            faults.add(
                "late 500",
                method,
                Which::Nth(n),
                Fault::ErrorAfter { status: 500 },
            );
            rig.assert_in_step_after(5, &format!("{method} {n}"));
            assert_eq!(faults.fired("late 500"), Some(1));
        },
    );
}

#[test]
fn without_its_database_it_finds_everything_again_and_writes_nothing() {
    let rig = Rig::new();
    rig.assert_in_step_after(3, "before");
    let writes = rig.writes();
    for entry in std::fs::read_dir(rig.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("slotbridge.db")
        {
            std::fs::remove_file(path).unwrap();
        }
    }
    rig.assert_in_step_after(3, "after the database was lost");
    assert_eq!(rig.writes(), writes);
}
