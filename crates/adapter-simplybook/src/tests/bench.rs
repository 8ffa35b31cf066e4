//! The simulated SimplyBook.me as a bench: in process under paused time, or behind a socket.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::header;
use jiff::civil::time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::json;
use slotbridge_core::model::{Client, Private, RemoteId, ResourceKey, ServiceKey, Status};
use slotbridge_core::normalise;
use slotbridge_platform::conformance::{Bench, Fault, Samples, Seen, Strikes, Target};
use slotbridge_platform::platform::Draft;
use slotbridge_platform::reqwest_transport::ReqwestTransport;
use slotbridge_platform::system_seam::SystemSeam;
use slotbridge_platform::testing::VirtualSeam;
use slotbridge_platform::transport::{Limits, Transport, TransportError, TransportFailure};
use slotbridge_platform::{Contacts, Platform};
use slotbridge_sim::person::{Booking, Edit};
use slotbridge_sim::simplybook::Options;
use slotbridge_sim::{
    ConnectionLost, Fault as SimFault, Hand as _, Inspect as _, Served, SimClock, SimplybookSim,
    Which, serve,
};
use tower::ServiceExt as _;

use super::support::{COMPANY, MARKER_FIELD, NOW, at, connect};
use crate::{SimplybookConfig, SimplybookPlatform};

const ARMED: &str = "armed";
const OWN_FIELD: &str = "d2b5ca33bd970f64a6301fa75ae2eb22";

/// A simulated company with a platform connected to it.
pub(super) struct SimBench {
    pub(super) sim: SimplybookSim,
    pub(super) platform: Arc<SimplybookPlatform>,
    /// `admin` or `public`.
    service: &'static str,
    zone: TimeZone,
    _served: Option<Served>,
}

/// A company with two providers, two services and an intake field.
fn furnished(zone: &TimeZone, clock: &SimClock, options: &Options) -> SimplybookSim {
    let sim = SimplybookSim::new(COMPANY, zone.clone(), clock.clone(), options.clone());
    // A day that ends at midnight and begins there, so that every hour of a clock change is open.
    let (open, close) = (time(0, 0, 0, 0), time(23, 30, 0, 0));
    sim.add_unit(2, "Anna", open, close, &[]);
    sim.add_unit(3, "Boris", open, close, &[]);
    sim.add_event(4, "Short consult", 60, 42);
    sim.add_event(5, "Long talk", 60, 80);
    sim.add_intake_field(MARKER_FIELD, "slotbridge", false);
    sim.add_intake_field(OWN_FIELD, "Allergies", false);
    sim
}

impl SimBench {
    /// In process, with the real quotas on both sides; to be called where tokio's clock is paused.
    pub(super) fn in_process(
        zone: &TimeZone,
        contacts: Contacts,
        config: SimplybookConfig,
        options: &Options,
    ) -> Self {
        let clock = SimClock::new(at(NOW));
        let sim = furnished(zone, &clock, options);
        let service = service_of(&config);
        let transport = Arc::new(InProcess {
            router: sim.router(),
        });
        let seam = Arc::new(VirtualSeam::new(at(NOW), 7));
        let platform = connect(transport, seam, "http://sim.invalid", contacts, config);
        Self {
            sim,
            platform,
            service,
            zone: zone.clone(),
            _served: None,
        }
    }

    /// Behind a loopback socket, in real time.
    pub(super) async fn on_loopback(
        zone: &TimeZone,
        contacts: Contacts,
        config: SimplybookConfig,
        options: &Options,
    ) -> Self {
        let clock = SimClock::new(at(NOW));
        let sim = furnished(zone, &clock, options);
        let service = service_of(&config);
        let served = serve(sim.router()).await.unwrap();
        let transport = Arc::new(ReqwestTransport::new().unwrap());
        let platform = connect(
            transport,
            Arc::new(SystemSeam::new()),
            &served.url,
            contacts,
            config,
        );
        Self {
            sim,
            platform,
            service,
            zone: zone.clone(),
            _served: Some(served),
        }
    }

