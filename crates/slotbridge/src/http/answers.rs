//! The answers without content, so that whoever asks learns nothing from their shape.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// Nothing here; or nothing that is said to you.
pub(super) fn not_found() -> Response {
    StatusCode::NOT_FOUND.into_response()
}

/// It is so.
pub(super) fn ok() -> Response {
    StatusCode::OK.into_response()
}

/// A bare status.
pub(super) fn bare(status: StatusCode) -> Response {
    status.into_response()
}

/// Not now; again after so many seconds.
pub(super) fn later(status: StatusCode, seconds: u32) -> Response {
    let after = (header::RETRY_AFTER, HeaderValue::from(seconds));
    (status, [after]).into_response()
}
