//! Carrying one HTTP exchange: reqwest in production, a simulated platform's router called in process in simulations.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

/// Limits of one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the first byte sent to the last byte received.
    pub timeout: Duration,
    /// The most bytes of a decoded reply body.
    pub body_bytes_max: usize,
}

/// How an exchange can end without a whole reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransportFailure {
    /// No connection came about: the request was certainly not seen.
    NotSent,
    /// The request may have been seen; no whole reply came back.
    NoReply,
    /// Nothing came back within the timeout; the request may have been seen.
    TimedOut,
    /// The reply was larger than allowed, or a redirect led away from the platform; the request was seen.
    ReplyRefused,
}

/// An exchange that ended without a whole reply.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct TransportError {
    /// What it means for the request.
    pub failure: TransportFailure,
    /// In words, without URL queries, headers or bodies.
    pub why: String,
}

/// Carries one exchange.
#[async_trait]
pub trait Transport: Send + Sync + fmt::Debug {
    /// Sends the request and returns the whole reply, whatever its status. Follows no redirect to another host.
    ///
    /// Dropping the future leaves the fate of the request unknown.
    async fn exchange(
        &self,
        request: http::Request<Bytes>,
        limits: Limits,
    ) -> Result<http::Response<Bytes>, TransportError>;
}
