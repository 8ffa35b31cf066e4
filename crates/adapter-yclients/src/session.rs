//! Calls with the two tokens that they need, and the login where one is configured.
//!
//! # Flow
//! A call goes out with the token at hand. Where the platform refuses the token and a login is configured, one login
//! is made, whoever asks first makes it, and the call is repeated once: a refused call had no effect.
//!
//! # Guarantees
//! One login at a time. A login that was refused is not tried again for a while, so that a changed password does not
//! lock the user out; and where a new token was refused too, the login is not the trouble and is left alone as well.
//!
//! # Assumptions
//! A token lives until the user changes the password; nothing refreshes it (yclients contract, 2).

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use slotbridge_platform::client::{Api, Call, Judgement, Reply};
use slotbridge_platform::platform::Priority;
use slotbridge_platform::{ErrorKind, PlatformError, Retry};
use tokio::sync::Mutex;

use crate::config::UserAuth;
use crate::error;
use crate::request::{self, Ask};
use crate::wire;

/// How long a refused login is left alone.
const REFUSED_LOGIN_REST: Duration = Duration::from_mins(10);
/// The way to the platform with tokens on it.
#[derive(Debug)]
pub(crate) struct Session {
    api: Arc<Api>,
    partner: SecretString,
    auth: UserAuth,
    login: Mutex<Login>,
}

/// What is known of the login.
#[derive(Debug, Default)]
struct Login {
    token: Option<Token>,
    logins: u64,
    refused: Option<Refused>,
    /// When a token fresh from a login was refused like the one before.
    useless: Option<Duration>,
}

#[derive(Debug, Clone)]
struct Token {
    secret: SecretString,
    /// Which login it came from; 0 is the configured one.
    login: u64,
}

/// A login that the platform did not take.
#[derive(Debug)]
struct Refused {
    at: Duration,
    kind: ErrorKind,
    message: String,
}

impl Session {
    pub(crate) fn new(api: Arc<Api>, partner: SecretString, auth: UserAuth) -> Self {
        api.add_secret(partner.expose_secret());
        match &auth {
            UserAuth::Token(token) => api.add_secret(token.expose_secret()),
            UserAuth::Login { password, .. } => api.add_secret(password.expose_secret()),
        }
        Self {
            api,
            partner,
            auth,
            login: Mutex::default(),
        }
    }

    pub(crate) fn api(&self) -> &Arc<Api> {
        &self.api
    }

    /// Makes a call as the configured user.
    pub(crate) async fn call(&self, ask: &Ask, priority: Priority) -> Result<Reply, PlatformError> {
        let token = self.token(priority).await?;
        match self.exchange(ask, Some(&token.secret), priority).await {
            Err(refused) if refused.kind == ErrorKind::Unauthenticated => {
                let token = self.another(&token, refused, priority).await?;
                let second = self.exchange(ask, Some(&token.secret), priority).await;
                if let Err(error) = &second
                    && error.kind == ErrorKind::Unauthenticated
                {
                    self.login.lock().await.useless = Some(self.now());
                }
                second
            }
            other => other,
        }
    }

    async fn exchange(
        &self,
        ask: &Ask,
        user: Option<&SecretString>,
        priority: Priority,
    ) -> Result<Reply, PlatformError> {
        let senseless =
            |why: &str| PlatformError::new(ErrorKind::BadReply, Retry::Never, ask.operation, why);
        let header = request::authorization(
            self.partner.expose_secret(),
            user.map(ExposeSecret::expose_secret),
        );
        let header =
            header.ok_or_else(|| senseless("the login gave a token that fits into no header"))?;
        let request = ask
            .to_http(self.api.base_url(), header)
            .map_err(|error| senseless(&error.to_string()))?;
        let judge = |reply: &Reply| -> Judgement { error::judge(ask.operation, ask.repeat, reply) };
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

    /// The token at hand, or the first login's.
    async fn token(&self, priority: Priority) -> Result<Token, PlatformError> {
        let (login, password) = match &self.auth {
            UserAuth::Token(secret) => {
                return Ok(Token {
                    secret: secret.clone(),
                    login: 0,
                });
            }
            UserAuth::Login { login, password } => (login, password),
        };
        let mut state = self.login.lock().await;
        match &state.token {
            Some(token) => Ok(token.clone()),
            None => self.log_in(&mut state, login, password, priority).await,
        }
    }

    /// A token other than the one that was refused.
    async fn another(
        &self,
        old: &Token,
        refused: PlatformError,
        priority: Priority,
    ) -> Result<Token, PlatformError> {
        let UserAuth::Login { login, password } = &self.auth else {
            return Err(refused);
        };
        let mut state = self.login.lock().await;
        match &state.token {
            // Somebody else has been faster.
            Some(token) if token.login != old.login => return Ok(token.clone()),
            Some(_) | None => {}
        }
        if state
            .useless
            .is_some_and(|at| self.now().saturating_sub(at) < REFUSED_LOGIN_REST)
        {
            return Err(refused);
        }
        self.log_in(&mut state, login, password, priority).await
    }

    async fn log_in(
        &self,
        state: &mut Login,
        login: &str,
        password: &SecretString,
        priority: Priority,
    ) -> Result<Token, PlatformError> {
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
        let ask = request::auth(login, password.expose_secret());
        let secret = match self
            .exchange(&ask, None, priority)
            .await
            .and_then(|reply| user_token(&reply))
        {
            Ok(secret) => secret,
            Err(error) => {
                // What the platform said about the login stands for a while; what happened on the way does not.
                state.refused = matches!(
                    error.kind,
                    ErrorKind::Unauthenticated
                        | ErrorKind::SecondFactor
                        | ErrorKind::Forbidden
                        | ErrorKind::Refused
                )
                .then(|| Refused {
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
        };
        state.token = Some(token.clone());
        Ok(token)
    }

    /// Time since the start.
    pub(crate) fn now(&self) -> Duration {
        self.api.seam().elapsed()
    }
}

/// The token of a login's reply. Neither the status nor the place tells: it is a success if there is a token, at the
/// top or in `data` (yclients contract, 2).
fn user_token(reply: &Reply) -> Result<SecretString, PlatformError> {
    let body = wire::envelope(&reply.body).unwrap_or_default();
    let data = wire::only(&body.data);
    let token = [
        body.beside.get("user_token"),
        data.and_then(|data| data.get("user_token")),
    ];
    if let Some(token) = token.into_iter().find_map(wire::filled) {
        // One that fits into no header would only fail later, and forever.
        return match request::authorization("partner", Some(token.trim())) {
            Some(_) => Ok(SecretString::from(token.trim())),
            None => Err(PlatformError::new(
                ErrorKind::BadReply,
                Retry::Later,
                "auth",
                "the login gave a token that fits into no header",
            )),
        };
    }
    let second_factor = data.is_some_and(|data| {
        ["uuid", "flow", "transport"]
            .iter()
            .any(|key| data.contains_key(*key))
    });
    Err(if second_factor {
        PlatformError::new(
            ErrorKind::SecondFactor,
            Retry::Never,
            "auth",
            "this user logs in with a code from a message, which a service cannot read: configure user_token, best that of the \
             system user which the marketplace makes when the branch connects the application, or a user without the second factor",
        )
    } else {
        PlatformError::new(
            ErrorKind::BadReply,
            Retry::Later,
            "auth",
            "the login was answered without a token",
        )
    })
}
