//! What the simulated company holds, and the rules that hold whoever changes it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::json;

use super::options::Options;
use super::wire;
use crate::clock::SimClock;
use crate::dice::Dice;
use crate::marker::Watch;
use crate::person::Seen;
use crate::webhooks::Outbox;

/// A provider and the hours of every day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The id.
    pub id: u64,
    /// The name.
    pub name: String,
    /// When the day begins.
    pub open: Time,
    /// When the day ends.
    pub close: Time,
    /// Breaks of every day, from and to.
    pub breaks: Vec<(Time, Time)>,
    /// How many bookings fit at the same time.
    pub qty: usize,
    /// Whether clients can book.
    pub active: bool,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The id.
    pub id: u64,
    /// The name.
    pub name: String,
    /// How long it takes, in minutes.
    pub minutes: i64,
    /// The price in whole units.
    pub price: i64,
    /// Whether clients can book it.
    pub active: bool,
}

/// A field of the intake form of every service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntakeField {
    /// The key.
    pub name: String,
    /// What people see.
    pub title: String,
    /// Whether every booking must have it.
    pub required: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) phone: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Booked {
    pub(super) id: u64,
    pub(super) code: String,
    pub(super) hash: String,
    pub(super) event: u64,
    pub(super) unit: u64,
    pub(super) client: u64,
    /// Wall-clock times of the company.
    pub(super) start: DateTime,
    pub(super) end: DateTime,
    pub(super) confirmed: bool,
    /// What the approval feature says.
    pub(super) approval: Option<&'static str>,
    pub(super) comment: String,
    pub(super) additional: BTreeMap<String, String>,
    /// The owner's status.
    pub(super) status: Option<u64>,
    /// Whether it is shown with an impossible start.
    pub(super) spoiled: bool,
    pub(super) created: Timestamp,
    pub(super) changed: Timestamp,
}

impl Booked {
    /// Whether it takes its time.
    pub(super) fn stands(&self) -> bool {
        self.approval != Some("cancelled") && (self.confirmed || self.approval == Some("new"))
    }
}

/// A message to a client because of a write by API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The booking.
    pub booking: u64,
    /// What happened: `create`, `change` or `cancel`.
    pub about: &'static str,
    /// The address that it went to.
    pub email: String,
    /// The number that it went to.
    pub phone: String,
}

/// Who made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Api,
    Person,
}

/// Whom a token lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pass {
    Public,
    User(String),
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) options: Options,
    pub(super) clock: SimClock,
    pub(super) outbox: Outbox,
    pub(super) company: String,
    pub(super) zone: TimeZone,
    pub(super) units: BTreeMap<u64, Unit>,
    pub(super) events: BTreeMap<u64, Event>,
    pub(super) fields: Vec<IntakeField>,
    pub(super) days_off: BTreeSet<Date>,
    pub(super) clients: BTreeMap<u64, Client>,
    pub(super) bookings: BTreeMap<u64, Booked>,
    pub(super) tokens: BTreeMap<String, (Pass, Timestamp)>,
    pub(super) messages: Vec<Message>,
    pub(super) watch: Watch,
    /// The card that the last refused addition would have doubled.
    pub(super) duplicate: u64,
    dice: Dice,
    last_id: u64,
    last_client: u64,
}

impl State {
    pub(super) fn new(
        company: &str,
        zone: TimeZone,
        clock: SimClock,
        outbox: Outbox,
        options: Options,
    ) -> Self {
        Self {
            options,
            clock,
            outbox,
            company: company.to_owned(),
            zone,
            units: BTreeMap::new(),
            events: BTreeMap::new(),
            fields: Vec::new(),
            days_off: BTreeSet::new(),
            clients: BTreeMap::new(),
            bookings: BTreeMap::new(),
            tokens: BTreeMap::new(),
            messages: Vec::new(),
            watch: Watch::default(),
            duplicate: 0,
            dice: Dice::new(7),
            last_id: 9011,
            last_client: 76,
        }
    }

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

