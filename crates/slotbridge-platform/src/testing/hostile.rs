//! Platforms that answer what nobody promised: a transport that says whatever it is given, and a round through
//! everything that an adapter can be asked. Property tests and fuzz targets go the same round.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use slotbridge_core::model::{
    BookingId, Client, Field, Kind, PlatformName, Private, RemoteId, ResourceKey, ServiceKey, Slot,
    Status,
};
use slotbridge_core::record::{Coverage, Reading, Unreadable, Window};

use super::{MemoryCallLog, VirtualSeam};
use crate::account::{Account, Contacts};
use crate::capabilities::{ChangeFeed, Discovery, OccupancyView};
use crate::client::{Api, ApiParts};
use crate::gate::{Gate, GateSettings};
use crate::platform::{Draft, Edit, Platform, Priority, Query};
use crate::transport::{Limits, Transport, TransportError, TransportFailure};

/// After so many calls in one round a platform is not answered any more: a listing without an end has one here.
pub const CALLS_MAX: usize = 300;
/// What parts one reply from the next in an input.
pub const NEXT_REPLY: u8 = 0x1e;
/// The status that a reply has when it begins with this byte and not with its body; JSON never begins so.
const STATUSES: [(u8, u16); 8] = [
    (0x01, 201),
    (0x02, 400),
    (0x03, 401),
    (0x04, 403),
    (0x05, 404),
    (0x06, 422),
    (0x07, 429),
    (0x08, 500),
];
/// Before everything in the fixtures.
const NOW: &str = "2031-05-01T00:00:00Z";

/// Makes the body of a reply of what the input holds: the answer to a login, for instance, must be one for anything
/// else to be asked.
pub type Dress = fn(&http::Request<Bytes>, &[u8]) -> Vec<u8>;

/// A transport that answers with parts of an input in turn, the last one again and again.
pub struct Parrot {
    replies: Vec<(u16, Vec<u8>)>,
    dress: Dress,
    asked: AtomicUsize,
}

impl Parrot {
    /// Cuts an input into replies.
    pub fn new(input: &[u8], dress: Dress) -> Arc<Self> {
        let replies = input.split(|byte| *byte == NEXT_REPLY).map(|part| {
            let status = part
                .first()
                .and_then(|first| STATUSES.iter().find(|(byte, _)| byte == first));
            match (status, part) {
                (Some((_, status)), [_, body @ ..]) => (*status, body.to_vec()),
                _ => (200, part.to_vec()),
            }
        });
        Arc::new(Self {
            replies: replies.collect(),
            dress,
            asked: AtomicUsize::new(0),
        })
    }
}

impl fmt::Debug for Parrot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parrot").finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for Parrot {
    async fn exchange(
        &self,
        request: http::Request<Bytes>,
        _limits: Limits,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let reply = self.replies.get(asked).or_else(|| self.replies.last());
        let Some((status, body)) = reply.filter(|_| asked < CALLS_MAX) else {
            return Err(TransportError {
                failure: TransportFailure::NotSent,
                why: "the parrot has nothing more to say".to_owned(),
            });
        };
        let mut response = http::Response::new((self.dress)(&request, body).into());
        *response.status_mut() = http::StatusCode::from_u16(*status).unwrap_or_default();
        Ok(response)
    }
}

/// An account in Moscow without quotas, whose platform is the parrot. To be made where tokio's clock is paused.
///
/// # Panics
/// Never: the settings are fixed ones.
pub fn account(parrot: Arc<Parrot>) -> Account {
    let now: Timestamp = NOW.parse().expect("a fixed instant");
    let seam = Arc::new(VirtualSeam::new(now, 7));
    let settings = GateSettings {
        scope: "parrot".to_owned(),
        quotas: Vec::new(),
        parallel: 8,
    };
    let log = Arc::new(MemoryCallLog::knowing("parrot"));
    let gate =
        Gate::open(settings, Arc::clone(&seam) as _, log).expect("a log in memory can be read");
    let name = PlatformName::new("parrot").expect("a fixed name");
    Account {
        name: name.clone(),
        api: Arc::new(Api::new(ApiParts {
            platform: name,
            transport: parrot,
            gate,
            seam,
            base_url: "https://parrot.example".to_owned(),
            timeout: Duration::from_secs(30),
            headers: http::HeaderMap::new(),
            secrets: Vec::new(),
        })),
        time_zone: Some(TimeZone::get("Europe/Moscow").expect("a zone that is bundled")),
        default_country: "RU".to_owned(),
        contacts: Contacts::Real,
        busy_name: "Busy".to_owned(),
    }
}

