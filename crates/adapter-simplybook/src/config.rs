//! What one SimplyBook.me account needs to be told; resolved values only, the config file is somebody else's business.

use std::fmt;

use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use slotbridge_platform::InvalidConfig;

/// The lengths that a company's timeframe can have, in minutes (simplybook contract, 5.4).
pub const TIMEFRAMES: [u16; 6] = [5, 10, 15, 20, 30, 60];

/// One company and what opens it.
#[derive(Debug, Clone)]
pub struct SimplybookConfig {
    /// The company login: the first part of the booking page's address.
    pub company: String,
    /// Who the calls are made as.
    pub mode: Mode,
    /// The intake field that is set aside for the marker, by its key. Without one the marker stands at the end of the
    /// comment in admin mode, and nowhere in public mode, where there are no comments.
    pub marker_field: Option<String>,
    /// Values for intake fields, by their keys, that every booking made by slotbridge gets.
    pub intake: Vec<(String, String)>,
    /// How far apart starts are, in minutes: other platforms' bookings are rounded outward to it.
    /// Without it a start that the platform does not have is refused.
    pub timeframe: Option<u16>,
    /// Whether the user sees every booking although its role says otherwise or cannot be read; admin mode only.
    pub sees_all: bool,
}

/// Which of the services is used.
#[derive(Clone)]
pub enum Mode {
    /// The administration service, as a user of the back office.
    Admin {
        /// The user's login.
        user: String,
        /// The user's password, or better an API User Key.
        password: SecretString,
    },
    /// The public service, as the company's own web site.
    Public {
        /// The key that gives tokens.
        api_key: SecretString,
        /// The key that signs calls about one booking.
        secret_key: SecretString,
    },
}

impl SimplybookConfig {
    /// A company without any extras.
    pub fn new(company: impl Into<String>, mode: Mode) -> Self {
        Self {
            company: company.into(),
            mode,
            marker_field: None,
            intake: Vec::new(),
            timeframe: None,
            sees_all: false,
        }
    }

    /// Refuses what could not work, before the first call.
    pub(crate) fn validate(&self) -> Result<(), InvalidConfig> {
        let company = self.company.trim();
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if company.is_empty()
            || !company.chars().all(fits)
            || HeaderValue::from_str(company).is_err()
        {
            return Err(InvalidConfig::new(
                "company",
                "want the company login, such as acme in acme.simplybook.me",
            ));
        }
        if let Some(minutes) = self.timeframe
            && !TIMEFRAMES.contains(&minutes)
        {
            return Err(InvalidConfig::new(
                "timeframe",
                "must be 5, 10, 15, 20, 30 or 60 minutes",
            ));
        }
        let blank = |text: &SecretString| text.expose_secret().trim().is_empty();
        match &self.mode {
            Mode::Admin { user, .. } if user.trim().is_empty() => Err(InvalidConfig::new(
                "user",
                "is empty; give the login of a back-office user",
            )),
            Mode::Admin { password, .. } if blank(password) => {
                Err(InvalidConfig::new("password", "is empty"))
            }
            Mode::Public { api_key, .. } if blank(api_key) => {
                Err(InvalidConfig::new("api_key", "is empty"))
            }
            Mode::Public { secret_key, .. } if blank(secret_key) => {
                Err(InvalidConfig::new("secret_key", "is empty"))
            }
            Mode::Admin { .. } | Mode::Public { .. } => Ok(()),
        }
    }
}

impl fmt::Debug for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Admin { .. } => "Admin(…)",
            Self::Public { .. } => "Public(…)",
        })
    }
}
