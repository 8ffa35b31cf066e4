//! Calls with the token that they need, and the login that gets it.
//!
//! # Flow
//! A call goes out with the token at hand, or with that of a login where there is none or it is about to expire.
//! Where the platform refuses the token, one login is made, whoever asks first makes it, and the call is repeated
//! once: a refused call had no effect.
//!
//! # Guarantees
//! One login at a time, and at most one for a refused call. A login that was refused is not tried again for a while.
//! A call that stays forbidden with a new token is known as forbidden from then on, and costs no further login.
//!
//! # Assumptions
//! A token lives for 15 minutes at least; some accounts keep it for an hour (alfacrm contract, 2). Another program with
//! the same user may end it with a login of its own, which is why slotbridge wants a user for itself.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use slotbridge_platform::client::{Api, Call, Judgement, Reply};
use slotbridge_platform::platform::Priority;
use slotbridge_platform::{ErrorKind, PlatformError, Retry};
use tokio::sync::Mutex;

use crate::error;
use crate::request::{self, Ask};
use crate::wire;

/// How long a token is taken for valid.
const TOKEN_AGE_MAX: Duration = Duration::from_mins(14);
/// How long a refused login, or a login whose token is refused, is left alone.
const REFUSED_LOGIN_REST: Duration = Duration::from_mins(2);

/// The way to the platform with a token on it.
#[derive(Debug)]
pub(crate) struct Session {
    api: Arc<Api>,
    email: SecretString,
    api_key: SecretString,
    app_key: Option<SecretString>,
    login: Mutex<Login>,
    /// Operations that a new token did not open.
    forbidden: SyncMutex<BTreeSet<&'static str>>,
}

/// What is known of the login.
#[derive(Debug, Default)]
struct Login {
    token: Option<Token>,
    logins: u64,
    refused: Option<Refused>,
}

#[derive(Debug, Clone)]
struct Token {
    header: HeaderValue,
    /// Which login it came from.
    login: u64,
    since: Duration,
}

/// A login that the platform did not take.
#[derive(Debug)]
struct Refused {
    at: Duration,
    message: String,
}

impl Session {
    pub(crate) fn new(
        api: Arc<Api>,
        email: &str,
        api_key: SecretString,
        header_key: Option<SecretString>,
    ) -> Self {
        api.add_secret(api_key.expose_secret());
        api.add_secret(email);
        if let Some(key) = &header_key {
            api.add_secret(key.expose_secret());
        }
        Self {
            api,
            email: SecretString::from(email.to_owned()),
            api_key,
            app_key: header_key,
            login: Mutex::default(),
            forbidden: SyncMutex::default(),
        }
    }

    pub(crate) fn api(&self) -> &Arc<Api> {
        &self.api
    }

    /// Time since the start.
    pub(crate) fn now(&self) -> Duration {
        self.api.seam().elapsed()
    }

    /// Makes a call as the API's user.
    pub(crate) async fn call(&self, ask: &Ask, priority: Priority) -> Result<Reply, PlatformError> {
        let token = self.token(priority).await?;
        let refused = match self.exchange(ask, Some(&token.header), priority).await {
            Ok(reply) => {
                self.open(ask.operation);
                return Ok(reply);
            }
            Err(error) => error,
        };
        let worth_a_login = match refused.kind {
            ErrorKind::Unauthenticated => true,
            // An expired token is also told as 403 (alfacrm contract, 2).
            ErrorKind::Forbidden => !self.is_shut(ask.operation),
            _ => false,
        };
        if !worth_a_login {
            return Err(refused);
        }
        let renewed = self.another(&token, priority).await?;
        let again = self.exchange(ask, Some(&renewed.header), priority).await;
        match &again {
            Ok(_) => self.open(ask.operation),
            Err(error) if error.kind == ErrorKind::Forbidden => self.shut(ask.operation),
            Err(error) if error.kind == ErrorKind::Unauthenticated => {
                self.give_up(&renewed, error).await;
            }
            Err(_) => {}
        }
        again
    }

