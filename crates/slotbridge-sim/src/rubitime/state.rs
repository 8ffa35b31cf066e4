//! What the simulated Rubitime account holds, and the rules that hold whoever changes it.

use std::collections::BTreeMap;

use bytes::Bytes;
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

/// The status that means cancelled; every other one takes up time.
pub(super) const CANCELLED: i64 = 4;

/// A cooperator and the hours of every day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cooperator {
    /// The id.
    pub id: u64,
    /// The name.
    pub title: String,
    /// When the day begins.
    pub open: Time,
    /// When the day ends.
    pub close: Time,
    /// Breaks of every day, from and to.
    pub breaks: Vec<(Time, Time)>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The id.
    pub id: u64,
    /// The title.
    pub title: String,
    /// How long it takes, in minutes.
    pub minutes: i64,
    /// How far apart the starts in the schedule are, in minutes.
    pub step: i64,
    /// The price in whole roubles.
    pub price: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) id: u64,
    pub(super) cooperator: u64,
    pub(super) service: u64,
    /// Wall-clock time in the branch.
    pub(super) start: DateTime,
    /// Minutes, where they aren't the service's own.
    pub(super) duration: Option<i64>,
    pub(super) name: String,
    pub(super) phone: String,
    pub(super) email: String,
    pub(super) comment: String,
    pub(super) status: i64,
    pub(super) price: String,
    pub(super) whom: i64,
    pub(super) source: String,
    pub(super) reminder: Option<DateTime>,
    pub(super) prepayment: Option<String>,
    pub(super) prepayment_date: Option<String>,
    pub(super) prepayment_url: Option<String>,
    pub(super) coupon: Option<String>,
    pub(super) cancel_reason: Option<String>,
    pub(super) custom_fields: BTreeMap<u8, String>,
    pub(super) created: Timestamp,
    pub(super) updated: Option<Timestamp>,
}

/// A reminder that will go out to a client because a write by API left it on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reminder {
    /// The record it is about.
    pub record: u64,
    /// When it goes out, on the branch's wall clock.
    pub at: DateTime,
}

/// Who made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Api,
    Person,
}

/// A schedule that was given, and what it holds for: the same is asked for every few seconds.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) cooperator: Cooperator,
    pub(super) service: Service,
    pub(super) only: Option<bool>,
    pub(super) taken: Vec<(Timestamp, Timestamp)>,
    /// The day on which it was asked for.
    pub(super) today: Date,
    /// After the first of these starts, and up to the second, nothing more becomes too soon.
    pub(super) soonest: (Timestamp, Timestamp),
    pub(super) body: Bytes,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) options: Options,
    pub(super) clock: SimClock,
    pub(super) outbox: Outbox,
    pub(super) branch: u64,
    pub(super) zone: TimeZone,
    pub(super) cooperators: BTreeMap<u64, Cooperator>,
    pub(super) services: BTreeMap<u64, Service>,
    pub(super) records: BTreeMap<u64, Record>,
    pub(super) reminders: Vec<Reminder>,
    /// The last schedule of each cooperator.
    pub(super) given: BTreeMap<u64, Given>,
    pub(super) watch: Watch,
    pub(super) dice: Dice,
    last_id: u64,
}

