//! What a run is about: the whole bridge, or a few bookings and what lies around them.
//!
//! # Guarantees
//! A run about a few bookings plans those that it is about and those whose time they take or leave, and knows whatever
//! takes the time of any of these. So it decides about them what a run over the whole bridge would.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use slotbridge_core::merge::Presence;
use slotbridge_core::model::{Booking, BookingId, PlatformName, RemoteId, ResourceName, Slot};
use slotbridge_core::plan::Action;
use slotbridge_core::record::{RecordState, Window};
use slotbridge_platform::capabilities::{Discovery, OccupancyView};
use slotbridge_store::{JournalRow, MirrorRow, Store};

use crate::EngineError;
use crate::bridge::{Bridge, Member};
use crate::view::{Known, horizon, known};

/// Records may be of one visit, or reach into a time, from this far away.
const AROUND: SignedDuration = SignedDuration::from_hours(12);

/// From how many touched records and bookings on the whole bridge is less work than what lies around each.
const MANY: usize = 300;

/// What has to be looked into.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Touched {
    /// Records that are new, changed or gone.
    pub(crate) records: BTreeSet<(PlatformName, RemoteId)>,
    /// Bookings that waited for something.
    pub(crate) bookings: BTreeSet<BookingId>,
}

impl Touched {
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.bookings.is_empty()
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.records.extend(other.records);
        self.bookings.extend(other.bookings);
    }
}

/// How much of the bridge a run is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All of it.
    Whole,
    /// What was touched.
    Around(Touched),
}

impl Scope {
    /// The scope for what was touched.
    pub(crate) fn around(touched: Touched) -> Self {
        if touched.records.len() + touched.bookings.len() >= MANY {
            Self::Whole
        } else {
            Self::Around(touched)
        }
    }
}

/// What is decided about, of what is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Focus {
    /// Everything.
    All,
    /// These; the rest is there to be seen.
    On {
        /// Bookings, those among them that the run itself makes.
        bookings: BTreeSet<BookingId>,
        /// Records of no booking that may become or join one.
        records: BTreeSet<(PlatformName, RemoteId)>,
    },
}

impl Focus {
    pub(crate) fn has_booking(&self, id: BookingId) -> bool {
        match self {
            Self::All => true,
            Self::On { bookings, .. } => bookings.contains(&id),
        }
    }

    pub(crate) fn has_record(&self, platform: &PlatformName, id: &RemoteId) -> bool {
        match self {
            Self::All => true,
            Self::On { records, .. } => records.contains(&(platform.clone(), id.clone())),
        }
    }

    /// A booking that the run has made, or has brought a record to.
    pub(crate) fn add(&mut self, id: BookingId) {
        if let Self::On { bookings, .. } = self {
            bookings.insert(id);
        }
    }
}

/// What a scope loads.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) bookings: BTreeMap<BookingId, Known>,
    /// Per member, in the bridge's order.
    pub(crate) rows: Vec<Vec<MirrorRow>>,
    pub(crate) focus: Focus,
}

/// Loads what a run with this scope needs of the database; `open` are the bridge's operations without a known outcome.
pub(crate) async fn load(
    store: &Store,
    bridge: &Bridge,
    scope: &Scope,
    open: &[JournalRow],
    now: Timestamp,
) -> Result<Loaded, EngineError> {
    match scope {
        Scope::Whole => whole(store, bridge, now).await,
        Scope::Around(touched) => {
            let loader = Loader { store, bridge, now };
            loader.around(touched, open).await
        }
    }
}

/// The time of a record that an operation may have made.
pub(crate) fn may_have_taken(row: &JournalRow) -> Option<(ResourceName, Slot)> {
    match &row.operation.action {
        Action::Create { desired } => Some((desired.resource.clone(), desired.slot)),
        Action::Update { .. } | Action::Remove { .. } => None,
    }
}

