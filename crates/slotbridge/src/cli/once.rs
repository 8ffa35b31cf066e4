//! What a command needs that works once and ends: the database, the platforms, the bridges and the engine.

use std::sync::Arc;

use slotbridge_engine::bridge::{Bridge, Mode, RunOptions};
use slotbridge_engine::{Engine, EngineError};
use slotbridge_store::Store;
use tokio_util::sync::CancellationToken;

use super::Global;
use super::output::Output;
use super::reconcile::{bridge_zones, parts};
use super::report::Failure;
use crate::config::Config;
use crate::registry::{self, AskZone};
use crate::render::Showing;

/// An engine over a database that is this command's own.
pub(super) struct Once {
    pub(super) engine: Engine,
    pub(super) bridges: Vec<Bridge>,
    pub(super) options: RunOptions,
    pub(super) showing: Showing,
    store: Store,
}

impl Once {
    /// Makes the platforms and bridges of the config; asks platforms for their time zones where nobody knows them yet.
    pub(super) async fn set_up(
        global: &Global,
        config: &Config,
        store: Store,
        mode: Mode,
        cancel: CancellationToken,
        output: &Output,
    ) -> Result<Self, Failure> {
        let parts = parts(&config.store, mode)?;
        let platforms = registry::platforms(config, &parts)?;
        let zones = registry::zones(config, &platforms, &store, AskZone::Always).await?;
        let bridges = registry::bridges(config, &platforms, &zones);
        let showing = Showing {
            clients: global.show_clients,
            zones: bridge_zones(&bridges),
        };
        Ok(Self {
            engine: Engine::new(store.clone(), Arc::clone(&parts.seam)),
            bridges,
            options: RunOptions {
                mode,
                cancel,
                progress: Arc::new(output.bars().clone()),
            },
            showing,
            store,
        })
    }

    /// Ends what the command did; gives what came of it, with the bridges and how they are shown.
    pub(super) async fn close<T>(
        self,
        came: Result<T, EngineError>,
        output: &Output,
    ) -> Result<(T, Vec<Bridge>, Showing), Failure> {
        output.bars().clear();
        // The engine's other handles are gone: folding the log into the file must not fail unseen.
        drop(self.engine);
        let closed = self.store.close().await;
        let came = came?;
        closed?;
        Ok((came, self.bridges, self.showing))
    }
}
