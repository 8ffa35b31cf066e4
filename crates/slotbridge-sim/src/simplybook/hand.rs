//! A person's hand on the simulated company, and what a person sees there.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::SimplybookSim;
use super::state::{Booked, By, Event, IntakeField, Message, State, Unit};
use crate::calls::Call;
use crate::faults::Faults;
use crate::locked;
use crate::marker::Duplicate;
use crate::person::{Booking, Edit, Hand, Inspect, NoSuchRecord, Seen, fingerprint};

impl SimplybookSim {
    /// Adds a provider who works from `open` to `close` on every day, one booking at a time.
    pub fn add_unit(&self, id: u64, name: &str, open: Time, close: Time, breaks: &[(Time, Time)]) {
        let unit = Unit {
            id,
            name: name.to_owned(),
            open,
            close,
            breaks: breaks.to_vec(),
            qty: 1,
            active: true,
        };
        locked(&self.state).units.insert(id, unit);
    }

    /// Lets a provider take so many bookings at the same time.
    pub fn set_qty(&self, id: u64, qty: usize) {
        if let Some(unit) = locked(&self.state).units.get_mut(&id) {
            unit.qty = qty;
        }
    }

    /// Adds a service.
    pub fn add_event(&self, id: u64, name: &str, minutes: i64, price: i64) {
        let event = Event {
            id,
            name: name.to_owned(),
            minutes,
            price,
            active: true,
        };
        locked(&self.state).events.insert(id, event);
    }

    /// Adds a field to the intake form of every service.
    pub fn add_intake_field(&self, name: &str, title: &str, required: bool) {
        let field = IntakeField {
            name: name.to_owned(),
            title: title.to_owned(),
            required,
        };
        locked(&self.state).fields.push(field);
    }

    /// Closes the company on a day.
    pub fn close_on(&self, day: Date) {
        locked(&self.state).days_off.insert(day);
    }

    /// Moves the company to another zone; wall-clock times stay.
    pub fn set_time_zone(&self, zone: TimeZone) {
        locked(&self.state).zone = zone;
    }

    /// Adds a client's card and gives its id.
    pub fn add_client(&self, name: &str, email: &str, phone: &str) -> u64 {
        locked(&self.state).add_client(name, email, phone)
    }

    /// How many client cards there are.
    pub fn clients(&self) -> usize {
        locked(&self.state).clients.len()
    }

    /// The messages that reached clients because of writes by API.
    pub fn messages_sent(&self) -> Vec<Message> {
        locked(&self.state).messages.clone()
    }

    /// The hash that signs calls about a booking.
    pub fn hash_of(&self, id: u64) -> Option<String> {
        locked(&self.state)
            .bookings
            .get(&id)
            .map(|booked| booked.hash.clone())
    }

    /// Sets the owner's status of a booking.
    pub fn set_status(&self, id: u64, status: u64) -> Result<(), NoSuchRecord> {
        self.change(id, "comment", |_, booked| booked.status = Some(status))
    }

    /// The owner's status of a booking.
    pub fn status_of(&self, id: u64) -> Option<u64> {
        locked(&self.state)
            .bookings
            .get(&id)
            .and_then(|booked| booked.status)
    }

    /// Writes into an intake field of a booking.
    pub fn set_intake(&self, id: u64, name: &str, value: &str) -> Result<(), NoSuchRecord> {
        self.change(id, "comment", |_, booked| {
            booked.additional.insert(name.to_owned(), value.to_owned());
        })
    }

    /// Lets the approval feature say something of a booking: `new`, `approved` or `cancelled`.
    pub fn set_approval(
        &self,
        id: u64,
        approval: &'static str,
        confirmed: bool,
    ) -> Result<(), NoSuchRecord> {
        self.change(id, "change", |_, booked| {
            booked.approval = Some(approval);
            booked.confirmed = confirmed;
        })
    }

    /// Shows a booking with an impossible start from now on.
    pub fn spoil(&self, id: u64) -> Result<(), NoSuchRecord> {
        self.change(id, "comment", |_, booked| booked.spoiled = true)
    }

    /// Ends all tokens.
    pub fn expire_tokens(&self) {
        locked(&self.state).tokens.clear();
    }

    fn change(
        &self,
        id: u64,
        about: &'static str,
        change: impl FnOnce(&mut State, &mut Booked),
    ) -> Result<(), NoSuchRecord> {
        let mut state = locked(&self.state);
        let mut booked = state.bookings.get(&id).cloned().ok_or(NoSuchRecord(id))?;
        change(&mut state, &mut booked);
        state.put(booked, about, By::Person);
        Ok(())
    }
}

