//! Measuring the daemon and the one-shot pass in virtual time at the platforms' real quotas: how soon a change is
//! everywhere, how soon it is noticed without a webhook, whether a week of it breaks a quota or loses a webhook, and how
//! many calls it takes.
//!
//! Virtual time knows only waits: for quotas, intervals and graces. What the machine itself needs is measured on a real
//! clock ([`own`]), without what the simulated platforms take.

mod days;
mod figures;
mod freshness;
mod noticing;
mod own;
mod thrift;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use slotbridge_core::model::{BridgeName, PlatformName};
use slotbridge_engine::EngineError;
use slotbridge_engine::bridge::{Bridge, Mode};
use slotbridge_engine::daemon::{Daemon, Handle, Request, Setup};
use slotbridge_engine::event::{Event, Listener, LookKind};
use slotbridge_store::{CallJournal, Change, Store};
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

pub use days::days;
pub use figures::Figures;
use figures::Looks;
pub use freshness::freshness;
pub use noticing::noticing;
pub use own::own;
pub use thrift::thrift;

/// How much of a quota is kept for writes and what they need, in percent.
const RESERVE_PERCENT: u32 = 25;

/// How far apart calls to Rubitime are kept: the documented five seconds and what practice adds (contract page, 7).
const RUBITIME_GAP: Duration = Duration::from_millis(5500);

/// How a daemon is set up to be measured.
#[derive(Debug, Clone, Copy)]
struct Setting {
    seed: u64,
    /// The platforms.
    places: &'static [Place],
    /// Those of them that are looked at as often as their quotas allow; the others hardly ever.
    looked_at: &'static [Place],
    /// Bridges over the same accounts, each with staff of its own.
    bridges: usize,
    /// Members of staff.
    staff: usize,
    /// Whether the platforms' real quotas hold; else there are none, and nothing is polled.
    quotas: bool,
    /// Whether the database is on the disk; else in memory, where the machine has a folder for that.
    disk: bool,
    /// Whether it is long after the first day, on which nobody knows what was used of the day's calls before.
    settled_in: bool,
}

impl Setting {
    const fn new(seed: u64) -> Self {
        Self {
            seed,
            places: &PLACES,
            looked_at: &PLACES,
            bridges: 1,
            staff: 2,
            quotas: true,
            disk: false,
            settled_in: false,
        }
    }
}

/// What was told.
#[derive(Debug, Default)]
struct Ear {
    looks: Mutex<BTreeMap<(PlatformName, LookKind), Looks>>,
}

impl Ear {
    /// Looks of a kind at a place.
    fn looks(&self, place: Place, kind: LookKind) -> Looks {
        let looks = locked(&self.looks);
        let of_it = looks
            .iter()
            .find(|((name, other), _)| name.as_str() == place.name() && *other == kind);
        of_it.map_or_else(Looks::default, |(_, looks)| looks.clone())
    }
}

impl Listener for Ear {
    fn hear(&self, event: &Event) {
        let Event::Looked {
            platform,
            look,
            calls,
            ..
        } = event
        else {
            return;
        };
        let mut looks = locked(&self.looks);
        looks
            .entry((platform.clone(), *look))
            .or_default()
            .add(*calls);
    }
}

