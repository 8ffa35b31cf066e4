//! The adapter against the simulated Rubitime on a loopback socket: the conformance suite, and what is Rubitime's own.
//!
//! Time runs faster here, in the seam and in the simulator's quota alike, so that the real gap between calls is kept to
//! scale.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::civil::time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use slotbridge_core::marker::Marker;
use slotbridge_core::model::{Client, Field, Private, RemoteId, ResourceKey, ServiceKey, Status};
use slotbridge_core::normalise;
use slotbridge_core::record::{Reading, RecordState};
use slotbridge_platform::conformance::{
    Bench, Deviation, Fault, Samples, Seen, Strikes, Subject, Target, run,
};
use slotbridge_platform::platform::{Draft, Edit, Level, Priority};
use slotbridge_platform::reqwest_transport::ReqwestTransport;
use slotbridge_platform::seam::Seam;
use slotbridge_platform::webhook::HintKind;
use slotbridge_platform::{Account, Platform};
use slotbridge_sim::rubitime::{Options, UpdateReply};
use slotbridge_sim::{
    Booking, Hand as _, Inspect as _, Quota, RubitimeSim, Served, SimClock, Which, serve,
};

use super::scripted::account;
use super::{at, draft, fixture};
use crate::{MarkerField, RubitimeConfig, RubitimePlatform};

/// How much faster time runs: the gap of 5.5 s becomes 22 ms.
const SCALE: u32 = 250;
const RULE: &str = "armed";

/// Real time, but faster.
#[derive(Debug)]
struct FastSeam {
    begun: Instant,
    drawn: AtomicU64,
}

impl FastSeam {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            drawn: AtomicU64::new(1),
        })
    }
}

#[async_trait]
impl Seam for FastSeam {
    fn now(&self) -> Timestamp {
        now() + SignedDuration::try_from(self.elapsed()).unwrap()
    }

    fn elapsed(&self) -> Duration {
        self.begun.elapsed() * SCALE
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration / SCALE).await;
    }

    fn random(&self) -> u64 {
        self.drawn
            .fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed)
    }
}

fn now() -> Timestamp {
    at("2031-05-05T06:00:00Z")
}

struct Simulated {
    sim: RubitimeSim,
    clock: SimClock,
    platform: Arc<RubitimePlatform>,
    zone: TimeZone,
    marker_field: Option<u8>,
    _served: Served,
}

/// An account in a zone with two people and two services, served and connected.
async fn simulated(zone: &TimeZone, marker_field: Option<u8>) -> Simulated {
    let options = Options {
        odd_spellings: Some(11),
        chatty: true,
        marker_field,
        // What an account might do of its own accord, so that silence is put to the test.
        default_reminder_minutes: Some(120),
        update_reply: UpdateReply::Nothing,
        ..Options::default()
    };
    let clock = SimClock::new(now());
    let sim = RubitimeSim::new(1013, zone.clone(), clock.clone(), options)
        .with_quota(Quota::rubitime(Duration::from_secs(5) / SCALE));
    sim.add_cooperator(1702, "Лида", time(8, 0, 0, 0), time(21, 0, 0, 0), &[]);
    sim.add_cooperator(1703, "Мила", time(8, 0, 0, 0), time(21, 0, 0, 0), &[]);
    sim.add_service(3925, "Массаж", 60, 30, 2000);
    sim.add_service(3926, "Стрижка", 45, 15, 1000);
    let served = serve(sim.router()).await.unwrap();
    let transport = Arc::new(ReqwestTransport::new().unwrap());
    let account = Account {
        time_zone: Some(zone.clone()),
        ..account(transport, FastSeam::new(), &served.url)
    };
    let config = RubitimeConfig {
        branch_id: 1013,
        api_key: SecretString::from("demo-rubitime-key"),
        marker_field: marker_field.map(|number| {
            format!("custom_field{number}")
                .parse::<MarkerField>()
                .unwrap()
        }),
        probe: Some((ResourceKey::new("1702"), ServiceKey::new("3925"))),
        busy_service: None,
    };
    let platform = Arc::new(RubitimePlatform::new(account, config).unwrap());
    Simulated {
        sim,
        clock,
        platform,
        zone: zone.clone(),
        marker_field,
        _served: served,
    }
}

