//! A bridge as one run sees it: stored bookings and links next to what each platform shows, in the bridge's words.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use jiff::{SignedDuration, Timestamp};
use slotbridge_core::mapping::{self, Unmapped};
use slotbridge_core::merge::{Presence, Shadow, Shown};
use slotbridge_core::model::{
    Booking, BookingId, Kind, PlatformName, RemoteId, ResourceName, Slot,
};
use slotbridge_core::occupancy::FreeTimes;
use slotbridge_core::projection::Projection;
use slotbridge_core::record::{Record, RecordState, Support};
use slotbridge_store::{BridgeState, ConflictRow, JournalRow, MirrorRow};

use crate::blocks::is_block_id;
use crate::bridge::{Bridge, Member, Share};
use crate::presume;
use crate::scope::Focus;
use crate::sights::Observed;
use crate::whole::Walked;

/// How far back of the window bookings are still loaded, so that late changes to them are understood.
const MEMORY: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A booking as the store knows it.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// What the bridge agreed on.
    pub(crate) canonical: Presence,
    /// When we first knew it.
    pub(crate) created_at: Timestamp,
    /// Its records.
    pub(crate) links: BTreeMap<PlatformName, Linked>,
    /// Whether client data in it or in its shadows were erased: nothing can be concluded from what is missing.
    pub(crate) is_erased: bool,
}

/// A link as the store knows it.
#[derive(Debug, Clone)]
pub(crate) struct Linked {
    /// The record; `None` when one is presumed behind a busy time.
    pub(crate) remote_id: Option<RemoteId>,
    /// The base of the merge.
    pub(crate) shadow: Shadow,
    /// Since when record and shadow are so.
    pub(crate) at: Timestamp,
}

/// A record as the run sees it.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The record.
    pub(crate) record: Record,
    /// When we first saw it.
    pub(crate) first_seen_at: Timestamp,
    /// When we first saw it as it is now.
    pub(crate) noticed_at: Timestamp,
    /// When we last saw it.
    pub(crate) seen_at: Timestamp,
    /// What it shows, in the bridge's words.
    pub(crate) shown: Shown,
    /// Why the bridge has no words for it.
    pub(crate) unmapped: Option<Unmapped>,
    /// Whether its client data were erased, and have not come back.
    pub(crate) is_erased: bool,
}

/// One platform as the run sees it.
#[derive(Debug)]
pub(crate) struct MemberView<'a> {
    /// The platform.
    pub(crate) member: &'a Member,
    /// What it showed.
    pub(crate) observed: Observed,
    /// Its mirrored records: all that matter, or those around what the run is about.
    pub(crate) rows: BTreeMap<RemoteId, Row>,
    /// How many live records it shows in the bridge's words, loaded or not.
    pub(crate) live: u64,
    /// Who takes which time there, made when it is first asked for.
    takers: OnceLock<Takers>,
    /// What its grids say besides its own records.
    pub(crate) free_times: BTreeMap<ResourceName, FreeTimes>,
}

impl<'a> MemberView<'a> {
    /// A platform with its records. `walked` tells of those that are not loaded.
    pub(crate) fn new(
        member: &'a Member,
        observed: Observed,
        rows: BTreeMap<RemoteId, Row>,
        walked: Option<&Walked>,
        now: Timestamp,
    ) -> Self {
        let name = member.platform.name();
        let shown = rows.values().filter(|row| {
            let counted = walked.is_none_or(|walked| {
                let record = (name.clone(), row.record.id.clone());
                walked.alone.contains(&record)
            });
            counted && matches!(row.shown, Shown::Live(_))
        });
        let shown = u64::try_from(shown.count()).unwrap_or(u64::MAX);
        let elsewhere = walked
            .and_then(|walked| walked.live.get(name))
            .copied()
            .unwrap_or(0);
        let free_times = presume::free_times(member, &observed, &rows, now);
        Self {
            member,
            observed,
            rows,
            live: shown.saturating_add(elsewhere),
            takers: OnceLock::new(),
            free_times,
        }
    }
}

/// The slots of one platform's live records by resource, in order, and how long the longest of them is.
type Takers = BTreeMap<ResourceName, (SignedDuration, Vec<(Slot, RemoteId)>)>;

