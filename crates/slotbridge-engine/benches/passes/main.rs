//! Whole passes of the engine over platforms in memory: time, processor time, resident memory, each in a process of its
//! own.
//!
//! `cargo bench -p slotbridge-engine --bench passes -- [SIZE…]` measures these sizes (else 10,000 and 100,000), prints a
//! table, and the same as one JSON object per line.
//!
//! - `open`: a process that only opens the database; what the others have on top is theirs.
//! - `full`: a pass over everything, nothing changed. `full 1%`: one record of a hundred was edited on one platform.
//! - `first`: two filled platforms, an empty database: everything is adopted.
//! - `feed`, `list`: the daemon with nothing to do, with and without a feed of changes, over an hour of virtual time
//!   after its first sweep; `cpu` is what that hour took, and `per look` is a near look's share of it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "a measurement stops at the first surprise and prints what it found"
)]

mod bulk;
mod database;
mod idle;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slotbridge_engine::Engine;
use slotbridge_engine::bridge::{Mode, NoProgress, RunOptions};
use slotbridge_platform::seam::Seam;
use slotbridge_platform::testing::VirtualSeam;
use slotbridge_store::{OpenOptions, Store};
use tokio_util::sync::CancellationToken;

use bulk::{Bulk, Shape};

const CASES: [&str; 6] = ["open", "full", "full 1%", "first", "feed", "list"];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().map(String::as_str) == Some("child") {
        child(&words[1], words[2].parse().unwrap(), Path::new(&words[3]));
        return;
    }
    let only: Vec<&str> = CASES
        .into_iter()
        .filter(|case| words.iter().any(|word| word == case))
        .collect();
    let mut sizes: Vec<u64> = words.iter().filter_map(|word| word.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![10_000, 100_000];
    }
    println!(
        "{:>9} {:8} {:>9} {:>9} {:>9} {:>7} {:>9} {:>9} {:>9}",
        "records",
        "case",
        "wall ms",
        "cpu ms",
        "peak MiB",
        "calls",
        "writes",
        "per look",
        "file MiB"
    );
    for size in sizes {
        let folder = tempfile::tempdir().unwrap();
        let full = folder.path().join("full.db");
        database::fill(&full, size);
        for case in CASES {
            if !only.is_empty() && !only.contains(&case) {
                continue;
            }
            measure(case, size, folder.path(), &full);
        }
    }
}

/// Runs one case in a process of its own and prints its figures.
fn measure(case: &str, size: u64, folder: &Path, full: &Path) {
    let path = folder.join("case.db");
    for end in ["", "-wal", "-shm", "-lock"] {
        drop(std::fs::remove_file(folder.join(format!("case.db{end}"))));
    }
    if case != "first" {
        std::fs::copy(full, &path).unwrap();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["child", case, &size.to_string()])
        .arg(&path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let figures: Vec<f64> = text
        .split_whitespace()
        .map(|word| word.parse().unwrap())
        .collect();
    let bytes = std::fs::metadata(&path).unwrap().len();
    let file = bytes as f64 / f64::from(1 << 20);
    let [wall, cpu, peak, calls, writes, look] = figures[..] else {
        panic!("{text}");
    };
    println!(
        "{size:>9} {case:8} {wall:>9.1} {cpu:>9.1} {peak:>9.1} {calls:>7} {writes:>9} {look:>9.3} {file:>9.1}"
    );
    println!(
        "{{\"records\":{size},\"case\":\"{case}\",\"wall_ms\":{wall:.1},\"cpu_ms\":{cpu:.1},\"peak_mib\":{peak:.1},\
         \"calls\":{calls},\"writes\":{writes},\"look_ms\":{look:.3},\"file_mib\":{file:.1}}}"
    );
}

fn child(case: &str, count: u64, path: &Path) {
    let shape = |marked| Shape {
        count,
        changed_of: 0,
        marked,
        feed: case == "feed",
    };
    let (mut a, mut b) = (shape(false), shape(true));
    match case {
        "full 1%" => a.changed_of = 100,
        "first" => b.marked = false,
        _ => {}
    }
    let platforms = [Bulk::new("a", a), Bulk::new("b", b)];
    let options = OpenOptions {
        lock_wait: Duration::ZERO,
        holder: "bench".to_owned(),
    };
    let (mut wall, mut cpu, mut look) = (0.0, 0.0, 0.0);
    match case {
        "open" => drop(Store::open(path, &options).unwrap()),
        "feed" | "list" => {
            let store = Store::open_inline(path, &options).unwrap();
            (wall, cpu, look) = idle::hour(store, &platforms);
        }
        _ => {
            let store = Store::open(path, &options).unwrap();
            let (began, cpu_before) = (Instant::now(), cpu_time());
            pass(store, &platforms);
            wall = began.elapsed().as_secs_f64() * 1_000.0;
            cpu = (cpu_time() - cpu_before) * 1_000.0;
        }
    }
    let calls: u64 = platforms.iter().map(|one| one.lists()).sum();
    let writes: u64 = platforms.iter().map(|one| one.writes()).sum();
    println!("{wall} {cpu} {} {calls} {writes} {look}", peak_mib());
}

fn pass(store: Store, platforms: &[Arc<Bulk>]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let seam: Arc<dyn Seam> = Arc::new(VirtualSeam::new(bulk::now(), 7));
        let engine = Engine::new(store.clone(), seam);
        let options = RunOptions {
            mode: Mode::Apply,
            cancel: CancellationToken::new(),
            progress: Arc::new(NoProgress),
        };
        let bridge = bulk::bridge(platforms);
        let report = engine
            .reconcile(std::slice::from_ref(&bridge), &options)
            .await
            .unwrap();
        assert_eq!(report.exit_code(), 0, "{:?}", report.totals());
        drop(engine);
        store.close().await.unwrap();
    });
}

/// Processor time of this process, of its threads that have ended too, in seconds.
fn cpu_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum();
    ticks as f64 / 100.0
}

/// The most memory that this process ever had resident.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1_024.0
}