fn moscow() -> TimeZone {
    TimeZone::get("Europe/Moscow").unwrap()
}

fn number(id: &RemoteId) -> u64 {
    id.as_str().parse().unwrap()
}

fn client(name: &str, phone: &str, email: &str) -> Client {
    Client {
        name: Private::new(name),
        phone: Some(Private::new(phone)),
        email: Some(Private::new(email)),
    }
}

impl Bench for Simulated {
    fn platform(&self) -> Arc<dyn Platform> {
        Arc::<RubitimePlatform>::clone(&self.platform)
    }

    fn samples(&self) -> Samples {
        let day = now().to_zoned(self.zone.clone()).date().tomorrow().unwrap();
        let start = |hour| {
            day.at(hour, 0, 0, 0)
                .to_zoned(self.zone.clone())
                .unwrap()
                .timestamp()
        };
        let webhook =
            |path: &str, id: Option<&str>| (fixture(path).into_bytes(), id.map(RemoteId::new));
        Samples {
            resources: vec![ResourceKey::new("1702"), ResourceKey::new("1703")],
            services: vec![
                (ServiceKey::new("3925"), SignedDuration::from_mins(60)),
                (ServiceKey::new("3926"), SignedDuration::from_mins(45)),
            ],
            starts: (9..19).map(start).collect(),
            clients: vec![
                client("Проба Пера", "+79000000003", "proba@example.com"),
                client("Ёлка Вымышленная", "+79000000004", "elka@example.com"),
                client("Ян", "+79000000005", "yan@example.com"),
            ],
            time_zone: self.zone.clone(),
            unknown_id: RemoteId::new("17"),
            page_rows: None,
            webhooks: vec![
                webhook("webhook/create.json", Some("7000456")),
                webhook("webhook/odd_spellings.json", Some("7000456")),
                webhook("webhook/cancelled.json", Some("7000456")),
                webhook("webhook/remove_id_only.json", Some("7000456")),
                webhook("webhook/about_a_client.json", None),
            ],
        }
    }

    fn arm(&self, target: Target, fault: Fault, strikes: Strikes) -> bool {
        use slotbridge_sim::Fault as Theirs;
        let method = match target {
            Target::List => return false,
            Target::Read => "get-record",
            Target::Create => "create-record",
            Target::Update | Target::Remove => "update-record",
        };
        let fault = match fault {
            Fault::ReplyLost => Theirs::ReplyLost,
            Fault::ErrorBefore => Theirs::ErrorBefore { status: 503 },
            Fault::ErrorAfter => Theirs::ErrorAfter { status: 500 },
            Fault::TooManyRequests => Theirs::TooManyRequests { retry_after: None },
            Fault::Truncated => Theirs::Truncated,
            Fault::Html => Theirs::HtmlError { status: 200 },
            Fault::Garbage => Theirs::Garbage,
            Fault::ExpiredToken => Theirs::ExpiredToken,
            Fault::ListingCut | Fault::EmptyListing => return false,
        };
        let which = match strikes {
            Strikes::First => Which::Nth(1),
            Strikes::All => Which::Every,
            Strikes::AllAfter(_) => return false,
        };
        self.sim.faults().add(RULE, method, which, fault);
        true
    }

    fn disarm(&self) {
        self.sim.faults().clear();
    }

    fn struck(&self) -> u64 {
        self.sim.faults().fired(RULE).unwrap_or_default()
    }

    fn book(&self, draft: &Draft) -> RemoteId {
        let minutes = draft
            .slot
            .end()
            .duration_since(draft.slot.start())
            .as_mins();
        let text = |text: &Option<Private>| text.clone().unwrap_or_default().expose().to_owned();
        let service = draft.services[0].as_str().parse().unwrap();
        let booking = Booking::new(
            draft.resource.as_str().parse().unwrap(),
            service,
            draft.slot.start(),
            minutes,
        )
        .client(draft.client.name.expose(), &text(&draft.client.phone))
        .email(&text(&draft.client.email))
        .comment(draft.comment.expose());
        RemoteId::new(self.sim.book(&booking).to_string())
    }

