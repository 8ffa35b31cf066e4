//! The JSON of the simulated AlfaCRM: rows, envelopes, errors, and the odd spellings of the real one.

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use serde_json::{Map, Value, json};

use super::options::{DateKey, Times};
use super::state::{Customer, Lesson, Named, Rule, State};
use crate::dice::Dice;
use crate::gate::Reply;

/// An error of the framework, as it looks before anything of the platform is reached.
pub(super) fn trouble(status: u16, message: &str) -> Reply {
    let name = match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        _ => "Internal Server Error",
    };
    Reply::json(
        status,
        json!({"name": name, "message": message, "code": 0, "status": status}),
    )
}

/// A write that was refused.
pub(super) fn refusal(status: u16, field: &str, message: &str, model: &Value) -> Reply {
    Reply::json(
        status,
        json!({"success": false, "errors": {field: [message]}, "model": model}),
    )
}

/// A write that was done.
pub(super) fn done(model: &Value) -> Reply {
    Reply::json(200, json!({"success": true, "errors": [], "model": model})).landed()
}

/// One page of rows.
pub(super) fn page(state: &mut State, mut rows: Vec<Value>, body: &Map<String, Value>) -> Reply {
    let asked = |key: &str| number(body.get(key)).and_then(|n| usize::try_from(n).ok());
    let size = asked("pageSize")
        .filter(|size| *size > 0)
        .unwrap_or(state.options.page_default)
        .min(state.options.page_max);
    let total = rows.len();
    let mut page = asked("page").unwrap_or_default();
    if state.options.last_page_again && total > 0 {
        page = page.min((total - 1) / size);
    }
    let from = page.saturating_mul(size).min(total);
    let mut rows: Vec<Value> = rows
        .drain(from..total.min(from.saturating_add(size)))
        .collect();
    if state.options.odd_spellings.is_some() {
        for row in &mut rows {
            oddly(row, &mut state.dice);
        }
    }
    Reply::json(
        200,
        json!({"total": total, "count": rows.len(), "page": page, "items": rows}),
    )
}

/// A lesson as `index` and writes show it.
pub(super) fn lesson(state: &State, lesson: &Lesson) -> Value {
    let options = &state.options;
    let time = |at: DateTime, second: i8| {
        let at = at.with().second(second).build().unwrap_or(at);
        let format = match options.times {
            Times::Full => "%Y-%m-%d %H:%M:%S",
            Times::FullWithT => "%Y-%m-%dT%H:%M:%S",
            Times::Bare => "%H:%M:%S",
            Times::BareMinutes => "%H:%M",
        };
        at.strftime(format).to_string()
    };
    let people = if options.people_in_details {
        Vec::new()
    } else {
        lesson.customers.clone()
    };
    let details: Vec<Value> = lesson
        .details
        .iter()
        .map(|detail| {
            json!({
                "id": detail.id,
                "customer_id": detail.customer,
                "is_attend": detail.attended.map(i64::from),
                "reason_id": null,
                "ctt_id": null,
                "commission": "0.00",
                "grade": null,
                "bonus": null,
                "note": "",
            })
        })
        .collect();
    let mut row = json!({
        "id": lesson.id,
        "branch_id": lesson.branch,
        "time_from": time(lesson.start, i8::from(options.extra_second)),
        "time_to": time(lesson.end(), 0),
        "lesson_type_id": lesson.lesson_type,
        "status": lesson.status,
        "subject_id": lesson.subject,
        "room_id": lesson.room,
        "teacher_ids": lesson.teachers,
        "customer_ids": people,
        "group_ids": lesson.groups,
        "streaming": false,
        "note": lesson.note,
        "topic": lesson.topic,
        "homework": lesson.homework,
        "regular_id": lesson.rule,
        "details": details,
    });
    let day = lesson.start.date().to_string();
    if let Value::Object(fields) = &mut row {
        match options.date_key {
            DateKey::Date => drop(fields.insert("date".to_owned(), json!(day))),
            DateKey::LessonDate => drop(fields.insert("lesson_date".to_owned(), json!(day))),
            DateKey::Absent => {}
        }
        if options.stamps {
            for (key, at) in [
                ("created_at", lesson.created),
                ("updated_at", lesson.changed),
            ] {
                fields.insert(key.to_owned(), json!(stamp(state.local(at))));
            }
        }
        if options.custom_keys {
            fields.insert("custom_source".to_owned(), json!(""));
        }
        for (key, text) in &lesson.custom {
            fields.insert(key.clone(), json!(text));
        }
        if state.spoilt.contains(&lesson.id) {
            fields.insert("time_from".to_owned(), json!({"odd": true}));
        }
    }
    row
}

/// What of a lesson a webhook tells when it changes.
pub(super) fn changeable(lesson: &Lesson) -> Value {
    json!({
        "status": lesson.status,
        "time_from": stamp(lesson.start),
        "time_to": stamp(lesson.end()),
        "teacher_ids": lesson.teachers,
        "customer_ids": lesson.customers,
        "subject_id": lesson.subject,
        "note": lesson.note,
    })
}

