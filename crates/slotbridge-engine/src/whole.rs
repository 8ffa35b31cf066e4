//! What a run over the whole bridge has to look into: it walks over every booking, but loads only those that are not at
//! rest, and what lies around them.
//!
//! # Guarantees
//! What is left out needs nothing and changes nothing: no shadow, no operation, no word in the report (see
//! [`slotbridge_core::rest`]). Records of no booking are all loaded, and so is every booking that takes a time of what is
//! loaded; the run decides about these as it would about everything.
//!
//! # Caveats
//! The walk is made of several reads. What changes meanwhile is what the next run is about.

mod overlaps;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use slotbridge_core::mapping;
use slotbridge_core::merge::{Presence, Shown};
use slotbridge_core::model::{Booking, BookingId, Kind, PlatformName, RemoteId};
use slotbridge_core::plan::Withheld;
use slotbridge_core::record::{Record, RecordState, Support};
use slotbridge_core::rest::{Kept, is_at_rest};
use slotbridge_platform::capabilities::OccupancyView;
use slotbridge_store::{Base, Bound, BoundLink, MirrorRow, Place, Store};

use crate::EngineError;
use crate::bridge::{Bridge, Member};
use crate::report::UnmappedReport;
use crate::scope::{self, Focus, Loaded, Loader, Rows, Times, by_id};
use crate::sights::Observed;
use crate::steps;
use crate::view::{Known, effective_projection, horizon, known, with_known_services};
use overlaps::Overlaps;

/// How many bookings are looked at at once.
#[cfg(not(test))]
const PAGE: u32 = 250;
#[cfg(test)]
const PAGE: u32 = 3;

/// From how many bookings and records on that are not at rest it is less work to load everything, if they are also more
/// than one of so many.
#[cfg(not(test))]
const MANY: usize = 300;
#[cfg(test)]
const MANY: usize = 12;
const ONE_OF: usize = 8;

/// What was found on the walk besides what is loaded.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// How many records that belong to a booking each platform shows, in the bridge's words.
    pub(crate) live: BTreeMap<PlatformName, u64>,
    /// Those that belong to none.
    pub(crate) alone: BTreeSet<(PlatformName, RemoteId)>,
    /// Bookings at rest that a platform has no word for.
    pub(crate) unmapped: Vec<UnmappedReport>,
    /// Bookings of those that were asked for that no run over the whole bridge looks at any more.
    pub(crate) long_over: BTreeSet<BookingId>,
}

/// What is to be looked into in any case.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Bookings with operations whose outcome nobody knows.
    pub(crate) open: BTreeSet<BookingId>,
    /// Whether one of those may have made a record.
    pub(crate) made: bool,
    /// Bookings with conflicts that wait for a person.
    pub(crate) disputed: BTreeSet<BookingId>,
}

/// Walks over the bridge and loads what it finds to be looked into. `None` where that is so much that everything is to be
/// loaded.
pub(crate) async fn load(
    store: &Store,
    bridge: &Bridge,
    observed: &[Observed],
    wanted: &Wanted,
    now: Timestamp,
) -> Result<Option<(Loaded, Walked)>, EngineError> {
    let mut walker = Walker::new(store, bridge, observed, now).await?;
    walker.all().await?;
    walker.rest_of_records(wanted.made).await?;
    let Walker {
        mut restless,
        unlinked,
        overlaps,
        live,
        unmapped,
        walked,
        since,
        ..
    } = walker;
    let (overlapping, wide) = overlaps.into_ids();
    restless.extend(overlapping);
    let alone: usize = unlinked.iter().map(Vec::len).sum();
    let stirred = restless.len() + alone;
    if stirred > MANY && stirred > (walked + alone) / ONE_OF {
        return Ok(None);
    }
    restless.extend(&wanted.open);
    let disputed: BTreeSet<BookingId> = wanted.disputed.difference(&restless).copied().collect();
    let long_over = long_over(store, bridge, &disputed, since).await?;
    restless.extend(disputed.difference(&long_over));
    let loader = Loader { store, bridge, now };
    let (found, alone) = around(&loader, restless, unlinked, wide).await?;
    Ok(Some((
        found,
        Walked {
            live,
            alone,
            unmapped,
            long_over,
        },
    )))
}

