//! Cron lines through the changes of the clocks, what is due when, and the jobs themselves.

use std::sync::Mutex;

use slotbridge_platform::testing::VirtualSeam;

use super::*;
use crate::config::ScheduleConfig;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn cron(line: &str) -> Cron {
    Cron::parse(line).unwrap()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn the_next_and_the_last_time_follow_the_zone_through_the_changes_of_its_clock() {
    // Zone, line, from; expected next, and last.
    let rows = [
        // An ordinary night, seen from just before, at, and just after.
        (
            "Europe/Moscow",
            "30 3 * * *",
            "2026-11-28T00:29:59Z",
            "2026-11-28T00:30:00Z",
            "2026-11-27T00:30:00Z",
        ),
        (
            "Europe/Moscow",
            "30 3 * * *",
            "2026-11-28T00:30:00Z",
            "2026-11-29T00:30:00Z",
            "2026-11-28T00:30:00Z",
        ),
        (
            "Europe/Moscow",
            "30 3 * * *",
            "2026-11-28T00:30:01Z",
            "2026-11-29T00:30:00Z",
            "2026-11-28T00:30:00Z",
        ),
        // Berlin in spring: the day after the change it is an hour earlier in UTC, not an hour off by the clock.
        (
            "Europe/Berlin",
            "30 3 * * *",
            "2026-03-28T12:00:00Z",
            "2026-03-29T01:30:00Z",
            "2026-03-28T02:30:00Z",
        ),
        // 02:30 is skipped that night: half an hour after the jump stands for it, once.
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2026-03-28T12:00:00Z",
            "2026-03-29T01:30:00Z",
            "2026-03-28T01:30:00Z",
        ),
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2026-03-29T01:30:00Z",
            "2026-03-30T00:30:00Z",
            "2026-03-29T01:30:00Z",
        ),
        // Autumn: 02:30 comes twice, and counts the first time.
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2026-10-24T12:00:00Z",
            "2026-10-25T00:30:00Z",
            "2026-10-24T00:30:00Z",
        ),
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2026-10-25T00:30:00Z",
            "2026-10-26T01:30:00Z",
            "2026-10-25T00:30:00Z",
        ),
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2026-10-25T01:30:00Z",
            "2026-10-26T01:30:00Z",
            "2026-10-25T00:30:00Z",
        ),
        // Half an hour is the whole change on Lord Howe; 02:15 is skipped in October.
        (
            "Australia/Lord_Howe",
            "15 2 * * *",
            "2026-10-03T12:00:00Z",
            "2026-10-03T15:45:00Z",
            "2026-10-02T15:45:00Z",
        ),
        // Weekly, monthly, several times a day.
        (
            "UTC",
            "40 4 * * 0",
            "2026-11-28T20:00:00Z",
            "2026-11-29T04:40:00Z",
            "2026-11-22T04:40:00Z",
        ),
        (
            "UTC",
            "0 0 1 * *",
            "2026-11-28T20:00:00Z",
            "2026-12-01T00:00:00Z",
            "2026-11-01T00:00:00Z",
        ),
        (
            "Asia/Kathmandu",
            "0 6,18 * * *",
            "2026-11-28T00:00:00Z",
            "2026-11-28T00:15:00Z",
            "2026-11-27T12:15:00Z",
        ),
        // Every quarter of an hour, just after the clock was set back: the repeated hour is left out.
        (
            "Europe/Berlin",
            "*/15 * * * *",
            "2026-10-25T01:05:00Z",
            "2026-10-25T02:00:00Z",
            "2026-10-25T00:45:00Z",
        ),
    ];
    for (name, line, from, next, last) in rows {
        let (zone, cron, from) = (zone(name), cron(line), at(from));
        assert_eq!(
            cron.next(from, &zone),
            Some(at(next)),
            "after {from}: {line} in {name}"
        );
        assert_eq!(
            cron.last(from, &zone),
            Some(at(last)),
            "before {from}: {line} in {name}"
        );
    }
}

