//! What the simulated YCLIENTS branch holds, and the rules that hold whoever changes it.

use std::collections::BTreeMap;

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::{Map, Number, Value, json};

use super::options::{ClientCard, Options};
use super::wire;
use crate::clock::SimClock;
use crate::dice::Dice;
use crate::marker::Watch;
use crate::person::Seen;
use crate::webhooks::Outbox;

/// A member of staff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staff {
    /// The id.
    pub id: u64,
    /// The name.
    pub name: String,
    /// Whether the person doesn't work here any more.
    pub fired: bool,
    /// From when to when the person works on every day; none is always.
    pub hours: Option<(Time, Time)>,
}

/// A service of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The id.
    pub id: u64,
    /// The title.
    pub title: String,
    /// How long it takes, in seconds.
    pub seconds: i64,
    /// The price in whole roubles.
    pub price: i64,
}

/// A client's card; phones are digits only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) name: String,
    pub(super) surname: String,
    pub(super) patronymic: String,
    pub(super) phone: String,
    pub(super) email: String,
}

/// One service within a record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) id: u64,
    pub(super) first_cost: Number,
    pub(super) discount: Number,
    pub(super) cost: Number,
    pub(super) amount: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    pub(super) id: u64,
    pub(super) staff: u64,
    pub(super) services: Vec<Line>,
    pub(super) client: Option<u64>,
    /// Wall-clock time in the branch, as the journal shows it.
    pub(super) start: DateTime,
    pub(super) seconds: i64,
    pub(super) comment: String,
    pub(super) api_id: String,
    pub(super) attendance: i64,
    pub(super) created_by: u64,
    pub(super) visit: u64,
    pub(super) activity: u64,
    pub(super) seats: i64,
    pub(super) labels: Vec<String>,
    pub(super) custom_fields: Map<String, Value>,
    pub(super) color: String,
    pub(super) sms_remain_hours: i64,
    pub(super) email_remain_hours: i64,
    pub(super) agreements: Value,
    pub(super) technical_break: Option<i64>,
    pub(super) deleted: bool,
    pub(super) created: Timestamp,
    pub(super) changed: Timestamp,
}

/// A group event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Activity {
    pub(super) staff: u64,
    pub(super) service: u64,
    pub(super) start: DateTime,
    pub(super) seconds: i64,
}

/// A message that really went out to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The record it was about.
    pub record: u64,
    /// When it was sent.
    pub at: Timestamp,
}

/// A reminder that a write by API turned on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reminder {
    /// The record it is about.
    pub record: u64,
    /// Hours before the visit by text message, 0 for none.
    pub sms_hours: i64,
    /// Hours before the visit by e-mail, 0 for none.
    pub email_hours: i64,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) options: Options,
    pub(super) clock: SimClock,
    pub(super) outbox: Outbox,
    pub(super) company: u64,
    pub(super) title: String,
    pub(super) zone: TimeZone,
    pub(super) staff: BTreeMap<u64, Staff>,
    pub(super) services: BTreeMap<u64, Service>,
    /// Label id to title.
    pub(super) labels: BTreeMap<String, String>,
    pub(super) clients: BTreeMap<u64, Client>,
    /// The last card that took a phone; the card itself has the last word.
    pub(super) phones: BTreeMap<String, u64>,
    pub(super) records: BTreeMap<u64, Record>,
    pub(super) activities: BTreeMap<u64, Activity>,
    pub(super) messages: Vec<Message>,
    pub(super) reminders: Vec<Reminder>,
    pub(super) watch: Watch,
    pub(super) dice: Dice,
    last_id: u64,
}

/// Who made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Api,
    Person,
}

impl State {
    pub(super) fn new(
        company: u64,
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
            company,
            title: "Салон «Вымысел»".to_owned(),
            zone,
            staff: BTreeMap::new(),
            services: BTreeMap::new(),
            labels: BTreeMap::new(),
            clients: BTreeMap::new(),
            phones: BTreeMap::new(),
            records: BTreeMap::new(),
            activities: BTreeMap::new(),
            messages: Vec::new(),
            reminders: Vec::new(),
            watch: Watch::default(),
            last_id: 880_000,
        }
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
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

    pub(super) fn end(&self, record: &Record) -> Timestamp {
        self.instant(record.start)
            .saturating_add(SignedDuration::from_secs(record.seconds))
            .unwrap_or(Timestamp::MAX)
    }

    /// Whether something of `staff` is in the way from `start` for `seconds`, apart from `except`.
    pub(super) fn is_busy(&self, staff: u64, start: DateTime, seconds: i64, except: u64) -> bool {
        let from = self.instant(start);
        let until = from
            .saturating_add(SignedDuration::from_secs(seconds))
            .unwrap_or(Timestamp::MAX);
        self.records.values().any(|record| {
            record.staff == staff
                && !record.deleted
                && record.id != except
                && self.instant(record.start) < until
                && self.end(record) > from
        })
    }

    /// Whether the hours of `staff` don't cover a stretch.
    pub(super) fn is_closed(&self, staff: u64, start: DateTime, seconds: i64) -> bool {
        let hours = self.staff.get(&staff).and_then(|staff| staff.hours);
        let Some((open, close)) = hours else {
            return false;
        };
        let end = start.saturating_add(seconds.seconds());
        start.time() < open || end.date() != start.date() || end.time() > close
    }

