//! Measuring the daemon in virtual time at the platforms' real quotas: how soon a change is everywhere, how soon it is
//! noticed without a webhook, and whether a week of it breaks a quota or loses a webhook.
//!
//! Virtual time knows only waits: for quotas, intervals and graces. What the machine itself needs is measured on a real
//! clock beside it, the simulated platforms' own work included, so that figure is an upper bound.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use slotbridge_core::model::{BridgeName, PlatformName};
use slotbridge_engine::EngineError;
use slotbridge_engine::bridge::{Bridge, Mode};
use slotbridge_engine::daemon::{Daemon, Handle, Request, Setup};
use slotbridge_engine::event::{Event, Listener, LookKind};
use slotbridge_store::{Change, Store};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::process::{Host, Process, mapping};
use super::seam::Machine;
use super::trace::Trace;
use super::wire::Network;
use crate::dice::Dice;
use crate::locked;
use crate::person::Booking;
use crate::simulation::{Auditor, Choices, FaultMix, Scenario, Stage, cast};
use crate::world::{PLACES, Place, SERVICES};

/// What was told.
#[derive(Debug, Default)]
struct Ear {
    /// Looks that found something, by platform: how many.
    found: Mutex<BTreeMap<PlatformName, u64>>,
    /// Calls that looks at webhooks' records took, by platform.
    read: Mutex<BTreeMap<PlatformName, u64>>,
}

impl Listener for Ear {
    fn hear(&self, event: &Event) {
        let Event::Looked {
            platform,
            look,
            changed,
            calls,
            ..
        } = event
        else {
            return;
        };
        if *changed > 0 {
            *locked(&self.found).entry(platform.clone()).or_default() += 1;
        }
        if *look == LookKind::Hint {
            *locked(&self.read).entry(platform.clone()).or_default() += calls;
        }
    }
}

/// A daemon beside four platforms.
struct Rig {
    stage: Stage,
    store: Store,
    handle: Handle,
    ear: Arc<Ear>,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), EngineError>>,
    dice: Dice,
    clients: u64,
    staff: usize,
    // The reloads' sender, and the database's folder.
    _kept: (mpsc::Sender<slotbridge_engine::daemon::Reload>, TempDir),
}

impl Rig {
    /// `bridges` bridges over the same four accounts, each with staff of its own.
    fn start(seed: u64, bridges: usize) -> anyhow::Result<Self> {
        let choices = Choices {
            places: Some(PLACES.to_vec()),
            size: Some(0),
            steps: Some(0),
            faults: Some(FaultMix::None),
        };
        let mut scenario = Scenario::new(seed, &choices);
        scenario.staff = bridges.max(2);
        scenario.zones = ["Europe/Moscow"; 4];
        scenario.hours = (8, 21);
        (scenario.sink, scenario.named, scenario.guards) = (false, false, false);
        scenario.window = SignedDuration::from_hours(24 * 60);
        let stage = Stage::new(&scenario);
        let auditor = Arc::new(Mutex::new(Auditor::new(&scenario)));
        let network = Network::new(&stage, auditor, Trace::default(), seed, 0).at_hand();
        let machine = Machine::new(stage.clock.clone(), seed);
        let folder = folder()?;
        let host = Host {
            scenario: &scenario,
            network: &network,
            machine: &machine,
            canary: None,
            database: folder.path().join("slotbridge.db"),
            named: Vec::new(),
        };
        let process = Process::start(&host, None)?;
        let setup = Setup {
            bridges: split(&process.bridge, bridges)?,
            quotas: process.quotas,
        };
        let (handle, requests) = Handle::new();
        let (reload, reloads) = mpsc::channel(1);
        let ear = Arc::new(Ear::default());
        let daemon = Daemon {
            store: process.store.clone(),
            seam: process.seam,
            setup,
            mode: Mode::Apply,
            listener: Arc::clone(&ear) as Arc<dyn Listener>,
            handle: handle.clone(),
            requests,
            reloads,
        };
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(daemon.run(shutdown.clone()));
        Ok(Self {
            stage,
            store: process.store,
            handle,
            ear,
            shutdown,
            task,
            dice: Dice::new(seed ^ 0xbe9c),
            clients: 0,
            staff: scenario.staff,
            _kept: (reload, folder),
        })
    }

    async fn stop(self) -> anyhow::Result<()> {
        self.shutdown.cancel();
        self.task.await.context("the daemon broke off")??;
        Ok(())
    }