#[test]
fn a_line_that_makes_no_sense_is_refused_with_an_example() {
    for line in [
        "",
        "30 3 * *",
        "61 3 * * *",
        "0 30 3 * * *",
        "half past three",
        "0 0 30 2 *",
        "30 3 * * * 2027 1",
    ] {
        let error = Cron::parse(line).unwrap_err();
        assert!(
            error.contains("is not a cron line") && error.contains("30 3 * * *"),
            "{line}: {error}"
        );
    }
    for line in ["@daily", "0 4 * * MON", "0 0 L * *", "*/5 8-20 * * 1-5"] {
        Cron::parse(line).unwrap();
    }
}

const NIGHT: &str = "30 3 * * *";

fn agenda(done: Option<&str>, now: &str) -> Agenda {
    let done = done.map(|done| ("sweep".to_owned(), at(done)));
    Agenda::new(
        [(Job::Sweep, cron(NIGHT))],
        TimeZone::UTC,
        &done.into_iter().collect(),
        at(now),
    )
}

fn no_jitter() -> Duration {
    Duration::ZERO
}

fn looked(agenda: &mut Agenda, now: &str) -> Vec<Timestamp> {
    agenda
        .look(at(now), no_jitter)
        .into_iter()
        .map(|due| due.at)
        .collect()
}

#[test]
fn what_was_missed_is_done_once_and_a_first_start_misses_nothing() {
    // Done on the 1st; the machine was off until the 5th.
    let mut missed = agenda(Some("2026-11-01T03:30:00Z"), "2026-11-05T12:00:00Z");
    assert_eq!(
        looked(&mut missed, "2026-11-05T12:00:00Z"),
        [at("2026-11-05T03:30:00Z")]
    );
    assert_eq!(looked(&mut missed, "2026-11-05T12:01:00Z"), []);
    assert_eq!(looked(&mut missed, "2026-11-06T03:29:00Z"), []);
    assert_eq!(
        looked(&mut missed, "2026-11-06T03:30:00Z"),
        [at("2026-11-06T03:30:00Z")]
    );
    // Done in time.
    let mut kept = agenda(Some("2026-11-05T03:30:00Z"), "2026-11-05T12:00:00Z");
    assert_eq!(looked(&mut kept, "2026-11-05T12:00:00Z"), []);
    // Never done.
    let mut first = agenda(None, "2026-11-05T12:00:00Z");
    assert_eq!(looked(&mut first, "2026-11-05T12:00:00Z"), []);
    assert_eq!(
        looked(&mut first, "2026-11-06T03:31:00Z"),
        [at("2026-11-06T03:30:00Z")]
    );
    // A clock that was years ahead is forgiven, at the start and later.
    let mut wrong = agenda(Some("2036-01-01T00:00:00Z"), "2026-11-05T12:00:00Z");
    assert_eq!(
        looked(&mut wrong, "2026-11-06T03:30:00Z"),
        [at("2026-11-06T03:30:00Z")]
    );
    assert_eq!(
        looked(&mut wrong, "2036-01-01T12:00:00Z"),
        [at("2036-01-01T03:30:00Z")]
    );
    assert_eq!(looked(&mut wrong, "2026-11-07T12:00:00Z"), []);
    assert_eq!(
        looked(&mut wrong, "2026-11-09T12:00:00Z"),
        [at("2026-11-09T03:30:00Z")]
    );
}

#[test]
fn jitter_is_drawn_once_for_each_time_and_work_begins_after_it() {
    let mut agenda = agenda(Some("2026-11-04T03:30:00Z"), "2026-11-05T03:00:00Z");
    let mut drawn = 0;
    let mut look = |now: &str| {
        agenda.look(at(now), || {
            drawn += 1;
            Duration::from_mins(7)
        })
    };
    assert_eq!(look("2026-11-05T03:30:00Z"), []);
    assert_eq!(look("2026-11-05T03:36:59Z"), []);
    let due = Due {
        job: Job::Sweep,
        at: at("2026-11-05T03:30:00Z"),
    };
    assert_eq!(look("2026-11-05T03:37:00Z"), [due]);
    assert_eq!(look("2026-11-05T03:38:00Z"), []);
    assert_eq!(drawn, 1);
}

/// A start of the schedules in virtual time, and everything that they do.
struct Rig {
    store: Store,
    seam: Arc<VirtualSeam>,
    requests: mpsc::UnboundedReceiver<Request>,
    found: Arc<Mutex<Vec<Vec<String>>>>,
    parts: Parts,
}

