//! `slotbridge run`: the daemon, from its start to its end.
//!
//! **Flow.** The database is opened, then the doors (HTTP, commands), then the loop is begun. Ready is said once the
//! doors are open: what comes in from then on is kept. SIGHUP builds everything that the config decides anew; SIGTERM
//! ends the loop first, then the doors, then the database.
//!
//! **Guarantees.** A config that is wrong changes nothing and is told. A platform that does not answer holds up no start.

mod signs;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use slotbridge_core::model::PlatformName;
use slotbridge_engine::EngineError;
use slotbridge_engine::bridge::{Bridge, Mode};
use slotbridge_engine::daemon::{Daemon, Handle, Reload, Setup};
use slotbridge_engine::event::{Listener, Listeners};
use slotbridge_platform::capabilities::Discovery;
use slotbridge_store::Store;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Global;
use super::output::Output;
use super::reconcile::{bridge_zones, open, parts};
use super::report::{Exit, Failure};
use super::signals::Reloads;
use super::stop;
use crate::config::{Config, Http};
use crate::http::{self, Target, Targets};
use crate::metrics::Metrics;
use crate::notices::{self, Notices};
use crate::registry::{self, AskZone, Parts, Platforms};
use crate::schedule::{self, Alarms};
use crate::systemd::Notifier;
use crate::{control, notices::target::Means};
use signs::Signs;
use watched::Watched;

/// How long notices may still go out at the end.
const LAST_NOTICES: Duration = Duration::from_secs(2);
/// How soon an account whose zone nobody knows is asked for it again.
const ASK_ZONE_AGAIN: Duration = Duration::from_mins(1);

/// Runs the daemon until it is told to stop.
pub(crate) async fn run(global: &Global, dry_run: bool, output: &Output) -> Result<Exit, Failure> {
    if global.output.is_some() {
        return Err(Failure::Plain {
            message: "--output takes one report, and the daemon has many".to_owned(),
            hint: Some(
                "send standard output to a file instead: slotbridge run --dry-run > FILE"
                    .to_owned(),
            ),
            exit: Exit::Usage,
        });
    }
    let config = super::load(global)?;
    let mode = if dry_run { Mode::DryRun } else { Mode::Apply };
    // From here on these signals do what they are meant for.
    let shutdown = stop::on_signals(output)?;
    let mut hangups = Reloads::listen()?;
    let store = open(global, &config, mode, "slotbridge run").await?;
    let mut parts = parts(&config.store, mode)?;
    let metrics = Arc::new(Metrics::new(parts.seam.now()));
    parts.listener = Some(Arc::clone(&metrics) as _);
    let (handle, requests) = Handle::new();
    let service = Arc::new(Service {
        global: global.clone(),
        output: output.clone(),
        mode,
        store,
        parts,
        metrics,
        handle,
        targets: Targets::default(),
        notifier: Notifier::from_env(),
        listener: signs::Switch::default(),
    });
    let mut built = service.build(config)?;
    let doors = service.open_doors(&built.config).await?;
    service.notifier.ready("ready, reading the platforms");
    let signs = Signs::start(&service.handle, service.notifier, &service.parts.seam);
    let mut surroundings = service.surround(&built);
    let setup = service.setup(&built).await?;
    let (reload, reloads) = mpsc::channel(1);
    let daemon = Daemon {
        store: service.store.clone(),
        seam: Arc::clone(&service.parts.seam),
        setup: setup.setup,
        mode,
        listener: Arc::new(service.listener.clone()),
        handle: service.handle.clone(),
        requests,
        reloads,
    };
    let ending = shutdown.clone();
    let mut looping = tokio::spawn(daemon.run(ending));
    let mut zones_missing = setup.zones_missing;
    let ended = loop {
        tokio::select! {
            ended = &mut looping => break ended,
            () = hangups.next(), if !shutdown.is_cancelled() => {}
            () = service.zone_told(&built, &zones_missing), if !shutdown.is_cancelled() => {}
        }
        if let Some(reloaded) = service.reload(&reload).await {
            (built, zones_missing) = reloaded;
            surroundings.stop(LAST_NOTICES).await;
            surroundings = service.surround(&built);
        }
    };
    service.notifier.stopping();
    surroundings.stop(LAST_NOTICES).await;
    signs.stop().await;
    doors.close().await;
    let store = service.store.clone();
    drop(service);
    // Folding the log into the file must not fail unseen.
    let closed = store.close().await;
    finished(ended)?;
    closed?;
    output.note("stopped");
    Ok(Exit::InStep)
}

fn finished(ended: Result<Result<(), EngineError>, tokio::task::JoinError>) -> Result<(), Failure> {
    ended.context("the loop broke off")??;
    Ok(())
}

