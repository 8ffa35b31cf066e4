//! The administration service: listing, reading and making bookings.

mod edits;

use serde_json::Value;
use slotbridge_core::marker::Marker;
use slotbridge_core::model::RemoteId;
use slotbridge_core::record::{Listing, Reading, RecordState, Window};
use slotbridge_platform::platform::{Draft, Priority, Written};
use slotbridge_platform::{ErrorKind, PlatformError, Retry};

use crate::clients::{Clients, Fit};
use crate::company::Company;
use crate::convert;
use crate::error;
use crate::fetched::Fetched;
use crate::listing::Lister;
use crate::platform::Hands;
use crate::request::{self, Whole};
use crate::wire;

/// The most bookings whose intake fields one listing reads, the newest first: each costs a call of a daily budget.
const DETAILS_MAX: usize = 20;

const CREATE: &str = "records.create";

/// What the administration service needs besides what both have.
#[derive(Debug, Default)]
pub(crate) struct Admin {
    pub(crate) clients: Clients,
    pub(crate) roles: crate::check::Roles,
    uncapped: std::sync::atomic::AtomicUsize,
    /// The markers of bookings whose intake fields were read, by id.
    markers: std::sync::Mutex<std::collections::BTreeMap<RemoteId, Found>>,
}

/// What was found in a booking's intake fields.
#[derive(Debug, Clone, Copy)]
struct Found(Option<Marker>);

impl Admin {
    pub(crate) async fn list(
        &self,
        hands: &Hands,
        window: Window,
        priority: Priority,
    ) -> Result<Listing, PlatformError> {
        let company = hands.company(priority).await?;
        let partial = self.roles.narrow(hands, priority).await?;
        let lister = Lister {
            session: &hands.session,
            terms: &hands.terms,
            company: &company,
            priority,
            uncapped: &self.uncapped,
        };
        let (mut listing, _shown) = lister.list(window).await?;
        if let Some(why) = partial {
            listing.coverage = slotbridge_core::record::Coverage::Partial { why };
        }
        self.add_markers(hands, &company, &mut listing, priority)
            .await;
        Ok(listing)
    }

    /// A row has no intake fields: where the marker stands in one, new bookings are read one by one.
    async fn add_markers(
        &self,
        hands: &Hands,
        company: &Company,
        listing: &mut Listing,
        priority: Priority,
    ) {
        if hands.terms.marker_field.is_none() {
            return;
        }
        let mut unknown = Vec::new();
        for (place, record) in listing.records.iter_mut().enumerate() {
            if record.marker.is_some() {
                continue;
            }
            match self.known_marker(&record.id) {
                Some(Found(marker)) => mark(record, marker),
                None if record.state == RecordState::Live => {
                    unknown.push((record.created_at, place, record.id.clone()));
                }
                None => {}
            }
        }
        unknown.sort_by(|one, other| other.cmp(one));
        for (_, place, id) in unknown.into_iter().take(DETAILS_MAX) {
            let Some(number) = number(&id) else { continue };
            let marker = match hands
                .call(&request::booking_details(number), priority)
                .await
            {
                Ok(details) => hands
                    .terms
                    .shown(&details, company, Some(""))
                    .map(|shown| shown.marker),
                Err(error) => {
                    tracing::debug!(kind = ?error.kind, "The intake fields of a booking could not be read.");
                    return;
                }
            };
            if let (Ok(marker), Some(record)) = (marker, listing.records.get_mut(place)) {
                self.note_marker(&id, marker);
                mark(record, marker);
            }
        }
    }

    fn known_marker(&self, id: &RemoteId) -> Option<Found> {
        crate::platform::locked(&self.markers).get(id).copied()
    }

    fn note_marker(&self, id: &RemoteId, marker: Option<Marker>) {
        crate::platform::locked(&self.markers).insert(id.clone(), Found(marker));
    }

    pub(crate) async fn read(
        &self,
        hands: &Hands,
        id: &RemoteId,
        priority: Priority,
    ) -> Result<Reading, PlatformError> {
        Ok(self.fetch(hands, id, priority).await?.into_reading())
    }