    fn number(id: &RemoteId) -> u64 {
        let text = id.as_str();
        text.split(':').next().unwrap().parse().unwrap()
    }

    fn method(&self, target: Target) -> String {
        let name = match (target, self.service) {
            (Target::List, _) => "getBookings",
            (Target::Read, _) => "getBookingDetails",
            (Target::Update, "admin") => "editBook",
            (Target::Create | Target::Update, _) => "book",
            (Target::Remove, _) => "cancelBooking",
        };
        format!("{}.{name}", self.service)
    }

    fn remote(&self, id: u64) -> RemoteId {
        match self.service {
            "admin" => RemoteId::new(id.to_string()),
            _ => RemoteId::new(format!("{id}:{}", self.sim.hash_of(id).unwrap())),
        }
    }
}

fn service_of(config: &SimplybookConfig) -> &'static str {
    match config.mode {
        crate::Mode::Admin { .. } => "admin",
        crate::Mode::Public { .. } => "public",
    }
}

impl Bench for SimBench {
    fn platform(&self) -> Arc<dyn Platform> {
        Arc::clone(&self.platform) as Arc<dyn Platform>
    }

    fn samples(&self) -> Samples {
        let client = |name: &str, phone: &str, email: &str| Client {
            name: Private::new(name),
            phone: Some(Private::new(phone)),
            email: Some(Private::new(email)),
        };
        let hash = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
        let callback = |kind: &str| {
            json!({"booking_id": "9012", "booking_hash": hash, "company": COMPANY, "notification_type": kind}).to_string().into_bytes()
        };
        let id = RemoteId::new(if self.service == "admin" {
            "9012".to_owned()
        } else {
            format!("9012:{hash}")
        });
        let first = at(NOW)
            .to_zoned(self.zone.clone())
            .date()
            .saturating_add(2.days());
        Samples {
            resources: vec![ResourceKey::new("2"), ResourceKey::new("3")],
            services: vec![
                (ServiceKey::new("4"), SignedDuration::from_mins(60)),
                (ServiceKey::new("5"), SignedDuration::from_mins(60)),
            ],
            starts: (0..8)
                .map(|n: i64| {
                    let local = first
                        .to_datetime(time(6, 0, 0, 0))
                        .saturating_add((2 * n).hours());
                    local.to_zoned(self.zone.clone()).unwrap().timestamp()
                })
                .collect(),
            clients: vec![
                client("Пётр Пробный", "+79000000002", "petr@example.com"),
                client("Анна", "+79000000003", "anna@example.com"),
            ],
            time_zone: self.zone.clone(),
            unknown_id: RemoteId::new(if self.service == "admin" {
                "999999".to_owned()
            } else {
                format!("999999:{hash}")
            }),
            page_rows: None,
            webhooks: vec![
                (callback("create"), Some(id.clone())),
                (callback("change"), Some(id.clone())),
                (callback("cancel"), Some(id.clone())),
                (callback("notify"), Some(id)),
                (callback("new_client"), None),
            ],
        }
    }