async fn whole(store: &Store, bridge: &Bridge, now: Timestamp) -> Result<Loaded, EngineError> {
    let since = horizon(bridge, now);
    let bookings = known(store.bridge(&bridge.name, since).await?);
    let mut rows = Vec::with_capacity(bridge.members.len());
    for member in &bridge.members {
        rows.push(store.mirror(member.platform.name(), since).await?);
    }
    Ok(Loaded {
        bookings,
        rows,
        focus: Focus::All,
    })
}

/// Loads what lies around something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loader<'a> {
    pub(crate) store: &'a Store,
    pub(crate) bridge: &'a Bridge,
    pub(crate) now: Timestamp,
}

/// Mirrored records of one platform.
pub(crate) type Rows = BTreeMap<RemoteId, MirrorRow>;

impl Loader<'_> {
    async fn around(&self, touched: &Touched, open: &[JournalRow]) -> Result<Loaded, EngineError> {
        let mut bookings: BTreeMap<BookingId, Known> = BTreeMap::new();
        let mut rows: Vec<Rows> = Vec::with_capacity(self.bridge.members.len());
        let mut asked: BTreeSet<BookingId> = touched.bookings.clone();
        for member in &self.bridge.members {
            let found = self.touched_rows(member, touched).await?;
            asked.extend(found.values().filter_map(|row| row.record.marker));
            let ids = ids_of(member, touched);
            if !ids.is_empty() {
                let name = member.platform.name();
                let state = self.store.bookings_of(&self.bridge.name, name, ids);
                bookings.extend(known(state.await?));
            }
            rows.push(found);
        }
        self.add_bookings(&mut bookings, asked).await?;
        let mut times = Times::default();
        for (member, rows) in self.bridge.members.iter().zip(&rows) {
            for row in rows.values() {
                times.add_row(member, row);
            }
        }
        for known in bookings.values() {
            times.add_known(known);
        }
        // What may stand at a time that matters is looked for, and what waits for that time goes on when it is known.
        let mut doubts: BTreeSet<BookingId> = BTreeSet::new();
        for row in open {
            if let Some((resource, slot)) = may_have_taken(row)
                && (touched.bookings.contains(&row.operation.booking) || times.has(&resource, slot))
            {
                doubts.insert(row.operation.booking);
                times.add(resource, slot);
            }
        }
        self.add_bookings(&mut bookings, doubts).await?;
        let mut focus: BTreeSet<BookingId> = bookings.keys().copied().collect();
        focus.extend(&touched.bookings);
        // Whatever takes a time that was taken or left is decided about too.
        let mut around = times.clone();
        for window in times.windows(SignedDuration::ZERO) {
            let state = self.store.bookings_within(&self.bridge.name, window);
            for (id, one) in known(state.await?) {
                if times.meet(&one) {
                    around.add_known(&one);
                    focus.insert(id);
                }
                bookings.entry(id).or_insert(one);
            }
        }
        // And what takes a time of those is seen.
        for window in around.windows(SignedDuration::ZERO) {
            let state = self.store.bookings_within(&self.bridge.name, window);
            for (id, one) in known(state.await?) {
                bookings.entry(id).or_insert(one);
            }
        }
        let windows = around.windows(AROUND);
        for (member, rows) in self.bridge.members.iter().zip(&mut rows) {
            self.add_rows(member, &windows, &bookings, rows).await?;
        }
        let records = self.candidates(&rows, &times);
        self.add_owners(&mut bookings, &mut focus, &mut rows, &records)
            .await?;
        self.add_markers(&mut bookings, &mut focus, &mut rows, &records)
            .await?;
        self.add_presumed(&mut bookings, &mut focus, &mut rows, &records)
            .await?;
        Ok(Loaded {
            bookings,
            rows: rows
                .into_iter()
                .map(|rows| rows.into_values().collect())
                .collect(),
            focus: Focus::On {
                bookings: focus,
                records,
            },
        })
    }

    async fn touched_rows(&self, member: &Member, touched: &Touched) -> Result<Rows, EngineError> {
        let ids = ids_of(member, touched);
        if ids.is_empty() {
            return Ok(Rows::new());
        }
        let rows = self.store.mirror_rows(member.platform.name(), ids).await?;
        Ok(by_id(rows))
    }

    pub(crate) async fn add_bookings(
        &self,
        bookings: &mut BTreeMap<BookingId, Known>,
        asked: BTreeSet<BookingId>,
    ) -> Result<(), EngineError> {
        let missing: Vec<BookingId> = asked
            .into_iter()
            .filter(|id| !bookings.contains_key(id))
            .collect();
        if !missing.is_empty() {
            let state = self.store.bookings(&self.bridge.name, missing);
            bookings.extend(known(state.await?));
        }
        Ok(())
    }

    /// Whatever a platform has around these times, and the records of these bookings wherever they are.
    pub(crate) async fn add_rows(
        &self,
        member: &Member,
        windows: &[Window],
        bookings: &BTreeMap<BookingId, Known>,
        rows: &mut Rows,
    ) -> Result<(), EngineError> {
        let name = member.platform.name();
        if member.platform.capabilities().occupancy == OccupancyView::Grid && !windows.is_empty() {
            rows.extend(self.beside_grid(member).await?);
        }
        for window in windows {
            rows.extend(by_id(self.store.mirror_within(name, *window).await?));
        }
        let linked: Vec<RemoteId> = bookings
            .values()
            .filter_map(|known| known.links.get(name)?.remote_id.clone())
            .filter(|id| !rows.contains_key(id))
            .collect();
        if !linked.is_empty() {
            rows.extend(by_id(self.store.mirror_rows(name, linked).await?));
        }
        Ok(())
    }

    /// Everything that is known to take times of a platform's grid: only beside that is understood what it shows.
    pub(crate) async fn beside_grid(&self, member: &Member) -> Result<Rows, EngineError> {
        let since = self.now.saturating_sub(AROUND).unwrap_or(self.now);
        let rows = self.store.mirror(member.platform.name(), since).await?;
        Ok(by_id(rows))
    }

    /// The bookings that take or took one of these times.
    pub(crate) async fn meeting(
        &self,
        times: &Times,
    ) -> Result<BTreeMap<BookingId, Known>, EngineError> {
        let mut found = BTreeMap::new();
        for window in times.windows(SignedDuration::ZERO) {
            let state = self.store.bookings_within(&self.bridge.name, window);
            found.extend(
                known(state.await?)
                    .into_iter()
                    .filter(|(_, one)| times.meet(one)),
            );
        }
        Ok(found)
    }

    /// A record that was moved here is still linked to a booking that stands elsewhere; one that has taken a time that
    /// matters is decided about.
    pub(crate) async fn add_owners(
        &self,
        bookings: &mut BTreeMap<BookingId, Known>,
        focus: &mut BTreeSet<BookingId>,
        rows: &mut [Rows],
        records: &BTreeSet<(PlatformName, RemoteId)>,
    ) -> Result<(), EngineError> {
        let mut owners: BTreeMap<BookingId, Known> = BTreeMap::new();
        for (member, rows) in self.bridge.members.iter().zip(rows.iter()) {
            let name = member.platform.name();
            let linked: BTreeSet<&RemoteId> = bookings
                .values()
                .filter_map(|known| known.links.get(name)?.remote_id.as_ref())
                .collect();
            let ids: Vec<RemoteId> = rows
                .keys()
                .filter(|id| !linked.contains(id))
                .cloned()
                .collect();
            if !ids.is_empty() {
                let state = self.store.bookings_of(&self.bridge.name, name, ids);
                owners.extend(known(state.await?));
            }
        }
        for (member, rows) in self.bridge.members.iter().zip(rows) {
            self.add_rows(member, &[], &owners, rows).await?;
        }
        let is_here = |known: &Known| {
            known.links.iter().any(|(platform, link)| {
                link.remote_id
                    .clone()
                    .is_some_and(|id| records.contains(&(platform.clone(), id)))
            })
        };
        focus.extend(
            owners
                .iter()
                .filter(|(_, known)| is_here(known))
                .map(|(id, _)| *id),
        );
        bookings.extend(owners);
        Ok(())
    }

    /// The records that take one of these times: only these may become bookings, or join one.
    fn candidates(&self, rows: &[Rows], times: &Times) -> BTreeSet<(PlatformName, RemoteId)> {
        let mut records = BTreeSet::new();
        for (member, rows) in self.bridge.members.iter().zip(rows) {
            for row in rows.values() {
                let taken = place_of(member, row)
                    .is_some_and(|(resource, slot)| times.has(&resource, slot));
                if taken {
                    records.insert((member.platform.name().clone(), row.record.id.clone()));
                }
            }
        }
        records
    }

    /// A record may name a booking that stands at quite another time.
    async fn add_markers(
        &self,
        bookings: &mut BTreeMap<BookingId, Known>,
        focus: &mut BTreeSet<BookingId>,
        rows: &mut [Rows],
        records: &BTreeSet<(PlatformName, RemoteId)>,
    ) -> Result<(), EngineError> {
        let mut named = BTreeSet::new();
        for (member, rows) in self.bridge.members.iter().zip(rows.iter()) {
            let ours = rows.values().filter(|row| {
                records.contains(&(member.platform.name().clone(), row.record.id.clone()))
            });
            named.extend(ours.filter_map(|row| row.record.marker));
        }
        named.retain(|id| !bookings.contains_key(id));
        let mut found = BTreeMap::new();
        self.add_bookings(&mut found, named).await?;
        for (member, rows) in self.bridge.members.iter().zip(rows) {
            self.add_rows(member, &[], &found, rows).await?;
        }
        focus.extend(found.keys());
        bookings.extend(found);
        Ok(())
    }

    /// Where nothing is listed, a record that turns up may be one that was presumed for a booking that stands elsewhere by
    /// now.
    async fn add_presumed(
        &self,
        bookings: &mut BTreeMap<BookingId, Known>,
        focus: &mut BTreeSet<BookingId>,
        rows: &mut [Rows],
        records: &BTreeSet<(PlatformName, RemoteId)>,
    ) -> Result<(), EngineError> {
        let mut found: BTreeMap<BookingId, Known> = BTreeMap::new();
        for (member, rows) in self.bridge.members.iter().zip(rows.iter()) {
            let name = member.platform.name();
            if member.platform.capabilities().discovery == Discovery::List {
                continue;
            }
            let linked: BTreeSet<&RemoteId> = bookings
                .values()
                .filter_map(|known| known.links.get(name)?.remote_id.as_ref())
                .collect();
            let mut places = Times::default();
            for row in rows.values() {
                let id = &row.record.id;
                let is_new = row.record.marker.is_none()
                    && !linked.contains(id)
                    && records.contains(&(name.clone(), id.clone()));
                if is_new {
                    places.add_row(member, row);
                }
            }
            if places.is_empty() {
                continue;
            }
            let presumed = self.store.presumed(&self.bridge.name, name).await?;
            found.extend(
                known(presumed)
                    .into_iter()
                    .filter(|(id, known)| !bookings.contains_key(id) && places.meet(known)),
            );
        }
        for (member, rows) in self.bridge.members.iter().zip(rows) {
            self.add_rows(member, &[], &found, rows).await?;
        }
        focus.extend(found.keys());
        bookings.extend(found);
        Ok(())
    }
}

