//! The spellings of single values: durations, quotas, zones, addresses. Pure; an error says what was expected.

use std::time::Duration;

use jiff::tz::TimeZone;
use slotbridge_platform::capabilities::Quota;

/// The longest duration that makes sense anywhere here; keeps sums within range.
const DURATION_MAX: Duration = Duration::from_hours(24 * 3660);

/// Reads `500ms`, `90s`, `30m`, `12h` or `60d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let expected = || {
        format!(
            "{text:?} is not a duration; expected a whole number and a unit, such as \
             `500ms`, `90s`, `30m`, `12h` or `60d`"
        )
    };
    let digits = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_not_a_number| expected())?;
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(expected()),
    };
    number
        .checked_mul(millis)
        .map(Duration::from_millis)
        .filter(|duration| *duration <= DURATION_MAX)
        .ok_or_else(|| format!("{text:?} is too long; expected at most `3660d`"))
}

/// Reads a duration that is not zero.
pub(crate) fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err(format!("{text:?} is nothing; expected more than zero")),
        duration => Ok(duration),
    }
}

/// Reads `5/1s`: at most five calls in any second.
pub(crate) fn quota(text: &str) -> Result<Quota, String> {
    let expected = || {
        format!(
            "{text:?} is not a quota; expected calls and a stretch of time, such as `5/1s` or `200/60s`"
        )
    };
    let (calls, per) = text.split_once('/').ok_or_else(expected)?;
    let calls: u32 = calls.parse().map_err(|_not_a_number| expected())?;
    let per = duration(per).map_err(|_not_a_duration| expected())?;
    if calls == 0 || per.is_zero() {
        return Err(format!(
            "{text:?} would allow no call at all, or any number"
        ));
    }
    Ok(Quota { calls, per })
}

/// Reads an IANA zone name and gives it in the database's own spelling.
pub(crate) fn zone(text: &str) -> Result<TimeZone, String> {
    if let Ok(zone) = TimeZone::get(text)
        && zone.iana_name().is_some()
    {
        return Ok(zone);
    }
    let database = jiff::tz::db();
    let names: Vec<String> = database.available().map(|name| name.to_string()).collect();
    let hint = nearest(text, names.iter().map(String::as_str))
        .map_or_else(String::new, |name| format!("; did you mean {name:?}?"));
    Err(format!(
        "{text:?} is not a time zone; expected an IANA name such as \"Europe/Moscow\"{hint}"
    ))
}

/// Reads two capital letters.
pub(crate) fn country(text: &str) -> Result<String, String> {
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{text:?} is not a country; expected two capital letters (ISO 3166), such as \"RU\""
        ))
    }
}

/// Reads the address of a platform: scheme and host, with a port if need be, and nothing after it. Plain `http` goes to
/// the machine itself only: tokens and client data travel along.
pub(crate) fn base_url(text: &str) -> Result<String, String> {
    let expected = |why: &str| {
        // What stands before an `@` may be a password.
        let shown = if text.contains('@') {
            "the address".to_owned()
        } else {
            format!("{text:?}")
        };
        format!("{shown} {why}; expected something like \"https://api.example.com\"")
    };
    let uri: http::Uri = text
        .parse()
        .map_err(|_not_a_uri| expected("is not an address"))?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(expected("is not a whole address"));
    };
    if authority.host().is_empty() {
        return Err(expected("names no host"));
    }
    if authority.as_str().contains('@') {
        return Err("an address with a user name or password in it is refused; \
                    expected scheme and host only"
            .to_owned());
    }
    if uri.query().is_some() || text.contains('#') || !matches!(uri.path(), "" | "/") {
        return Err(expected(
            "goes on after the host, where slotbridge adds the path itself",
        ));
    }
    match scheme {
        "https" => {}
        "http" if is_loopback(authority.host()) => {}
        "http" => {
            return Err(expected(
                "would send tokens and client data unencrypted; plain http is allowed to this machine only",
            ));
        }
        _ => return Err(expected("is neither https nor http")),
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Reads the whole address of a target of notices and gives its host. The address may hold a token, so no message
/// shows it.
pub(crate) fn target_url(text: &str) -> Result<String, String> {
    let expected = |why: &str| {
        format!(
            "the address {why}; expected something like \"https://ntfy.example.com/slotbridge\""
        )
    };
    let uri: http::Uri = text.parse().map_err(|_not_a_uri| expected("is not one"))?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(expected("is not whole"));
    };
    if authority.host().is_empty() {
        return Err(expected("names no host"));
    }
    if authority.as_str().contains('@') {
        return Err("an address with a user name or password in it is refused; \
                    use headers = { Authorization = … }"
            .to_owned());
    }
    match scheme {
        "https" => Ok(authority.host().to_owned()),
        "http" if is_loopback(authority.host()) => Ok(authority.host().to_owned()),
        "http" => Err(expected(
            "would send the notices unencrypted; plain http is allowed to this machine only",
        )),
        _ => Err(expected("is neither https nor http")),
    }
}

/// Reads the address under which platforms reach the webhooks; a path in front of ours is fine.
pub(crate) fn public_url(text: &str) -> Result<String, String> {
    let expected =
        |why: &str| format!("{text:?} {why}; expected something like \"https://sync.example.com\"");
    let uri: http::Uri = text
        .parse()
        .map_err(|_not_a_uri| expected("is not an address"))?;
    if !matches!(uri.scheme_str(), Some("https" | "http")) || uri.host().is_none_or(str::is_empty) {
        return Err(expected("is not a whole http address"));
    }
    if uri.query().is_some() || text.contains('#') {
        return Err(expected("has a query or a fragment"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Reads an e-mail address; it is not shown, since it may be a person's.
pub(crate) fn email(text: &str) -> Result<String, String> {
    let fits = text
        .split_once('@')
        .is_some_and(|(before, after)| !before.is_empty() && after.contains('.'))
        && !text.contains(char::is_whitespace);
    if fits {
        Ok(text.to_owned())
    } else {
        Err("expected an e-mail address such as \"sync@example.com\"".to_owned())
    }
}

/// Reads an address to listen on.
pub(crate) fn listen(text: &str) -> Result<std::net::SocketAddr, String> {
    text.parse().map_err(|_not_an_address| {
        format!("{text:?} is not an address to listen on; expected IP and port, such as \"127.0.0.1:8087\"")
    })
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare
            .parse()
            .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// The known word that a wrong one was probably meant to be.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let fold = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let word = fold(word);
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        let folded = fold(candidate);
        let edits = strsim::damerau_levenshtein(&word, &folded);
        // A third of the letters may be wrong; a whole part of a longer key counts as one wrong letter more.
        let allowed = (word.chars().count().max(folded.chars().count()) / 3).max(1);
        let part = word.len() >= 4 && folded.split(['_', '/']).any(|piece| piece == word);
        let score = if part { 1 } else { edits };
        if score <= allowed && best.is_none_or(|(other, _)| score < other) {
            best = Some((score, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}
