//! Serves a simulated platform on a loopback socket, and can close a connection without an answer.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::gate::ConnectionLost;

/// A platform being served; it stops when this is dropped.
#[derive(Debug)]
pub struct Served {
    /// The base URL, without a slash at the end.
    pub url: String,
    /// The address that it listens on.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Served {
    /// Stops listening; its port is free again when this returns.
    pub async fn stop(mut self) {
        self.task.abort();
        // An aborted task ends with an error, and that is what is wanted.
        drop((&mut self.task).await);
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves on a free port of 127.0.0.1.
pub async fn serve(router: Router) -> io::Result<Served> {
    serve_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), router).await
}

/// Serves on a given address, for instance one that was served before.
pub async fn serve_on(address: SocketAddr, router: Router) -> io::Result<Served> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let service = router
        .layer(middleware::from_fn(cut))
        .into_make_service_with_connect_info::<Scissors>();
    let task = tokio::spawn(async move {
        // It only ends by being aborted.
        drop(axum::serve(Cuttable(listener), service).await);
    });
    Ok(Served {
        url: format!("http://{address}"),
        address,
        task,
    })
}

/// Cuts the connection when the platform's answer is that there is none.
async fn cut(
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    if response.extensions().get::<ConnectionLost>().is_some() {
        scissors.0.store(true, Ordering::Release);
    }
    response
}

/// Cuts one connection: from then on nothing is read from it or written to it.
#[derive(Debug, Clone)]
struct Scissors(Arc<AtomicBool>);

impl Connected<IncomingStream<'_, Cuttable>> for Scissors {
    fn connect_info(stream: IncomingStream<'_, Cuttable>) -> Self {
        stream.io().scissors.clone()
    }
}

#[derive(Debug)]
struct Cuttable(TcpListener);

impl Listener for Cuttable {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, peer) = Listener::accept(&mut self.0).await;
        let scissors = Scissors(Arc::new(AtomicBool::new(false)));
        (Connection { stream, scissors }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    scissors: Scissors,
}

impl Connection {
    fn whole(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        if self.scissors.0.load(Ordering::Acquire) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(Pin::new(&mut self.stream))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.whole() {
            Ok(stream) => stream.poll_read(cx, buf),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.whole() {
            Ok(stream) => stream.poll_write(cx, buf),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.whole() {
            Ok(stream) => stream.poll_write_vectored(cx, bufs),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.whole() {
            Ok(stream) => stream.poll_flush(cx),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
