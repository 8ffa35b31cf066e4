//! The JSON of the simulated Rubitime: records, envelopes, and the odd spellings of the real one.

use jiff::civil::DateTime;
use serde_json::{Value, json};

use super::state::{Record, State};
use crate::dice::Dice;
use crate::gate::Reply;

pub(super) fn ok(message: &str, data: Value) -> Reply {
    Reply::json(200, ok_body(message, data))
}

pub(super) fn ok_body(message: &str, data: Value) -> Value {
    let mut body = json!({"status": "ok", "message": message});
    if let Some(fields) = body.as_object_mut() {
        fields.insert("data".to_owned(), data);
    }
    body
}

/// Every error is an HTTP success.
pub(super) fn error(message: &str) -> Reply {
    Reply::json(
        200,
        json!({"status": "error", "message": message, "data": []}),
    )
}

pub(super) fn required(field: &str) -> Reply {
    error(&format!("Field \"{field}\" is required"))
}

/// A wall-clock time as the platform writes it.
pub(super) fn stamp(local: DateTime) -> String {
    local.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The title of a status in the account's language.
fn status_title(status: i64) -> &'static str {
    match status {
        0 => "Записан",
        1 => "Обслуживается",
        2 => "Завершён",
        3 => "Ожидает предоплаты",
        4 => "Отменён",
        5 => "Ожидает подтверждения",
        6 => "Добавлен в корзину",
        7 => "Запрос на перенос",
        _ => "",
    }
}

/// A record as `get-record` and webhooks give it.
pub(super) fn record(state: &State, record: &Record) -> Value {
    let cooperator = state.cooperators.get(&record.cooperator);
    let service = state.services.get(&record.service);
    let minutes = record
        .duration
        .or_else(|| service.map(|service| service.minutes));
    let mut value = json!({
        "id": record.id,
        "parent_record": null,
        "whom": record.whom,
        "created_at": stamp(state.local(record.created)),
        "updated_at": record.updated.map(|at| stamp(state.local(at))),
        "record": stamp(record.start),
        "name": record.name,
        "price": record.price,
        "phone": record.phone,
        "email": record.email,
        "comment": record.comment,
        "status": record.status,
        "status_title": status_title(record.status),
        "cooperator_id": record.cooperator,
        "cooperator_title": cooperator.map(|cooperator| cooperator.title.as_str()),
        "branch_id": state.branch,
        "branch_title": "Вымышленный филиал",
        "service_id": record.service,
        "service_title": service.map(|service| service.title.as_str()),
        "url": url(record.id),
        "coupon": record.coupon,
        "coupon_discount": null,
        "source": record.source,
        "cancelReason": record.cancel_reason,
        "duration": minutes.map(|minutes| minutes.to_string()),
        "prepayment": record.prepayment,
        "prepayment_date": record.prepayment_date,
        "prepayment_url": record.prepayment_url,
        "reminder": record.reminder.map(stamp),
    });
    if let Value::Object(fields) = &mut value {
        for number in 1..=state.options.custom_fields {
            let text = record.custom_fields.get(&number);
            fields.insert(format!("custom_field{number}"), json!(text));
        }
    }
    value
}

/// The client's card of a record.
pub(super) fn url(id: u64) -> String {
    format!("https://demo.rubitime.ru/widget/card/{id:064x}")
}

/// Spells some fields of a record as the real platform sometimes does.
pub(super) fn oddly(record: &mut Value, dice: &mut Dice) {
    let Value::Object(fields) = record else {
        return;
    };
    for field in [
        "id",
        "status",
        "cooperator_id",
        "branch_id",
        "service_id",
        "whom",
    ] {
        if let Some(value) = fields.get_mut(field)
            && let Some(number) = value.as_i64()
            && dice.coin()
        {
            *value = json!(number.to_string());
        }
    }
    for field in ["price", "duration", "prepayment"] {
        if let Some(value) = fields.get_mut(field)
            && let Some(number) = value.as_str().and_then(|text| text.parse::<i64>().ok())
            && dice.coin()
        {
            *value = json!(number);
        }
    }
    for field in ["email", "comment", "name", "phone", "source"] {
        if let Some(value) = fields.get_mut(field)
            && value.as_str() == Some("")
            && dice.coin()
        {
            *value = Value::Null;
        }
    }
    let unset: Vec<String> = fields
        .iter()
        .filter(|(key, value)| key.starts_with("custom_field") && value.is_null())
        .map(|(key, _)| key.clone())
        .collect();
    for key in unset {
        match dice.below(3) {
            0 => drop(fields.insert(key, json!(""))),
            1 => drop(fields.remove(&key)),
            _ => {}
        }
    }
    fields.insert(
        format!("new_field_{}", dice.below(3)),
        json!(["of tomorrow"]),
    );
}