    /// A booking's instants; an end that would not come after the start is the later one of a doubled hour.
    pub(super) fn span(&self, start: DateTime, end: DateTime) -> (Timestamp, Timestamp) {
        let from = self.instant(start);
        let until = self.instant(end);
        if until > from {
            return (from, until);
        }
        let later = self.zone.to_ambiguous_timestamp(end).later();
        (from, later.unwrap_or(until))
    }

    fn letters(&mut self, alphabet: &[u8], length: usize) -> String {
        let sides = u64::try_from(alphabet.len()).unwrap_or(1);
        (0..length)
            .filter_map(|_| {
                let place = usize::try_from(self.dice.below(sides)).ok()?;
                alphabet.get(place).copied().map(char::from)
            })
            .collect()
    }

    pub(super) fn new_hash(&mut self) -> String {
        self.letters(b"0123456789abcdef", 32)
    }

    pub(super) fn new_token(&mut self, pass: Pass) -> String {
        let token = self.letters(b"0123456789abcdef", 64);
        self.tokens.insert(token.clone(), (pass, self.clock.now()));
        token
    }

    /// A booking with nothing in it but its place; it is not in the map yet.
    pub(super) fn blank(&mut self, event: u64, unit: u64, client: u64, start: DateTime) -> Booked {
        self.last_id += 1;
        let code = self.letters(b"0123456789abcdefghijklmnopqrstuvwxyz", 8);
        let hash = self.new_hash();
        let minutes = self.events.get(&event).map_or(0, |event| event.minutes);
        let now = self.clock.now();
        Booked {
            id: self.last_id,
            code,
            hash,
            event,
            unit,
            client,
            start,
            end: start.saturating_add(minutes.minutes()),
            confirmed: true,
            approval: None,
            comment: String::new(),
            additional: BTreeMap::new(),
            status: None,
            spoiled: false,
            created: now,
            changed: now,
        }
    }

    /// A new card.
    pub(super) fn add_client(&mut self, name: &str, email: &str, phone: &str) -> u64 {
        self.last_client += 1;
        let id = self.last_client;
        let client = Client {
            id,
            name: name.to_owned(),
            email: email.to_owned(),
            phone: phone.to_owned(),
        };
        self.clients.insert(id, client);
        id
    }

    /// The card with exactly these data, else a new one.
    pub(super) fn exact_client(&mut self, name: &str, email: &str, phone: &str) -> u64 {
        let same = |client: &&Client| {
            (
                client.name.as_str(),
                client.email.as_str(),
                client.phone.as_str(),
            ) == (name, email, phone)
        };
        let found = self.clients.values().find(same).map(|client| client.id);
        found.unwrap_or_else(|| self.add_client(name, email, phone))
    }

    /// How many standing bookings of a provider touch the time.
    pub(super) fn load(&self, unit: u64, start: DateTime, end: DateTime, except: u64) -> usize {
        let (from, until) = self.span(start, end);
        self.bookings
            .values()
            .filter(|booked| booked.unit == unit && booked.id != except && booked.stands())
            .filter(|booked| {
                let (start, end) = self.span(booked.start, booked.end);
                start < until && end > from
            })
            .count()
    }

    /// Why a time cannot be booked, as a code of the platform.
    pub(super) fn refusal(
        &self,
        event: u64,
        unit: u64,
        start: DateTime,
        end: DateTime,
        except: u64,
    ) -> Option<i64> {
        if !self.events.get(&event).is_some_and(|event| event.active) {
            return Some(-32051);
        }
        let Some(unit) = self.units.get(&unit).filter(|unit| unit.active) else {
            return Some(-32052);
        };
        if self.days_off.contains(&start.date()) {
            return Some(-32053);
        }
        let minutes = i64::from(start.hour()) * 60 + i64::from(start.minute());
        if start.second() != 0 || minutes % self.options.timeframe != 0 {
            return Some(-32054);
        }
        let lead = self.clock.now().saturating_add(self.options.lead);
        if self.instant(start) <= lead.unwrap_or(Timestamp::MAX) {
            return Some(-32056);
        }
        let closes = start.date().to_datetime(unit.close);
        let paused = unit.breaks.iter().any(|(from, to)| {
            start.date().to_datetime(*from) < end && start.date().to_datetime(*to) > start
        });
        let shut = start.time() < unit.open || end > closes || paused;
        (shut || self.load(unit.id, start, end, except) >= unit.qty).then_some(-32054)
    }

