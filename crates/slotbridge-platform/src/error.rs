//! What can go wrong with a platform, in the two questions that a caller asks: what is it, and may the call be repeated.

use std::fmt;
use std::time::Duration;

/// What went wrong; what the engine branches on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorKind {
    /// No such record, branch, resource or service.
    NotFound,
    /// The time is taken.
    SlotTaken,
    /// The record has moved on since it was read.
    Stale,
    /// The platform understood and said no: validation, a locked record, a closed period.
    Refused,
    /// Token, key or password are wrong or no longer valid.
    Unauthenticated,
    /// The account lacks a right, a plan or a paid licence.
    Forbidden,
    /// The platform asks for a second factor that slotbridge cannot give.
    SecondFactor,
    /// Too many calls.
    RateLimited {
        /// How long the platform wants us to wait, if it says so.
        after: Option<Duration>,
    },
    /// This kind of platform cannot do that at all.
    Unsupported,
    /// The platform is down or answers with server errors.
    Unavailable,
    /// The reply makes no sense.
    BadReply,
    /// The exchange itself failed.
    Transport,
    /// A value cannot be spelled on this platform, such as a local time that does not exist.
    Unrepresentable,
}

/// Whether the call may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Retry {
    /// Not until something changes: a person, the config, the record.
    Never,
    /// Later; it certainly had no effect.
    Later,
    /// Only after looking: the write may have landed.
    AfterObserving,
}

/// A failed call. Holds no client data, no token and no reply body; [`PlatformError::context`] is scrubbed.
#[derive(Debug)]
pub struct PlatformError {
    /// What it is.
    pub kind: ErrorKind,
    /// Whether it may be repeated.
    pub retry: Retry,
    /// The adapter's name of the call, such as `records.list`.
    pub operation: &'static str,
    /// What the platform said or what was found wrong, scrubbed; for a person.
    pub message: String,
    /// Key and value pairs for the log: HTTP status, page number and the like.
    pub context: Vec<(&'static str, String)>,
    /// What was underneath.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl PlatformError {
    /// An error without context or source.
    pub fn new(
        kind: ErrorKind,
        retry: Retry,
        operation: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            retry,
            operation,
            message: message.into(),
            context: Vec::new(),
            source: None,
        }
    }

    /// Adds one pair of context.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.context.push((key, value.to_string()));
        self
    }

    /// Says that the call may have had an effect.
    #[must_use]
    pub fn may_have_landed(mut self) -> Self {
        self.retry = Retry::AfterObserving;
        self
    }
}

impl fmt::Display for PlatformError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.message)?;
        for (key, value) in &self.context {
            write!(f, " ({key} {value})")?;
        }
        Ok(())
    }
}

impl std::error::Error for PlatformError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