    async fn fetch(
        &self,
        hands: &Hands,
        id: &RemoteId,
        priority: Priority,
    ) -> Result<Fetched, PlatformError> {
        let Some(number) = number(id) else {
            return Ok(Fetched::Missing);
        };
        let company = hands.company(priority).await?;
        let Some(details) = details(hands, number, priority).await? else {
            return Ok(Fetched::Missing);
        };
        // The details are not known to carry the comment (simplybook contract, 6.4).
        let comment = match details.get("comment") {
            Some(_) => None,
            None => Some(self.comment(hands, number, priority).await?),
        };
        Ok(
            match hands.terms.shown(&details, &company, comment.as_deref()) {
                Ok(shown) => {
                    self.note_marker(id, shown.marker);
                    Fetched::Found(Box::new(shown))
                }
                Err(unreadable) => Fetched::Unreadable(unreadable),
            },
        )
    }

    async fn comment(
        &self,
        hands: &Hands,
        id: u64,
        priority: Priority,
    ) -> Result<String, PlatformError> {
        let ask = request::booking_comment(id);
        let comment = hands.call(&ask, priority).await?;
        let from_object = || {
            comment
                .as_object()
                .and_then(|comment| wire::filled(comment, &["comment", "text"]))
        };
        match &comment {
            // No comment yet.
            Value::Null | Value::Bool(false) => Ok(String::new()),
            Value::Array(empty) if empty.is_empty() => Ok(String::new()),
            _ => wire::raw(&comment)
                .or_else(from_object)
                .ok_or_else(|| error::senseless(&ask, "the comment is no text")),
        }
    }

    pub(crate) async fn create(
        &self,
        hands: &Hands,
        draft: &Draft,
    ) -> Result<Written, PlatformError> {
        let company = hands.company(Priority::Write).await?;
        let times = company.times(CREATE, draft.slot)?;
        let card = hands.terms.card(draft);
        let session = &hands.session;
        let mut whole = Whole {
            event: convert::event(CREATE, draft)?,
            unit: convert::key(CREATE, "resource", draft.resource.as_str())?,
            client: self
                .clients
                .card_for(session, &hands.terms, &card, Fit::Person, None)
                .await?,
            times,
            additional: hands.terms.new_additional(draft.booking, draft.kind),
        };
        let reply = match hands
            .call(&request::admin_book(&whole), Priority::Write)
            .await
        {
            Err(error) if names_missing_client(&error) => {
                self.clients.forget();
                whole.client = self
                    .clients
                    .card_for(session, &hands.terms, &card, Fit::Person, None)
                    .await?;
                hands
                    .call(&request::admin_book(&whole), Priority::Write)
                    .await
            }
            other => other,
        };
        let made = reply.and_then(|reply| Made::read(&request::admin_book(&whole), &reply));
        let (id, waits) = match made {
            Ok(made) => (made.id, made.waits),
            // Without a field for the marker nothing of the lost booking tells that it is ours, except right now.
            Err(error)
                if error.retry == Retry::AfterObserving && hands.terms.marker_field.is_none() =>
            {
                match self.lost(hands, &company, &whole).await {
                    Some(id) => (id, false),
                    None => return Err(error),
                }
            }
            Err(error) => return Err(error),
        };
        let remote = convert::remote_id(id);
        if waits {
            self.confirm(hands, id).await?;
        }
        let comment = hands.terms.new_comment(draft);
        if !comment.is_empty() {
            self.comment_new(hands, id, &comment).await;
        }
        self.note_marker(&remote, Some(convert::marker(draft.booking, draft.kind)));
        Ok(Written {
            id: remote,
            record: None,
        })
    }

    /// A booking of which all that is known is that it may have been made a moment ago.
    async fn lost(&self, hands: &Hands, company: &Company, whole: &Whole) -> Option<u64> {
        let day = whole.times.start.date();
        let rows = hands
            .call(&request::bookings(day, day), Priority::Write)
            .await
            .ok()?;
        let mut found = wire::elements(&rows)?.into_iter().filter_map(|row| {
            let shown = hands.terms.shown(row, company, None).ok()?;
            let same = shown.times == whole.times
                && shown.client_id == Some(whole.client)
                && shown.record.resource.as_str() == whole.unit.to_string()
                && shown
                    .record
                    .services
                    .first()
                    .is_some_and(|event| event.as_str() == whole.event.to_string())
                && shown.marker.is_none()
                && shown.record.comment.is_blank()
                && shown.record.state == RecordState::Live;
            same.then(|| number(&shown.record.id)).flatten()
        });
        let id = found.next()?;
        // Of two alike, neither is known to be ours.
        found.next().is_none().then_some(id)
    }