/// A booking from 10:30 to 11:30 in Moscow, of somebody who was made up.
///
/// # Panics
/// Never: the times are fixed ones.
pub fn draft(resource: &str, service: ServiceKey) -> Draft {
    let at = |text: &str| -> Timestamp { text.parse().expect("a fixed instant") };
    let slot = Slot::new(at("2031-05-06T07:30:00Z"), at("2031-05-06T08:30:00Z"));
    Draft {
        booking: BookingId::from_u128(10),
        resource: ResourceKey::new(resource),
        services: vec![service],
        slot: slot.expect("an hour"),
        client: Client {
            name: Private::new("Проба Пера"),
            phone: Some(Private::new("+79000000003")),
            email: Some(Private::new("proba.pera@example.com")),
        },
        status: Status::Booked,
        comment: Private::new("позвонить заранее"),
        kind: Kind::Appointment,
        force: false,
    }
}

/// What an adapter said in a round, for a person or a log: errors, findings, why something could not be read.
#[derive(Debug, Default)]
pub struct Said {
    /// Every text.
    pub texts: Vec<String>,
}

impl Said {
    /// Which of these texts were said.
    pub fn leaks<'a>(&self, private: &'a [String]) -> Vec<&'a str> {
        let said = |text: &&String| self.texts.iter().any(|said| said.contains(*text));
        private.iter().filter(said).map(String::as_str).collect()
    }

    fn heard<T>(&mut self, result: Result<T, impl std::error::Error>, of: &str) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                let shown = error.to_string();
                assert!(
                    shown.contains(": ") && !shown.ends_with(": "),
                    "{of} fails without a place or a reason: {shown:?}"
                );
                self.texts.push(format!("{shown} {error:?}"));
                let mut cause = error.source();
                while let Some(inner) = cause {
                    self.texts.push(inner.to_string());
                    cause = inner.source();
                }
                None
            }
        }
    }

    fn unreadable(&mut self, row: Unreadable) {
        assert!(!row.why.is_empty(), "a row cannot be read for no reason");
        self.texts.push(row.why);
    }
}

/// Asks a platform for everything, once.
///
/// # Panics
/// Where something fails without saying where or why.
pub async fn round(platform: &dyn Platform, draft: &Draft) -> Said {
    let mut said = Said::default();
    let id = RemoteId::new("501");
    if let Some(findings) = said.heard(platform.check().await, "check") {
        said.texts
            .extend(findings.into_iter().map(|finding| finding.message));
    }
    said.heard(platform.catalogue().await, "catalogue");
    let capabilities = platform.capabilities();
    let mut queries = Vec::new();
    if capabilities.discovery == Discovery::List {
        let from = draft.slot.start();
        let to = from.saturating_add(SignedDuration::from_hours(48));
        queries.push(Query::Window(Window {
            from,
            to: to.unwrap_or(Timestamp::MAX),
        }));
    }
    if capabilities.change_feed == ChangeFeed::SinceCursor {
        queries.push(Query::Since(NOW.to_owned()));
    }
    for query in queries {
        let Some(listing) = said.heard(platform.list(&query, Priority::Poll).await, "list") else {
            continue;
        };
        listing
            .unreadable
            .into_iter()
            .for_each(|row| said.unreadable(row));
        if let Coverage::Partial { why } = listing.coverage {
            assert!(!why.is_empty(), "a listing is partial for no reason");
            said.texts.push(why);
        }
    }
    let read = platform.read(&id, Priority::Hint).await;
    if let Some(Reading::Unreadable(row)) = said.heard(read, "read") {
        said.unreadable(row);
    }
    if let (OccupancyView::Grid, Some(service)) = (capabilities.occupancy, draft.services.first()) {
        let hour = SignedDuration::from_hours(1);
        let grid = platform
            .occupancy(&draft.resource, service, hour, Priority::Poll)
            .await;
        said.heard(grid, "occupancy");
    }
    said.heard(platform.create(draft).await, "create");
    let edit = Edit {
        desired: draft.clone(),
        fields: Field::ALL.into_iter().collect(),
        expected: None,
    };
    said.heard(platform.update(&id, &edit).await, "update");
    said.heard(platform.remove(&id).await, "remove");
    said
}

