//! Recurring rules: the lessons that are known only as a rule yet.
//!
//! How far ahead the platform makes lessons out of a rule is not documented; what lies further ahead stands in no
//! lesson list, and still takes the teacher's time (alfacrm contract, 7.1). So a rule is spelled out behind its last
//! lesson that does stand there, as occupancy that is never edited. Rules themselves are never written.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use serde_json::Value;
use slotbridge_core::model::{Client, Private, RemoteId, ResourceKey, Status};
use slotbridge_core::record::{Record, RecordState, Support, Window};
use slotbridge_core::zone;

use crate::convert::{self, INDIVIDUAL, Lesson};
use crate::wire::{self, Object};

/// What the id of such a record begins with.
const PREFIX: &str = "rule:";

/// A record's id that stands for one day of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RuleDay {
    pub(crate) rule: u64,
    pub(crate) date: Date,
    /// The teacher; a rule may have several.
    pub(crate) teacher: u64,
}

impl RuleDay {
    /// The id as text, such as `rule:12@2031-05-06@17`.
    pub(crate) fn id(self) -> RemoteId {
        RemoteId::new(format!(
            "{PREFIX}{}@{}@{}",
            self.rule, self.date, self.teacher
        ))
    }

    /// Reads such an id; `None` for any other.
    pub(crate) fn parse(id: &RemoteId) -> Option<Self> {
        let mut parts = id.as_str().strip_prefix(PREFIX)?.split('@');
        let day = Self {
            rule: parts.next()?.parse().ok()?,
            date: parts.next()?.parse().ok()?,
            teacher: parts.next()?.parse().ok()?,
        };
        (day.id() == *id).then_some(day)
    }
}

/// A rule: on one day of each week, from one time to another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    id: u64,
    weekday: Weekday,
    from: Time,
    to: Time,
    first: Option<Date>,
    last: Option<Date>,
    teachers: Vec<u64>,
    service: Option<(u64, u64)>,
}

impl Rule {
    /// Reads one row of the list of rules; `None` for one of another branch.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(crate) fn read(branch: u64, row: &Value) -> Result<Option<Self>, &'static str> {
        let row = row.as_object().ok_or("a rule that is no object")?;
        if wire::id(row.get("branch_id")).is_some_and(|own| own != branch) {
            return Ok(None);
        }
        let time = |keys: [&str; 2]| {
            let text = keys.iter().find_map(|key| wire::filled(row.get(*key)))?;
            convert::read_clock(&text)
        };
        let lesson_type = wire::id(row.get("lesson_type_id")).unwrap_or(INDIVIDUAL);
        Ok(Some(Self {
            id: wire::id(row.get("id")).ok_or("a rule without an id")?,
            weekday: weekday(row)?,
            from: time(["time_from_v", "time_from"]).ok_or("a rule without a start")?,
            to: time(["time_to_v", "time_to"]).ok_or("a rule without an end")?,
            first: bound(row, ["b_date", "b_date_v"])?,
            last: bound(row, ["e_date", "e_date_v"])?,
            teachers: wire::ids(row.get("teacher_ids"))?,
            service: wire::id(row.get("subject_id")).map(|subject| (subject, lesson_type)),
        }))
    }

    /// The records of one day; none where the rule does not meet on it, or the clocks skip its time.
    fn on(&self, date: Date, tz: &TimeZone) -> Vec<Record> {
        let met = date.weekday() == self.weekday
            && self.first.is_none_or(|first| first <= date)
            && self.last.is_none_or(|last| date <= last);
        let start = date.to_datetime(self.from);
        let mut end = date.to_datetime(self.to);
        if end <= start {
            end = end.saturating_add(1.day());
        }
        let end = convert::round(end);
        let Some(start_at) = zone::to_instant(start, tz).ok().filter(|_| met) else {
            return Vec::new();
        };
        let end_at = start_at.checked_add(end.duration_since(start)).ok();
        let record = |teacher: &u64| Record {
            id: RuleDay {
                rule: self.id,
                date,
                teacher: *teacher,
            }
            .id(),
            state: RecordState::Live,
            resource: ResourceKey::new(teacher.to_string()),
            services: self
                .service
                .map(|(subject, lesson_type)| convert::service_key(subject, lesson_type))
                .into_iter()
                .collect(),
            start: start_at,
            end: end_at,
            client: Client::default(),
            status: Status::Booked,
            comment: Private::default(),
            marker: None,
            is_block: false,
            changed_at: None,
            created_at: None,
            resource_title: None,
            service_title: None,
            group: None,
            support: Support::Occupancy {
                why: "a recurring rule",
            },
        };
        self.teachers.iter().map(record).collect()
    }

    /// The record of one day and teacher, if the rule still gives one.
    pub(crate) fn record(&self, day: RuleDay, tz: &TimeZone) -> Option<Record> {
        let id = day.id();
        self.on(day.date, tz)
            .into_iter()
            .find(|record| record.id == id)
    }

    /// The records inside the window, behind the last lesson that the rule has there already.
    pub(crate) fn records(
        &self,
        window: Window,
        last_lessons: &BTreeMap<u64, Date>,
        tz: &TimeZone,
    ) -> Vec<Record> {
        let (from, to) = zone::window_days(window, tz);
        let known_to = last_lessons.get(&self.id).copied();
        let mut records = Vec::new();
        let mut date = from;
        while date <= to {
            if known_to.is_none_or(|known| known < date) {
                records.extend(
                    self.on(date, tz)
                        .into_iter()
                        .filter(|record| window.contains(record.start)),
                );
            }
            let Ok(next) = date.tomorrow() else { break };
            date = next;
        }
        records
    }
}

/// The last day on which each rule has a lesson, whatever became of it.
pub(crate) fn last_lessons<'a>(lessons: impl Iterator<Item = &'a Lesson>) -> BTreeMap<u64, Date> {
    let mut last = BTreeMap::new();
    for lesson in lessons {
        if let Some(rule) = lesson.rule {
            let date = last.entry(rule).or_insert(lesson.date);
            *date = lesson.date.max(*date);
        }
    }
    last
}

/// The day of the week, 1 for Monday; one source has 0 for Sunday (alfacrm contract, 7.1).
fn weekday(row: &Object) -> Result<Weekday, &'static str> {
    let day = wire::number(row.get("day")).ok_or("a rule without a day of the week")?;
    let day = if day == 0 { 7 } else { day };
    let day = i8::try_from(day).ok();
    day.and_then(|day| Weekday::from_monday_one_offset(day).ok())
        .ok_or("a rule with an unknown day of the week")
}

fn bound(row: &Object, keys: [&str; 2]) -> Result<Option<Date>, &'static str> {
    let text = keys.iter().find_map(|key| wire::filled(row.get(*key)));
    text.map(|text| convert::read_date(&text).ok_or("a rule with an unreadable date"))
        .transpose()
}
