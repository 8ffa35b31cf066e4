//! What a request carried, so that a platform that echoes it does not bring it into an error text.

use bytes::Bytes;
use serde_json::Value;

use super::fold;

/// Shorter values say nothing about anybody, and would be found everywhere.
const CHARS_MIN: usize = 3;
/// A value of more words is a sentence; its words alone are ordinary ones.
const NAME_WORDS_MAX: usize = 5;
/// Shorter parts of an authorization header are its words, not its keys.
const KEY_CHARS_MIN: usize = 8;
/// The most values that are looked for.
const VALUES_MAX: usize = 500;

/// The texts in a request's query, body and authorization, whole and, where they may be names, word by word; longest
/// first.
pub(crate) fn carried_by(request: &http::Request<Bytes>) -> Vec<String> {
    let mut texts = Vec::new();
    let query = request.uri().query().unwrap_or_default();
    texts.extend(form_urlencoded::parse(query.as_bytes()).map(|(_, value)| value.into_owned()));
    match serde_json::from_slice::<Value>(request.body()) {
        Ok(json) => collect(&json, &mut texts),
        Err(_not_json) => texts
            .extend(form_urlencoded::parse(request.body()).map(|(_, value)| value.into_owned())),
    }
    let mut values: Vec<String> = texts
        .iter()
        .map(|text| fold(text))
        .flat_map(whole_and_words)
        .collect();
    values.retain(|value| value.chars().count() >= CHARS_MIN);
    let authorization = request
        .headers()
        .get_all(http::header::AUTHORIZATION)
        .iter();
    let parts = authorization
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([' ', ',']));
    values.extend(
        parts
            .filter(|part| part.len() >= KEY_CHARS_MIN)
            .map(str::to_owned),
    );
    values.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
    values.dedup();
    values.truncate(VALUES_MAX);
    values
}

fn whole_and_words(text: String) -> Vec<String> {
    let mut values: Vec<String> = text.split(' ').map(str::to_owned).collect();
    if values.len() > NAME_WORDS_MAX {
        values.clear();
    }
    values.push(text);
    values
}

fn collect(json: &Value, texts: &mut Vec<String>) {
    match json {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The text with every occurrence of a value as a whole word replaced, whatever the case.
pub(super) fn replaced(text: &str, value: &str) -> String {
    let text: Vec<char> = text.chars().collect();
    let value: Vec<char> = value.chars().collect();
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.as_slice();
    let mut before: Option<char> = None;
    while let Some((first, after_first)) = rest.split_first() {
        match rest.split_at_checked(value.len()) {
            Some((here, after))
                if !value.is_empty() && same(here, &value) && stands_alone(before, here, after) =>
            {
                kept.push_str("‹private›");
                before = here.last().copied();
                rest = after;
            }
            _ => {
                kept.push(*first);
                before = Some(*first);
                rest = after_first;
            }
        }
    }
    kept
}

fn same(one: &[char], other: &[char]) -> bool {
    let folded = |c: &char| c.to_lowercase().next();
    one.len() == other.len() && one.iter().map(folded).eq(other.iter().map(folded))
}

/// Whether no letter or digit goes on from inside over either edge.
fn stands_alone(before: Option<char>, here: &[char], after: &[char]) -> bool {
    let goes_on = |inner: Option<&char>, outer: Option<&char>| {
        inner.is_some_and(|c| c.is_alphanumeric()) && outer.is_some_and(|c| c.is_alphanumeric())
    };
    !goes_on(here.first(), before.as_ref()) && !goes_on(here.last(), after.first())
}
