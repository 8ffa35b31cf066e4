//! Four simulated platforms on loopback with one bridge between them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use slotbridge_sim::alfacrm::{DateKey, Times};
use slotbridge_sim::world::{
    Addresses4, PLACES, Place, RESOURCES, SERVICES, World4, demo_week_of_four, empty_week_of_four,
};
use slotbridge_sim::yclients::CreateReply;
use slotbridge_sim::{Booking, Call, Seen, Served, SimClock, serve};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Booked, Column};
use crate::support::{Ran, binary, write_private};

/// How far apart the simulated Rubitime wants two calls.
const GAP: Duration = Duration::from_millis(5);

/// Where messages go that no client must get.
pub(super) const SINK_EMAIL: &str = "sink@example.com";
const SINK_PHONE: &str = "+79000009999";

/// The methods that write.
const WRITES: [&str; 18] = [
    "records.create",
    "record.update",
    "record.delete",
    "create-record",
    "update-record",
    "remove-record",
    "admin.book",
    "admin.editBook",
    "admin.cancelBooking",
    "admin.confirmBooking",
    "admin.setBookingComment",
    "admin.editClient",
    "public.book",
    "public.cancelBooking",
    "public.confirmBooking",
    "lesson.create",
    "lesson.update",
    "lesson.cancel",
];

/// Speaks to SimplyBook.me with API keys alone.
pub(super) fn with_api_keys(toml: &str) -> String {
    let user = "user = \"sync@example.com\"\npassword = \"demo-password\"\n";
    let keys = "api_key = \"demo-simplybook-key\"\nsecret_key = \"demo-simplybook-secret\"\n";
    let admin = "mode = \"admin\"\n";
    assert!(toml.contains(user) && toml.contains(admin), "{toml}");
    toml.replace(user, keys)
        .replace(admin, "mode = \"public\"\n")
}

pub(super) struct Rig {
    pub(super) world: World4,
    folder: TempDir,
    toml: RefCell<String>,
    /// Rubitime's records that a person made; the config names them.
    known: RefCell<Vec<u64>>,
    // Dropped before the runtime that they run on.
    _served: [Served; 4],
    _runtime: Runtime,
}

impl Rig {
    /// Four platforms without a booking, SimplyBook.me as a user of its back office.
    pub(super) fn admin() -> Self {
        Self::new(|toml| toml)
    }

    /// Four platforms without a booking, a sink before SimplyBook.me.
    pub(super) fn sink() -> Self {
        Self::new(|toml| {
            let real = "contacts = \"real\"\n";
            assert!(toml.contains(real), "{toml}");
            let sink = format!("sink_email = \"{SINK_EMAIL}\"\nsink_phone = \"{SINK_PHONE}\"\n");
            toml.replace(real, &sink)
        })
    }

    /// Four platforms without a booking that spell and answer in the odd ways that have been seen.
    pub(super) fn odd() -> Self {
        let rig = Self::admin();
        let world = &rig.world;
        world.two.yclients.configure(|options| {
            options.odd_spellings = Some(3);
            options.create_reply = CreateReply::Object;
        });
        world
            .two
            .rubitime
            .configure(|options| options.odd_spellings = Some(4));
        world.simplybook.configure(|options| {
            options.odd_spellings = true;
            options.null_members = true;
            options.details_have_comment = true;
            options.hash_changes = true;
            options.date_to_excluded = true;
        });
        world.alfacrm.configure(|options| {
            options.odd_spellings = Some(5);
            options.date_key = DateKey::LessonDate;
            options.times = Times::Bare;
            options.people_in_details = true;
            options.formatted_phones = true;
            options.last_page_again = true;
        });
        rig
    }

    /// Four platforms with a week spread over them; the config names the records of Rubitime.
    pub(super) fn week() -> Self {
        let rig = Self::of(demo_week_of_four, |toml| toml);
        for seen in rig.world.side(Place::Rubitime).view.live() {
            rig.name_in_config(seen.id);
        }
        rig
    }

    /// Four platforms without a booking, SimplyBook.me with API keys alone.
    pub(super) fn public() -> Self {
        Self::new(|toml| with_api_keys(&toml))
    }

    /// The same where `adapt` has the last word about the config.
    pub(super) fn new(adapt: impl FnOnce(String) -> String) -> Self {
        Self::of(empty_week_of_four, adapt)
    }

