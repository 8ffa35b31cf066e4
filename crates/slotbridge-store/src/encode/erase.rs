//! Taking client data out of stored JSON, and finding whose they are.
//!
//! All shapes spell the client the same way, so that this needs to know none of them: `name`, `phone`, `email` and
//! `comment`, and in the claims of conflicts `text`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Undecodable, from_json, to_json};

/// What an erased value is marked with. Quotes inside a text are escaped, so that none can look like it.
const MARK: &str = "\"erased\":true";

/// The spellings by which a client is found, all of them normalised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Phones as they may be stored.
    pub(crate) phones: BTreeSet<String>,
    /// E-mails, folded.
    pub(crate) emails: BTreeSet<String>,
}

impl Wanted {
    fn has(&self, text: &str) -> bool {
        if text.contains('@') {
            return self
                .emails
                .contains(&slotbridge_core::normalise::email_key(text));
        }
        // A number that could not be read as one is stored as it was typed.
        let digits = digits(text);
        !digits.is_empty()
            && self
                .phones
                .iter()
                .any(|phone| self::digits(phone) == digits)
    }

    /// Whether they stand somewhere in a text of any kind.
    pub(crate) fn stand_in(&self, bytes: &[u8]) -> bool {
        let text = plain(bytes).to_lowercase();
        let run = digits(&text);
        // Platforms spell a number with or without its country.
        let national = |phone: &String| {
            let all = digits(phone);
            let skip = all.len().saturating_sub(NATIONAL_DIGITS);
            all.get(skip..).unwrap_or_default().to_owned()
        };
        self.emails
            .iter()
            .any(|email| text.contains(email.as_str()))
            || self
                .phones
                .iter()
                .map(national)
                .any(|number| !number.is_empty() && run.contains(&number))
    }
}

/// A body as text, with the escapes of forms (`%40`) and of JSON (`\u0040`) read: a platform that sends one of them may
/// spell any character so.
fn plain(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let (escape, length) = match rest {
            [b'%', high, low, ..] => (hex(&[*high, *low]), 3),
            [b'\\', b'u', a, b, c, d, ..] => (hex(&[*a, *b, *c, *d]), 6),
            _ => (None, 1),
        };
        match escape {
            Some(code) if length == 3 => out.push(u8::try_from(code).unwrap_or(b' ')),
            // Half of a pair is no character of an address or a number.
            Some(code) => out.extend(char::from_u32(code).unwrap_or(' ').to_string().into_bytes()),
            None => out.push(*first),
        }
        rest = if escape.is_some() {
            rest.get(length..).unwrap_or_default()
        } else {
            after
        };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |code, digit| {
        Some(code * 16 + char::from(*digit).to_digit(16)?)
    })
}

/// The digits by which a number is known inside its country.
const NATIONAL_DIGITS: usize = 9;

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Whether a stored value was erased.
pub(crate) fn is_erased(json: &str) -> bool {
    json.contains(MARK)
}

/// Whether a stored value is about this client.
pub(crate) fn mentions(json: &str, wanted: &Wanted) -> Result<bool, Undecodable> {
    Ok(mentioned(&from_json::<Value>(json)?, wanted))
}

fn mentioned(value: &Value, wanted: &Wanted) -> bool {
    match value {
        Value::Object(fields) => fields
            .iter()
            .any(|(key, value)| match (key.as_str(), value) {
                ("phone" | "email" | "text", Value::String(text)) => wanted.has(text),
                _ => mentioned(value, wanted),
            }),
        Value::Array(values) => values.iter().any(|value| mentioned(value, wanted)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// A stored value without its client data, marked as such, and whether there were any in it.
pub(crate) fn erased(json: &str) -> Result<(String, bool), Undecodable> {
    let mut value: Value = from_json(json)?;
    let had = blank(&mut value);
    // Claims are a list, and need no mark: nobody goes on from them.
    if let Value::Object(fields) = &mut value {
        fields.insert("erased".to_owned(), Value::Bool(true));
    }
    Ok((to_json(&value), had))
}

/// A stored value without its client data and without a mark, and whether there were any in it.
pub(crate) fn blanked(json: &str) -> Result<(String, bool), Undecodable> {
    let mut value: Value = from_json(json)?;
    let had = blank(&mut value);
    Ok((to_json(&value), had))
}

/// Takes client data out; says whether there were any.
fn blank(value: &mut Value) -> bool {
    match value {
        Value::Object(fields) => {
            let mut found = false;
            fields.retain(|key, value| {
                let client = matches!(key.as_str(), "name" | "phone" | "email" | "comment");
                found |= client && !value.is_null();
                !client
            });
            for (key, value) in fields.iter_mut() {
                if key == "text" {
                    found |= !value.is_null();
                    *value = Value::Null;
                } else {
                    found |= blank(value);
                }
            }
            found
        }
        Value::Array(values) => values
            .iter_mut()
            .fold(false, |found, value| blank(value) | found),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