impl Hand for SimplybookSim {
    fn book(&self, booking: &Booking) -> u64 {
        let mut state = locked(&self.state);
        let start = state.local(booking.start);
        let end = booking
            .start
            .saturating_add(jiff::SignedDuration::from_mins(booking.minutes));
        let end = state.local(end.unwrap_or(Timestamp::MAX));
        let event = booking.services.first().copied().unwrap_or_default();
        let client = state.exact_client(&booking.name, &booking.email, &booking.phone);
        let mut booked = state.blank(event, booking.staff, client, start);
        booked.end = end;
        booked.comment.clone_from(&booking.comment);
        let id = booked.id;
        state.put(booked, "create", By::Person);
        id
    }

    fn move_to(&self, id: u64, start: Timestamp) -> Result<(), NoSuchRecord> {
        self.change(id, "change", |state, booked| {
            let (from, until) = state.span(booked.start, booked.end);
            booked.start = state.local(start);
            let end = start.saturating_add(until.duration_since(from));
            booked.end = state.local(end.unwrap_or(Timestamp::MAX));
        })
    }

    fn edit(&self, id: u64, edit: &Edit) -> Result<(), NoSuchRecord> {
        let only_comment = *edit
            == Edit {
                comment: edit.comment.clone(),
                ..Edit::default()
            };
        let about = if only_comment { "comment" } else { "change" };
        self.change(id, about, |state, booked| {
            if let Some(staff) = edit.staff {
                booked.unit = staff;
            }
            if let Some(service) = edit.services.as_ref().and_then(|services| services.first()) {
                booked.event = *service;
            }
            if let Some(minutes) = edit.minutes {
                booked.end = booked.start.saturating_add(minutes.minutes());
            }
            if let Some(comment) = &edit.comment {
                booked.comment.clone_from(comment);
            }
            match edit.status {
                Some(0) => booked.confirmed = false,
                Some(_) => booked.confirmed = true,
                None => {}
            }
            if edit.name.is_some() || edit.phone.is_some() || edit.email.is_some() {
                let old = state.clients.get(&booked.client).cloned();
                let kept = |new: &Option<String>, old: Option<String>| {
                    new.clone().or(old).unwrap_or_default()
                };
                let name = kept(&edit.name, old.as_ref().map(|client| client.name.clone()));
                let phone = kept(&edit.phone, old.as_ref().map(|client| client.phone.clone()));
                let email = kept(&edit.email, old.as_ref().map(|client| client.email.clone()));
                booked.client = state.exact_client(&name, &email, &phone);
            }
        })
    }

    fn cancel(&self, id: u64) -> Result<(), NoSuchRecord> {
        self.change(id, "cancel", |_, booked| {
            booked.confirmed = false;
            if booked.approval.is_some() {
                booked.approval = Some("cancelled");
            }
        })
    }

    fn remove(&self, id: u64) -> Result<(), NoSuchRecord> {
        if locked(&self.state).take_away(id) {
            Ok(())
        } else {
            Err(NoSuchRecord(id))
        }
    }

    fn is_free(&self, staff: u64, start: Timestamp, minutes: i64) -> bool {
        let state = locked(&self.state);
        let start = state.local(start);
        let end = start.saturating_add(minutes.minutes());
        let event = state.events.keys().next().copied().unwrap_or_default();
        state.refusal(event, staff, start, end, 0).is_none()
    }
}

impl Inspect for SimplybookSim {
    fn all(&self) -> Vec<Seen> {
        let state = locked(&self.state);
        state
            .bookings
            .values()
            .map(|booked| state.seen(booked))
            .collect()
    }

    fn seen(&self, id: u64) -> Option<Seen> {
        let state = locked(&self.state);
        state.bookings.get(&id).map(|booked| state.seen(booked))
    }

    fn fingerprint(&self) -> u64 {
        let state = locked(&self.state);
        fingerprint(format_args!(
            "{:?}",
            (
                &state.units,
                &state.events,
                &state.clients,
                &state.bookings,
                &state.messages
            )
        ))
    }

    fn duplicates_ever(&self) -> Vec<Duplicate> {
        locked(&self.state).watch.found().to_vec()
    }

    fn calls(&self) -> Vec<Call> {
        self.desk.calls.all()
    }

    fn calls_from(&self, place: usize) -> Vec<Call> {
        self.desk.calls.from(place)
    }

    fn call_count(&self) -> usize {
        self.desk.calls.len()
    }

    fn forget_calls(&self) {
        self.desk.calls.forget();
    }

    fn count(&self, method: &str) -> usize {
        self.desk.calls.count(method)
    }

    fn quota_violations(&self) -> Vec<Call> {
        self.desk.calls.over_quota()
    }

    fn faults(&self) -> &Faults {
        &self.desk.faults
    }
}
