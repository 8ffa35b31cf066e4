//! What `slotbridge check` has to say about an account, in words and with the way out. Reads only.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use slotbridge_platform::client::Reply;
use slotbridge_platform::platform::{Finding, Level, Priority};
use slotbridge_platform::{Contacts, ErrorKind, PlatformError};

use crate::branch::{Branch, Company};
use crate::request::{self, Filter};
use crate::session::Session;
use crate::wire::{self, Object};

/// A right, what is lacking without it, and how bad that is.
const RIGHTS: [(&str, Level, &str); 11] = [
    (
        "timetable_access",
        Level::Problem,
        "open the journal, so no record can be read",
    ),
    (
        "create_records_access",
        Level::Problem,
        "create records, so bookings cannot be brought here",
    ),
    (
        "edit_records_access",
        Level::Problem,
        "edit records, so changes cannot be brought here",
    ),
    (
        "delete_records_access",
        Level::Problem,
        "delete records, so cancellations cannot be brought here",
    ),
    (
        "timetable_transferring_record_access",
        Level::Problem,
        "move records, so moves cannot be brought here",
    ),
    (
        "timetable_phones_access",
        Level::Problem,
        "see phones in the journal, so bookings arrive without contacts and those of a client cannot be edited",
    ),
    (
        "clients_phones_email_access",
        Level::Notice,
        "see the clients' phones and e-mails, so bookings may arrive without contacts",
    ),
    (
        "clients_access",
        Level::Notice,
        "open the client base; slotbridge works without it",
    ),
    (
        "edit_records_attendance_access",
        Level::Notice,
        "edit records of clients who came, so such edits will be refused",
    ),
    (
        "record_edit_full_paid_access",
        Level::Notice,
        "edit paid records, so such edits will be refused",
    ),
    (
        "delete_customer_came_records_access",
        Level::Notice,
        "delete records of clients who came, so such cancellations will be refused",
    ),
];

/// Looks at everything.
///
/// # Errors
/// When the exchange fails or the platform is in trouble: that says nothing about the account.
pub(crate) async fn run(
    session: &Session,
    branch: &Branch,
    contacts: &Contacts,
) -> Result<Vec<Finding>, PlatformError> {
    let now = session.api().seam().now();
    let mut findings = Vec::new();
    match session
        .call(&request::get_permissions(branch.id), Priority::Poll)
        .await
    {
        Ok(reply) => {
            let message = "the tokens are accepted".to_owned();
            findings.push(Finding {
                level: Level::Fine,
                what: "credentials",
                message,
            });
            findings.extend(of_rights(&rights(&reply)));
        }
        Err(error) => {
            let hopeless = matches!(
                error.kind,
                ErrorKind::Unauthenticated | ErrorKind::SecondFactor
            );
            findings.push(of_error(error)?);
            if hopeless {
                return Ok(findings);
            }
        }
    }
    match branch.company(session, Priority::Poll).await {
        Ok(company) => findings.push(of_zone(&company, branch.configured_zone(), now)),
        Err(error) => findings.push(of_error(error)?),
    }
    // The one call that everything rests on: a right that the map names can still be refused, and a licence shows only
    // here.
    let zone = branch.configured_zone().cloned().unwrap_or(TimeZone::UTC);
    let today = zone.to_datetime(now).date();
    let first = request::list_records(branch.id, Filter::Days(today, today), 1, 1);
    match session.call(&first, Priority::Poll).await {
        Ok(_) => {
            let message = "the branch's records can be listed".to_owned();
            findings.push(Finding {
                level: Level::Fine,
                what: "reachability",
                message,
            });
        }
        Err(error) => findings.push(of_error(error)?),
    }
    findings.push(of_silence(contacts));
    findings.push(of_webhook());
    Ok(findings)
}

/// The rights of a reply, found wherever they are nested.
pub(crate) fn rights(reply: &Reply) -> BTreeMap<String, Value> {
    let body = wire::envelope(&reply.body).unwrap_or_default();
    let mut found = BTreeMap::new();
    collect(&mut found, wire::only(&body.data), 3);
    found
}

