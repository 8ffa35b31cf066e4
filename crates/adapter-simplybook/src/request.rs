//! The calls as values, and their bytes.
//!
//! Every call is a JSON-RPC `POST` with positional parameters (simplybook contract, 1.2).

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use jiff::civil::{Date, DateTime};
use md5::{Digest as _, Md5};
use serde_json::{Map, Value, json};
use slotbridge_platform::client::Repeat;

/// Which service a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// Gives tokens.
    Login,
    /// What a company's clients can do.
    Public,
    /// What a company's staff can do.
    Admin,
}

impl Service {
    fn path(self) -> &'static str {
        match self {
            Self::Login => "/login",
            Self::Public => "/",
            Self::Admin => "/admin",
        }
    }

    /// The header that carries the token.
    pub(crate) fn token_header(self) -> &'static str {
        match self {
            Self::Login | Self::Public => "x-token",
            Self::Admin => "x-user-token",
        }
    }
}

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ask {
    /// The adapter's name of the call.
    pub(crate) operation: &'static str,
    pub(crate) service: Service,
    pub(crate) method: &'static str,
    pub(crate) params: Vec<Value>,
    pub(crate) repeat: Repeat,
}

impl Ask {
    fn read(
        operation: &'static str,
        service: Service,
        method: &'static str,
        params: Vec<Value>,
    ) -> Self {
        Self {
            operation,
            service,
            method,
            params,
            repeat: Repeat::Safe,
        }
    }

    fn write(
        operation: &'static str,
        service: Service,
        method: &'static str,
        params: Vec<Value>,
    ) -> Self {
        Self {
            operation,
            service,
            method,
            params,
            repeat: Repeat::Once,
        }
    }

    /// The call as a request.
    pub(crate) fn to_http(
        &self,
        base_url: &str,
        id: u64,
        headers: HeaderMap,
    ) -> Result<http::Request<Bytes>, http::Error> {
        let body =
            json!({"jsonrpc": "2.0", "method": self.method, "params": self.params, "id": id});
        let mut request = http::Request::builder()
            .method(Method::POST)
            .uri(format!("{base_url}{}", self.service.path()))
            .header(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            )
            .body(Bytes::from(body.to_string()))?;
        request.headers_mut().extend(headers);
        Ok(request)
    }
}

/// A booking's times as the platform spells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) start: DateTime,
    pub(crate) end: DateTime,
}

/// What `editBook` replaces: everything (simplybook contract, 6.5).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Whole {
    pub(crate) event: u64,
    pub(crate) unit: u64,
    pub(crate) client: u64,
    pub(crate) times: Times,
    pub(crate) additional: Map<String, Value>,
}

pub(crate) fn date(at: DateTime) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

pub(crate) fn time(at: DateTime) -> String {
    at.strftime("%H:%M:%S").to_string()
}

fn day(date: Date) -> String {
    date.strftime("%Y-%m-%d").to_string()
}

/// The signature of a signed call: `md5(id + hash + secret)` in lower-case hex (simplybook contract, 5.1).
pub(crate) fn sign(id: u64, hash: &str, secret: &str) -> String {
    let digest = Md5::digest(format!("{id}{hash}{secret}").as_bytes());
    hex(digest.iter())
}

/// Bytes in lower-case hex.
pub(crate) fn hex<'b>(bytes: impl Iterator<Item = &'b u8>) -> String {
    bytes.fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes any text");
        text
    })
}

pub(crate) fn user_token(company: &str, user: &str, password: &str) -> Ask {
    Ask::read(
        "auth",
        Service::Login,
        "getUserToken",
        vec![json!(company), json!(user), json!(password)],
    )
}

pub(crate) fn api_token(company: &str, key: &str) -> Ask {
    Ask::read(
        "auth",
        Service::Login,
        "getToken",
        vec![json!(company), json!(key)],
    )
}

pub(crate) fn company_info(service: Service) -> Ask {
    Ask::read("company.read", service, "getCompanyInfo", vec![])
}

pub(crate) fn company_param(service: Service, key: &str) -> Ask {
    Ask::read(
        "company.param",
        service,
        "getCompanyParam",
        vec![json!(key)],
    )
}

pub(crate) fn plugins(service: Service, names: &[&str]) -> Ask {
    Ask::read(
        "plugins.read",
        service,
        "getPluginStatuses",
        vec![json!(names)],
    )
}

pub(crate) fn current_user() -> Ask {
    Ask::read("user.read", Service::Admin, "getCurrentUserDetails", vec![])
}

/// Hidden ones too, as a list.
pub(crate) fn units(service: Service) -> Ask {
    Ask::read(
        "units.list",
        service,
        "getUnitList",
        vec![json!(false), json!(true)],
    )
}

/// Hidden ones too, as a list.
pub(crate) fn events(service: Service) -> Ask {
    Ask::read(
        "events.list",
        service,
        "getEventList",
        vec![json!(false), json!(true)],
    )
}

pub(crate) fn intake_fields(service: Service, event: u64) -> Ask {
    Ask::read(
        "fields.list",
        service,
        "getAdditionalFields",
        vec![json!(event)],
    )
}

