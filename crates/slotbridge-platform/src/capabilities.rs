//! Where platforms differ in a way that the engine must know. Small enums, no booleans: each value names a behaviour.

pub use slotbridge_core::quota::Quota;

/// How records are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Discovery {
    /// A listing over a window of time, which can be proven complete.
    List,
    /// No listing: known ids are read one by one, and occupancy shows that something unknown is there.
    ReadKnown,
}

/// Whether changes since a cursor can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeFeed {
    /// They cannot.
    None,
    /// They can, removals included.
    SinceCursor,
}

/// Whether free and busy start times can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OccupancyView {
    /// They cannot, or need not be.
    None,
    /// A grid of start times per resource.
    Grid,
}

/// What a webhook of the platform carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Webhooks {
    /// There are none.
    None,
    /// The id of a record that should be read again.
    Hint,
    /// The whole record.
    Whole,
}

/// How a record shows that it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Removal {
    /// It stays readable, marked as deleted or cancelled, in the listing too.
    Marked,
    /// It can be cancelled (and stays readable) or deleted (and is then unknown).
    MarkedOrVanishes,
}

/// How an existing record is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Updates {
    /// In place.
    InPlace,
    /// By cancelling it and booking again, which gives a new id.
    CancelAndRebook,
}

/// How a create whose reply was lost is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CreateSettled {
    /// By listing the day and looking for the marker.
    ByMarkerInListing,
    /// By the occupancy of the slot; the id stays unknown until a webhook brings it.
    ByOccupancy,
}

/// What the platform does when the time of a write is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BusyWrites {
    /// It refuses, unless told to accept.
    RefusedUnlessForced,
    /// It does not look.
    Accepted,
}

/// Whether clients hear of what we write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Silence {
    /// Every notice that the platform would send can be turned off, and is.
    Full,
    /// The platform tells its clients whatever we ask.
    Impossible,
}

/// What one kind of platform can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// How records are found.
    pub discovery: Discovery,
    /// Changes since a cursor.
    pub change_feed: ChangeFeed,
    /// Free and busy times.
    pub occupancy: OccupancyView,
    /// What webhooks carry.
    pub webhooks: Webhooks,
    /// How gone records show.
    pub removal: Removal,
    /// How records are changed.
    pub updates: Updates,
    /// How a lost create is settled.
    pub create_settled: CreateSettled,
    /// What happens on a taken slot.
    pub busy_writes: BusyWrites,
    /// Whether clients are left in peace.
    pub silence: Silence,
    /// The kind's own limits, all of them at once.
    pub quotas: &'static [Quota],
    /// The most calls at the same time.
    pub parallel: u32,
}
