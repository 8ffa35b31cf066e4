//! A whole platform in memory, with naive local times, pages and faults, and with flaws that can be switched on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use slotbridge_core::model::{BookingId, Client, Field, Kind, PlatformName, Private, RemoteId, ResourceKey, ServiceKey, Status};
use slotbridge_core::projection::Projection;
use slotbridge_core::record::Record;

use super::super::subject::{Bench, Deviation, Fault, Samples, Seen, Strikes, Subject, Target};
use super::platform::FakePlatform;
use crate::platform::{Draft, Platform};

/// What is broken in a fake adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    BadRowIsDropped,
    BadRowSpoilsListing,
    BlockTellsName,
    CancelledStaysLive,
    CatalogueForgets,
    CheckFindsProblem,
    CheckWrites,
    CommentIsLost,
    CreateErrorIsRepeated,
    CutListingIsComplete,
    DoubledHourIsOff,
    EmptyListingRepeatsOldRows,
    ExpiryIsTransport,
    FeedHidesRemovals,
    FirstPageIsAll,
    GarbageIsEmptyListing,
    GarbageIsSuccess,
    GridShowsAllFree,
    HalfReplyIsLater,
    HtmlIsEmptyListing,
    HtmlIsMissing,
    LostCreateIsLater,
    LostCreateIsRepeated,
    LostRemovalIsLater,
    LostUpdateIsRepeated,
    MarkerDiesWithUpdate,
    MidwayIsComplete,
    OffsetIsFixed,
    PersonsRecordIsMarked,
    PhoneUpdateClearsEmail,
    ReadGivesUpAtOnce,
    ReadsDiffer,
    RemovalDoesNothing,
    RemovalErrorIsRepeated,
    RemovingTwiceFails,
    SameUpdateDoubles,
    ServerErrorIsLater,
    StatusIsIgnored,
    StatusTableTurns,
    TakenIsAccepted,
    TellsClients,
    ThrottleIsBadCredentials,
    ThrottledReadIsMissing,
    ThrottledUpdateIsForgotten,
    TruncatedListingIsComplete,
    UnknownIsError,
    UnsupportedIsEmpty,
    UpdateErrorIsRepeated,
    UpdateMovesBack,
    UpdateWipesExtras,
    WebhookPanics,
    WebhookPointsElsewhere,
    WindowIsOpen,
}