/// Gives a platform a webhook's body.
///
/// # Panics
/// Where it is refused without saying why.
pub fn webhook(platform: &dyn Platform, body: &[u8]) -> Said {
    let mut said = Said::default();
    said.heard(platform.webhook(body), "webhook");
    said
}

/// A small generator: the same seed changes a value in the same way.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        // SplitMix64, https://prng.di.unimi.it/splitmix64.c
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let limit = u64::try_from(limit.max(1)).unwrap_or(1);
        usize::try_from((z ^ (z >> 31)) % limit).unwrap_or_default()
    }
}

/// Every JSON document in a folder, and in those inside it.
///
/// # Panics
/// Where the folder cannot be read.
pub fn fixtures(folder: &Path) -> Vec<Value> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).expect("the folder of the fixtures");
    for entry in entries {
        let path = entry.expect("an entry of the folder").path();
        if path.is_dir() {
            found.extend(fixtures(&path));
        } else {
            let bytes = std::fs::read(&path).expect("a fixture");
            found.extend(serde_json::from_slice::<Value>(&bytes).ok());
        }
    }
    found
}

/// A document of these keys that nobody sends, as the seed has it.
pub fn invent(keys: &[&str], seed: u64) -> Value {
    invent_inside(keys, &mut Dice(seed), 0)
}

fn invent_inside(keys: &[&str], dice: &mut Dice, depth: usize) -> Value {
    let size = dice.below(5);
    match dice.below(4) {
        0 | 1 if depth < 4 => Value::Object(
            (0..size)
                .map(|_| {
                    let key = keys.get(dice.below(keys.len())).copied().unwrap_or("");
                    (key.to_owned(), invent_inside(keys, dice, depth + 1))
                })
                .collect(),
        ),
        2 if depth < 4 => (0..size)
            .map(|_| invent_inside(keys, dice, depth + 1))
            .collect(),
        _ => {
            let number = Value::from(dice.below(4000));
            if dice.below(2) == 0 {
                number
            } else {
                odd(&number, dice)
            }
        }
    }
}

/// Changes one value somewhere inside, as the seed has it: takes it away, doubles it, or puts something odd in its place.
pub fn mutate(value: &mut Value, seed: u64) {
    let mut dice = Dice(seed);
    mutate_inside(value, &mut dice, 0);
}

fn mutate_inside(value: &mut Value, dice: &mut Dice, depth: usize) {
    let stays = depth > 0 && dice.below(4) == 0;
    match value {
        Value::Object(fields) if !stays && !fields.is_empty() => {
            let place = dice.below(fields.len());
            let Some(key) = fields.keys().nth(place).cloned() else {
                return;
            };
            if dice.below(6) == 0 {
                fields.remove(&key);
            } else if let Some(inner) = fields.get_mut(&key) {
                mutate_inside(inner, dice, depth + 1);
            }
        }
        Value::Array(items) if !stays && !items.is_empty() => {
            let place = dice.below(items.len());
            match dice.below(6) {
                0 => drop(items.remove(place)),
                1 => {
                    let again = items.get(place).cloned().unwrap_or_default();
                    items.push(again);
                }
                _ => {
                    if let Some(inner) = items.get_mut(place) {
                        mutate_inside(inner, dice, depth + 1);
                    }
                }
            }
        }
        leaf => *leaf = odd(leaf, dice),
    }
}

