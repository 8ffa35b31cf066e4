//! A person's hand on the simulated AlfaCRM, and what a person sees there.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::AlfacrmSim;
use super::state::{By, CANCELLED, Customer, GROUP, HELD, Lesson, Named, PLANNED, Rule, State};
use crate::calls::Call;
use crate::faults::Faults;
use crate::locked;
use crate::marker::Duplicate;
use crate::person::{Booking, Edit, Hand, Inspect, NoSuchRecord, Seen, fingerprint};

/// A client's or lead's card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The id.
    pub id: u64,
    /// The name.
    pub name: String,
    /// The phones as they are kept.
    pub phones: Vec<String>,
    /// The e-mails.
    pub emails: Vec<String>,
    /// Whether it is a client, and no lead.
    pub study: bool,
    /// Whether it is archived.
    pub archived: bool,
}

impl Card {
    /// Makes a client's card with an id that the account chooses.
    pub fn new(name: &str, phone: &str) -> Self {
        Self {
            id: 0,
            name: name.to_owned(),
            phones: Some(phone)
                .filter(|phone| !phone.is_empty())
                .map(str::to_owned)
                .into_iter()
                .collect(),
            emails: Vec::new(),
            study: true,
            archived: false,
        }
    }
}

/// A recurring rule of one teacher and one customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurring {
    /// The teacher.
    pub teacher: u64,
    /// The customer.
    pub customer: u64,
    /// The subject.
    pub subject: u64,
    /// The day of the week, 1 for Monday.
    pub day: i8,
    /// When it starts.
    pub from: Time,
    /// When it ends.
    pub to: Time,
    /// The first day that it is about.
    pub first: Date,
    /// The last one, if there is one.
    pub last: Option<Date>,
}

impl AlfacrmSim {
    /// Adds a teacher.
    pub fn add_teacher(&self, id: u64, name: &str) {
        locked(&self.state).teachers.insert(id, named(name));
    }

    /// Archives a teacher.
    pub fn archive_teacher(&self, id: u64) {
        if let Some(teacher) = locked(&self.state).teachers.get_mut(&id) {
            teacher.active = false;
        }
    }

    /// Adds a subject.
    pub fn add_subject(&self, id: u64, name: &str) {
        locked(&self.state).subjects.insert(id, named(name));
    }

    /// Adds a room.
    pub fn add_room(&self, id: u64, name: &str) {
        locked(&self.state).rooms.insert(id, named(name));
    }

    /// Adds a lesson type of the account's own, which behaves like one of the first three.
    pub fn add_lesson_type(&self, id: u64, name: &str, behaviour: u64) {
        locked(&self.state)
            .lesson_types
            .insert(id, (named(name), behaviour));
    }

    /// Moves the account to another zone; wall-clock times stay.
    pub fn set_time_zone(&self, zone: TimeZone) {
        locked(&self.state).zone = zone;
    }

    /// Adds a card to the branch that people work in; gives its id.
    pub fn add_customer(&self, card: &Card) -> u64 {
        let mut state = locked(&self.state);
        let branch = state.branch;
        state.add_card(card, branch)
    }

    /// Adds a card to the other branch; gives its id.
    pub fn add_customer_elsewhere(&self, card: &Card) -> u64 {
        let mut state = locked(&self.state);
        let branch = state.branch + 1;
        state.add_card(card, branch)
    }

    /// Every card, in the order of ids.
    pub fn customers(&self) -> Vec<Card> {
        let state = locked(&self.state);
        let cards = state.customers.values();
        cards
            .map(|customer| Card {
                id: customer.id,
                name: customer.name.clone(),
                phones: customer.phones.clone(),
                emails: customer.emails.clone(),
                study: customer.study,
                archived: customer.archived,
            })
            .collect()
    }

    /// A person renames a customer.
    pub fn rename_customer(&self, id: u64, name: &str) {
        let mut state = locked(&self.state);
        if let Some(mut customer) = state.customers.get(&id).cloned() {
            name.clone_into(&mut customer.name);
            state.put_customer(customer, By::Person);
        }
    }

    /// Plans a lesson of a group, whose people stand in the details only.
    pub fn book_group(
        &self,
        teacher: u64,
        subject: u64,
        start: Timestamp,
        minutes: i64,
        people: &[u64],
    ) -> u64 {
        let mut state = locked(&self.state);
        let local = state.local(start);
        let mut lesson = state.blank(teacher, subject, local, minutes);
        lesson.lesson_type = GROUP;
        lesson.groups = vec![1];
        lesson.details = state.details(people, &[]);
        let id = lesson.id;
        state.put(id, Some(lesson), By::Person);
        id
    }

