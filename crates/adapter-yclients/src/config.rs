//! What one YCLIENTS account needs to be told; resolved values only, the config file is somebody else's business.

use std::fmt;

use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use slotbridge_platform::InvalidConfig;

/// How many records a page asks for where nothing else is configured; the platform names no maximum, and this is what
/// integrations use without being clamped (yclients contract, 4.1 and 15.1).
pub const PAGE_SIZE_DEFAULT: u32 = 200;

/// The largest page that any edition of the API is known to give (yclients contract, 4.1).
pub const PAGE_SIZE_MAX: u32 = 1000;

/// One YCLIENTS branch and the two secrets that open it.
#[derive(Debug, Clone)]
pub struct YclientsConfig {
    /// The branch.
    pub company_id: u64,
    /// The developer account's token.
    pub partner_token: SecretString,
    /// Who the calls are made as.
    pub auth: UserAuth,
    /// How many records a page asks for.
    pub page_size: u32,
}

/// Where the user token comes from.
#[derive(Clone)]
pub enum UserAuth {
    /// It is given, for instance that of the marketplace's system user.
    Token(SecretString),
    /// It is got by logging in, and got again when it stops being valid.
    Login {
        /// Phone or e-mail of a user of the branch.
        login: String,
        /// That user's password.
        password: SecretString,
    },
}

impl YclientsConfig {
    /// A branch with the usual page size.
    pub fn new(company_id: u64, partner_token: SecretString, auth: UserAuth) -> Self {
        Self {
            company_id,
            partner_token,
            auth,
            page_size: PAGE_SIZE_DEFAULT,
        }
    }

    /// Refuses what could not work, before the first call.
    pub(crate) fn validate(&self) -> Result<(), InvalidConfig> {
        if self.company_id == 0 {
            return Err(InvalidConfig::new(
                "company_id",
                "a branch number is needed; it is the number in the address of the branch's own pages",
            ));
        }
        if !(1..=PAGE_SIZE_MAX).contains(&self.page_size) {
            return Err(InvalidConfig::new(
                "page_size",
                format!("must lie between 1 and {PAGE_SIZE_MAX}"),
            ));
        }
        token_fits("partner_token", &self.partner_token)?;
        match &self.auth {
            UserAuth::Token(token) => token_fits("user_token", token),
            UserAuth::Login { login, password } => {
                if login.trim().is_empty() {
                    return Err(InvalidConfig::new(
                        "login",
                        "is empty; give the phone or e-mail of a user of the branch, or a user_token",
                    ));
                }
                if password.expose_secret().is_empty() {
                    return Err(InvalidConfig::new("password", "is empty"));
                }
                Ok(())
            }
        }
    }
}

impl fmt::Debug for UserAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A login is a person's phone or address.
        f.write_str(match self {
            Self::Token(_) => "Token(…)",
            Self::Login { .. } => "Login(…)",
        })
    }
}

/// A token must fit into a header, and a comma in it would end it there.
fn token_fits(key: &'static str, token: &SecretString) -> Result<(), InvalidConfig> {
    let text = token.expose_secret();
    if text.is_empty() {
        return Err(InvalidConfig::new(key, "is empty"));
    }
    if HeaderValue::from_str(text).is_err() || text.contains([',', ' ']) {
        return Err(InvalidConfig::new(
            key,
            "holds a space, a comma or a character that no token has; was more copied than the token?",
        ));
    }
    Ok(())
}
