//! The JSON of the simulated YCLIENTS: records and catalogues, and the odd spellings of the real one.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::state::{Client, Line, Record, Service, Staff, State, full_name};
use crate::dice::Dice;

/// A record as the reading methods give it.
pub(super) fn record(state: &State, record: &Record, phones: bool) -> Value {
    let zone = &state.zone;
    let start = state.instant(record.start).to_zoned(zone.clone());
    let mut value = json!({
        "id": record.id,
        "company_id": state.company,
        "staff_id": record.staff,
        "services": record.services.iter().map(|entry| line(state, entry)).collect::<Vec<_>>(),
        "goods_transactions": [],
        "staff": state.staff.get(&record.staff).map(brief_staff),
        "client": record.client.and_then(|id| Some(client(id, state.clients.get(&id)?, phones))),
        "comer": null,
        "clients_count": record.seats,
        "date": record.start.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        "datetime": start.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        "create_date": stamp(record.created, zone),
        "last_change_date": stamp(record.changed, zone),
        "comment": record.comment,
        "online": false,
        "visit_attendance": record.attendance,
        "attendance": record.attendance,
        "confirmed": 1,
        "seance_length": record.seconds,
        "length": record.seconds,
        "technical_break_duration": record.technical_break,
        "sms_before": 0,
        "sms_now": 0,
        "sms_now_text": "",
        "email_now": 0,
        "notified": 0,
        "master_request": 0,
        "api_id": record.api_id,
        "from_url": "",
        "review_requested": 0,
        "visit_id": record.visit.to_string(),
        "created_user_id": record.created_by,
        "deleted": record.deleted,
        "paid_full": 0,
        "payment_status": 0,
        "prepaid": false,
        "prepaid_confirmed": false,
    });
    let rest = json!({
        "custom_color": record.color,
        "custom_font_color": if record.color.is_empty() { "" } else { "#ffffff" },
        "record_labels": record.labels.iter().map(|id| label(state, id)).collect::<Vec<_>>(),
        "activity_id": record.activity,
        "custom_fields": map_or_list(&record.custom_fields),
        "documents": [],
        "sms_remain_hours": record.sms_remain_hours,
        "email_remain_hours": record.email_remain_hours,
        "bookform_id": 0,
        "record_from": "",
        "is_mobile": 0,
        "is_sale_bill_printed": false,
        "consumables": [],
        "finance_transactions": [],
        "client_agreements": record.agreements,
    });
    if let (Value::Object(fields), Value::Object(rest)) = (&mut value, rest) {
        fields.extend(rest);
    }
    value
}

/// The few fields that the short form of a create's answer has.
pub(super) fn reduced(full: &Value, name: &str) -> Value {
    let mut few = Map::new();
    for field in [
        "id",
        "services",
        "client",
        "clients_count",
        "seance_length",
        "comment",
        "visit_attendance",
        "confirmed",
        "api_id",
        "activity_id",
        "documents",
    ] {
        few.insert(
            field.to_owned(),
            full.get(field).cloned().unwrap_or_default(),
        );
    }
    few.insert(
        "datetime".to_owned(),
        full.get("date").cloned().unwrap_or_default(),
    );
    few.insert(
        "create_date".to_owned(),
        full.get("date").cloned().unwrap_or_default(),
    );
    let staff = json!({"id": full.get("staff_id"), "name": name, "spec": ""});
    few.insert("staff".to_owned(), staff);
    Value::Object(few)
}

/// An instant with the offset that has no colon.
fn stamp(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone())
        .strftime("%Y-%m-%dT%H:%M:%S%z")
        .to_string()
}

fn line(state: &State, line: &Line) -> Value {
    json!({
        "id": line.id,
        "title": state.services.get(&line.id).map_or("", |service| service.title.as_str()),
        "cost": line.cost,
        "cost_to_pay": line.cost,
        "manual_cost": line.cost,
        "cost_per_unit": line.first_cost,
        "discount": line.discount,
        "first_cost": line.first_cost,
        "amount": line.amount,
    })
}

fn label(state: &State, id: &str) -> Value {
    let title = state.labels.get(id).map_or("", String::as_str);
    json!({"id": id, "title": title, "color": "#26c6da", "icon": "star", "font_color": "#ffffff"})
}

/// PHP has one spelling for an empty map and an empty list.
fn map_or_list(map: &Map<String, Value>) -> Value {
    if map.is_empty() {
        json!([])
    } else {
        Value::Object(map.clone())
    }
}

/// A client's phone as records show it.
pub(super) fn phone(client: &Client) -> String {
    if client.phone.is_empty() {
        String::new()
    } else {
        format!("+{}", client.phone)
    }
}

fn client(id: u64, client: &Client, phones: bool) -> Value {
    let shown = |text: String| if phones { text } else { String::new() };
    json!({
        "id": id,
        "name": client.name,
        "surname": client.surname,
        "patronymic": client.patronymic,
        "display_name": full_name(client),
        "comment": "",
        "phone": shown(phone(client)),
        "card": "",
        "email": shown(client.email.clone()),
        "success_visits_count": 0,
        "fail_visits_count": 0,
        "discount": 0,
        "is_new": false,
        "custom_fields": [],
        "sex": 0,
        "birthday": "",
        "client_tags": [],
    })
}

fn brief_staff(staff: &Staff) -> Value {
    json!({
        "id": staff.id,
        "api_id": null,
        "name": staff.name,
        "specialization": "мастер",
        "position": [],
        "avatar": "",
        "avatar_big": "",
        "rating": 0,
        "votes_count": 0,
    })
}

