//! Rubitime's JSON, read as tolerantly as it is written: numbers or strings, `null` or nothing, lists for empty
//! objects (rubitime contract, 10).

use std::borrow::Cow;

use serde_json::{Map, Value};

/// The reply around every result; an error is an HTTP success too (rubitime contract, 1).
pub(crate) enum Envelope {
    /// `status` is `ok`, with `data`.
    Done(Value),
    /// `status` is `error`, with `message`.
    Failed(String),
}

impl Envelope {
    /// Reads a reply's body; `None` when it is anything else: HTML, nothing at all, JSON without a known `status`.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let Ok(Value::Object(mut fields)) = serde_json::from_slice::<Value>(body) else {
            return None;
        };
        let status = fields
            .get("status")
            .and_then(Value::as_str)?
            .trim()
            .to_ascii_lowercase();
        match status.as_str() {
            "ok" => Some(Self::Done(fields.remove("data").unwrap_or_default())),
            "error" => {
                let message = fields
                    .get("message")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                Some(Self::Failed(message.trim().to_owned()))
            }
            _ => None,
        }
    }
}

/// One value of a row.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Cell<'a> {
    /// The key is not there.
    Absent,
    /// `null`.
    Null,
    /// A string, or a number as its digits.
    Text(Cow<'a, str>),
    /// Anything else.
    Odd,
}

impl Cell<'_> {
    /// The text as it is written; nothing where there is none.
    pub(crate) fn raw(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Absent | Self::Null | Self::Odd => "",
        }
    }

    /// The text, trimmed; nothing where there is none.
    pub(crate) fn text(&self) -> &str {
        self.raw().trim()
    }

    /// Whether the key is there with something that a record can hold.
    pub(crate) fn is_told(&self) -> bool {
        matches!(self, Self::Null | Self::Text(_))
    }
}

/// A record as `get-record` and the webhooks show it. Has no `Debug`: it is all client data.
pub(crate) struct Row(Map<String, Value>);

impl Row {
    /// Takes an object; in the nested form, where `record` is an object again, that one with the outer keys around it
    /// (rubitime contract, 8.1).
    pub(crate) fn from_value(value: Value) -> Option<Self> {
        let Value::Object(mut fields) = value else {
            return None;
        };
        if !fields.get("record").is_some_and(Value::is_object) {
            return Some(Self(fields));
        }
        let Some(Value::Object(mut inner)) = fields.remove("record") else {
            return None;
        };
        for (key, value) in fields {
            inner.entry(key).or_insert(value);
        }
        Some(Self(inner))
    }

    /// The value under a key.
    pub(crate) fn cell(&self, key: &str) -> Cell<'_> {
        match self.0.get(key) {
            None => Cell::Absent,
            Some(Value::Null) => Cell::Null,
            Some(Value::String(text)) => Cell::Text(Cow::Borrowed(text)),
            Some(Value::Number(number)) => Cell::Text(Cow::Owned(number.to_string())),
            Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => Cell::Odd,
        }
    }

    /// An id: a positive whole number, however spelled.
    pub(crate) fn id(&self, key: &str) -> Option<u64> {
        whole(self.cell(key).text())
            .and_then(|id| u64::try_from(id).ok())
            .filter(|id| *id > 0)
    }
}

/// A whole number as Rubitime and PHP spell them: `60`, `60.0`, `60.00`.
pub(crate) fn whole(text: &str) -> Option<i64> {
    let (digits, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_plain = digits
        .bytes()
        .enumerate()
        .all(|(at, byte)| byte.is_ascii_digit() || at == 0 && byte == b'-');
    if !is_plain || !fraction.bytes().all(|byte| byte == b'0') {
        return None;
    }
    digits.parse().ok()
}

/// A truth value as JSON and PHP spell them.
pub(crate) fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Number(number) => match number.as_i64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        Value::String(text) => match text.trim() {
            "0" | "false" => Some(false),
            "1" | "true" => Some(true),
            _ => None,
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