impl Flaw {
    /// Every flaw with the case that must catch it.
    pub(super) const ALL: [(Self, &'static str); 53] = [
        (Self::BadRowIsDropped, "one_unreadable_row_is_quarantined_alone"),
        (Self::BadRowSpoilsListing, "one_unreadable_row_is_quarantined_alone"),
        (Self::BlockTellsName, "a_block_carries_no_client"),
        (Self::CancelledStaysLive, "a_listing_never_shows_what_is_gone_as_live"),
        (Self::CatalogueForgets, "the_catalogue_names_what_can_be_booked"),
        (Self::CheckFindsProblem, "check_finds_no_problem_with_a_sound_account"),
        (Self::CheckWrites, "check_finds_no_problem_with_a_sound_account"),
        (Self::CommentIsLost, "a_created_record_shows_its_draft"),
        (Self::CreateErrorIsRepeated, "a_create_that_ends_in_a_server_error_is_not_repeated"),
        (Self::CutListingIsComplete, "a_cut_listing_is_never_complete"),
        (Self::DoubledHourIsOff, "the_second_of_a_doubled_hour_is_kept_or_refused"),
        (Self::EmptyListingRepeatsOldRows, "an_empty_listing_invents_nothing"),
        (Self::ExpiryIsTransport, "an_expired_token_is_renewed_or_told"),
        (Self::FeedHidesRemovals, "an_incremental_listing_shows_edits_moves_and_removals"),
        (Self::FirstPageIsAll, "a_listing_of_several_pages_is_whole"),
        (Self::GarbageIsEmptyListing, "a_listing_of_garbage_is_never_complete"),
        (Self::GarbageIsSuccess, "a_create_answered_with_garbage_may_have_landed"),
        (Self::GridShowsAllFree, "a_booked_start_shows_as_taken"),
        (Self::HalfReplyIsLater, "a_create_answered_with_half_a_reply_may_have_landed"),
        (Self::HtmlIsEmptyListing, "a_page_for_people_is_never_a_complete_listing"),
        (Self::HtmlIsMissing, "an_unreadable_reply_never_reads_as_missing"),
        (Self::LostCreateIsLater, "a_create_whose_reply_is_lost_lands_once_and_says_that_it_may_have"),
        (Self::LostCreateIsRepeated, "a_create_whose_reply_is_lost_lands_once_and_says_that_it_may_have"),
        (Self::LostRemovalIsLater, "a_removal_whose_reply_is_lost_lands_once_and_says_that_it_may_have"),
        (Self::LostUpdateIsRepeated, "an_update_whose_reply_is_lost_lands_once_and_says_that_it_may_have"),
        (Self::MarkerDiesWithUpdate, "the_marker_survives_create_and_update"),
        (Self::MidwayIsComplete, "a_listing_that_fails_midway_is_partial"),
        (Self::OffsetIsFixed, "local_times_come_back_across_a_clock_change"),
        (Self::PersonsRecordIsMarked, "a_persons_record_is_read_without_marker"),
        (Self::PhoneUpdateClearsEmail, "an_update_of_one_field_leaves_all_others"),
        (Self::ReadGivesUpAtOnce, "a_read_survives_a_server_error_and_a_lost_reply"),
        (Self::ReadsDiffer, "reading_twice_shows_the_same_as_the_write_returned"),
        (Self::RemovalDoesNothing, "a_removed_record_is_gone"),
        (Self::RemovalErrorIsRepeated, "a_removal_that_ends_in_a_server_error_is_not_repeated"),
        (Self::RemovingTwiceFails, "removing_twice_succeeds"),
        (Self::SameUpdateDoubles, "an_update_to_the_same_state_changes_nothing"),
        (Self::ServerErrorIsLater, "a_server_error_before_a_create_is_not_repeated_either"),
        (Self::StatusIsIgnored, "every_status_comes_back_as_projected"),
        (Self::StatusTableTurns, "the_projection_applied_twice_changes_nothing_more"),
        (Self::TakenIsAccepted, "a_busy_slot_is_refused_and_a_forced_one_is_not"),
        (Self::TellsClients, "clients_are_told_nothing"),
        (Self::ThrottleIsBadCredentials, "a_throttled_create_is_waited_out_and_lands_once"),
        (Self::ThrottledReadIsMissing, "a_throttled_read_is_waited_out"),
        (Self::ThrottledUpdateIsForgotten, "a_throttled_update_is_waited_out_and_lands_once"),
        (Self::TruncatedListingIsComplete, "a_truncated_listing_is_never_complete"),
        (Self::UnknownIsError, "an_unknown_id_is_missing"),
        (Self::UnsupportedIsEmpty, "what_the_platform_cannot_is_unsupported"),
        (Self::UpdateErrorIsRepeated, "an_update_that_ends_in_a_server_error_is_not_repeated"),
        (Self::UpdateMovesBack, "a_persons_move_survives_an_update_planned_before_it"),
        (Self::UpdateWipesExtras, "an_update_leaves_what_only_the_owner_sets"),
        (Self::WebhookPanics, "the_webhook_parser_is_total"),
        (Self::WebhookPointsElsewhere, "webhooks_point_at_their_records"),
        (Self::WindowIsOpen, "a_listing_shows_all_and_proves_it"),
    ];
}

/// Which kind of platform the fake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// It lists and tells changes.
    Lister,
    /// It shows known records and free times.
    Reader,
}

#[derive(Debug, Clone)]
pub(super) struct Fake {
    pub(super) shape: Shape,
    pub(super) flaw: Option<Flaw>,
    pub(super) renews: bool,
    pub(super) profile: Vec<Deviation>,
}

impl Fake {
    pub(super) fn new(shape: Shape, flaw: Option<Flaw>) -> Self {
        Self { shape, flaw, renews: shape == Shape::Reader, profile: Vec::new() }
    }
}