fn odd(value: &Value, dice: &mut Dice) -> Value {
    let texts = [
        "",
        " ",
        "0",
        "-1",
        "99999999999999999999999999",
        "0000-00-00 00:00:00",
        "2031-02-30 25:61:61",
        "2031-10-26 02:30:00",
        "9999-12-31 23:59:59",
        "1970-01-01 00:00:00",
        "\u{0}\u{202e}\u{feff}",
        "[sb:00000000-0000-0000-0000-00000000000a][sb:",
        "не число",
    ];
    match dice.below(12) {
        0 => Value::Null,
        1 => Value::Bool(dice.below(2) == 0),
        2 => Value::from(i64::MIN),
        3 => Value::from(u64::MAX),
        4 => Value::from(1e300),
        5 => Value::from(-0.5),
        6 => Value::Array(vec![value.clone()]),
        7 => Value::Object([("value".to_owned(), value.clone())].into_iter().collect()),
        8 => Value::String(value.to_string()),
        9 => Value::String("ы".repeat(3000)),
        _ => Value::from(texts.get(dice.below(texts.len())).copied().unwrap_or("")),
    }
}

/// The texts of a fixture that are a client's: what must never be said.
pub fn private_texts(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, false, &mut found);
    found.retain(|text| text.chars().count() > 3);
    found
}

fn collect(value: &Value, of_client: bool, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            // What a platform complains about is keyed by fields, and is to be told.
            let told = |(key, _): &(&String, &Value)| !["errors", "meta"].contains(&key.as_str());
            for (key, value) in fields.iter().filter(told) {
                let client = key.starts_with("client") || key == "customers";
                let private = ["phone", "email", "comment", "note"].contains(&key.as_str())
                    || key.starts_with("client_")
                    || (of_client && key.ends_with("name"));
                if let (true, Value::String(text)) = (private, value) {
                    // A marker at its end is ours.
                    found.extend(text.lines().next().map(str::to_owned));
                }
                collect(value, client, found);
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect(item, of_client, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The properties of an adapter's round: any bytes, any JSON, and its own fixtures with something odd in them are answered
/// with words, and nothing of a client is said. `$keys` is what replies and webhooks are made of, `$fixtures` the folder,
/// `$dressed_as` shows a fixture as a reply does, `$said` goes the round.
#[macro_export]
macro_rules! hostile_properties {
    ($keys:expr, $fixtures:literal, $dressed_as:path, $said:path) => {
        use ::proptest::prelude::*;

        fn in_virtual_time<T>(story: impl Future<Output = T>) -> T {
            ::tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap()
                .block_on(story)
        }

        /// The byte that tells a reply's status; none is a success.
        fn statuses() -> impl Strategy<Value = Vec<u8>> {
            prop_oneof![3 => Just(Vec::new()), 1 => (1_u8..=8).prop_map(|byte| vec![byte])]
        }

        proptest! {
            #[test]
            fn any_bytes_are_answered_with_words(input in proptest::collection::vec(any::<u8>(), 0..300)) {
                in_virtual_time($said(&input));
            }

            #[test]
            fn any_json_is_answered_with_words(replies in proptest::collection::vec((statuses(), any::<u64>()), 1..4)) {
                let parts: Vec<Vec<u8>> = replies
                    .into_iter()
                    .map(|(status, seed)| [status, $crate::testing::hostile::invent(&$keys, seed).to_string().into_bytes()].concat())
                    .collect();
                in_virtual_time($said(&parts.join(&$crate::testing::hostile::NEXT_REPLY)));
            }

            #[test]
            fn a_reply_with_something_odd_in_it_says_nothing_of_its_client(
                pick in any::<prop::sample::Index>(),
                shape in 0_usize..4,
                status in statuses(),
                seeds in proptest::collection::vec(any::<u64>(), 0..3),
                cut in proptest::option::weighted(0.1, any::<prop::sample::Index>()),
            ) {
                let all = $crate::testing::hostile::fixtures(&::std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join($fixtures));
                prop_assert!(all.len() > 20, "the fixtures are gone");
                let fixture = pick.get(&all).clone();
                let private = $crate::testing::hostile::private_texts(&fixture);
                let mut odd = $dressed_as(fixture, shape);
                for seed in seeds {
                    $crate::testing::hostile::mutate(&mut odd, seed);
                }
                let mut input = [status, odd.to_string().into_bytes()].concat();
                if let Some(cut) = cut {
                    input.truncate(cut.index(input.len()));
                }
                let said = in_virtual_time($said(&input));
                prop_assert_eq!(said.leaks(&private), Vec::<&str>::new(), "in {:?}", said.texts);
            }
        }
    };
}
