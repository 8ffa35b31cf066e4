//! The protocol's JSON: envelopes, and values in whichever of their spellings.
//!
//! The services are written in PHP: numbers and flags come as strings, an empty map as `[]`, and one notion has
//! several names (simplybook contract, 10).

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, ToSpan};
use serde_json::{Map, Value};

/// A JSON object.
pub(crate) type Object = Map<String, Value>;

/// What a reply's body is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Envelope {
    /// What was asked for; null stands for "nothing came of it".
    Done(Value),
    /// An error of the service.
    Failed {
        /// Its number; 0 where it has none.
        code: i64,
        /// Its words.
        message: String,
        /// The id in its data, where there is one.
        about: Option<u64>,
    },
    /// A description of the service: the request was not understood as one (simplybook contract, 1.3).
    Description,
    /// A result that is not known to be the answer to this request.
    OfAnother,
    /// Neither.
    Odd,
}

/// Reads a reply's body to the request with this id; `None` when it is no JSON object.
pub(crate) fn envelope(body: &[u8], asked: u64) -> Option<Envelope> {
    let Ok(Value::Object(mut body)) = serde_json::from_slice::<Value>(body) else {
        return None;
    };
    if let Some(error) = body.get("error").filter(|error| !error.is_null()) {
        let code = error.get("code").and_then(int).unwrap_or_default();
        let message = error.get("message").and_then(text);
        let message = message
            .or_else(|| text(error))
            .unwrap_or_else(|| "no reason given".to_owned());
        let data = error.get("data").unwrap_or(&Value::Null);
        let about = id(data).or_else(|| first_id(data.as_object()?, &["id", "client_id"]));
        return Some(Envelope::Failed {
            code,
            message,
            about,
        });
    }
    // A result without an id is not known to be ours either: of a text, such as a comment, nothing else would tell.
    let of_another = body.get("id").and_then(text) != Some(asked.to_string());
    Some(match body.remove("result") {
        Some(_) if of_another => Envelope::OfAnother,
        Some(result) => Envelope::Done(result),
        None if body.contains_key("SMDVersion") || body.contains_key("services") => {
            Envelope::Description
        }
        None => Envelope::Odd,
    })
}

/// A scalar as trimmed text; nothing for null and for what is no scalar.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(u8::from(*flag).to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A text as it is, with the white space that a comment may begin with.
pub(crate) fn raw(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        other => text(other),
    }
}

/// The first of the names that holds a scalar with something in it.
pub(crate) fn filled(object: &Object, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| {
        object
            .get(*name)
            .and_then(text)
            .filter(|text| !text.is_empty())
    })
}

/// A whole number, also as text.
pub(crate) fn int(value: &Value) -> Option<i64> {
    text(value)?.parse().ok()
}

/// A positive id, also as text.
pub(crate) fn id(value: &Value) -> Option<u64> {
    text(value)?.parse().ok().filter(|id| *id > 0)
}

/// The first of the names that holds an id.
pub(crate) fn first_id(object: &Object, names: &[&str]) -> Option<u64> {
    names.iter().find_map(|name| object.get(*name).and_then(id))
}

/// A flag: a boolean, `0`, `1`, `"0"`, `"1"`, `"true"` or `"false"`.
pub(crate) fn flag(value: &Value) -> Option<bool> {
    match text(value)?.to_ascii_lowercase().as_str() {
        "1" | "true" => Some(true),
        "0" | "false" | "" => Some(false),
        _ => None,
    }
}

/// The elements of a list, or the values of a map; an empty map may come as `[]` and either as null.
pub(crate) fn elements(value: &Value) -> Option<Vec<&Value>> {
    match value {
        Value::Array(list) => Some(list.iter().collect()),
        Value::Object(map) => Some(map.values().collect()),
        Value::Null => Some(Vec::new()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// The entries of a map; an empty one may come as `[]` or null.
pub(crate) fn entries(value: &Value) -> Option<Vec<(&String, &Value)>> {
    match value {
        Value::Object(map) => Some(map.iter().collect()),
        Value::Array(list) if list.is_empty() => Some(Vec::new()),
        Value::Null => Some(Vec::new()),
        Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// A wall-clock time in any of its spellings (simplybook contract, 6.1, 6.3, 9).
pub(crate) fn local(text: &str) -> Option<DateTime> {
    let (date, time) = text.trim().split_once([' ', 'T'])?;
    let date = date_of(date)?;
    // Days may end at 24:00:00.
    if matches!(time, "24:00:00" | "24:00") {
        return Some(date.checked_add(1.day()).ok()?.to_datetime(Time::MIN));
    }
    Some(date.to_datetime(time_of(time)?))
}

/// A date, with or without hyphens.
pub(crate) fn date_of(text: &str) -> Option<Date> {
    Date::strptime("%Y-%m-%d", text)
        .or_else(|_other| Date::strptime("%Y%m%d", text))
        .ok()
}

/// A time of day, with or without seconds and colons.
pub(crate) fn time_of(text: &str) -> Option<Time> {
    ["%H:%M:%S", "%H:%M", "%H%M%S"]
        .iter()
        .find_map(|format| Time::strptime(format, text).ok())
}

/// The end of a day's hours as time since its beginning; `24:00:00` is one.
pub(crate) fn since_midnight(text: &str) -> Option<SignedDuration> {
    if matches!(text.trim(), "24:00:00" | "24:00") {
        return Some(SignedDuration::from_hours(24));
    }
    Some(time_of(text.trim())?.duration_since(Time::MIN))
}

/// A price in hundredths, from `"42.0000"`; nothing when it has a finer part.
pub(crate) fn minor(text: &str) -> Option<i64> {
    let text = text.trim();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let whole: i64 = whole.parse().ok()?;
    let mut digits = part.chars();
    let mut hundredths = 0;
    for _ in 0..2 {
        let digit = digits.next().map_or(Some(0), |digit| digit.to_digit(10))?;
        hundredths = hundredths * 10 + i64::from(digit);
    }
    if digits.any(|digit| digit != '0') {
        return None;
    }
    whole.checked_mul(100)?.checked_add(hundredths)
}
