//! A person's hand on the simulated YCLIENTS, and what a person sees there.

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::YclientsSim;
use super::state::{
    Activity, By, Client, Message, Record, Reminder, Service, Staff, State, digits,
};
use crate::calls::Call;
use crate::faults::Faults;
use crate::locked;
use crate::marker::Duplicate;
use crate::person::{Booking, Edit, Hand, Inspect, NoSuchRecord, Seen, fingerprint};

/// What the owner set on a record by hand, and a sync must leave as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Marks {
    /// The ids of its labels.
    pub labels: Vec<String>,
    /// Its colour, hex without `#`.
    pub color: String,
    /// The account's own fields by code.
    pub custom_fields: Map<String, Value>,
    /// Hours before the visit at which a text message goes out.
    pub sms_remain_hours: i64,
    /// Hours before the visit at which an e-mail goes out.
    pub email_remain_hours: i64,
    /// What the client agreed to.
    pub agreements: Value,
    /// Cost in whole roubles and discount in percent of each service, in order.
    pub prices: Vec<(i64, i64)>,
}

impl YclientsSim {
    /// Adds a member of staff, who works within `hours` on every day, or always.
    pub fn add_staff(&self, id: u64, name: &str, hours: Option<(Time, Time)>) {
        let staff = Staff {
            id,
            name: name.to_owned(),
            fired: false,
            hours,
        };
        locked(&self.state).staff.insert(id, staff);
    }

    /// Dismisses a member of staff; the catalogue still lists the person as fired.
    pub fn fire_staff(&self, id: u64) {
        if let Some(staff) = locked(&self.state).staff.get_mut(&id) {
            staff.fired = true;
        }
    }

    /// Adds a service at a price in whole roubles.
    pub fn add_service(&self, id: u64, title: &str, minutes: i64, price: i64) {
        let service = Service {
            id,
            title: title.to_owned(),
            seconds: minutes * 60,
            price,
        };
        locked(&self.state).services.insert(id, service);
    }

    /// Adds a label that records can carry.
    pub fn add_label(&self, id: &str, title: &str) {
        locked(&self.state)
            .labels
            .insert(id.to_owned(), title.to_owned());
    }

    /// Moves the account to another zone; wall-clock times stay.
    pub fn set_time_zone(&self, zone: TimeZone) {
        locked(&self.state).zone = zone;
    }

    /// Renames the client of a record on the client's card: no record's change stamp moves.
    pub fn rename_client(&self, record: u64, name: &str) -> Result<(), NoSuchRecord> {
        let mut state = locked(&self.state);
        let client = state.records.get(&record).and_then(|record| record.client);
        let card = client.and_then(|client| state.clients.get_mut(&client));
        let card = card.ok_or(NoSuchRecord(record))?;
        name.clone_into(&mut card.name);
        Ok(())
    }

    /// Sets the owner's marks on a record.
    pub fn mark(&self, id: u64, marks: &Marks) -> Result<(), NoSuchRecord> {
        self.change(id, |_, record| {
            record.labels.clone_from(&marks.labels);
            record.color.clone_from(&marks.color);
            record.custom_fields.clone_from(&marks.custom_fields);
            record.sms_remain_hours = marks.sms_remain_hours;
            record.email_remain_hours = marks.email_remain_hours;
            record.agreements.clone_from(&marks.agreements);
            for (line, (cost, discount)) in record.services.iter_mut().zip(&marks.prices) {
                line.cost = (*cost).into();
                line.discount = (*discount).into();
            }
        })
    }

    /// Reads the owner's marks of a record, deleted or not.
    pub fn marks(&self, id: u64) -> Option<Marks> {
        let state = locked(&self.state);
        let record = state.records.get(&id)?;
        Some(Marks {
            labels: record.labels.clone(),
            color: record.color.clone(),
            custom_fields: record.custom_fields.clone(),
            sms_remain_hours: record.sms_remain_hours,
            email_remain_hours: record.email_remain_hours,
            agreements: record.agreements.clone(),
            prices: record
                .services
                .iter()
                .map(|line| {
                    let whole = |number: &serde_json::Number| number.as_i64().unwrap_or(i64::MIN);
                    (whole(&line.cost), whole(&line.discount))
                })
                .collect(),
        })
    }

    /// Books several records as one visit.
    pub fn book_visit(&self, bookings: &[Booking]) -> Vec<u64> {
        let ids: Vec<u64> = bookings.iter().map(|booking| self.book(booking)).collect();
        let mut state = locked(&self.state);
        let visit = ids
            .first()
            .and_then(|id| state.records.get(id))
            .map(|record| record.visit);
        for id in &ids {
            if let (Some(visit), Some(record)) = (visit, state.records.get_mut(id)) {
                record.visit = visit;
            }
        }
        ids
    }

    /// Sets up a group event.
    pub fn add_activity(&self, staff: u64, service: u64, start: Timestamp, minutes: i64) -> u64 {
        let mut state = locked(&self.state);
        let id = state.next_id();
        let activity = Activity {
            staff,
            service,
            start: state.local(start),
            seconds: minutes * 60,
        };
        state.activities.insert(id, activity);
        id
    }