    /// Finds the client of that phone or makes a card; none where nothing is known of the client.
    pub(super) fn client(
        &mut self,
        form: Client,
        id: Option<u64>,
        current: Option<u64>,
    ) -> Option<u64> {
        if form == Client::default() && id.is_none() {
            return None;
        }
        let by_phone = self.by_phone(&form.phone);
        // A client without a phone is the same one only within its own record.
        let phoneless = current.filter(|current| {
            let card = self.clients.get(current);
            form.phone.is_empty() && card.is_some_and(|card| card.phone.is_empty())
        });
        let known = id
            .filter(|id| self.clients.contains_key(id))
            .or(by_phone)
            .or(phoneless);
        let id = known.unwrap_or_else(|| self.next_id());
        let overwrite = self.options.client_card == ClientCard::Overwritten;
        let card = self.clients.entry(id).or_default();
        for (kept, sent) in [
            (&mut card.name, form.name),
            (&mut card.surname, form.surname),
            (&mut card.patronymic, form.patronymic),
            (&mut card.phone, form.phone),
            (&mut card.email, form.email),
        ] {
            if !sent.is_empty() && (overwrite || kept.is_empty()) {
                *kept = sent;
            }
        }
        let phone = card.phone.clone();
        self.phones.insert(phone, id);
        Some(id)
    }

    /// The client of a phone in digits, if a card has it.
    pub(super) fn by_phone(&self, phone: &str) -> Option<u64> {
        let id = self.phones.get(phone).copied()?;
        let card = self.clients.get(&id)?;
        (!phone.is_empty() && card.phone == phone).then_some(id)
    }

    /// What is kept of a comment.
    pub(super) fn comment(&self, sent: &str) -> String {
        let sent = if self.options.comment_trim {
            sent.trim()
        } else {
            sent
        };
        let max = self.options.comment_max.unwrap_or(usize::MAX);
        sent.chars().take(max).collect()
    }

    /// Bumps the change stamp of a record that was put into the map, judges its marker, sends the webhook.
    pub(super) fn changed(&mut self, id: u64, by: By, event: &str) {
        let now = self.clock.now();
        let Some(record) = self.records.get_mut(&id) else {
            return;
        };
        record.changed = now;
        let record = record.clone();
        let marker = self.marker(&record).filter(|_| !record.deleted);
        self.watch.note(id, marker, now, by == By::Api);
        if by == By::Person || self.options.webhook_echo {
            let payload = json!({
                "company_id": self.company,
                "resource": "record",
                "resource_id": id,
                "status": event,
                "data": wire::record(self, &record, true),
            });
            self.outbox.send(&payload);
        }
    }

    pub(super) fn marker(&self, record: &Record) -> Option<String> {
        let own = record.api_id.trim();
        if !own.is_empty() && own != "0" {
            return Some(own.strip_prefix("sb:").unwrap_or(own).to_owned());
        }
        let format = &self.options.marker;
        format.find(&record.comment).or_else(|| {
            record
                .custom_fields
                .values()
                .find_map(|value| format.find(&plain(value)))
        })
    }

    pub(super) fn seen(&self, record: &Record) -> Seen {
        let client = record.client.and_then(|id| self.clients.get(&id));
        let client = client.cloned().unwrap_or_default();
        Seen {
            id: record.id,
            staff: record.staff,
            services: record.services.iter().map(|line| line.id).collect(),
            start: self.instant(record.start),
            end: self.end(record),
            name: full_name(&client),
            phone: wire::phone(&client),
            email: client.email,
            comment: record.comment.clone(),
            status: record.attendance,
            marker: self.marker(record),
            fields: record
                .custom_fields
                .iter()
                .map(|(code, value)| (code.clone(), plain(value)))
                .collect(),
            activity: record.activity,
            deleted: record.deleted,
            changed_at: record.changed,
        }
    }

    /// A record with nothing in it but its place in time.
    pub(super) fn blank(&mut self, staff: u64, start: DateTime, seconds: i64) -> Record {
        let now = self.clock.now();
        Record {
            id: self.next_id(),
            staff,
            services: Vec::new(),
            client: None,
            start,
            seconds,
            comment: String::new(),
            api_id: String::new(),
            attendance: 0,
            created_by: 0,
            visit: self.next_id(),
            activity: 0,
            seats: 1,
            labels: Vec::new(),
            custom_fields: Map::new(),
            color: String::new(),
            sms_remain_hours: 0,
            email_remain_hours: 0,
            agreements: Value::Null,
            technical_break: None,
            deleted: false,
            created: now,
            changed: now,
        }
    }

    /// A line at the catalogue's price.
    pub(super) fn line(&self, service: u64) -> Option<Line> {
        let price = self.services.get(&service)?.price;
        Some(Line {
            id: service,
            first_cost: price.into(),
            discount: 0.into(),
            cost: price.into(),
            amount: 1,
        })
    }
}

pub(super) fn full_name(client: &Client) -> String {
    [&client.name, &client.surname]
        .into_iter()
        .filter(|part| !part.is_empty())
        .cloned()
        .collect::<Vec<_>>()
        .join(" ")
}

/// A phone in digits, with the Russian trunk 8 as 7.
pub(super) fn digits(phone: &str) -> String {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    match digits.strip_prefix('8') {
        Some(rest) if rest.len() == 10 => format!("7{rest}"),
        _ => digits,
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
