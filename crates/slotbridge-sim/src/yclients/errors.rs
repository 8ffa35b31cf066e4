//! The error answers of YCLIENTS, in all their forms.

use std::time::Duration;

use serde_json::{Value, json};

use super::options::UnauthorizedForm;
use crate::gate::Reply;

/// The usual form.
pub(super) fn refuse(status: u16, message: &str) -> Reply {
    Reply::json(
        status,
        json!({"success": false, "data": null, "meta": {"message": message}}),
    )
}

/// The usual form with a list of wrong fields.
pub(super) fn invalid(fields: &[(&str, String)]) -> Reply {
    let errors: serde_json::Map<String, Value> = fields
        .iter()
        .map(|(field, message)| ((*field).to_owned(), json!([message])))
        .collect();
    Reply::json(
        422,
        json!({"success": false, "data": null, "meta": {"message": "Произошла ошибка", "errors": errors}}),
    )
}

/// The form of the company methods, without `success`.
pub(super) fn company_error(status: u16, message: &str) -> Reply {
    Reply::json(
        status,
        json!({"errors": {"code": status, "message": message}, "meta": {"message": message}}),
    )
}

pub(super) fn unauthorized(form: UnauthorizedForm) -> Reply {
    let message = "Необходима авторизация";
    match form {
        UnauthorizedForm::Standard => refuse(401, message),
        UnauthorizedForm::WithoutData => {
            Reply::json(401, json!({"success": false, "meta": {"message": message}}))
        }
        UnauthorizedForm::Errors => company_error(401, message),
    }
}

pub(super) fn too_many(wait: Option<Duration>, header: bool) -> Reply {
    let seconds = wait.map_or(0, |wait| wait.as_secs());
    let message =
        format!("Превышен лимит запросов, попробуйте повторить запрос через {seconds} секунд.");
    Reply {
        retry_after: wait.filter(|_| header),
        ..refuse(429, &message)
    }
}

pub(super) fn busy(status: u16, staff: &str, at: &str) -> Reply {
    refuse(
        status,
        &format!(
            "К сотруднику {staff} нельзя записаться на {at}. Выбранное время уже занято или является нерабочим."
        ),
    )
}
