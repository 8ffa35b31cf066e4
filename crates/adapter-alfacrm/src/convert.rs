//! From the platform's lesson to our record.
//!
//! Not taken over, because a booking has no place for it: topic, homework, room, grades, charges, custom fields. An
//! update leaves them all alone. Stamps of change are not taken over either: they are missing on older accounts and
//! are by the day on others (alfacrm contract, 6.1), so the bridge goes by when it first saw a change.

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::Value;
use slotbridge_core::marker::Marker;
use slotbridge_core::model::{Client, Private, RemoteId, ResourceKey, ServiceKey, Status};
use slotbridge_core::record::{Record, RecordState, Support, Unreadable};
use slotbridge_core::zone;

use crate::wire::{self, Object};

/// The lesson type for one customer alone (alfacrm contract, 8.4).
pub(crate) const INDIVIDUAL: u64 = 1;
/// The lesson type for groups.
pub(crate) const GROUP: u64 = 2;

/// The resource of a lesson that nobody teaches; no mapping has it.
const NOBODY: &str = "none";

/// A lesson in our words, but for the client, whose card has to be read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lesson {
    pub(crate) id: u64,
    /// The record of the first teacher.
    pub(crate) record: Record,
    /// The whole marker of the note.
    pub(crate) marker: Option<Marker>,
    /// The customer whose card names the client; none in a block and where there is not exactly one.
    pub(crate) customer: Option<u64>,
    /// The code of the status.
    pub(crate) status: u8,
    /// Whose time it takes.
    pub(crate) teachers: Vec<u64>,
    /// The rule that it comes from.
    pub(crate) rule: Option<u64>,
    /// The day on which it starts, by the branch's clocks.
    pub(crate) date: Date,
}

impl Lesson {
    /// The record of the first teacher, and one for the time of each other teacher.
    pub(crate) fn records(self) -> Vec<Record> {
        let others: Vec<Record> = self
            .teachers
            .iter()
            .skip(1)
            .map(|teacher| Record {
                id: RemoteId::new(format!("{}@{teacher}", self.id)),
                resource: ResourceKey::new(teacher.to_string()),
                client: Client::default(),
                comment: Private::default(),
                marker: None,
                is_block: false,
                ..self.record.clone()
            })
            .collect();
        let mut records = vec![self.record];
        records.extend(others);
        records
    }

    /// The record of one teacher, the first where none is named.
    pub(crate) fn record_of(self, teacher: Option<u64>) -> Option<Record> {
        let id = match teacher {
            None => return Some(self.record),
            Some(teacher) => RemoteId::new(format!("{}@{teacher}", self.id)),
        };
        self.records().into_iter().find(|record| record.id == id)
    }
}

/// What a row of another branch is told as; such a row is none of ours.
#[derive(Debug)]
pub(crate) enum Foreign {
    /// The row belongs to another branch.
    Branch,
    /// The row cannot be read.
    Unreadable(Unreadable),
}

/// What a row is read with.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    pub(crate) branch: u64,
    pub(crate) zone: TimeZone,
}

impl Reader {
    /// Reads one row of the lesson list.
    pub(crate) fn lesson(&self, row: &Value) -> Result<Lesson, Foreign> {
        let unreadable = |id: Option<u64>, why: String| {
            Err(Foreign::Unreadable(Unreadable {
                id: id.map(|id| RemoteId::new(id.to_string())),
                why,
            }))
        };
        let Some(row) = row.as_object() else {
            return unreadable(None, "a row that is no object".to_owned());
        };
        let Some(id) = wire::id(row.get("id")) else {
            return unreadable(None, "a row without an id".to_owned());
        };
        // The platform shows only what belongs to the branch in the address (alfacrm contract, 6.3).
        if wire::id(row.get("branch_id")).is_some_and(|branch| branch != self.branch) {
            return Err(Foreign::Branch);
        }
        self.fields(id, row)
            .or_else(|why| unreadable(Some(id), why))
    }

