//! The mirror against SQLite itself: rows per second of the store, and of the same statements in a loop that does nothing
//! else, with contents and hashes made beforehand.
//!
//! `cargo bench -p slotbridge-store --bench store -- [ROWS]` prints a table and the same as JSON; the ratio is what the
//! store's own work (JSON, hashing, checks, the way to its threads) costs on top. Each figure is the best of three.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "a measurement stops at the first surprise and prints what it found"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, params};
use slotbridge_core::model::{
    Client, PlatformName, Private, RemoteId, ResourceKey, ServiceKey, Status,
};
use slotbridge_core::record::{Record, RecordState, Support, Window};
use slotbridge_store::{Change, OpenOptions, RecordHash, Store};

const BATCH: usize = 5_000;
const RUNS: usize = 3;

const ADD: &str = "
    INSERT INTO mirror_record (platform, remote_id, state, starts_at, content, hash, first_seen_at, noticed_at)
    VALUES ('salon', ?1, 'live', ?2, ?3, ?4, ?5, ?5)";
const FIRST_SEEN: &str = "INSERT INTO mirror_seen (record, at) VALUES (?1, ?2)";
const FIND: &str =
    "SELECT seq, hash FROM mirror_record WHERE platform = 'salon' AND remote_id = ?1";
const SEEN_AGAIN: &str = "UPDATE mirror_seen SET at = ?2 WHERE record = ?1 AND at <> ?2";
const READABLE: &str = "DELETE FROM quarantine WHERE platform = 'salon' AND remote_id = ?1";
const KEYS: &str = "
    SELECT remote_id, state, starts_at, hash FROM mirror_record
    WHERE platform = 'salon' AND starts_at >= ?1 AND starts_at < ?2 ORDER BY starts_at, remote_id";

/// A row as it is stored.
struct Raw {
    id: String,
    start: i64,
    content: String,
    hash: Vec<u8>,
}

fn main() {
    let rows = std::env::args()
        .find_map(|word| word.parse().ok())
        .unwrap_or(50_000);
    let records: Vec<Record> = (0..rows).map(record).collect();
    println!(
        "{:10} {:>9} {:>12} {:>12} {:>7}",
        "what", "rows", "store/s", "SQLite/s", "ratio"
    );
    let (mut store, mut plain) = ([f64::MAX; 3], [f64::MAX; 3]);
    for _ in 0..RUNS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        keep(&mut store, of_store(&path, &records));
        let raw = stored(&path);
        let empty = folder.path().join("plain.db");
        drop(Store::open(&empty, &options()).unwrap());
        keep(&mut plain, of_sqlite(&empty, &raw));
    }
    for (what, (store, plain)) in ["insert", "seen again", "merge-diff"]
        .into_iter()
        .zip(store.into_iter().zip(plain))
    {
        let (ours, theirs) = (rows as f64 / store, rows as f64 / plain);
        let ratio = theirs / ours;
        println!("{what:10} {rows:>9} {ours:>12.0} {theirs:>12.0} {ratio:>7.2}");
        println!(
            "{{\"what\":\"{what}\",\"rows\":{rows},\"store_per_s\":{ours:.0},\"sqlite_per_s\":{theirs:.0},\"ratio\":{ratio:.3}}}"
        );
    }
}

fn keep(best: &mut [f64; 3], took: [f64; 3]) {
    for (best, took) in best.iter_mut().zip(took) {
        *best = best.min(took);
    }
}

fn options() -> OpenOptions {
    OpenOptions {
        lock_wait: Duration::ZERO,
        holder: "bench".to_owned(),
    }
}

fn platform() -> PlatformName {
    PlatformName::new("salon").unwrap()
}

fn begin() -> Timestamp {
    Timestamp::from_second(1_900_000_800).unwrap()
}

fn record(index: i64) -> Record {
    let start = begin() + SignedDuration::from_mins(index / 10 * 30);
    Record {
        id: RemoteId::new(format!("{index:08}")),
        state: RecordState::Live,
        resource: ResourceKey::new(format!("r{}", index % 10)),
        services: vec![ServiceKey::new("cut")],
        start,
        end: Some(start + SignedDuration::from_mins(30)),
        client: Client {
            name: Private::new(format!("Клиент Пробный {index}")),
            phone: Some(Private::new(format!("+7900{index:07}"))),
            email: Some(Private::new(format!("c{index}@example.com"))),
        },
        status: Status::Booked,
        comment: Private::new("у окна"),
        marker: None,
        is_block: false,
        changed_at: Some(begin()),
        created_at: Some(begin()),
        resource_title: Some("Анна".to_owned()),
        service_title: Some("Стрижка".to_owned()),
        group: None,
        support: Support::Full,
    }
}

