//! One seed's life from the first booking to the judgement.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use jiff::SignedDuration;
use slotbridge_core::merge::Presence;
use slotbridge_core::model::{Booking, BookingId};
use slotbridge_engine::bridge::{Mode, NoProgress, RunOptions};
use slotbridge_engine::report::{BridgeReport, Report};
use slotbridge_store::{Change, Store};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::always_on::{AlwaysOn, Post};
use super::canary::Canary;
use super::fate::Death;
use super::log::Log;
use super::process::{Host, Process, SECRETS};
use super::seam::Machine;
use super::told::Names;
use super::trace::Trace;
use super::wire::Network;
use super::{Counts, Outcome, Settings};
use crate::dice::Dice;
use crate::locked;
use crate::simulation::people::People;
use crate::simulation::{Auditor, Invariant, Scenario, Stage, storms};

/// The most passes after which everything must be in step.
const PASSES_MAX: usize = 16;
/// So many passes must be quiet, or one of them at least.
const PASSES_CHECKED: usize = 3;

/// The platforms' fingerprints, and the database's files.
type Everything = (Vec<u64>, BTreeMap<PathBuf, Vec<u8>>);

/// How a run came out.
enum Ran {
    Whole(Box<Report>),
    Died,
    Broke(String),
}

pub(super) struct Life<'a> {
    settings: &'a Settings,
    pub(super) scenario: Scenario,
    pub(super) stage: Stage,
    pub(super) auditor: Arc<Mutex<Auditor>>,
    pub(super) people: Arc<Mutex<People>>,
    pub(super) network: Network,
    pub(super) machine: Machine,
    trace: Trace,
    pub(super) log: Log,
    pub(super) dice: Dice,
    names: Names,
    pub(super) counts: Counts,
    folder: TempDir,
    generation: u32,
    pub(super) process: Option<Process>,
    /// The engine, where it is always on.
    pub(super) always_on: Option<AlwaysOn>,
    /// What it told and nobody has heard yet.
    pub(super) reports: Vec<Arc<BridgeReport>>,
    pub(super) post: Post,
    /// Whether the engine that is always on has had its time.
    is_judged: bool,
    /// Whether the last process died.
    pub(super) died: bool,
    /// What a broken bridge does not let go of.
    kept: Vec<Store>,
    /// What bookings were before they went, for a broken bridge.
    seen: BTreeMap<BookingId, Booking>,
}