impl MemberView<'_> {
    /// The live records that take part of a time.
    pub(crate) fn taking(&self, resource: &ResourceName, slot: Slot) -> BTreeSet<&RemoteId> {
        let Some((longest, takers)) = self.takers.get_or_init(|| self.takers()).get(resource)
        else {
            return BTreeSet::new();
        };
        let earliest = slot
            .start()
            .saturating_sub(*longest)
            .unwrap_or(Timestamp::MIN);
        let from = takers.partition_point(|(taken, _)| taken.start() < earliest);
        takers
            .iter()
            .skip(from)
            .take_while(|(taken, _)| taken.start() < slot.end())
            .filter(|(taken, _)| taken.intersects(slot))
            .map(|(_, id)| id)
            .collect()
    }

    fn takers(&self) -> Takers {
        let mut all = Takers::new();
        for row in self.rows.values() {
            if let Shown::Live(booking) = &row.shown {
                let (longest, takers) = all
                    .entry(booking.resource.clone())
                    .or_insert((SignedDuration::ZERO, Vec::new()));
                let slot = booking.slot;
                *longest = (*longest).max(slot.end().duration_since(slot.start()));
                takers.push((slot, row.record.id.clone()));
            }
        }
        for (_, takers) in all.values_mut() {
            takers.sort_unstable();
        }
        all
    }

    pub(crate) fn name(&self) -> &PlatformName {
        self.member.platform.name()
    }

    /// What the platform can hold of a booking in this record, or in the copy that would be made.
    pub(crate) fn projection(
        &self,
        bridge: &Bridge,
        kind: Kind,
        record: Option<&RemoteId>,
    ) -> Projection {
        let row = record.and_then(|id| self.rows.get(id));
        let is_copy = row.is_none_or(|row| row.record.marker.is_some());
        effective_projection(bridge, self.member, kind, is_copy)
    }
}

/// A bridge as the run sees it.
#[derive(Debug)]
pub(crate) struct View<'a> {
    /// The bridge.
    pub(crate) bridge: &'a Bridge,
    /// The run's time.
    pub(crate) now: Timestamp,
    /// Its platforms, in the order of the config.
    pub(crate) members: Vec<MemberView<'a>>,
    /// Its bookings: all that matter, or those that the run is about and what lies around them.
    pub(crate) bookings: BTreeMap<BookingId, Known>,
    /// What the run is about.
    pub(crate) focus: Focus,
    /// Whether every look of this run was begun late enough to settle what earlier runs left open.
    pub(crate) looks_waited: bool,
    /// Creates whose outcome is still unknown, and the time that a record of theirs takes.
    pub(crate) unsettled: BTreeMap<(BookingId, PlatformName), (ResourceName, Slot)>,
    /// Those of them whose record may be this one, which does not stand.
    pub(crate) cancelled_copies: BTreeMap<(BookingId, PlatformName), RemoteId>,
    /// What was sent of bookings that a record without a link names, oldest first.
    pub(crate) sent: Vec<JournalRow>,
    /// What a platform refused, and for which state of things.
    pub(crate) refused: BTreeMap<(BookingId, PlatformName), JournalRow>,
    /// Conflicts that wait for a person, with what the person decided, if so.
    pub(crate) open_conflicts: BTreeMap<BookingId, Vec<ConflictRow>>,
    /// What is known of what is not loaded, where the run is about the whole bridge.
    pub(crate) walked: Option<Walked>,
}

/// Bookings and links as the store has them, by booking.
pub(crate) fn known(state: BridgeState) -> BTreeMap<BookingId, Known> {
    let mut bookings: BTreeMap<BookingId, Known> = state
        .bookings
        .into_iter()
        .map(|row| {
            (
                row.id,
                Known {
                    canonical: row.canonical,
                    created_at: row.created_at,
                    links: BTreeMap::new(),
                    is_erased: row.is_erased,
                },
            )
        })
        .collect();
    for link in state.links {
        if let Some(known) = bookings.get_mut(&link.booking) {
            known.is_erased |= link.is_erased;
            known.links.insert(
                link.platform,
                Linked {
                    remote_id: link.remote_id,
                    shadow: link.shadow,
                    at: link.at,
                },
            );
        }
    }
    bookings
}

/// From when on bookings and records are loaded.
pub(crate) fn horizon(bridge: &Bridge, now: Timestamp) -> Timestamp {
    now.checked_sub(bridge.window_past)
        .and_then(|from| from.checked_sub(MEMORY))
        .unwrap_or(Timestamp::MIN)
}

