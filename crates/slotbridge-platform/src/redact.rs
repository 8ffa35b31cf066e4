//! What of a foreign text may reach a person's screen or a log.
//!
//! Platforms put anything into their error texts: the token that was wrong, the phone that was refused, a whole page of
//! HTML. A text passes through [`Redactor::scrub`] once, at the edge, and is harmless from then on:
//! control and invisible characters are taken out, known secrets and whatever looks like a phone, an e-mail address or
//! a token is replaced, and the rest is cut.
//! Too much is replaced rather than too little: an id of nine digits is taken for a phone.
//!
//! Names look like nothing in particular. What the request itself carried is therefore handed in as `private` and
//! replaced too, which covers a platform that echoes its input.

use std::sync::{PoisonError, RwLock};

mod echo;
mod patterns;
#[cfg(test)]
mod tests;

pub(crate) use echo::carried_by;

/// The most characters of a foreign text that are kept.
pub(crate) const CHARS_MAX: usize = 200;

/// Secrets shorter than this are not looked for: they would be found in ordinary words.
const SECRET_CHARS_MIN: usize = 4;

/// Knows the secrets of one account.
#[derive(Default)]
pub(crate) struct Redactor {
    /// INVARIANT: longest first, so that no secret hides a longer one that contains it.
    secrets: RwLock<Vec<String>>,
}

impl Redactor {
    /// From now on this text, as it is and as URLs and JSON spell it, is replaced.
    pub(crate) fn add_secret(&self, secret: &str) {
        let folded = fold(secret);
        let percent: String = form_urlencoded::byte_serialize(folded.as_bytes()).collect();
        let json = serde_json::Value::from(folded.as_str()).to_string();
        let json = json.trim_matches('"').to_owned();
        let mut secrets = self.secrets.write().unwrap_or_else(PoisonError::into_inner);
        for spelling in [percent.replace('+', "%20"), percent, json, folded] {
            if spelling.chars().count() >= SECRET_CHARS_MIN && !secrets.contains(&spelling) {
                secrets.push(spelling);
            }
        }
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// The text without anything private, on one line, cut to so many characters.
    pub(crate) fn scrub(&self, text: &str, private: &[String], chars_max: usize) -> String {
        let text = self.without_secrets(&fold(text));
        let text = private
            .iter()
            .fold(text, |text, value| echo::replaced(&text, value));
        cut(&patterns::replaced(&text), chars_max)
    }

    /// The text with known secrets replaced and everything else as it is; for paths, whose ids a log needs.
    pub(crate) fn without_secrets(&self, text: &str) -> String {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        secrets.iter().fold(text.to_owned(), |text, secret| {
            text.replace(secret, "‹secret›")
        })
    }
}

/// The text without what stands in straight quotes or backticks: parsers quote what they could not read.
pub(crate) fn without_quoted(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut closing = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match closing {
            Some(quote) if c == quote => closing = None,
            Some(_) => {
                if c == '\\' {
                    // What it escapes ends nothing.
                    chars.next();
                }
            }
            None if matches!(c, '"' | '`') => {
                closing = Some(c);
                kept.push('…');
            }
            None => kept.push(c),
        }
    }
    kept
}

/// One line of visible characters, white space folded.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_whitespace() {
            if !folded.is_empty() && !folded.ends_with(' ') {
                folded.push(' ');
            }
        } else if !c.is_control() && !is_invisible(c) {
            folded.push(c);
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

/// Characters that show nothing, or turn the writing around.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn cut(text: &str, chars_max: usize) -> String {
    let mut chars = text.chars();
    let mut kept: String = chars.by_ref().take(chars_max).collect();
    if chars.next().is_some() {
        kept.push('…');
    }
    kept
}