fn collect(found: &mut BTreeMap<String, Value>, map: Option<&Object>, depth: usize) {
    for (key, value) in map.into_iter().flatten() {
        match value {
            Value::Object(inner) if depth > 0 => collect(found, Some(inner), depth - 1),
            value => {
                found.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
    }
}

/// Whether the user sees clients' phones; `None` where the rights do not say.
pub(crate) fn phones_visible(rights: &BTreeMap<String, Value>) -> Option<bool> {
    wire::flag(rights.get("timetable_phones_access"))
}

/// What the rights say.
pub(crate) fn of_rights(rights: &BTreeMap<String, Value>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (right, level, lack) in RIGHTS {
        if wire::flag(rights.get(right)) == Some(false) {
            findings.push(Finding {
                level,
                what: "rights",
                message: format!("the user may not {lack}; tick the right ({right}) in the branch's settings, Users, or for the application"),
            });
        }
    }
    if let Some(master) = wire::id(rights.get("master_id")) {
        findings.push(Finding {
            level: Level::Problem,
            what: "rights",
            message: format!(
                "the user sees only the records of member of staff {master} (master_id); records of others would never be noticed, so let \
                 the user see everybody's"
            ),
        });
    }
    if let Some(days) = wire::int(rights.get("last_days_count")).filter(|days| *days > 0) {
        findings.push(Finding {
            level: Level::Notice,
            what: "rights",
            message: format!("the user sees only the last {days} days of history (last_days_count); keep window_past within that"),
        });
    }
    if wire::flag(rights.get("auth_enable_check_ip")) == Some(true) {
        findings.push(Finding {
            level: Level::Notice,
            what: "rights",
            message: "the branch admits this user from listed addresses only; this machine's address must stay on the list".to_owned(),
        });
    }
    if findings
        .iter()
        .all(|finding| finding.level < Level::Problem)
    {
        let message = if rights.is_empty() {
            "the platform does not tell the user's rights; the first refused call will"
        } else {
            "the user may read, create, edit, move and delete records"
        };
        findings.insert(
            0,
            Finding {
                level: if rights.is_empty() {
                    Level::Notice
                } else {
                    Level::Fine
                },
                what: "rights",
                message: message.to_owned(),
            },
        );
    }
    findings
}

/// What the branch's zone says beside the configured one.
pub(crate) fn of_zone(company: &Company, configured: Option<&TimeZone>, now: Timestamp) -> Finding {
    let finding = |level, message: String| Finding {
        level,
        what: "zone",
        message,
    };
    match (configured, company.zone()) {
        (None, Some(_)) => finding(
            Level::Fine,
            format!(
                "the branch's clocks are those of {}",
                company.zone_name.as_deref().unwrap_or("?")
            ),
        ),
        (None, None) => finding(
            Level::Problem,
            format!(
                "the branch names no zone that is known here ({}); set time_zone for this platform",
                company.zone_name.as_deref().unwrap_or("none")
            ),
        ),
        (Some(_), None) => finding(
            Level::Fine,
            "time_zone is taken from the config; the branch names none that is known here"
                .to_owned(),
        ),
        (Some(ours), Some(theirs)) => {
            let names = (
                ours.iana_name().unwrap_or("the configured zone"),
                theirs.iana_name().unwrap_or("?"),
            );
            if ours.to_offset(now) == theirs.to_offset(now) {
                finding(
                    Level::Fine,
                    format!("time_zone {} agrees with the branch's {}", names.0, names.1),
                )
            } else {
                finding(
                    Level::Notice,
                    format!(
                        "time_zone {} is another than the branch's own {}; wall-clock times are read by {0}, as staff would: make sure that these \
                         are the clocks that they look at",
                        names.0, names.1
                    ),
                )
            }
        }
    }
}

/// What clients get to hear.
pub(crate) fn of_silence(contacts: &Contacts) -> Finding {
    let message = match contacts {
        Contacts::Real => {
            "clients get no message from YCLIENTS about bookings that slotbridge makes, moves or cancels: texts are off and reminders are set \
             to none; reminders on the owner's own records stay as they are"
        }
        Contacts::Sink { .. } => {
            "clients get no message from YCLIENTS, and their contacts are not stored there: records carry the client's name and the sink's \
             e-mail"
        }
    };
    Finding {
        level: Level::Fine,
        what: "silence",
        message: message.to_owned(),
    }
}

/// What a webhook needs.
pub(crate) fn of_webhook() -> Finding {
    Finding {
        level: Level::Notice,
        what: "webhook",
        message: "for changes within seconds, enter this platform's webhook address in the branch's settings under Webhooks and tick records; \
                  without it changes are noticed by polling"
            .to_owned(),
    }
}

/// A failed call as a finding; an exchange that failed, or a server in trouble, shows nothing about the account.
pub(crate) fn of_error(error: PlatformError) -> Result<Finding, PlatformError> {
    let what = match error.kind {
        ErrorKind::Unauthenticated | ErrorKind::SecondFactor => "credentials",
        ErrorKind::Forbidden | ErrorKind::NotFound | ErrorKind::Refused => "rights",
        ErrorKind::Unrepresentable => "zone",
        ErrorKind::BadReply => "reachability",
        ErrorKind::SlotTaken
        | ErrorKind::Stale
        | ErrorKind::RateLimited { .. }
        | ErrorKind::Unsupported
        | ErrorKind::Unavailable
        | ErrorKind::Transport => return Err(error),
    };
    let way_out = match error.kind {
        ErrorKind::Unauthenticated => {
            "; check partner_token and user_token (or login and password), and that the application is connected to the branch"
        }
        ErrorKind::BadReply => "; check base_url",
        _ => "",
    };
    Ok(Finding {
        level: Level::Problem,
        what,
        message: format!("{error}{way_out}"),
    })
}
