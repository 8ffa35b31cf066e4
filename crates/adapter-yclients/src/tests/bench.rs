//! The simulated YCLIENTS as a bench: in process under paused time, or behind a socket.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Map, json};
use slotbridge_core::model::{
    Client, PlatformName, Private, RemoteId, ResourceKey, ServiceKey, Status,
};
use slotbridge_core::normalise;
use slotbridge_platform::client::{Api, ApiParts};
use slotbridge_platform::conformance::{Bench, Fault, Samples, Seen, Strikes, Target};
use slotbridge_platform::gate::{Gate, GateSettings};
use slotbridge_platform::platform::Draft;
use slotbridge_platform::reqwest_transport::ReqwestTransport;
use slotbridge_platform::seam::Seam;
use slotbridge_platform::system_seam::SystemSeam;
use slotbridge_platform::testing::{MemoryCallLog, VirtualSeam};
use slotbridge_platform::transport::Transport;
use slotbridge_platform::{Account, Contacts, Platform};
use slotbridge_sim::person::{Booking, Edit};
use slotbridge_sim::yclients::{Marks, Options};
use slotbridge_sim::{
    Fault as SimFault, Hand as _, Inspect as _, Quota, Served, SimClock, Which, YclientsSim, serve,
};

use super::in_process::InProcess;
use super::support::{COMPANY, at, fixture, text, zone};
use crate::{CAPABILITIES, UserAuth, YclientsConfig, YclientsPlatform};

/// A Tuesday, 10:00 in Moscow.
pub(super) const NOW: &str = "2031-05-06T07:00:00Z";
pub(super) const PAGE_ROWS: u32 = 5;
const ARMED: &str = "armed";

/// A simulated branch with a platform connected to it.
pub(super) struct SimBench {
    pub(super) sim: YclientsSim,
    /// The platform's clock.
    pub(super) clock: SimClock,
    pub(super) platform: Arc<YclientsPlatform>,
    zone: TimeZone,
    first_start: Timestamp,
    spoilt: Arc<Mutex<BTreeSet<u64>>>,
    _served: Option<Served>,
}

/// A branch with two members of staff, two services and a label.
fn branch(zone: &TimeZone, clock: SimClock, options: &Options) -> YclientsSim {
    let sim = YclientsSim::new(COMPANY, zone.clone(), clock, options.clone());
    sim.add_staff(310, "Лида", None);
    sim.add_staff(311, "Вера", None);
    sim.add_service(42, "Стрижка", 60, 2500);
    sim.add_service(43, "Укладка", 30, 1000);
    sim.add_label("67345", "VIP");
    sim
}

/// An account that logs in and learns its zone from the branch.
fn connect(
    transport: Arc<dyn Transport>,
    seam: Arc<dyn Seam>,
    base_url: &str,
    contacts: Contacts,
    options: &Options,
    real_quota: bool,
) -> Arc<YclientsPlatform> {
    let quotas = if real_quota {
        CAPABILITIES.quotas.to_vec()
    } else {
        Vec::new()
    };
    let settings = GateSettings {
        scope: "bench".to_owned(),
        quotas,
        parallel: CAPABILITIES.parallel,
    };
    let gate = Gate::open(
        settings,
        Arc::clone(&seam),
        Arc::new(MemoryCallLog::knowing("bench")),
    )
    .unwrap();
    let name = PlatformName::new("salon").unwrap();
    let api = Api::new(ApiParts {
        platform: name.clone(),
        transport,
        gate,
        seam,
        base_url: base_url.to_owned(),
        timeout: Duration::from_secs(10),
        headers: HeaderMap::new(),
        secrets: Vec::new(),
    });
    let account = Account {
        name,
        api: Arc::new(api),
        time_zone: None,
        default_country: "RU".to_owned(),
        contacts,
        busy_name: "Busy".to_owned(),
    };
    let auth = UserAuth::Login {
        login: options.login.clone(),
        password: SecretString::from(options.password.clone()),
    };
    let mut config = YclientsConfig::new(
        COMPANY,
        SecretString::from(options.partner_token.clone()),
        auth,
    );
    config.page_size = PAGE_ROWS;
    Arc::new(YclientsPlatform::new(account, config).unwrap())
}

impl SimBench {
    /// In process, with the real quotas on both sides; to be called where tokio's clock is paused.
    pub(super) fn in_process(zone: &TimeZone, contacts: Contacts, options: &Options) -> Self {
        let clock = SimClock::new(at(NOW));
        let sim = branch(zone, clock.clone(), options);
        let spoilt = Arc::default();
        let transport = Arc::new(InProcess {
            router: sim.router(),
            spoilt: Arc::clone(&spoilt),
        });
        let seam = Arc::new(VirtualSeam::new(at(NOW), 7));
        let platform = connect(
            transport,
            seam,
            "http://sim.invalid",
            contacts,
            options,
            true,
        );
        Self {
            sim,
            clock,
            platform,
            zone: zone.clone(),
            first_start: at("2031-05-07T06:00:00Z"),
            spoilt,
            _served: None,
        }
    }

