//! Credentials, rights, zone and what clients will get, found out with reads only.

use std::time::Duration;

use serde_json::Value;
use slotbridge_platform::platform::{Finding, Level, Priority};
use slotbridge_platform::{Contacts, ErrorKind, PlatformError};
use tokio::sync::Mutex;

use crate::platform::Hands;
use crate::request::{self, Service};
use crate::wire;

/// How long a role stays believed.
const BELIEVED_FOR: Duration = Duration::from_hours(6);

/// How long it stays believed that the role cannot be found out; one odd answer must not cost a quarter of a day.
const UNKNOWN_FOR: Duration = Duration::from_mins(5);

/// The role of the user that the calls are made as.
#[derive(Debug, Default)]
pub(crate) struct Roles {
    known: Mutex<Option<(Duration, Role)>>,
}

/// What a role lets its user see and do (simplybook contract, 2.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    /// Everything.
    Full(String),
    /// It sees every booking and changes none.
    ReadOnly,
    /// It sees some bookings.
    Narrow(String),
    /// It could not be found out.
    Unknown,
}

impl Role {
    fn believed_for(&self) -> Duration {
        match self {
            Self::Full(_) | Self::ReadOnly | Self::Narrow(_) => BELIEVED_FOR,
            Self::Unknown => UNKNOWN_FOR,
        }
    }

    /// Reads the user's details; the vendor's application takes the role from `group`.
    pub(crate) fn read(details: &Value) -> Self {
        let role = details
            .as_object()
            .and_then(|user| wire::filled(user, &["group", "role", "user_role", "acl_role"]));
        match role.map(|role| role.to_lowercase()) {
            None => Self::Unknown,
            Some(role) => match role.as_str() {
                "admin" | "reseller_company_admin" | "shop_user" => Self::Full(role),
                "viewer" => Self::ReadOnly,
                _ => Self::Narrow(role),
            },
        }
    }
}

impl Roles {
    async fn get(&self, hands: &Hands, priority: Priority) -> Result<Role, PlatformError> {
        let mut known = self.known.lock().await;
        if let Some((since, role)) = &*known
            && hands.session.now().saturating_sub(*since) < role.believed_for()
        {
            return Ok(role.clone());
        }
        let role = match hands.call(&request::current_user(), priority).await {
            Ok(details) => Role::read(&details),
            Err(error) if matches!(error.kind, ErrorKind::Unsupported | ErrorKind::Refused) => {
                Role::Unknown
            }
            Err(error) => return Err(error),
        };
        *known = Some((hands.session.now(), role.clone()));
        Ok(role)
    }

    /// Why a listing shows less than there is; nothing when it shows everything.
    pub(crate) async fn narrow(
        &self,
        hands: &Hands,
        priority: Priority,
    ) -> Result<Option<String>, PlatformError> {
        if hands.sees_all {
            return Ok(None);
        }
        Ok(match self.get(hands, priority).await? {
            Role::Full(_) | Role::ReadOnly => None,
            Role::Narrow(role) => Some(format!(
                "the user's role {role} does not see every booking, so a missing one means nothing"
            )),
            Role::Unknown => Some(
                "the user's role could not be found out, so a missing booking means nothing"
                    .to_owned(),
            ),
        })
    }
}

/// Runs the whole check.
pub(crate) async fn run(
    hands: &Hands,
    roles: Option<&Roles>,
    name: &str,
) -> Result<Vec<Finding>, PlatformError> {
    hands.companies.forget().await;
    let company = match hands.company(Priority::Poll).await {
        Ok(company) => company,
        Err(error) => return Ok(vec![of_error(error)?]),
    };
    let mut findings = vec![finding(
        Level::Fine,
        "credentials",
        "the login works and the company's settings can be read".to_owned(),
    )];
    if let Some(roles) = roles {
        findings.push(of_role(
            &roles.get(hands, Priority::Poll).await?,
            hands.sees_all,
        ));
    } else {
        findings.push(finding(
            Level::Notice,
            "credentials",
            "whether secret_key is right shows only with the first booking: every call that it signs is about one".to_owned(),
        ));
        findings.push(finding(
            Level::Notice,
            "rights",
            "an API key sees only bookings that slotbridge makes or hears of by callback; mode = \"admin\" sees all of them".to_owned(),
        ));
    }
    findings.push(of_zone(&company, hands.session.api().seam().now()));
    findings.extend(of_timeframe(hands.timeframe, company.timeframe));
    findings.extend(of_settings(hands).await?);
    findings.push(of_silence(&hands.terms.contacts));
    findings.push(finding(
        Level::Notice,
        "webhook",
        format!(
            "for changes within seconds, enter as the callback URL of the API feature (create, change and cancel switched on, tries set to 6) \
             the public_url of [http] followed by /webhooks/{name}/ and the webhook_token{}",
            if roles.is_some() { "" } else { "; without it bookings made by clients are never seen" }
        ),
    ));
    Ok(findings)
}

