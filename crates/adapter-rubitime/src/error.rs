//! What a reply means: a result, a refusal by its known words, or a platform in trouble.
//!
//! Rubitime has no error codes and answers errors with HTTP 200; only `status` and a free `message` tell
//! (rubitime contract, 5).

use std::time::Duration;

use http::StatusCode;
use http::header::RETRY_AFTER;
use serde_json::Value;
use slotbridge_platform::client::{Judgement, Reply};
use slotbridge_platform::{ErrorKind, PlatformError, Retry};

use crate::request::{Action, CANCEL};
use crate::wire::Envelope;

/// The wait between two calls with half a second to spare, measured from the end of the first
/// (rubitime contract, 7); also when a throttle names no wait.
pub(crate) const GAP: Duration = Duration::from_millis(5500);

/// The longest wait that a throttle is believed.
const WAIT_SECS_MAX: u64 = 3600;

/// What a business error says, by its known words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    /// Too soon after the last call; nothing happened.
    TooSoon(Duration),
    /// No record has this id.
    NoSuchRecord,
    /// The record is cancelled already.
    CancelledAlready,
    /// The key is wrong or was replaced.
    InvalidKey,
    /// Anything else: a missing field, an unknown branch, words of tomorrow.
    Other,
}

/// Judges the reply to a call, and gives its result: `null` where there is none. The platform's own words go into the
/// error as they are; the client scrubs them.
pub(crate) fn read(action: Action, reply: &Reply) -> (Judgement, Value) {
    let mut data = Value::Null;
    let judgement = judge(action, reply, &mut data);
    (judgement, data)
}

fn judge(action: Action, reply: &Reply, data: &mut Value) -> Judgement {
    if reply.status == StatusCode::TOO_MANY_REQUESTS {
        return Judgement::Throttled {
            after: Some(retry_after(reply).unwrap_or(GAP)),
        };
    }
    if reply.status.is_server_error() {
        return Judgement::Unavailable(format!("HTTP {}", reply.status.as_u16()));
    }
    match Envelope::read(&reply.body) {
        Some(Envelope::Done(result)) if reply.status.is_success() => {
            *data = result;
            Judgement::Accept
        }
        Some(Envelope::Failed(message)) => match says(&message) {
            Says::TooSoon(after) => Judgement::Throttled { after: Some(after) },
            // It is accepted without a result.
            Says::CancelledAlready if action == CANCEL => Judgement::Accept,
            said => Judgement::Fail(refusal(action, said, &message)),
        },
        Some(Envelope::Done(_)) | None => {
            let lacks = if reply.body.trim_ascii().is_empty() {
                "a body"
            } else {
                "a reply of the API"
            };
            Judgement::Unavailable(format!("HTTP {} without {lacks}", reply.status.as_u16()))
        }
    }
}

/// A reply that makes no sense.
pub(crate) fn bad_reply(action: Action, why: impl Into<String>) -> PlatformError {
    PlatformError::new(ErrorKind::BadReply, Retry::Later, action.operation, why)
}

fn refusal(action: Action, said: Says, message: &str) -> PlatformError {
    let (kind, why) = match said {
        Says::NoSuchRecord => (ErrorKind::NotFound, "no such record".to_owned()),
        Says::InvalidKey => (
            ErrorKind::Unauthenticated,
            "the API key is not valid: copy the current one from the Rubitime cabinet, Settings, step 5".to_owned(),
        ),
        Says::TooSoon(_) | Says::CancelledAlready | Says::Other => (ErrorKind::Refused, format!("refused: {message}")),
    };
    PlatformError::new(kind, Retry::Never, action.operation, why)
}

/// What a message says. Only words that were seen count: a message that merely resembles "not found" must not make a
/// record look gone.
fn says(message: &str) -> Says {
    let text = message.to_lowercase();
    if let Some((_, rest)) = text.split_once("limit on the number of consecutive requests") {
        return Says::TooSoon(named_wait(rest));
    }
    if text.contains("invalid api key") {
        return Says::InvalidKey;
    }
    if says_no_such_record(&text) {
        return Says::NoSuchRecord;
    }
    if text.contains("already cancel") || text.contains("уже отмен") {
        return Says::CancelledAlready;
    }
    Says::Other
}

/// `record not found`, also with the id in between, as the message of success has it (rubitime contract, 1).
fn says_no_such_record(text: &str) -> bool {
    text.match_indices("record").any(|(at, word)| {
        let (_, rest) = text.split_at(at + word.len());
        rest.trim_start_matches(|letter: char| letter.is_ascii_digit() || " #\"".contains(letter))
            .starts_with("not found")
    })
}

/// The wait that a throttle names in seconds, with half a second to spare.
fn named_wait(text: &str) -> Duration {
    let digits: String = text
        .chars()
        .skip_while(|letter| !letter.is_ascii_digit())
        .take_while(char::is_ascii_digit)
        .collect();
    match digits.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds.min(WAIT_SECS_MAX)) + Duration::from_millis(500),
        Err(_names_none) => GAP,
    }
}

fn retry_after(reply: &Reply) -> Option<Duration> {
    let seconds = reply
        .headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse::<u64>()
        .ok()?;
    Some(Duration::from_secs(seconds.min(WAIT_SECS_MAX)))
}
