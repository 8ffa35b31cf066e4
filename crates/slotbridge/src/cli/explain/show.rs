//! The life of a booking as text, JSON or markdown.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use slotbridge_core::model::Booking;
use slotbridge_core::plan::Operation;
use slotbridge_engine::report::{OperationReport, OutcomeWord};
use slotbridge_store::ConflictRow;

use super::events::{Event, What};
use super::life::{Life, Place};
use super::waits::Wait;
use crate::render::json::{self, ChangeRow};
use crate::render::markdown::escape;
use crate::render::text::{mood_style, styled};
use crate::render::view::{Mood, record};
use crate::render::words::{self, clean, put};
use crate::render::{Format, Showing};

/// Writes lives.
pub(super) fn render(lives: &[Life], format: Format, showing: &Showing, now: Timestamp) -> String {
    match format {
        Format::Json => json::to_text(&Lives {
            schema: 1,
            at: now.to_string(),
            bookings: lives
                .iter()
                .map(|life| life_row(life, showing.clients))
                .collect(),
        }),
        Format::Text | Format::Markdown => {
            let texts = lives.iter().map(|life| {
                let zone = showing.zone(&life.bridge);
                let told = told(life, showing.clients, &zone);
                if format == Format::Text {
                    told.text()
                } else {
                    told.markdown()
                }
            });
            texts.collect::<Vec<_>>().join("\n")
        }
    }
}

/// A life in words.
struct Told {
    head: String,
    /// Headings with their lines.
    sections: Vec<(String, Mood, Vec<Line>)>,
}

/// A line with what stands under it.
type Line = (String, Vec<String>);

fn told(life: &Life, clients: bool, zone: &TimeZone) -> Told {
    let what = life.content.as_ref().map_or_else(
        || "a record of no booking".to_owned(),
        |booking| booking_words(booking, clients, zone),
    );
    let state = match (life.booking, life.live) {
        (Some(id), true) => format!("booking {id}"),
        (Some(id), false) => format!("booking {id}, gone"),
        (None, _) => "not linked".to_owned(),
    };
    let plain = |lines: Vec<String>| lines.into_iter().map(|line| (line, Vec::new())).collect();
    let mut sections = vec![
        (
            "Where".to_owned(),
            Mood::Good,
            plain(
                life.places
                    .iter()
                    .map(|place| place_words(place, zone))
                    .collect(),
            ),
        ),
        (
            "Waits".to_owned(),
            Mood::Bad,
            plain(life.waits.iter().map(wait_words).collect()),
        ),
        (
            "Next run, if the platforms stand as they were last seen".to_owned(),
            Mood::Open,
            life.next
                .iter()
                .map(|one| operation_words(one, clients, zone))
                .collect(),
        ),
        (
            format!("What happened  times in {}", words::zone_name(zone)),
            Mood::Good,
            life.events
                .iter()
                .map(|event| event_words(event, clients, zone))
                .collect(),
        ),
    ];
    sections.retain(|(_, _, lines): &(_, _, Vec<_>)| !lines.is_empty());
    Told {
        head: format!("{what}  ({state}, bridge {})", life.bridge),
        sections,
    }
}

impl Told {
    fn text(&self) -> String {
        let mut out = format!("{}\n", self.head);
        for (title, mood, lines) in &self.sections {
            put!(
                &mut out,
                "\n  {}\n",
                styled(mood_style(*mood).bold(), title)
            );
            for (line, under) in lines {
                put!(&mut out, "    {line}\n");
                for line in under {
                    put!(&mut out, "        {line}\n");
                }
            }
        }
        out
    }

    fn markdown(&self) -> String {
        let mut out = format!("# {}\n", escape(&self.head));
        for (title, _, lines) in &self.sections {
            put!(&mut out, "\n## {}\n\n", escape(title));
            for (line, under) in lines {
                put!(&mut out, "- {}\n", escape(line));
                for line in under {
                    put!(&mut out, "  - {}\n", escape(line));
                }
            }
        }
        out
    }
}

fn booking_words(booking: &Booking, clients: bool, zone: &TimeZone) -> String {
    let mut parts = vec![
        words::day(booking.slot.start(), zone),
        words::times(booking.slot, zone),
        booking.resource.to_string(),
    ];
    if !booking.services.is_empty() {
        parts.push(words::join(&booking.services));
    }
    parts.push(booking.status.as_str().to_owned());
    if clients {
        let client = &booking.client;
        let texts = [
            Some(&client.name),
            client.phone.as_ref(),
            client.email.as_ref(),
            Some(&booking.comment),
        ];
        parts.extend(
            texts
                .into_iter()
                .flatten()
                .filter(|text| !text.is_blank())
                .map(|text| clean(text.expose())),
        );
    }
    parts.join(" ")
}

