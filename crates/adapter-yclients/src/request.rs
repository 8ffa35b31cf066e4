//! What is asked of the platform, as plain `http` requests: no sending, no clock, no secret but the one header.

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use jiff::civil::{Date, DateTime};
use serde_json::{Value, json};
use slotbridge_platform::client::Repeat;

/// The version of the reply format, as YCLIENTS wants it named (yclients contract, 1).
const ACCEPT_YCLIENTS: &str = "application/vnd.yclients.v2+json";
/// The same for Altegio, its twin under another host (yclients contract, 13).
const ACCEPT_ALTEGIO: &str = "application/vnd.api.v2+json";

/// One request, before it is known with which token it goes. Its body may hold a client or a password, so it does not
/// print.
pub(crate) struct Ask {
    /// The adapter's name of the call.
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    /// Under `/api/v1`, with its query.
    pub(crate) path: String,
    pub(crate) body: Option<Bytes>,
    pub(crate) repeat: Repeat,
}

impl Ask {
    fn read(operation: &'static str, path: String) -> Self {
        Self {
            operation,
            method: Method::GET,
            path,
            body: None,
            repeat: Repeat::Safe,
        }
    }

    fn write(operation: &'static str, method: Method, path: String, body: Option<&Value>) -> Self {
        let body = body.map(|body| Bytes::from(body.to_string()));
        Self {
            operation,
            method,
            path,
            body,
            repeat: Repeat::Once,
        }
    }

    /// The request itself.
    pub(crate) fn to_http(
        &self,
        base_url: &str,
        authorization: HeaderValue,
    ) -> Result<http::Request<Bytes>, http::Error> {
        http::Request::builder()
            .method(self.method.clone())
            .uri(format!("{}/api/v1{}", root(base_url), self.path))
            .header(header::ACCEPT, accept(base_url))
            // Asked for on every method, with or without a body (yclients contract, 1).
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, authorization)
            .body(self.body.clone().unwrap_or_default())
    }
}

/// The base URL without the API's own path, which people copy along with it.
fn root(base_url: &str) -> &str {
    let trimmed = base_url.trim_end_matches('/');
    trimmed.strip_suffix("/api/v1").unwrap_or(trimmed)
}

fn accept(base_url: &str) -> &'static str {
    let host = base_url.split("://").nth(1).unwrap_or(base_url);
    let host = host.split(['/', ':']).next().unwrap_or(host);
    if host == "alteg.io" || host.ends_with(".alteg.io") {
        ACCEPT_ALTEGIO
    } else {
        ACCEPT_YCLIENTS
    }
}

/// The `Authorization` header; `None` where a token holds what no header can.
pub(crate) fn authorization(partner: &str, user: Option<&str>) -> Option<HeaderValue> {
    let text = match user {
        Some(user) => format!("Bearer {partner}, User {user}"),
        None => format!("Bearer {partner}"),
    };
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Logs in. A read in all but name: nothing changes by it, however often it is made.
pub(crate) fn auth(login: &str, password: &str) -> Ask {
    let body = json!({"login": login, "password": password});
    Ask {
        repeat: Repeat::Safe,
        ..Ask::write("auth", Method::POST, "/auth".to_owned(), Some(&body))
    }
}

/// Which records a page is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    /// Those that start on these days of the branch, both included.
    Days(Date, Date),
    /// Those made or changed at this wall-clock time or later.
    ChangedAfter(DateTime),
}

/// One page of records. Deleted ones are always asked for: a cancellation shows in no other way (yclients contract,
/// 4.1).
pub(crate) fn list_records(company: u64, filter: Filter, page: u32, count: u32) -> Ask {
    let mut query = form_urlencoded::Serializer::new(String::new());
    match filter {
        Filter::Days(from, to) => {
            query.append_pair("start_date", &from.to_string());
            query.append_pair("end_date", &to.to_string());
        }
        Filter::ChangedAfter(moment) => {
            query.append_pair(
                "changed_after",
                &moment.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            );
        }
    }
    query.append_pair("with_deleted", "1");
    query.append_pair("page", &page.to_string());
    query.append_pair("count", &count.to_string());
    Ask::read(
        "records.list",
        format!("/records/{company}?{}", query.finish()),
    )
}

pub(crate) fn get_record(company: u64, record: u64) -> Ask {
    Ask::read("records.read", format!("/record/{company}/{record}"))
}

pub(crate) fn create_record(company: u64, body: &Value) -> Ask {
    Ask::write(
        "records.create",
        Method::POST,
        format!("/records/{company}"),
        Some(body),
    )
}

pub(crate) fn update_record(company: u64, record: u64, body: &Value) -> Ask {
    Ask::write(
        "records.update",
        Method::PUT,
        format!("/record/{company}/{record}"),
        Some(body),
    )
}

pub(crate) fn delete_record(company: u64, record: u64) -> Ask {
    Ask::write(
        "records.remove",
        Method::DELETE,
        format!("/record/{company}/{record}"),
        None,
    )
}

pub(crate) fn get_company(company: u64) -> Ask {
    Ask::read("company.read", format!("/company/{company}/"))
}

pub(crate) fn list_staff(company: u64) -> Ask {
    Ask::read("staff.list", format!("/company/{company}/staff/"))
}

pub(crate) fn list_services(company: u64) -> Ask {
    Ask::read("services.list", format!("/company/{company}/services/"))
}

pub(crate) fn get_permissions(company: u64) -> Ask {
    Ask::read("permissions.read", format!("/user/permissions/{company}"))
}