impl State {
    pub(super) fn new(
        branch: u64,
        zone: TimeZone,
        clock: SimClock,
        outbox: Outbox,
        options: Options,
    ) -> Self {
        Self {
            dice: Dice::new(options.odd_spellings.unwrap_or_default()),
            options,
            clock,
            outbox,
            branch,
            zone,
            cooperators: BTreeMap::new(),
            services: BTreeMap::new(),
            records: BTreeMap::new(),
            reminders: Vec::new(),
            given: BTreeMap::new(),
            watch: Watch::default(),
            last_id: 8_900_000,
        }
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

    /// The minutes that a record takes up: its own, else its service's.
    pub(super) fn minutes(&self, record: &Record) -> i64 {
        let usual = || {
            self.services
                .get(&record.service)
                .map_or(0, |service| service.minutes)
        };
        record
            .duration
            .filter(|minutes| *minutes > 0)
            .unwrap_or_else(usual)
    }

    pub(super) fn span(&self, start: DateTime, minutes: i64) -> (Timestamp, Timestamp) {
        let from = self.instant(start);
        let length = SignedDuration::from_mins(minutes);
        (from, from.saturating_add(length).unwrap_or(Timestamp::MAX))
    }

    /// The stretches that a cooperator's records take up, apart from one record.
    pub(super) fn taken(&self, cooperator: u64, except: u64) -> Vec<(Timestamp, Timestamp)> {
        self.records
            .values()
            .filter(|record| {
                record.cooperator == cooperator && record.status != CANCELLED && record.id != except
            })
            .map(|record| self.span(record.start, self.minutes(record)))
            .collect()
    }

    pub(super) fn is_busy(
        &self,
        cooperator: u64,
        start: DateTime,
        minutes: i64,
        except: u64,
    ) -> bool {
        let (from, until) = self.span(start, minutes);
        let taken = self.taken(cooperator, except);
        taken
            .iter()
            .any(|(start, end)| *start < until && *end > from)
    }

    /// A record with nothing in it but its place; it is not in the map yet.
    pub(super) fn blank(&mut self, cooperator: u64, service: u64, start: DateTime) -> Record {
        // Ids are shared by all accounts of the platform, so they don't come one after another.
        self.last_id += 1 + self.last_id % 7;
        let price = self
            .services
            .get(&service)
            .map_or(0, |service| service.price);
        Record {
            id: self.last_id,
            cooperator,
            service,
            start,
            duration: None,
            name: String::new(),
            phone: String::new(),
            email: String::new(),
            comment: String::new(),
            status: 0,
            price: price.to_string(),
            whom: 0,
            source: String::new(),
            reminder: None,
            prepayment: None,
            prepayment_date: None,
            prepayment_url: None,
            coupon: None,
            cancel_reason: None,
            custom_fields: BTreeMap::new(),
            created: self.clock.now(),
            updated: None,
        }
    }

    /// Puts a new or changed record in place, judges its marker and sends the webhook.
    pub(super) fn put(&mut self, mut record: Record, by: By) {
        let now = self.clock.now();
        let event = if self.records.contains_key(&record.id) {
            record.updated = Some(now);
            "event-update-record"
        } else {
            "event-create-record"
        };
        let marker = self.marker(&record).filter(|_| record.status != CANCELLED);
        self.watch.note(record.id, marker, now, by == By::Api);
        let data = wire::record(self, &record);
        self.records.insert(record.id, record);
        self.tell(event, data, by);
    }

    /// Removes a record for good.
    pub(super) fn take_away(&mut self, id: u64, by: By) -> bool {
        let Some(record) = self.records.remove(&id) else {
            return false;
        };
        self.watch.note(id, None, self.clock.now(), by == By::Api);
        let data = if self.options.remove_webhook_id_only {
            json!({"id": id})
        } else {
            wire::record(self, &record)
        };
        self.tell("event-remove-record", data, by);
        true
    }

    fn tell(&mut self, event: &str, mut data: Value, by: By) {
        if by == By::Api && !self.options.webhook_echo {
            return;
        }
        if self.options.odd_spellings.is_some() {
            wire::oddly(&mut data, &mut self.dice);
        }
        self.outbox
            .send(&json!({"from": "user", "event": event, "data": data}));
    }

    pub(super) fn marker(&self, record: &Record) -> Option<String> {
        let own = self
            .options
            .marker_field
            .and_then(|number| record.custom_fields.get(&number));
        if let Some(own) = own.filter(|own| !own.is_empty()) {
            return Some(own.strip_prefix("sb:").unwrap_or(own).to_owned());
        }
        let format = &self.options.marker;
        let in_fields = record
            .custom_fields
            .values()
            .find_map(|text| format.find(text));
        in_fields.or_else(|| format.find(&record.comment))
    }

    pub(super) fn seen(&self, record: &Record) -> Seen {
        let (start, end) = self.span(record.start, self.minutes(record));
        Seen {
            id: record.id,
            staff: record.cooperator,
            services: vec![record.service],
            start,
            end,
            name: record.name.clone(),
            phone: record.phone.clone(),
            email: record.email.clone(),
            comment: record.comment.clone(),
            status: record.status,
            marker: self.marker(record),
            fields: record
                .custom_fields
                .iter()
                .map(|(number, text)| (format!("custom_field{number}"), text.clone()))
                .collect(),
            activity: 0,
            deleted: record.status == CANCELLED,
            changed_at: record.updated.unwrap_or(record.created),
        }
    }
}