    /// A booking that waits to be confirmed looks like a cancelled one, so it is confirmed at once.
    async fn confirm(&self, hands: &Hands, id: u64) -> Result<(), PlatformError> {
        match hands
            .call(&request::admin_confirm(id), Priority::Write)
            .await
        {
            Ok(done) if wire::flag(&done) != Some(false) => Ok(()),
            Ok(_) => Err(hands
                .undo(
                    request::admin_cancel(id),
                    "the platform does not confirm the booking",
                )
                .await),
            Err(error) if error.retry == Retry::AfterObserving => Err(error),
            Err(error) => Err(hands.undo(request::admin_cancel(id), &error.message).await),
        }
    }

    /// The booking stands; that its comment is missing is a difference like any other, which the next run sees.
    async fn comment_new(&self, hands: &Hands, id: u64, comment: &str) {
        let ask = request::set_booking_comment(id, comment);
        for _ in 0..2 {
            match hands.call(&ask, Priority::Write).await {
                Ok(done) if wire::flag(&done) != Some(false) => return,
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(kind = ?error.kind, "The comment of a new booking was not written.");
                }
            }
        }
        tracing::warn!(
            record = id,
            "A new booking has no comment and no marker, because the platform did not take them."
        );
    }
}

/// A reply of `book`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) id: u64,
    pub(crate) hash: Option<String>,
    /// Whether it waits for somebody to confirm it.
    pub(crate) waits: bool,
}

impl Made {
    /// Reads the one booking that was made. A null is a failure, and so is more than one: neither was asked for.
    pub(crate) fn read(ask: &request::Ask, reply: &Value) -> Result<Self, PlatformError> {
        let bookings = reply
            .get("bookings")
            .and_then(wire::elements)
            .unwrap_or_default();
        let [booking] = bookings.as_slice() else {
            let why = format!(
                "the reply shows {} bookings where one was made",
                bookings.len()
            );
            return Err(error::senseless(ask, &why));
        };
        let booking = booking.as_object();
        let id = booking.and_then(|booking| wire::first_id(booking, &["id"]));
        let id = id.ok_or_else(|| error::senseless(ask, "the new booking has no id"))?;
        let confirmed = booking
            .and_then(|booking| booking.get("is_confirmed"))
            .and_then(wire::flag);
        let asked = reply.get("require_confirm").and_then(wire::flag) == Some(true);
        Ok(Self {
            id,
            hash: booking.and_then(|booking| wire::filled(booking, &["hash"])),
            waits: asked && confirmed != Some(true),
        })
    }
}

/// A booking's details; none where there is no such booking.
async fn details(
    hands: &Hands,
    id: u64,
    priority: Priority,
) -> Result<Option<Value>, PlatformError> {
    let ask = request::booking_details(id);
    let details = match hands.call(&ask, priority).await {
        Ok(details) => details,
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let row = details.as_object();
    if row.and_then(|row| wire::first_id(row, &["id"])) != Some(id) {
        let why = "the details are those of no or of another booking";
        return Err(error::senseless(&ask, why));
    }
    Ok(Some(details))
}

fn mark(record: &mut slotbridge_core::record::Record, marker: Option<Marker>) {
    record.marker = marker.map(|marker| marker.booking);
    if marker.is_some_and(|marker| marker.block) {
        record.is_block = true;
        record.client = slotbridge_core::model::Client::default();
    }
}

fn names_missing_client(error: &PlatformError) -> bool {
    error
        .context
        .iter()
        .any(|(key, value)| *key == "code" && value == "-3264")
}

/// The platform's number of a booking.
pub(crate) fn number(id: &RemoteId) -> Option<u64> {
    let text = id.as_str();
    let number: u64 = text.parse().ok()?;
    (number > 0 && text == number.to_string()).then_some(number)
}