    fn fields(&self, id: u64, row: &Object) -> Result<Lesson, String> {
        let (start, end, date) = self.slot(row)?;
        let teachers = wire::ids(row.get("teacher_ids"))?;
        let people = people(row)?;
        let rule = wire::id(row.get("regular_id"));
        let (state, code, status) = state(row, &people)?;
        let (comment, marker) = Marker::take_from(&wire::text(row.get("note")).unwrap_or_default());
        let is_block = marker.is_some_and(|marker| marker.block);
        let lesson_type = wire::id(row.get("lesson_type_id"));
        let support = support(row, lesson_type, &teachers, &people, rule)?;
        let customer = match (people.as_slice(), support) {
            ([customer], Support::Full) if !is_block => Some(*customer),
            _ => None,
        };
        let resource = teachers
            .first()
            .map_or_else(|| NOBODY.to_owned(), ToString::to_string);
        let record = Record {
            id: RemoteId::new(id.to_string()),
            state,
            resource: ResourceKey::new(resource),
            services: wire::id(row.get("subject_id"))
                .map(|subject| service_key(subject, lesson_type.unwrap_or(INDIVIDUAL)))
                .into_iter()
                .collect(),
            start,
            end,
            client: Client::default(),
            status,
            comment: Private::new(comment),
            marker: marker.map(|marker| marker.booking),
            is_block,
            changed_at: None,
            created_at: None,
            resource_title: teachers.is_empty().then(|| "no teacher".to_owned()),
            service_title: wire::filled(row.get("lesson_type_name")),
            group: None,
            support,
        };
        Ok(Lesson {
            id,
            record,
            marker,
            customer,
            status: code,
            teachers,
            rule,
            date,
        })
    }

    /// Start and end. Both go by the branch's clocks; the start carries a second too much, which is dropped, and the
    /// end may lack one (alfacrm contract, 6.1 and 10). The length is that of the clocks, as staff see it.
    fn slot(&self, row: &Object) -> Result<(Timestamp, Option<Timestamp>, Date), String> {
        let date = ["date", "lesson_date"]
            .iter()
            .find_map(|key| wire::filled(row.get(*key)).and_then(|text| read_date(&text)));
        let given = wire::filled(row.get("time_from")).ok_or("no start is named")?;
        let (start, _) = read_time(&given, date).ok_or("the start cannot be read")?;
        let start = floor(start);
        let end = match wire::filled(row.get("time_to")) {
            Some(given) => {
                let (end, bare) =
                    read_time(&given, Some(start.date())).ok_or("the end cannot be read")?;
                let end = round(end);
                // A bare time at or before the start is one of the next day.
                Some(if bare && end <= start {
                    end.saturating_add(1.day())
                } else {
                    end
                })
            }
            None => wire::number(row.get("duration"))
                .and_then(|minutes| i64::try_from(minutes).ok())
                .filter(|minutes| *minutes > 0)
                .and_then(|minutes| start.checked_add(SignedDuration::from_mins(minutes)).ok()),
        };
        let instant = zone::to_instant(start, &self.zone).map_err(|error| error.to_string())?;
        let end = match end {
            Some(end) if end < start => return Err("the end lies before the start".to_owned()),
            Some(end) => Some(
                instant
                    .checked_add(end.duration_since(start))
                    .map_err(|_out_of_range| "the length makes no sense")?,
            ),
            None => None,
        };
        Ok((instant, end, start.date()))
    }
}

/// Whom a lesson is for: its customers, or where it names none the people in its details (alfacrm contract, 11.16).
fn people(row: &Object) -> Result<Vec<u64>, &'static str> {
    let mut people = wire::ids(row.get("customer_ids"))?;
    if people.is_empty() {
        for detail in wire::objects(row.get("details")) {
            if let Some(id) = wire::id(detail.get("customer_id"))
                && !people.contains(&id)
            {
                people.push(id);
            }
        }
    }
    Ok(people)
}

/// Whether the lesson holds its slot, and how far it has come (alfacrm contract, 6.8 and 12.1).
fn state(row: &Object, people: &[u64]) -> Result<(RecordState, u8, Status), String> {
    match wire::number(row.get("status")) {
        Some(1) => Ok((RecordState::Live, 1, Status::Booked)),
        Some(2) => Ok((RecordState::Cancelled, 2, Status::Cancelled)),
        Some(3) => {
            let [customer] = people else {
                return Ok((RecordState::Live, 3, Status::Arrived));
            };
            let missed = wire::objects(row.get("details")).iter().any(|detail| {
                wire::id(detail.get("customer_id")) == Some(*customer)
                    && wire::flag(detail.get("is_attend")) == Some(false)
            });
            let status = if missed {
                Status::NoShow
            } else {
                Status::Arrived
            };
            Ok((RecordState::Live, 3, status))
        }
        Some(other) => Err(format!("an unknown status {other}")),
        None => Err("no status is named".to_owned()),
    }
}