/// What stays the same from the start to the end.
#[derive(Debug)]
struct Service {
    global: Global,
    output: Output,
    mode: Mode,
    store: Store,
    parts: Parts,
    metrics: Arc<Metrics>,
    handle: Handle,
    targets: Targets,
    notifier: Notifier,
    listener: signs::Switch,
}

/// What a config makes.
#[derive(Debug)]
struct Built {
    config: Config,
    platforms: Platforms,
}

/// Bridges that are ready to be worked on.
struct Ready {
    setup: Setup,
    /// The accounts whose zone is not known yet.
    zones_missing: Vec<PlatformName>,
}

/// What goes on beside the loop, as the config wants it.
#[derive(Debug)]
struct Surroundings {
    notices: Option<Notices>,
    alarms: Alarms,
}

impl Surroundings {
    async fn stop(self, within: Duration) {
        self.alarms.stop().await;
        if let Some(notices) = self.notices {
            notices.stop(within).await;
        }
    }
}

/// What people and platforms come in by.
#[derive(Debug)]
struct Doors {
    closing: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Doors {
    async fn close(self) {
        self.closing.cancel();
        for task in self.tasks {
            if task.await.is_err() {
                tracing::error!("A door broke off.");
            }
        }
    }
}

impl Service {
    fn build(&self, config: Config) -> Result<Built, Failure> {
        for exposed in crate::config::secret::exposed(&config) {
            tracing::warn!("{exposed}");
        }
        let platforms = registry::platforms(&config, &self.parts)?;
        self.targets
            .replace(platforms.iter().filter_map(|(name, built)| {
                let account = config.platform(name.as_str())?;
                let token = account.webhook_token.as_ref()?;
                Some(Target::new(token, Arc::clone(&built.platform)))
            }));
        Ok(Built { config, platforms })
    }

    /// Opens the doors. A dry run has none: what it was told it could not keep.
    async fn open_doors(&self, config: &Config) -> Result<Doors, Failure> {
        let closing = CancellationToken::new();
        let mut tasks = Vec::new();
        if self.mode == Mode::DryRun {
            return Ok(Doors { closing, tasks });
        }
        if let Some(http) = &config.http {
            let listener = bind(http).await?;
            // Port 0 means any: what was asked for is not what came of it.
            let listen = listener
                .local_addr()
                .context("the address that was bound is not known")?;
            tracing::info!(%listen, "Webhooks, health and metrics are answered.");
            let parts = http::Parts {
                store: self.store.clone(),
                targets: self.targets.clone(),
                handle: self.handle.clone(),
                metrics: Arc::clone(&self.metrics),
                listener: Arc::new(self.listener.clone()),
                seam: Arc::clone(&self.parts.seam),
                limits: http::Limits::default(),
            };
            tasks.push(tokio::spawn(http::serve(listener, parts, closing.clone())));
        }
        match control::bind(&config.store, Arc::clone(&self.parts.seam)).await {
            Ok(socket) => {
                let parts = control::Parts {
                    store: self.store.clone(),
                    handle: self.handle.clone(),
                    seam: Arc::clone(&self.parts.seam),
                };
                tasks.push(tokio::spawn(control::serve(socket, parts, closing.clone())));
            }
            Err(error) => {
                tracing::warn!(
                    "Commands such as `slotbridge approve` cannot reach this process: {error:#}"
                );
            }
        }
        Ok(Doors { closing, tasks })
    }

    /// Asks for what the bridges still need to know.
    async fn setup(&self, built: &Built) -> Result<Ready, Failure> {
        let Built { config, platforms } = built;
        let ask = AskZone::IfUnknown(self.parts.seam.as_ref());
        let zones = registry::zones(config, platforms, &self.store, ask).await?;
        Ok(Ready {
            zones_missing: platforms
                .keys()
                .filter(|name| !zones.contains_key(*name))
                .cloned()
                .collect(),
            setup: Setup {
                bridges: registry::bridges(config, platforms, &zones),
                quotas: registry::quotas(platforms),
            },
        })
    }

    /// Waits until one of these accounts tells its zone. Only then is everything built anew: that costs a full look at
    /// every platform.
    async fn zone_told(&self, built: &Built, missing: &[PlatformName]) {
        if missing.is_empty() {
            return std::future::pending().await;
        }
        let seam = self.parts.seam.as_ref();
        loop {
            seam.sleep(ASK_ZONE_AGAIN).await;
            for name in missing {
                if let Some(platform) = built.platforms.get(name)
                    && registry::told_soon(platform.platform.as_ref(), seam)
                        .await
                        .is_some()
                {
                    return;
                }
            }
        }
    }

