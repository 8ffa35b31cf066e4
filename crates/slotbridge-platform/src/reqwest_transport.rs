//! Exchanges over real connections, with reqwest.
//!
//! - Redirects are not followed: a token must not be carried to another host, and none of the platforms redirects its
//!   API. A redirect is refused with the host that it points at.
//! - A proxy that the environment names (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`) is used, except for loopback.
//! - Trusted roots come from the operating system, when the first call that leaves the machine is made.
//! - Connections idle for 15 seconds are closed, well before the platforms close them: a request on a connection that
//!   the other side is closing has an unknown fate.
//! - Nothing is repeated here.
#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use crate::transport::{Limits, Transport, TransportError, TransportFailure};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);
const USER_AGENT: &str = concat!("slotbridge/", env!("CARGO_PKG_VERSION"));

/// Carries exchanges over HTTP and HTTPS. One is enough for all platforms.
pub struct ReqwestTransport {
    /// For this machine: no proxy, and no roots, so that it works where none are installed.
    near: reqwest::Client,
    /// For everywhere else. Made when first needed; reading the roots takes a while.
    far: OnceLock<Result<reqwest::Client, String>>,
}

/// The HTTP client could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be set up: {why}")]
pub struct SetUpError {
    /// What was wrong.
    pub why: String,
}

impl ReqwestTransport {
    /// Sets up the client.
    ///
    /// # Errors
    /// [`SetUpError`] when the TLS library or the resolver cannot be used at all.
    pub fn new() -> Result<Self, SetUpError> {
        let near = builder()
            .no_proxy()
            .tls_certs_only([])
            .build()
            .map_err(|error| SetUpError {
                why: innermost(&error),
            })?;
        Ok(Self {
            near,
            far: OnceLock::new(),
        })
    }

    fn client(&self, uri: &http::Uri) -> Result<&reqwest::Client, TransportError> {
        if is_loopback(uri) {
            return Ok(&self.near);
        }
        let far = self
            .far
            .get_or_init(|| builder().build().map_err(|error| innermost(&error)));
        far.as_ref().map_err(|why| TransportError {
            failure: TransportFailure::NotSent,
            why: format!("no encrypted connection can be made from this machine ({why}); install the ca-certificates package"),
        })
    }
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
}

fn is_loopback(uri: &http::Uri) -> bool {
    let host = uri
        .host()
        .unwrap_or_default()
        .trim_start_matches('[')
        .trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse()
            .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestTransport").finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn exchange(
        &self,
        request: http::Request<Bytes>,
        limits: Limits,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let client = self.client(request.uri())?;
        let (head, body) = request.into_parts();
        let sent = client
            .request(head.method, head.uri.to_string())
            .headers(head.headers)
            .timeout(limits.timeout)
            .body(body)
            .send()
            .await;
        let mut response = sent.map_err(|error| failed(&error))?;
        if let Some(to) = redirect(&response) {
            return Err(refused(format!(
                "the platform redirects to {to}, which is not followed; check base_url"
            )));
        }
        // The length that a reply announces is not trusted, and says nothing of what it unpacks to.
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
            if body.len().saturating_add(chunk.len()) > limits.body_bytes_max {
                return Err(refused(format!(
                    "the reply is larger than {}",
                    size(limits.body_bytes_max)
                )));
            }
            body.extend_from_slice(&chunk);
        }
        let mut whole = http::Response::new(body.freeze());
        *whole.status_mut() = response.status();
        std::mem::swap(whole.headers_mut(), response.headers_mut());
        Ok(whole)
    }
}

/// A size in words. A long number would be taken for somebody's phone, and scrubbed.
fn size(bytes: usize) -> String {
    const MIB: usize = 1024 * 1024;
    if bytes >= MIB && bytes.is_multiple_of(MIB) {
        format!("{} MiB", bytes / MIB)
    } else {
        format!("{bytes} bytes")
    }
}

fn refused(why: String) -> TransportError {
    TransportError {
        failure: TransportFailure::ReplyRefused,
        why,
    }
}

/// The host that a redirect points at.
fn redirect(response: &reqwest::Response) -> Option<String> {
    if !response.status().is_redirection() || response.status() == http::StatusCode::NOT_MODIFIED {
        return None;
    }
    let location = response.headers().get(http::header::LOCATION);
    let location: Option<http::Uri> =
        location.and_then(|value| http::Uri::try_from(value.as_bytes()).ok());
    let host = location
        .as_ref()
        .map(|uri| uri.host().unwrap_or("another path of the same host"));
    Some(host.unwrap_or("nowhere").to_owned())
}

fn failed(error: &reqwest::Error) -> TransportError {
    // Only a connection that never came about proves that nothing was seen. One that was closed before the reply
    // proves nothing, even if it had been idle in the pool.
    let failure = if error.is_connect() || error.is_builder() {
        TransportFailure::NotSent
    } else if error.is_timeout() {
        TransportFailure::TimedOut
    } else {
        TransportFailure::NoReply
    };
    TransportError {
        failure,
        why: innermost(error),
    }
}

/// The innermost cause: the outer ones repeat it, and reqwest's own names the whole URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let is_reqwest = cause.downcast_ref::<reqwest::Error>().is_some();
    if is_reqwest {
        "the request could not be made".to_owned()
    } else {
        cause.to_string()
    }
}