    fn of(build: fn(&SimClock) -> World4, adapt: impl FnOnce(String) -> String) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let world = build(&SimClock::system());
        world.hurry(GAP);
        let served = [
            world.two.yclients.router(),
            world.two.rubitime.router(),
            world.simplybook.router(),
            world.alfacrm.router(),
        ]
        .map(|router| runtime.block_on(serve(router)).unwrap());
        let toml = world.config(&Addresses4 {
            yclients: &served[0].url,
            rubitime: &served[1].url,
            simplybook: &served[2].url,
            alfacrm: &served[3].url,
            store: "slotbridge.db",
            rubitime_gap: Some(GAP),
            hurry: true,
        });
        // A person changes half of what there is between two passes: that is the test, not an accident.
        let guard = "\n[guard]\nremovals_max_percent = 0\nupdates_max_percent = 0\n";
        let rig = Self {
            world,
            folder: tempfile::tempdir().unwrap(),
            toml: RefCell::new(adapt(toml + guard)),
            known: RefCell::default(),
            _served: served,
            _runtime: runtime,
        };
        rig.write_config();
        rig
    }

    fn write_config(&self) {
        let known = self.known.borrow();
        let named: Vec<String> = known.iter().map(u64::to_string).collect();
        let line = format!("branch_id = 1013\nknown_records = [{}]\n", named.join(", "));
        let text = self.toml.borrow().replace("branch_id = 1013\n", &line);
        write_private(&self.folder.path().join("config.toml"), text.as_bytes());
    }

    /// A person books; on Rubitime the owner also tells the config of it.
    pub(super) fn book(&self, place: Place, booked: &Booked) -> u64 {
        let id = self.book_quietly(place, booked);
        if place == Place::Rubitime {
            self.name_in_config(id);
        }
        id
    }

    /// The owner tells the config of a record on Rubitime.
    pub(super) fn name_in_config(&self, id: u64) {
        self.known.borrow_mut().push(id);
        self.write_config();
    }

    /// A person books, and nobody tells the config.
    pub(super) fn book_quietly(&self, place: Place, booked: &Booked) -> u64 {
        let (staff, service) = (&RESOURCES[booked.staff], &SERVICES[booked.service]);
        let booking = Booking::new(
            place.staff(staff),
            place.service(service),
            booked.start,
            service.minutes,
        )
        .client(&booked.name, &booked.phone)
        .email(&booked.email)
        .comment(&booked.comment);
        self.world.side(place).hand.book(&booking)
    }

    /// The live records of a platform for a booking: those with the client's phone, whatever its spelling. Behind a sink
    /// they are told by person and time.
    pub(super) fn find(&self, on: Column, booked: &Booked) -> Vec<Seen> {
        let tail = |text: &str| {
            let digits: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
            digits[digits.len().saturating_sub(10)..].to_vec()
        };
        let staff = on.place().staff(&RESOURCES[booked.staff]);
        let mut live = self.world.side(on.place()).view.live();
        live.retain(|seen| match on {
            Column::SimplybookSink => seen.staff == staff && seen.start == booked.start,
            _ => !seen.phone.is_empty() && tail(&seen.phone) == tail(&booked.phone),
        });
        live
    }

    /// The addresses that SimplyBook.me wrote to because of us.
    pub(super) fn written_to(&self) -> BTreeSet<String> {
        let messages = self.world.simplybook.messages_sent();
        messages.into_iter().map(|message| message.email).collect()
    }

    /// Runs the binary to its end.
    pub(super) fn run(&self, arguments: &[&str]) -> Ran {
        let output = binary()
            .arg("--config")
            .arg(self.folder.path().join("config.toml"))
            .args(arguments)
            .output();
        Ran::from(output.unwrap())
    }

    /// Makes one pass.
    pub(super) fn pass(&self) -> (Option<i32>, Value, String) {
        let output = binary()
            .arg("--config")
            .arg(self.folder.path().join("config.toml"))
            .args(["--reconcile", "--format", "json"])
            .output()
            .unwrap();
        let Ran {
            code,
            stdout,
            stderr,
        } = Ran::from(output);
        let report = serde_json::from_str(&stdout)
            .unwrap_or_else(|_| panic!("no report, exit {code:?}: {stdout}{stderr}"));
        (code, report, stderr)
    }

    /// Makes passes until one exits with 0 and writes nothing; else tells what the last one said.
    pub(super) fn settle(&self, passes_max: usize) -> Result<(), String> {
        let mut said = String::new();
        for _ in 0..passes_max {
            let before = self.writes().len();
            let (code, report, stderr) = self.pass();
            if code == Some(0) && self.writes().len() == before {
                return Ok(());
            }
            said = format!("exit {code:?} {report:#} {stderr}");
        }
        Err(format!("not in step after {passes_max} passes: {said}"))
    }

    /// Takes the database away, but not the account of the calls that were made.
    pub(super) fn lose_the_database(&self) {
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if name.contains(".db") && !name.contains(".calls") {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
    }

    /// The calls that write, so far.
    pub(super) fn writes(&self) -> Vec<Call> {
        let calls = self.world.sides().map(|side| side.view.calls());
        let mut calls = calls.concat();
        calls.retain(|call| WRITES.contains(&call.method));
        calls
    }

    /// What must never happen, on any platform.
    pub(super) fn assert_nothing_doubled(&self, what: &str) {
        for place in PLACES {
            let view = self.world.side(place).view;
            let name = place.title();
            assert_eq!(view.duplicates_ever(), [], "{what}: {name}");
            assert_eq!(view.double_bookings(), [], "{what}: {name}");
            assert_eq!(view.quota_violations(), [], "{what}: {name}");
        }
        let messages = self.world.two.yclients.messages_sent();
        assert!(messages.is_empty(), "{what}: a client was written to");
        let reminders = self.world.two.rubitime.reminders_set();
        assert!(reminders.is_empty(), "{what}: a client will be reminded");
        let held = self.world.alfacrm.held_by_api();
        assert!(held.is_empty(), "{what}: a lesson was charged");
    }
}