struct Walker<'a> {
    store: &'a Store,
    bridge: &'a Bridge,
    observed: &'a [Observed],
    now: Timestamp,
    since: Timestamp,
    /// Per member, the records that cannot be read.
    unreadable: Vec<BTreeSet<RemoteId>>,
    /// Per member, how many of the records that a run over everything loads were met.
    met: Vec<u64>,
    restless: BTreeSet<BookingId>,
    /// Per member.
    unlinked: Vec<Vec<RemoteId>>,
    overlaps: Overlaps,
    live: BTreeMap<PlatformName, u64>,
    unmapped: Vec<UnmappedReport>,
    walked: usize,
}

impl<'a> Walker<'a> {
    async fn new(
        store: &'a Store,
        bridge: &'a Bridge,
        observed: &'a [Observed],
        now: Timestamp,
    ) -> Result<Self, EngineError> {
        let mut unreadable = Vec::with_capacity(bridge.members.len());
        for member in &bridge.members {
            let rows = store.unreadable(member.platform.name()).await?;
            unreadable.push(rows.into_iter().filter_map(|row| row.id).collect());
        }
        Ok(Self {
            store,
            bridge,
            observed,
            now,
            since: horizon(bridge, now),
            unreadable,
            met: vec![0; bridge.members.len()],
            restless: BTreeSet::new(),
            unlinked: Vec::new(),
            overlaps: Overlaps::new(now),
            live: BTreeMap::new(),
            unmapped: Vec::new(),
            walked: 0,
        })
    }

    /// Every booking that a run over the whole bridge is about, but for those that only their records make so.
    async fn all(&mut self) -> Result<(), EngineError> {
        let (store, bridge) = (self.store, self.bridge);
        let walk = async |behind| store.walk(&bridge.name, behind, PAGE).await;
        let mut ahead = Some(walk(Place::after(self.since)).await?);
        while let Some((page, next)) = ahead.take() {
            // The next page is read while this one is looked at.
            let read = async {
                match next {
                    Some(behind) => walk(behind).await.map(Some),
                    None => Ok(None),
                }
            };
            let look = async {
                for bound in &page {
                    self.look_at(bound);
                }
            };
            let (read, ()) = tokio::join!(read, look);
            ahead = read?;
            for wide in self.overlaps.wide() {
                let state = store.bookings_within(&bridge.name, wide.window()).await?;
                self.overlaps.meet(&wide, &known(state));
            }
        }
        let over = store.over_but_changed(&bridge.name, self.since).await?;
        self.these(over).await
    }

    async fn these(&mut self, ids: Vec<BookingId>) -> Result<(), EngineError> {
        for part in ids.chunks(usize::try_from(PAGE).unwrap_or(usize::MAX)) {
            let page = self.store.bound(&self.bridge.name, part.to_vec()).await?;
            for bound in &page {
                self.look_at(bound);
            }
        }
        Ok(())
    }

    /// The records that belong to no booking, and the bookings that only their records make worth a look.
    async fn rest_of_records(&mut self, gone_too: bool) -> Result<(), EngineError> {
        let (store, bridge) = (self.store, self.bridge);
        for (index, member) in bridge.members.iter().enumerate() {
            let name = member.platform.name();
            let (unlinked, linked) = store.unlinked(&bridge.name, name, self.since).await?;
            let wanted = unlinked
                .into_iter()
                .filter(|one| gone_too || one.state == RecordState::Live)
                .map(|one| one.id);
            self.unlinked.push(wanted.collect());
            if linked > self.met.get(index).copied().unwrap_or(0) {
                let elsewhere = store.elsewhere(&bridge.name, name, self.since).await?;
                self.these(elsewhere).await?;
            }
        }
        Ok(())
    }

    fn look_at(&mut self, bound: &Bound) {
        self.walked += 1;
        self.overlaps.add(&bound.booking);
        if !self.rests(bound) {
            self.restless.insert(bound.booking.id);
        }
    }

