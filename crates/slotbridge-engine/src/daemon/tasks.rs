//! Looks and runs as tasks of their own, and what each of them is given.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use slotbridge_core::model::{BridgeName, PlatformName, RemoteId};
use slotbridge_platform::platform::Priority;
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::agenda::{Aim, Job, What};
use super::inbox;
use super::looks::{self, Looked, Looker};
use super::turn::{Ended, LookEnd, RunEnd, STRETCH, Turn};
use crate::EngineError;
use crate::bridge::{Bridge, NoProgress, RunOptions};
use crate::event::LookKind;
use crate::scope::Scope;
use crate::sights::{Given, Sights};
use crate::work::{Stretch, Work};

/// How often a look that found nothing new is noted in the database.
const NOTE_EVERY: Duration = Duration::from_mins(1);

impl Turn {
    /// Starts what is due as a task of its own.
    pub(crate) fn spawn(&mut self, job: Job, tasks: &mut JoinSet<Result<Ended, EngineError>>) {
        match job {
            Job::Inbox(platform) => {
                let Some(account) = self.accounts.0.get(&platform) else {
                    return;
                };
                let (engine, watch) = (self.engine.clone(), Arc::clone(&account.watch));
                let after = account.inbox_last;
                // Before the reading: a webhook that is stored meanwhile may be seen by it or not.
                self.handle.reads_inbox(&platform);
                tasks.spawn(async move {
                    let opened = inbox::open(&engine, &watch, after).await?;
                    Ok(Ended::Inbox { platform, opened })
                });
            }
            Job::Records(platform, ids) => {
                self.spawn_look(platform, What::Records, ids, tasks);
            }
            Job::Confirm(platform, ids) => {
                self.spawn_look(platform, What::Confirm, ids, tasks);
            }
            Job::Settle(platform) => {
                self.spawn_look(platform, What::Settle, BTreeSet::new(), tasks);
            }
            Job::Poll(platform, kind) => {
                let what = match kind {
                    LookKind::Near | LookKind::Hint => What::Near,
                    LookKind::Far => What::Far,
                    LookKind::Sweep => What::Sweep,
                };
                self.spawn_look(platform, what, BTreeSet::new(), tasks);
            }
            Job::Run(bridge, aim) => self.spawn_run(bridge, aim, tasks),
        }
    }

    fn spawn_look(
        &mut self,
        platform: PlatformName,
        what: What,
        asked: BTreeSet<RemoteId>,
        tasks: &mut JoinSet<Result<Ended, EngineError>>,
    ) {
        let began = self.engine.seam.elapsed();
        let bridges: Vec<BridgeName> = self.agenda.bridges_of(&platform).cloned().collect();
        let Some(account) = self.accounts.get_mut(&platform) else {
            return;
        };
        let note_look = began.saturating_sub(account.noted) >= NOTE_EVERY;
        if note_look {
            account.noted = began;
        }
        let rows = account.waiting_for(&asked);
        let looker = Looker {
            engine: self.engine.clone(),
            watch: Arc::clone(&account.watch),
            memory: account.memory.clone(),
            note_look,
            cancel: self.cancel.clone(),
        };
        let span = tracing::info_span!("look", %platform, what = ?what);
        let look = async move {
            let mut open = Vec::new();
            let brought = match what {
                What::Records => Looked::at(looker.records(&asked, Priority::Hint).await?),
                What::Confirm => Looked::at(looker.records(&asked, Priority::Poll).await?),
                What::Settle => {
                    open = looks::open_on(&looker.engine, &bridges, &platform).await?;
                    Looked::at(looker.settle(&open).await?)
                }
                What::Near => looker.poll(LookKind::Near).await?,
                What::Far => looker.poll(LookKind::Far).await?,
                What::Sweep => looker.poll(LookKind::Sweep).await?,
            };
            Ok(Ended::Look(Box::new(LookEnd {
                platform,
                what,
                began,
                asked,
                rows,
                looked: brought,
                open,
            })))
        };
        tasks.spawn(look.instrument(span));
    }

    fn spawn_run(
        &mut self,
        name: BridgeName,
        aim: Aim,
        tasks: &mut JoinSet<Result<Ended, EngineError>>,
    ) {
        let Some(bridge) = self.bridges.get(&name).map(Arc::clone) else {
            return;
        };
        let cancel = self.cancel.child_token();
        self.running.insert(name.clone(), cancel.clone());
        let sights = self.given(&bridge, aim.whole);
        let (engine, mode) = (self.engine.clone(), self.mode);
        let alarms = self.alarms_of(&name);
        let (began, run) = (self.engine.seam.elapsed(), self.engine.new_run());
        let span = tracing::info_span!("run", bridge = %name, %run, cause = aim.cause.as_str());
        self.handle.say(|health| {
            if let Some(health) = health.bridges.iter_mut().find(|one| one.name == name) {
                health.running_since = Some(engine.seam.now());
            }
        });
        let work = async move {
            let scope = if aim.whole {
                Scope::Whole
            } else {
                Scope::around(aim.touched)
            };
            let options = RunOptions {
                mode,
                cancel,
                progress: Arc::new(NoProgress),
            };
            let work = Work {
                store: &engine.store,
                seam: engine.seam.as_ref(),
                bridge: &bridge,
                run,
                kind: Some(aim.cause.as_str()),
                sights: &sights,
                scope: &scope,
                options: &options,
                alarms: &alarms,
                looks_waited: false,
                stretch: Stretch::Rolling(STRETCH),
            };
            let worked = work.run().await?;
            Ok(Ended::Run(Box::new(RunEnd {
                bridge: name,
                cause: aim.cause,
                whole: scope == Scope::Whole,
                began,
                worked,
            })))
        };
        tasks.spawn(work.instrument(span));
    }

    /// What a run of the bridge is given of its platforms.
    fn given(&mut self, bridge: &Bridge, whole: bool) -> Sights {
        let now = self.engine.seam.now();
        let mut looked = if whole {
            self.sights.remove(&bridge.name)
        } else {
            self.sights.get(&bridge.name).cloned()
        }
        .unwrap_or_default();
        let mut sights = Sights::new();
        for member in &bridge.members {
            let name = member.platform.name();
            let Some(account) = self.accounts.0.get(name) else {
                continue;
            };
            let past = account.is_trusted().then(|| account.grids(now));
            let given = match (looked.remove(name), past) {
                (Some(sight), past) => Given::Looked(sight, past),
                (None, Some(past)) => Given::Mirrored(past),
                (None, None) => Given::Unknown {
                    why: match &account.down {
                        Some((_, trouble)) => trouble.text.clone(),
                        None => "it was not read yet".to_owned(),
                    },
                },
            };
            sights.insert(name.clone(), given);
        }
        sights
    }
}