/// Only what differs, as two maps; an empty one is a list.
pub(super) fn difference(before: Option<Value>, after: Option<Value>) -> (Value, Value) {
    let fields = |value: Option<Value>| match value {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let (mut old, mut new) = (fields(before), fields(after));
    let same: Vec<String> = old
        .iter()
        .filter(|(key, value)| new.get(*key) == Some(value))
        .map(|(key, _)| key.clone())
        .collect();
    for key in same {
        old.remove(&key);
        new.remove(&key);
    }
    let map = |fields: Map<String, Value>| {
        if fields.is_empty() {
            json!([])
        } else {
            Value::Object(fields)
        }
    };
    (map(old), map(new))
}

pub(super) fn customer(state: &State, customer: &Customer) -> Value {
    let phones: Vec<String> = customer
        .phones
        .iter()
        .map(|phone| {
            if state.options.formatted_phones {
                formatted(phone)
            } else {
                phone.clone()
            }
        })
        .collect();
    let balance = format!(
        "{}.{:02}",
        customer.balance / 100,
        customer.balance.abs() % 100
    );
    let mut row = json!({
        "id": customer.id,
        "branch_ids": customer.branches,
        "teacher_ids": [],
        "name": customer.name,
        "is_study": i64::from(customer.study),
        "legal_type": 1,
        "legal_name": "",
        "company_id": null,
        "dob": "",
        "note": customer.note,
        "phone": phones,
        "email": customer.emails,
        "web": [],
        "addr": [],
        "balance": balance,
        "balance_base": balance,
        "paid_count": 0,
        "next_lesson_date": null,
        "e_date": "",
    });
    if let (Value::Object(fields), true) = (&mut row, state.options.custom_keys) {
        fields.insert("custom_source".to_owned(), json!("test"));
    }
    row
}

/// A Russian number as the account's own forms write it.
fn formatted(phone: &str) -> String {
    let digits: Vec<char> = phone.chars().filter(char::is_ascii_digit).collect();
    let text =
        |from: usize, to: usize| -> String { digits.iter().skip(from).take(to - from).collect() };
    if digits.len() == 11 {
        format!(
            "+7({}){}-{}-{}",
            text(1, 4),
            text(4, 7),
            text(7, 9),
            text(9, 11)
        )
    } else {
        phone.to_owned()
    }
}

pub(super) fn teacher(branch: u64, id: u64, teacher: &Named) -> Value {
    json!({"id": id, "name": teacher.name, "branch_ids": [branch], "phone": [], "email": [], "dob": ""})
}

pub(super) fn subject(id: u64, subject: &Named) -> Value {
    json!({"id": id, "name": subject.name, "weight": 0})
}

pub(super) fn room(branch: u64, id: u64, room: &Named) -> Value {
    json!({"id": id, "branch_id": branch, "location_id": 1, "name": room.name, "note": "",
           "is_enabled": i64::from(room.active), "weight": 0})
}

pub(super) fn lesson_type(id: u64, named: &Named, behaviour: u64) -> Value {
    json!({"id": id, "name": named.name, "type": behaviour, "icon": "", "is_active": i64::from(named.active), "sort": id})
}

pub(super) fn branch(id: u64, branch: &Named) -> Value {
    json!({"id": id, "name": branch.name, "is_active": i64::from(branch.active), "subject_ids": [], "weight": id})
}

pub(super) fn rule(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "branch_id": rule.branch,
        "lesson_type_id": 1,
        "related_class": "Customer",
        "related_id": rule.customer,
        "subject_id": rule.subject,
        "streaming": false,
        "teacher_ids": [rule.teacher],
        "room_id": null,
        "day": rule.day.to_string(),
        "days": null,
        "time_from_v": rule.from.strftime("%H:%M").to_string(),
        "time_to_v": rule.to.strftime("%H:%M").to_string(),
        "b_date": rule.first.to_string(),
        "e_date": rule.last.map(|last| last.to_string()).unwrap_or_default(),
        "b_date_v": rule.first.strftime("%d.%m.%Y").to_string(),
    })
}

/// A wall-clock time as the platform writes it.
pub(super) fn stamp(local: DateTime) -> String {
    local.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A whole number, also one that came as text.
pub(super) fn number(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

pub(super) fn id(value: Option<&Value>) -> Option<u64> {
    number(value).and_then(|id| u64::try_from(id).ok())
}

/// A day in either of the two forms.
pub(super) fn date(value: Option<&Value>) -> Option<Date> {
    let text = value?.as_str()?;
    strtime::parse("%d.%m.%Y", text)
        .or_else(|_iso| strtime::parse("%Y-%m-%d", text))
        .ok()?
        .to_date()
        .ok()
}

/// A time of day: `HH:MM`, `HH:MM:SS`, or the end of a whole datetime.
pub(super) fn clock(value: Option<&Value>) -> Option<Time> {
    let text = value?.as_str()?;
    let text = text.rsplit([' ', 'T']).next()?;
    let time = strtime::parse("%H:%M", text)
        .or_else(|_long| strtime::parse("%H:%M:%S", text))
        .ok()?
        .to_time()
        .ok()?;
    Some(jiff::civil::time(time.hour(), time.minute(), 0, 0))
}

pub(super) fn numbers_as_texts(value: &mut Value) {
    match value {
        Value::Number(number) => *value = json!(number.to_string()),
        Value::Array(items) => items.iter_mut().for_each(numbers_as_texts),
        Value::Object(fields) => fields.values_mut().for_each(numbers_as_texts),
        _ => {}
    }
}

/// Spells some fields of a row as the real platform sometimes does.
fn oddly(row: &mut Value, dice: &mut Dice) {
    let Value::Object(fields) = row else { return };
    for value in fields.values_mut() {
        if !dice.coin() {
            continue;
        }
        match value {
            Value::Number(number) => *value = json!(number.to_string()),
            Value::Array(items) if items.is_empty() => {
                *value = if dice.coin() { Value::Null } else { json!("") };
            }
            Value::Array(items) => {
                for item in items {
                    if item.is_number() {
                        numbers_as_texts(item);
                    }
                }
            }
            Value::Null => *value = json!(""),
            _ => {}
        }
    }
    fields.insert(format!("new_key_{}", dice.below(3)), json!(["of tomorrow"]));
}
