//! From merged bookings to wanted operations: what every platform needs for every booking, and what has to wait.

mod overlaps;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use slotbridge_core::merge::{Merge, Presence, Shadow, Shown};
use slotbridge_core::model::{
    Booking, BookingId, Field, Kind, PlatformName, RemoteId, ResourceKey, Slot,
};
use slotbridge_core::occupancy::SlotView;
use slotbridge_core::plan::{self, Action, CreateGate, Operation, Step, Target, Withheld};
use slotbridge_core::projection::{Projection, as_block};
use slotbridge_core::record::{Coverage, Support};
use slotbridge_platform::capabilities::{Discovery, OccupancyView};
use slotbridge_store::Change;

use crate::blocks::is_block_id;
use crate::bridge::{Bridge, Member, OnOverlap, Share};
use crate::decide::is_heard;
use crate::presume;
use crate::refusal;
use crate::report::{BridgeReport, OperationReport, OutcomeWord, UnmappedReport, WaitingReport};
use crate::view::{Known, Linked, MemberView, View};
use overlaps::{Disputed, Rivals, disputed, rivals};

/// Plans every booking on every platform.
pub(crate) fn plan(
    view: &mut View<'_>,
    merges: &BTreeMap<BookingId, Merge>,
    report: &mut BridgeReport,
    changes: &mut Vec<Change>,
) -> (Vec<Operation>, BTreeSet<PlatformName>) {
    let disputed = disputed(view, merges);
    let rivals = rivals(view, &disputed, report);
    let strangers = strangers(view);
    let mut planner = Planner {
        view,
        report,
        rivals,
        disputed,
        strangers,
        operations: Vec::new(),
        presumed: Vec::new(),
        not_read: BTreeSet::new(),
    };
    for (id, merged) in merges {
        let Some(known) = planner.view.bookings.get(id) else {
            continue;
        };
        for member in &planner.view.members {
            if merged.presence == Presence::Gone && !known.links.contains_key(member.name()) {
                continue;
            }
            planner.one(*id, known, merged, member);
        }
    }
    let Planner {
        operations,
        presumed,
        not_read,
        ..
    } = planner;
    for (id, platform, shadow) in presumed {
        changes.push(Change::Link {
            bridge: view.bridge.name.clone(),
            booking: id,
            platform: platform.clone(),
            remote_id: None,
            shadow: shadow.clone(),
            at: view.now,
        });
        if let Some(known) = view.bookings.get_mut(&id) {
            known.links.insert(
                platform,
                Linked {
                    remote_id: None,
                    shadow,
                    at: view.now,
                },
            );
        }
    }
    (operations, not_read)
}

/// For each platform and resource the times that are taken by records of no booking.
type Strangers = BTreeMap<PlatformName, BTreeMap<ResourceKey, Vec<Slot>>>;

/// The times that live records take which belong to no booking.
fn strangers(view: &View<'_>) -> Strangers {
    view.members
        .iter()
        .map(|member| {
            let linked: BTreeSet<&RemoteId> = view
                .bookings
                .values()
                .filter_map(|known| {
                    // A record that is only kept on belongs to a booking that is gone.
                    let link = known.links.get(member.name())?;
                    let kept_on = known.canonical == Presence::Gone && link.shadow.is_kept_on();
                    link.remote_id.as_ref().filter(|_| !kept_on)
                })
                .collect();
            let mut times: BTreeMap<ResourceKey, Vec<Slot>> = BTreeMap::new();
            for (record, slot) in presume::own_records(member) {
                if !linked.contains(&record.id) {
                    times.entry(record.resource.clone()).or_default().push(slot);
                }
            }
            (member.name().clone(), times)
        })
        .collect()
}

struct Planner<'v, 'a, 'r> {
    view: &'v View<'a>,
    report: &'r mut BridgeReport,
    rivals: Rivals,
    disputed: Vec<Disputed>,
    strangers: Strangers,
    operations: Vec<Operation>,
    presumed: Vec<(BookingId, PlatformName, Shadow)>,
    not_read: BTreeSet<PlatformName>,
}

