//! The vendor's JSON, read leniently: the published types are not reliable, so every value is looked at as what it is
//! and not as what it should be (yclients contract, 0 and 12).

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

/// A JSON object with its keys as they came.
pub(crate) type Object = Map<String, Value>;

/// A reply's three sections, of which any may be missing. They hold clients, so they do not print.
#[derive(Default)]
pub(crate) struct Envelope {
    /// Whether the platform says that it worked; `None` where it says nothing.
    pub(crate) success: Option<bool>,
    /// What was asked for; null where the key is missing.
    pub(crate) data: Value,
    /// An object, or empty: PHP writes an empty map as `[]` (yclients contract, 1.1).
    pub(crate) meta: Object,
    /// What stands beside them, as in the reply to a login and in the company methods' errors.
    pub(crate) beside: Object,
}

/// Reads a body; `None` where it is no JSON object.
pub(crate) fn envelope(body: &[u8]) -> Option<Envelope> {
    let Ok(Value::Object(mut beside)) = serde_json::from_slice(body) else {
        return None;
    };
    Some(Envelope {
        success: beside
            .remove("success")
            .as_ref()
            .and_then(|value| flag(Some(value))),
        data: beside.remove("data").unwrap_or_default(),
        meta: match beside.remove("meta") {
            Some(Value::Object(meta)) => meta,
            _ => Object::new(),
        },
        beside,
    })
}

/// A whole number, also one that came as text, as `3600.0` or as `"1300.00"`.
pub(crate) fn int(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64().or_else(|| whole(&number.to_string())),
        Value::String(text) => whole(text.trim()),
        _ => None,
    }
}

fn whole(text: &str) -> Option<i64> {
    let digits = match text.split_once('.') {
        Some((digits, fraction)) if fraction.chars().all(|digit| digit == '0') => digits,
        Some(_) => return None,
        None => text,
    };
    digits.parse().ok()
}

/// An id in its one spelling; `None` for every way of saying that there is none: a missing key, null, 0, `"0"`, `""`.
pub(crate) fn id(value: Option<&Value>) -> Option<u64> {
    match value? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|id| *id != 0)
}

/// A text, also one that came as a number.
pub(crate) fn text(value: Option<&Value>) -> Option<Cow<'_, str>> {
    match value? {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

/// A text with something in it.
pub(crate) fn filled(value: Option<&Value>) -> Option<Cow<'_, str>> {
    text(value).filter(|text| !text.trim().is_empty())
}

/// A yes or no, also one that came as 0 or 1 or in quotes.
pub(crate) fn flag(value: Option<&Value>) -> Option<bool> {
    match value? {
        Value::Bool(set) => Some(*set),
        Value::Number(number) => Some(number.as_i64() != Some(0)),
        Value::String(text) => match text.trim() {
            "1" | "true" => Some(true),
            "0" | "false" | "" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// An object; `None` for `[]` and null, which stand for an empty one.
pub(crate) fn object(value: Option<&Value>) -> Option<&Object> {
    value?.as_object()
}

/// The items of a list. PHP writes a list with a gap in its numbering as an object with numbers for keys.
pub(crate) fn list(value: Option<&Value>) -> Option<Vec<&Value>> {
    match value? {
        Value::Array(items) => Some(items.iter().collect()),
        Value::Object(items) => {
            let mut numbered: Vec<(u64, &Value)> = Vec::with_capacity(items.len());
            for (key, item) in items {
                numbered.push((key.parse().ok()?, item));
            }
            numbered.sort_by_key(|(place, _)| *place);
            (!numbered.is_empty()).then(|| numbered.into_iter().map(|(_, item)| item).collect())
        }
        _ => None,
    }
}

/// The one object that a reply is about, which may be the only item of a list (yclients contract, 4.4).
pub(crate) fn only(data: &Value) -> Option<&Object> {
    match data {
        Value::Object(object) => Some(object),
        Value::Array(items) => match items.as_slice() {
            [Value::Object(object)] => Some(object),
            _ => None,
        },
        _ => None,
    }
}

/// A price as a number, for sending it back as it was.
pub(crate) fn price(value: Option<&Value>) -> Option<Number> {
    match value? {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => match whole(text.trim()) {
            Some(whole) => Some(whole.into()),
            None => serde_json::from_str(text.trim()).ok(),
        },
        _ => None,
    }
}

/// A price in hundredths of the currency, read from its decimal spelling; no binary fraction ever holds it.
pub(crate) fn price_minor(value: Option<&Value>) -> Option<i64> {
    let text = text(value)?;
    let text = text.trim();
    let (digits, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let hundredths: String = fraction.chars().chain("00".chars()).take(2).collect();
    let negative = digits.starts_with('-');
    let units = digits.parse::<i64>().ok()?.checked_mul(100)?;
    let rest = hundredths.parse::<i64>().ok()?;
    units.checked_add(if negative { -rest } else { rest })
}