    /// Starts notices and schedules, and lets events reach those who hear them.
    fn surround(&self, built: &Built) -> Surroundings {
        let Built { config, platforms } = built;
        let bridges = registry::bridges(config, platforms, &known_zones(config));
        let zones = bridge_zones(&bridges);
        let zone = bridges
            .first()
            .and_then(|bridge| zones.get(&bridge.name))
            .cloned()
            .unwrap_or(jiff::tz::TimeZone::UTC);
        let mut listeners: Vec<Arc<dyn Listener>> = vec![Arc::clone(&self.metrics) as _];
        let notices = match self.mode {
            Mode::Apply => Some(notices::start(
                &config.notices,
                notices::Parts {
                    means: Means {
                        seam: Arc::clone(&self.parts.seam),
                        transport: Arc::clone(&self.parts.transport),
                    },
                    store: self.store.clone(),
                    zones: zones.clone(),
                    platforms: listable(&bridges),
                },
            )),
            Mode::DryRun => None,
        };
        let checked: schedule::Checked = if let Some(notices) = &notices {
            listeners.push(notices.listener());
            Arc::new(notices.checked())
        } else {
            listeners.push(Arc::new(Watched::new(&self.global, &self.output, zones)));
            Arc::new(|_| {})
        };
        self.listener.hear_with(Listeners(listeners));
        let alarms = schedule::start(
            &config.schedule,
            schedule::Parts {
                store: self.store.clone(),
                seam: Arc::clone(&self.parts.seam),
                handle: self.handle.clone(),
                zone,
                dry_run: self.mode == Mode::DryRun,
                checked,
            },
        );
        Surroundings { notices, alarms }
    }

    /// Reads the config again. Gives what it makes, and whose zone is still missing; `None` when all stays as it is.
    async fn reload(
        self: &Arc<Self>,
        reload: &mpsc::Sender<Reload>,
    ) -> Option<(Built, Vec<PlatformName>)> {
        self.notifier.reloading();
        let config = match self.another_config() {
            Ok(config) => config,
            Err(failure) => {
                tracing::error!("The config was not taken, the old one stays: {failure}");
                self.notifier
                    .ready("the new config is wrong; the old one stays");
                return None;
            }
        };
        let (told, hear) = tokio::sync::oneshot::channel();
        let service = Arc::clone(self);
        // The new quota gates open when no call goes through the old ones any more.
        let build = async move {
            let ready = async {
                let built = service.build(config)?;
                let ready = service.setup(&built).await?;
                Ok::<_, Failure>((built, ready))
            };
            match ready.await {
                Ok((built, ready)) => {
                    let taken = Some((built, ready.zones_missing));
                    told.send(taken).is_ok().then_some(ready.setup)
                }
                Err(failure) => {
                    tracing::error!("The config was not taken, the old one stays: {failure}");
                    None
                }
            }
        };
        let sent = reload.send(Reload(Box::pin(build))).await;
        let taken = match sent {
            Ok(()) => hear.await.unwrap_or(None),
            Err(_stopping) => None,
        };
        let status = if taken.is_some() {
            tracing::info!("The config was read again.");
            "ready, with the config as it was read again"
        } else {
            "the new config was not taken; the old one stays"
        };
        self.notifier.ready(status);
        taken
    }

    fn another_config(&self) -> Result<Config, Failure> {
        let config = super::load(&self.global)?;
        // The doors stay where they are until the next start.
        tracing::debug!(file = %config.file.display(), "The config was read.");
        Ok(config)
    }
}

/// The zones that the config names.
fn known_zones(config: &Config) -> std::collections::BTreeMap<PlatformName, jiff::tz::TimeZone> {
    config
        .platforms
        .iter()
        .filter_map(|platform| Some((platform.name.clone(), platform.time_zone.clone()?)))
        .collect()
}

/// The platforms of the bridges, and whether each can list its records.
fn listable(bridges: &[Bridge]) -> Vec<(PlatformName, bool)> {
    let mut platforms = std::collections::BTreeMap::new();
    for member in bridges.iter().flat_map(|bridge| &bridge.members) {
        let lists = member.platform.capabilities().discovery == Discovery::List;
        platforms.insert(member.platform.name().clone(), lists);
    }
    platforms.into_iter().collect()
}

async fn bind(http: &Http) -> Result<TcpListener, Failure> {
    TcpListener::bind(http.listen).await.map_err(|error| Failure::Plain {
        message: format!("cannot listen on {}: {error}", http.listen),
        hint: Some("another process may be listening there; choose another port under `listen` in [http]".to_owned()),
        exit: Exit::Trouble,
    })
}