/// Whether the lesson is one booking of one client with one teacher.
fn support(
    row: &Object,
    lesson_type: Option<u64>,
    teachers: &[u64],
    people: &[u64],
    rule: Option<u64>,
) -> Result<Support, &'static str> {
    let groups = wire::ids(row.get("group_ids"))?;
    let why = if lesson_type == Some(GROUP) || !groups.is_empty() {
        "a group lesson"
    } else if rule.is_some() {
        "a lesson of a recurring rule"
    } else if people.len() > 1 {
        "a lesson of several customers"
    } else if people.is_empty() {
        "a lesson without a customer"
    } else if teachers.len() > 1 {
        "a lesson of several teachers"
    } else {
        return Ok(Support::Full);
    };
    Ok(Support::Occupancy { why })
}

/// The key under which a mapping knows a subject together with a lesson type, such as
/// `lesson_type_id=1;subject_id=6`.
pub fn service_key(subject: u64, lesson_type: u64) -> ServiceKey {
    ServiceKey::new(format!("lesson_type_id={lesson_type};subject_id={subject}"))
}

/// Subject and lesson type of a service key.
pub(crate) fn parse_service(key: &ServiceKey) -> Option<(u64, u64)> {
    let (first, second) = key.as_str().split_once(';')?;
    let id = |text: &str, name: &str| text.strip_prefix(name)?.strip_prefix('=')?.parse().ok();
    let lesson_type: u64 = id(first, "lesson_type_id")?;
    let subject: u64 = id(second, "subject_id")?;
    (lesson_type > 0 && subject > 0).then_some((subject, lesson_type))
}

/// Whether a text can be a service's key in a mapping.
///
/// # Errors
/// What was expected.
pub fn check_service_id(id: &str) -> Result<(), &'static str> {
    parse_service(&ServiceKey::new(id))
        .map(|_| ())
        .ok_or("a subject and a lesson type, such as { subject_id = 6, lesson_type_id = 1 }")
}

/// The lesson and the teacher of a record's id; the first teacher where none is named.
pub(crate) fn parse_id(id: &RemoteId) -> Option<(u64, Option<u64>)> {
    let number = |text: &str| {
        let number: u64 = text.parse().ok().filter(|number| *number > 0)?;
        // One spelling only, or one lesson would be two records.
        (number.to_string() == text).then_some(number)
    };
    match id.as_str().split_once('@') {
        Some((lesson, teacher)) => Some((number(lesson)?, Some(number(teacher)?))),
        None => Some((number(id.as_str())?, None)),
    }
}

/// Reads a day: `2031-05-06` or `06.05.2031`, perhaps with a time behind it.
pub(crate) fn read_date(text: &str) -> Option<Date> {
    let day = text.trim().split([' ', 'T']).next()?;
    strtime::parse("%Y-%m-%d", day)
        .or_else(|_dotted| strtime::parse("%d.%m.%Y", day))
        .ok()?
        .to_date()
        .ok()
}

/// Reads a bare time: `16:30` or `16:30:01`.
pub(crate) fn read_clock(text: &str) -> Option<Time> {
    strtime::parse("%H:%M:%S", text)
        .or_else(|_short| strtime::parse("%H:%M", text))
        .ok()?
        .to_time()
        .ok()
}

/// Reads a time with its day, or a bare one on the given day; says whether it was bare.
fn read_time(text: &str, date: Option<Date>) -> Option<(DateTime, bool)> {
    let text = text.trim();
    if let Some(time) = read_clock(text) {
        return Some((date?.to_datetime(time), true));
    }
    let (day, time) = text.split_once([' ', 'T'])?;
    Some((read_date(day)?.to_datetime(read_clock(time.trim())?), false))
}

fn floor(time: DateTime) -> DateTime {
    time.date().at(time.hour(), time.minute(), 0, 0)
}

/// The nearest minute: `:59` is the end of the minute before a full hour.
pub(crate) fn round(time: DateTime) -> DateTime {
    let floored = floor(time);
    if time.second() < 30 {
        floored
    } else {
        floored.saturating_add(1.minute())
    }
}