    fn move_to(&self, id: &RemoteId, start: Timestamp) {
        self.sim.move_to(number(id), start).unwrap();
    }

    fn comment(&self, id: &RemoteId, comment: &str) {
        let before = self.sim.seen(number(id)).unwrap().comment;
        let comment = match Marker::take_from(&before).1 {
            Some(marker) => marker.append_to(comment),
            None => comment.to_owned(),
        };
        let edit = slotbridge_sim::Edit {
            comment: Some(comment),
            ..slotbridge_sim::Edit::default()
        };
        self.sim.edit(number(id), &edit).unwrap();
    }

    fn cancel(&self, id: &RemoteId) {
        self.sim.cancel(number(id)).unwrap();
    }

    fn set_extras(&self, id: &RemoteId) -> bool {
        self.sim
            .set_custom_field(number(id), 1, "левый зал")
            .unwrap();
        self.sim
            .set_custom_field(number(id), 2, "абонемент")
            .unwrap();
        self.sim.remind(number(id), Some(90)).unwrap();
        true
    }

    fn spoil(&self, id: &RemoteId) -> bool {
        let edit = slotbridge_sim::Edit {
            minutes: Some(-60),
            ..slotbridge_sim::Edit::default()
        };
        self.sim.edit(number(id), &edit).is_ok()
    }

    fn records(&self) -> Vec<Seen> {
        let own = self
            .marker_field
            .map(|number| format!("custom_field{number}"));
        let neutral = |seen: slotbridge_sim::Seen| {
            let (comment, in_comment) = Marker::take_from(&seen.comment);
            let in_field = own
                .as_ref()
                .and_then(|own| seen.fields.get(own))
                .and_then(|text| Marker::from_text(text));
            let mut extras: BTreeMap<String, String> = seen.fields;
            extras.retain(|name, _| Some(name) != own.as_ref());
            Seen {
                id: RemoteId::new(seen.id.to_string()),
                live: !seen.deleted,
                marker: in_field.or(in_comment).map(|marker| marker.booking),
                resource: ResourceKey::new(seen.staff.to_string()),
                services: seen
                    .services
                    .iter()
                    .map(|id| ServiceKey::new(id.to_string()))
                    .collect(),
                start: seen.start,
                end: Some(seen.end),
                client: Client {
                    name: Private::new(seen.name),
                    phone: normalise::phone(&seen.phone, "RU"),
                    email: normalise::email(&seen.email),
                },
                status: match seen.status {
                    1 | 2 => Status::Arrived,
                    4 => Status::Cancelled,
                    _ => Status::Booked,
                },
                comment: Private::new(comment),
                extras,
            }
        };
        self.sim.all().into_iter().map(neutral).collect()
    }

    fn writes(&self) -> u64 {
        let methods = ["create-record", "update-record", "remove-record"];
        methods
            .iter()
            .map(|method| u64::try_from(self.sim.count(method)).unwrap())
            .sum()
    }

    fn messages(&self) -> Vec<String> {
        self.sim
            .reminders_set()
            .iter()
            .map(|reminder| format!("a reminder at {}", reminder.at))
            .collect()
    }
}

/// With the marker in the comment, or in a field.
struct Rubitime(Option<u8>);

#[async_trait]
impl Subject for Rubitime {
    fn name(&self) -> &str {
        if self.0.is_some() {
            "rubitime, marker in a field"
        } else {
            "rubitime, marker in the comment"
        }
    }

    fn profile(&self) -> Vec<Deviation> {
        Vec::new()
    }

    fn renews_tokens(&self) -> bool {
        false
    }

    async fn bench(&self, zone: Option<&TimeZone>) -> Option<Box<dyn Bench>> {
        let zone = zone.cloned().unwrap_or_else(moscow);
        Some(Box::new(simulated(&zone, self.0).await))
    }
}

#[tokio::test]
async fn the_adapter_conforms_with_its_marker_in_the_comment() {
    let report = run(&Rubitime(None)).await;
    println!("{report}");
    assert!(report.is_good(), "{report}");
    assert!(report.ran() > 25, "{report}");
}