/// Seconds for taking in new rows, the same rows again, and for holding a listing against the keys.
fn of_store(path: &Path, records: &[Record]) -> [f64; 3] {
    let store = Store::open(path, &options()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let took = runtime.block_on(async {
        let mut took = [0.0; 3];
        for (at, took) in took.iter_mut().take(2).enumerate() {
            let at = begin() + SignedDuration::from_hours(i64::try_from(at).unwrap());
            let began = Instant::now();
            for part in records.chunks(BATCH) {
                let seen = part.iter().map(|record| Change::MirrorSeen {
                    platform: platform(),
                    record: record.clone(),
                    at,
                });
                store.apply(seen.collect()).await.unwrap();
            }
            *took = began.elapsed().as_secs_f64();
        }
        let began = Instant::now();
        let window = Window {
            from: begin(),
            to: Timestamp::MAX,
        };
        let (mut listed, mut behind, mut same) = (records.iter(), None, 0);
        loop {
            let keys = store
                .mirror_keys(&platform(), window, behind.take(), 2_000)
                .await
                .unwrap();
            for key in &keys {
                let record = listed.next().unwrap();
                same += usize::from(key.id == record.id && key.hash == RecordHash::of(record));
            }
            behind = keys.into_iter().next_back();
            if behind.is_none() {
                break;
            }
        }
        assert_eq!(same, records.len());
        took[2] = began.elapsed().as_secs_f64();
        took
    });
    runtime.block_on(store.close()).unwrap();
    took
}

fn connect(path: &Path) -> Connection {
    let conn = Connection::open(path).unwrap();
    conn.set_prepared_statement_cache_capacity(128);
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .unwrap();
    conn.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;",
    )
    .unwrap();
    conn
}

/// What the store has stored, in the order of the keys.
fn stored(path: &Path) -> Vec<Raw> {
    let conn = connect(path);
    let mut all = conn
        .prepare(
            "SELECT remote_id, starts_at, content, hash FROM mirror_record ORDER BY starts_at, remote_id",
        )
        .unwrap();
    let rows = all.query_map([], |row| {
        Ok(Raw {
            id: row.get(0)?,
            start: row.get(1)?,
            content: row.get(2)?,
            hash: row.get(3)?,
        })
    });
    rows.unwrap().map(Result::unwrap).collect()
}

fn of_sqlite(path: &Path, rows: &[Raw]) -> [f64; 3] {
    let conn = connect(path);
    let mut took = [0.0; 3];
    let began = Instant::now();
    for part in rows.chunks(BATCH) {
        conn.execute_batch("BEGIN").unwrap();
        for row in part {
            let found = conn.prepare_cached(FIND).unwrap().exists([&row.id]);
            assert!(!found.unwrap());
            conn.prepare_cached(ADD)
                .unwrap()
                .execute(params![row.id, row.start, row.content, row.hash, 1])
                .unwrap();
            conn.prepare_cached(FIRST_SEEN)
                .unwrap()
                .execute(params![conn.last_insert_rowid(), 1])
                .unwrap();
            conn.prepare_cached(READABLE)
                .unwrap()
                .execute([&row.id])
                .unwrap();
        }
        conn.execute_batch("COMMIT").unwrap();
    }
    took[0] = began.elapsed().as_secs_f64();
    let began = Instant::now();
    for part in rows.chunks(BATCH) {
        conn.execute_batch("BEGIN").unwrap();
        for row in part {
            let (seq, hash): (i64, Vec<u8>) = conn
                .prepare_cached(FIND)
                .unwrap()
                .query_row([&row.id], |row| Ok((row.get(0)?, row.get(1)?)))
                .unwrap();
            assert_eq!(hash, row.hash);
            conn.prepare_cached(SEEN_AGAIN)
                .unwrap()
                .execute(params![seq, 2])
                .unwrap();
            conn.prepare_cached(READABLE)
                .unwrap()
                .execute([&row.id])
                .unwrap();
        }
        conn.execute_batch("COMMIT").unwrap();
    }
    took[1] = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let mut same = 0;
    let mut keys = conn.prepare_cached(KEYS).unwrap();
    let mut found = keys.query(params![0, i64::MAX]).unwrap();
    for row in rows {
        let key = found.next().unwrap().unwrap();
        let id = key.get_ref(0).unwrap().as_str().unwrap();
        let hash = key.get_ref(3).unwrap().as_blob().unwrap();
        same += usize::from(id == row.id && hash == row.hash);
    }
    assert_eq!(same, rows.len());
    took[2] = began.elapsed().as_secs_f64();
    took
}