fn ids_of(member: &Member, touched: &Touched) -> Vec<RemoteId> {
    touched
        .records
        .iter()
        .filter(|(platform, _)| platform == member.platform.name())
        .map(|(_, id)| id.clone())
        .collect()
}

pub(crate) fn by_id(rows: Vec<MirrorRow>) -> Rows {
    rows.into_iter()
        .map(|row| (row.record.id.clone(), row))
        .collect()
}

/// Where records of one visit with one of these that belong to no booking may be: people come for several things at
/// once.
pub(crate) fn visits(
    rows: &Rows,
    alone: &BTreeSet<(PlatformName, RemoteId)>,
    platform: &PlatformName,
) -> Vec<Window> {
    let starts: BTreeSet<Timestamp> = rows
        .values()
        .filter(|row| row.record.state == RecordState::Live && row.record.group.is_some())
        .filter(|row| alone.contains(&(platform.clone(), row.record.id.clone())))
        .map(|row| row.record.start)
        .collect();
    merged(starts.into_iter().map(|start| (start, start)), AROUND)
}

/// Windows that hold all of these stretches, which come in order, with so much around them, each instant in one of them
/// at most.
fn merged(
    stretches: impl Iterator<Item = (Timestamp, Timestamp)>,
    around: SignedDuration,
) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    for (start, end) in stretches {
        let from = start.saturating_sub(around).unwrap_or(Timestamp::MIN);
        let to = end.saturating_add(around).unwrap_or(Timestamp::MAX);
        match windows.last_mut() {
            Some(last) if from <= last.to => last.to = last.to.max(to),
            _ => windows.push(Window { from, to }),
        }
    }
    windows
}