    fn arm(&self, target: Target, fault: Fault, strikes: Strikes) -> bool {
        let fault = match fault {
            Fault::ReplyLost => SimFault::ReplyLost,
            Fault::ErrorBefore => SimFault::ErrorBefore { status: 500 },
            // The protocol's own internal error.
            Fault::ErrorAfter => SimFault::ErrorAfter { status: 200 },
            Fault::TooManyRequests => SimFault::TooManyRequests { retry_after: None },
            Fault::Truncated => SimFault::Truncated,
            Fault::Html => SimFault::HtmlError { status: 200 },
            Fault::Garbage => SimFault::Garbage,
            Fault::ExpiredToken => SimFault::ExpiredToken,
            // A listing says nothing of how many rows there are.
            Fault::ListingCut => return false,
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
                .add(ARMED, &self.method(target), which, fault.clone());
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
        let text = |text: &Option<Private>| {
            text.as_ref()
                .map_or(String::new(), |text| text.expose().to_owned())
        };
        let service = draft.services.first().unwrap().as_str().parse().unwrap();
        let booking = Booking::new(
            draft.resource.as_str().parse().unwrap(),
            service,
            draft.slot.start(),
            minutes,
        )
        .client(draft.client.name.expose(), &text(&draft.client.phone))
        .email(&text(&draft.client.email))
        .comment(draft.comment.expose());
        self.remote(self.sim.book(&booking))
    }

    fn move_to(&self, id: &RemoteId, start: Timestamp) {
        self.sim.move_to(Self::number(id), start).unwrap();
    }

    fn comment(&self, id: &RemoteId, comment: &str) {
        let old = self.sim.seen(Self::number(id)).unwrap().comment;
        let (_, marker) = slotbridge_core::marker::Marker::take_from(&old);
        let comment = marker.map_or_else(|| comment.to_owned(), |marker| marker.append_to(comment));
        let edit = Edit {
            comment: Some(comment),
            ..Edit::default()
        };
        self.sim.edit(Self::number(id), &edit).unwrap();
    }

    fn cancel(&self, id: &RemoteId) {
        self.sim.cancel(Self::number(id)).unwrap();
    }

    fn set_extras(&self, id: &RemoteId) -> bool {
        if self.service == "admin" {
            self.sim.set_status(Self::number(id), 3).unwrap();
        }
        self.sim
            .set_intake(Self::number(id), OWN_FIELD, "nuts")
            .unwrap();
        true
    }

    fn spoil(&self, id: &RemoteId) -> bool {
        self.sim.spoil(Self::number(id)).unwrap();
        true
    }

    fn records(&self) -> Vec<Seen> {
        self.sim
            .all()
            .into_iter()
            .map(|seen| self.shown(seen))
            .collect()
    }

    fn writes(&self) -> u64 {
        // Writes of bookings; a client's card is no booking.
        let names = [
            "book",
            "editBook",
            "cancelBooking",
            "confirmBooking",
            "setBookingComment",
        ];
        let calls = self.sim.calls();
        let is_write = |method: &str| {
            method
                .split_once('.')
                .is_some_and(|(_, name)| names.contains(&name))
        };
        calls
            .iter()
            .filter(|call| is_write(call.method))
            .count()
            .try_into()
            .unwrap()
    }

    fn messages(&self) -> Vec<String> {
        // What went to the sink reached no client.
        let messages = self.sim.messages_sent();
        messages
            .iter()
            .filter(|message| {
                !(message.email.starts_with("sink") && message.phone == "+79000000099")
            })
            .map(|message| format!("{} of {}", message.about, message.booking))
            .collect()
    }
}

impl SimBench {
    fn shown(&self, seen: slotbridge_sim::Seen) -> Seen {
        let (comment, marker) = slotbridge_core::marker::Marker::take_from(&seen.comment);
        let in_field = seen
            .fields
            .get(MARKER_FIELD)
            .and_then(|text| slotbridge_core::marker::Marker::from_text(text));
        let mut extras: BTreeMap<String, String> = seen.fields.clone();
        extras.remove(MARKER_FIELD);
        if let Some(status) = self.sim.status_of(seen.id) {
            extras.insert("status".to_owned(), status.to_string());
        }
        Seen {
            id: self.remote(seen.id),
            live: !seen.deleted,
            marker: in_field.or(marker).map(|marker| marker.booking),
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
                // A tag behind the sink's name reaches the same box.
                email: normalise::email(&if seen.email.starts_with("sink+sb") {
                    "sink@example.com".to_owned()
                } else {
                    seen.email
                }),
            },
            status: if seen.deleted {
                Status::Cancelled
            } else {
                Status::Booked
            },
            comment: Private::new(comment),
            extras,
        }
    }
}

/// Calls the simulated services' router.
#[derive(Debug)]
pub(super) struct InProcess {
    pub(super) router: Router,
}

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
        let response = self
            .router
            .clone()
            .oneshot(request.map(Body::from))
            .await
            .map_err(|never| match never {})?;
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