#[async_trait]
impl Subject for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn profile(&self) -> Vec<Deviation> {
        self.profile.clone()
    }

    fn renews_tokens(&self) -> bool {
        self.renews
    }

    async fn bench(&self, zone: Option<&TimeZone>) -> Option<Box<dyn Bench>> {
        let zone = zone.cloned().unwrap_or_else(|| TimeZone::get("Europe/Moscow").unwrap());
        let server = Arc::new(Server { zone, state: Mutex::default() });
        let platform = Arc::new(FakePlatform::new(self, Arc::clone(&server)));
        Some(Box::new(FakeBench { platform, server }))
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) live: bool,
    pub(super) marker: Option<BookingId>,
    pub(super) resource: ResourceKey,
    pub(super) services: Vec<ServiceKey>,
    /// As the platform spells it: local, without an offset.
    pub(super) start: DateTime,
    pub(super) length: SignedDuration,
    pub(super) client: Client,
    pub(super) status: Status,
    pub(super) comment: Private,
    pub(super) is_block: bool,
    pub(super) extras: BTreeMap<String, String>,
    pub(super) spoilt: bool,
    pub(super) changed: u64,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) rows: BTreeMap<u64, Row>,
    pub(super) changes: u64,
    pub(super) writes: u64,
    pub(super) messages: Vec<String>,
    faults: Vec<(Target, Fault, Strikes, u64)>,
    struck: u64,
}

impl State {
    /// The fault that the next call meets.
    pub(super) fn meets(&mut self, target: Target) -> Option<Fault> {
        let mut met = None;
        for (of, fault, strikes, seen) in &mut self.faults {
            if *of != target {
                continue;
            }
            *seen += 1;
            let due = match strikes {
                Strikes::First => *seen == 1,
                Strikes::All => true,
                Strikes::AllAfter(calls) => *seen > *calls,
            };
            met = met.or(due.then_some(*fault));
        }
        self.struck += u64::from(met.is_some());
        met
    }

    pub(super) fn touch(&mut self) -> u64 {
        self.changes += 1;
        self.changes
    }

    pub(super) fn insert(&mut self, row: Row) -> RemoteId {
        let id = self.rows.len() as u64 + 100;
        self.rows.insert(id, row);
        RemoteId::new(id.to_string())
    }
}

pub(super) fn key(id: &RemoteId) -> u64 {
    id.as_str().parse().unwrap()
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) zone: TimeZone,
    pub(super) state: Mutex<State>,
}

impl Server {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The server's own reading of its local times: the first of a doubled hour.
    pub(super) fn instant(&self, local: DateTime) -> Timestamp {
        self.zone.to_ambiguous_zoned(local).earlier().unwrap().timestamp()
    }

    pub(super) fn local(&self, instant: Timestamp) -> DateTime {
        instant.to_zoned(self.zone.clone()).datetime()
    }

    /// What a person's hand writes.
    pub(super) fn row(&self, draft: &Draft, changed: u64) -> Row {
        Row {
            live: true,
            marker: None,
            resource: draft.resource.clone(),
            services: draft.services.clone(),
            start: self.local(draft.slot.start()),
            length: draft.slot.end().duration_since(draft.slot.start()),
            client: draft.client.clone(),
            status: draft.status,
            comment: draft.comment.clone(),
            is_block: draft.kind == Kind::Block,
            extras: BTreeMap::new(),
            spoilt: false,
            changed,
        }
    }
}

struct FakeBench {
    platform: Arc<FakePlatform>,
    server: Arc<Server>,
}

impl FakeBench {
    fn change(&self, id: &RemoteId, change: impl FnOnce(&mut Row)) {
        let mut state = self.server.lock();
        let changed = state.touch();
        let row = state.rows.get_mut(&key(id)).unwrap();
        change(row);
        row.changed = changed;
    }
}

impl Bench for FakeBench {
    fn platform(&self) -> Arc<dyn Platform> {
        Arc::clone(&self.platform) as _
    }

