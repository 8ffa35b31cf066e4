//! Calls with a token, and the login that gives one.
//!
//! # Flow
//! A token is got by the first call and renewed when it is 55 minutes old, or when the platform says `Access denied`:
//! whoever notices first logs in, everybody else waits for it, and the refused call, which had no effect, is made once
//! more.
//!
//! # Guarantees
//! One login at a time. A login that was refused is not tried again for ten minutes, so that a changed password does
//! not lock the user out; a token that is refused within a minute of its login and was never accepted is not replaced
//! again. An unknown company never starts a login (simplybook contract, 2.3).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use slotbridge_platform::client::{Api, Call, Judgement, Reply};
use slotbridge_platform::platform::Priority;
use slotbridge_platform::{ErrorKind, PlatformError, Retry};
use tokio::sync::Mutex;

use crate::config::Mode;
use crate::error;
use crate::request::{self, Ask, Service};
use crate::wire;

/// Tokens live for about an hour (simplybook contract, 2.3).
const TOKEN_AGE_MAX: Duration = Duration::from_mins(55);
/// How long a refused login is left alone.
const REFUSED_LOGIN_REST: Duration = Duration::from_mins(10);
/// A token that is refused so soon after its login is not the problem.
const FRESH_TOKEN: Duration = Duration::from_mins(1);

/// The way to the platform with a token on it.
#[derive(Debug)]
pub(crate) struct Session {
    api: Arc<Api>,
    company: String,
    mode: Mode,
    login: Mutex<Login>,
    calls: AtomicU64,
    /// The last login whose token was accepted.
    worked: AtomicU64,
}

#[derive(Debug, Default)]
struct Login {
    token: Option<Token>,
    logins: u64,
    refused: Option<Refused>,
}

#[derive(Debug, Clone)]
struct Token {
    secret: SecretString,
    /// Which login it came from.
    login: u64,
    since: Duration,
}

/// A login that the platform did not take.
#[derive(Debug)]
struct Refused {
    at: Duration,
    kind: ErrorKind,
    message: String,
}

impl Session {
    pub(crate) fn new(api: Arc<Api>, company: &str, mode: Mode) -> Self {
        match &mode {
            Mode::Admin { password, .. } => api.add_secret(password.expose_secret()),
            Mode::Public {
                api_key,
                secret_key,
            } => {
                api.add_secret(api_key.expose_secret());
                api.add_secret(secret_key.expose_secret());
            }
        }
        // The vendor's own application lower-cases it (simplybook contract, 2.1).
        let company = company.trim().to_ascii_lowercase();
        Self {
            api,
            company,
            mode,
            login: Mutex::default(),
            calls: AtomicU64::new(0),
            worked: AtomicU64::new(0),
        }
    }

    pub(crate) fn api(&self) -> &Arc<Api> {
        &self.api
    }

    pub(crate) fn company(&self) -> &str {
        &self.company
    }

    /// Time since some fixed instant.
    pub(crate) fn now(&self) -> Duration {
        self.api.seam().elapsed()
    }

    /// Makes a call and gives its result.
    pub(crate) async fn call(&self, ask: &Ask, priority: Priority) -> Result<Value, PlatformError> {
        let token = self.token(priority).await?;
        match self.exchange(ask, Some(&token.secret), priority).await {
            Err(refused) if refused.kind == ErrorKind::Unauthenticated => {
                let token = self.another(&token, refused, priority).await?;
                self.exchange(ask, Some(&token.secret), priority).await
            }
            other => {
                if other.is_ok() {
                    self.worked.store(token.login, Ordering::Relaxed);
                }
                other
            }
        }
    }