    /// Whether nothing is to be done about a booking, and nothing is to be told of it that is not noted here.
    fn rests(&mut self, bound: &Bound) -> bool {
        let canonical = &bound.booking.canonical;
        let mut rests = !bound.booking.is_erased;
        let mut unmapped: Vec<UnmappedReport> = Vec::new();
        for index in 0..self.bridge.members.len() {
            let (Some(member), Some(observed)) =
                (self.bridge.members.get(index), self.observed.get(index))
            else {
                continue;
            };
            let name = member.platform.name();
            let link = bound.links.iter().find(|one| one.platform == *name);
            let quiet = match (link, canonical) {
                (Some(bound), _) => self.record_rests(index, member, observed, bound, canonical),
                (None, Presence::Gone) => true,
                (None, Presence::Live(booking)) => {
                    match self.not_wanted(booking, member) {
                        Some(Withheld::Unmapped { what, name: word }) => {
                            unmapped.push(UnmappedReport {
                                platform: name.clone(),
                                remote_id: None,
                                what,
                                id: word,
                                title: None,
                            });
                            true
                        }
                        // By the user's own choice; nothing is told of it.
                        Some(Withheld::ReadOnly | Withheld::OutsideWindow) => true,
                        _ => false,
                    }
                }
            };
            rests &= quiet;
        }
        rests &= bound.links.iter().all(|one| !one.is_erased);
        if rests {
            self.unmapped.extend(unmapped);
        }
        rests
    }

    fn not_wanted(&self, booking: &Booking, member: &Member) -> Option<Withheld> {
        let projection = effective_projection(self.bridge, member, booking.kind, true);
        steps::not_wanted(self.bridge, self.now, booking, member, &projection)
    }

    /// Whether a linked record calls for nothing. Counts it, whether it does or not.
    fn record_rests(
        &mut self,
        index: usize,
        member: &Member,
        observed: &Observed,
        bound: &BoundLink,
        canonical: &Presence,
    ) -> bool {
        if bound.remote_id.is_none() {
            return false;
        }
        // What starts before what a run over everything loads is not seen by it.
        let record = bound
            .record
            .as_ref()
            .filter(|record| record.start >= self.since);
        let Some(record) = record else { return true };
        if let Some(met) = self.met.get_mut(index) {
            *met += 1;
        }
        let readable = !self
            .unreadable
            .get(index)
            .is_some_and(|rows| rows.contains(&record.id));
        let (kept, agreed) = match &bound.base {
            Base::Booking => (canonical, canonical),
            Base::Other(shadow) => (&shadow.kept, &shadow.agreed),
        };
        let (shown, has_words) = shown(record, readable, member, observed, kept);
        let is_live = matches!(shown, Shown::Live(_));
        if is_live {
            let live = self.live.entry(member.platform.name().clone());
            *live.or_default() += 1;
        }
        // What is told of such a record in every report, the run has to see.
        if bound.is_erased || !has_words || (is_live && record.support != Support::Full) {
            return false;
        }
        let kind = canonical
            .live()
            .map_or(Kind::Appointment, |booking| booking.kind);
        let projection = effective_projection(self.bridge, member, kind, record.marker.is_some());
        let record = Kept {
            shown: &shown,
            kept,
            agreed,
            projection: &projection,
        };
        is_at_rest(canonical, [record])
    }
}

/// What a linked record shows, and whether the bridge has words for all of it.
fn shown(
    record: &Record,
    readable: bool,
    member: &Member,
    observed: &Observed,
    kept: &Presence,
) -> (Shown, bool) {
    if !readable {
        return (Shown::Unseen, true);
    }
    if record.state != RecordState::Live {
        return (Shown::Gone, true);
    }
    if !observed.shows(record) {
        return (Shown::Unseen, true);
    }
    match mapping::to_booking(record, &member.mapping) {
        Ok(booking) => (Shown::Live(booking), true),
        Err(_unmapped) => (with_known_services(record, member, kept.live()), false),
    }
}

/// Of these bookings, those that a run over everything would not load: over and unchanged for long, with no record from
/// now on and no operation that is open.
async fn long_over(
    store: &Store,
    bridge: &Bridge,
    ids: &BTreeSet<BookingId>,
    since: Timestamp,
) -> Result<BTreeSet<BookingId>, EngineError> {
    if ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let bound = store
        .bound(&bridge.name, ids.iter().copied().collect())
        .await?;
    let is_near = |bound: &Bound| {
        let booking = &bound.booking;
        let records = bound.links.iter().filter_map(|one| one.record.as_ref());
        booking.last_slot.is_some_and(|slot| slot.end() > since)
            || booking.changed_at >= since
            || records.into_iter().any(|record| record.start >= since)
    };
    let near: BTreeSet<BookingId> = bound
        .iter()
        .filter(|bound| is_near(bound))
        .map(|bound| bound.booking.id)
        .collect();
    Ok(ids.difference(&near).copied().collect())
}