    fn samples(&self) -> Samples {
        let first: Timestamp = "2027-02-01T06:00:00Z".parse().unwrap();
        let client = |name: &str, n: u32| Client {
            name: Private::new(name),
            phone: Some(Private::new(format!("+7900000000{n}"))),
            email: Some(Private::new(format!("client{n}@example.com"))),
        };
        let hour = SignedDuration::from_hours(1);
        Samples {
            resources: vec![ResourceKey::new("7"), ResourceKey::new("8")],
            services: vec![(ServiceKey::new("31"), hour), (ServiceKey::new("32"), hour * 2)],
            starts: (0..8).map(|n| first + hour * 26 * n).collect(),
            clients: vec![client("Anna Petrova", 1), client("Boris Ivanov", 2), client("Ёлка", 3)],
            time_zone: self.server.zone.clone(),
            unknown_id: RemoteId::new("999"),
            page_rows: (self.platform.shape == Shape::Lister).then_some(3),
            webhooks: vec![
                (b"changed 101".to_vec(), Some(RemoteId::new("101"))),
                (b"hello".to_vec(), None),
                (b"removed 102 103".to_vec(), Some(RemoteId::new("102"))),
            ],
        }
    }

    fn arm(&self, target: Target, fault: Fault, strikes: Strikes) -> bool {
        self.server.lock().faults.push((target, fault, strikes, 0));
        true
    }

    fn disarm(&self) {
        self.server.lock().faults.clear();
    }

    fn struck(&self) -> u64 {
        self.server.lock().struck
    }

    fn book(&self, draft: &Draft) -> RemoteId {
        let mut state = self.server.lock();
        let changed = state.touch();
        let row = self.server.row(draft, changed);
        state.insert(row)
    }

    fn move_to(&self, id: &RemoteId, start: Timestamp) {
        let start = self.server.local(start);
        self.change(id, |row| row.start = start);
    }

    fn comment(&self, id: &RemoteId, comment: &str) {
        self.change(id, |row| row.comment = Private::new(comment));
    }

    fn cancel(&self, id: &RemoteId) {
        self.change(id, |row| row.live = false);
    }

    fn set_extras(&self, id: &RemoteId) -> bool {
        self.change(id, |row| drop(row.extras.insert("colour".to_owned(), "green".to_owned())));
        true
    }

    fn spoil(&self, id: &RemoteId) -> bool {
        self.change(id, |row| row.spoilt = true);
        true
    }

    fn records(&self) -> Vec<Seen> {
        let state = self.server.lock();
        let seen = |(id, row): (&u64, &Row)| Seen {
            id: RemoteId::new(id.to_string()),
            live: row.live,
            marker: row.marker,
            resource: row.resource.clone(),
            services: row.services.clone(),
            start: self.server.instant(row.start),
            end: Some(self.server.instant(row.start) + row.length),
            client: row.client.clone(),
            status: row.status,
            comment: row.comment.clone(),
            extras: row.extras.clone(),
        };
        state.rows.iter().map(seen).collect()
    }

    fn writes(&self) -> u64 {
        self.server.lock().writes
    }

    fn messages(&self) -> Vec<String> {
        self.server.lock().messages.clone()
    }
}

/// Takes one field of a draft over into a row.
pub(super) fn take(row: &mut Row, field: Field, from: &Row) {
    match field {
        Field::Resource => row.resource.clone_from(&from.resource),
        Field::Services => row.services.clone_from(&from.services),
        Field::Slot => (row.start, row.length) = (from.start, from.length),
        Field::ClientName => row.client.name.clone_from(&from.client.name),
        Field::ClientPhone => row.client.phone.clone_from(&from.client.phone),
        Field::ClientEmail => row.client.email.clone_from(&from.client.email),
        Field::Status => row.status = from.status,
        Field::Comment => row.comment.clone_from(&from.comment),
    }
}

pub(super) fn name() -> PlatformName {
    PlatformName::new("fake").unwrap()
}

/// One service, whole minutes, no state between booked and confirmed.
pub(super) fn projection(flaw: Option<Flaw>) -> Projection {
    let statuses = if flaw == Some(Flaw::StatusTableTurns) {
        [Status::Confirmed, Status::Booked, Status::Arrived, Status::NoShow, Status::Cancelled]
    } else {
        [Status::Booked, Status::Booked, Status::Arrived, Status::NoShow, Status::Cancelled]
    };
    Projection { statuses, slot_step: SignedDuration::from_mins(1), ..Projection::WHOLE }
}

/// So that a reading can be told from the next.
pub(super) fn restless(record: &mut Record, reading: u64) {
    record.changed_at = Timestamp::from_second(i64::try_from(reading).unwrap()).ok();
}
