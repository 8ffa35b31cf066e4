//! Requests as values: every call of the API that is used, and nothing sent.
//!
//! Everything is a POST with a JSON body; ids of records to change and scopes stand in the query (alfacrm contract, 1).

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Request};
use jiff::civil::Date;
use serde_json::{Value, json};
use slotbridge_platform::client::Repeat;

/// The header that carries the token.
pub(crate) const TOKEN: &str = "x-alfacrm-token";
/// The header that carries the application's key, where an account asks for one.
pub(crate) const APP_KEY: &str = "x-app-key";

/// What a good reply to a call holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A token.
    Login,
    /// A page of rows.
    Rows,
    /// The outcome of a write.
    Outcome,
}

/// One call, without host and credentials.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ask {
    pub(crate) operation: &'static str,
    pub(crate) path: String,
    pub(crate) body: Value,
    pub(crate) repeat: Repeat,
    pub(crate) shape: Shape,
}

impl Ask {
    /// The request itself.
    pub(crate) fn to_http(
        &self,
        base_url: &str,
        token: Option<&HeaderValue>,
        app_key: Option<&HeaderValue>,
    ) -> Result<Request<Bytes>, http::Error> {
        let mut request = Request::post(format!("{base_url}/v2api/{}", self.path))
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json");
        if let Some(token) = token {
            request = request.header(TOKEN, token);
        }
        if let Some(key) = app_key {
            request = request.header(APP_KEY, key);
        }
        request.body(Bytes::from(self.body.to_string()))
    }
}

/// Part of a list to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) page: u32,
    pub(crate) page_size: u32,
}

impl Part {
    /// A page that holds everything that one id can bring.
    pub(crate) const ONE: Self = Self {
        page: 0,
        page_size: 20,
    };
}

/// Which lessons to list. Without a status the platform takes 3, also for a single id (alfacrm contract, 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LessonFilter {
    pub(crate) status: u8,
    /// First and last day, both included, by the branch's clocks.
    pub(crate) days: Option<(Date, Date)>,
    pub(crate) teacher: Option<u64>,
    pub(crate) id: Option<u64>,
}

/// By what customers are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CustomerFilter {
    Everyone,
    Id(u64),
    /// Any kind of contact: the platform looks for phones and e-mails under the same name (alfacrm contract, 8.1).
    Contact(String),
    Name(String),
}

/// A date as the platform wants it in filters and writes.
pub(crate) fn day(date: Date) -> String {
    date.strftime("%d.%m.%Y").to_string()
}

fn rows(operation: &'static str, path: String, part: Part, mut body: Value) -> Ask {
    if let Value::Object(fields) = &mut body {
        fields.insert("page".to_owned(), json!(part.page));
        fields.insert("pageSize".to_owned(), json!(part.page_size));
    }
    Ask {
        operation,
        path,
        body,
        repeat: Repeat::Safe,
        shape: Shape::Rows,
    }
}

fn write(operation: &'static str, path: String, body: Value) -> Ask {
    Ask {
        operation,
        path,
        body,
        repeat: Repeat::Once,
        shape: Shape::Outcome,
    }
}

pub(crate) fn login(email: &str, api_key: &str) -> Ask {
    Ask {
        operation: "auth.login",
        path: "auth/login".to_owned(),
        body: json!({"email": email, "api_key": api_key}),
        repeat: Repeat::Safe,
        shape: Shape::Login,
    }
}

pub(crate) fn list_lessons(branch: u64, filter: LessonFilter, part: Part) -> Ask {
    let mut body = json!({"status": filter.status});
    if let Value::Object(fields) = &mut body {
        if let Some((from, to)) = filter.days {
            fields.insert("date_from".to_owned(), json!(day(from)));
            fields.insert("date_to".to_owned(), json!(day(to)));
        }
        if let Some(teacher) = filter.teacher {
            fields.insert("teacher_id".to_owned(), json!(teacher));
        }
        if let Some(id) = filter.id {
            fields.insert("id".to_owned(), json!(id));
        }
    }
    let operation = match filter.id {
        Some(_) => "lessons.read",
        None => "lessons.list",
    };
    rows(operation, format!("{branch}/lesson/index"), part, body)
}

pub(crate) fn create_lesson(branch: u64, body: Value) -> Ask {
    write("lessons.create", format!("{branch}/lesson/create"), body)
}

pub(crate) fn update_lesson(branch: u64, id: u64, body: Value) -> Ask {
    write(
        "lessons.update",
        format!("{branch}/lesson/update?id={id}"),
        body,
    )
}

pub(crate) fn cancel_lesson(branch: u64, id: u64) -> Ask {
    write(
        "lessons.cancel",
        format!("{branch}/lesson/update?id={id}"),
        json!({"status": 2}),
    )
}

pub(crate) fn list_rules(branch: u64, id: Option<u64>, part: Part) -> Ask {
    let body = id.map_or_else(|| json!({}), |id| json!({"id": id}));
    rows(
        "regular-lessons.list",
        format!("{branch}/regular-lesson/index"),
        part,
        body,
    )
}

/// Active and archived customers; clients, or leads. Without `is_study` there would be clients only, without `removed`
/// no archived ones (alfacrm contract, 8.1).
pub(crate) fn list_customers(
    branch: u64,
    filter: &CustomerFilter,
    clients: bool,
    part: Part,
) -> Ask {
    let mut body = json!({"is_study": u8::from(clients), "removed": 1});
    if let Value::Object(fields) = &mut body {
        match filter {
            CustomerFilter::Everyone => {}
            CustomerFilter::Id(id) => drop(fields.insert("id".to_owned(), json!(id))),
            CustomerFilter::Contact(text) => drop(fields.insert("phone".to_owned(), json!(text))),
            CustomerFilter::Name(text) => drop(fields.insert("name".to_owned(), json!(text))),
        }
    }
    rows(
        "customers.list",
        format!("{branch}/customer/index"),
        part,
        body,
    )
}

pub(crate) fn create_customer(branch: u64, body: Value) -> Ask {
    write(
        "customers.create",
        format!("{branch}/customer/create"),
        body,
    )
}

pub(crate) fn update_customer(branch: u64, id: u64, body: Value) -> Ask {
    write(
        "customers.update",
        format!("{branch}/customer/update?id={id}"),
        body,
    )
}

/// Active teachers, or only those who left.
pub(crate) fn list_teachers(branch: u64, left: bool, part: Part) -> Ask {
    let body = if left {
        json!({"removed": 2})
    } else {
        json!({})
    };
    rows(
        "teachers.list",
        format!("{branch}/teacher/index"),
        part,
        body,
    )
}

pub(crate) fn list_subjects(branch: u64, part: Part) -> Ask {
    rows(
        "subjects.list",
        format!("{branch}/subject/index"),
        part,
        json!({}),
    )
}

pub(crate) fn list_lesson_types(branch: u64, part: Part) -> Ask {
    rows(
        "lesson-types.list",
        format!("{branch}/lesson-type/index"),
        part,
        json!({}),
    )
}

pub(crate) fn list_rooms(branch: u64, part: Part) -> Ask {
    rows(
        "rooms.list",
        format!("{branch}/room/index"),
        part,
        json!({}),
    )
}

pub(crate) fn list_branches(part: Part) -> Ask {
    rows("branches.list", "branch/index".to_owned(), part, json!({}))
}