    /// Behind a loopback socket, in real time and without quotas.
    pub(super) async fn on_loopback(zone: &TimeZone, options: &Options) -> Self {
        let clock = SimClock::system();
        let sim = branch(zone, clock.clone(), options).with_quota(Quota::unlimited());
        let served = serve(sim.router()).await.unwrap();
        let transport = Arc::new(ReqwestTransport::new().unwrap());
        let platform = connect(
            transport,
            Arc::new(SystemSeam::new()),
            &served.url,
            Contacts::Real,
            options,
            false,
        );
        let tomorrow = Timestamp::now()
            .to_zoned(zone.clone())
            .date()
            .tomorrow()
            .unwrap();
        let first_start = tomorrow
            .at(9, 0, 0, 0)
            .to_zoned(zone.clone())
            .unwrap()
            .timestamp();
        Self {
            sim,
            clock,
            platform,
            zone: zone.clone(),
            first_start,
            spoilt: Arc::default(),
            _served: Some(served),
        }
    }
}

fn number(id: &RemoteId) -> u64 {
    id.as_str().parse().unwrap()
}

fn method(target: Target) -> &'static str {
    match target {
        Target::List => "records.list",
        Target::Read => "record.get",
        Target::Create => "records.create",
        Target::Update => "record.update",
        Target::Remove => "record.delete",
    }
}

/// The platform's own numbers, as its contract gives them.
const ATTENDANCE: [(Status, i64); 4] = [
    (Status::Booked, 0),
    (Status::Confirmed, 2),
    (Status::Arrived, 1),
    (Status::NoShow, -1),
];

fn attendance(status: Status) -> i64 {
    ATTENDANCE
        .iter()
        .find(|(known, _)| *known == status)
        .unwrap()
        .1
}

impl Bench for SimBench {
    fn platform(&self) -> Arc<dyn Platform> {
        Arc::clone(&self.platform) as Arc<dyn Platform>
    }

    fn samples(&self) -> Samples {
        let client = |name: &str, phone: &str, email: &str| Client {
            name: Private::new(name),
            phone: text(phone),
            email: text(email),
        };
        let webhook = |name: &str, id: Option<&str>| {
            (
                fixture(&format!("webhooks/{name}.json")).into_bytes(),
                id.map(RemoteId::new),
            )
        };
        Samples {
            resources: vec![ResourceKey::new("310"), ResourceKey::new("311")],
            services: vec![
                (ServiceKey::new("42"), SignedDuration::from_mins(60)),
                (ServiceKey::new("43"), SignedDuration::from_mins(30)),
            ],
            starts: (0..8)
                .map(|n| self.first_start + SignedDuration::from_hours(2 * n))
                .collect(),
            clients: vec![
                client("Пётр Пробный", "+79000000002", "petr@example.com"),
                client("Анна", "+79000000003", "anna@example.com"),
            ],
            time_zone: self.zone.clone(),
            unknown_id: RemoteId::new("999999"),
            page_rows: usize::try_from(PAGE_ROWS).ok(),
            webhooks: vec![
                webhook("record_create", Some("880011")),
                webhook("record_update_partial", Some("880011")),
                webhook("record_delete", Some("880011")),
                webhook("record_quirks", Some("880011")),
                webhook("client_update", None),
                webhook("record_elsewhere", None),
            ],
        }
    }

    fn arm(&self, target: Target, fault: Fault, strikes: Strikes) -> bool {
        let fault = match fault {
            Fault::ReplyLost => SimFault::ReplyLost,
            Fault::ErrorBefore => SimFault::ErrorBefore { status: 500 },
            Fault::ErrorAfter => SimFault::ErrorAfter { status: 502 },
            Fault::TooManyRequests => SimFault::TooManyRequests { retry_after: None },
            Fault::Truncated => SimFault::Truncated,
            // The status that would do most harm if the page were taken for the platform's word.
            Fault::Html => SimFault::HtmlError {
                status: if target == Target::Read { 404 } else { 200 },
            },
            Fault::Garbage => SimFault::Garbage,
            Fault::ExpiredToken => SimFault::ExpiredToken,
            Fault::ListingCut => SimFault::ListingCut { keep: 1 },
            Fault::EmptyListing => SimFault::EmptyListing,
        };
        let which = match strikes {
            Strikes::First => vec![Which::Nth(1)],
            Strikes::All => vec![Which::Every],
            Strikes::AllAfter(spared) => (1..=50).map(|later| Which::Nth(spared + later)).collect(),
        };
        for which in which {
            self.sim
                .faults()
                .add(ARMED, method(target), which, fault.clone());
        }
        true
    }

