//! The engine that is always on, as the driver of a life: it runs while people act, webhooks come as they may, and it dies
//! in the middle of whatever it does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use jiff::SignedDuration;
use slotbridge_core::model::PlatformName;
use slotbridge_engine::EngineError;
use slotbridge_engine::bridge::Mode;
use slotbridge_engine::daemon::{Daemon, Handle, PlatformQuota, Reload, Request, Setup};
use slotbridge_engine::event::{Event, Listener};
use slotbridge_engine::report::{BridgeReport, Report};
use slotbridge_store::{Change, Store, StoreError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fate::Death;
use super::life::{Life, sleep};
use super::process::{Process, SECRETS};
use crate::dice::Dice;
use crate::locked;
use crate::simulation::people::People;
use crate::simulation::{Invariant, Stage, storms};
use crate::world::Place;

/// The longest that people leave it alone.
const PAUSE_MAX: SignedDuration = SignedDuration::from_mins(40);
/// How long one stretch of the quiet end lasts.
const STRETCH: SignedDuration = SignedDuration::from_mins(10);
/// The fewest stretches after which it may be at rest, and the most after which it must.
const STRETCHES_MIN: usize = 4;
const STRETCHES_MAX: usize = 40;
/// How many records a stretch is enough to read where they are read one by one.
const RECORDS_PER_STRETCH: usize = 5;
/// How long nothing is started after somebody has set our clock.
const CLOCK_REST: SignedDuration = SignedDuration::from_secs(10);
/// The longest that a webhook is late.
const LATE_MAX: u64 = 30 * 60;

/// What was told.
#[derive(Debug, Default)]
struct Ear(Mutex<Vec<Arc<BridgeReport>>>);

impl Listener for Ear {
    fn hear(&self, event: &Event) {
        if let Event::Ran { report, .. } = event {
            locked(&self.0).push(Arc::clone(report));
        }
    }
}

/// An engine at work in the background.
pub(super) struct AlwaysOn {
    handle: Handle,
    ear: Arc<Ear>,
    shutdown: CancellationToken,
    /// What became of it: nothing if it died.
    task: JoinHandle<Option<Result<(), EngineError>>>,
    // Where other configs would come from.
    _reload: mpsc::Sender<Reload>,
}

impl AlwaysOn {
    fn start(process: &Process) -> Self {
        let (handle, requests) = Handle::new();
        let (reload, reloads) = mpsc::channel(1);
        let ear = Arc::new(Ear::default());
        let daemon = Daemon {
            store: process.store.clone(),
            seam: Arc::clone(&process.seam),
            setup: Setup {
                bridges: vec![process.bridge.clone()],
                quotas: quotas(process),
            },
            mode: Mode::Apply,
            listener: Arc::clone(&ear) as Arc<dyn Listener>,
            handle: handle.clone(),
            requests,
            reloads,
        };
        let shutdown = CancellationToken::new();
        let (fate, end) = (Arc::clone(&process.fate), shutdown.clone());
        let task = tokio::spawn(async move { fate.drive(daemon.run(end)).await });
        Self {
            handle,
            ear,
            shutdown,
            task,
            _reload: reload,
        }
    }

    /// Whether it may be writing at this moment.
    fn is_at_work(&self) -> bool {
        let bridges = self.handle.health().bridges;
        bridges.iter().any(|bridge| bridge.running_since.is_some())
    }
}

/// The quotas, with an interval for looks where one look shows much: as often as the quota allows would be more calls than
/// a simulation needs.
fn quotas(process: &Process) -> BTreeMap<PlatformName, PlatformQuota> {
    let mut quotas = process.quotas.clone();
    for (platform, quota) in &mut quotas {
        let lists = platform.as_str() != Place::Rubitime.name();
        quota.poll_every = lists.then(|| Duration::from_mins(1));
    }
    quotas
}

/// The way of webhooks from the platforms to slotbridge's door.
#[derive(Debug)]
pub(super) struct Post {
    dice: Dice,
    late: Vec<(Instant, Place, Vec<u8>)>,
}

impl Post {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed ^ 0x0905_7a17),
            late: Vec::new(),
        }
    }

    /// Collects what platforms have sent. Some of it gets lost, comes late, or twice; `sure` says of which platforms
    /// nothing gets lost for good.
    fn collect(&mut self, stage: &Stage, sure: &[Place]) {
        let now = Instant::now();
        for place in stage.places.clone() {
            for payload in stage.take_webhooks(place) {
                let body = payload.to_string().into_bytes();
                let late = now + Duration::from_secs(self.dice.below(LATE_MAX));
                match self.dice.below(10) {
                    0 if !sure.contains(&place) => {}
                    1 => {
                        self.late.push((now, place, body.clone()));
                        self.late.push((late, place, body));
                    }
                    0 | 2 | 3 => self.late.push((late, place, body)),
                    _ => self.late.push((now, place, body)),
                }
            }
        }
    }

    /// Nobody opens: what comes now is lost, or tried again later.
    fn find_the_door_shut(&mut self, stage: &Stage) {
        let now = Instant::now();
        for place in stage.places.clone() {
            for payload in stage.take_webhooks(place) {
                if self.dice.coin() {
                    let late = now + Duration::from_secs(self.dice.below(LATE_MAX));
                    self.late
                        .push((late, place, payload.to_string().into_bytes()));
                }
            }
        }
    }

    /// What has arrived by now.
    fn arrived(&mut self) -> Vec<(Place, Vec<u8>)> {
        let now = Instant::now();
        let (arrived, late) = std::mem::take(&mut self.late)
            .into_iter()
            .partition(|(at, ..)| *at <= now);
        self.late = late;
        let arrived: Vec<(Instant, Place, Vec<u8>)> = arrived;
        arrived
            .into_iter()
            .map(|(_, place, body)| (place, body))
            .collect()
    }
}

