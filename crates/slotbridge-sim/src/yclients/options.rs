//! The switches of the simulated YCLIENTS: where its behaviour is undocumented, both ways exist.

use crate::marker::MarkerFormat;

/// How the platform behaves; change it at any time with [`super::YclientsSim::configure`].
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent switch"
)]
#[derive(Debug, Clone)]
pub struct Options {
    /// The partner token that is expected.
    pub partner_token: String,
    /// The user token that is expected, and given by `POST /auth`.
    pub user_token: String,
    /// The login of `POST /auth`.
    pub login: String,
    /// The password of `POST /auth`.
    pub password: String,
    /// The code of the second factor, if the account has one.
    pub second_factor: Option<String>,
    /// Where `POST /auth` puts the token.
    pub auth_reply: AuthReply,
    /// The status of a successful `POST /auth`: 201, or 200.
    pub auth_status: u16,
    /// The page size when none is asked for.
    pub page_default: usize,
    /// The largest page; a larger `count` is silently cut to it.
    pub page_max: usize,
    /// The shape of the answer to a create.
    pub create_reply: CreateReply,
    /// The status of a successful `PUT`: 201, or 200.
    pub put_status: u16,
    /// The status of a refusal for a busy time: 422, or 409.
    pub busy_status: u16,
    /// The status of a write that names an unknown member of staff or service: 404, or 422.
    pub unknown_status: u16,
    /// What reading a deleted record gives.
    pub deleted_get: DeletedGet,
    /// What the user may do.
    pub rights: Rights,
    /// Whether the branch's licence has run out.
    pub licence_expired: bool,
    /// The body of a 401.
    pub unauthorized: UnauthorizedForm,
    /// Whether a 429 tells when to come back.
    pub retry_after: bool,
    /// Whether odd spellings are sent, and from which seed.
    pub odd_spellings: Option<u64>,
    /// Whether blanks around a comment are removed.
    pub comment_trim: bool,
    /// How many characters of a comment are kept.
    pub comment_max: Option<usize>,
    /// What happens to a known client's card when a write brings another name or e-mail.
    pub client_card: ClientCard,
    /// How a marker is found in comments and custom fields; all of `api_id` is one.
    pub marker: MarkerFormat,
    /// Whether writes by API are sent as webhooks too.
    pub webhook_echo: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            partner_token: "demo-partner-token".to_owned(),
            user_token: "demo-user-token".to_owned(),
            login: "sync@example.com".to_owned(),
            password: "demo-password".to_owned(),
            second_factor: None,
            auth_reply: AuthReply::TopLevel,
            auth_status: 201,
            page_default: 50,
            page_max: 300,
            create_reply: CreateReply::Array,
            put_status: 201,
            busy_status: 422,
            unknown_status: 404,
            deleted_get: DeletedGet::NotFound,
            rights: Rights::default(),
            licence_expired: false,
            unauthorized: UnauthorizedForm::Standard,
            retry_after: false,
            odd_spellings: None,
            comment_trim: false,
            comment_max: None,
            client_card: ClientCard::Overwritten,
            marker: MarkerFormat::default(),
            webhook_echo: true,
        }
    }
}

/// Where `POST /auth` puts the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthReply {
    /// Beside everything else, without an envelope.
    TopLevel,
    /// In `data`.
    InData,
}

/// The shape of the answer to a create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateReply {
    /// An array of one full record.
    Array,
    /// One full record.
    Object,
    /// One record with few of its fields.
    Reduced,
    /// An array of one record with few of its fields.
    ReducedArray,
}

/// What reading a deleted record gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletedGet {
    /// 404.
    NotFound,
    /// 200 with `deleted` set.
    Shown,
}

/// The body of a 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnauthorizedForm {
    /// The usual error body.
    Standard,
    /// The usual error body without `data`.
    WithoutData,
    /// The code and message in a top-level `errors`, without `success`.
    Errors,
}

/// What happens to a known client's card when a write brings another name or e-mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCard {
    /// The card takes what was sent, and every record of the client shows it.
    Overwritten,
    /// The card stays; only what was empty is filled in.
    Kept,
}

/// What the user of the token may do.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one right of the platform"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// See the journal at all.
    pub timetable: bool,
    /// Create records.
    pub create: bool,
    /// Change records.
    pub edit: bool,
    /// Delete records.
    pub delete: bool,
    /// See phones and e-mails; without it they come back empty.
    pub phones: bool,
}

impl Default for Rights {
    fn default() -> Self {
        Self {
            timetable: true,
            create: true,
            edit: true,
            delete: true,
            phones: true,
        }
    }
}
