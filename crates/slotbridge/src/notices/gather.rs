//! From an event to what the policy wants to know. Asks the database, which knows what stands; decides nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use slotbridge_core::model::{BookingId, BridgeName, PlatformName};
use slotbridge_engine::event::{Event, LookKind, RunCause};
use slotbridge_engine::report::{BridgeReport, OverlapReport};
use slotbridge_store::{ConflictRow, GuardRow, Store, StoreError};

use super::notice::Kind;
use super::policy::{Input, Item, Key};
use super::words::{self, Bookings};

/// What is asked.
pub(super) struct Gather<'g> {
    pub(super) store: &'g Store,
    pub(super) zones: &'g BTreeMap<BridgeName, TimeZone>,
    pub(super) platforms: &'g [(PlatformName, bool)],
}

impl Gather<'_> {
    /// What an event means.
    pub(super) async fn inputs(&self, event: &Event) -> Vec<Input> {
        match event {
            Event::Looked {
                platform,
                look,
                complete,
                trouble: None,
                ..
            } => {
                let name = platform.to_string();
                let mut inputs = vec![Input::Read {
                    platform: name.clone(),
                }];
                if self.is_pass(platform, *look, *complete) {
                    inputs.push(Input::Complete { platform: name });
                }
                inputs
            }
            Event::Down {
                platform,
                since,
                trouble,
            } => vec![Input::Down {
                platform: platform.to_string(),
                since: *since,
                why: trouble.text.clone(),
            }],
            Event::Up { platform, .. } => vec![Input::Up {
                platform: platform.to_string(),
            }],
            Event::Ran {
                bridge,
                cause,
                at,
                dry_run: false,
                report,
                ..
            } => vec![self.ran(bridge, *cause, *at, report).await],
            Event::Looked { .. }
            | Event::Ran { .. }
            | Event::Fresh { .. }
            | Event::Planned { .. }
            | Event::Hinted { .. } => Vec::new(),
        }
    }

    /// Whether a look without trouble was a complete pass. A platform without a listing never proves its window; there
    /// a pass over everything that is known has to do.
    fn is_pass(&self, platform: &PlatformName, look: LookKind, complete: bool) -> bool {
        let lists = self
            .platforms
            .iter()
            .find(|(name, _)| name == platform)
            .is_none_or(|(_, lists)| *lists);
        complete || (!lists && matches!(look, LookKind::Far | LookKind::Sweep))
    }

    async fn ran(
        &self,
        bridge: &BridgeName,
        cause: RunCause,
        at: Timestamp,
        report: &BridgeReport,
    ) -> Input {
        let zone = self.zones.get(bridge).cloned().unwrap_or(TimeZone::UTC);
        let mut items = Vec::new();
        let mut settled = Vec::new();
        let mut bookings = Bookings::new();
        match self.standing(bridge, report).await {
            Ok((conflicts, guards, found)) => {
                bookings = found;
                items.extend(
                    conflicts
                        .iter()
                        .map(|row| conflict(bridge, row, &bookings, &zone)),
                );
                let held = guards.iter().filter(|guard| guard.approved_at.is_none());
                items.extend(held.map(|row| guard(bridge, row)));
                settled.extend([Kind::Conflict, Kind::Guard]);
            }
            Err(error) => {
                tracing::warn!(%bridge, %error, "What stands cannot be read; notices have to do without.");
            }
        }
        items.extend(
            report
                .overlaps
                .iter()
                .map(|one| overlap(bridge, one, at, &bookings, &zone)),
        );
        // Only a full pass in which every platform took part has seen everything.
        let full = matches!(cause, RunCause::Swept | RunCause::Asked)
            && !report.platforms.is_empty()
            && report.platforms.iter().all(|one| one.error.is_none());
        if full {
            settled.extend([Kind::Overlap, Kind::Unclear]);
            items.extend(words::unclear(report).map(|content| Item {
                key: Key::of_bridge(Kind::Unclear, bridge.as_str(), "all"),
                since: at,
                content,
            }));
        }
        Input::Ran {
            bridge: bridge.to_string(),
            items,
            settled,
        }
    }

    async fn standing(
        &self,
        bridge: &BridgeName,
        report: &BridgeReport,
    ) -> Result<(Vec<ConflictRow>, Vec<GuardRow>, Bookings), StoreError> {
        let conflicts = self.store.conflicts(Some(bridge)).await?;
        let guards = self.store.guards(bridge).await?;
        let mut ids: Vec<BookingId> = conflicts.iter().map(|row| row.booking).collect();
        let overlapping = report.overlaps.iter().flat_map(|one| &one.bookings);
        ids.extend(overlapping.map(|entry| entry.booking));
        let mut bookings = Bookings::new();
        if !ids.is_empty() {
            let state = self.store.bookings(bridge, ids).await?;
            bookings.extend(
                state
                    .bookings
                    .into_iter()
                    .filter_map(|row| Some((row.id, row.canonical.live()?.clone()))),
            );
        }
        Ok((conflicts, guards, bookings))
    }
}

fn conflict(bridge: &BridgeName, row: &ConflictRow, bookings: &Bookings, zone: &TimeZone) -> Item {
    let what = format!("{}/{}", row.booking, row.conflict.subject.as_str());
    Item {
        key: Key::of_bridge(Kind::Conflict, bridge.as_str(), &what),
        since: row.at,
        content: words::conflict(row, bookings, zone),
    }
}

fn guard(bridge: &BridgeName, row: &GuardRow) -> Item {
    let what = format!("{}/{}", row.platform, row.what);
    Item {
        key: Key::of_bridge(Kind::Guard, bridge.as_str(), &what),
        since: row.tripped_at,
        content: words::guard(bridge, row),
    }
}

fn overlap(
    bridge: &BridgeName,
    overlap: &OverlapReport,
    at: Timestamp,
    bookings: &Bookings,
    zone: &TimeZone,
) -> Item {
    let mut ids: Vec<String> = overlap
        .bookings
        .iter()
        .map(|entry| entry.booking.to_string())
        .collect();
    ids.sort();
    let since = overlap.bookings.iter().map(|entry| entry.at).max();
    Item {
        key: Key::of_bridge(Kind::Overlap, bridge.as_str(), &ids.join("+")),
        since: since.unwrap_or(at),
        content: words::overlap(bridge, overlap, bookings, zone),
    }
}