fn place_words(place: &Place, zone: &TimeZone) -> String {
    let what = match (&place.remote_id, place.state) {
        (Some(id), state) => format!("{}, {state}", record(&(place.platform.clone(), id.clone()))),
        (None, "presumed") => format!("{}, presumed behind a busy time", place.platform),
        (None, _) => format!("{}, no record", place.platform),
    };
    match place.seen_at {
        Some(at) => format!("{what}, last seen {}", words::moment(at, zone)),
        None => what,
    }
}

fn wait_words(wait: &Wait) -> String {
    match &wait.platform {
        Some(platform) => format!("{platform}: {}", wait.why),
        None => wait.why.clone(),
    }
}

fn operation_words(one: &OperationReport, clients: bool, zone: &TimeZone) -> Line {
    let mut head = format!("{} on {}", one.op, one.platform);
    if let Some(id) = &one.remote_id {
        put!(&mut head, " {}", clean(id.as_str()));
    }
    let because: Vec<String> = one.because.iter().map(record).collect();
    if !because.is_empty() {
        put!(&mut head, ", because of {}", because.join(", "));
    }
    let changes = json::changes(one, clients).into_iter().map(|change| {
        let nothing = || "nothing".to_owned();
        let slot = change.field.starts_with("slot.");
        let text = |value: Option<String>| match value.as_deref().map(str::parse::<Timestamp>) {
            // Times are told by the bridge's clock.
            Some(Ok(at)) if slot => words::moment(at, zone),
            _ => value.map_or_else(nothing, |value| clean(&value)),
        };
        match (change.from, change.to) {
            (None, to) => format!("{}: {}", change.field, text(to)),
            (from, to) => format!("{}: {} → {}", change.field, text(from), text(to)),
        }
    });
    (head, changes.collect())
}

fn sent(operation: &Operation) -> OperationReport {
    OperationReport::of(operation, OutcomeWord::Planned)
}

fn event_words(event: &Event, clients: bool, zone: &TimeZone) -> Line {
    let at = words::moment(event.at, zone);
    let on = event
        .platform
        .as_ref()
        .map_or_else(String::new, |platform| format!("{platform}: "));
    match &event.what {
        What::Said(_, text) => (format!("{at}  {on}{text}"), Vec::new()),
        What::Sent(operation) => {
            let (head, changes) = operation_words(&sent(operation), clients, zone);
            (format!("{at}  sent: {head}"), changes)
        }
        What::Answered { outcome, error } => {
            let why = error
                .as_ref()
                .map_or_else(String::new, |error| format!(": {error}"));
            (format!("{at}  {on}{outcome}{why}"), Vec::new())
        }
        What::Conflict(row) => {
            let about = row.conflict.subject.as_str();
            let claims = claims(row, clients).map(|(platform, value)| {
                format!(
                    "{platform}: {}",
                    value.map_or_else(|| "removed or empty".to_owned(), |value| clean(&value))
                )
            });
            let solved = if row.closed { "; it solved itself" } else { "" };
            (
                format!("{at}  conflict {} about {about}{solved}", row.id),
                claims.collect(),
            )
        }
    }
}

fn claims(row: &ConflictRow, clients: bool) -> impl Iterator<Item = (String, Option<String>)> {
    row.conflict.claims.iter().map(move |claim| {
        (
            claim.platform.to_string(),
            json::claimed(claim, row.conflict.subject, clients),
        )
    })
}

#[derive(Debug, Serialize)]
struct Lives {
    schema: u32,
    at: String,
    bookings: Vec<LifeRow>,
}

#[derive(Debug, Serialize)]
struct LifeRow {
    bridge: String,
    booking: Option<String>,
    live: bool,
    content: Option<Content>,
    platforms: Vec<PlaceRow>,
    waits: Vec<WaitRow>,
    next: Vec<SentRow>,
    events: Vec<EventRow>,
}

/// A booking, with a client's data hidden unless they were asked for.
#[derive(Debug, Serialize)]
struct Content {
    resource: String,
    services: Vec<String>,
    start: String,
    end: String,
    status: &'static str,
    kind: &'static str,
    #[serde(rename = "client.name")]
    name: Option<String>,
    #[serde(rename = "client.phone")]
    phone: Option<String>,
    #[serde(rename = "client.email")]
    email: Option<String>,
    comment: Option<String>,
}