#[tokio::test]
async fn the_adapter_conforms_with_its_marker_in_a_field() {
    let report = run(&Rubitime(Some(3))).await;
    println!("{report}");
    assert!(report.is_good(), "{report}");
}

// R15
#[tokio::test]
async fn a_booking_is_made_moved_and_cancelled_within_the_quota_and_in_silence() {
    let bench = simulated(&moscow(), None).await;
    let platform = &bench.platform;
    let id = platform.create(&draft()).await.unwrap().id;
    let moved = Draft {
        slot: slotbridge_core::model::Slot::new(
            at("2031-05-06T09:00:00Z"),
            at("2031-05-06T10:30:00Z"),
        )
        .unwrap(),
        ..draft()
    };
    let Reading::Found(made) = platform.read(&id, Priority::Hint).await.unwrap() else {
        panic!("it was made")
    };
    let edit = Edit {
        desired: moved,
        fields: [Field::Slot].into(),
        expected: Some(made),
    };
    bench.clock.step(SignedDuration::from_mins(1));
    platform.update(&id, &edit).await.unwrap();
    let Reading::Found(record) = platform.read(&id, Priority::Hint).await.unwrap() else {
        panic!("it was made")
    };
    assert_eq!(
        (record.start, record.end),
        (at("2031-05-06T09:00:00Z"), Some(at("2031-05-06T10:30:00Z")))
    );
    assert_eq!(
        record
            .created_at
            .zip(record.changed_at)
            .map(|(made, changed)| changed > made),
        Some(true)
    );
    assert_eq!(
        (
            record.resource_title.as_deref(),
            record.service_title.as_deref()
        ),
        (Some("Лида"), Some("Массаж"))
    );
    platform.remove(&id).await.unwrap();
    let Reading::Found(record) = platform.read(&id, Priority::Hint).await.unwrap() else {
        panic!("it is kept")
    };
    assert_eq!(
        (record.state, record.status),
        (RecordState::Cancelled, Status::Cancelled)
    );
    assert_eq!(bench.sim.quota_violations(), []);
    assert_eq!(bench.sim.reminders_set(), []);
    assert_eq!(bench.sim.count("remove-record"), 0);
}

#[tokio::test]
async fn what_the_platform_sends_as_webhooks_is_what_a_read_shows() {
    let bench = simulated(&moscow(), None).await;
    let id = bench.book(&draft());
    bench.move_to(&id, at("2031-05-06T09:00:00Z"));
    let Reading::Found(read) = bench.platform.read(&id, Priority::Hint).await.unwrap() else {
        panic!("it is there")
    };
    bench.cancel(&id);
    bench.sim.remove(number(&id)).unwrap();
    let hints: Vec<_> = bench
        .sim
        .take_webhooks()
        .iter()
        .flat_map(|body| bench.platform.webhook(body.to_string().as_bytes()).unwrap())
        .collect();
    let kinds: Vec<_> = hints
        .iter()
        .map(|hint| (hint.kind, hint.record.is_some()))
        .collect();
    assert_eq!(
        kinds,
        [
            (HintKind::Created, true),
            (HintKind::Updated, true),
            (HintKind::Removed, false),
            (HintKind::Removed, false)
        ]
    );
    assert!(hints.iter().all(|hint| hint.id == id));
    assert_eq!(hints[1].record.as_deref(), Some(&*read));
}

#[tokio::test]
async fn a_removed_record_is_missing_and_a_wrong_key_is_no_removal() {
    let bench = simulated(&moscow(), None).await;
    let id = bench.book(&draft());
    bench.sim.remove(number(&id)).unwrap();
    assert_eq!(
        bench.platform.read(&id, Priority::Hint).await.unwrap(),
        Reading::Missing
    );
    bench
        .sim
        .configure(|options| options.api_key = "another".to_owned());
    let error = bench.platform.read(&id, Priority::Hint).await.unwrap_err();
    assert_eq!(error.kind, slotbridge_platform::ErrorKind::Unauthenticated);
    let findings = bench.platform.check().await.unwrap();
    assert_eq!(findings[0].level, Level::Problem);
}