impl Planner<'_, '_, '_> {
    fn one(&mut self, id: BookingId, known: &Known, merged: &Merge, member: &MemberView<'_>) {
        let link = known.links.get(member.name());
        let row = link
            .and_then(|link| link.remote_id.as_ref())
            .and_then(|id| member.rows.get(id));
        let kind = merged
            .presence
            .live()
            .map_or(Kind::Appointment, |booking| booking.kind);
        let record = link.and_then(|link| link.remote_id.as_ref());
        let projection = member.projection(self.view.bridge, kind, record);
        let shown = link.map_or(Shown::Unseen, |link| {
            presume::shown(self.view, member, known, link)
        });
        let target = Target {
            platform: member.name(),
            remote_id: link.and_then(|link| link.remote_id.as_ref()),
            shown: &shown,
            shadow: link.map(|link| &link.shadow),
            projection: &projection,
            heard: link.map_or_else(
                || member.member.direction.heard(),
                |link| is_heard(member, kind, link),
            ),
            read_only: read_only(member, row.map(|row| row.record.support), link),
            create: self.gate(id, merged, member, link, &projection),
        };
        match plan::step(merged, &target) {
            Step::Nothing => {}
            Step::Do(mut action) => {
                if let Some(why) = self.hindered(id, member, &action) {
                    self.wait(id, merged, member, link, &why);
                    return;
                }
                if self.view.bridge.share == Share::Busy {
                    make_anonymous(&mut action);
                }
                self.operate(id, known, member, action);
            }
            Step::Wait(why) => self.wait(id, merged, member, link, &why),
        }
    }

    fn operate(&mut self, id: BookingId, known: &Known, member: &MemberView<'_>, action: Action) {
        let operation = Operation {
            booking: id,
            platform: member.name().clone(),
            because: because(self.view, known, member.name(), &action),
            action,
            force: false,
            undoes: false,
        };
        let refused = self
            .view
            .refused
            .get(&(id, member.name().clone()))
            .filter(|row| refusal::stands(row, &basis(self.view, &operation), self.view.now));
        match refused {
            None => self.operations.push(operation),
            Some(row) => {
                let error = row.error.clone().unwrap_or_default();
                let mut standing = operation_report(&operation, OutcomeWord::Refused);
                standing.error = Some(format!(
                    "{error}; tried again when something about it changes, and otherwise after a while"
                ));
                self.report.operations.push(standing);
            }
        }
    }

    /// Whether a record may be made on a platform that has none for the booking.
    fn gate(
        &self,
        id: BookingId,
        merged: &Merge,
        member: &MemberView<'_>,
        link: Option<&Linked>,
        projection: &Projection,
    ) -> CreateGate {
        let Some(booking) = merged.presence.live() else {
            return CreateGate::Withheld(Withheld::OutsideWindow);
        };
        let view = self.view;
        let reason = not_wanted(view.bridge, view.now, booking, member.member, projection)
            .or_else(|| self.not_known_enough(id, booking, member, link))
            .or_else(|| self.rival_there(id, booking, member))
            .or_else(|| self.stranger_there(booking, member))
            .or_else(|| self.doubt_there(id, booking, member))
            .or_else(|| on_grid(booking, member));
        reason.map_or(CreateGate::Open, CreateGate::Withheld)
    }

    fn not_known_enough(
        &self,
        id: BookingId,
        booking: &Booking,
        member: &MemberView<'_>,
        link: Option<&Linked>,
    ) -> Option<Withheld> {
        if self
            .view
            .unsettled
            .contains_key(&(id, member.name().clone()))
        {
            return Some(Withheld::Unsettled);
        }
        let capabilities = member.member.platform.capabilities();
        let read = match capabilities.discovery {
            Discovery::List => {
                let proven = matches!(member.observed.coverage, Coverage::Complete(_));
                (proven || member.observed.mirror_counts) && !member.observed.ids_all_new
            }
            Discovery::ReadKnown => member.observed.error.is_none(),
        };
        let grid = capabilities.occupancy == OccupancyView::None
            || presume::look(member, &booking.resource, booking.slot).is_some();
        if !read || !grid {
            return Some(Withheld::NotRead);
        }
        link.is_some_and(|link| link.remote_id.is_none())
            .then_some(Withheld::Presumed)
    }

    /// The later-seen of two double bookings is not written where the other one lives or will live, and none where a
    /// record takes the time that stays until a person has decided.
    fn rival_there(
        &self,
        id: BookingId,
        booking: &Booking,
        member: &MemberView<'_>,
    ) -> Option<Withheld> {
        if self.view.bridge.on_overlap == OnOverlap::Push {
            return None;
        }
        let mut rivals = self.rivals.get(&id).into_iter().flatten();
        let is_rival_there = rivals.any(|(rival, was_first)| {
            let Some(known) = self.view.bookings.get(rival) else {
                return false;
            };
            let there = known
                .links
                .get(member.name())
                .is_some_and(|link| self.view.shown(member.name(), link) != Shown::Gone);
            let coming = *was_first
                && member.member.direction.written()
                && member
                    .member
                    .mapping
                    .resource_key(&booking.resource)
                    .is_some();
            there || coming
        });
        let is_disputed_there = self
            .disputed_over(id, booking)
            .any(|one| one.platform == *member.name());
        (is_rival_there || is_disputed_there).then_some(Withheld::Overlap)
    }

    fn disputed_over(&self, id: BookingId, booking: &Booking) -> impl Iterator<Item = &Disputed> {
        self.disputed
            .iter()
            .filter(move |one| one.meets(id, &booking.resource, booking.slot))
    }

    /// Whether the report names a double booking that this one is part of.
    fn is_doubled(&self, id: BookingId, merged: &Merge) -> bool {
        let live = merged.presence.live();
        self.rivals.contains_key(&id)
            || live.is_some_and(|booking| self.disputed_over(id, booking).next().is_some())
    }

    /// A live record that belongs to no booking takes the time: it may be this one (ambiguous, a copy that has lost its
    /// original), or another that the bridge has no words for.
    fn stranger_there(&self, booking: &Booking, member: &MemberView<'_>) -> Option<Withheld> {
        let key = member.member.mapping.resource_key(&booking.resource)?;
        let strangers = self.strangers.get(member.name())?.get(key)?;
        strangers
            .iter()
            .any(|slot| slot.intersects(booking.slot))
            .then_some(Withheld::Overlap)
    }

    /// A record of another booking may stand at that time, although its booking is elsewhere by now. Once this one is
    /// there too, a platform that shows only what is busy can no longer tell.
    fn doubt_there(
        &self,
        id: BookingId,
        booking: &Booking,
        member: &MemberView<'_>,
    ) -> Option<Withheld> {
        let creates = self.view.unsettled.iter();
        creates
            .filter(|(create, _)| !self.view.cancelled_copies.contains_key(*create))
            .any(|((other, platform), (resource, slot))| {
                *other != id
                    && platform == member.name()
                    && *resource == booking.resource
                    && slot.intersects(booking.slot)
            })
            .then_some(Withheld::InDoubt)
    }

    /// Why an operation on an existing record has to wait.
    fn hindered(
        &self,
        id: BookingId,
        member: &MemberView<'_>,
        action: &Action,
    ) -> Option<Withheld> {
        let Action::Update {
            desired, fields, ..
        } = action
        else {
            return None;
        };
        let moves = fields.contains(&Field::Slot) || fields.contains(&Field::Resource);
        let renamed = fields.contains(&Field::Services) || fields.contains(&Field::Resource);
        let unmapped = if renamed {
            unmapped(desired, member.member)
        } else {
            None
        };
        unmapped.or_else(|| {
            if moves {
                self.rival_there(id, desired, member)
                    .or_else(|| self.doubt_there(id, desired, member))
            } else {
                None
            }
        })
    }

    fn wait(
        &mut self,
        id: BookingId,
        merged: &Merge,
        member: &MemberView<'_>,
        link: Option<&Linked>,
        why: &Withheld,
    ) {
        let platform = member.name().clone();
        let place = merged
            .presence
            .live()
            .map(|booking| (booking.resource.clone(), booking.slot));
        let (text, needs_person) = match why {
            // By the user's own choice, or told elsewhere in the report.
            Withheld::NotRead => {
                self.not_read.insert(platform);
                return;
            }
            Withheld::ReadOnly | Withheld::OutsideWindow | Withheld::Asked | Withheld::Refused { .. } | Withheld::Unsettled => return,
            Withheld::Unmapped { what, name } => {
                self.report.unmapped.push(UnmappedReport { platform, remote_id: None, what, id: name.clone(), title: None });
                return;
            }
            // What is to be said about a presumed record later on, `presume` says.
            Withheld::Presumed if link.is_some() => return,
            Withheld::Presumed => {
                self.presume(id, merged, member);
                ("its time is busy there already, in a record that slotbridge cannot read; it is taken for the same booking".to_owned(), false)
            }
            Withheld::Overlap if self.is_doubled(id, merged) => return,
            Withheld::Overlap => (
                "its time, or part of it, is taken there by a record that belongs to no booking of the bridge; \
                 look at that record, and move one of the two if they are not the same".to_owned(),
                true,
            ),
            Withheld::InDoubt => (
                "a record of another booking may stand there at that time: the platform did not answer when it was made, \
                 and it is looked for first".to_owned(),
                false,
            ),
            Withheld::Closed => ("clients cannot book that time there, so there is nothing to protect".to_owned(), false),
            Withheld::Unsupported { why } => (format!("the record there is never edited: {why}"), false),
        };
        self.report.waiting.push(WaitingReport {
            platform,
            booking: id,
            place,
            why: text,
            needs_person,
        });
    }

    fn presume(&mut self, id: BookingId, merged: &Merge, member: &MemberView<'_>) {
        if let Some(booking) = merged.presence.live() {
            let projection = member.projection(self.view.bridge, booking.kind, None);
            let there = projection.project(booking);
            let shadow = Shadow {
                kept: Presence::Live(there.clone()),
                agreed: Presence::Live(there),
            };
            self.presumed.push((id, member.name().clone(), shadow));
        }
    }
}

