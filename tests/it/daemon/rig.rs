//! The stage of the daemon's tests: four platforms, a config between them, and what must hold of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use slotbridge_sim::webhooks::Outbox;
use slotbridge_sim::world::{
    Addresses4, PLACES, Place, RESOURCES, Resource, SERVICES, Side, World4, demo_week_of_four,
    empty_week_of_four,
};
use slotbridge_sim::{Booking, Fault, Served, SimClock, Which, serve, serve_on};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::methods::writes_of;
use super::process::Daemon;
use crate::support::{Ran, at, binary, write_private};

/// How far apart the simulated Rubitime wants two calls.
const GAP: Duration = Duration::from_millis(10);
/// So seldom that no test sees it: what arrives came by webhook.
pub(super) const NEVER: &str = "12h";
/// Often enough that nobody waits for it.
pub(super) const OFTEN: &str = "200ms";

/// Four platforms and a config.
pub(super) struct Rig {
    pub(super) world: World4,
    pub(super) folder: TempDir,
    /// How many webhooks have gone out since they go to the daemon that runs.
    sent: Mutex<BTreeMap<Place, usize>>,
    // The platforms are served as long as these are there; the runtime goes last.
    served: Mutex<BTreeMap<Place, Served>>,
    runtime: Runtime,
}

impl Rig {
    /// Four platforms without a booking, looked at so often by polling.
    pub(super) fn empty(poll_every: &str) -> Self {
        Self::open(empty_week_of_four, poll_every)
    }

    /// Four platforms with a week of bookings, all of Rubitime's known to the config.
    pub(super) fn week(poll_every: &str) -> Self {
        let rig = Self::open(demo_week_of_four, poll_every);
        let known: Vec<String> = (rig.world.side(Place::Rubitime).view.live().iter())
            .map(|seen| seen.id.to_string())
            .collect();
        let known = format!("branch_id = 1013\nknown_records = [{}]\n", known.join(", "));
        rig.change_config("branch_id = 1013\n", &known);
        rig
    }

    fn open(build: fn(&SimClock) -> World4, poll_every: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let world = build(&SimClock::system());
        world.hurry(GAP);
        let served: BTreeMap<Place, Served> = PLACES
            .map(|place| {
                (
                    place,
                    runtime.block_on(serve(router(&world, place))).unwrap(),
                )
            })
            .into();
        let mut text = world.config(&Addresses4 {
            yclients: &served[&Place::Yclients].url,
            rubitime: &served[&Place::Rubitime].url,
            simplybook: &served[&Place::Simplybook].url,
            alfacrm: &served[&Place::Alfacrm].url,
            store: "slotbridge.db",
            rubitime_gap: Some(GAP),
            hurry: true,
        });
        text = text.replace("webhook_token = \"demo-webhook-token\"\n", "");
        for place in PLACES {
            let head = format!("[platform.{}]\n", place.name());
            let more = format!(
                "{head}webhook_token = \"{}\"\npoll_every = \"{poll_every}\"\n",
                token(place)
            );
            assert!(text.contains(&head), "{head:?} is not in\n{text}");
            text = text.replacen(&head, &more, 1);
        }
        text.push_str("\n[http]\nlisten = \"127.0.0.1:0\"\n");
        let rig = Self {
            world,
            folder: tempfile::tempdir().unwrap(),
            sent: Mutex::default(),
            served: Mutex::new(served),
            runtime,
        };
        rig.write_config(&text);
        rig
    }

    pub(super) fn config(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    pub(super) fn write_config(&self, text: &str) {
        write_private(&self.config(), text.as_bytes());
    }

    /// Changes the config file at one place, which must be there.
    pub(super) fn change_config(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(from), "{from:?} is not in the config");
        self.write_config(&text.replacen(from, to, 1));
    }

    /// Takes a platform off the network.
    pub(super) fn unplug(&self, place: Place) -> SocketAddr {
        let served = self.served.lock().unwrap().remove(&place).unwrap();
        let address = served.address;
        self.runtime.block_on(served.stop());
        address
    }

    /// Puts it back where it was.
    pub(super) fn plug_in(&self, place: Place, address: SocketAddr) {
        let router = router(&self.world, place);
        let served = self.runtime.block_on(serve_on(address, router)).unwrap();
        self.served.lock().unwrap().insert(place, served);
    }