    async fn exchange(
        &self,
        ask: &Ask,
        token: Option<&HeaderValue>,
        priority: Priority,
    ) -> Result<Reply, PlatformError> {
        let app_key = self
            .app_key
            .as_ref()
            .and_then(|key| secret_header(key.expose_secret()));
        let request = ask
            .to_http(self.api.base_url(), token, app_key.as_ref())
            .map_err(|error| {
                PlatformError::new(
                    ErrorKind::Refused,
                    Retry::Never,
                    ask.operation,
                    error.to_string(),
                )
            })?;
        let judge = |reply: &Reply| -> Judgement { error::judge(ask, reply) };
        self.api
            .call(Call {
                operation: ask.operation,
                request,
                repeat: ask.repeat,
                priority,
                judge: &judge,
            })
            .await
    }

    /// The token at hand, or that of a login.
    async fn token(&self, priority: Priority) -> Result<Token, PlatformError> {
        let mut login = self.login.lock().await;
        match &login.token {
            Some(token) if self.now().saturating_sub(token.since) < TOKEN_AGE_MAX => {
                Ok(token.clone())
            }
            _ => self.log_in(&mut login, priority).await,
        }
    }

    /// A token other than the one that was refused.
    async fn another(&self, old: &Token, priority: Priority) -> Result<Token, PlatformError> {
        let mut login = self.login.lock().await;
        match &login.token {
            // Somebody else has been faster.
            Some(token) if token.login != old.login => Ok(token.clone()),
            _ => self.log_in(&mut login, priority).await,
        }
    }

    /// A token that is refused right after its login: another login would bring no better one.
    async fn give_up(&self, token: &Token, error: &PlatformError) {
        let mut login = self.login.lock().await;
        if login
            .token
            .as_ref()
            .is_some_and(|current| current.login == token.login)
        {
            login.token = None;
            login.refused = Some(Refused {
                at: self.now(),
                message: format!("the token of a new login was refused: {}", error.message),
            });
        }
    }

    async fn log_in(&self, login: &mut Login, priority: Priority) -> Result<Token, PlatformError> {
        if let Some(refused) = &login.refused
            && self.now().saturating_sub(refused.at) < REFUSED_LOGIN_REST
        {
            return Err(PlatformError::new(
                ErrorKind::Unauthenticated,
                Retry::Never,
                "auth.login",
                refused.message.clone(),
            ));
        }
        login.token = None;
        let ask = request::login(self.email.expose_secret(), self.api_key.expose_secret());
        let header = match self
            .exchange(&ask, None, priority)
            .await
            .and_then(|reply| token_of(&ask, &reply))
        {
            Ok(token) => {
                self.api.add_secret(&token);
                secret_header(&token).ok_or_else(|| {
                    error::senseless(&ask, "the login gave a token that fits into no header")
                })?
            }
            Err(error) => {
                // What the platform said of the login stands for a while; what happened on the way does not.
                login.refused =
                    matches!(error.kind, ErrorKind::Unauthenticated | ErrorKind::Refused).then(
                        || Refused {
                            at: self.now(),
                            message: error.message.clone(),
                        },
                    );
                return Err(error);
            }
        };
        login.refused = None;
        login.logins += 1;
        let token = Token {
            header,
            login: login.logins,
            since: self.now(),
        };
        login.token = Some(token.clone());
        Ok(token)
    }

    fn is_shut(&self, operation: &'static str) -> bool {
        self.doors().contains(operation)
    }

    fn shut(&self, operation: &'static str) {
        self.doors().insert(operation);
    }

    fn open(&self, operation: &'static str) {
        self.doors().remove(operation);
    }

    fn doors(&self) -> std::sync::MutexGuard<'_, BTreeSet<&'static str>> {
        self.forbidden
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The token of a login's reply.
fn token_of(ask: &Ask, reply: &Reply) -> Result<String, PlatformError> {
    let body = wire::body(&reply.body).unwrap_or_default();
    wire::filled(body.get("token"))
        .ok_or_else(|| error::senseless(ask, "the login was answered without a token"))
}

fn secret_header(secret: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(secret).ok()?;
    header.set_sensitive(true);
    Some(header)
}
