//! The vendor's JSON, read leniently: numbers may be texts, an empty map may be a list, a text or null, and a list may
//! be null (alfacrm contract, 5).

use std::borrow::Cow;

use serde_json::{Map, Value};

/// A JSON object with its keys as they came.
pub(crate) type Object = Map<String, Value>;

/// One page of an `index` reply.
#[derive(Debug)]
pub(crate) struct Page {
    /// How many rows there are on all pages together.
    pub(crate) total: Option<u64>,
    /// How many rows the page says it has.
    pub(crate) count: Option<u64>,
    /// The rows.
    pub(crate) rows: Vec<Value>,
}

/// The reply to a `create` or `update`.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Whether the platform says that it worked; `None` where it says nothing.
    pub(crate) success: Option<bool>,
    /// Field and message of everything that it complains about.
    pub(crate) errors: Vec<(String, String)>,
    /// The record as it is now; also there when it was refused, but not to be trusted then.
    pub(crate) model: Option<Object>,
}

/// A body that is a JSON object.
pub(crate) fn body(bytes: &[u8]) -> Option<Object> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}

/// Reads a page; `None` where the body is none. A reply without `items` is not an empty page (alfacrm contract, 3.2).
pub(crate) fn page(bytes: &[u8]) -> Option<Page> {
    let mut body = body(bytes)?;
    let (total, count) = (number(body.get("total")), number(body.get("count")));
    let rows = match body.remove("items")? {
        Value::Array(rows) => rows,
        // PHP writes a list with a gap in its numbering as an object with numbers for keys.
        Value::Object(rows)
            if !rows.is_empty() && rows.keys().all(|key| key.parse::<u64>().is_ok()) =>
        {
            rows.into_iter().map(|(_, row)| row).collect()
        }
        Value::Null if total == Some(0) => Vec::new(),
        _ => return None,
    };
    Some(Page { total, count, rows })
}

/// Reads the reply to a write; `None` where the body is none.
pub(crate) fn outcome(bytes: &[u8]) -> Option<Outcome> {
    let mut body = body(bytes)?;
    if !["success", "errors", "model"]
        .iter()
        .any(|key| body.contains_key(*key))
    {
        return None;
    }
    Some(Outcome {
        success: flag(body.get("success")),
        errors: complaints(body.get("errors")),
        model: match body.remove("model") {
            Some(Value::Object(model)) => Some(model),
            _ => None,
        },
    })
}

/// What `errors` complains about: nothing in any of the four spellings of an empty map, else texts or lists of texts
/// by field; a plain text or list of texts belongs to no field.
pub(crate) fn complaints(errors: Option<&Value>) -> Vec<(String, String)> {
    fn texts(value: &Value) -> Vec<String> {
        match value {
            Value::Null | Value::Bool(_) => Vec::new(),
            Value::Array(items) => items.iter().flat_map(texts).collect(),
            Value::Object(items) => items.values().flat_map(texts).collect(),
            Value::String(text) if text.trim().is_empty() => Vec::new(),
            Value::String(text) => vec![text.trim().to_owned()],
            Value::Number(number) => vec![number.to_string()],
        }
    }
    match errors {
        Some(Value::Object(fields)) => fields
            .iter()
            .flat_map(|(field, value)| {
                let texts = texts(value);
                // A field without words is still a complaint.
                let texts = if texts.is_empty() {
                    vec![String::new()]
                } else {
                    texts
                };
                texts.into_iter().map(|text| (field.clone(), text))
            })
            .collect(),
        Some(other) => texts(other)
            .into_iter()
            .map(|text| (String::new(), text))
            .collect(),
        None => Vec::new(),
    }
}

/// A whole number that is not negative, also one that came as text.
pub(crate) fn number(value: Option<&Value>) -> Option<u64> {
    match value? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// An id; `None` for every way of saying that there is none: a missing key, null, 0, `"0"`, `""`.
pub(crate) fn id(value: Option<&Value>) -> Option<u64> {
    number(value).filter(|id| *id != 0)
}

/// The ids of a list, each once, in their order; null, `""` and a missing key are an empty list. A single id stands
/// for a list of one.
///
/// # Errors
/// With what the list holds that is no id.
pub(crate) fn ids(value: Option<&Value>) -> Result<Vec<u64>, &'static str> {
    let items: Vec<&Value> = match value {
        None | Some(Value::Null | Value::Bool(false)) => return Ok(Vec::new()),
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().collect(),
        Some(Value::Object(items)) => items.values().collect(),
        Some(single) => vec![single],
    };
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        let id = id(Some(item)).ok_or("a list of ids holds something else")?;
        if !found.contains(&id) {
            found.push(id);
        }
    }
    Ok(found)
}

/// A text, also one that came as a number.
pub(crate) fn text(value: Option<&Value>) -> Option<Cow<'_, str>> {
    match value? {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

/// A text with something in it, trimmed.
pub(crate) fn filled(value: Option<&Value>) -> Option<String> {
    text(value)
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}

/// The texts of a list such as `phone`; a single text stands for a list of one.
pub(crate) fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(items)) => items.iter().filter_map(|item| filled(Some(item))).collect(),
        Some(Value::Object(items)) => items
            .values()
            .filter_map(|item| filled(Some(item)))
            .collect(),
        other => filled(other).into_iter().collect(),
    }
}

/// A yes or no, also one that came as 0 or 1 or in quotes.
pub(crate) fn flag(value: Option<&Value>) -> Option<bool> {
    match value? {
        Value::Bool(set) => Some(*set),
        Value::Number(number) => Some(number.as_i64() != Some(0)),
        Value::String(text) => match text.trim() {
            "1" | "true" => Some(true),
            "0" | "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// The objects of a list; anything else in it is left out. Null and the odd spellings of nothing are an empty list.
pub(crate) fn objects(value: Option<&Value>) -> Vec<&Object> {
    match value {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_object).collect(),
        Some(Value::Object(items)) => items.values().filter_map(Value::as_object).collect(),
        _ => Vec::new(),
    }
}