/// Mirrored records of one platform, read in the bridge's words.
pub(crate) fn read_rows(
    mirrored: Vec<MirrorRow>,
    member: &Member,
    observed: &Observed,
    bookings: &BTreeMap<BookingId, Known>,
) -> BTreeMap<RemoteId, Row> {
    let name = member.platform.name();
    let links: BTreeMap<&RemoteId, &Shadow> = bookings
        .values()
        .filter_map(|known| known.links.get(name))
        .filter_map(|link| link.remote_id.as_ref().map(|id| (id, &link.shadow)))
        .collect();
    let mut group_sizes: BTreeMap<String, usize> = BTreeMap::new();
    for row in &mirrored {
        if let (RecordState::Live, Some(group)) = (row.record.state, &row.record.group) {
            *group_sizes.entry(group.clone()).or_default() += 1;
        }
    }
    mirrored
        .into_iter()
        .map(|mut row| {
            let shadow = links.get(&row.record.id).copied();
            let grouped = row
                .record
                .group
                .as_ref()
                .is_some_and(|group| group_sizes.get(group).is_some_and(|n| *n > 1));
            // A record that is in step already stays a booking when the platform later joins another one to its visit.
            if grouped && shadow.is_none() && row.record.support == Support::Full {
                row.record.support = Support::Occupancy {
                    why: "one of several records of one visit",
                };
            }
            (
                row.record.id.clone(),
                read_row(row, member, shadow, observed),
            )
        })
        .collect()
}

fn read_row(row: MirrorRow, member: &Member, shadow: Option<&Shadow>, observed: &Observed) -> Row {
    let record = row.record;
    let mut unmapped = None;
    let shown = if row.unreadable.is_some() {
        Shown::Unseen
    } else if record.state != RecordState::Live {
        Shown::Gone
    } else if !observed.shows(&record) {
        Shown::Unseen
    } else {
        match mapping::to_booking(&record, &member.mapping) {
            Ok(booking) => Shown::Live(booking),
            Err(why) => {
                let kept = shadow.and_then(|shadow| shadow.kept.live());
                let shown = with_known_services(&record, member, kept);
                unmapped = Some(why);
                shown
            }
        }
    };
    Row {
        record,
        first_seen_at: row.first_seen_at,
        noticed_at: row.noticed_at,
        seen_at: row.seen_at,
        shown,
        unmapped,
        is_erased: row.is_erased,
    }
}

/// A linked record whose service has become unknown to the bridge is still followed in everything else.
pub(crate) fn with_known_services(
    record: &Record,
    member: &Member,
    kept: Option<&Booking>,
) -> Shown {
    let Some(kept) = kept else {
        return Shown::Unseen;
    };
    let services = kept
        .services
        .iter()
        .filter_map(|name| member.mapping.service_key(name))
        .cloned()
        .collect();
    let known = Record {
        services,
        ..record.clone()
    };
    mapping::to_booking(&known, &member.mapping).map_or(Shown::Unseen, Shown::Live)
}

/// The time that a live record of the platform's own takes; a busy time without a record behind it is none of those.
pub(crate) fn own_slot(member: &Member, record: &Record) -> Option<Slot> {
    if record.state != RecordState::Live || is_block_id(&record.id) {
        return None;
    }
    let services: Vec<_> = record
        .services
        .iter()
        .filter_map(|key| member.mapping.service_name(key))
        .cloned()
        .collect();
    record.slot(member.mapping.duration(&services))
}

/// What a platform can hold of a booking that it may have to copy. Where the bridge shares only busy times, or the
/// booking is an anonymous block, a copy holds nothing else; the record that a person made keeps all it has.
pub(crate) fn effective_projection(
    bridge: &Bridge,
    member: &Member,
    kind: Kind,
    is_copy: bool,
) -> Projection {
    let whole = member.platform.projection();
    if kind == Kind::Block || (bridge.share == Share::Busy && is_copy) {
        whole.busy()
    } else {
        whole.clone()
    }
}

impl View<'_> {
    /// The platform of that name.
    pub(crate) fn member(&self, name: &PlatformName) -> Option<&MemberView<'_>> {
        self.members.iter().find(|view| view.name() == name)
    }

    /// What a linked record shows in this run.
    pub(crate) fn shown(&self, platform: &PlatformName, link: &Linked) -> Shown {
        link.remote_id
            .as_ref()
            .and_then(|id| self.member(platform)?.rows.get(id))
            .map_or(Shown::Unseen, |row| row.shown.clone())
    }

    /// Since when a booking is known anywhere, and where: by the platform's own word if it gives one.
    pub(crate) fn first_seen(&self, known: &Known) -> Option<(PlatformName, Timestamp)> {
        known
            .links
            .iter()
            .filter_map(|(platform, link)| {
                let row = self.member(platform)?.rows.get(link.remote_id.as_ref()?)?;
                // A copy that we made is no sign of when the client came.
                if row.record.marker.is_some() {
                    return None;
                }
                Some((
                    platform.clone(),
                    row.record.created_at.unwrap_or(row.first_seen_at),
                ))
            })
            .min_by_key(|(platform, at)| (*at, platform.clone()))
    }

    /// Live bookings of the bridge with their slots.
    pub(crate) fn live(&self) -> impl Iterator<Item = (BookingId, &Known, Slot)> {
        self.bookings
            .iter()
            .filter_map(|(id, known)| Some((*id, known, known.canonical.live()?.slot)))
    }
}
