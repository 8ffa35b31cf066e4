//! The simulated AlfaCRM as a bench: in process under paused time with the real quotas, or behind a socket.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::header;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use slotbridge_core::marker::Marker;
use slotbridge_core::model::{Client, Private, RemoteId, ResourceKey, Status};
use slotbridge_core::normalise;
use slotbridge_platform::conformance::{Bench, Fault, Samples, Seen, Strikes, Target};
use slotbridge_platform::platform::Draft;
use slotbridge_platform::reqwest_transport::ReqwestTransport;
use slotbridge_platform::system_seam::SystemSeam;
use slotbridge_platform::testing::VirtualSeam;
use slotbridge_platform::transport::{Limits, Transport, TransportError, TransportFailure};
use slotbridge_platform::{Account, Contacts, Platform};
use slotbridge_sim::alfacrm::Options;
use slotbridge_sim::person::{Booking, Edit};
use slotbridge_sim::{
    AlfacrmSim, ConnectionLost, Fault as SimFault, Hand as _, Inspect as _, Quota, Served,
    SimClock, Which, serve,
};
use tower::ServiceExt as _;

use super::support::{BRANCH, NOW, account, at, client, fixture};
use crate::convert::parse_service;
use crate::{AlfacrmConfig, AlfacrmPlatform, service_key};

pub(super) const PAGE_ROWS: u32 = 5;
const ARMED: &str = "armed";

/// A simulated branch with a platform connected to it.
pub(super) struct SimBench {
    pub(super) sim: AlfacrmSim,
    pub(super) platform: Arc<AlfacrmPlatform>,
    zone: TimeZone,
    first_start: Timestamp,
    _served: Option<Served>,
}

/// A branch with two teachers, two subjects and a room.
fn branch(zone: &TimeZone, clock: SimClock, options: &Options) -> AlfacrmSim {
    let sim = AlfacrmSim::new(BRANCH, zone.clone(), clock, options.clone());
    sim.add_teacher(17, "Лида");
    sim.add_teacher(18, "Вера");
    sim.add_subject(6, "Фортепиано");
    sim.add_subject(7, "Вокал");
    sim.add_room(5, "Малый зал");
    sim
}

fn config(options: &Options) -> AlfacrmConfig {
    let key = SecretString::from(options.api_key.clone());
    AlfacrmConfig {
        page_size: PAGE_ROWS,
        app_key: options.app_key.clone().map(SecretString::from),
        busy_subject_id: Some(6),
        ..AlfacrmConfig::new(BRANCH, options.email.clone(), key)
    }
}

impl SimBench {
    /// In process, with the real quotas on both sides; to be called where tokio's clock is paused.
    pub(super) fn in_process(zone: &TimeZone, contacts: Contacts, options: &Options) -> Self {
        Self::configured(zone, contacts, options, config(options))
    }

    pub(super) fn configured(
        zone: &TimeZone,
        contacts: Contacts,
        options: &Options,
        config: AlfacrmConfig,
    ) -> Self {
        let sim = branch(zone, SimClock::new(at(NOW)), options);
        let transport = Arc::new(InProcess(sim.router()));
        let seam = Arc::new(VirtualSeam::new(at(NOW), 7));
        let account = Account {
            contacts,
            time_zone: Some(zone.clone()),
            ..account(transport, seam, "http://sim.invalid", true)
        };
        Self {
            sim,
            platform: Arc::new(AlfacrmPlatform::new(account, config).unwrap()),
            zone: zone.clone(),
            first_start: at("2031-05-07T06:00:00Z"),
            _served: None,
        }
    }

    /// With the usual behaviour, for what is AlfaCRM's own.
    pub(super) fn usual() -> Self {
        Self::in_process(
            &super::support::moscow(),
            Contacts::Real,
            &Options::default(),
        )
    }

    /// Behind a loopback socket, in real time and without quotas.
    pub(super) async fn on_loopback(zone: &TimeZone, options: &Options) -> Self {
        let clock = SimClock::system();
        let sim = branch(zone, clock, options).with_quota(Quota::unlimited());
        let served = serve(sim.router()).await.unwrap();
        let transport = Arc::new(ReqwestTransport::new().unwrap());
        let account = Account {
            time_zone: Some(zone.clone()),
            ..account(transport, Arc::new(SystemSeam::new()), &served.url, false)
        };
        let today = Timestamp::now().to_zoned(zone.clone()).date();
        let nine = today.tomorrow().unwrap().at(9, 0, 0, 0);
        Self {
            sim,
            platform: Arc::new(AlfacrmPlatform::new(account, config(options)).unwrap()),
            zone: zone.clone(),
            first_start: nine.to_zoned(zone.clone()).unwrap().timestamp(),
            _served: Some(served),
        }
    }

