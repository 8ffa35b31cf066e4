//! What one AlfaCRM account needs to be told; resolved values only, the config file is somebody else's business.

use http::HeaderValue;
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret as _, SecretString};
use slotbridge_platform::{Account, InvalidConfig};

/// How many rows a page asks for where nothing else is configured (alfacrm contract, 3.2 and 13.8).
pub const PAGE_SIZE_DEFAULT: u32 = 200;

/// The largest page that the platform is documented to give (alfacrm contract, 3.2).
pub const PAGE_SIZE_MAX: u32 = 500;

/// One branch of an AlfaCRM account, and the user that calls are made as.
#[derive(Clone)]
pub struct AlfacrmConfig {
    /// The branch, as it stands in every address of its API.
    pub branch_id: u64,
    /// The e-mail of the account's user for slotbridge alone.
    pub email: String,
    /// That user's API key.
    pub api_key: SecretString,
    /// The value of `X-APP-KEY`, which some accounts ask for (alfacrm contract, 13.13).
    pub app_key: Option<SecretString>,
    /// The room of the lessons that slotbridge makes; none leaves it open.
    pub room_id: Option<u64>,
    /// The subject of a block that has no service, since no lesson is without one. Such a block is refused without it.
    pub busy_subject_id: Option<u64>,
    /// How many rows a page asks for.
    pub page_size: u32,
    /// Whether the recurring rules are read too, whose lessons of the far future are not in the lesson list yet
    /// (alfacrm contract, 7.1).
    pub regular_lessons: bool,
}

impl AlfacrmConfig {
    /// A branch with the usual settings.
    pub fn new(branch_id: u64, email: impl Into<String>, api_key: SecretString) -> Self {
        Self {
            branch_id,
            email: email.into(),
            api_key,
            app_key: None,
            room_id: None,
            busy_subject_id: None,
            page_size: PAGE_SIZE_DEFAULT,
            regular_lessons: true,
        }
    }

    /// Checks what the types cannot, and gives the zone in which the branch's times are read.
    ///
    /// # Errors
    /// [`InvalidConfig`] naming the setting.
    pub(crate) fn validate(&self, account: &Account) -> Result<TimeZone, InvalidConfig> {
        if self.branch_id == 0 {
            return Err(InvalidConfig::new(
                "branch_id",
                "no branch has the id 0: it is the number after v2api in the addresses of the branch, mostly 1",
            ));
        }
        if !self.email.contains('@') {
            return Err(InvalidConfig::new(
                "email",
                "is not an e-mail: give the one that the API's user logs in with",
            ));
        }
        if self.api_key.expose_secret().trim().is_empty() {
            return Err(InvalidConfig::new(
                "api_key",
                "is empty: copy the key from the user's card in AlfaCRM, field \"API key\"",
            ));
        }
        if let Some(key) = &self.app_key
            && HeaderValue::from_str(key.expose_secret()).is_err()
        {
            return Err(InvalidConfig::new(
                "app_key",
                "holds a character that does not fit into a header",
            ));
        }
        for (key, id) in [
            ("room_id", self.room_id),
            ("busy_subject_id", self.busy_subject_id),
        ] {
            if id == Some(0) {
                return Err(InvalidConfig::new(key, "nothing has the id 0"));
            }
        }
        if !(1..=PAGE_SIZE_MAX).contains(&self.page_size) {
            return Err(InvalidConfig::new(
                "page_size",
                format_args!("must lie between 1 and {PAGE_SIZE_MAX}"),
            ));
        }
        account.time_zone.clone().ok_or_else(|| {
            InvalidConfig::new(
                "time_zone",
                "AlfaCRM does not tell the branch's zone: name it, for example \"Europe/Moscow\"",
            )
        })
    }
}

impl std::fmt::Debug for AlfacrmConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The e-mail is a person's address, and half of the credentials.
        f.debug_struct("AlfacrmConfig")
            .field("branch_id", &self.branch_id)
            .field("room_id", &self.room_id)
            .field("busy_subject_id", &self.busy_subject_id)
            .field("page_size", &self.page_size)
            .field("regular_lessons", &self.regular_lessons)
            .finish_non_exhaustive()
    }
}