    /// A new client books some day soon where everybody is free.
    fn book(&mut self, place: Place) -> Option<(u64, Timestamp, usize)> {
        let now = self.stage.clock.now();
        for _ in 0..200 {
            let staff = self.dice.index(self.staff);
            let half_hours = i64::try_from(2 * 24 + self.dice.below(2 * 24 * 40)).unwrap_or(48);
            let next_hour = now.as_second().div_euclid(3600) * 3600 + 3600;
            let start = Timestamp::from_second(next_hour + half_hours * 1800).ok()?;
            let service = &SERVICES[0];
            let hour = start
                .to_zoned(jiff::tz::TimeZone::get("Europe/Moscow").ok()?)
                .hour();
            let everywhere_free = self.stage.sides().iter().all(|side| {
                let id = cast::staff_id(side.place, staff);
                side.hand.is_free(id, start, service.minutes)
            });
            if !everywhere_free || !(9..18).contains(&hour) {
                continue;
            }
            self.clients += 1;
            let mut booking = Booking::new(
                cast::staff_id(place, staff),
                place.service(service),
                start,
                service.minutes,
            );
            booking.name = cast::client_name(self.clients);
            booking.phone = cast::phone(self.clients, 0);
            let id = self.stage.side(place).hand.book(&booking);
            return Some((id, start, staff));
        }
        None
    }

    /// The platform's webhooks come in, as the daemon's door would store them.
    async fn deliver(&self, place: Place) -> anyhow::Result<usize> {
        let payloads = self.stage.take_webhooks(place);
        let count = payloads.len();
        let platform = PlatformName::new(place.name()).context("a platform's name")?;
        for payload in payloads {
            let body = payload.to_string().into_bytes();
            let mut body_hash = [0; 32];
            let digest = <md5::Md5 as md5::Digest>::digest(&body);
            for (to, from) in body_hash.iter_mut().zip(digest) {
                *to = from;
            }
            let change = Change::Inbox {
                platform: platform.clone(),
                id: None,
                body_hash,
                body: body.into(),
                at: self.stage.clock.now(),
            };
            self.store.apply(vec![change]).await?;
        }
        self.handle.ask(Request::Hinted(platform));
        Ok(count)
    }

    /// How many writes have landed, and when the last of them arrived.
    fn landed(&self, place: Place, since: usize) -> (usize, Option<Timestamp>) {
        let calls = self.stage.side(place).view.calls_from(since);
        let landed: Vec<Timestamp> = calls
            .iter()
            .filter(|call| call.landed && is_main_write(call.method))
            .map(|call| call.at)
            .collect();
        (landed.len(), landed.last().copied())
    }
}

/// Of the calls that a write takes, the one by which the time is taken, moved or freed.
fn is_main_write(method: &str) -> bool {
    !method.contains("omment") && !method.contains("lient") && !method.contains("ustomer")
}

fn folder() -> anyhow::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("slotbridge-bench-");
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        builder.tempdir_in(memory)
    } else {
        builder.tempdir()
    };
    folder.context("no folder for the database")
}

/// The same accounts as several bridges, each for one member of staff; one bridge stays as it is.
fn split(bridge: &Bridge, bridges: usize) -> anyhow::Result<Vec<Bridge>> {
    if bridges == 1 {
        return Ok(vec![bridge.clone()]);
    }
    let mut split = Vec::with_capacity(bridges);
    for number in 0..bridges {
        let mut one = bridge.clone();
        one.name = BridgeName::new(format!("main-{number}")).context("a bridge's name")?;
        for member in &mut one.members {
            let name = member.platform.name().clone();
            let place = PLACES
                .into_iter()
                .find(|place| place.name() == name.as_str())
                .context("no such place")?;
            member.mapping = mapping(number..number + 1, place, &name)?;
        }
        split.push(one);
    }
    Ok(split)
}

/// Durations of one kind.
#[derive(Debug, Default)]
struct Samples(Vec<Duration>);

impl Samples {
    fn quantile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(at).copied().unwrap_or_default()
    }

    fn mean(&self) -> Duration {
        let count = u32::try_from(self.0.len()).unwrap_or(u32::MAX).max(1);
        self.0.iter().sum::<Duration>() / count
    }

    fn row(&self) -> String {
        format!(
            "{:>9.3} {:>9.3} {:>9.3}",
            self.quantile(50).as_secs_f64(),
            self.quantile(99).as_secs_f64(),
            self.quantile(100).as_secs_f64()
        )
    }
}