/// A daemon beside its platforms.
struct Rig {
    stage: Stage,
    network: Network,
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

/// The world in which calls and waits are counted: four platforms in one zone, nothing goes wrong, no guard is in the way.
fn scenario(seed: u64, staff: usize, places: &[Place]) -> Scenario {
    let choices = Choices {
        places: Some(places.to_vec()),
        size: Some(0),
        steps: Some(0),
        faults: Some(FaultMix::None),
    };
    let mut scenario = Scenario::new(seed, &choices);
    scenario.staff = staff;
    scenario.zones = ["Europe/Moscow"; 4];
    scenario.hours = (8, 21);
    (scenario.sink, scenario.named, scenario.guards) = (false, false, false);
    scenario.window = SignedDuration::from_hours(24 * 60);
    scenario
}

impl Rig {
    fn start(setting: Setting) -> anyhow::Result<Self> {
        let Setting { seed, bridges, .. } = setting;
        let scenario = scenario(seed, setting.staff, setting.places);
        let stage = Stage::new(&scenario);
        if !setting.quotas {
            for place in PLACES {
                stage.quota(place).set([], false);
            }
        }
        let auditor = Arc::new(Mutex::new(Auditor::new(&scenario)));
        let network = Network::new(&stage, auditor, Trace::default(), seed, 0).at_hand();
        let machine = Machine::new(stage.clock.clone(), seed);
        let folder = folder(setting.disk)?;
        let host = Host {
            scenario: &scenario,
            network: &network,
            machine: &machine,
            canary: None,
            database: folder.path().join("slotbridge.db"),
            named: Vec::new(),
            quotas: setting.quotas,
        };
        if setting.settled_in {
            let journal = CallJournal::open(&host.database)?;
            let before = stage.clock.now() - SignedDuration::from_hours(48);
            for place in PLACES {
                journal.note(place.title(), before)?;
            }
        }
        let mut process = Process::start(&host, None)?;
        let is_looked_at = |name: &PlatformName| {
            let mut places = setting.looked_at.iter();
            setting.quotas && places.any(|place| place.name() == name.as_str())
        };
        for (name, quota) in &mut process.quotas {
            if !is_looked_at(name) {
                quota.poll_every = Some(Duration::from_hours(1));
            }
        }
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
            network,
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

    /// A new client books where everybody is free, at most so many days ahead.
    fn book(&mut self, place: Place, days: u64) -> Option<(u64, Timestamp)> {
        let now = self.stage.clock.now();
        for _ in 0..2_000 {
            let staff = self.dice.index(self.staff);
            let half_hours = i64::try_from(4 + self.dice.below(days * 48)).unwrap_or(48);
            let next_hour = now.as_second().div_euclid(3600) * 3600 + 3600;
            let start = Timestamp::from_second(next_hour + half_hours * 1800).ok()?;
            let service = &SERVICES[0];
            let hour = start
                .to_zoned(jiff::tz::TimeZone::get("Europe/Moscow").ok()?)
                .hour();
            if !(9..18).contains(&hour) {
                continue;
            }
            let everywhere_free = self.stage.sides().iter().all(|side| {
                let id = cast::staff_id(side.place, staff);
                side.hand.is_free(id, start, service.minutes)
            });
            if !everywhere_free {
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
            return Some((id, start));
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
            self.handle.ask(Request::Hinted(platform.clone()));
        }
        Ok(count)
    }

    /// The webhooks of all platforms come in, those of our own writes among them.
    async fn deliver_all(&self) -> anyhow::Result<usize> {
        let mut count = 0;
        for place in PLACES {
            count += self.deliver(place).await?;
        }
        Ok(count)
    }

    /// How many calls each platform has answered so far.
    fn calls(&self) -> BTreeMap<Place, usize> {
        PLACES
            .into_iter()
            .map(|place| (place, self.stage.side(place).view.call_count()))
            .collect()
    }

    /// How many writes have landed since so many calls, and when the first and the last of them arrived.
    fn landed(&self, place: Place, since: usize) -> Landed {
        let calls = self.stage.side(place).view.calls_from(since);
        let mut landed = Landed::default();
        for call in &calls {
            if call.landed && is_main_write(call.method) {
                landed.count += 1;
                landed.first.get_or_insert(call.at);
                landed.last = Some(call.at);
            }
        }
        landed
    }
}

/// Writes that have landed.
#[derive(Debug, Clone, Copy, Default)]
struct Landed {
    count: usize,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

/// Of the calls that a write takes, the one by which the time is taken, moved or freed.
fn is_main_write(method: &str) -> bool {
    !method.contains("omment") && !method.contains("lient") && !method.contains("ustomer")
}

fn others(place: Place) -> impl Iterator<Item = Place> {
    PLACES.into_iter().filter(move |other| *other != place)
}

fn folder(disk: bool) -> anyhow::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("slotbridge-bench-");
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() && !disk {
        builder.tempdir_in(memory)
    } else {
        builder.tempdir()
    };
    folder.context("no folder for the database")
}

/// The same accounts as several bridges, each for its share of the staff; one bridge stays as it is.
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

/// What the process holds in memory, in KiB; 0 where nobody tells.
fn resident_kib() -> usize {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// How far apart looks at SimplyBook.me are after ten minutes.
    async fn apart(settled_in: bool) -> Duration {
        let setting = Setting {
            settled_in,
            ..Setting::new(1)
        };
        let rig = Rig::start(setting).unwrap();
        tokio::time::sleep(Duration::from_mins(10)).await;
        let platforms = rig.handle.health().platforms;
        let plan = platforms
            .iter()
            .find(|platform| platform.name.as_str() == Place::Simplybook.name())
            .and_then(|platform| platform.plan);
        rig.stop().await.unwrap();
        plan.unwrap().near
    }

    #[tokio::test(start_paused = true)]
    async fn looks_are_half_as_frequent_while_half_of_the_day_s_calls_may_be_used_up() {
        let (first_day, later) = (apart(false).await, apart(true).await);
        // 5,000 calls a day, a quarter of them for writes, 19 of 20 others for near looks.
        assert_eq!(later, Duration::from_millis(24_253));
        assert_eq!(first_day, Duration::from_millis(48_506));
    }
}