/// A member of staff as the catalogue gives it.
pub(super) fn staff(state: &State, staff: &Staff) -> Value {
    json!({
        "id": staff.id,
        "api_id": null,
        "name": staff.name,
        "company_id": state.company,
        "specialization": "мастер",
        "position": {"id": 1, "title": "Мастер"},
        "show_rating": 0,
        "rating": 0,
        "votes_count": 0,
        "user_id": 0,
        "avatar": "",
        "avatar_big": "",
        "comments_count": 0,
        "weight": 1,
        "information": "",
        "hidden": 0,
        "fired": i32::from(staff.fired),
        "status": 0,
        "schedule_till": "",
    })
}

/// A service as the catalogue gives it.
pub(super) fn service(state: &State, service: &Service) -> Value {
    let staff: Vec<Value> = state
        .staff
        .values()
        .filter(|staff| !staff.fired)
        .map(|staff| json!({"id": staff.id, "seance_length": service.seconds}))
        .collect();
    json!({
        "id": service.id,
        "salon_service_id": service.id,
        "title": service.title,
        "category_id": 1,
        "price_min": service.price,
        "price_max": service.price,
        "discount": 0,
        "comment": "",
        "weight": 1,
        "active": 1,
        "api_id": "",
        "duration": service.seconds,
        "is_multi": false,
        "staff": staff,
    })
}

/// The branch.
pub(super) fn company(state: &State) -> Value {
    let now = state.clock.now().to_zoned(state.zone.clone());
    json!({
        "id": state.company,
        "title": state.title,
        "public_title": state.title,
        "country": "Россия",
        "city": "Вымышленск",
        "address": "ул. Примерная, 1",
        "phone": "+79000000000",
        "phones": ["+79000000000"],
        "currency_short_title": "₽",
        "timezone": now.offset().seconds() / 3600,
        "timezone_name": state.zone.iana_name().unwrap_or("UTC"),
        "schedule": "пн-вс: 9:00-20:00",
        "allow_delete_record": true,
        "allow_change_record": true,
    })
}

/// Spells some fields of a record as the real platform sometimes does.
pub(super) fn oddly(record: &mut Value, dice: &mut Dice) {
    let Value::Object(fields) = record else {
        return;
    };
    for flag in [
        "online",
        "deleted",
        "prepaid",
        "prepaid_confirmed",
        "is_sale_bill_printed",
    ] {
        if let Some(value) = fields.get_mut(flag)
            && let Some(set) = value.as_bool()
            && dice.coin()
        {
            *value = json!(i32::from(set));
        }
    }
    if fields.get("client").is_some_and(Value::is_null) && dice.coin() {
        fields.insert("client".to_owned(), json!([]));
    }
    if let Some(Value::Object(client)) = fields.get_mut("client") {
        for field in ["email", "surname", "patronymic"] {
            let empty = client.get(field).and_then(Value::as_str) == Some("");
            if empty && dice.coin() {
                client.insert(field.to_owned(), Value::Null);
            }
        }
    }
    if let Some(visit) = fields.get("visit_id").and_then(Value::as_str)
        && let Ok(number) = visit.parse::<u64>()
        && dice.coin()
    {
        fields.insert("visit_id".to_owned(), json!(number));
    }
    if let Some(api_id) = fields.get("api_id").and_then(Value::as_str) {
        let number = api_id.parse::<u64>().ok().filter(|number| *number > 0);
        if api_id.is_empty() {
            match dice.below(4) {
                0 => drop(fields.insert("api_id".to_owned(), json!("0"))),
                1 => drop(fields.insert("api_id".to_owned(), Value::Null)),
                2 => drop(fields.remove("api_id")),
                _ => {}
            }
        } else if let Some(number) = number
            && dice.coin()
        {
            fields.insert("api_id".to_owned(), json!(number));
        }
    }
    if let Some(Value::Array(lines)) = fields.get_mut("services") {
        for line in lines {
            for price in ["cost", "first_cost", "cost_to_pay"] {
                if dice.coin()
                    && let Some(value) = line.get_mut(price)
                    && let Some(roubles) = value.as_i64()
                {
                    *value = json!(format!("{roubles}.00"));
                }
            }
        }
    }
    for date in ["last_change_date", "create_date"] {
        let colon = fields
            .get(date)
            .and_then(Value::as_str)
            .and_then(|text| text.split_at_checked(text.len().saturating_sub(2)))
            .map(|(head, minutes)| format!("{head}:{minutes}"));
        if let Some(colon) = colon
            && dice.coin()
        {
            fields.insert(date.to_owned(), json!(colon));
        }
    }
    let no_fields = fields.get("custom_fields").and_then(Value::as_array);
    if no_fields.is_some_and(Vec::is_empty) && dice.coin() {
        fields.insert("custom_fields".to_owned(), json!({}));
    }
    if fields.get("comment").and_then(Value::as_str) == Some("") && dice.coin() {
        fields.insert("comment".to_owned(), Value::Null);
    }
    for optional in ["technical_break_duration", "client_agreements"] {
        if fields.get(optional).is_some_and(Value::is_null) && dice.coin() {
            fields.remove(optional);
        }
    }
    fields.insert(
        format!("new_field_{}", dice.below(3)),
        json!({"of": ["tomorrow"]}),
    );
    fields.insert("is_update_blocked".to_owned(), json!(false));
}