    fn shown(seen: &slotbridge_sim::Seen) -> Seen {
        let lesson_type = seen.fields["lesson_type_id"].parse().unwrap();
        let (comment, marker) = Marker::take_from(&seen.comment);
        let extras = seen.fields.iter();
        Seen {
            id: RemoteId::new(seen.id.to_string()),
            live: !seen.deleted,
            marker: marker.map(|marker| marker.booking),
            resource: ResourceKey::new(seen.staff.to_string()),
            services: seen
                .services
                .iter()
                .map(|subject| service_key(*subject, lesson_type))
                .collect(),
            start: seen.start,
            end: Some(seen.end),
            client: Client {
                name: normalise::name(&seen.name),
                phone: normalise::phone(&seen.phone, "RU"),
                email: normalise::email(&seen.email),
            },
            status: match seen.status {
                1 => Status::Booked,
                2 => Status::Cancelled,
                _ => Status::Arrived,
            },
            comment: Private::new(comment),
            // The lesson type goes with the service.
            extras: extras
                .filter(|(key, _)| *key != "lesson_type_id")
                .map(|(key, text)| (key.clone(), text.clone()))
                .collect::<BTreeMap<_, _>>(),
        }
    }
}

pub(super) fn number(id: &RemoteId) -> u64 {
    id.as_str().parse().unwrap()
}

fn method(target: Target) -> &'static str {
    match target {
        Target::List => "lesson.index",
        Target::Read => "lesson.read",
        Target::Create => "lesson.create",
        Target::Update => "lesson.update",
        Target::Remove => "lesson.cancel",
    }
}

/// A draft as a person would book it.
pub(super) fn by_hand(draft: &Draft) -> Booking {
    let text = |text: &Option<Private>| {
        text.as_ref()
            .map(|text| text.expose().to_owned())
            .unwrap_or_default()
    };
    let length = draft.slot.end().duration_since(draft.slot.start());
    let (subject, _) = parse_service(&draft.services[0]).unwrap();
    Booking::new(
        draft.resource.as_str().parse().unwrap(),
        subject,
        draft.slot.start(),
        length.as_mins(),
    )
    .client(draft.client.name.expose(), &text(&draft.client.phone))
    .email(&text(&draft.client.email))
    .comment(draft.comment.expose())
}

impl Bench for SimBench {
    fn platform(&self) -> Arc<dyn Platform> {
        Arc::clone(&self.platform) as Arc<dyn Platform>
    }

    fn samples(&self) -> Samples {
        let webhook = |name: &str, id: Option<&str>| {
            let body = fixture(&format!("webhooks/{name}.json")).into_bytes();
            (body, id.map(RemoteId::new))
        };
        Samples {
            resources: vec![ResourceKey::new("17"), ResourceKey::new("18")],
            services: vec![
                (service_key(6, 1), SignedDuration::from_mins(60)),
                (service_key(7, 3), SignedDuration::from_mins(45)),
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
                webhook("lesson_update", Some("9001")),
                webhook("lesson_create", Some("9001")),
                webhook("lesson_delete", Some("9001")),
                webhook("numbers_as_texts", Some("9001")),
                webhook("without_relations", Some("9001")),
                webhook("payment", None),
                webhook("another_branch", None),
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
            let faults = self.sim.faults();
            faults.add(ARMED, method(target), which, fault.clone());
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
        let id = self.sim.book(&by_hand(draft));
        RemoteId::new(id.to_string())
    }

    fn move_to(&self, id: &RemoteId, start: Timestamp) {
        self.sim.move_to(number(id), start).unwrap();
    }

    fn comment(&self, id: &RemoteId, comment: &str) {
        let note = self.sim.seen(number(id)).unwrap().comment;
        let (_, marker) = Marker::take_from(&note);
        let comment = marker.map_or_else(|| comment.to_owned(), |marker| marker.append_to(comment));
        let edit = Edit {
            comment: Some(comment),
            ..Edit::default()
        };
        self.sim.edit(number(id), &edit).unwrap();
    }

    fn cancel(&self, id: &RemoteId) {
        self.sim.cancel(number(id)).unwrap();
    }

    fn set_extras(&self, id: &RemoteId) -> bool {
        self.sim.mark(number(id), "Гаммы", Some(5)).unwrap();
        true
    }

    fn spoil(&self, id: &RemoteId) -> bool {
        self.sim.spoil(number(id))
    }

    fn records(&self) -> Vec<Seen> {
        let all = self.sim.all();
        all.iter().map(Self::shown).collect()
    }

    /// Writes of lessons; those of customers are told apart where they matter.
    fn writes(&self) -> u64 {
        let writes = ["lesson.create", "lesson.update", "lesson.cancel"];
        let counts = writes.iter().map(|method| self.sim.count(method));
        u64::try_from(counts.sum::<usize>()).unwrap()
    }

    /// AlfaCRM sends nothing because of a call: only the account's own triggers do.
    fn messages(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Calls the simulated platform's router.
#[derive(Debug)]
struct InProcess(Router);

#[async_trait]
impl Transport for InProcess {
    async fn exchange(
        &self,
        request: http::Request<Bytes>,
        _limits: Limits,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let lost = |why: &str| TransportError {
            failure: TransportFailure::NoReply,
            why: why.to_owned(),
        };
        let called = self.0.clone().oneshot(request.map(Body::from)).await;
        let response = called.map_err(|never| match never {})?;
        if response.extensions().get::<ConnectionLost>().is_some() {
            return Err(lost("the connection was closed without an answer"));
        }
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX)
            .await
            .map_err(|error| lost(&error.to_string()))?;
        let promised = head
            .headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        if promised.is_some_and(|promised: usize| promised != body.len()) {
            return Err(lost("the answer stopped in the middle"));
        }
        Ok(http::Response::from_parts(head, body))
    }
}
