//! Bringing names, phones, e-mails and free text into one spelling, so that only real differences count.

#[cfg(test)]
mod tests;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat};

use crate::model::Private;

/// The most digits of a number in E.164.
const DIGITS_MAX: usize = 15;

/// A name with its white space folded; case and letters stay as the person wrote them.
pub fn name(raw: &str) -> Private {
    Private::new(raw.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Free text with line ends as `\n` and no white space at the end of lines or of the text.
pub fn text(raw: &str) -> Private {
    let unix = raw.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = unix.trim_end().split('\n').map(str::trim_end).collect();
    Private::new(lines.join("\n"))
}

/// A phone in E.164, read as somebody in `country` (two letters, such as `RU`) would have written it down.
///
/// Nothing, and a number that the platform shows with stars in it, is `None`: not known here.
/// What cannot be read as a number stays as written, trimmed, so that it is not lost on the way.
pub fn phone(raw: &str, country: &str) -> Option<Private> {
    let written = raw.trim();
    if written.is_empty() || is_masked(written) {
        return None;
    }
    let country = country.trim().to_uppercase();
    let Some(mut number) = read_phone(written, &country) else {
        return Some(Private::new(written));
    };
    let mut spelled = e164(&number);
    // One that is not known to be valid may read as another once its odd marks, or zeros after the country, are gone.
    for _ in 0..DIGITS_MAX {
        if number.is_valid() {
            break;
        }
        let again = read_phone(&spelled, &country).map(|number| (e164(&number), number));
        match again {
            Some((other, read)) if other != spelled => (spelled, number) = (other, read),
            Some(_) | None => break,
        }
    }
    Some(Private::new(spelled))
}

fn e164(number: &PhoneNumber) -> String {
    number.format_as(PhoneNumberFormat::E164).into_owned()
}

/// Whether this is a phone in E.164, and so one that can be compared with others.
pub fn is_e164(phone: &Private) -> bool {
    phone.expose().strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// An e-mail, trimmed. Nothing, and an address that the platform shows with stars in it, is `None`.
pub fn email(raw: &str) -> Option<Private> {
    let written = raw.trim();
    if written.is_empty() || written.contains("**") {
        return None;
    }
    Some(Private::new(written))
}

/// What two spellings of one e-mail have in common.
pub fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

/// What two spellings of one name have in common: white space and case folded, `ё` as `е`. The order of words counts.
pub fn name_key(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    for letter in name.to_lowercase().chars() {
        match (letter, folded.chars().next_back()) {
            ('ё', _) => folded.push('е'),
            // The same letters written as two characters, as some phones do.
            ('\u{308}', Some('е')) => {}
            ('\u{306}', Some('и')) => {
                folded.pop();
                folded.push('й');
            }
            (letter, _) => folded.push(letter),
        }
    }
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether two names may well be of one person, although [`name_key`] may tell them apart.
///
/// The same words in another order are (`Вера Пробная`, `Пробная Вера`), and so are initials for words (`Пробная В.`):
/// at least one whole word must be the same, both names must have as many words, and what is left must abbreviate each
/// other in order, so that there is one way only to read them. A name without words is nobody's.
/// The relation is symmetric, but not transitive: it is a ground for asking, never a proof.
pub fn same_person(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (words(one), words(other));
    if one.is_empty() || one.len() != other.len() {
        return false;
    }
    let all = one.len();
    one.retain(
        |word| match other.iter().position(|candidate| candidate == word) {
            Some(at) => {
                other.remove(at);
                false
            }
            None => true,
        },
    );
    one.len() < all
        && one
            .iter()
            .zip(&other)
            .all(|(one, other)| abbreviates(one, other))
}

fn words(name: &str) -> Vec<String> {
    name_key(name)
        .split([' ', '.'])
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Whether one word is the first letter of the other.
fn abbreviates(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() <= other.len() {
        (one, other)
    } else {
        (other, one)
    };
    short.chars().nth(1).is_none() && long.starts_with(short)
}

fn is_masked(phone: &str) -> bool {
    phone.contains(['*', '•'])
}

/// The number, if there is one way to read it as a valid one; a foreign number with its `+` may also be one that only
/// has the right length, because numbering plans change faster than this program.
fn read_phone(written: &str, country: &str) -> Option<PhoneNumber> {
    // `8 916 …` as the country writes it, `+8 916 …` as people mistype it, `380 50 …` without its plus.
    let without_plus = written.trim_start_matches(['+', '＋']);
    let spellings = [
        written.to_owned(),
        without_plus.to_owned(),
        format!("+{without_plus}"),
    ];
    let parse = |text: &str| {
        PHONE_NUMBER_UTIL
            .parse_with_default_region(text, country)
            .ok()
    };
    spellings
        .iter()
        .filter_map(|text| parse(text))
        .find(PhoneNumber::is_valid)
        .or_else(|| {
            let explicit = without_plus.len() < written.len();
            parse(written).filter(|number| explicit && number.is_possible_with_reason().is_ok())
        })
}