    /// Puts a new or changed booking in place, judges its marker, mails the client and sends the callback.
    pub(super) fn put(&mut self, mut booked: Booked, about: &'static str, by: By) {
        let now = self.clock.now();
        booked.changed = now;
        let marker = self.marker(&booked).filter(|_| booked.stands());
        self.watch.note(booked.id, marker, now, by == By::Api);
        if by == By::Api && about != "comment" {
            let client = self.clients.get(&booked.client);
            self.messages.push(Message {
                booking: booked.id,
                about,
                email: client.map_or_else(String::new, |client| client.email.clone()),
                phone: client.map_or_else(String::new, |client| client.phone.clone()),
            });
        }
        self.tell(&booked, about, by);
        self.bookings.insert(booked.id, booked);
    }

    fn tell(&self, booked: &Booked, about: &'static str, by: By) {
        let options = &self.options;
        // A comment is not known to set off a callback.
        if options.webhook_lost || about == "comment" || (by == By::Api && !options.webhook_echo) {
            return;
        }
        let mut body = json!({
            "booking_id": booked.id.to_string(),
            "booking_hash": booked.hash,
            "company": self.company,
            "notification_type": about,
        });
        if options.webhook_new_members {
            wire::set(
                &mut body,
                "webhook_timestamp",
                json!(self.clock.now().as_second()),
            );
            wire::set(&mut body, "signature_algo", json!("sha256"));
        }
        for _ in 0..=u8::from(options.webhook_twice) {
            self.outbox.send(&body);
        }
    }

    /// Removes a booking for good, as a clean-up of old data does.
    pub(super) fn take_away(&mut self, id: u64) -> bool {
        self.watch.note(id, None, self.clock.now(), false);
        self.bookings.remove(&id).is_some()
    }

    pub(super) fn marker(&self, booked: &Booked) -> Option<String> {
        let format = &self.options.marker;
        let in_fields = booked
            .additional
            .values()
            .find_map(|text| format.find(text));
        in_fields.or_else(|| format.find(&booked.comment))
    }

    pub(super) fn seen(&self, booked: &Booked) -> Seen {
        let (start, end) = self.span(booked.start, booked.end);
        let client = self.clients.get(&booked.client);
        let of = |field: fn(&Client) -> &String| client.map(field).cloned().unwrap_or_default();
        let status = match (booked.stands(), booked.confirmed) {
            (false, _) => 0,
            (true, true) => 1,
            (true, false) => 2,
        };
        Seen {
            id: booked.id,
            staff: booked.unit,
            services: vec![booked.event],
            start,
            end,
            name: of(|client| &client.name),
            phone: of(|client| &client.phone),
            email: of(|client| &client.email),
            comment: booked.comment.clone(),
            status,
            marker: self.marker(booked),
            fields: booked.additional.clone(),
            activity: 0,
            deleted: !booked.stands(),
            changed_at: booked.changed,
        }
    }

    /// The free starts of a day.
    pub(super) fn free_starts(&self, day: Date, event: u64, unit: u64) -> Vec<Time> {
        let length = self.events.get(&event).map_or(0, |event| event.minutes);
        let mut starts = Vec::new();
        let mut minutes = 0;
        while minutes < 24 * 60 {
            let start = day
                .to_datetime(Time::MIN)
                .saturating_add(SignedDuration::from_mins(minutes));
            let end = start.saturating_add(length.minutes());
            let code = self.refusal(event, unit, start, end, 0);
            let taken = self.load(unit, start, end, 0) > 0;
            let offered = match code {
                None => true,
                Some(-32054) => self.options.matrix_offers_taken && taken,
                Some(_) => false,
            };
            if offered {
                starts.push(start.time());
            }
            minutes += self.options.timeframe;
        }
        starts
    }
}
