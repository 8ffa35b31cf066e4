//! The same as `kill`, with all four platforms on one bridge: killed anywhere in a backfill, and with the reply of a
//! create lost on each platform, it ends in step and nothing is doubled.

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::time::Duration;

use slotbridge_sim::world::{Addresses4, RESOURCES, Side, World4, demo_week_of_four};
use slotbridge_sim::{Fault, Inspect, Served, SimClock, Which, serve};
use tempfile::TempDir;

use crate::kill::{kill_after, last_pass_was_quiet};
use crate::support::{at, binary, write_private};

/// The gap between two calls of the simulated Rubitime, far below the real five seconds.
const GAP: Duration = Duration::from_millis(10);

struct Rig {
    world: World4,
    folder: TempDir,
    // The platforms are served as long as these are there; the runtime goes last.
    _served: [Served; 4],
    _runtime: tokio::runtime::Runtime,
}

impl Rig {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let world = demo_week_of_four(&SimClock::system());
        world.hurry(GAP);
        let served = runtime.block_on(async {
            [
                serve(world.two.yclients.router()).await.unwrap(),
                serve(world.two.rubitime.router()).await.unwrap(),
                serve(world.simplybook.router()).await.unwrap(),
                serve(world.alfacrm.router()).await.unwrap(),
            ]
        });
        let [salon, site, acme, school] = &served;
        let text = world.config(&Addresses4 {
            yclients: &salon.url,
            rubitime: &site.url,
            simplybook: &acme.url,
            alfacrm: &school.url,
            store: "slotbridge.db",
            rubitime_gap: Some(GAP),
            hurry: true,
        });
        let known: Vec<String> = world
            .two
            .rubitime
            .live()
            .iter()
            .map(|seen| seen.id.to_string())
            .collect();
        let known = format!("branch_id = 1013\nknown_records = [{}]\n", known.join(", "));
        let text = text.replacen("branch_id = 1013\n", &known, 1);
        let folder = tempfile::tempdir().unwrap();
        write_private(&folder.path().join("config.toml"), text.as_bytes());
        Self {
            world,
            folder,
            _served: served,
            _runtime: runtime,
        }
    }

    fn command(&self) -> Command {
        let mut command = binary();
        command
            .arg("--config")
            .arg(self.folder.path().join("config.toml"))
            .args(["--reconcile", "--format", "json"]);
        command
    }

    fn run(&self) -> Output {
        self.command().output().unwrap()
    }

    fn calls(&self) -> usize {
        let sides = self.world.sides();
        sides.iter().map(|side| side.view.calls().len()).sum()
    }

    /// Starts a run and kills it as soon as the platforms have seen so many calls. Tells whether it was still running.
    fn run_killed(&self, after_calls: usize) -> bool {
        kill_after(&mut self.command(), || self.calls(), after_calls)
    }

    fn assert_in_step(&self, what: &str) {
        let mut said = String::new();
        let mut quiet = false;
        for _ in 0..6 {
            let output = self.run();
            said = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            quiet = output.status.code() == Some(0) && last_pass_was_quiet(&output);
            if quiet {
                break;
            }
        }
        assert!(quiet, "{what}: {said}");
        let sides = self.world.sides();
        for side in &sides {
            let name = side.place.name();
            let twins = side.view.duplicates_ever();
            assert!(twins.is_empty(), "{what}: {name}: {twins:?}");
            assert!(side.view.double_bookings().is_empty(), "{what}: {name}");
            assert!(side.view.quota_violations().is_empty(), "{what}: {name}");
        }
        for side in &sides {
            let (one, first) = (slots(side), slots(&sides[0]));
            assert_eq!(one, first, "{what}: {}", side.place.name());
        }
    }
}

/// Staff member and start of every live record, with how many there are.
fn slots(side: &Side<'_>) -> BTreeMap<(bool, jiff::Timestamp), usize> {
    let anna = side.place.staff(&RESOURCES[0]);
    let mut slots = BTreeMap::new();
    for seen in side.view.live() {
        *slots.entry((seen.staff == anna, seen.start)).or_default() += 1;
    }
    slots
}

#[test]
fn killed_at_any_moment_the_four_end_in_step_without_a_twin() {
    let mut killed = 0;
    for (first, second) in [(9, 31), (40, 55), (62, 70), (78, 90), (101, 33), (120, 64)] {
        let rig = Rig::new();
        killed += u32::from(rig.run_killed(first)) + u32::from(rig.run_killed(second));
        rig.assert_in_step(&format!("killed after {first} and {second} calls"));
    }
    assert!(
        killed >= 8,
        "only {killed} runs were alive long enough to be killed"
    );
}

// R14
#[test]
fn the_reply_of_a_create_lost_on_each_of_the_four_doubles_nothing() {
    let creates = [
        ("salon", "records.create"),
        ("site", "create-record"),
        ("world", "admin.book"),
        ("school", "lesson.create"),
    ];
    for (name, method) in creates {
        for fault in [Fault::ReplyLost, Fault::ErrorAfter { status: 500 }] {
            let rig = Rig::new();
            let sides = rig.world.sides();
            let side = sides.iter().find(|side| side.place.name() == name).unwrap();
            side.view
                .faults()
                .add("lost", method, Which::Nth(2), fault.clone());
            rig.assert_in_step(&format!("{name}, {fault:?}"));
            assert_eq!(side.view.faults().fired("lost"), Some(1), "{name}");
        }
    }
}

#[test]
fn the_reply_of_a_move_and_of_a_cancellation_lost_on_each_of_the_four_is_made_good() {
    let writes = [
        ("salon", "record.update", "record.delete"),
        ("site", "update-record", "update-record"),
        ("world", "admin.editBook", "admin.cancelBooking"),
        ("school", "lesson.update", "lesson.cancel"),
    ];
    for (name, update, remove) in writes {
        let rig = Rig::new();
        rig.assert_in_step(name);
        let sides = rig.world.sides();
        let named = |name: &str| sides.iter().find(|side| side.place.name() == name);
        let side = named(name).unwrap();
        // A person acts somewhere else, and the write that follows here loses its reply.
        let source = named(if name == "salon" { "site" } else { "salon" }).unwrap();
        let anna = source.place.staff(&RESOURCES[0]);
        let booking = source
            .view
            .live()
            .into_iter()
            .find(|seen| seen.staff == anna && seen.end > seen.start && !seen.phone.is_empty())
            .unwrap();
        let free = (9..19).map(|hour| at(4, hour)).find(|start| {
            sides.iter().all(|side| {
                side.hand
                    .is_free(side.place.staff(&RESOURCES[0]), *start, 120)
            })
        });
        let faults = side.view.faults();
        faults.add("lost move", update, Which::Nth(1), Fault::ReplyLost);
        source.hand.move_to(booking.id, free.unwrap()).unwrap();
        rig.assert_in_step(&format!("{name}: a move"));
        assert_eq!(faults.fired("lost move"), Some(1), "{name}");

        faults.add("lost end", remove, Which::Nth(1), Fault::ReplyLost);
        source.hand.cancel(booking.id).unwrap();
        rig.assert_in_step(&format!("{name}: a cancellation"));
        assert_eq!(faults.fired("lost end"), Some(1), "{name}");
        assert!(slots(side).keys().all(|(_, start)| *start != free.unwrap()));
    }
}
