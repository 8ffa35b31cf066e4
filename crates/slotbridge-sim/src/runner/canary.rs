//! Deliberately broken bridges: if the auditor does not catch one, the auditor is broken.
//!
//! They are broken at the edges, around the real engine, so that the product's code has no switch for it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use jiff::SignedDuration;
use slotbridge_core::model::{PlatformName, RemoteId, ResourceKey, ServiceKey};
use slotbridge_core::projection::Projection;
use slotbridge_core::record::{Grid, Listing, Reading, RecordState};
use slotbridge_platform::platform::{Catalogue, Draft, Edit, Finding, Priority, Query, Written};
use slotbridge_platform::webhook::{Hint, WebhookError};
use slotbridge_platform::{Capabilities, Platform, PlatformError};

use crate::simulation::Invariant;

/// A way of being broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Canary {
    /// Says that it has changed a record and has not.
    NeverUpdates,
    /// Sends a write again when the reply was lost.
    RepeatsWrites,
    /// Takes some records for cancelled that nobody cancelled.
    InventsRemovals,
    /// Makes live again what was cancelled.
    Resurrects,
    /// Pays no attention to quotas.
    IgnoresQuotas,
    /// Writes in a dry run.
    WritesInDryRun,
    /// Leaves its lock behind when it is killed.
    KeepsTheLock,
    /// Logs whom a booking is for.
    LogsNames,
}

impl Canary {
    /// Every canary.
    pub const ALL: [Self; 8] = [
        Self::NeverUpdates,
        Self::RepeatsWrites,
        Self::InventsRemovals,
        Self::Resurrects,
        Self::IgnoresQuotas,
        Self::WritesInDryRun,
        Self::KeepsTheLock,
        Self::LogsNames,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeverUpdates => "never-updates",
            Self::RepeatsWrites => "repeats-writes",
            Self::InventsRemovals => "invents-removals",
            Self::Resurrects => "resurrects",
            Self::IgnoresQuotas => "ignores-quotas",
            Self::WritesInDryRun => "writes-in-dry-run",
            Self::KeepsTheLock => "keeps-the-lock",
            Self::LogsNames => "logs-names",
        }
    }

    /// The promise that it breaks.
    pub const fn breaks(self) -> Invariant {
        match self {
            Self::NeverUpdates => Invariant::Convergence,
            Self::RepeatsWrites => Invariant::NoDuplicates,
            Self::InventsRemovals => Invariant::NothingLost,
            Self::Resurrects => Invariant::NoResurrection,
            Self::IgnoresQuotas => Invariant::Quota,
            Self::WritesInDryRun => Invariant::DryRun,
            Self::KeepsTheLock => Invariant::CrashSafe,
            Self::LogsNames => Invariant::Privacy,
        }
    }
}

impl Canary {
    /// A promise that it may break besides: a repeated call passes no gate.
    pub const fn breaks_besides(self) -> Option<Invariant> {
        match self {
            Self::RepeatsWrites => Some(Invariant::Quota),
            Self::NeverUpdates
            | Self::InventsRemovals
            | Self::Resurrects
            | Self::IgnoresQuotas
            | Self::WritesInDryRun
            | Self::KeepsTheLock
            | Self::LogsNames => None,
        }
    }
}

impl FromStr for Canary {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|canary| canary.name() == name);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            format!("want one of {}", names.join(", "))
        })
    }
}

/// A platform as a broken bridge sees and treats it.
pub(crate) struct Broken {
    inner: Arc<dyn Platform>,
    canary: Canary,
    listings: AtomicU64,
}

impl Broken {
    /// Breaks the platform if this canary is broken there.
    pub(crate) fn wrap(inner: Arc<dyn Platform>, canary: Option<Canary>) -> Arc<dyn Platform> {
        match canary {
            Some(canary @ (Canary::NeverUpdates | Canary::InventsRemovals | Canary::LogsNames)) => {
                Arc::new(Self {
                    inner,
                    canary,
                    listings: AtomicU64::new(0),
                })
            }
            Some(_) | None => inner,
        }
    }

    fn invents(&self, id: &RemoteId) -> bool {
        self.canary == Canary::InventsRemovals
            && id
                .as_str()
                .bytes()
                .map(u32::from)
                .sum::<u32>()
                .is_multiple_of(2)
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broken")
            .field("canary", &self.canary)
            .finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Platform for Broken {
    fn name(&self) -> &PlatformName {
        self.inner.name()
    }

    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    fn projection(&self) -> &Projection {
        self.inner.projection()
    }

    async fn check(&self) -> Result<Vec<Finding>, PlatformError> {
        self.inner.check().await
    }

    async fn catalogue(&self) -> Result<Catalogue, PlatformError> {
        self.inner.catalogue().await
    }

    async fn list(&self, query: &Query, priority: Priority) -> Result<Listing, PlatformError> {
        let mut listing = self.inner.list(query, priority).await?;
        // What it saw live at first.
        if self.listings.fetch_add(1, Ordering::Relaxed) == 0 {
            return Ok(listing);
        }
        for record in &mut listing.records {
            if record.marker.is_none() && self.invents(&record.id) {
                record.state = RecordState::Cancelled;
            }
        }
        Ok(listing)
    }

    async fn read(&self, id: &RemoteId, priority: Priority) -> Result<Reading, PlatformError> {
        self.inner.read(id, priority).await
    }

    async fn occupancy(
        &self,
        resource: &ResourceKey,
        service: &ServiceKey,
        service_length: SignedDuration,
        priority: Priority,
    ) -> Result<Grid, PlatformError> {
        self.inner
            .occupancy(resource, service, service_length, priority)
            .await
    }

    async fn create(&self, draft: &Draft) -> Result<Written, PlatformError> {
        if self.canary == Canary::LogsNames {
            tracing::info!(name = draft.client.name.expose(), "A record is made.");
        }
        self.inner.create(draft).await
    }

    async fn update(&self, id: &RemoteId, edit: &Edit) -> Result<Written, PlatformError> {
        if self.canary == Canary::NeverUpdates {
            return Ok(Written {
                id: id.clone(),
                record: None,
            });
        }
        self.inner.update(id, edit).await
    }

    async fn remove(&self, id: &RemoteId) -> Result<(), PlatformError> {
        self.inner.remove(id).await
    }

    fn webhook(&self, body: &[u8]) -> Result<Vec<Hint>, WebhookError> {
        self.inner.webhook(body)
    }
}