/// With webhooks: from a person's change to the last write, per pair of platforms; calls per change; our own time.
///
/// # Errors
/// Only when the bench itself cannot go on.
pub async fn freshness(seed: u64, changes: usize) -> anyhow::Result<String> {
    let mut rig = Rig::start(seed, 1)?;
    tokio::time::sleep(Duration::from_mins(2)).await;
    let mut pairs: BTreeMap<(Place, Place), Samples> = BTreeMap::new();
    let (mut own, mut writes) = (Samples::default(), 0);
    let mut missed = 0;
    for number in 0..changes {
        let place = PLACES.into_iter().cycle().nth(number).context("no place")?;
        // Long enough for every short quota to be free again.
        let pause = 30_000 + rig.dice.below(30_000);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let since: BTreeMap<Place, usize> = PLACES
            .into_iter()
            .map(|place| (place, rig.stage.side(place).view.calls().len()))
            .collect();
        let Some(_booked) = rig.book(place) else {
            anyhow::bail!("nobody is free any more");
        };
        let (began, machine) = (rig.stage.clock.now(), Instant::now());
        rig.deliver(place).await?;
        let others: Vec<Place> = PLACES.into_iter().filter(|other| *other != place).collect();
        let from = |other: &Place| since.get(other).copied().unwrap_or(0);
        let mut waits = 0;
        while others
            .iter()
            .any(|other| rig.landed(*other, from(other)).0 == 0)
            && waits < 6_000
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
            waits += 1;
        }
        own.0.push(machine.elapsed());
        for other in &others {
            match rig.landed(*other, from(other)) {
                (count, Some(at)) => {
                    let took = Duration::try_from(at.duration_since(began)).unwrap_or_default();
                    pairs.entry((place, *other)).or_default().0.push(took);
                    writes += count;
                }
                (_, None) => missed += 1,
            }
        }
    }
    tokio::time::sleep(Duration::from_mins(1)).await;
    let reads: Vec<String> = locked(&rig.ear.read)
        .iter()
        .map(|(platform, calls)| format!("{platform} {calls}"))
        .collect();
    let violations: usize = PLACES
        .into_iter()
        .map(|place| rig.stage.side(place).view.quota_violations().len())
        .sum();
    rig.stop().await?;
    let mut text = format!(
        "with webhooks, {changes} bookings, seconds of virtual time from the booking to the write elsewhere\n\
         {:<24}{:>9} {:>9} {:>9}\n",
        "from → to", "p50", "p99", "max"
    );
    for ((from, to), samples) in &pairs {
        let pair = format!("{} → {}", from.name(), to.name());
        writeln!(text, "{pair:<24}{}", samples.row())?;
    }
    writeln!(text, "{:<24}{}", "own time (real clock)", own.row())?;
    writeln!(
        text,
        "writes: {writes} for {changes} changes on 3 others each; missed: {missed}; quotas broken: {violations}\n\
         calls to read the records of {} webhooks on each: {}",
        changes / PLACES.len(),
        reads.join(", ")
    )?;
    Ok(text)
}

/// Without webhooks: from a person's change until a look finds it, against half the interval that the quota allows.
///
/// # Errors
/// Only when the bench itself cannot go on.
pub async fn noticing(seed: u64, changes: usize) -> anyhow::Result<String> {
    let mut rig = Rig::start(seed, 1)?;
    tokio::time::sleep(Duration::from_mins(5)).await;
    let mut noticed: BTreeMap<Place, Samples> = BTreeMap::new();
    for number in 0..changes {
        let place = PLACES.into_iter().cycle().nth(number).context("no place")?;
        let pause = 60_000 + rig.dice.below(60_000);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let platform = PlatformName::new(place.name()).context("a platform's name")?;
        let found = |rig: &Rig| locked(&rig.ear.found).get(&platform).copied().unwrap_or(0);
        let before = found(&rig);
        // Only what the near looks see counts: today and the next days.
        let near = loop {
            let Some((id, start, _)) = rig.book(place) else {
                anyhow::bail!("nobody is free any more");
            };
            if start.duration_since(rig.stage.clock.now()) < SignedDuration::from_hours(60) {
                break true;
            }
            rig.stage.side(place).hand.remove(id)?;
        };
        rig.stage.take_webhooks(place);
        let began = tokio::time::Instant::now();
        while near && found(&rig) == before && began.elapsed() < Duration::from_mins(30) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        noticed.entry(place).or_default().0.push(began.elapsed());
    }
    let plans: BTreeMap<String, _> = rig
        .handle
        .health()
        .platforms
        .into_iter()
        .map(|platform| (platform.name.to_string(), platform.plan))
        .collect();
    rig.stop().await?;
    let mut text = format!(
        "without webhooks, {changes} bookings of the next days, seconds of virtual time until a look finds them\n\
         {:<12}{:>9} {:>9} {:>9} {:>10} {:>10}\n",
        "platform", "p50", "p99", "max", "mean", "planned"
    );
    for (place, samples) in &noticed {
        let planned = plans
            .get(place.name())
            .copied()
            .flatten()
            .map_or(0.0, |plan| plan.notice.as_secs_f64());
        writeln!(
            text,
            "{:<12}{} {:>10.3} {planned:>10.3}",
            place.name(),
            samples.row(),
            samples.mean().as_secs_f64()
        )?;
    }
    Ok(text)
}