fn rig(dry_run: bool) -> Rig {
    let store = Store::in_memory().unwrap();
    let seam = Arc::new(VirtualSeam::new(at("2026-11-28T12:00:00Z"), 7));
    let (handle, requests) = Handle::new();
    let found: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
    let checked = Arc::clone(&found);
    let parts = Parts {
        store: store.clone(),
        seam: Arc::<VirtualSeam>::clone(&seam),
        handle,
        zone: zone("Europe/Moscow"),
        dry_run,
        checked: Arc::new(move |damage| checked.lock().unwrap().push(damage)),
    };
    Rig {
        store,
        seam,
        requests,
        found,
        parts,
    }
}

fn config() -> ScheduleConfig {
    crate::config::tests::small().schedule
}

/// Lets the schedules work for so long, without the alarm clock's help.
async fn for_hours(rig: &Rig, config: &ScheduleConfig, hours: u64) {
    let stopping = CancellationToken::new();
    let (_tick, ticks) = mpsc::channel(1);
    tokio::select! {
        () = work(config, &rig.parts, ticks, &stopping) => panic!("ended by itself"),
        () = tokio::time::sleep(Duration::from_hours(hours)) => {}
    }
}

fn sweeps(rig: &mut Rig) -> usize {
    let mut number = 0;
    while let Ok(request) = rig.requests.try_recv() {
        assert_eq!(
            request,
            Request::Sweep {
                bridge: None,
                asked: false
            }
        );
        number += 1;
    }
    number
}

// R26
#[tokio::test(start_paused = true)]
async fn every_job_is_done_at_its_hour_by_the_first_bridges_clock() {
    let mut rig = rig(false);
    let config = config();
    // Saturday 15:00 in Moscow, until Sunday 03:29.
    for_hours(&rig, &config, 12).await;
    assert_eq!(sweeps(&mut rig), 0);
    for_hours(&rig, &config, 3).await;
    assert_eq!(sweeps(&mut rig), 1);
    assert_eq!(
        rig.found.lock().unwrap().len(),
        1,
        "the database was not checked on Sunday"
    );
    let done = rig.store.schedules().await.unwrap();
    assert_eq!(done["sweep"], at("2026-11-29T00:30:00Z"));
    assert_eq!(done["retention"], at("2026-11-29T01:10:00Z"));
    assert_eq!(done["upkeep"], at("2026-11-29T01:40:00Z"));
    for_hours(&rig, &config, 24 * 6).await;
    assert_eq!(sweeps(&mut rig), 6);
    assert_eq!(
        rig.found.lock().unwrap().len(),
        1,
        "the database is checked on Sundays only"
    );
}

// R26
#[tokio::test(start_paused = true)]
async fn a_time_that_passed_while_nobody_was_there_is_caught_up_at_the_start() {
    let mut rig = rig(false);
    let config = config();
    for_hours(&rig, &config, 1).await;
    // Off over three nights.
    rig.seam.set_wall_clock(SignedDuration::from_hours(72));
    for_hours(&rig, &config, 1).await;
    assert_eq!(sweeps(&mut rig), 1);
    for_hours(&rig, &config, 1).await;
    assert_eq!(sweeps(&mut rig), 0, "caught up twice");
}

#[tokio::test(start_paused = true)]
async fn what_is_off_is_not_done_and_what_is_over_for_long_is_forgotten() {
    let mut rig = rig(false);
    let told = |subject: &str, when: &str| Change::NoticeTold {
        kind: "guard".to_owned(),
        subject: subject.to_owned(),
        since: at(when),
        at: at(when),
    };
    let rows = vec![
        told("old", "2025-10-20T00:00:00Z"),
        told("new", "2025-10-30T00:00:00Z"),
    ];
    rig.store.apply(rows).await.unwrap();
    let off = ScheduleConfig {
        retention: None,
        upkeep: None,
        ..config()
    };
    for_hours(&rig, &off, 24).await;
    assert_eq!(sweeps(&mut rig), 1);
    assert_eq!(rig.store.notices().await.unwrap().len(), 2);
    assert_eq!(rig.found.lock().unwrap().len(), 0);
    for_hours(&rig, &config(), 24).await;
    let left = rig.store.notices().await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].subject, "new");
}