    async fn exchange(
        &self,
        ask: &Ask,
        token: Option<&SecretString>,
        priority: Priority,
    ) -> Result<Value, PlatformError> {
        let senseless =
            |why: &str| PlatformError::new(ErrorKind::BadReply, Retry::Never, ask.operation, why);
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            let value = |text: &str| HeaderValue::from_str(text).ok();
            let company = value(&self.company);
            let token = value(token.expose_secret());
            let Some((company, mut token)) = company.zip(token) else {
                return Err(senseless("the login gave a token that fits into no header"));
            };
            token.set_sensitive(true);
            headers.insert(HeaderName::from_static("x-company-login"), company);
            headers.insert(HeaderName::from_static(ask.service.token_header()), token);
        }
        let id = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let request = ask.to_http(self.api.base_url(), id, headers);
        let request = request.map_err(|error| senseless(&error.to_string()))?;
        let judge = |reply: &Reply| -> Judgement { error::judge(ask, id, reply) };
        let call = Call {
            operation: ask.operation,
            request,
            repeat: ask.repeat,
            priority,
            judge: &judge,
        };
        let reply = self.api.call(call).await?;
        Ok(error::result(id, &reply))
    }

    async fn token(&self, priority: Priority) -> Result<Token, PlatformError> {
        let mut state = self.login.lock().await;
        match &state.token {
            Some(token) if self.now().saturating_sub(token.since) < TOKEN_AGE_MAX => {
                Ok(token.clone())
            }
            _ => self.log_in(&mut state, priority).await,
        }
    }

    /// A token other than the one that was refused.
    async fn another(
        &self,
        old: &Token,
        refused: PlatformError,
        priority: Priority,
    ) -> Result<Token, PlatformError> {
        let mut state = self.login.lock().await;
        match &state.token {
            // Somebody else has been faster.
            Some(token) if token.login != old.login => return Ok(token.clone()),
            Some(token) if self.is_useless(token) => return Err(refused),
            _ => {}
        }
        self.log_in(&mut state, priority).await
    }

    /// Whether the token is fresh and was never accepted: another one would not be either.
    fn is_useless(&self, token: &Token) -> bool {
        let never_worked = self.worked.load(Ordering::Relaxed) != token.login;
        never_worked && self.now().saturating_sub(token.since) < FRESH_TOKEN
    }

    async fn log_in(&self, state: &mut Login, priority: Priority) -> Result<Token, PlatformError> {
        if let Some(refused) = &state.refused
            && self.now().saturating_sub(refused.at) < REFUSED_LOGIN_REST
        {
            return Err(PlatformError::new(
                refused.kind,
                Retry::Never,
                "auth",
                refused.message.clone(),
            ));
        }
        state.token = None;
        let ask = match &self.mode {
            Mode::Admin { user, password } => {
                request::user_token(&self.company, user, password.expose_secret())
            }
            Mode::Public { api_key, .. } => {
                request::api_token(&self.company, api_key.expose_secret())
            }
        };
        let token = self
            .exchange(&ask, None, priority)
            .await
            .and_then(|result| {
                wire::text(&result)
                    .filter(|token| !token.is_empty())
                    .ok_or_else(|| {
                        PlatformError::new(
                            ErrorKind::BadReply,
                            Retry::Later,
                            ask.operation,
                            "the login was answered without a token",
                        )
                    })
            });
        let secret = match token {
            Ok(token) => SecretString::from(token),
            Err(error) => {
                // What the platform said about the login stands for a while; what happened on the way does not.
                let about_login = matches!(
                    error.kind,
                    ErrorKind::Unauthenticated | ErrorKind::Forbidden | ErrorKind::Refused
                );
                state.refused = about_login.then(|| Refused {
                    at: self.now(),
                    kind: error.kind,
                    message: error.message.clone(),
                });
                return Err(error);
            }
        };
        self.api.add_secret(secret.expose_secret());
        state.refused = None;
        state.logins += 1;
        let token = Token {
            secret,
            login: state.logins,
            since: self.now(),
        };
        state.token = Some(token.clone());
        Ok(token)
    }

    /// Whether this is about the administration service.
    pub(crate) fn service(&self) -> Service {
        match self.mode {
            Mode::Admin { .. } => Service::Admin,
            Mode::Public { .. } => Service::Public,
        }
    }
}
