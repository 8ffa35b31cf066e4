//! A stage for black-box tests: two simulated platforms on loopback, a config between them, and the binary.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::Value;
use slotbridge_sim::world::{Addresses, TIME_ZONE, empty_week};
use slotbridge_sim::{
    Booking, Hand as _, Inspect as _, Quota, Served, SimClock, World, demo_week, serve,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// How far apart the simulated Rubitime wants two calls.
const GAP: Duration = Duration::from_millis(10);

/// The methods that write.
pub(crate) const WRITES: [&str; 6] = [
    "records.create",
    "record.update",
    "record.delete",
    "create-record",
    "update-record",
    "remove-record",
];

/// Two platforms, a folder with a config, and the binary.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) folder: TempDir,
    // The platforms are served as long as these are there; the runtime goes last.
    _salon: Served,
    pub(crate) site: Option<Served>,
    _runtime: Runtime,
}

/// What a run of the binary left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Stage {
    /// Both platforms with a week of bookings, all of Rubitime's known to the config.
    pub(crate) fn week() -> Self {
        let stage = Self::open(demo_week);
        let known: Vec<String> = stage
            .world
            .rubitime
            .live()
            .iter()
            .map(|seen| seen.id.to_string())
            .collect();
        let known = format!("known_records = [{}]\n", known.join(", "));
        stage.change_config("branch_id = 1013\n", &format!("branch_id = 1013\n{known}"));
        stage
    }

    /// Both platforms with staff and services, and without a booking.
    pub(crate) fn empty() -> Self {
        Self::open(empty_week)
    }

    fn open(build: fn(&SimClock) -> World) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (world, salon, site) = runtime.block_on(async {
            let world = build(&SimClock::system());
            world.yclients.quota().set([], false);
            let rubitime = world.rubitime.clone().with_quota(Quota::rubitime(GAP));
            let salon = serve(world.yclients.router()).await.unwrap();
            let site = serve(rubitime.router()).await.unwrap();
            (world, salon, site)
        });
        let folder = tempfile::tempdir().unwrap();
        let config = world.config(&Addresses {
            yclients: &salon.url,
            rubitime: &site.url,
            store: "slotbridge.db",
            rubitime_gap: Some(GAP),
        });
        // The gate takes short quotas of a scope that it does not know as used up; here nobody should wait for that.
        let config = config.replace(
            "company_id = 4564\n",
            "company_id = 4564\nquota = [\"1000/1s\"]\n",
        );
        let stage = Self {
            world,
            folder,
            _salon: salon,
            site: Some(site),
            _runtime: runtime,
        };
        stage.write_config(&config);
        stage
    }

    /// The config file.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    /// The database.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("slotbridge.db")
    }

    /// Writes the config file, for its owner only.
    pub(crate) fn write_config(&self, text: &str) {
        write_private(&self.config(), text.as_bytes());
    }

    /// Changes the config file at one place, which must be there.
    pub(crate) fn change_config(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(from), "{from:?} is not in the config");
        self.write_config(&text.replacen(from, to, 1));
    }

    /// The binary with the stage's config, ready to be started.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = binary();
        command.arg("--config").arg(self.config()).args(arguments);
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments).output().unwrap())
    }

    /// Makes a pass and gives its exit code and JSON report.
    pub(crate) fn reconcile(&self, more: &[&str]) -> (i32, Value) {
        let ran = self.run(&[&["reconcile", "--format", "json"], more].concat());
        let report =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("no report: {ran:?}"));
        (ran.code.unwrap(), report)
    }

    /// Makes passes until one exits with 0 and writes nothing, at most `passes` of them.
    pub(crate) fn settle(&self, passes: usize) {
        for _ in 0..passes {
            let before = self.writes();
            let (code, _) = self.reconcile(&[]);
            if code == 0 && self.writes() == before {
                return;
            }
        }
        panic!("not in step after {passes} passes");
    }

    /// How many calls that write reached the platforms.
    pub(crate) fn writes(&self) -> usize {
        let count = |calls: Vec<slotbridge_sim::Call>| {
            calls
                .iter()
                .filter(|call| WRITES.contains(&call.method))
                .count()
        };
        count(self.world.yclients.calls()) + count(self.world.rubitime.calls())
    }

    /// What both platforms hold, as two numbers that change with anything.
    pub(crate) fn fingerprints(&self) -> (u64, u64) {
        (
            self.world.yclients.fingerprint(),
            self.world.rubitime.fingerprint(),
        )
    }

    /// Asserts that both platforms hold the same live bookings: resource, start and end.
    pub(crate) fn assert_in_step(&self) {
        let resource = |id: u64| {
            let staff = slotbridge_sim::world::RESOURCES
                .into_iter()
                .find(|staff| [staff.yclients, staff.rubitime].contains(&id));
            staff.map(|staff| staff.name)
        };
        let shown = |seen: Vec<slotbridge_sim::Seen>| {
            let mut rows: Vec<_> = seen
                .into_iter()
                .map(|seen| (resource(seen.staff), seen.start, seen.end))
                .collect();
            rows.sort();
            rows
        };
        assert_eq!(
            shown(self.world.yclients.live()),
            shown(self.world.rubitime.live())
        );
        assert_eq!(self.world.yclients.duplicates_ever(), []);
        assert_eq!(self.world.rubitime.duplicates_ever(), []);
        assert_eq!(self.world.rubitime.quota_violations(), []);
    }

    /// Books haircuts on YCLIENTS, one a day at ten from tomorrow on, and gives their ids.
    pub(crate) fn book_haircuts(&self, number: i64) -> Vec<u64> {
        (0..number)
            .map(|day| {
                let booking = Booking::new(8886, 331, at(day + 1, 10), 60);
                let phone = format!("+79000001{day:03}");
                self.world
                    .yclients
                    .book(&booking.client("Пробная Вера", &phone))
            })
            .collect()
    }

    /// Every file of the folder with its content.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                (
                    path.file_name().unwrap().to_str().unwrap().to_owned(),
                    std::fs::read(&path).unwrap(),
                )
            })
            .collect()
    }
}

/// A full hour in Moscow, so many days from today.
pub(crate) fn at(days: i64, hour: i8) -> Timestamp {
    let zone = TimeZone::get(TIME_ZONE).unwrap();
    let date = zone.to_datetime(Timestamp::now()).date() + days.days();
    date.at(hour, 0, 0, 0).to_zoned(zone).unwrap().timestamp()
}

/// The binary, without the settings of whoever runs the tests.
pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slotbridge"));
    for name in [
        "SLOTBRIDGE_CONFIG",
        "NO_COLOR",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "HTTP_PROXY",
        "http_proxy",
    ] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// Writes a file that only its owner can read.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Waits until something holds; fails after half a minute.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "waited in vain until {what}"
        );
        // Looking again, not waiting for time to pass; without the pause it would take a core from the others.
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Sends a signal such as `TERM` to a process that this test started.
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(child.id().to_string())
        .status();
    assert!(sent.unwrap().success());
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
