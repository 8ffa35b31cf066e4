//! A person's hand on the simulated Rubitime, and what a person sees there.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::RubitimeSim;
use super::state::{By, CANCELLED, Cooperator, Record, Reminder, Service, State};
use crate::calls::Call;
use crate::faults::Faults;
use crate::locked;
use crate::marker::Duplicate;
use crate::person::{Booking, Edit, Hand, Inspect, NoSuchRecord, Seen, fingerprint};

impl RubitimeSim {
    /// Adds a cooperator who works from `open` to `close` on every day.
    pub fn add_cooperator(
        &self,
        id: u64,
        title: &str,
        open: Time,
        close: Time,
        breaks: &[(Time, Time)],
    ) {
        let cooperator = Cooperator {
            id,
            title: title.to_owned(),
            open,
            close,
            breaks: breaks.to_vec(),
        };
        locked(&self.state).cooperators.insert(id, cooperator);
    }

    /// Adds a service at a price in whole roubles; its schedule has a start every `step` minutes.
    pub fn add_service(&self, id: u64, title: &str, minutes: i64, step: i64, price: i64) {
        let service = Service {
            id,
            title: title.to_owned(),
            minutes,
            step,
            price,
        };
        locked(&self.state).services.insert(id, service);
    }

    /// Moves the account to another zone; wall-clock times stay.
    pub fn set_time_zone(&self, zone: TimeZone) {
        locked(&self.state).zone = zone;
    }

    /// Sets the owner's reminder on a record to so many minutes before its start; none turns it off.
    pub fn remind(&self, id: u64, minutes: Option<i64>) -> Result<(), NoSuchRecord> {
        self.change(id, |_, record| {
            record.reminder = minutes.map(|minutes| record.start.saturating_sub(minutes.minutes()));
        })
    }

    /// Writes into a custom field of a record.
    pub fn set_custom_field(&self, id: u64, number: u8, text: &str) -> Result<(), NoSuchRecord> {
        self.change(id, |_, record| {
            record.custom_fields.insert(number, text.to_owned());
        })
    }

    /// The reminders that will go out to clients because a write by API left them on.
    pub fn reminders_set(&self) -> Vec<Reminder> {
        locked(&self.state).reminders.clone()
    }

    fn change(
        &self,
        id: u64,
        change: impl FnOnce(&State, &mut Record),
    ) -> Result<(), NoSuchRecord> {
        let mut state = locked(&self.state);
        let mut record = state.records.get(&id).cloned().ok_or(NoSuchRecord(id))?;
        change(&state, &mut record);
        state.put(record, By::Person);
        Ok(())
    }
}

impl Hand for RubitimeSim {
    fn book(&self, booking: &Booking) -> u64 {
        let mut state = locked(&self.state);
        let start = state.local(booking.start);
        let service = booking.services.first().copied().unwrap_or_default();
        let mut record = state.blank(booking.staff, service, start);
        record.duration = Some(booking.minutes);
        record.name.clone_from(&booking.name);
        record.phone.clone_from(&booking.phone);
        record.email.clone_from(&booking.email);
        record.comment.clone_from(&booking.comment);
        record.status = booking.status;
        let id = record.id;
        state.put(record, By::Person);
        id
    }

    fn move_to(&self, id: u64, start: Timestamp) -> Result<(), NoSuchRecord> {
        self.change(id, |state, record| record.start = state.local(start))
    }

    fn edit(&self, id: u64, edit: &Edit) -> Result<(), NoSuchRecord> {
        self.change(id, |_, record| {
            if let Some(staff) = edit.staff {
                record.cooperator = staff;
            }
            if let Some(service) = edit.services.as_ref().and_then(|services| services.first()) {
                record.service = *service;
            }
            if let Some(minutes) = edit.minutes {
                record.duration = Some(minutes);
            }
            if let Some(status) = edit.status {
                record.status = status;
            }
            for (sent, kept) in [
                (&edit.name, &mut record.name),
                (&edit.phone, &mut record.phone),
                (&edit.email, &mut record.email),
                (&edit.comment, &mut record.comment),
            ] {
                if let Some(sent) = sent {
                    kept.clone_from(sent);
                }
            }
        })
    }

    fn cancel(&self, id: u64) -> Result<(), NoSuchRecord> {
        self.change(id, |_, record| record.status = CANCELLED)
    }

    fn remove(&self, id: u64) -> Result<(), NoSuchRecord> {
        if locked(&self.state).take_away(id, By::Person) {
            Ok(())
        } else {
            Err(NoSuchRecord(id))
        }
    }

    fn is_free(&self, staff: u64, start: Timestamp, minutes: i64) -> bool {
        let state = locked(&self.state);
        let local = state.local(start);
        let Some(cooperator) = state.cooperators.get(&staff) else {
            return false;
        };
        let end = local.saturating_add(minutes.minutes());
        let paused = cooperator.breaks.iter().any(|(from, to)| {
            local.date().to_datetime(*from) < end && local.date().to_datetime(*to) > local
        });
        let open =
            local.time() >= cooperator.open && end <= local.date().to_datetime(cooperator.close);
        open && !paused && !state.is_busy(staff, local, minutes, 0)
    }
}

impl Inspect for RubitimeSim {
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
                &state.cooperators,
                &state.services,
                &state.records,
                &state.reminders
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