fn finding(level: Level, what: &'static str, message: String) -> Finding {
    Finding {
        level,
        what,
        message,
    }
}

/// What was refused is a finding; that nothing could be asked is an error.
fn of_error(error: PlatformError) -> Result<Finding, PlatformError> {
    let what = match error.kind {
        ErrorKind::Unauthenticated | ErrorKind::Forbidden | ErrorKind::SecondFactor => {
            "credentials"
        }
        ErrorKind::Refused | ErrorKind::NotFound | ErrorKind::Unsupported => "rights",
        ErrorKind::Unrepresentable => "zone",
        ErrorKind::BadReply => "reachability",
        ErrorKind::SlotTaken
        | ErrorKind::Stale
        | ErrorKind::RateLimited { .. }
        | ErrorKind::Unavailable
        | ErrorKind::Transport => return Err(error),
    };
    Ok(finding(Level::Problem, what, error.message))
}

fn of_role(role: &Role, sees_all: bool) -> Finding {
    match role {
        Role::Full(role) => finding(Level::Fine, "rights", format!("the user's role is {role}: it sees and changes every booking")),
        Role::ReadOnly => finding(
            Level::Problem,
            "rights",
            "the user may look and not change anything: give it the role of an administrator".to_owned(),
        ),
        Role::Narrow(role) if sees_all => {
            finding(Level::Notice, "rights", format!("the user's role is {role}; sees_all says that it sees every booking all the same"))
        }
        Role::Narrow(role) => finding(
            Level::Problem,
            "rights",
            format!("the user's role {role} does not see every booking, so no removal is ever concluded: give it the role of an administrator"),
        ),
        Role::Unknown => finding(
            Level::Notice,
            "rights",
            "the user's role could not be found out, so no removal is ever concluded; if it is an administrator, set sees_all = true"
                .to_owned(),
        ),
    }
}

fn of_zone(company: &crate::company::Company, now: jiff::Timestamp) -> Finding {
    let ours = company.zone.iana_name().unwrap_or("the configured zone");
    match &company.own_zone {
        None => {
            let named = company.zone_name.as_deref().unwrap_or("none");
            finding(
                Level::Notice,
                "zone",
                format!(
                    "times are read as {ours}; the company names no zone that is known here ({named})"
                ),
            )
        }
        Some(own) if own.to_offset(now) == company.zone.to_offset(now) => {
            finding(Level::Fine, "zone", format!("times are read as {ours}"))
        }
        Some(own) => finding(
            Level::Problem,
            "zone",
            format!(
                "time_zone is {ours}, and the company's is {}: bookings would be read and written at the wrong hour; leave time_zone out",
                own.iana_name().unwrap_or("another")
            ),
        ),
    }
}

fn of_timeframe(ours: Option<u16>, theirs: Option<i64>) -> Option<Finding> {
    let frame = theirs?;
    Some(match ours.map(i64::from) {
        Some(ours) if ours % frame == 0 => finding(
            Level::Fine,
            "timeframe",
            format!("bookings from elsewhere are rounded outward to {ours} minutes"),
        ),
        Some(ours) => finding(
            Level::Problem,
            "timeframe",
            format!(
                "starts are {frame} minutes apart here, but timeframe is {ours}: some bookings would be refused"
            ),
        ),
        None => finding(
            Level::Notice,
            "timeframe",
            format!(
                "starts are {frame} minutes apart here: a booking that begins in between is refused; timeframe = {frame} rounds it outward"
            ),
        ),
    })
}

