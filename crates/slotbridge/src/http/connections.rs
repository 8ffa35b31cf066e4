//! Accepting connections: a bounded number, none that dawdles over its head, and an end that does not wait for ever.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use slotbridge_platform::seam::Seam;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::Limits;

/// How long nothing is accepted after the system refused to: it is out of file handles, and time helps.
const PAUSE: Duration = Duration::from_millis(200);

/// Who is at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// Serves connections until `shutdown`, then lets those under way end within the limit.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: &Limits,
    seam: &dyn Seam,
    shutdown: &CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let seats = Arc::new(Semaphore::new(limits.connections_max));
    // Ends what is still there after the last wait, and whatever is there when this future is dropped.
    let end = CancellationToken::new();
    let _end_on_drop = end.clone().drop_guard();
    while let Some((stream, peer, seat)) = accept(&listener, &seats, seam, shutdown).await {
        let router = router.clone();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer));
            router.clone().oneshot(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_timeout)
            .max_headers(64)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        let end = end.clone();
        tokio::spawn(async move {
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::trace!(%error, "A connection broke off.");
                },
                () = end.cancelled() => {}
            }
            drop(seat);
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = seam.sleep(limits.shutdown_timeout) => {
            tracing::warn!("Some connections were cut off: they did not end in time.");
        }
    }
}

/// The next connection with its seat; `None` when it is time to stop.
async fn accept(
    listener: &TcpListener,
    seats: &Arc<Semaphore>,
    seam: &dyn Seam,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, IpAddr, tokio::sync::OwnedSemaphorePermit)> {
    let next = async {
        let permit = Arc::clone(seats)
            .acquire_owned()
            .await
            .expect("the seats are never closed");
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    // Answers are small: waiting for more to send would only delay them.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::trace!(%error, "A connection cannot send at once.");
                    }
                    return (stream, peer.ip(), permit);
                }
                Err(error) => {
                    tracing::warn!(%error, "A connection was not accepted.");
                    seam.sleep(PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = shutdown.cancelled() => None,
        accepted = next => Some(accepted),
    }
}