    fn disarm(&self) {
        self.sim.faults().clear();
    }

    fn struck(&self) -> u64 {
        self.sim.faults().fired(ARMED).unwrap_or(0)
    }

    fn book(&self, draft: &Draft) -> RemoteId {
        let minutes = draft
            .slot
            .end()
            .duration_since(draft.slot.start())
            .as_mins();
        let mut booking = Booking::new(
            draft.resource.as_str().parse().unwrap(),
            0,
            draft.slot.start(),
            minutes,
        )
        .client(
            draft.client.name.expose(),
            draft.client.phone.as_ref().map_or("", Private::expose),
        )
        .email(draft.client.email.as_ref().map_or("", Private::expose))
        .comment(draft.comment.expose())
        .status(attendance(draft.status));
        booking.services = draft
            .services
            .iter()
            .map(|key| key.as_str().parse().unwrap())
            .collect();
        RemoteId::new(self.sim.book(&booking).to_string())
    }

    fn move_to(&self, id: &RemoteId, start: Timestamp) {
        self.sim.move_to(number(id), start).unwrap();
    }

    fn comment(&self, id: &RemoteId, comment: &str) {
        let edit = Edit {
            comment: Some(comment.to_owned()),
            ..Edit::default()
        };
        self.sim.edit(number(id), &edit).unwrap();
    }

    fn cancel(&self, id: &RemoteId) {
        self.sim.cancel(number(id)).unwrap();
    }

    fn set_extras(&self, id: &RemoteId) -> bool {
        let marks = Marks {
            labels: vec!["67345".to_owned()],
            color: "f44336".to_owned(),
            custom_fields: Map::from_iter([("source".to_owned(), json!("flyer"))]),
            sms_remain_hours: 6,
            email_remain_hours: 24,
            agreements: json!({"is_newsletter_allowed": false, "is_personal_data_processing_allowed": true}),
            prices: vec![(2250, 10)],
        };
        self.sim.mark(number(id), &marks).unwrap();
        true
    }

    fn spoil(&self, id: &RemoteId) -> bool {
        self.spoilt
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(number(id));
        true
    }

    fn records(&self) -> Vec<Seen> {
        self.sim
            .all()
            .into_iter()
            .map(|seen| self.seen(&seen))
            .collect()
    }

    fn writes(&self) -> u64 {
        let writes = ["records.create", "record.update", "record.delete"];
        writes
            .iter()
            .map(|method| u64::try_from(self.sim.count(method)).unwrap())
            .sum()
    }

    fn messages(&self) -> Vec<String> {
        let messages = self
            .sim
            .messages_sent()
            .into_iter()
            .map(|message| format!("{message:?}"));
        messages
            .chain(
                self.sim
                    .reminders_set()
                    .into_iter()
                    .map(|reminder| format!("{reminder:?}")),
            )
            .collect()
    }
}

impl SimBench {
    fn seen(&self, seen: &slotbridge_sim::Seen) -> Seen {
        let marker = seen
            .marker
            .as_deref()
            .map(|marker| marker.strip_prefix("sb-busy:").unwrap_or(marker));
        Seen {
            live: !seen.deleted,
            marker: marker.and_then(|marker| marker.parse().ok()),
            resource: ResourceKey::new(seen.staff.to_string()),
            services: seen
                .services
                .iter()
                .map(|id| ServiceKey::new(id.to_string()))
                .collect(),
            start: seen.start,
            end: Some(seen.end),
            client: Client {
                name: normalise::name(&seen.name),
                phone: normalise::phone(&seen.phone, "RU"),
                email: normalise::email(&seen.email),
            },
            status: ATTENDANCE
                .iter()
                .find(|(_, code)| *code == seen.status)
                .unwrap()
                .0,
            comment: normalise::text(&seen.comment),
            extras: self.extras(seen.id),
            id: RemoteId::new(seen.id.to_string()),
        }
    }

    /// What the owner set; not the prices, which go with services that an update may exchange.
    fn extras(&self, id: u64) -> BTreeMap<String, String> {
        let marks = self.sim.marks(id).unwrap();
        BTreeMap::from([
            ("labels".to_owned(), format!("{:?}", marks.labels)),
            ("color".to_owned(), marks.color),
            (
                "custom_fields".to_owned(),
                format!("{:?}", marks.custom_fields),
            ),
            (
                "reminders".to_owned(),
                format!("{} {}", marks.sms_remain_hours, marks.email_remain_hours),
            ),
            ("agreements".to_owned(), marks.agreements.to_string()),
        ])
    }
}

pub(super) fn moscow() -> TimeZone {
    zone("Europe/Moscow")
}
