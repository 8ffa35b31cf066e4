//! Phones, e-mail addresses and tokens by their looks.

/// A run of this many digits, however it is grouped, is taken for a phone.
const PHONE_DIGITS_MIN: usize = 7;
/// The most separators between two digits of one phone.
const PHONE_GAP_MAX: usize = 3;
/// Shorter runs are taken for words.
const TOKEN_CHARS_MIN: usize = 16;
/// A run as long as this without any break is taken for a token, whatever is in it.
const TOKEN_CHARS_SURE: usize = 32;
/// Random text changes between letters and digits at least this often.
const TOKEN_CHANGES_MIN: usize = 3;

/// The text with everything replaced that looks private.
pub(super) fn replaced(text: &str) -> String {
    phones(&tokens(&emails(text)))
}

fn emails(text: &str) -> String {
    let of_address =
        |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-' | '\'' | '@');
    runs(text, of_address, |run| {
        let mut parts = run.split('@');
        let is_address = parts.clone().count() > 1 && parts.all(|part| !part.is_empty());
        is_address.then_some("‹e-mail›")
    })
}

fn tokens(text: &str) -> String {
    let of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '=' | '~');
    runs(text, of_token, |run| looks_random(run).then_some("‹token›"))
}

fn looks_random(run: &str) -> bool {
    if run.len() < TOKEN_CHARS_MIN {
        return false;
    }
    let longest_part = run.split(['-', '_']).map(str::len).max();
    if longest_part.is_some_and(|length| length >= TOKEN_CHARS_SURE) {
        return true;
    }
    let kind = |c: char| (c.is_ascii_digit(), c.is_ascii_uppercase());
    let mut chars = run.chars().filter(char::is_ascii_alphanumeric);
    let Some(first) = chars.next() else {
        return false;
    };
    let (changes, _) = chars.fold((0, kind(first)), |(changes, last), c| {
        (changes + usize::from(kind(c) != last), kind(c))
    });
    if run.bytes().any(|b| b.is_ascii_digit()) {
        changes >= TOKEN_CHANGES_MIN
    } else {
        // Capitals at the heads of words change a third of the places at most; random ones change half.
        changes * 5 >= run.len() * 2
    }
}

/// Replaces those maximal runs of characters of one kind for which there is a replacement.
fn runs(
    text: &str,
    belongs: impl Fn(char) -> bool,
    replacement: impl Fn(&str) -> Option<&'static str>,
) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let inside = belongs(first);
        let end = rest.find(|c| belongs(c) != inside).unwrap_or(rest.len());
        let Some((run, after)) = rest.split_at_checked(end) else {
            break;
        };
        kept.push_str(replacement(run).filter(|_| inside).unwrap_or(run));
        rest = after;
    }
    kept
}

fn phones(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut kept = String::with_capacity(text.len());
    let mut rest = chars.as_slice();
    while let Some((first, after_first)) = rest.split_first() {
        let (taken, replacement) = match (date_length(rest), phone_length(rest)) {
            (Some(length), _) => (length, None),
            (None, Some(length)) => (length, Some("‹phone›")),
            (None, None) => (digits(rest), None),
        };
        if taken == 0 {
            kept.push(*first);
            rest = after_first;
            continue;
        }
        let (run, after) = rest.split_at_checked(taken).unwrap_or((rest, &[]));
        match replacement {
            Some(replacement) => kept.push_str(replacement),
            None => kept.extend(run),
        }
        rest = after;
    }
    kept
}

fn digits(chars: &[char]) -> usize {
    chars.iter().take_while(|c| c.is_numeric()).count()
}

/// How many characters of a phone stand here, if one does.
fn phone_length(chars: &[char]) -> Option<usize> {
    let starts = |c: &char| c.is_numeric() || matches!(c, '+' | '(');
    chars.first().filter(|c| starts(c))?;
    let (mut count, mut gap, mut length) = (0, 0, 0);
    for (place, c) in chars.iter().enumerate() {
        if c.is_numeric() {
            (count, gap, length) = (count + 1, 0, place + 1);
        } else if matches!(
            c,
            ' ' | '-' | '(' | ')' | '.' | '+' | '/' | '\u{2010}'..='\u{2015}'
        ) && gap < PHONE_GAP_MAX
        {
            gap += 1;
        } else {
            break;
        }
    }
    (count >= PHONE_DIGITS_MIN).then_some(length)
}

/// How many characters of a date stand here, if one does: `2026-12-01` or `01.12.2026`, and no digits go on from it.
fn date_length(chars: &[char]) -> Option<usize> {
    const LENGTH: usize = 10;
    let text: String = chars.get(..LENGTH)?.iter().collect();
    let goes_on = chars
        .get(LENGTH)
        .is_some_and(|c| c.is_numeric() || matches!(c, '-' | '.' | '/'));
    let numbers = |separator: char| -> Vec<Option<u16>> {
        text.split(separator)
            .map(|part| {
                part.bytes()
                    .all(|b| b.is_ascii_digit())
                    .then(|| part.parse().ok())
                    .flatten()
            })
            .collect()
    };
    let is_date = |year: u16, month: u16, day: u16| {
        (1900..2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)
    };
    let fits = match (numbers('-').as_slice(), numbers('.').as_slice()) {
        ([Some(year), Some(month), Some(day)], _) | (_, [Some(day), Some(month), Some(year)]) => {
            is_date(*year, *month, *day)
        }
        _ => false,
    };
    (fits && !goes_on).then_some(LENGTH)
}