/// What the features and settings of the company mean; what cannot be read is passed over.
async fn of_settings(hands: &Hands) -> Result<Vec<Finding>, PlatformError> {
    let service = hands.session.service();
    let mut findings = Vec::new();
    let plugins = [
        "api",
        "approve_booking",
        "event_field",
        "group_booking",
        "multiple_booking",
        "paid_events",
        "data_security",
    ];
    let statuses = optional(
        hands
            .call(&request::plugins(service, &plugins), Priority::Poll)
            .await,
    )?;
    let is_on = |name: &str| statuses.get(name).and_then(wire::flag);
    if is_on("api") == Some(false) {
        findings.push(finding(
            Level::Problem,
            "rights",
            "the API feature is switched off: switch it on under Custom Features".to_owned(),
        ));
    }
    for (plugin, message) in [
        (
            "approve_booking",
            "Approve Booking is on: a booking that waits for approval counts as booked, a declined one as cancelled",
        ),
        (
            "paid_events",
            "payments are on: a booking that waits for its payment counts as cancelled until it is paid",
        ),
        (
            "group_booking",
            "group bookings are on: each of a group's bookings is kept on its own",
        ),
        (
            "data_security",
            "Clean history is on: bookings that it deletes are taken for removed if they are still ahead",
        ),
    ] {
        if is_on(plugin) == Some(true) {
            findings.push(finding(Level::Notice, "rights", message.to_owned()));
        }
    }
    let needs = optional(
        hands
            .call(
                &request::company_param(service, "require_fields"),
                Priority::Poll,
            )
            .await,
    )?;
    if let (Some(needs), Contacts::Real) = (
        wire::text(&needs).filter(|needs| !needs.is_empty()),
        &hands.terms.contacts,
    ) {
        let what = match needs.as_str() {
            "phone" => "a phone",
            "email" => "an e-mail",
            _ => "a phone and an e-mail",
        };
        findings.push(finding(
            Level::Notice,
            "rights",
            format!("clients need {what} here: bookings of clients without are refused"),
        ));
    }
    findings.extend(of_marker_field(hands, service).await?);
    Ok(findings)
}

async fn of_marker_field(
    hands: &Hands,
    service: Service,
) -> Result<Option<Finding>, PlatformError> {
    let Some(field) = &hands.terms.marker_field else {
        return Ok(None);
    };
    let events = optional(hands.call(&request::events(service), Priority::Poll).await)?;
    let event = wire::elements(&events).and_then(|events| {
        events
            .first()
            .and_then(|event| event.as_object())
            .and_then(|event| wire::first_id(event, &["id"]))
    });
    let Some(event) = event else { return Ok(None) };
    let fields = optional(
        hands
            .call(&request::intake_fields(service, event), Priority::Poll)
            .await,
    )?;
    let names: Vec<(String, String)> = wire::elements(&fields)
        .unwrap_or_default()
        .into_iter()
        .filter_map(Value::as_object)
        .filter_map(|field| {
            Some((
                wire::filled(field, &["name", "field_name"])?,
                wire::filled(field, &["title", "field_title"]).unwrap_or_default(),
            ))
        })
        .collect();
    if fields.is_null() || names.iter().any(|(name, _)| name == field) {
        return Ok(None);
    }
    let there: Vec<String> = names
        .iter()
        .map(|(name, title)| format!("{name} ({title})"))
        .collect();
    let there = if there.is_empty() {
        "none".to_owned()
    } else {
        there.join(", ")
    };
    Ok(Some(finding(
        Level::Problem,
        "rights",
        format!(
            "marker_field {field:?} is no intake field of the first service; there are: {there}"
        ),
    )))
}

/// A setting that need not be readable; null when it is not.
fn optional(result: Result<Value, PlatformError>) -> Result<Value, PlatformError> {
    match result {
        Err(error)
            if matches!(
                error.kind,
                ErrorKind::Unsupported
                    | ErrorKind::Refused
                    | ErrorKind::Forbidden
                    | ErrorKind::NotFound
            ) =>
        {
            Ok(Value::Null)
        }
        other => other,
    }
}

/// What clients get to hear.
fn of_silence(contacts: &Contacts) -> Finding {
    match contacts {
        Contacts::Real => finding(
            Level::Notice,
            "silence",
            "SimplyBook.me writes to the client about every booking that slotbridge makes, moves or cancels there, and this cannot be turned off: \
             with contacts = \"real\" a client who booked elsewhere gets a second confirmation, reminder and cancellation, in SimplyBook.me's name"
                .to_owned(),
        ),
        Contacts::Sink { .. } => finding(
            Level::Fine,
            "silence",
            "SimplyBook.me writes about every booking that slotbridge makes, moves or cancels there, but to sink_email and sink_phone: clients who \
             booked elsewhere hear nothing; who booked on SimplyBook.me is told there when slotbridge moves or cancels that booking"
                .to_owned(),
        ),
    }
}