    /// Another command with the same config, run to its end.
    pub(super) fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = binary();
        command.arg("--config").arg(self.config()).args(arguments);
        Ran::from(command.output().unwrap())
    }

    /// The daemon, ready to be started.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = binary();
        command
            .arg("--config")
            .arg(self.config())
            .arg("run")
            .args(arguments)
            .env_remove("NOTIFY_SOCKET");
        command
    }

    /// Starts the daemon and waits until it can be spoken to. Webhooks do not reach it yet.
    pub(super) fn start(&self) -> Daemon {
        Daemon::start(self.command(&["-v"]))
    }

    /// Starts the daemon and sends it every platform's webhooks.
    pub(super) fn start_with_webhooks(&self) -> Daemon {
        let mut daemon = self.start();
        self.send_webhooks(&mut daemon);
        daemon
    }

    /// From now on webhooks go to this daemon.
    pub(super) fn send_webhooks(&self, daemon: &mut Daemon) {
        let _entered = self.runtime.enter();
        for place in PLACES {
            let address = daemon.address.unwrap();
            let url = format!(
                "http://{address}/webhooks/{}/{}",
                place.name(),
                token(place)
            );
            // Those of the time before went elsewhere.
            self.sent(place);
            self.sent.lock().unwrap().insert(place, 0);
            let delivery = self.outbox(place).deliver(&url).unwrap();
            daemon.deliveries.insert(place, delivery);
        }
    }

    /// How many webhooks of a platform have gone to the daemon that runs.
    pub(super) fn sent(&self, place: Place) -> usize {
        let mut sent = self.sent.lock().unwrap();
        let sent = sent.entry(place).or_default();
        *sent += self.outbox(place).take().len();
        *sent
    }

    pub(super) fn outbox(&self, place: Place) -> &Outbox {
        match place {
            Place::Yclients => self.world.two.yclients.webhooks(),
            Place::Rubitime => self.world.two.rubitime.webhooks(),
            Place::Simplybook => self.world.simplybook.webhooks(),
            Place::Alfacrm => self.world.alfacrm.webhooks(),
        }
    }

    /// Whether writes by API are sent as webhooks too.
    pub(super) fn echo(&self, echo: bool) {
        self.world.two.yclients.configure(|o| o.webhook_echo = echo);
        self.world.two.rubitime.configure(|o| o.webhook_echo = echo);
        self.world.simplybook.configure(|o| o.webhook_echo = echo);
        self.world.alfacrm.configure(|o| o.webhook_echo = echo);
    }

    /// A fault on one method of one platform.
    pub(super) fn fault(&self, place: Place, name: &str, method: &str, which: Which, fault: Fault) {
        let side = self.world.side(place);
        side.view.faults().add(name, method, which, fault);
    }

    /// Whether all platforms hold the same live bookings, so many of them.
    pub(super) fn is_in_step(&self, bookings: usize) -> bool {
        let shown = self.world.sides().map(|side| slots(&side));
        shown[0].len() == bookings && shown.iter().all(|one| *one == shown[0])
    }

    /// Waits until all platforms hold these many bookings, the same ones, and asserts what must never have happened.
    pub(super) fn wait_in_step(&self, daemon: &mut Daemon, what: &str, bookings: usize) {
        let began = Instant::now();
        while !self.is_in_step(bookings) {
            daemon.assert_runs();
            assert!(
                began.elapsed() < Duration::from_secs(40),
                "{what}: not in step: {:#?}\n{}",
                self.world
                    .sides()
                    .map(|side| (side.place, slots(&side).len(), counts(&side, 0))),
                daemon.log()
            );
            std::thread::park_timeout(Duration::from_millis(10));
        }
        self.assert_clean(what);
    }

    /// Waits until the daemon has nothing left to do: every webhook that went out is answered and worked off, no run
    /// is under way and no write is without an answer.
    pub(super) fn wait_at_rest(&self, daemon: &Daemon) {
        let began = Instant::now();
        loop {
            let unanswered: Vec<_> = daemon
                .deliveries
                .iter()
                .map(|(place, delivery)| (place, delivery.statuses().len(), self.sent(*place)))
                .filter(|(_, answered, sent)| answered != sent)
                .collect();
            if unanswered.is_empty() && daemon.is_at_rest() {
                return;
            }
            assert!(
                began.elapsed() < Duration::from_secs(40),
                "the daemon is not at rest; answered of sent: {unanswered:?}\n{}",
                daemon.log()
            );
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// No duplicate, no double booking and no quota violation, ever.
    pub(super) fn assert_clean(&self, what: &str) {
        for side in self.world.sides() {
            let name = side.place.name();
            assert_eq!(side.view.duplicates_ever(), [], "{what}: {name}");
            assert_eq!(side.view.double_bookings(), [], "{what}: {name}");
            assert_eq!(side.view.quota_violations(), [], "{what}: {name}");
        }
    }

    /// How many calls each platform has seen.
    pub(super) fn marks(&self) -> BTreeMap<Place, usize> {
        let sides = self.world.sides();
        sides
            .map(|side| (side.place, side.view.calls().len()))
            .into()
    }

    /// The calls of each platform since then, by method.
    pub(super) fn since(
        &self,
        marks: &BTreeMap<Place, usize>,
    ) -> BTreeMap<Place, BTreeMap<&'static str, usize>> {
        let sides = self.world.sides();
        sides
            .map(|side| (side.place, counts(&side, marks[&side.place])))
            .into()
    }

    /// How many calls that write a booking all platforms have seen.
    pub(super) fn writes(&self) -> usize {
        let sides = self.world.sides();
        let writes = sides.iter().flat_map(|side| {
            let calls = side.view.calls();
            calls
                .into_iter()
                .filter(|call| writes_of(side.place).contains(&call.method))
        });
        writes.count()
    }

    /// What the platforms hold, as numbers that change with anything.
    pub(super) fn fingerprints(&self) -> [u64; 4] {
        self.world.sides().map(|side| side.view.fingerprint())
    }

    /// A person books an hour's haircut with Anna.
    pub(super) fn book(&self, place: Place, start: Timestamp) -> u64 {
        let booking = Booking::new(
            place.staff(anna()),
            place.service(&SERVICES[0]),
            start,
            SERVICES[0].minutes,
        );
        let client = booking.client("Пробная Вера", "+79000000101");
        self.world.side(place).hand.book(&client)
    }

    /// The live record at a start on a platform.
    pub(super) fn at(&self, place: Place, start: Timestamp) -> Option<slotbridge_sim::Seen> {
        let live = self.world.side(place).view.live();
        live.into_iter().find(|seen| seen.start == start)
    }

    /// Every file of the folder with its content; sockets without.
    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                let name = entry.file_name().to_str().unwrap().to_owned();
                let content = if entry.file_type().unwrap().is_file() {
                    std::fs::read(entry.path()).unwrap()
                } else {
                    Vec::new()
                };
                (name, content)
            })
            .collect()
    }
}

