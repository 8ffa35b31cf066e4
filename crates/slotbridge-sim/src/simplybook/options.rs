//! The switches of the simulated SimplyBook.me: where its behaviour is undocumented, both ways exist.

use jiff::SignedDuration;

use crate::marker::MarkerFormat;

/// How the platform behaves; change it at any time with [`super::SimplybookSim::configure`].
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent switch"
)]
#[derive(Debug, Clone)]
pub struct Options {
    /// The key that gives tokens of the public service.
    pub api_key: String,
    /// The key that signs calls.
    pub secret_key: String,
    /// The back-office users.
    pub users: Vec<User>,
    /// How long a token lives.
    pub token_life: SignedDuration,
    /// Whether the unused one of result and error is sent as null.
    pub null_members: bool,
    /// Whether numbers come as numbers and lists as maps where the usual is the other way round.
    pub odd_spellings: bool,
    /// What the platform answers when a limit is passed.
    pub limit_shape: LimitShape,
    /// Whether more than two requests at once are refused.
    pub parallel_limited: bool,
    /// What cancelling a cancelled booking gives.
    pub second_cancel: SecondCancel,
    /// What adding a client that is there gives.
    pub client_dedup: ClientDedup,
    /// Whether the details carry the comment.
    pub details_have_comment: bool,
    /// Whether new bookings wait to be confirmed.
    pub require_confirm: bool,
    /// Whether confirming is refused for this kind of key or user.
    pub confirm_refused: bool,
    /// How far apart starts are, in minutes.
    pub timeframe: i64,
    /// Which of phone and e-mail a client needs: `phone`, `email`, `email_phone` or nothing.
    pub require_fields: String,
    /// Whether the last day of a listing's filter is left out.
    pub date_to_excluded: bool,
    /// Whether a listing pays no attention to its filter.
    pub filter_ignored: bool,
    /// The most rows that a listing shows, silently.
    pub rows_max: Option<usize>,
    /// Whether the administration service tells the company's settings.
    pub admin_tells_company: bool,
    /// How the company's zone is spelled; none takes the IANA name with a space for its slash.
    pub zone_spelling: Option<String>,
    /// Whether an edit gives a booking another hash.
    pub hash_changes: bool,
    /// Whether the table of free starts still offers taken ones.
    pub matrix_offers_taken: bool,
    /// Whether the first day of a table of free starts is empty.
    pub matrix_first_day_empty: bool,
    /// How long before its start a time stops being free.
    pub lead: SignedDuration,
    /// Which features are on.
    pub plugins: Vec<String>,
    /// How a marker is found in a comment or an intake field.
    pub marker: MarkerFormat,
    /// Whether writes by API are sent as callbacks too.
    pub webhook_echo: bool,
    /// Whether callbacks carry the two newer members.
    pub webhook_new_members: bool,
    /// Whether every callback is sent twice.
    pub webhook_twice: bool,
    /// Whether callbacks are lost.
    pub webhook_lost: bool,
}

/// A user of the back office.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The login.
    pub login: String,
    /// The password.
    pub password: String,
    /// The role.
    pub role: String,
    /// The one provider that the user sees, for a narrow role.
    pub unit: Option<u64>,
    /// Whether the user is blocked.
    pub blocked: bool,
}

/// What passing a limit looks like; nobody documents it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitShape {
    /// A page with status 429.
    Status429,
    /// A page with status 403.
    Status403,
    /// An error of the protocol.
    Error,
    /// A closed connection.
    Dropped,
}

/// What cancelling a cancelled booking gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondCancel {
    /// True.
    True,
    /// False.
    False,
    /// The error for a booking that is not found.
    NotFound,
    /// Some error.
    Error,
}

/// What adding a client that is there gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientDedup {
    /// A second card, unless name, e-mail and phone are all the same.
    Exact,
    /// The card with the same e-mail, whatever its name.
    ByEmail,
    /// An error that names the card with the same e-mail.
    Error,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            api_key: "demo-simplybook-key".to_owned(),
            secret_key: "demo-simplybook-secret".to_owned(),
            users: vec![User {
                login: "sync@example.com".to_owned(),
                password: "demo-password".to_owned(),
                role: "admin".to_owned(),
                unit: None,
                blocked: false,
            }],
            token_life: SignedDuration::from_hours(1),
            null_members: false,
            odd_spellings: false,
            limit_shape: LimitShape::Status429,
            parallel_limited: true,
            second_cancel: SecondCancel::Error,
            client_dedup: ClientDedup::ByEmail,
            details_have_comment: false,
            require_confirm: false,
            confirm_refused: false,
            timeframe: 30,
            require_fields: String::new(),
            date_to_excluded: false,
            filter_ignored: false,
            rows_max: None,
            admin_tells_company: true,
            zone_spelling: None,
            hash_changes: false,
            matrix_offers_taken: false,
            matrix_first_day_empty: true,
            lead: SignedDuration::ZERO,
            plugins: vec!["api".to_owned(), "event_field".to_owned()],
            marker: MarkerFormat::default(),
            webhook_echo: true,
            webhook_new_members: false,
            webhook_twice: false,
            webhook_lost: false,
        }
    }
}
