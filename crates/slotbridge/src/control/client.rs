//! Asking the running daemon.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use slotbridge_core::model::BridgeName;

use super::rows::{Approved, ChoiceRow, Decided, Refused, Status};

/// How long an answer may take. The daemon answers from memory, or after one commit.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why the daemon did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    /// Nobody answers there.
    #[error("no daemon answers at {}", path.display())]
    NotThere {
        /// The socket.
        path: PathBuf,
    },
    /// It said no.
    #[error("the running daemon refused: {0}")]
    Refused(String),
    /// The exchange broke off, or the answer makes no sense.
    #[error("the running daemon did not answer as it should: {0}")]
    Broken(String),
}

/// The daemon of one database.
#[derive(Debug)]
pub(crate) struct Daemon {
    path: PathBuf,
}

impl Daemon {
    /// The daemon that holds this database, if there is one.
    pub(crate) fn of(database: &Path) -> Self {
        Self {
            path: super::path(database),
        }
    }

    /// Lets it approve what is held in a bridge.
    pub(crate) async fn approve(&self, bridge: &BridgeName) -> Result<Approved, ControlError> {
        self.ask(Method::POST, &format!("/approve/{bridge}"), None::<()>)
            .await
    }

    /// Lets it record how a conflict is to end.
    pub(crate) async fn decide(
        &self,
        conflict: i64,
        choice: ChoiceRow,
    ) -> Result<Decided, ControlError> {
        self.ask(
            Method::POST,
            &format!("/conflicts/{conflict}"),
            Some(choice),
        )
        .await
    }

    /// How it stands.
    pub(crate) async fn status(&self) -> Result<Status, ControlError> {
        self.ask(Method::GET, "/status", None::<()>).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        to: &str,
        with: Option<impl Serialize>,
    ) -> Result<T, ControlError> {
        let not_there = || ControlError::NotThere {
            path: self.path.clone(),
        };
        if !self.path.exists() {
            return Err(not_there());
        }
        let broken = |error: reqwest::Error| {
            if error.is_connect() {
                not_there()
            } else {
                ControlError::Broken(error.without_url().to_string())
            }
        };
        let client = reqwest::Client::builder()
            .unix_socket(self.path.as_path())
            .no_proxy()
            .timeout(TIMEOUT)
            .build()
            .map_err(broken)?;
        let mut request = client.request(method, format!("http://slotbridge{to}"));
        if let Some(with) = with {
            let body = serde_json::to_vec(&with)
                .map_err(|error| ControlError::Broken(error.to_string()))?;
            request = request
                .header(http::header::CONTENT_TYPE, "application/json")
                .body(body);
        }
        let reply = request.send().await.map_err(broken)?;
        let fine = reply.status().is_success();
        let body = reply.bytes().await.map_err(broken)?;
        if fine {
            serde_json::from_slice(&body).map_err(|error| ControlError::Broken(error.to_string()))
        } else {
            Err(match serde_json::from_slice::<Refused>(&body) {
                Ok(refused) => ControlError::Refused(refused.error),
                Err(error) => ControlError::Broken(error.to_string()),
            })
        }
    }
}