/// Loads these bookings and records, whatever takes one of their times, and what that has to be told from.
async fn around(
    loader: &Loader<'_>,
    restless: BTreeSet<BookingId>,
    unlinked: Vec<Vec<RemoteId>>,
    wide: BTreeSet<BookingId>,
) -> Result<(Loaded, BTreeSet<(PlatformName, RemoteId)>), EngineError> {
    let (store, bridge) = (loader.store, loader.bridge);
    let mut rows: Vec<Rows> = Vec::with_capacity(bridge.members.len());
    let mut records: BTreeSet<(PlatformName, RemoteId)> = BTreeSet::new();
    for (member, ids) in bridge.members.iter().zip(unlinked) {
        let name = member.platform.name();
        let found: Vec<MirrorRow> = if ids.is_empty() {
            Vec::new()
        } else {
            store.mirror_rows(name, ids).await?
        };
        records.extend(
            found
                .iter()
                .map(|row| (name.clone(), row.record.id.clone())),
        );
        rows.push(by_id(found));
    }
    let named = rows.iter().flat_map(BTreeMap::values);
    let mut asked: BTreeSet<BookingId> = named.filter_map(|row| row.record.marker).collect();
    asked.extend(&restless);
    let mut bookings: BTreeMap<BookingId, Known> = BTreeMap::new();
    loader.add_bookings(&mut bookings, asked).await?;
    let alone = records.clone();
    for (platform, link) in bookings.values().flat_map(|known| &known.links) {
        // What a record says of itself is told with its booking.
        records.extend(link.remote_id.clone().map(|id| (platform.clone(), id)));
    }
    let mut focus: BTreeSet<BookingId> = bookings.keys().copied().collect();
    focus.extend(restless);
    let mut times = Times::default();
    for (member, rows) in bridge.members.iter().zip(&mut rows) {
        // Where a record has gone to its booking does not know yet.
        loader.add_rows(member, &[], &bookings, rows).await?;
        for row in rows.values() {
            times.add_row(member, row);
        }
    }
    for known in bookings.values() {
        times.add_known(known);
    }
    // Whatever takes a time that was taken or left is decided about too, and what takes a time of those is seen.
    let mut long: BTreeMap<BookingId, Known> = BTreeMap::new();
    loader.add_bookings(&mut long, wide).await?;
    let mut near = times.clone();
    let mut meeting = loader.meeting(&times).await?;
    meeting.extend(meet(&long, &times));
    for (id, one) in meeting {
        near.add_known(&one);
        focus.insert(id);
        bookings.entry(id).or_insert(one);
    }
    let mut seen = loader.meeting(&near).await?;
    seen.extend(meet(&long, &near));
    for (id, one) in seen {
        bookings.entry(id).or_insert(one);
    }
    for (member, rows) in bridge.members.iter().zip(&mut rows) {
        // Records that may be of one visit with one that belongs to no booking.
        let visits = scope::visits(rows, &alone, member.platform.name());
        loader.add_rows(member, &visits, &bookings, rows).await?;
        if !visits.is_empty() || member.platform.capabilities().occupancy == OccupancyView::None {
            continue;
        }
        rows.extend(loader.beside_grid(member).await?);
    }
    loader
        .add_owners(&mut bookings, &mut focus, &mut rows, &alone)
        .await?;
    let found = Loaded {
        bookings,
        rows: rows
            .into_iter()
            .map(|rows| rows.into_values().collect())
            .collect(),
        focus: Focus::On {
            bookings: focus,
            records,
        },
    };
    Ok((found, alone))
}

/// Those of these bookings that take or took one of these times.
fn meet(long: &BTreeMap<BookingId, Known>, times: &Times) -> BTreeMap<BookingId, Known> {
    long.iter()
        .filter(|(_, one)| times.meet(one))
        .map(|(id, one)| (*id, one.clone()))
        .collect()
}
