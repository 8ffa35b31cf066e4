//! What one run of a bridge knows of its platforms: what was just looked at, what the mirror is trusted for, and what
//! nobody knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use slotbridge_core::model::{PlatformName, ResourceKey, ResourceName, Slot};
use slotbridge_core::record::{Coverage, Grid, Record, Unreadable};

use crate::bridge::Member;
use crate::observe::{Emptied, Seen, Sight};

/// A grid of free and busy times that was read a while ago.
#[derive(Debug, Clone)]
pub(crate) struct PastGrid {
    /// What it showed.
    pub(crate) grid: Grid,
    /// When it was read.
    pub(crate) read_at: Timestamp,
    /// Times that records have left since: the grid shows them as taken, and that says nothing any more.
    pub(crate) vacated: Vec<Slot>,
    /// Records that were seen to have left their time, as they were, and when that was seen, unless the grid was read
    /// since. That it shows their time as taken may be because of them, or of somebody else.
    pub(crate) left: Vec<(Timestamp, Record)>,
}

/// What a run is given of one platform.
#[derive(Debug, Clone)]
pub(crate) enum Given {
    /// It was looked at for this run. Where the mirror is known to be up to date besides, what was not looked at counts
    /// as it was last seen.
    Looked(Arc<Sight>, Option<Vec<PastGrid>>),
    /// It was not, but the mirror is known to be up to date: records are as they were last seen.
    Mirrored(Vec<PastGrid>),
    /// Nobody knows how it stands.
    Unknown {
        /// Why.
        why: String,
    },
}

/// What a run is given of its platforms. Of those that are not in it nobody knows how they stand.
pub(crate) type Sights = BTreeMap<PlatformName, Given>;

/// One platform as one run of a bridge may judge it.
#[derive(Debug)]
pub(crate) struct Observed {
    /// What absence means.
    pub(crate) coverage: Coverage,
    /// Records that were shown or read for this run, and our own busy times.
    pub(crate) seen: Seen,
    /// How many records a listing showed for this run.
    pub(crate) shown: usize,
    /// Rows that could not be read.
    pub(crate) unreadable: Vec<Unreadable>,
    /// Start times, free and busy, per resource that could be read.
    pub(crate) grids: BTreeMap<ResourceName, Grid>,
    /// When each grid was read, or a little before: what it says is as old as that.
    pub(crate) grids_read_at: BTreeMap<ResourceName, Timestamp>,
    /// The resources whose grids were read for this run.
    pub(crate) grids_are_new: BTreeSet<ResourceName>,
    /// Times that records have left since their grid was read.
    pub(crate) vacated: Vec<(ResourceKey, Slot)>,
    /// Records that may have left their time since their grid was read, as they were.
    pub(crate) left: Vec<Record>,
    /// Whether every known id was missing from a listing that showed others.
    pub(crate) ids_all_new: bool,
    /// That it showed nothing at all, and what of.
    pub(crate) emptied: Option<Emptied>,
    /// Why the platform could not be read, scrubbed.
    pub(crate) error: Option<String>,
    /// Calls that reading it took.
    pub(crate) calls: u64,
    /// Whether records that were not read for this run count as they are mirrored.
    pub(crate) mirror_counts: bool,
    /// When the look began, if there was one.
    pub(crate) looked_at: Option<Timestamp>,
}

impl Observed {
    /// What a bridge makes of what it is given.
    pub(crate) fn of(given: Option<&Given>, member: &Member) -> Self {
        match given {
            Some(Given::Looked(sight, past)) => Self::looked(sight, past.as_deref(), member),
            Some(Given::Mirrored(grids)) => Self::mirrored(grids, member),
            Some(Given::Unknown { why }) => Self {
                error: Some(why.clone()),
                ..Self::blank()
            },
            None => Self {
                error: Some("it was not read".to_owned()),
                ..Self::blank()
            },
        }
    }

    fn looked(sight: &Sight, past: Option<&[PastGrid]>, member: &Member) -> Self {
        let mirrored = past.map(|past| Self::mirrored(past, member));
        let new: BTreeMap<ResourceName, Grid> = sight
            .grids
            .iter()
            .filter_map(|(key, grid)| Some((resource_name(member, key)?, grid.clone())))
            .collect();
        let mirror_counts = mirrored.is_some();
        let mirrored = mirrored.unwrap_or_else(Self::blank);
        let (mut grids, mut grids_read_at) = (mirrored.grids, mirrored.grids_read_at);
        let mut vacated = mirrored.vacated;
        vacated.retain(|(key, _)| !sight.grids.contains_key(key));
        let grids_are_new: BTreeSet<ResourceName> = new.keys().cloned().collect();
        grids_read_at.extend(
            grids_are_new
                .iter()
                .map(|name| (name.clone(), sight.began_at)),
        );
        grids.extend(new);
        Self {
            coverage: sight.coverage.clone(),
            seen: sight.seen.clone(),
            shown: sight.shown,
            unreadable: sight.unreadable.clone(),
            grids,
            grids_read_at,
            grids_are_new,
            vacated,
            left: mirrored.left,
            ids_all_new: sight.ids_all_new,
            emptied: sight.emptied.clone(),
            error: sight.trouble.as_ref().map(|trouble| trouble.text.clone()),
            calls: sight.calls,
            mirror_counts,
            looked_at: Some(sight.began_at),
        }
    }

    fn mirrored(past: &[PastGrid], member: &Member) -> Self {
        let named = || {
            past.iter()
                .filter_map(|past| Some((resource_name(member, &past.grid.resource)?, past)))
        };
        let grids = named()
            .map(|(name, past)| (name, past.grid.clone()))
            .collect();
        let grids_read_at = named().map(|(name, past)| (name, past.read_at)).collect();
        let vacated = past
            .iter()
            .flat_map(|past| {
                past.vacated
                    .iter()
                    .map(|slot| (past.grid.resource.clone(), *slot))
            })
            .collect();
        let left = past.iter().flat_map(|past| &past.left);
        Self {
            grids,
            grids_read_at,
            vacated,
            left: left.map(|(_, record)| record.clone()).collect(),
            mirror_counts: true,
            ..Self::blank()
        }
    }

    fn blank() -> Self {
        Self {
            coverage: Coverage::None,
            seen: Seen::default(),
            shown: 0,
            unreadable: Vec::new(),
            grids: BTreeMap::new(),
            grids_read_at: BTreeMap::new(),
            grids_are_new: BTreeSet::new(),
            vacated: Vec::new(),
            left: Vec::new(),
            ids_all_new: false,
            emptied: None,
            error: None,
            calls: 0,
            mirror_counts: false,
            looked_at: None,
        }
    }

    /// Whether what the mirror has of this record is how it stands.
    pub(crate) fn shows(&self, record: &Record) -> bool {
        self.mirror_counts || self.seen.has(record)
    }
}

/// What the bridge calls a resource of the platform.
fn resource_name(member: &Member, key: &ResourceKey) -> Option<ResourceName> {
    member
        .mapping
        .resources()
        .find(|(_, mapped)| *mapped == key)
        .map(|(name, _)| name.clone())
}
