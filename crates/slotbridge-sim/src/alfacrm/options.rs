//! The switches of the simulated AlfaCRM: where its behaviour is undocumented or differs between accounts, both ways
//! exist.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use crate::marker::MarkerFormat;

/// How the platform behaves; change it at any time with [`super::AlfacrmSim::configure`].
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent switch"
)]
#[derive(Debug, Clone)]
pub struct Options {
    /// The e-mail that logs in.
    pub email: String,
    /// The API key that logs in.
    pub api_key: String,
    /// The `X-APP-KEY` that every call needs, if the account asks for one.
    pub app_key: Option<String>,
    /// How long a token lives: 15 minutes, or an hour.
    pub token_ttl: SignedDuration,
    /// Whether a login ends the token before it.
    pub login_revokes: bool,
    /// The status of a refused login: 401, or 403.
    pub login_refusal: u16,
    /// The status that a token which is not valid gets: 401, or 403.
    pub expired_status: u16,
    /// The sections that are closed to the role, such as `customer`.
    pub closed: BTreeSet<&'static str>,
    /// The page size when none is asked for.
    pub page_default: usize,
    /// The largest page; a larger `pageSize` is silently cut to it.
    pub page_max: usize,
    /// Whether a page past the end is the last one again, instead of empty.
    pub last_page_again: bool,
    /// Under which key a lesson's day is shown.
    pub date_key: DateKey,
    /// How a lesson's times are shown.
    pub times: Times,
    /// Whether a start is shown with a second too much.
    pub extra_second: bool,
    /// Whether `created_at` and `updated_at` are shown.
    pub stamps: bool,
    /// Whether lessons and customers carry `custom_*` keys.
    pub custom_keys: bool,
    /// Whether a lesson's people stand in its details only.
    pub people_in_details: bool,
    /// Whether phones are shown as `+7(900)000-00-00`.
    pub formatted_phones: bool,
    /// Whether odd spellings are sent, and from which seed: numbers as texts, `[]`, `""` and null for nothing.
    pub odd_spellings: Option<u64>,
    /// The status of a refused write: 200 with `success: false`, or 422.
    pub refusal_status: u16,
    /// The status of an update of an unknown id: 404, or 200 with `success: false`.
    pub unknown_status: u16,
    /// Whether a teacher's or customer's overlap is refused; only a room's is known to be.
    pub refuse_busy_people: bool,
    /// Whether a cancelled lesson may be planned again through the API.
    pub undo: bool,
    /// The most characters of a note; a longer one is refused.
    pub note_max: usize,
    /// How a marker is found in a note.
    pub marker: MarkerFormat,
    /// Whether writes by API are sent as webhooks too.
    pub webhook_echo: bool,
    /// Whether numbers in webhooks are texts.
    pub webhook_texts: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            email: "sync@example.com".to_owned(),
            api_key: "demo-alfacrm-key".to_owned(),
            app_key: None,
            token_ttl: SignedDuration::from_mins(15),
            login_revokes: true,
            login_refusal: 401,
            expired_status: 401,
            closed: BTreeSet::new(),
            page_default: 20,
            page_max: 500,
            last_page_again: false,
            date_key: DateKey::Date,
            times: Times::Full,
            extra_second: true,
            stamps: false,
            custom_keys: false,
            people_in_details: false,
            formatted_phones: false,
            odd_spellings: None,
            refusal_status: 200,
            unknown_status: 404,
            refuse_busy_people: false,
            undo: false,
            note_max: 255,
            marker: MarkerFormat::default(),
            webhook_echo: true,
            webhook_texts: false,
        }
    }
}

/// Under which key a lesson's day is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateKey {
    /// `date`.
    Date,
    /// `lesson_date`.
    LessonDate,
    /// Under none: only the times tell.
    Absent,
}

/// How a lesson's times are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// `2031-05-06 10:30:01`.
    Full,
    /// `2031-05-06T10:30:01`.
    FullWithT,
    /// `10:30:01`.
    Bare,
    /// `10:30`.
    BareMinutes,
}
