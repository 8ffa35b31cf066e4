//! What a pass over everything reads: keys instead of rows, and bookings a part at a time.

use jiff::Timestamp;
use slotbridge_core::model::{BookingId, BridgeName, PlatformName};
use slotbridge_core::record::Window;

use super::Store;
use crate::encode::micros;
use crate::error::StoreError;
use crate::read;
use crate::rows::{Bound, LiveSight, MirrorKey, Place, Unlinked};

impl Store {
    /// The keys of the mirrored records that start inside the window, in any state, in order of start and id: the first
    /// `limit` of them behind `behind`.
    pub async fn mirror_keys(
        &self,
        platform: &PlatformName,
        window: Window,
        behind: Option<MirrorKey>,
        limit: u32,
    ) -> Result<Vec<MirrorKey>, StoreError> {
        let platform = platform.clone();
        self.worker
            .read(move |conn| read::mirror_keys(conn, &platform, window, behind.as_ref(), limit))
            .await
    }

    /// The live records that start at or after `since`, in order of start and id, without what they say.
    pub async fn live_sights(
        &self,
        platform: &PlatformName,
        since: Timestamp,
    ) -> Result<Vec<LiveSight>, StoreError> {
        let platform = platform.clone();
        self.worker
            .read(move |conn| read::live_sights(conn, &platform, since))
            .await
    }

    /// Where to cut a window of a platform so that `records` mirrored records start in its first part; `None` where there
    /// are no more than that.
    pub async fn mirror_cut(
        &self,
        platform: &PlatformName,
        window: Window,
        records: u32,
    ) -> Result<Option<Timestamp>, StoreError> {
        let platform = platform.clone();
        self.worker
            .read(move |conn| read::cut(conn, &platform, window, records))
            .await
    }

    /// The first `limit` bookings of a bridge behind a place, in the order in which they end, and where to go on; `None`
    /// where these were the last. A walk that begins at [`Place::after`] shows every booking that ends after it.
    pub async fn walk(
        &self,
        bridge: &BridgeName,
        behind: Place,
        limit: u32,
    ) -> Result<(Vec<Bound>, Option<Place>), StoreError> {
        let bridge = bridge.clone();
        self.worker
            .read(move |conn| read::walk(conn, &bridge, behind, limit))
            .await
    }

    /// Bookings by their ids, as [`Self::walk`] shows them. Ids that the bridge does not know are left out.
    pub async fn bound(
        &self,
        bridge: &BridgeName,
        ids: Vec<BookingId>,
    ) -> Result<Vec<Bound>, StoreError> {
        let bridge = bridge.clone();
        self.worker
            .read(move |conn| read::bound_by_ids(conn, &bridge, &ids))
            .await
    }

    /// The bookings that were over at an instant and changed at or after it.
    pub async fn over_but_changed(
        &self,
        bridge: &BridgeName,
        since: Timestamp,
    ) -> Result<Vec<BookingId>, StoreError> {
        let bridge = bridge.clone();
        self.worker
            .read(move |conn| read::over_but_changed(conn, &bridge, since))
            .await
    }

    /// The mirrored records of a platform that start at or after `since` and belong to no booking of the bridge, and how
    /// many of those belong to one.
    pub async fn unlinked(
        &self,
        bridge: &BridgeName,
        platform: &PlatformName,
        since: Timestamp,
    ) -> Result<(Vec<Unlinked>, u64), StoreError> {
        let (bridge, platform) = (bridge.clone(), platform.clone());
        self.worker
            .read(move |conn| read::unlinked(conn, &bridge, &platform, since))
            .await
    }

    /// The bookings that were over and changed for the last time before `since`, with a mirrored record that starts at or
    /// after it.
    pub async fn elsewhere(
        &self,
        bridge: &BridgeName,
        platform: &PlatformName,
        since: Timestamp,
    ) -> Result<Vec<BookingId>, StoreError> {
        let (bridge, platform) = (bridge.clone(), platform.clone());
        self.worker
            .read(move |conn| read::elsewhere(conn, &bridge, &platform, since))
            .await
    }
}

impl Place {
    /// Before the first booking that ends after an instant.
    pub fn after(at: Timestamp) -> Self {
        Self {
            ends_at: micros(at),
            seq: i64::MAX,
        }
    }
}