/// Four platforms, four bridges, and people on all of them, for so many days; webhooks come once each.
///
/// # Errors
/// Only when the bench itself cannot go on.
pub async fn days(seed: u64, days: u64) -> anyhow::Result<String> {
    let mut rig = Rig::start(seed, 4)?;
    let began = rig.stage.clock.now();
    let machine = Instant::now();
    let (mut acts, mut hints) = (0_u64, 0);
    let mut mine: Vec<(Place, u64)> = Vec::new();
    let mut memory = Vec::new();
    for _day in 0..days {
        for _quarter in 0..96 {
            tokio::time::sleep(Duration::from_mins(15)).await;
            let place = PLACES
                .get(rig.dice.index(PLACES.len()))
                .copied()
                .context("no place")?;
            let gone = rig.dice.below(3) == 0 && mine.len() > 20;
            if gone {
                let at = rig.dice.index(mine.len());
                let (place, id) = mine.swap_remove(at);
                rig.stage.side(place).hand.cancel(id)?;
                hints += rig.deliver(place).await?;
            } else if let Some((id, _, _)) = rig.book(place) {
                mine.push((place, id));
                hints += rig.deliver(place).await?;
            }
            acts += 1;
        }
        memory.push(resident_kib());
    }
    tokio::time::sleep(Duration::from_hours(1)).await;
    let mut waiting = 0;
    for place in PLACES {
        let platform = PlatformName::new(place.name()).context("a platform's name")?;
        waiting += rig.store.inbox_waiting(&platform).await?;
    }
    let now = rig.stage.clock.now();
    let shown: Vec<(Place, usize)> = PLACES
        .into_iter()
        .map(|place| {
            let live = rig.stage.side(place).view.live();
            (place, live.iter().filter(|seen| seen.start > now).count())
        })
        .collect();
    let wanted = mine
        .iter()
        .filter(|(place, id)| {
            let shown = rig.stage.side(*place).view.seen(*id);
            shown.is_some_and(|shown| !shown.deleted && shown.start > now)
        })
        .count();
    let (mut violations, mut twins, mut calls) = (0, 0, 0);
    for place in PLACES {
        let side = rig.stage.side(place);
        violations += side.view.quota_violations().len();
        twins += side.view.duplicates_ever().len();
        calls += side.view.calls().len();
    }
    let lasted = now.duration_since(began);
    rig.stop().await?;
    let mut text = format!(
        "{} h of virtual time in {} s: 4 platforms × 4 bridges, {acts} acts of people, {hints} webhooks, {calls} calls\n",
        lasted.as_hours(),
        machine.elapsed().as_secs()
    );
    writeln!(
        text,
        "webhooks left: {waiting}; quotas broken: {violations}; records doubled: {twins}; bookings ahead: {wanted}"
    )?;
    for (place, count) in shown {
        writeln!(text, "  {:<12}{count}", place.name())?;
    }
    let memory: Vec<String> = memory.iter().map(u64::to_string).collect();
    writeln!(
        text,
        "resident memory after each day, in KiB, the platforms and their logs of calls included: {}",
        memory.join(" ")
    )?;
    Ok(text)
}

/// What the process holds in memory; 0 where nobody tells.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmRSS:")?
                .trim()
                .split(' ')
                .next()?
                .parse()
                .ok()
        })
        .unwrap_or(0)
}