fn on_grid(booking: &Booking, member: &MemberView<'_>) -> Option<Withheld> {
    match presume::look(member, &booking.resource, booking.slot)? {
        SlotView::Free | SlotView::NotOnGrid => None,
        SlotView::Busy => Some(Withheld::Presumed),
        SlotView::PartlyBusy => Some(Withheld::Overlap),
        SlotView::Closed => Some(Withheld::Closed),
    }
}

/// Why a platform gets no record of a booking, whatever is there.
pub(crate) fn not_wanted(
    bridge: &Bridge,
    now: Timestamp,
    booking: &Booking,
    member: &Member,
    projection: &Projection,
) -> Option<Withheld> {
    let slot = booking.slot;
    if !member.direction.written() {
        return Some(Withheld::ReadOnly);
    }
    let until = now
        .checked_add(bridge.window_future)
        .unwrap_or(Timestamp::MAX);
    if slot.end() <= now || slot.start() >= until {
        return Some(Withheld::OutsideWindow);
    }
    unmapped(&projection.project(booking), member)
}

fn read_only(
    member: &MemberView<'_>,
    support: Option<Support>,
    link: Option<&Linked>,
) -> Option<Withheld> {
    if !member.member.direction.written() {
        return Some(Withheld::ReadOnly);
    }
    if let Some(Support::Occupancy { why }) = support {
        return Some(Withheld::Unsupported { why });
    }
    link.and_then(|link| link.remote_id.as_ref())
        .is_some_and(is_block_id)
        .then_some(Withheld::Unsupported {
            why: crate::blocks::UNKNOWN_ORIGIN,
        })
}

