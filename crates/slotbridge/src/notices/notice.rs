//! One notice: what it is about, in words for people and in values for programs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use slotbridge_core::model::Private;

/// The version of the JSON shape; new keys may be added to it.
const SCHEMA: u32 = 1;

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Platforms disagree, and a person has to decide.
    Conflict,
    /// A double booking.
    Overlap,
    /// Something else waits for a person: a record that could be more than one booking's, a wish that only a person
    /// can help along.
    Unclear,
    /// A guard stopped writes.
    Guard,
    /// A platform cannot be used for some time.
    PlatformDown,
    /// It can be used again.
    PlatformUp,
    /// A platform was not read completely for too long.
    NoCompletePass,
    /// It was read completely again.
    CompletePass,
    /// The database is damaged.
    Database,
    /// More happened than a target wants to be told one by one.
    More,
    /// Somebody tries whether notices arrive.
    Test,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// Nothing has to be done.
    Info,
    /// Somebody should look today.
    Warning,
    /// Somebody should look now.
    Critical,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: [Self; 11] = [
        Self::Conflict,
        Self::Overlap,
        Self::Unclear,
        Self::Guard,
        Self::PlatformDown,
        Self::PlatformUp,
        Self::NoCompletePass,
        Self::CompletePass,
        Self::Database,
        Self::More,
        Self::Test,
    ];

    /// The kinds that a target can be limited to.
    pub(crate) const TOPICS: [Self; 7] = [
        Self::Conflict,
        Self::Overlap,
        Self::Unclear,
        Self::Guard,
        Self::PlatformDown,
        Self::NoCompletePass,
        Self::Database,
    ];

    /// The word in the config, in JSON and in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Overlap => "overlap",
            Self::Unclear => "unclear",
            Self::Guard => "guard",
            Self::PlatformDown => "platform_down",
            Self::PlatformUp => "platform_up",
            Self::NoCompletePass => "no_complete_pass",
            Self::CompletePass => "complete_pass",
            Self::Database => "database",
            Self::More => "more",
            Self::Test => "test",
        }
    }

    /// The kind of this word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The kind under which a target asks for it: an all-clear goes where the alarm went. `None` goes everywhere.
    pub(crate) fn topic(self) -> Option<Self> {
        match self {
            Self::PlatformUp => Some(Self::PlatformDown),
            Self::CompletePass => Some(Self::NoCompletePass),
            Self::More | Self::Test => None,
            Self::Conflict
            | Self::Overlap
            | Self::Unclear
            | Self::Guard
            | Self::PlatformDown
            | Self::NoCompletePass
            | Self::Database => Some(self),
        }
    }

    /// How bad it is.
    pub(crate) fn severity(self) -> Severity {
        match self {
            Self::Overlap | Self::Guard | Self::NoCompletePass | Self::Database => {
                Severity::Critical
            }
            Self::Conflict | Self::Unclear | Self::PlatformDown | Self::More => Severity::Warning,
            Self::PlatformUp | Self::CompletePass | Self::Test => Severity::Info,
        }
    }

    /// A few words for a subject line.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Conflict => "a conflict waits for a decision",
            Self::Overlap => "a double booking",
            Self::Unclear => "something waits for a person",
            Self::Guard => "a guard stopped writes",
            Self::PlatformDown => "a platform cannot be used",
            Self::PlatformUp => "a platform can be used again",
            Self::NoCompletePass => "no complete pass for too long",
            Self::CompletePass => "a complete pass again",
            Self::Database => "the database is damaged",
            Self::More => "more notices",
            Self::Test => "a test",
        }
    }
}

impl Severity {
    /// The word in JSON.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What there is to say of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    /// Of which bridge.
    pub(crate) bridge: Option<String>,
    /// Of which platform.
    pub(crate) platform: Option<String>,
    /// In words, without client data.
    pub(crate) text: String,
    /// The same in values, without client data. Every kind has the same keys each time.
    pub(crate) details: BTreeMap<&'static str, String>,
    /// Lines with client data.
    pub(crate) clients: Vec<Private>,
}

/// One notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// What it is about.
    pub(crate) kind: Kind,
    /// When it is told.
    pub(crate) at: Timestamp,
    /// Since when it stands.
    pub(crate) since: Timestamp,
    /// Whether it was told before.
    pub(crate) reminder: bool,
    /// What there is to say.
    pub(crate) content: Content,
}

/// The JSON of a notice.
#[derive(Debug, Serialize)]
pub(crate) struct NoticeRow<'n> {
    schema: u32,
    kind: &'static str,
    severity: &'static str,
    title: &'static str,
    bridge: Option<&'n str>,
    platform: Option<&'n str>,
    at: String,
    since: String,
    reminder: bool,
    text: String,
    details: &'n BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clients: Option<Vec<&'n str>>,
}

impl Notice {
    /// A notice of something that happens now and does not stand.
    pub(crate) fn of_moment(kind: Kind, at: Timestamp, content: Content) -> Self {
        Self {
            kind,
            at,
            since: at,
            reminder: false,
            content,
        }
    }

    /// The text as a target gets it.
    pub(crate) fn text(&self, show_clients: bool) -> String {
        let mut text = self.content.text.clone();
        if self.reminder {
            text.push_str(" This still stands.");
        }
        if show_clients {
            for line in &self.content.clients {
                text.push('\n');
                text.push_str(line.expose());
            }
        }
        text
    }

    /// The lines about clients, if they may be shown.
    pub(crate) fn clients(&self, show_clients: bool) -> Option<Vec<&str>> {
        show_clients.then(|| self.content.clients.iter().map(Private::expose).collect())
    }

    /// The values as a target gets them.
    pub(crate) fn row(&self, show_clients: bool) -> NoticeRow<'_> {
        NoticeRow {
            schema: SCHEMA,
            kind: self.kind.as_str(),
            severity: self.kind.severity().as_str(),
            title: self.kind.title(),
            bridge: self.content.bridge.as_deref(),
            platform: self.content.platform.as_deref(),
            at: self.at.to_string(),
            since: self.since.to_string(),
            reminder: self.reminder,
            text: self.text(show_clients),
            details: &self.content.details,
            clients: self.clients(show_clients),
        }
    }

    /// The JSON as a target gets it.
    pub(crate) fn json(&self, show_clients: bool) -> String {
        serde_json::to_string(&self.row(show_clients))
            .expect("the shape has string keys and no fallible Serialize")
    }
}
