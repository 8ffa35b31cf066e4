//! The stage of the daemon's tests: four platforms, a config between them, and a daemon that can be started, killed
//! and started again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use slotbridge_sim::webhooks::{Delivery, Outbox};
use slotbridge_sim::world::{
    Addresses4, PLACES, Place, RESOURCES, Resource, SERVICES, Side, World4, demo_week_of_four,
    empty_week_of_four,
};
use slotbridge_sim::{Booking, Fault, Served, SimClock, Which, serve, serve_on};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::{Ran, at, binary, signal, wait_until, write_private};

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

/// A running daemon. It is killed when this is dropped.
pub(super) struct Daemon {
    pub(super) child: Child,
    stdout: Said,
    stderr: Said,
    /// Where it answers; nothing for one that has no doors.
    pub(super) address: Option<SocketAddr>,
    deliveries: BTreeMap<Place, Delivery>,
}

/// What a process has said so far, read by a thread of its own.
struct Said {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Said {
    fn by(stream: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stream).lines() {
                let mut kept = kept.lock().unwrap();
                kept.push_str(&line.unwrap());
                kept.push('\n');
            }
        });
        Self {
            text,
            reader: Some(reader),
        }
    }

    fn so_far(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    /// All of it, once the process has ended.
    fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.so_far()
    }
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
        self.start_as(self.command(&["-v"]))
    }

    pub(super) fn start_as(&self, command: Command) -> Daemon {
        let mut daemon = spawn(command);
        wait_until("the daemon answers", || {
            daemon.assert_runs();
            address_in(&daemon.stderr.so_far()).is_some()
        });
        daemon.address = address_in(&daemon.stderr.so_far());
        daemon
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

    /// Sends a platform's webhooks again that have gone out since the last daemon was killed, as platforms do when
    /// nobody answers.
    pub(super) fn send_again(&self, daemon: &Daemon, place: Place, missed: &[serde_json::Value]) {
        let path = format!("/webhooks/{}/{}", place.name(), token(place));
        for webhook in missed {
            let status = post(daemon.address.unwrap(), &path, &webhook.to_string());
            assert_eq!(status, 200, "{}", place.title());
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
        let began = std::time::Instant::now();
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
        wait_until("the daemon is at rest", || {
            let all_answered = daemon
                .deliveries
                .iter()
                .all(|(place, delivery)| delivery.statuses().len() == self.sent(*place));
            all_answered && daemon.is_at_rest()
        });
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
                let content = match entry.file_type().unwrap().is_file() {
                    true => std::fs::read(entry.path()).unwrap(),
                    false => Vec::new(),
                };
                (name, content)
            })
            .collect()
    }
}

impl Daemon {
    pub(super) fn assert_runs(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("the daemon ended with {status}:\n{}", self.stderr.whole());
        }
    }

    /// Everything that it has logged so far.
    pub(super) fn log(&self) -> String {
        self.stderr.so_far()
    }

    /// Everything that it has put on standard output so far.
    pub(super) fn shown(&self) -> String {
        self.stdout.so_far()
    }

    pub(super) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Waits until it has logged something.
    pub(super) fn wait_for(&self, text: &str) {
        wait_until(&format!("{text:?} is logged"), || self.log().contains(text));
    }

    /// Waits for its end; gives its status and all that it has said.
    pub(super) fn end(mut self) -> (ExitStatus, String, String) {
        let status = self.child.wait().unwrap();
        (status, self.stdout.whole(), self.stderr.whole())
    }

    /// Asks it to stop and wants a clean end.
    pub(super) fn stop(self) -> String {
        self.signal("TERM");
        let (status, _, said) = self.end();
        assert_eq!(status.code(), Some(0), "{said}");
        said
    }

    /// Kills it as a power cut would.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// What a webhook of this platform was answered with, the last time; nothing before the first.
    pub(super) fn statuses(&self, place: Place) -> Vec<Option<u16>> {
        self.deliveries[&place].statuses()
    }

    /// Asks for a page; gives status and body.
    pub(super) fn get(&self, path: &str) -> (u16, String) {
        get(self.address.unwrap(), path)
    }

    /// Asks for the figures.
    pub(super) fn metrics(&self) -> Vec<String> {
        let (status, page) = self.get("/metrics");
        assert_eq!(status, 200, "{page}");
        page.lines().map(str::to_owned).collect()
    }

    /// The figures whose series begins like this.
    pub(super) fn figures(&self, series: &str) -> Vec<f64> {
        let lines = self.metrics();
        let lines = lines.iter().filter(|line| line.starts_with(series));
        lines
            .filter_map(|line| line.rsplit_once(' ')?.1.parse().ok())
            .collect()
    }

    fn is_at_rest(&self) -> bool {
        let none = |series| self.figures(series).iter().all(|value| *value < 1.0);
        // Before the first run nothing is known.
        !self
            .figures("slotbridge_last_run_timestamp_seconds{")
            .is_empty()
            && none("slotbridge_running_since_timestamp_seconds{")
            && none("slotbridge_inbox_waiting{")
            && none("slotbridge_journal_open{")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Fails when it has ended; then there is nothing to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Starts a process and listens to it.
pub(super) fn spawn(mut command: Command) -> Daemon {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    Daemon {
        stdout: Said::by(child.stdout.take().unwrap()),
        stderr: Said::by(child.stderr.take().unwrap()),
        child,
        address: None,
        deliveries: BTreeMap::new(),
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

/// Where the log says that the daemon answers.
fn address_in(log: &str) -> Option<SocketAddr> {
    let (_, rest) = log.split_once("are answered.")?;
    let (_, rest) = rest.split_once("127.0.0.1:")?;
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?)))
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

/// The methods that make, change or end a booking.
pub(super) fn writes_of(place: Place) -> &'static [&'static str] {
    match place {
        Place::Yclients => &["records.create", "record.update", "record.delete"],
        Place::Rubitime => &["create-record", "update-record", "remove-record"],
        Place::Simplybook => &["admin.book", "admin.editBook", "admin.cancelBooking"],
        Place::Alfacrm => &["lesson.create", "lesson.update", "lesson.cancel"],
    }
}

/// The method that makes a booking.
pub(super) fn create_of(place: Place) -> &'static str {
    writes_of(place)[0]
}

/// The method that reads one record.
pub(super) fn read_of(place: Place) -> &'static str {
    match place {
        Place::Yclients => "record.get",
        Place::Rubitime => "get-record",
        Place::Simplybook => "admin.getBookingDetails",
        Place::Alfacrm => "lesson.read",
    }
}

/// The methods that show many records or times at once.
pub(super) fn listings_of(place: Place) -> &'static [&'static str] {
    match place {
        Place::Yclients => &["records.list"],
        Place::Rubitime => &["get-schedule"],
        Place::Simplybook => &["admin.getBookings"],
        Place::Alfacrm => &["lesson.index", "regular-lesson.index"],
    }
}

/// Asks for a page over a connection of its own.
pub(super) fn get(address: SocketAddr, path: &str) -> (u16, String) {
    ask(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    )
}

/// Sends a webhook by hand; gives the status.
pub(super) fn post(address: SocketAddr, path: &str, body: &str) -> u16 {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    ask(address, &(head + body)).0
}

fn ask(address: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
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
