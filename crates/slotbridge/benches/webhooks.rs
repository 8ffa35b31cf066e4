//! Webhooks under load: the built daemon, a simulated platform on loopback, a real database file.
//!
//! `cargo bench -p slotbridge --bench webhooks -- [SECONDS] [PER_SECOND]` sends so many over connections that are kept
//! open, at even intervals, and prints how long the answers took. It fails when a webhook is not taken or not acted on;
//! how long anything takes fails nothing.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement stops at the first surprise and prints what it found"
)]

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use slotbridge_sim::world::{Addresses, COMPANY_ID, RESOURCES, SERVICES, TIME_ZONE, empty_week};
use slotbridge_sim::{Booking, Hand as _, Inspect as _, Limit, Quota, SimClock, World, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How many connections are kept open.
const CONNECTIONS: u32 = 50;
/// How many seconds it lasts, and how many webhooks come in each, when nothing else is asked for.
const USUAL: [u32; 2] = [10, 1_000];

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
    // Cargo adds `--bench`.
    let mut numbers = std::env::args().filter_map(|word| word.parse::<u32>().ok());
    let [seconds, per_second] = USUAL.map(|usual| numbers.next().unwrap_or(usual));
    let world = empty_week(&SimClock::system());
    // The platform's own pace; its limit per minute would only make the start longer.
    let second = Duration::from_secs(1);
    world.yclients.quota().set([Limit::new(5, second)], false);
    let rubitime = world.rubitime.clone().with_quota(Quota::unlimited());
    let salon = serve(world.yclients.router()).await.unwrap();
    let site = serve(rubitime.router()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = world.config(&Addresses {
        yclients: &salon.url,
        rubitime: &site.url,
        store: "slotbridge.db",
        rubitime_gap: Some(Duration::from_millis(1)),
    });
    let config = config.replace(
        "[platform.salon]\n",
        "[http]\nlisten = \"127.0.0.1:0\"\n\n[platform.salon]\nquota = [\"5/1s\"]\npoll_every = \"12h\"\nwebhook_token = \"of-the-salon\"\n",
    );
    write(&folder.path().join("config.toml"), &config);
    let ids = book(&world);
    let (running, address) = start(folder.path());
    at_rest(address, "before").await;
    let (calls, turns) = (
        world.yclients.calls().len(),
        figure(address, "slotbridge_loop_turns").await,
    );

    let begun = Instant::now();
    let mut took = send(address, &ids, seconds * per_second, per_second).await;
    let sent = begun.elapsed();
    at_rest(address, "after").await;
    let worked_off = begun.elapsed();

    acted_on(&world, &ids, calls);
    assert_eq!(world.yclients.quota_violations(), []);
    let turns = figure(address, "slotbridge_loop_turns").await - turns;
    drop(running);
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)];
    println!(
        "{} webhooks in {sent:.1?}, all answered 200 and acted on {:.1?} later",
        took.len(),
        worked_off.saturating_sub(sent)
    );
    println!(
        "answered after: p50 {:.1?}, p90 {:.1?}, p99 {:.1?}, most {:.1?}",
        at(50),
        at(90),
        at(99),
        at(100)
    );
    println!(
        "calls to the platform: {}; turns of the loop: {turns}",
        world.yclients.calls().len() - calls
    );
}

/// A booking at every hour of a week, for both members of staff.
fn book(world: &World) -> Vec<u64> {
    let zone = TimeZone::get(TIME_ZONE).unwrap();
    let today = zone.to_datetime(Timestamp::now()).date();
    let hours = (1..8).flat_map(|day| (9..19).map(move |hour| (day, hour)));
    let starts = hours.map(|(day, hour): (i64, i8)| {
        let local = (today + day.days()).at(hour, 0, 0, 0);
        local.to_zoned(zone.clone()).unwrap().timestamp()
    });
    starts
        .flat_map(|start| RESOURCES.map(|staff| (staff, start)))
        .map(|(staff, start)| {
            let booking = Booking::new(staff.yclients, SERVICES[0].yclients, start, 60);
            world
                .yclients
                .book(&booking.client("Пробная Вера", "+79000000101"))
        })
        .collect()
}

/// Starts the daemon and waits until it says where it answers.
fn start(folder: &Path) -> (Running, SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_slotbridge"))
        .arg("run")
        .arg("--config")
        .arg(folder.join("config.toml"))
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let running = Running(child);
    let address = loop {
        let line = said.next().unwrap().unwrap();
        if let Some((_, address)) = line.split_once("listen=") {
            break address.parse().unwrap();
        }
    };
    // Nobody reads on: what is written to a closed pipe is dropped, so it is read to its end.
    std::thread::spawn(move || said.for_each(drop));
    (running, address)
}

/// Sends webhooks at even intervals; gives how long after its time each was answered.
async fn send(address: SocketAddr, ids: &[u64], all: u32, per_second: u32) -> Vec<Duration> {
    let begin = tokio::time::Instant::now() + Duration::from_millis(100);
    let every = Duration::from_secs(1) / per_second;
    let senders: Vec<_> = (0..CONNECTIONS)
        .map(|connection| {
            let ids = ids.to_vec();
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut took = Vec::new();
                for number in (connection..all).step_by(CONNECTIONS as usize) {
                    let id = ids[number as usize % ids.len()];
                    let body = format!(
                        r#"{{"company_id":{COMPANY_ID},"resource":"record","resource_id":{id},"status":"update","data":{{"number":{number}}}}}"#
                    );
                    let request = format!(
                        "POST /webhooks/salon/of-the-salon HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    // From its time on, not from when it was sent: one that had to wait for the one before counts.
                    let due = begin + every * number;
                    tokio::time::sleep_until(due).await;
                    stream.write_all(request.as_bytes()).await.unwrap();
                    let mut answer = [0; 512];
                    let length = stream.read(&mut answer).await.unwrap();
                    took.push(due.elapsed());
                    assert!(answer[..length].starts_with(b"HTTP/1.1 200 "));
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for sender in senders {
        took.extend(sender.await.unwrap());
    }
    took
}

/// Every record was read, or listed.
fn acted_on(world: &World, ids: &[u64], before: usize) {
    let calls = world.yclients.calls().split_off(before);
    let listed = calls.iter().any(|call| call.method == "records.list");
    for id in ids {
        let path = format!("/{id}");
        let read = calls
            .iter()
            .any(|call| call.method == "record.get" && call.target.contains(&path));
        assert!(listed || read, "record {id} was neither read nor listed");
    }
}

/// Waits until every webhook is worked off and no run is under way.
async fn at_rest(address: SocketAddr, when: &str) {
    for _ in 0..6_000 {
        let page = metrics(address).await;
        let waiting = page
            .lines()
            .any(|line| line.starts_with("slotbridge_inbox_waiting{") && !line.ends_with(" 0.0"));
        let busy = page.contains("\nslotbridge_running_since_timestamp_seconds{");
        if page.contains("\nslotbridge_last_run_timestamp_seconds{") && !waiting && !busy {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the daemon did not come to rest {when}");
}

async fn figure(address: SocketAddr, name: &str) -> u64 {
    let page = metrics(address).await;
    let line = page.lines().find(|line| line.starts_with(name)).unwrap();
    let (whole, _) = line.rsplit_once(' ').unwrap().1.split_once('.').unwrap();
    whole.parse().unwrap()
}

async fn metrics(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    page
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
