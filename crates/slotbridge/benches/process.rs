//! The built binary as a process: its size, how long it takes from start to ready, what it needs at rest.
//!
//! `cargo bench -p slotbridge --bench process -- [RUNS]` starts the daemon so often beside simulated platforms on loopback
//! and prints the least and the median, as a table and as JSON. Nothing fails because something takes long.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "a measurement stops at the first surprise and prints what it found"
)]

use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use slotbridge_sim::world::{Addresses, empty_week};
use slotbridge_sim::{Limit, Quota, SimClock, serve};

/// How long it is left alone before its memory and processor time are read.
const REST: Duration = Duration::from_secs(3);

/// Ends the process that this one started.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Fails when it has ended; then there is nothing to kill.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut numbers = std::env::args().filter_map(|word| word.parse::<usize>().ok());
    let runs = numbers.next().unwrap_or(5);
    let binary = Path::new(env!("CARGO_BIN_EXE_slotbridge"));
    let binary_mib = mib(std::fs::metadata(binary).unwrap().len() as f64);
    let world = empty_week(&SimClock::system());
    world
        .yclients
        .quota()
        .set([Limit::new(5, Duration::from_secs(1))], false);
    let rubitime = world.rubitime.clone().with_quota(Quota::unlimited());
    let salon = serve(world.yclients.router()).await.unwrap();
    let site = serve(rubitime.router()).await.unwrap();
    let config = world.config(&Addresses {
        yclients: &salon.url,
        rubitime: &site.url,
        store: "slotbridge.db",
        rubitime_gap: Some(Duration::from_millis(1)),
    });
    let config = config.replace(
        "[platform.salon]\n",
        "[http]\nlisten = \"127.0.0.1:0\"\n\n[platform.salon]\nquota = [\"5/1s\"]\n",
    );
    let (mut first, mut again, mut peak, mut cpu) = (vec![], vec![], vec![], vec![]);
    for _ in 0..runs {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("config.toml"), &config);
        let (running, took) = start(binary, folder.path());
        first.push(took);
        drop(running);
        // The database is there now.
        let (running, took) = start(binary, folder.path());
        again.push(took);
        std::thread::sleep(REST);
        let (before, began) = (cpu_ticks(&running), Instant::now());
        std::thread::sleep(REST);
        let spent = (cpu_ticks(&running) - before) as f64 * 10.0;
        cpu.push(spent / began.elapsed().as_secs_f64());
        peak.push(mib(memory(&running) * 1_024.0));
    }
    println!("{:28} {:>9} {:>9}", "what", "least", "median");
    let rows = [
        ("binary, MiB", vec![binary_mib]),
        ("first start to ready, ms", first),
        ("later start to ready, ms", again),
        ("resident at most, MiB", peak),
        ("processor at rest, ms per s", cpu),
    ];
    for (what, mut figures) in rows {
        figures.sort_by(f64::total_cmp);
        let (least, median) = (figures[0], figures[figures.len() / 2]);
        println!("{what:28} {least:>9.1} {median:>9.1}");
        println!("{{\"what\":\"{what}\",\"least\":{least:.2},\"median\":{median:.2}}}");
    }
}

fn mib(bytes: f64) -> f64 {
    bytes / f64::from(1 << 20)
}

/// Starts the daemon and waits until it tells its service manager that it is ready; gives how many milliseconds that took.
fn start(binary: &Path, folder: &Path) -> (Running, f64) {
    let told = folder.join("notify");
    // Of the start before.
    drop(std::fs::remove_file(&told));
    let socket = UnixDatagram::bind(&told).unwrap();
    let began = Instant::now();
    let child = Command::new(binary)
        .arg("run")
        .arg("--config")
        .arg(folder.join("config.toml"))
        .env("NOTIFY_SOCKET", &told)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let running = Running(child);
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let mut word = [0; 1_024];
    loop {
        let length = socket.recv(&mut word).unwrap();
        if String::from_utf8_lossy(&word[..length]).contains("READY=1") {
            return (running, began.elapsed().as_secs_f64() * 1_000.0);
        }
    }
}

/// Processor time so far, in hundredths of a second.
fn cpu_ticks(running: &Running) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", running.0.id())).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let spent = fields.split_whitespace().skip(11).take(2);
    spent.map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

/// The most memory that it ever had resident, in KiB.
fn memory(running: &Running) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.0.id())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Writes a file that only its owner can read.
fn write(path: &Path, text: &str) {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