/// Whose time a record takes, and when, in the bridge's words and with its length where the platform names none.
fn place_of(member: &Member, row: &MirrorRow) -> Option<(ResourceName, Slot)> {
    let resource = member.mapping.resource_name(&row.record.resource)?.clone();
    let services: Vec<_> = row
        .record
        .services
        .iter()
        .filter_map(|key| member.mapping.service_name(key))
        .cloned()
        .collect();
    let slot = row.record.slot(member.mapping.duration(&services))?;
    Some((resource, slot))
}

/// Where a booking is, and where each of its records was when it was last agreed on.
fn places(known: &Known) -> impl Iterator<Item = &Booking> {
    let agreed = known
        .links
        .values()
        .flat_map(|link| [&link.shadow.kept, &link.shadow.agreed]);
    std::iter::once(&known.canonical)
        .chain(agreed)
        .filter_map(Presence::live)
}

/// Times that something takes, or took.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times {
    slots: BTreeMap<ResourceName, Taken>,
}

/// Times of one resource.
#[derive(Debug, Clone, Default)]
struct Taken {
    slots: BTreeSet<Slot>,
    longest: SignedDuration,
}

impl Times {
    fn add(&mut self, resource: ResourceName, slot: Slot) {
        let taken = self.slots.entry(resource).or_default();
        taken.longest = taken.longest.max(slot.end().duration_since(slot.start()));
        taken.slots.insert(slot);
    }

    fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(crate) fn add_row(&mut self, member: &Member, row: &MirrorRow) {
        if let Some((resource, slot)) = place_of(member, row) {
            self.add(resource, slot);
        }
    }

    /// What a booking takes, and what its records took when they were last agreed on.
    pub(crate) fn add_known(&mut self, known: &Known) {
        for booking in places(known) {
            self.add(booking.resource.clone(), booking.slot);
        }
    }

    fn has(&self, resource: &ResourceName, slot: Slot) -> bool {
        let Some(taken) = self.slots.get(resource) else {
            return false;
        };
        // Whatever begins earlier is over before the slot begins; whatever begins later begins after it.
        let earliest = slot
            .start()
            .saturating_sub(taken.longest)
            .unwrap_or(Timestamp::MIN);
        let bounds = Slot::new(earliest, earliest)
            .ok()
            .zip(Slot::new(slot.end(), slot.end()).ok());
        bounds.is_some_and(|(first, last)| {
            taken
                .slots
                .range(first..last)
                .any(|time| time.intersects(slot))
        })
    }

    /// Whether a booking takes or took one of these times.
    pub(crate) fn meet(&self, known: &Known) -> bool {
        places(known).any(|booking| self.has(&booking.resource, booking.slot))
    }

    /// Windows that hold all of the times with so much around them, each instant in one of them at most.
    fn windows(&self, around: SignedDuration) -> Vec<Window> {
        let slots: BTreeSet<&Slot> = self.slots.values().flat_map(|taken| &taken.slots).collect();
        let stretches = slots.into_iter().map(|slot| (slot.start(), slot.end()));
        merged(stretches, around)
    }
}
