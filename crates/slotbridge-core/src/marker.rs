//! The marker: our booking id inside a platform's record, so that links survive the loss of our database.
//!
//! It stands in a field of its own, or at the end of the comment, where people edit around it.
//! **Law:** for a comment `c` in normal form and without a marker, `take_from(append_to(c))` gives `c` and the marker.

#[cfg(test)]
mod tests;

use crate::model::BookingId;
use crate::normalise;

const APPOINTMENT: &str = "sb:";
const BLOCK: &str = "sb-busy:";
const ID_CHARS: usize = 36;

/// What a record of ours carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Marker {
    /// Which booking the record shows.
    pub booking: BookingId,
    /// Whether we made it as an anonymous block.
    pub block: bool,
}

impl Marker {
    /// The most characters that [`Marker::append_to`] adds; a platform that cuts comments holds that many fewer of the
    /// booking's.
    pub const APPENDED_CHARS_MAX: usize = "\n[]".len() + BLOCK.len() + ID_CHARS;

    /// The marker as the value of a field of its own: `sb:` or, for a block, `sb-busy:` before the booking id.
    pub fn to_text(self) -> String {
        let prefix = if self.block { BLOCK } else { APPOINTMENT };
        format!("{prefix}{}", self.booking)
    }

    /// The marker that is all there is in a field.
    pub fn from_text(value: &str) -> Option<Self> {
        let (marker, rest) = leading(value.trim())?;
        rest.is_empty().then_some(marker)
    }

    /// The comment with this marker, in square brackets, as its last line. A marker that it has already gives way.
    pub fn append_to(self, comment: &str) -> String {
        let (mut text, _replaced) = Self::take_from(comment);
        if !text.is_empty() {
            text.push('\n');
        }
        text.push('[');
        text.push_str(&self.to_text());
        text.push(']');
        text
    }

    /// The comment in normal form without any marker, and the marker that it had, wherever a person has moved it.
    ///
    /// Where somebody pasted several, the last one counts, because that is where we put ours. A line that held nothing
    /// else goes with its marker.
    pub fn take_from(comment: &str) -> (String, Option<Self>) {
        let mut found = None;
        let mut lines = Vec::new();
        for line in normalise::text(comment).expose().split('\n') {
            match strip(line) {
                None => lines.push(line.to_owned()),
                Some((rest, marker)) => {
                    found = Some(marker);
                    if !rest.is_empty() {
                        lines.push(rest);
                    }
                }
            }
        }
        (
            normalise::text(&lines.join("\n")).expose().to_owned(),
            found,
        )
    }
}

/// The line without its markers, and the last of them; `None` when it has none.
fn strip(line: &str) -> Option<(String, Marker)> {
    let mut kept: Vec<&str> = Vec::new();
    let mut last = None;
    let mut rest = line;
    while let Some((before, marker, after)) = first_in(rest) {
        kept.push(if last.is_none() {
            before.trim_end()
        } else {
            before.trim()
        });
        last = Some(marker);
        rest = after;
    }
    let last = last?;
    kept.push(rest.trim());
    kept.retain(|piece| !piece.is_empty());
    // Joined with a space, so that two halves never make a new marker.
    Some((kept.join(" "), last))
}

/// The first marker of the text, with what stands before and after it and its brackets.
fn first_in(text: &str) -> Option<(&str, Marker, &str)> {
    let mut previous: Option<char> = None;
    for (at, letter) in text.char_indices() {
        let standing_free = previous.is_none_or(|before| !before.is_alphanumeric());
        previous = Some(letter);
        if !standing_free || !letter.eq_ignore_ascii_case(&'s') {
            continue;
        }
        let (before, candidate) = text.split_at(at);
        let Some((marker, after)) = leading(candidate) else {
            continue;
        };
        if after.starts_with(|next: char| next.is_alphanumeric() || next == '-') {
            continue;
        }
        let opened = before.trim_end().strip_suffix('[');
        let closed = after.trim_start().strip_prefix(']');
        return Some(match (opened, closed) {
            (Some(before), Some(after)) => (before, marker, after),
            _ => (before, marker, after),
        });
    }
    None
}

/// The marker that the text begins with, and the rest of the text.
fn leading(text: &str) -> Option<(Marker, &str)> {
    let (block, id) = if let Some(id) = strip_word(text, BLOCK) {
        (true, id)
    } else {
        (false, strip_word(text, APPOINTMENT)?)
    };
    let (id, rest) = id.split_at_checked(ID_CHARS)?;
    let booking = id.parse().ok()?;
    Some((Marker { booking, block }, rest))
}

/// The text after a word that it begins with, in whatever case a person's keyboard made of it.
fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word).then_some(rest)
}
