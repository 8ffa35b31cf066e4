//! From our booking to the platform's write form.
//!
//! Writing has other words than reading: `lesson_date`, `time_from` and `duration` against `date` and two datetimes
//! (alfacrm contract, 6.4). An update changes only what it names, so only what differs is sent.
//!
//! Deliberately never sent: status 3, which charges the client and pays the teacher (alfacrm contract, 6.6).

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use slotbridge_core::marker::Marker;
use slotbridge_core::model::{Field, Kind, Private, ResourceKey, ServiceKey, Slot};
use slotbridge_core::{normalise, zone};
use slotbridge_platform::platform::{Draft, Edit};
use slotbridge_platform::{ErrorKind, PlatformError, Retry};

use crate::convert::{self, INDIVIDUAL, Lesson};
use crate::request;
use crate::wire::Object;
use crate::{NAME_CHARS_MAX, NOTE_CHARS_MAX};

/// What a booking is written with.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    pub(crate) zone: TimeZone,
    pub(crate) room: Option<u64>,
    pub(crate) busy_subject: Option<u64>,
}

/// A slot by the branch's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    start: DateTime,
    end: DateTime,
    minutes: i64,
}

impl Times {
    /// First and last day on which a lesson must start to be in the way of this one: one that started on the day
    /// before may still go on.
    pub(crate) fn days(self) -> (Date, Date) {
        let before = self.start.date().yesterday();
        (
            before.unwrap_or_else(|_first_day| self.start.date()),
            self.end.date(),
        )
    }
}

/// A draft in the platform's ids and by its clocks, before the client is known to it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Form {
    pub(crate) times: Times,
    pub(crate) teacher: u64,
    subject: u64,
    lesson_type: u64,
    note: String,
}

impl Writer {
    /// Spells a draft, or says what cannot be spelled.
    pub(crate) fn form(&self, draft: &Draft) -> Result<Form, PlatformError> {
        const OPERATION: &str = "lessons.create";
        let (subject, lesson_type) = match (draft.services.first(), self.busy_subject) {
            (Some(key), _) => service(OPERATION, key)?,
            (None, Some(subject)) if draft.kind == Kind::Block => (subject, INDIVIDUAL),
            (None, _) => {
                return Err(refused(
                    OPERATION,
                    "no lesson is without a subject: map the booking's service, and for blocks set busy_subject_id",
                ));
            }
        };
        Ok(Form {
            times: self.times(OPERATION, draft.slot)?,
            teacher: teacher(OPERATION, &draft.resource)?,
            subject,
            lesson_type,
            note: note(
                Some(Marker {
                    booking: draft.booking,
                    block: draft.kind == Kind::Block,
                }),
                &draft.comment,
            ),
        })
    }

    /// The body of a create.
    pub(crate) fn create(&self, form: &Form, customer: u64) -> Value {
        let mut body = json!({
            "lesson_type_id": form.lesson_type,
            "lesson_date": request::day(form.times.start.date()),
            "time_from": clock(form.times.start),
            "duration": form.times.minutes,
            "subject_id": form.subject,
            "teacher_ids": [form.teacher],
            "customer_ids": [customer],
            // The platform's own default may be 3 (alfacrm contract, 6.4).
            "status": 1,
            "note": form.note,
        });
        if let (Value::Object(fields), Some(room)) = (&mut body, self.room) {
            fields.insert("room_id".to_owned(), json!(room));
        }
        body
    }

