//! What the simulated AlfaCRM account holds, and the rules that hold whoever changes it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::options::Options;
use super::wire;
use crate::clock::SimClock;
use crate::dice::Dice;
use crate::marker::Watch;
use crate::person::Seen;
use crate::webhooks::Outbox;

/// The status of a planned lesson.
pub(super) const PLANNED: i64 = 1;
/// The status of a cancelled lesson.
pub(super) const CANCELLED: i64 = 2;
/// The status of a lesson that was held.
pub(super) const HELD: i64 = 3;

/// The lesson type for one customer alone.
pub(super) const INDIVIDUAL: u64 = 1;
/// The lesson type for groups.
pub(super) const GROUP: u64 = 2;

/// The user that the API's calls are made as.
pub(super) const API_USER: u64 = 8;

/// Something with a name: a teacher, a subject, a room, a lesson type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) active: bool,
}

/// A client or lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Customer {
    pub(super) id: u64,
    pub(super) branches: Vec<u64>,
    pub(super) name: String,
    /// A client, or a lead.
    pub(super) study: bool,
    pub(super) archived: bool,
    pub(super) phones: Vec<String>,
    pub(super) emails: Vec<String>,
    pub(super) note: String,
    /// In hundredths.
    pub(super) balance: i64,
}

/// One person's part in a lesson.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Detail {
    pub(super) id: u64,
    pub(super) customer: u64,
    pub(super) attended: Option<bool>,
}

#[expect(
    clippy::struct_field_names,
    reason = "the platform says type of lesson"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lesson {
    pub(super) id: u64,
    pub(super) branch: u64,
    /// By the branch's clocks, in whole minutes.
    pub(super) start: DateTime,
    pub(super) minutes: i64,
    pub(super) lesson_type: u64,
    pub(super) status: i64,
    pub(super) subject: u64,
    pub(super) room: Option<u64>,
    pub(super) teachers: Vec<u64>,
    pub(super) customers: Vec<u64>,
    pub(super) groups: Vec<u64>,
    pub(super) note: String,
    pub(super) topic: String,
    pub(super) homework: String,
    pub(super) rule: Option<u64>,
    pub(super) details: Vec<Detail>,
    pub(super) custom: BTreeMap<String, String>,
    pub(super) created: Timestamp,
    pub(super) changed: Timestamp,
}

impl Lesson {
    pub(super) fn end(&self) -> DateTime {
        self.start
            .saturating_add(SignedDuration::from_mins(self.minutes))
    }
}

/// A recurring rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) id: u64,
    pub(super) branch: u64,
    pub(super) teacher: u64,
    pub(super) customer: u64,
    pub(super) subject: u64,
    /// 1 for Monday.
    pub(super) day: i8,
    pub(super) from: Time,
    pub(super) to: Time,
    pub(super) first: Date,
    pub(super) last: Option<Date>,
}

/// A token and when it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) until: Timestamp,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) options: Options,
    pub(super) clock: SimClock,
    pub(super) outbox: Outbox,
    pub(super) branches: BTreeMap<u64, Named>,
    /// The branch that people work in.
    pub(super) branch: u64,
    pub(super) zone: TimeZone,
    pub(super) teachers: BTreeMap<u64, Named>,
    pub(super) subjects: BTreeMap<u64, Named>,
    pub(super) rooms: BTreeMap<u64, Named>,
    /// Lesson types with what they behave like.
    pub(super) lesson_types: BTreeMap<u64, (Named, u64)>,
    pub(super) customers: BTreeMap<u64, Customer>,
    pub(super) lessons: BTreeMap<u64, Lesson>,
    pub(super) rules: BTreeMap<u64, Rule>,
    pub(super) tokens: Vec<Token>,
    /// Lessons that a write by API has marked as held, which charges their customers.
    pub(super) held_by_api: Vec<u64>,
    /// Lessons that are shown with a value of an impossible shape.
    pub(super) spoilt: BTreeSet<u64>,
    pub(super) watch: Watch,
    pub(super) dice: Dice,
    last_id: u64,
    tokens_given: u64,
}

/// Who made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Api,
    Person,
}