/// The bookings that start on these days, both included, cancelled ones too.
pub(crate) fn bookings(from: Date, to: Date) -> Ask {
    let filter = json!({
        "date_from": day(from),
        "date_to": day(to),
        "booking_type": "all",
        "order": "date_start_asc",
    });
    Ask::read("records.list", Service::Admin, "getBookings", vec![filter])
}

pub(crate) fn booking_details(id: u64) -> Ask {
    Ask::read(
        "records.read",
        Service::Admin,
        "getBookingDetails",
        vec![json!(id)],
    )
}

pub(crate) fn booking_comment(id: u64) -> Ask {
    Ask::read(
        "records.comment",
        Service::Admin,
        "getBookingComment",
        vec![json!(id)],
    )
}

pub(crate) fn set_booking_comment(id: u64, comment: &str) -> Ask {
    Ask::write(
        "records.set_comment",
        Service::Admin,
        "setBookingComment",
        vec![json!(id), json!(comment)],
    )
}

/// The end is given, so that the booking lasts as long as elsewhere; the offset is always 0, as the vendor's own
/// application sends it (simplybook contract, 9).
pub(crate) fn admin_book(whole: &Whole) -> Ask {
    Ask::write("records.create", Service::Admin, "book", whole.params())
}

pub(crate) fn edit_book(id: u64, whole: &Whole) -> Ask {
    let mut params = vec![json!(id)];
    params.extend(whole.params());
    Ask::write("records.update", Service::Admin, "editBook", params)
}

impl Whole {
    fn params(&self) -> Vec<Value> {
        vec![
            json!(self.event),
            json!(self.unit),
            json!(self.client),
            json!(date(self.times.start)),
            json!(time(self.times.start)),
            json!(date(self.times.end)),
            json!(time(self.times.end)),
            json!(0),
            Value::Object(self.additional.clone()),
        ]
    }
}

pub(crate) fn admin_cancel(id: u64) -> Ask {
    Ask::write(
        "records.remove",
        Service::Admin,
        "cancelBooking",
        vec![json!(id)],
    )
}

pub(crate) fn admin_confirm(id: u64) -> Ask {
    Ask::write(
        "records.confirm",
        Service::Admin,
        "confirmBooking",
        vec![json!(id)],
    )
}

pub(crate) fn find_clients(words: &str) -> Ask {
    Ask::read(
        "clients.find",
        Service::Admin,
        "getClientList",
        vec![json!(words), json!(50)],
    )
}

/// No mail is sent about the new card.
pub(crate) fn add_client(data: Map<String, Value>) -> Ask {
    Ask::write(
        "clients.create",
        Service::Admin,
        "addClient",
        vec![Value::Object(data), json!(false)],
    )
}

pub(crate) fn edit_client(id: u64, data: Map<String, Value>) -> Ask {
    Ask::write(
        "clients.update",
        Service::Admin,
        "editClient",
        vec![json!(id), Value::Object(data)],
    )
}

pub(crate) fn client(id: u64) -> Ask {
    Ask::read("clients.read", Service::Admin, "getClient", vec![json!(id)])
}

pub(crate) fn public_book(
    event: u64,
    unit: u64,
    start: DateTime,
    client: Map<String, Value>,
    additional: Map<String, Value>,
) -> Ask {
    let params = vec![
        json!(event),
        json!(unit),
        json!(date(start)),
        json!(time(start)),
        Value::Object(client),
        Value::Object(additional),
    ];
    Ask::write("records.create", Service::Public, "book", params)
}

pub(crate) fn signed_details(id: u64, sign: &str) -> Ask {
    Ask::read(
        "records.read",
        Service::Public,
        "getBookingDetails",
        vec![json!(id), json!(sign)],
    )
}

/// The short form, which is enough to see whether a booking stands.
pub(crate) fn signed_booking(id: u64, sign: &str) -> Ask {
    Ask::read(
        "records.look",
        Service::Public,
        "getBooking",
        vec![json!(id), json!(sign)],
    )
}

pub(crate) fn signed_cancel(id: u64, sign: &str) -> Ask {
    Ask::write(
        "records.remove",
        Service::Public,
        "cancelBooking",
        vec![json!(id), json!(sign)],
    )
}

pub(crate) fn signed_confirm(id: u64, sign: &str) -> Ask {
    Ask::write(
        "records.confirm",
        Service::Public,
        "confirmBooking",
        vec![json!(id), json!(sign)],
    )
}

/// The free starts of one provider for one service.
pub(crate) fn free_starts(from: Date, to: Date, event: u64, unit: u64) -> Ask {
    let params = vec![
        json!(day(from)),
        json!(day(to)),
        json!(event),
        json!(unit),
        json!(1),
    ];
    Ask::read("slots.free", Service::Public, "getStartTimeMatrix", params)
}

/// The hours of one provider in one month.
pub(crate) fn work_calendar(year: i16, month: i8, unit: u64) -> Ask {
    Ask::read(
        "slots.hours",
        Service::Public,
        "getWorkCalendar",
        vec![json!(year), json!(month), json!(unit)],
    )
}