    /// The body of an update, without the client: what the edit names and the lesson does not show already.
    pub(crate) fn update(&self, current: &Lesson, edit: &Edit) -> Result<Object, PlatformError> {
        const OPERATION: &str = "lessons.update";
        let (draft, shown) = (&edit.desired, &current.record);
        let mut body = Object::new();
        if edit.fields.contains(&Field::Resource) && draft.resource != shown.resource {
            body.insert(
                "teacher_ids".to_owned(),
                json!([teacher(OPERATION, &draft.resource)?]),
            );
        }
        if edit.fields.contains(&Field::Services)
            && let Some(key) = draft.services.first()
            && shown.services.first() != Some(key)
        {
            let (subject, lesson_type) = service(OPERATION, key)?;
            body.insert("subject_id".to_owned(), json!(subject));
            body.insert("lesson_type_id".to_owned(), json!(lesson_type));
        }
        if edit.fields.contains(&Field::Slot)
            && (shown.start, shown.end) != (draft.slot.start(), Some(draft.slot.end()))
        {
            // All three, because accounts differ in which one they go by (alfacrm contract, 6.5).
            let times = self.times(OPERATION, draft.slot)?;
            body.insert(
                "lesson_date".to_owned(),
                json!(request::day(times.start.date())),
            );
            body.insert("time_from".to_owned(), json!(clock(times.start)));
            body.insert("time_to".to_owned(), json!(clock(times.end)));
            body.insert("duration".to_owned(), json!(times.minutes));
        }
        if edit.fields.contains(&Field::Comment)
            && normalise::text(draft.comment.expose()) != shown.comment
        {
            body.insert(
                "note".to_owned(),
                json!(note(current.marker, &draft.comment)),
            );
        }
        Ok(body)
    }

    /// The slot by the branch's clocks in whole minutes, rounded so that it stays covered.
    pub(crate) fn times(
        &self,
        operation: &'static str,
        slot: Slot,
    ) -> Result<Times, PlatformError> {
        let cannot = |why: String| {
            PlatformError::new(ErrorKind::Unrepresentable, Retry::Never, operation, why)
        };
        let civil =
            zone::to_civil(slot.start(), &self.zone).map_err(|error| cannot(error.to_string()))?;
        let start = civil.date().at(civil.hour(), civil.minute(), 0, 0);
        let seconds = slot.end().as_second() + i64::from(slot.end().subsec_nanosecond() > 0)
            - slot.start().as_second()
            + i64::from(civil.second());
        let minutes = seconds.div_euclid(60) + i64::from(seconds.rem_euclid(60) > 0);
        if slot.end() <= slot.start() {
            return Err(cannot(
                "a booking without length cannot be a lesson".to_owned(),
            ));
        }
        let end = start
            .checked_add(SignedDuration::from_mins(minutes))
            .map_err(|error| cannot(error.to_string()))?;
        Ok(Times {
            start,
            end,
            minutes,
        })
    }
}

fn clock(time: DateTime) -> String {
    time.strftime("%H:%M").to_string()
}

/// The comment with its marker. It is cut rather than the marker, which must not be lost at the end of a long note.
fn note(marker: Option<Marker>, comment: &Private) -> String {
    let Some(marker) = marker else {
        return comment.expose().chars().take(NOTE_CHARS_MAX).collect();
    };
    let room = NOTE_CHARS_MAX - Marker::APPENDED_CHARS_MAX;
    let comment: String = comment.expose().chars().take(room).collect();
    marker.append_to(&comment)
}

/// A client's name as a card holds it.
pub(crate) fn card_name(name: &str) -> String {
    let name = normalise::name(name);
    let kept: String = name.expose().chars().take(NAME_CHARS_MAX).collect();
    kept.trim_end().to_owned()
}

fn teacher(operation: &'static str, key: &ResourceKey) -> Result<u64, PlatformError> {
    let id = key.as_str().parse().ok().filter(|id: &u64| *id > 0);
    id.ok_or_else(|| refused(operation, "a mapped resource is no teacher's id"))
}

fn service(operation: &'static str, key: &ServiceKey) -> Result<(u64, u64), PlatformError> {
    convert::parse_service(key).ok_or_else(|| {
        refused(
            operation,
            "a mapped service names no subject and lesson type",
        )
    })
}

fn refused(operation: &'static str, why: &str) -> PlatformError {
    PlatformError::new(ErrorKind::Refused, Retry::Never, operation, why)
}