    /// Signs a client up for a group event, which makes a record.
    pub fn join(&self, activity: u64, name: &str, phone: &str) -> Result<u64, NoSuchRecord> {
        let mut state = locked(&self.state);
        let event = state
            .activities
            .get(&activity)
            .cloned()
            .ok_or(NoSuchRecord(activity))?;
        let mut record = state.blank(event.staff, event.start, event.seconds);
        record.activity = activity;
        record.services = state.line(event.service).into_iter().collect();
        record.client = state.client(card(name, phone, ""), None, None);
        let id = record.id;
        state.records.insert(id, record);
        state.changed(id, By::Person, "create");
        Ok(id)
    }

    /// Moves a group event with all its records.
    pub fn move_activity(&self, activity: u64, start: Timestamp) -> Result<(), NoSuchRecord> {
        let mut state = locked(&self.state);
        let local = state.local(start);
        let event = state
            .activities
            .get_mut(&activity)
            .ok_or(NoSuchRecord(activity))?;
        event.start = local;
        let mut moved = Vec::new();
        for record in state.records.values_mut() {
            if record.activity == activity && !record.deleted {
                record.start = local;
                moved.push(record.id);
            }
        }
        for id in moved {
            state.changed(id, By::Person, "update");
        }
        Ok(())
    }

    /// The messages that really went out to clients because a write by API asked for it.
    pub fn messages_sent(&self) -> Vec<Message> {
        locked(&self.state).messages.clone()
    }

    /// The reminders that writes by API turned on.
    pub fn reminders_set(&self) -> Vec<Reminder> {
        locked(&self.state).reminders.clone()
    }

    fn change(
        &self,
        id: u64,
        change: impl FnOnce(&mut State, &mut Record),
    ) -> Result<(), NoSuchRecord> {
        let mut state = locked(&self.state);
        let record = state.records.get(&id).filter(|record| !record.deleted);
        let mut record = record.cloned().ok_or(NoSuchRecord(id))?;
        change(&mut state, &mut record);
        let event = if record.deleted { "delete" } else { "update" };
        state.records.insert(id, record);
        state.changed(id, By::Person, event);
        Ok(())
    }
}

fn card(name: &str, phone: &str, email: &str) -> Client {
    Client {
        name: name.to_owned(),
        phone: digits(phone),
        email: email.to_owned(),
        ..Client::default()
    }
}

impl Hand for YclientsSim {
    fn book(&self, booking: &Booking) -> u64 {
        let mut state = locked(&self.state);
        let start = state.local(booking.start);
        let mut record = state.blank(booking.staff, start, booking.minutes * 60);
        record.services = booking
            .services
            .iter()
            .filter_map(|id| state.line(*id))
            .collect();
        record.client = state.client(
            card(&booking.name, &booking.phone, &booking.email),
            None,
            None,
        );
        record.comment = state.comment(&booking.comment);
        record.attendance = booking.status;
        let id = record.id;
        state.records.insert(id, record);
        state.changed(id, By::Person, "create");
        id
    }

    fn move_to(&self, id: u64, start: Timestamp) -> Result<(), NoSuchRecord> {
        self.change(id, |state, record| record.start = state.local(start))
    }

    fn edit(&self, id: u64, edit: &Edit) -> Result<(), NoSuchRecord> {
        self.change(id, |state, record| {
            if let Some(staff) = edit.staff {
                record.staff = staff;
            }
            if let Some(services) = &edit.services {
                record.services = services.iter().filter_map(|id| state.line(*id)).collect();
            }
            if let Some(minutes) = edit.minutes {
                record.seconds = minutes * 60;
            }
            if let Some(comment) = &edit.comment {
                record.comment = state.comment(comment);
            }
            if let Some(status) = edit.status {
                record.attendance = status;
            }
            if edit.name.is_none() && edit.phone.is_none() && edit.email.is_none() {
                return;
            }
            let old = record.client.and_then(|id| state.clients.get(&id));
            let mut new = old.cloned().unwrap_or_default();
            if let Some(phone) = &edit.phone {
                new.phone = digits(phone);
            }
            if let Some(name) = &edit.name {
                new.name.clone_from(name);
            }
            if let Some(email) = &edit.email {
                new.email.clone_from(email);
            }
            let owner = state.by_phone(&new.phone).or(record.client);
            let id = owner.unwrap_or_else(|| state.next_id());
            state.phones.insert(new.phone.clone(), id);
            state.clients.insert(id, new);
            record.client = Some(id);
        })
    }

    fn cancel(&self, id: u64) -> Result<(), NoSuchRecord> {
        self.change(id, |_, record| record.deleted = true)
    }

    fn remove(&self, id: u64) -> Result<(), NoSuchRecord> {
        self.cancel(id)
    }

    fn is_free(&self, staff: u64, start: Timestamp, minutes: i64) -> bool {
        let state = locked(&self.state);
        let local = state.local(start);
        !state.is_busy(staff, local, minutes * 60, 0)
            && !state.is_closed(staff, local, minutes * 60)
    }
}

impl Inspect for YclientsSim {
    fn all(&self) -> Vec<Seen> {
        let state = locked(&self.state);
        state
            .records
            .values()
            .map(|record| state.seen(record))
            .collect()
    }

    fn seen(&self, id: u64) -> Option<Seen> {
        let state = locked(&self.state);
        state.records.get(&id).map(|record| state.seen(record))
    }

    fn fingerprint(&self) -> u64 {
        let state = locked(&self.state);
        fingerprint(format_args!(
            "{:?}",
            (
                (
                    &state.staff,
                    &state.services,
                    &state.labels,
                    &state.clients,
                    &state.records
                ),
                (&state.activities, &state.messages, &state.reminders),
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