fn router(world: &World4, place: Place) -> axum::Router {
    match place {
        Place::Yclients => world.two.yclients.router(),
        Place::Rubitime => world.two.rubitime.router(),
        Place::Simplybook => world.simplybook.router(),
        Place::Alfacrm => world.alfacrm.router(),
    }
}

/// The token in a platform's webhook address.
pub(super) fn token(place: Place) -> String {
    format!("token-of-{}", place.name())
}

pub(super) fn anna() -> &'static Resource {
    &RESOURCES[0]
}

/// Staff, start and end of every live record, sorted.
pub(super) fn slots(side: &Side<'_>) -> Vec<(Option<&'static str>, Timestamp, Timestamp)> {
    let name = |id: u64| {
        let mut resources = RESOURCES.iter();
        let found = resources.find(|one| side.place.staff(one) == id);
        found.map(|one| one.name)
    };
    let mut slots: Vec<_> = (side.view.live().into_iter())
        .map(|seen| (name(seen.staff), seen.start, seen.end))
        .collect();
    slots.sort();
    slots
}

fn counts(side: &Side<'_>, from: usize) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for call in side.view.calls().into_iter().skip(from) {
        *counts.entry(call.method).or_default() += 1;
    }
    counts
}

/// A free hour of Anna's, so many days from today.
pub(super) fn hour(days: i64, hour: i8) -> Timestamp {
    at(days, hour)
}

/// Everything that tells who a client is, and the secrets of the config.
pub(super) fn forbidden(rig: &Rig) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    for seen in rig.world.sides().iter().flat_map(|side| side.view.all()) {
        let digits: String = seen.phone.chars().filter(char::is_ascii_digit).collect();
        texts.extend([seen.name, seen.phone, seen.email, digits]);
        // A comment may carry our marker, which is no secret.
        texts.extend(seen.comment.split('\n').next().map(str::to_owned));
    }
    texts.retain(|text| text.trim().chars().count() > 3 && text != "Busy");
    texts.extend(PLACES.map(token));
    texts.extend(
        [
            "demo-partner-token",
            "demo-user-token",
            "demo-rubitime-key",
            "demo-password",
            "demo-alfacrm-key",
        ]
        .map(str::to_owned),
    );
    texts
}