    /// Plans the same lesson as another one in the other branch.
    pub fn copy_elsewhere(&self, id: u64) -> Result<u64, NoSuchRecord> {
        let mut state = locked(&self.state);
        let mut lesson = state.lessons.get(&id).cloned().ok_or(NoSuchRecord(id))?;
        lesson.id = state.next_id();
        lesson.branch += 1;
        let id = lesson.id;
        state.put(id, Some(lesson), By::Person);
        Ok(id)
    }

    /// Adds a recurring rule; no lesson comes of it yet.
    pub fn add_rule(&self, recurring: &Recurring) -> u64 {
        let mut state = locked(&self.state);
        let id = state.next_id();
        let rule = Rule {
            id,
            branch: state.branch,
            teacher: recurring.teacher,
            customer: recurring.customer,
            subject: recurring.subject,
            day: recurring.day,
            from: recurring.from,
            to: recurring.to,
            first: recurring.first,
            last: recurring.last,
        };
        state.rules.insert(id, rule);
        id
    }

    /// Takes a rule away; its lessons stay.
    pub fn remove_rule(&self, id: u64) {
        locked(&self.state).rules.remove(&id);
    }

    /// Makes the lesson of a rule on a day.
    pub fn make_lesson(&self, rule: u64, date: Date) -> Result<u64, NoSuchRecord> {
        let mut state = locked(&self.state);
        let rule = state.rules.get(&rule).cloned().ok_or(NoSuchRecord(rule))?;
        let start = date.to_datetime(rule.from);
        let minutes = date.to_datetime(rule.to).duration_since(start).as_mins();
        let mut lesson = state.blank(rule.teacher, rule.subject, start, minutes);
        lesson.customers = vec![rule.customer];
        lesson.details = state.details(&[rule.customer], &[]);
        lesson.rule = Some(rule.id);
        let id = lesson.id;
        state.put(id, Some(lesson), By::Person);
        Ok(id)
    }

    /// A person marks a lesson as held, which charges its customers.
    pub fn hold(&self, id: u64, attended: bool) -> Result<(), NoSuchRecord> {
        self.change(id, |state, lesson| {
            lesson.status = HELD;
            for detail in &mut lesson.details {
                detail.attended = Some(attended);
                if let Some(customer) = state.customers.get_mut(&detail.customer) {
                    customer.balance -= 50_000;
                }
            }
        })
    }

    /// A person takes a cancellation back.
    pub fn undo_cancel(&self, id: u64) -> Result<(), NoSuchRecord> {
        self.change(id, |_, lesson| lesson.status = PLANNED)
    }

    /// A person sets who teaches a lesson.
    pub fn set_teachers(&self, id: u64, teachers: &[u64]) -> Result<(), NoSuchRecord> {
        self.change(id, |_, lesson| lesson.teachers = teachers.to_vec())
    }

    /// The owner fills in what the API's writes must leave alone: topic, homework, room and a field of the account's.
    pub fn mark(&self, id: u64, topic: &str, room: Option<u64>) -> Result<(), NoSuchRecord> {
        self.change(id, |_, lesson| {
            topic.clone_into(&mut lesson.topic);
            format!("{topic}, again").clone_into(&mut lesson.homework);
            lesson.room = room;
            lesson
                .custom
                .insert("custom_level".to_owned(), "A2".to_owned());
        })
    }

    /// From now on a lesson is shown with a start of an impossible shape.
    pub fn spoil(&self, id: u64) -> bool {
        let mut state = locked(&self.state);
        let known = state.lessons.contains_key(&id);
        state.spoilt.insert(id);
        known
    }

    /// The lessons that writes by API marked as held, and so charged.
    pub fn held_by_api(&self) -> Vec<u64> {
        locked(&self.state).held_by_api.clone()
    }

    fn change(
        &self,
        id: u64,
        change: impl FnOnce(&mut State, &mut Lesson),
    ) -> Result<(), NoSuchRecord> {
        let mut state = locked(&self.state);
        let mut lesson = state.lessons.get(&id).cloned().ok_or(NoSuchRecord(id))?;
        change(&mut state, &mut lesson);
        state.put(id, Some(lesson), By::Person);
        Ok(())
    }
}

fn named(name: &str) -> Named {
    Named {
        name: name.to_owned(),
        active: true,
    }
}

impl State {
    fn add_card(&mut self, card: &Card, branch: u64) -> u64 {
        let id = if card.id == 0 {
            self.next_id()
        } else {
            card.id
        };
        let customer = Customer {
            id,
            branches: vec![branch],
            name: card.name.clone(),
            study: card.study,
            archived: card.archived,
            phones: card.phones.clone(),
            emails: card.emails.clone(),
            note: String::new(),
            balance: 0,
        };
        self.put_customer(customer, By::Person);
        id
    }