impl State {
    pub(super) fn new(
        branch: u64,
        zone: TimeZone,
        clock: SimClock,
        outbox: Outbox,
        options: Options,
    ) -> Self {
        let named = |name: &str| Named {
            name: name.to_owned(),
            active: true,
        };
        let types = [
            (INDIVIDUAL, "Индивидуальный"),
            (GROUP, "Групповой"),
            (3, "Пробный"),
        ];
        Self {
            dice: Dice::new(options.odd_spellings.unwrap_or_default()),
            options,
            clock,
            outbox,
            branches: [(branch, named("Главный")), (branch + 1, named("Второй"))].into(),
            branch,
            zone,
            teachers: BTreeMap::new(),
            subjects: BTreeMap::new(),
            rooms: BTreeMap::new(),
            lesson_types: types
                .into_iter()
                .map(|(id, name)| (id, (named(name), id)))
                .collect(),
            customers: BTreeMap::new(),
            lessons: BTreeMap::new(),
            rules: BTreeMap::new(),
            tokens: Vec::new(),
            held_by_api: Vec::new(),
            spoilt: BTreeSet::new(),
            watch: Watch::default(),
            last_id: 9000,
            tokens_given: 0,
        }
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Gives a new token.
    pub(super) fn issue(&mut self) -> String {
        self.tokens_given += 1;
        let mut dice = Dice::new(self.tokens_given);
        let text = format!("{:016x}{:016x}", dice.roll(), dice.roll());
        if self.options.login_revokes {
            self.tokens.clear();
        }
        self.tokens.push(Token {
            text: text.clone(),
            until: self
                .clock
                .now()
                .saturating_add(self.options.token_ttl)
                .unwrap_or(Timestamp::MAX),
        });
        text
    }

    /// The wall-clock time in the branch; the second of a doubled hour can't be told apart.
    pub(super) fn local(&self, instant: Timestamp) -> DateTime {
        self.zone.to_datetime(instant)
    }

    /// The instant of a wall-clock time: the earlier one of two, the later side of a gap.
    pub(super) fn instant(&self, local: DateTime) -> Timestamp {
        self.zone
            .to_ambiguous_timestamp(local)
            .compatible()
            .unwrap_or(Timestamp::MAX)
    }

    /// A lesson that takes its time and fits `is_it`, whose time intersects.
    pub(super) fn in_the_way(
        &self,
        start: DateTime,
        end: DateTime,
        except: u64,
        is_it: impl Fn(&Lesson) -> bool,
    ) -> Option<u64> {
        self.lessons
            .values()
            .find(|lesson| {
                lesson.id != except
                    && lesson.status != CANCELLED
                    && lesson.start < end
                    && start < lesson.end()
                    && is_it(lesson)
            })
            .map(|lesson| lesson.id)
    }

    /// One detail for each customer, those that are there already kept.
    pub(super) fn details(&mut self, customers: &[u64], old: &[Detail]) -> Vec<Detail> {
        customers
            .iter()
            .map(|customer| {
                let kept = old.iter().find(|detail| detail.customer == *customer);
                kept.cloned().unwrap_or_else(|| Detail {
                    id: self.next_id(),
                    customer: *customer,
                    attended: None,
                })
            })
            .collect()
    }

    /// A lesson with nothing in it but its place in time.
    pub(super) fn blank(
        &mut self,
        teacher: u64,
        subject: u64,
        start: DateTime,
        minutes: i64,
    ) -> Lesson {
        let now = self.clock.now();
        Lesson {
            id: self.next_id(),
            branch: self.branch,
            start,
            minutes,
            lesson_type: INDIVIDUAL,
            status: PLANNED,
            subject,
            room: None,
            teachers: vec![teacher],
            customers: Vec::new(),
            groups: Vec::new(),
            note: String::new(),
            topic: String::new(),
            homework: String::new(),
            rule: None,
            details: Vec::new(),
            custom: BTreeMap::new(),
            created: now,
            changed: now,
        }
    }

    /// Puts a lesson in, or takes it away, judges its marker and sends the webhook.
    pub(super) fn put(&mut self, id: u64, lesson: Option<Lesson>, by: By) {
        let now = self.clock.now();
        let lesson = lesson.map(|lesson| Lesson {
            changed: now,
            ..lesson
        });
        let old = match &lesson {
            Some(lesson) => self.lessons.insert(id, lesson.clone()),
            None => self.lessons.remove(&id),
        };
        let live = lesson.as_ref().filter(|lesson| lesson.status != CANCELLED);
        let marker = live.and_then(|lesson| self.options.marker.find(&lesson.note));
        self.watch.note(id, marker, now, by == By::Api);
        let branch = lesson.as_ref().or(old.as_ref()).map(|lesson| lesson.branch);
        let fields = |lesson: Option<&Lesson>| lesson.map(wire::changeable);
        let (before, after) = (fields(old.as_ref()), fields(lesson.as_ref()));
        let event = match (&old, &lesson) {
            (None, _) => "create",
            (Some(_), Some(_)) => "update",
            (Some(_), None) => "delete",
        };
        self.notify(branch, event, "Lesson", id, (before, after), by);
    }

    /// Puts a customer in and sends the webhook.
    pub(super) fn put_customer(&mut self, customer: Customer, by: By) {
        let id = customer.id;
        let fields = |customer: &Customer| json!({"name": customer.name, "phone": customer.phones});
        let branch = customer.branches.first().copied();
        let after = fields(&customer);
        let old = self.customers.insert(id, customer);
        let event = if old.is_some() { "update" } else { "create" };
        let before = old.as_ref().map(fields);
        self.notify(branch, event, "Customer", id, (before, Some(after)), by);
    }

    fn notify(
        &self,
        branch: Option<u64>,
        event: &str,
        entity: &str,
        id: u64,
        (before, after): (Option<Value>, Option<Value>),
        by: By,
    ) {
        if by == By::Api && !self.options.webhook_echo {
            return;
        }
        let (old, new) = wire::difference(before, after);
        let user = if by == By::Api { API_USER } else { 1 };
        let now = self.local(self.clock.now());
        let mut payload = json!({
            "branch_id": branch,
            "event": event,
            "entity": entity,
            "entity_id": id,
            "fields_old": old,
            "fields_new": new,
            "fields_rel": [],
            "user_id": user,
            "datetime": wire::stamp(now),
        });
        if self.options.webhook_texts {
            wire::numbers_as_texts(&mut payload);
        }
        self.outbox.send(&payload);
    }

    /// Whether a customer's contacts hold a text; digits match whatever stands between them.
    pub(super) fn has_contact(customer: &Customer, wanted: &str) -> bool {
        let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
        let wanted_digits = digits(wanted);
        let phone = !wanted_digits.is_empty()
            && !wanted.contains('@')
            && customer
                .phones
                .iter()
                .any(|phone| digits(phone).contains(&wanted_digits));
        let wanted = wanted.trim().to_lowercase();
        let email = customer
            .emails
            .iter()
            .any(|email| email.to_lowercase().contains(&wanted));
        phone || email
    }

    pub(super) fn seen(&self, lesson: &Lesson) -> Seen {
        let customer = lesson
            .customers
            .first()
            .and_then(|id| self.customers.get(id));
        let first = |texts: &[String]| texts.first().cloned().unwrap_or_default();
        let mut fields = lesson.custom.clone();
        for (key, value) in [
            ("lesson_type_id", lesson.lesson_type.to_string()),
            ("topic", lesson.topic.clone()),
            ("homework", lesson.homework.clone()),
            (
                "room_id",
                lesson.room.map(|room| room.to_string()).unwrap_or_default(),
            ),
        ] {
            fields.insert(key.to_owned(), value);
        }
        Seen {
            id: lesson.id,
            staff: lesson.teachers.first().copied().unwrap_or_default(),
            services: vec![lesson.subject],
            start: self.instant(lesson.start),
            end: self
                .instant(lesson.start)
                .saturating_add(SignedDuration::from_mins(lesson.minutes))
                .unwrap_or(Timestamp::MAX),
            name: customer
                .map(|customer| customer.name.clone())
                .unwrap_or_default(),
            phone: customer
                .map(|customer| first(&customer.phones))
                .unwrap_or_default(),
            email: customer
                .map(|customer| first(&customer.emails))
                .unwrap_or_default(),
            comment: lesson.note.clone(),
            status: lesson.status,
            marker: self.options.marker.find(&lesson.note),
            fields,
            activity: lesson.groups.first().copied().unwrap_or_default(),
            deleted: lesson.status == CANCELLED,
            changed_at: lesson.changed,
        }
    }
}