/// A new record of a bridge that shares busy times only is a block, whatever the booking is.
fn make_anonymous(action: &mut Action) {
    if let Action::Create { desired } = action {
        *desired = as_block(desired);
    }
}

/// What of a booking, as the platform would show it, the mapping has no id for.
fn unmapped(projected: &Booking, member: &Member) -> Option<Withheld> {
    if member.mapping.resource_key(&projected.resource).is_none() {
        return Some(Withheld::Unmapped {
            what: "resource",
            name: projected.resource.as_str().to_owned(),
        });
    }
    let missing = projected
        .services
        .iter()
        .find(|name| member.mapping.service_key(name).is_none());
    missing.map(|name| Withheld::Unmapped {
        what: "service",
        name: name.as_str().to_owned(),
    })
}

/// The records that an operation follows: for a removal those that are gone, else those that live.
fn because(
    view: &View<'_>,
    known: &Known,
    target: &PlatformName,
    action: &Action,
) -> Vec<(PlatformName, RemoteId)> {
    let removal = matches!(action, Action::Remove { .. });
    known
        .links
        .iter()
        .filter(|(platform, _)| *platform != target)
        .filter_map(|(platform, link)| Some((platform, link, link.remote_id.clone()?)))
        .filter(|(platform, link, _)| (view.shown(platform, link) == Shown::Gone) == removal)
        .map(|(platform, _, id)| (platform.clone(), id))
        .collect()
}

/// Everything that a platform's answer to an operation may rest on, as far as we see it. A refused operation is tried
/// again when this changes: the booking, the record, or what else takes the time there.
pub(crate) fn basis(view: &View<'_>, operation: &Operation) -> String {
    let around: BTreeSet<&RemoteId> = operation
        .action
        .after()
        .zip(view.member(&operation.platform))
        .map(|(after, member)| member.taking(&after.resource, after.slot))
        .unwrap_or_default();
    let around: Vec<&str> = around.into_iter().map(RemoteId::as_str).collect();
    format!(
        "{}|{}",
        slotbridge_core::guard::plan_hash(std::slice::from_ref(operation)),
        around.join(",")
    )
}

/// An operation as the report shows it.
pub(crate) fn operation_report(operation: &Operation, outcome: OutcomeWord) -> OperationReport {
    let (fields, parking) = match &operation.action {
        Action::Update {
            fields, parking, ..
        } => (fields.iter().copied().collect(), *parking),
        Action::Create { .. } | Action::Remove { .. } => (Vec::new(), false),
    };
    OperationReport {
        op: operation.action.as_str(),
        platform: operation.platform.clone(),
        remote_id: operation.action.remote_id().cloned(),
        booking: operation.booking,
        before: operation.action.before().cloned(),
        after: operation.action.after().cloned(),
        fields,
        because: operation.because.clone(),
        parking,
        rebooks: false,
        held: false,
        outcome,
        error: None,
    }
}
