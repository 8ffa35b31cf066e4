//! A transport that tells how each call of one account came out.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use slotbridge_core::model::PlatformName;
use slotbridge_platform::transport::{Limits, Transport, TransportError};

/// How a call came out, by the class of its HTTP status. Some platforms put an error of theirs into a 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallOutcome {
    /// 1xx and 2xx.
    Success,
    /// 3xx.
    Redirected,
    /// 4xx but 429.
    Refused,
    /// 429.
    TooMany,
    /// 5xx.
    ServerError,
    /// No whole reply came back, or nobody waited for it any longer.
    Lost,
}

impl CallOutcome {
    /// Every outcome.
    pub(crate) const ALL: [Self; 6] = [
        Self::Success,
        Self::Redirected,
        Self::Refused,
        Self::TooMany,
        Self::ServerError,
        Self::Lost,
    ];

    /// The word in the metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Success => "2xx",
            Self::Redirected => "3xx",
            Self::Refused => "4xx",
            Self::TooMany => "429",
            Self::ServerError => "5xx",
            Self::Lost => "lost",
        }
    }

    fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            429 => Self::TooMany,
            ..300 => Self::Success,
            300..400 => Self::Redirected,
            400..500 => Self::Refused,
            500.. => Self::ServerError,
        }
    }
}

/// Hears how calls came out. Calls of it are cheap and never block.
pub(crate) trait CallListener: Send + Sync + fmt::Debug {
    /// A call to this platform is over.
    fn called(&self, platform: &PlatformName, outcome: CallOutcome);
}

/// The transport of one account.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) inner: Arc<dyn Transport>,
    pub(super) platform: PlatformName,
    pub(super) listener: Option<Arc<dyn CallListener>>,
}

/// A call under way; it is lost unless somebody says otherwise before this is dropped.
struct UnderWay<'a> {
    counted: &'a Counted,
    outcome: CallOutcome,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(listener) = &self.counted.listener {
            listener.called(&self.counted.platform, self.outcome);
        }
    }
}

#[async_trait]
impl Transport for Counted {
    async fn exchange(
        &self,
        request: http::Request<Bytes>,
        limits: Limits,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let mut under_way = UnderWay {
            counted: self,
            outcome: CallOutcome::Lost,
        };
        let reply = self.inner.exchange(request, limits).await;
        if let Ok(reply) = &reply {
            under_way.outcome = CallOutcome::of(reply.status());
        }
        reply
    }
}
