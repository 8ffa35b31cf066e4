//! The running daemon's own door, for commands on the same machine: a Unix socket beside the database.
//!
//! The daemon holds the database, so that a command which writes must ask it. The socket is for its owner (and root)
//! only. Nothing that it answers holds client data; what is sent to it does where a person sets a client's field.

pub(crate) mod approval;
pub(crate) mod client;
pub(crate) mod decision;
pub(crate) mod rows;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::extract::{self, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use slotbridge_core::model::BridgeName;
use slotbridge_engine::daemon::{Handle, Request};
use slotbridge_platform::seam::Seam;
use slotbridge_store::Store;
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use crate::cli::report::chain;
use decision::Undecided;
use rows::{Asked, ChoiceRow, Refused, Status};

/// How long a command under way is waited for at the end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
/// How long nothing is accepted after the system refused to.
const PAUSE: Duration = Duration::from_millis(200);

/// Where the daemon of a database listens.
pub(crate) fn path(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".sock");
    PathBuf::from(path)
}

/// What the door needs.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    /// Where approvals are kept.
    pub(crate) store: Store,
    /// The loop.
    pub(crate) handle: Handle,
    /// Clock and waiting.
    pub(crate) seam: Arc<dyn Seam>,
}

/// A bound socket, which is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
    seam: Arc<dyn Seam>,
}

/// Binds the socket of a database. To be called only while this process holds the database: what is there then and
/// does not answer was left by a process that ended.
///
/// # Errors
/// Something answers there, something else than a socket is there, or the system refuses.
pub(crate) async fn bind(database: &Path, seam: Arc<dyn Seam>) -> anyhow::Result<Socket> {
    let path = path(database);
    remove_stale(&path).await?;
    let context = || {
        format!(
            "cannot listen for commands at {} (a socket's path may be 107 bytes long)",
            path.display()
        )
    };
    let listener = UnixListener::bind(&path).with_context(context)?;
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&path, private).with_context(context)?;
    let owner = std::fs::metadata(&path).with_context(context)?.uid();
    Ok(Socket {
        listener,
        path,
        owner,
        seam,
    })
}

async fn remove_stale(path: &Path) -> anyhow::Result<()> {
    let shown = path.display();
    let there = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        looked => looked.with_context(|| format!("cannot look at {shown}"))?,
    };
    if !there.file_type().is_socket() {
        bail!("{shown} is not a socket: move it away");
    }
    if UnixStream::connect(path).await.is_ok() {
        bail!("another process answers at {shown}");
    }
    std::fs::remove_file(path).with_context(|| format!("cannot remove the stale {shown}"))
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "The socket for commands could not be removed.");
        }
    }
}

impl axum::serve::Listener for Socket {
    type Io = UnixStream;
    type Addr = SocketAddr;

    /// The next connection of the owner or root. The mode of the socket keeps others out but for the moment before it
    /// is set.
    async fn accept(&mut self) -> (UnixStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => match stream.peer_cred() {
                    Ok(peer) if peer.uid() == self.owner || peer.uid() == 0 => {
                        return (stream, address);
                    }
                    Ok(peer) => tracing::warn!(uid = peer.uid(), "A command was turned away."),
                    Err(error) => tracing::warn!(%error, "A command was turned away."),
                },
                Err(error) => {
                    tracing::warn!(%error, "A command was not accepted.");
                    self.seam.sleep(PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Answers commands until `shutdown` is cancelled, then removes the socket.
pub(crate) async fn serve(socket: Socket, parts: Parts, shutdown: CancellationToken) {
    let seam = Arc::clone(&parts.seam);
    let serving = axum::serve(socket, router(parts))
        .with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let deadline = async {
        shutdown.cancelled().await;
        seam.sleep(SHUTDOWN_TIMEOUT).await;
    };
    tokio::select! {
        served = serving => if let Err(error) = served {
            tracing::warn!(%error, "Commands are no longer answered.");
        },
        () = deadline => {}
    }
}

fn router(parts: Parts) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/sweep", post(sweep_all))
        .route("/sweep/{bridge}", post(sweep))
        .route("/approve/{bridge}", post(approve))
        .route("/conflicts/{conflict}", post(decide))
        .with_state(parts)
}

async fn status(State(parts): State<Parts>) -> Json<Status> {
    Json(Status::of(&parts.handle.health()))
}

async fn sweep_all(State(parts): State<Parts>) -> Response {
    ask_for_sweep(&parts, None)
}

async fn sweep(
    State(parts): State<Parts>,
    extract::Path(bridge): extract::Path<String>,
) -> Response {
    match known(&parts, bridge) {
        Some(bridge) => ask_for_sweep(&parts, Some(bridge)),
        None => unknown(),
    }
}

fn ask_for_sweep(parts: &Parts, bridge: Option<BridgeName>) -> Response {
    let asked = Asked {
        bridge: bridge.as_ref().map(BridgeName::to_string),
    };
    let request = Request::Sweep {
        bridge,
        asked: true,
    };
    if parts.handle.ask(request) {
        (StatusCode::ACCEPTED, Json(asked)).into_response()
    } else {
        refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            "the daemon is stopping".to_owned(),
        )
    }
}

async fn approve(
    State(parts): State<Parts>,
    extract::Path(bridge): extract::Path<String>,
) -> Response {
    let Some(bridge) = known(&parts, bridge) else {
        return unknown();
    };
    let approved = match approval::approve(&parts.store, &bridge, parts.seam.now()).await {
        Ok(approved) => approved,
        Err(error) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    };
    if !approved.guards.is_empty() {
        // Where nobody hears it, the daemon is stopping; the next start begins with a sweep.
        let _heard: bool = parts.handle.ask(Request::Sweep {
            bridge: Some(bridge),
            asked: true,
        });
    }
    Json(approved).into_response()
}

async fn decide(
    State(parts): State<Parts>,
    extract::Path(conflict): extract::Path<i64>,
    Json(choice): Json<ChoiceRow>,
) -> Response {
    let Some(choice) = choice.into_choice() else {
        let error = "the choice makes no sense to the running daemon: is it of another version?";
        return refuse(StatusCode::BAD_REQUEST, error.to_owned());
    };
    let now = parts.seam.now();
    let decided = match decision::decide(&parts.store, conflict, choice, now).await {
        Ok(decided) => decided,
        Err(error) => {
            let status = match error {
                Undecided::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::CONFLICT,
            };
            return refuse(status, chain(&error));
        }
    };
    // A bridge that this daemon does not have is no reason to forget the decision.
    if let Some(bridge) = known(&parts, decided.bridge.clone()) {
        let _heard: bool = parts.handle.ask(Request::Sweep {
            bridge: Some(bridge),
            asked: true,
        });
    }
    Json(decided).into_response()
}

/// The bridge of this name, if the daemon has it.
fn known(parts: &Parts, name: String) -> Option<BridgeName> {
    let name = BridgeName::new(name).ok()?;
    let bridges = parts.handle.health().bridges;
    bridges
        .iter()
        .any(|bridge| bridge.name == name)
        .then_some(name)
}

fn unknown() -> Response {
    refuse(
        StatusCode::NOT_FOUND,
        "the running daemon has no bridge of this name: reload its config first".to_owned(),
    )
}

fn refuse(status: StatusCode, error: String) -> Response {
    (status, Json(Refused { error })).into_response()
}