/// How a stretch of time came out.
enum Ended {
    StillOn,
    Died,
    Broke(String),
}

impl Life<'_> {
    /// One step of a life with an engine that is always on.
    pub(super) async fn step_always_on(&mut self) -> anyhow::Result<()> {
        self.count_faults();
        storms::brew(&self.stage, self.scenario.faults, &mut self.dice);
        self.wake().await?;
        self.meet();
        self.act(People::step);
        self.set_clock();
        // Calls are noted by the clock on the wall: of the last few before it is set nothing else could tell.
        sleep(CLOCK_REST).await;
        if self.dice.below(6) == 0 {
            self.dry_run().await?;
        } else if self.dice.below(5) == 0 {
            self.stop().await;
        }
        let dies = self.dice.permille(self.scenario.crash_permille);
        let death = dies.then(|| self.death());
        let pause = locked(&self.people).pause().min(PAUSE_MAX);
        self.watch(pause, death, self.scenario.meanwhile).await
    }

    /// Lets the auditor know whether the engine is at work at this moment.
    fn meet(&self) {
        let at_work = self.always_on.as_ref().is_some_and(AlwaysOn::is_at_work);
        locked(&self.auditor).set_at_work(at_work);
    }

    /// Makes sure that the engine is on. Says no when it cannot be.
    async fn wake(&mut self) -> anyhow::Result<bool> {
        if self.always_on.is_some() {
            return Ok(true);
        }
        self.post.find_the_door_shut(&self.stage);
        if !self.start()? {
            return Ok(false);
        }
        self.resurrect().await?;
        if let Some(process) = &self.process {
            process.fate.arm(None, &process.store);
            self.always_on = Some(AlwaysOn::start(process));
        }
        Ok(true)
    }

    /// Ends the engine properly, if it is on.
    pub(super) async fn switch_off(&mut self) {
        let Some(on) = self.always_on.take() else {
            return;
        };
        if let Some(process) = &self.process {
            process.fate.disarm();
        }
        on.shutdown.cancel();
        let ended = on.task.await;
        self.reports.append(&mut locked(&on.ear.0));
        if !matches!(ended, Ok(Some(Ok(())))) {
            let now = self.stage.clock.now();
            let what = "it does not end when it is told to".to_owned();
            locked(&self.auditor).object(Invariant::CrashSafe, now, what);
        }
    }

    /// Time passes with the engine on; it dies at some moment of it, perhaps. With `meanwhile` people act.
    async fn watch(
        &mut self,
        time: SignedDuration,
        death: Option<Death>,
        meanwhile: bool,
    ) -> anyhow::Result<()> {
        let until = Instant::now() + Duration::try_from(time).unwrap_or_default();
        let mut death = death;
        loop {
            if !self.wake().await? {
                return Ok(());
            }
            if let Some(process) = &self.process {
                process.fate.arm(death.take(), &process.store);
            }
            locked(&self.auditor).run_begins();
            let mut ended = self.live_on(until, meanwhile).await?;
            // It dies only while somebody watches; at the last moment of that it may have died unseen.
            if let Some(process) = &self.process {
                process.fate.disarm();
                if matches!(ended, Ended::StillOn) && process.fate.is_dead() {
                    ended = Ended::Died;
                }
            }
            self.died = matches!(ended, Ended::Died);
            let now = self.stage.clock.now();
            locked(&self.auditor).run_ends(self.died, now);
            self.counts.passes += 1;
            self.keep_database()?;
            match ended {
                Ended::StillOn => {}
                Ended::Died => {
                    if let Some(on) = self.always_on.take() {
                        self.reports.append(&mut locked(&on.ear.0));
                    }
                    // What is left of it is gone before anybody looks at its files.
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    self.bury()?;
                }
                Ended::Broke(why) => {
                    self.always_on = None;
                    locked(&self.auditor).object(Invariant::CrashSafe, now, why);
                    return Ok(());
                }
            }
            self.listen().await?;
            if !self.died || Instant::now() >= until {
                return Ok(());
            }
            let wait = i64::try_from(self.dice.below(3000)).unwrap_or(0);
            sleep(SignedDuration::from_millis(wait)).await;
            death = self.dice.permille(300).then(|| self.death());
        }
    }

    /// What is outside goes on until then: webhooks come, a person approves what guards hold, and with `meanwhile`
    /// people act.
    async fn live_on(&mut self, until: Instant, meanwhile: bool) -> anyhow::Result<Ended> {
        let mut dice = Dice::new(self.dice.roll());
        let mut acts_at = Instant::now() + Duration::from_millis(dice.below(120_000));
        loop {
            let Some(on) = &mut self.always_on else {
                return Ok(Ended::Died);
            };
            let next = Instant::now() + Duration::from_millis(200 + dice.below(10_000));
            let ended = tokio::select! {
                biased;
                ended = &mut on.task => Some(ended),
                () = tokio::time::sleep_until(next.min(until)) => None,
            };
            match ended {
                None => {}
                Some(Ok(None)) => return Ok(Ended::Died),
                Some(Ok(Some(Err(error)))) => return Ok(Ended::Broke(error.to_string())),
                Some(Ok(Some(Ok(())))) => return Ok(Ended::Broke("it ended by itself".to_owned())),
                Some(Err(error)) => return Ok(Ended::Broke(error.to_string())),
            }
            if Instant::now() >= until {
                return Ok(Ended::StillOn);
            }
            // Where the owner names what cannot be listed, a webhook of it comes sooner or later.
            let sure: &[Place] = if self.scenario.named {
                &[Place::Rubitime]
            } else {
                &[]
            };
            self.post.collect(&self.stage, sure);
            self.deliver().await?;
            if dice.below(20) == 0 {
                self.approve_held().await?;
            }
            if meanwhile && Instant::now() >= acts_at {
                acts_at = Instant::now() + Duration::from_millis(200 + dice.below(1_200_000));
                self.meet();
                self.act(People::act);
                locked(&self.auditor).set_at_work(true);
            }
        }
    }

    /// Webhooks arrive, as the door stores them.
    async fn deliver(&mut self) -> anyhow::Result<()> {
        let (Some(process), Some(on)) = (&self.process, &self.always_on) else {
            return Ok(());
        };
        for (place, body) in self.post.arrived() {
            let platform = PlatformName::new(place.name()).context("a platform's name")?;
            store_webhook(&process.store, &platform, body, self.machine.now()).await?;
            on.handle.ask(Request::Hinted(platform));
            self.counts.webhooks += 1;
        }
        Ok(())
    }

    /// A person approves everything that guards hold, and asks for a pass.
    async fn approve_held(&mut self) -> anyhow::Result<()> {
        let Some(on) = &self.always_on else {
            return Ok(());
        };
        let held = on.handle.health().bridges.iter().any(|one| one.guards > 0);
        if !held {
            return Ok(());
        }
        on.handle.ask(Request::Sweep {
            bridge: None,
            asked: true,
        });
        self.approve().await
    }

    /// Takes in what was told meanwhile.
    async fn listen(&mut self) -> anyhow::Result<()> {
        if let Some(on) = &self.always_on {
            self.reports.append(&mut locked(&on.ear.0));
        }
        let bridges: Vec<BridgeReport> = std::mem::take(&mut self.reports)
            .iter()
            .map(|report| BridgeReport::clone(report))
            .collect();
        let report = Report {
            run: String::new(),
            generated_at: self.stage.clock.now(),
            dry_run: false,
            cancelled: false,
            bridges,
        };
        self.hear(&report).await?;
        let mut auditor = locked(&self.auditor);
        auditor.read_log(&self.log.take(), &SECRETS, self.stage.clock.now());
        auditor.count_refusals(&self.stage);
        Ok(())
    }

    /// People and faults have stopped: the engine gets its time, and must have left nothing for a pass to do.
    pub(super) async fn rest(&mut self) -> anyhow::Result<()> {
        let unlisted = if self.stage.places.contains(&Place::Rubitime) {
            self.stage.side(Place::Rubitime).view.live().len()
        } else {
            0
        };
        let least = STRETCHES_MIN + unlisted / RECORDS_PER_STRETCH;
        let mut before = self.network.writes();
        for stretch in 0..STRETCHES_MAX {
            self.watch(STRETCH, None, false).await?;
            if !self.is_fine() {
                return Ok(());
            }
            if stretch == least / 2 {
                // The nightly sweep.
                if let Some(on) = &self.always_on {
                    on.handle.ask(Request::Sweep {
                        bridge: None,
                        asked: false,
                    });
                }
            }
            self.approve_held().await?;
            let now = self.network.writes();
            if now == before && stretch >= least {
                break;
            }
            before = now;
        }
        Ok(())
    }
}

async fn store_webhook(
    store: &Store,
    platform: &PlatformName,
    body: Vec<u8>,
    at: jiff::Timestamp,
) -> Result<(), StoreError> {
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
        at,
    };
    store.apply(vec![change]).await
}
