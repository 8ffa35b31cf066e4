//! What a run would say if every platform stood as it was last seen: asks nobody, writes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use slotbridge_core::model::{BookingId, PlatformName, RemoteId};
use slotbridge_platform::seam::{Seam, random_bytes};
use slotbridge_store::{RunId, Store};
use tokio_util::sync::CancellationToken;

use crate::EngineError;
use crate::bridge::{Bridge, Mode, NoProgress, RunOptions};
use crate::guarding::Alarms;
use crate::report::BridgeReport;
use crate::scope::{Scope, Touched};
use crate::sights::{Given, Sights};
use crate::work::{Stretch, Work};

/// What a run about these bookings and records would find, plan and let wait. `store` is a copy of the database, which
/// this changes.
///
/// # Errors
/// Trouble with the database.
pub async fn outlook(
    store: &Store,
    seam: &dyn Seam,
    bridge: &Bridge,
    bookings: BTreeSet<BookingId>,
    records: BTreeSet<(PlatformName, RemoteId)>,
) -> Result<BridgeReport, EngineError> {
    let members = bridge.members.iter();
    let sights: Sights = members
        .map(|member| (member.platform.name().clone(), Given::Mirrored(Vec::new())))
        .collect();
    let work = Work {
        store,
        seam,
        bridge,
        run: RunId::from_parts(seam.now(), random_bytes(seam)),
        kind: None,
        sights: &sights,
        scope: &Scope::Around(Touched { records, bookings }),
        options: &RunOptions {
            mode: Mode::DryRun,
            cancel: CancellationToken::new(),
            progress: Arc::new(NoProgress),
        },
        alarms: &Alarms::default(),
        looks_waited: false,
        stretch: Stretch::ThisRun,
    };
    Ok(work.run().await?.report)
}