    /// The card that a person takes for a booking: the one with the phone, or with the name where there is no phone.
    fn card_of(&mut self, name: &str, phone: &str, email: &str) -> u64 {
        let known = self.customers.values().find(|customer| {
            if phone.is_empty() {
                customer.name == name && customer.phones.is_empty()
            } else {
                Self::has_contact(customer, phone)
            }
        });
        if let Some(customer) = known {
            return customer.id;
        }
        let card = Card {
            emails: Some(email)
                .filter(|email| !email.is_empty())
                .map(str::to_owned)
                .into_iter()
                .collect(),
            ..Card::new(name, phone)
        };
        let branch = self.branch;
        self.add_card(&card, branch)
    }
}

impl Hand for AlfacrmSim {
    fn book(&self, booking: &Booking) -> u64 {
        let mut state = locked(&self.state);
        let local = state.local(booking.start);
        let subject = booking.services.first().copied().unwrap_or_default();
        let customer = state.card_of(&booking.name, &booking.phone, &booking.email);
        let mut lesson = state.blank(booking.staff, subject, local, booking.minutes);
        lesson.customers = vec![customer];
        lesson.details = state.details(&[customer], &[]);
        lesson.note.clone_from(&booking.comment);
        if booking.status != 0 {
            lesson.status = booking.status;
        }
        let id = lesson.id;
        state.put(id, Some(lesson), By::Person);
        id
    }

    fn move_to(&self, id: u64, start: Timestamp) -> Result<(), NoSuchRecord> {
        self.change(id, |state, lesson| lesson.start = state.local(start))
    }

    fn edit(&self, id: u64, edit: &Edit) -> Result<(), NoSuchRecord> {
        self.change(id, |state, lesson| {
            if let Some(teacher) = edit.staff {
                lesson.teachers = vec![teacher];
            }
            if let Some(subject) = edit.services.as_ref().and_then(|services| services.first()) {
                lesson.subject = *subject;
            }
            if let Some(minutes) = edit.minutes {
                lesson.minutes = minutes;
            }
            if let Some(comment) = &edit.comment {
                lesson.note.clone_from(comment);
            }
            if let Some(status) = edit.status {
                lesson.status = status;
            }
            let customer = lesson.customers.first();
            let customer = customer.and_then(|id| state.customers.get(id)).cloned();
            let Some(mut customer) = customer else { return };
            let before = customer.clone();
            if let Some(name) = &edit.name {
                customer.name.clone_from(name);
            }
            for (new, kept) in [
                (&edit.phone, &mut customer.phones),
                (&edit.email, &mut customer.emails),
            ] {
                if let Some(new) = new {
                    *kept = vec![new.clone()];
                }
            }
            if customer != before {
                state.put_customer(customer, By::Person);
            }
        })
    }

    fn cancel(&self, id: u64) -> Result<(), NoSuchRecord> {
        self.change(id, |_, lesson| lesson.status = CANCELLED)
    }

    fn remove(&self, id: u64) -> Result<(), NoSuchRecord> {
        let mut state = locked(&self.state);
        if state.lessons.contains_key(&id) {
            state.put(id, None, By::Person);
            Ok(())
        } else {
            Err(NoSuchRecord(id))
        }
    }

    fn is_free(&self, staff: u64, start: Timestamp, minutes: i64) -> bool {
        let state = locked(&self.state);
        let local = state.local(start);
        let end = local.saturating_add(SignedDuration::from_mins(minutes));
        state
            .in_the_way(local, end, 0, |lesson| lesson.teachers.contains(&staff))
            .is_none()
    }
}

impl Inspect for AlfacrmSim {
    fn all(&self) -> Vec<Seen> {
        let state = locked(&self.state);
        let here = state
            .lessons
            .values()
            .filter(|lesson| lesson.branch == state.branch);
        here.map(|lesson| state.seen(lesson)).collect()
    }

    fn seen(&self, id: u64) -> Option<Seen> {
        let state = locked(&self.state);
        state.lessons.get(&id).map(|lesson| state.seen(lesson))
    }

    fn fingerprint(&self) -> u64 {
        let state = locked(&self.state);
        fingerprint(format_args!(
            "{:?}",
            (
                (
                    &state.teachers,
                    &state.subjects,
                    &state.rooms,
                    &state.lesson_types
                ),
                (
                    &state.customers,
                    &state.lessons,
                    &state.rules,
                    &state.held_by_api
                ),
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