/// A mirrored record of a client.
fn visit(id: &str, start: Timestamp) -> Change {
    use slotbridge_core::model::{Client, PlatformName, Private, RemoteId, ResourceKey, Status};
    use slotbridge_core::record::{Record, RecordState, Support};
    Change::MirrorSeen {
        platform: PlatformName::new("salon").unwrap(),
        record: Record {
            id: RemoteId::new(id),
            state: RecordState::Live,
            resource: ResourceKey::new("8886"),
            services: Vec::new(),
            start,
            end: None,
            client: Client {
                name: Private::new("Пробная Вера"),
                phone: None,
                email: None,
            },
            status: Status::Booked,
            comment: Private::default(),
            marker: None,
            is_block: false,
            changed_at: None,
            created_at: None,
            resource_title: None,
            service_title: None,
            group: None,
            support: Support::Full,
        },
        at: start,
    }
}

#[tokio::test(start_paused = true)]
async fn clients_of_what_is_over_for_long_are_erased_where_the_config_says_so() {
    let rig = rig(false);
    let rows = vec![
        visit("old", at("2026-09-01T00:00:00Z")),
        visit("new", at("2026-11-20T00:00:00Z")),
    ];
    rig.store.apply(rows).await.unwrap();
    let erased = async || {
        let salon = slotbridge_core::model::PlatformName::new("salon").unwrap();
        let rows = rig.store.mirror(&salon, Timestamp::MIN).await.unwrap();
        rows.iter().map(|row| row.is_erased).collect::<Vec<_>>()
    };
    assert_eq!(config().keep_clients, None);
    for_hours(&rig, &config(), 24).await;
    assert_eq!(erased().await, [false, false]);
    let keep = ScheduleConfig {
        keep_clients: Some(SignedDuration::from_hours(24 * 40)),
        ..config()
    };
    for_hours(&rig, &keep, 24).await;
    assert_eq!(erased().await, [true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_asks_for_passes_and_writes_nothing() {
    let mut rig = rig(true);
    for_hours(&rig, &config(), 48).await;
    assert_eq!(sweeps(&mut rig), 2);
    assert_eq!(rig.store.schedules().await.unwrap(), BTreeMap::new());
    assert_eq!(rig.found.lock().unwrap().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_is_gone_does_not_count_as_done() {
    let rig = rig(false);
    let Rig {
        requests,
        store,
        seam,
        parts,
        found,
    } = rig;
    drop(requests);
    let (_, never) = mpsc::unbounded_channel();
    let rig = Rig {
        store,
        seam,
        requests: never,
        found,
        parts,
    };
    for_hours(&rig, &config(), 24).await;
    let done = rig.store.schedules().await.unwrap();
    assert_eq!(done["sweep"], at("2026-11-28T12:00:00Z"));
    assert_eq!(done["retention"], at("2026-11-29T01:10:00Z"));
}

#[tokio::test(start_paused = true)]
async fn a_tick_of_the_alarm_clock_is_a_look() {
    let rig = rig(false);
    let config = ScheduleConfig {
        jitter: Duration::ZERO,
        ..config()
    };
    let stopping = CancellationToken::new();
    let (tick, ticks) = mpsc::channel(1);
    let mut requests = rig.requests;
    let working = work(&config, &rig.parts, ticks, &stopping);
    let story = async {
        // Past the first look.
        tokio::time::sleep(Duration::from_secs(1)).await;
        // The machine slept until the night.
        rig.seam.set_wall_clock(SignedDuration::from_hours(13));
        tick.send(()).await.unwrap();
        let asked = tokio::time::Instant::now();
        assert!(requests.recv().await.is_some());
        assert!(
            asked.elapsed() < Duration::from_secs(1),
            "the tick was not heard"
        );
        stopping.cancel();
    };
    tokio::join!(working, story);
}

#[tokio::test]
async fn started_and_stopped_with_the_real_clock() {
    let rig = rig(false);
    start(&config(), rig.parts).stop().await;
}