impl<'a> Life<'a> {
    pub(super) fn new(seed: u64, settings: &'a Settings) -> anyhow::Result<Self> {
        let scenario = Scenario::new(seed, &settings.choices).with_setup(settings.always_on);
        let stage = Stage::new(&scenario);
        let auditor = Arc::new(Mutex::new(Auditor::new(&scenario)));
        let trace = if settings.trace {
            Trace::kept()
        } else {
            Trace::default()
        };
        let network = Network::new(
            &stage,
            Arc::clone(&auditor),
            trace.clone(),
            seed ^ 0x0fab,
            scenario.size,
        );
        let mut folder = tempfile::Builder::new();
        folder.prefix("slotbridge-sim-");
        // A folder in memory, where the machine has one: it is not the disk that is tried here.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            folder.tempdir_in(memory)
        } else {
            folder.tempdir()
        };
        Ok(Self {
            settings,
            people: Arc::new(Mutex::new(People::new(&scenario))),
            machine: Machine::new(stage.clock.clone(), seed ^ 0x5ea3),
            dice: Dice::new(seed ^ 0x11fe),
            scenario,
            stage,
            auditor,
            network,
            trace,
            log: Log::default(),
            names: Names::default(),
            counts: Counts::default(),
            folder: folder.context("no folder for the database")?,
            generation: 0,
            process: None,
            always_on: None,
            reports: Vec::new(),
            post: Post::new(seed),
            is_judged: false,
            died: false,
            kept: Vec::new(),
            seen: BTreeMap::new(),
        })
    }

    pub(super) async fn live(mut self) -> anyhow::Result<Outcome> {
        let _collecting = self.log.collect();
        self.act(People::move_in);
        self.counts.always_on = usize::from(self.scenario.always_on);
        let steps = self.scenario.steps;
        for _ in 0..self.settings.prefix.unwrap_or(steps).min(steps) {
            if !self.is_fine() {
                break;
            }
            if self.scenario.always_on {
                self.step_always_on().await?;
            } else {
                self.step().await?;
            }
            self.counts.steps += 1;
        }
        if self.is_fine() {
            self.quiet().await?;
        }
        Ok(self.end())
    }

    pub(super) fn is_fine(&self) -> bool {
        locked(&self.auditor).violations().is_empty()
    }

    pub(super) fn act(&self, act: impl FnOnce(&mut People, &Stage, &mut Auditor)) {
        act(
            &mut locked(&self.people),
            &self.stage,
            &mut locked(&self.auditor),
        );
    }

    async fn step(&mut self) -> anyhow::Result<()> {
        self.count_faults();
        storms::brew(&self.stage, self.scenario.faults, &mut self.dice);
        self.act(People::step);
        self.set_clock();
        let pause = locked(&self.people).pause();
        sleep(pause).await;
        if self.dice.below(4) == 0 {
            self.dry_run().await?;
        }
        if self.dice.below(3) == 0 {
            self.stop().await;
        }
        let dies = self.dice.permille(self.scenario.crash_permille);
        let mut death = dies.then(|| self.death());
        for _ in 0..4 {
            let Some(()) = self.pass(death, self.scenario.meanwhile).await? else {
                return Ok(());
            };
            if !self.died || self.dice.below(4) == 0 {
                break;
            }
            // It is started again, at once or a little later, and may die again.
            let wait = i64::try_from(self.dice.below(3000)).unwrap_or(0);
            sleep(SignedDuration::from_millis(wait)).await;
            death = self.dice.permille(300).then(|| self.death());
        }
        Ok(())
    }

    /// Somebody sets our clock now and then.
    pub(super) fn set_clock(&mut self) {
        if self.scenario.clock_steps && self.dice.below(3) == 0 {
            let seconds = i64::try_from(self.dice.below(4 * 3600)).unwrap_or(0) - 3600;
            self.machine
                .set_wrong_by(SignedDuration::from_secs(seconds));
        }
    }

    pub(super) fn death(&mut self) -> Death {
        match self.dice.below(6) {
            0 => Death::AtSeam(1 + self.dice.below(400)),
            1 => Death::AfterCommit(1 + self.dice.below(25)),
            2 => Death::BeforeExchange(1 + self.dice.below(30)),
            3 => Death::AfterExchange(1 + self.dice.below(30)),
            4 => Death::AfterLanding(1 + self.dice.below(8)),
            _ => Death::AtPoll(1 + self.dice.below(150)),
        }
    }

    fn database(&self) -> PathBuf {
        self.folder
            .path()
            .join(self.generation.to_string())
            .join("slotbridge.db")
    }

    fn host(&self) -> anyhow::Result<Host<'_>> {
        let database = self.database();
        if let Some(folder) = database.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let named = if self.scenario.named {
            locked(&self.people).made.clone()
        } else {
            Vec::new()
        };
        Ok(Host {
            scenario: &self.scenario,
            network: &self.network,
            machine: &self.machine,
            canary: self.settings.canary,
            database,
            named,
            quotas: true,
        })
    }

    /// Starts the process unless it is there; the owner's config is read anew.
    pub(super) fn start(&mut self) -> anyhow::Result<bool> {
        // A config that names other records means another process.
        if self.scenario.named && (self.is_judged || !self.scenario.always_on) {
            self.process = None;
        }
        if self.process.is_none() {
            match Process::start(&self.host()?, None) {
                Ok(process) => self.process = Some(process),
                Err(error) if self.died => {
                    let now = self.stage.clock.now();
                    let what = format!("it does not start after a crash: {error:#}");
                    locked(&self.auditor).object(Invariant::CrashSafe, now, what);
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Ends the process properly.
    pub(super) async fn stop(&mut self) {
        self.switch_off().await;
        if let Some(Process { store, engine, .. }) = self.process.take() {
            drop(engine);
            // A copy of the handle may be left in nobody's hands; closing tells whether the log was folded.
            if let Err(error) = store.close().await {
                let now = self.stage.clock.now();
                locked(&self.auditor).object(Invariant::CrashSafe, now, error.to_string());
            }
        }
    }

    /// One pass; nothing when the life cannot go on.
    pub(super) async fn pass(
        &mut self,
        death: Option<Death>,
        meanwhile: bool,
    ) -> anyhow::Result<Option<()>> {
        if !self.start()? {
            return Ok(None);
        }
        self.resurrect().await?;
        locked(&self.auditor).run_begins();
        let ran = self.run(death, meanwhile).await;
        self.died = matches!(ran, Ran::Died);
        locked(&self.auditor).run_ends(self.died, self.stage.clock.now());
        self.counts.passes += 1;
        self.keep_database()?;
        match ran {
            Ran::Whole(report) => {
                self.trace.add(format_args!("exit {}", report.exit_code()));
                self.hear(&report).await?;
                if report.exit_code() == 3 {
                    self.approve().await?;
                }
            }
            Ran::Died => self.bury()?,
            Ran::Broke(why) => {
                let now = self.stage.clock.now();
                locked(&self.auditor).object(Invariant::CrashSafe, now, why);
                return Ok(None);
            }
        }
        let mut auditor = locked(&self.auditor);
        auditor.read_log(&self.log.take(), &SECRETS, self.stage.clock.now());
        auditor.count_refusals(&self.stage);
        Ok(Some(()))
    }

    /// Keeps the database as it is, where the tester wants to look into it.
    pub(super) fn keep_database(&self) -> anyhow::Result<()> {
        let Some(keep) = &self.settings.keep else {
            return Ok(());
        };
        let to = keep
            .join(self.scenario.seed.to_string())
            .join(self.stage.clock.now().to_string());
        std::fs::create_dir_all(&to)?;
        let from = self.database();
        let from = from.parent().context("the database is in no folder")?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
        Ok(())
    }

    async fn run(&mut self, death: Option<Death>, meanwhile: bool) -> Ran {
        let Some(process) = &self.process else {
            return Ran::Died;
        };
        process.fate.arm(death, &process.store);
        let options = RunOptions {
            mode: Mode::Apply,
            cancel: CancellationToken::new(),
            progress: Arc::new(NoProgress),
        };
        let bridges = std::slice::from_ref(&process.bridge);
        let work = process
            .fate
            .drive(process.engine.reconcile(bridges, &options));
        let (people, stage, auditor) = (&self.people, &self.stage, &self.auditor);
        let mut dice = Dice::new(self.dice.roll());
        let meddle = async {
            loop {
                let wait = Duration::from_millis(200 + dice.below(60_000));
                tokio::time::sleep(wait).await;
                locked(people).act(stage, &mut locked(auditor));
            }
        };
        let ended = if meanwhile {
            tokio::select! {
                biased;
                ended = work => ended,
                () = meddle => None,
            }
        } else {
            work.await
        };
        process.fate.disarm();
        match ended {
            Some(Ok(report)) => Ran::Whole(Box::new(report)),
            Some(Err(error)) => Ran::Broke(error.to_string()),
            None => Ran::Died,
        }
    }

    pub(super) async fn hear(&mut self, report: &Report) -> anyhow::Result<()> {
        self.names.hear(report);
        if let Some(process) = &self.process {
            self.names
                .learn(&process.store, &process.bridge.name)
                .await?;
        }
        self.names.stands(report);
        self.counts.operations += report
            .bridges
            .iter()
            .map(|bridge| bridge.operations.len())
            .sum::<usize>();
        // Values of clients are a type without a useful `Debug`; everything else in a report is told to the world.
        let text = format!("{report:?}");
        locked(&self.auditor).read_log(&text, &SECRETS, self.stage.clock.now());
        if self.settings.trace {
            self.trace.add(format_args!("report {text}"));
        }
        Ok(())
    }

    /// A person approves everything that guards hold.
    pub(super) async fn approve(&mut self) -> anyhow::Result<()> {
        let Some(process) = &self.process else {
            return Ok(());
        };
        let bridge = &process.bridge.name;
        let guards = process.store.guards(bridge).await?;
        let at = self.stage.clock.now();
        let changes = guards.into_iter().map(|guard| Change::GuardApproved {
            bridge: bridge.clone(),
            plan: guard.plan,
            at,
        });
        process.store.apply(changes.collect()).await?;
        Ok(())
    }

    /// The process is dead: what it had on the disk stays, as it was at that moment or as its handles leave it.
    pub(super) fn bury(&mut self) -> anyhow::Result<()> {
        self.counts.crashes += 1;
        self.trace.add(format_args!("died"));
        let Some(process) = self.process.take() else {
            return Ok(());
        };
        if self.settings.canary == Some(Canary::KeepsTheLock) {
            self.kept.push(process.store);
            return Ok(());
        }
        // A killed process folds no log into its file: the next one finds both as they are now.
        if self.dice.coin() {
            let from = self.database();
            self.generation += 1;
            let to = self.database();
            if let (Some(from), Some(to)) = (from.parent(), to.parent()) {
                std::fs::create_dir_all(to)?;
                for entry in std::fs::read_dir(from)? {
                    let entry = entry?;
                    let name = entry.file_name();
                    let shared = name.to_string_lossy().ends_with("-shm");
                    let lock = name.to_string_lossy().ends_with(".lock");
                    if !shared && !lock {
                        std::fs::copy(entry.path(), to.join(name))?;
                    }
                }
            }
        }
        drop(process);
        Ok(())
    }

    pub(super) async fn dry_run(&mut self) -> anyhow::Result<()> {
        self.stop().await;
        // What was sent before may still land.
        self.network.at_rest().await;
        let before = self.everything()?;
        let breaks = self.settings.canary == Some(Canary::WritesInDryRun);
        let host = self.host()?;
        let copy = Store::open_copy(&host.database)?;
        let process = Process::start(&host, (!breaks).then_some(copy))?;
        let options = RunOptions {
            mode: if breaks { Mode::Apply } else { Mode::DryRun },
            cancel: CancellationToken::new(),
            progress: Arc::new(NoProgress),
        };
        let bridges = std::slice::from_ref(&process.bridge);
        process.fate.arm(None, &process.store);
        locked(&self.auditor).run_begins();
        let report = process.engine.reconcile(bridges, &options).await;
        locked(&self.auditor).forget_looks();
        locked(&self.auditor).run_ends(false, self.stage.clock.now());
        process.fate.disarm();
        drop(process);
        let now = self.stage.clock.now();
        let after = self.everything()?;
        self.counts.dry_runs += 1;
        let mut auditor = locked(&self.auditor);
        if before != after {
            let what = "a dry run has changed a platform or the database".to_owned();
            auditor.object(Invariant::DryRun, now, what);
        }
        if let Err(error) = report {
            auditor.object(Invariant::DryRun, now, error.to_string());
        }
        auditor.read_log(&self.log.take(), &SECRETS, now);
        auditor.count_refusals(&self.stage);
        Ok(())
    }

    /// Everything that a dry run must leave as it is.
    fn everything(&self) -> anyhow::Result<Everything> {
        let platforms = self.stage.sides();
        let platforms = platforms.iter().map(|side| side.view.fingerprint());
        let mut files = BTreeMap::new();
        if let Some(folder) = self.database().parent().filter(|folder| folder.is_dir()) {
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                // The calls are counted, also those of a dry run; that is all that is written down of it.
                if !path.to_string_lossy().contains(".calls") {
                    files.insert(path.clone(), std::fs::read(&path)?);
                }
            }
        }
        Ok((platforms.collect(), files))
    }

    /// A broken bridge makes live again what is gone.
    pub(super) async fn resurrect(&mut self) -> anyhow::Result<()> {
        let (Some(Canary::Resurrects), Some(process)) = (self.settings.canary, &self.process)
        else {
            return Ok(());
        };
        let bridge = &process.bridge.name;
        let at = self.stage.clock.now();
        let state = process.store.bridge(bridge, jiff::Timestamp::MIN).await?;
        let mut changes = Vec::new();
        for row in &state.bookings {
            match (&row.canonical, self.seen.get(&row.id)) {
                (Presence::Live(booking), _) => {
                    self.seen.insert(row.id, booking.clone());
                }
                (Presence::Gone, Some(booking)) => {
                    for link in state.links.iter().filter(|link| link.booking == row.id) {
                        changes.push(Change::Unlink {
                            bridge: bridge.clone(),
                            booking: row.id,
                            platform: link.platform.clone(),
                            at,
                        });
                    }
                    changes.push(Change::Booking {
                        bridge: bridge.clone(),
                        id: row.id,
                        canonical: Presence::Live(booking.clone()),
                        at,
                    });
                }
                (Presence::Gone, None) => {}
            }
        }
        process.store.apply(changes).await?;
        Ok(())
    }

    /// People and faults have stopped: slotbridge gets its time, then it is judged.
    async fn quiet(&mut self) -> anyhow::Result<()> {
        self.count_faults();
        storms::calm(&self.stage);
        self.machine.set_wrong_by(SignedDuration::ZERO);
        // A login that was refused stays refused for a while; a new process asks again.
        self.stop().await;
        sleep(SignedDuration::from_mins(2)).await;
        if self.scenario.always_on {
            self.rest().await?;
            self.stop().await;
            self.is_judged = true;
            return self.judge(self.network.writes()).await;
        }
        let mut before = self.network.writes();
        for pass in 0..PASSES_MAX {
            if self.pass(None, false).await?.is_none() {
                return Ok(());
            }
            sleep(SignedDuration::from_mins(1)).await;
            let now = self.network.writes();
            if now == before && pass >= 3 {
                break;
            }
            before = now;
        }
        self.judge(before).await
    }

    /// A few passes more must find nothing to do; `before` is how much was written so far.
    async fn judge(&mut self, mut before: usize) -> anyhow::Result<()> {
        let mut wrote = Vec::new();
        for _ in 0..PASSES_CHECKED {
            if self.pass(None, false).await?.is_none() {
                return Ok(());
            }
            let now = self.network.writes();
            wrote.push(now - before);
            if now == before {
                break;
            }
            before = now;
        }
        self.stop().await;
        let told = self.names.told();
        locked(&self.auditor).finish(&self.stage, &told, &wrote);
        Ok(())
    }

    pub(super) fn count_faults(&mut self) {
        for side in self.stage.sides() {
            for name in storms::NAMES {
                let fired = side.view.faults().fired(name).unwrap_or(0);
                *self.counts.faults.entry(name).or_default() += fired;
            }
        }
    }

    fn end(mut self) -> Outcome {
        for side in self.stage.sides() {
            self.trace
                .add(format_args!("{:?} {}", side.place, side.view.fingerprint()));
            let calls = side.view.calls();
            self.counts.calls += calls.len();
            self.counts.writes += calls.iter().filter(|call| call.landed).count();
        }
        let people = locked(&self.people);
        for line in &people.diary {
            self.trace.add(format_args!("{line}"));
        }
        self.counts.acts = people.diary.len();
        let violations = locked(&self.auditor).violations().to_vec();
        Outcome {
            seed: self.scenario.seed,
            scenario: self.scenario.to_string(),
            violations,
            hash: self.trace.hash(),
            counts: self.counts.clone(),
            diary: people.diary.clone(),
            lines: self.trace.lines(),
        }
    }
}

pub(super) async fn sleep(time: SignedDuration) {
    tokio::time::sleep(Duration::try_from(time).unwrap_or_default()).await;
}