#[derive(Debug, Serialize)]
struct PlaceRow {
    platform: String,
    remote_id: Option<String>,
    state: &'static str,
    seen_at: Option<String>,
    content: Option<Content>,
}

#[derive(Debug, Serialize)]
struct WaitRow {
    platform: Option<String>,
    why: String,
    needs_person: bool,
}

#[derive(Debug, Serialize)]
struct SentRow {
    op: &'static str,
    platform: String,
    remote_id: Option<String>,
    because: Vec<RecordRow>,
    changes: Vec<ChangeRow>,
}

#[derive(Debug, Serialize)]
struct RecordRow {
    platform: String,
    remote_id: String,
}

#[derive(Debug, Serialize)]
struct EventRow {
    at: String,
    platform: Option<String>,
    what: &'static str,
    text: Option<String>,
    operation: Option<SentRow>,
    error: Option<String>,
    conflict: Option<ConflictJson>,
}

#[derive(Debug, Serialize)]
struct ConflictJson {
    id: String,
    field: &'static str,
    values: Vec<ValueRow>,
}

#[derive(Debug, Serialize)]
struct ValueRow {
    platform: String,
    value: Option<String>,
}

fn life_row(life: &Life, clients: bool) -> LifeRow {
    LifeRow {
        bridge: life.bridge.to_string(),
        booking: life.booking.map(|id| id.to_string()),
        live: life.live,
        content: life
            .content
            .as_ref()
            .map(|booking| content(booking, clients)),
        platforms: life
            .places
            .iter()
            .map(|place| PlaceRow {
                platform: place.platform.to_string(),
                remote_id: place.remote_id.as_ref().map(ToString::to_string),
                state: place.state,
                seen_at: place.seen_at.map(|at| at.to_string()),
                content: place
                    .content
                    .as_ref()
                    .map(|booking| content(booking, clients)),
            })
            .collect(),
        waits: life
            .waits
            .iter()
            .map(|wait| WaitRow {
                platform: wait.platform.as_ref().map(ToString::to_string),
                why: wait.why.clone(),
                needs_person: wait.needs_person,
            })
            .collect(),
        next: life.next.iter().map(|one| sent_row(one, clients)).collect(),
        events: life
            .events
            .iter()
            .map(|event| event_row(event, clients))
            .collect(),
    }
}

fn content(booking: &Booking, clients: bool) -> Content {
    use slotbridge_core::model::Field;
    let text = |field| words::value(&booking.field(field), true, clients);
    Content {
        resource: booking.resource.to_string(),
        services: booking.services.iter().map(ToString::to_string).collect(),
        start: booking.slot.start().to_string(),
        end: booking.slot.end().to_string(),
        status: booking.status.as_str(),
        kind: booking.kind.as_str(),
        name: text(Field::ClientName),
        phone: text(Field::ClientPhone),
        email: text(Field::ClientEmail),
        comment: text(Field::Comment),
    }
}

fn sent_row(one: &OperationReport, clients: bool) -> SentRow {
    SentRow {
        op: one.op,
        platform: one.platform.to_string(),
        remote_id: one.remote_id.as_ref().map(ToString::to_string),
        because: one
            .because
            .iter()
            .map(|(platform, id)| RecordRow {
                platform: platform.to_string(),
                remote_id: id.to_string(),
            })
            .collect(),
        changes: json::changes(one, clients),
    }
}

fn event_row(event: &Event, clients: bool) -> EventRow {
    let mut row = EventRow {
        at: event.at.to_string(),
        platform: event.platform.as_ref().map(ToString::to_string),
        what: "",
        text: None,
        operation: None,
        error: None,
        conflict: None,
    };
    match &event.what {
        What::Said(key, text) => {
            row.what = key;
            row.text = Some(text.clone());
        }
        What::Sent(operation) => {
            row.what = "sent";
            row.operation = Some(sent_row(&sent(operation), clients));
        }
        What::Answered { outcome, error } => {
            row.what = outcome;
            row.error.clone_from(error);
        }
        What::Conflict(conflict) => {
            row.what = "conflict";
            row.conflict = Some(ConflictJson {
                id: conflict.id.to_string(),
                field: conflict.conflict.subject.as_str(),
                values: claims(conflict, clients)
                    .map(|(platform, value)| ValueRow { platform, value })
                    .collect(),
            });
        }
    }
    row
}
