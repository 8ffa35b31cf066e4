//! The methods of the simulated YCLIENTS.

use http::{Method, header};
use jiff::civil::{Date, DateTime, Time};
use serde_json::{Value, json};

use super::errors;
use super::forms::{self, Form};
use super::options::{AuthReply, CreateReply, DeletedGet};
use super::state::{By, Message, Record, Reminder, State};
use super::wire;
use crate::gate::{Incoming, Reply};

const ACCEPTED: [&str; 2] = [
    "application/vnd.yclients.v2+json",
    "application/vnd.api.v2+json",
];

/// Names the method that a request is for.
pub(super) fn method_of(incoming: &Incoming) -> &'static str {
    let segments: Vec<&str> = incoming.segments.iter().map(String::as_str).collect();
    let verb = &incoming.verb;
    let get = *verb == Method::GET;
    let ["api", "v1", rest @ ..] = segments.as_slice() else {
        return "unknown";
    };
    match rest {
        ["auth"] if *verb == Method::POST => "auth",
        ["companies"] if get => "companies.list",
        ["company", _] if get => "company.get",
        ["company", _, "staff"] | ["company", _, "staff", _] | ["staff", _] | ["staff", _, _]
            if get =>
        {
            "staff.list"
        }
        ["company", _, "services"]
        | ["company", _, "services", _]
        | ["services", _]
        | ["services", _, _]
            if get =>
        {
            "services.list"
        }
        ["user", "permissions", _] if get => "permissions.get",
        ["records", _] if get => "records.list",
        ["records", _] if *verb == Method::POST => "records.create",
        ["record", _, _] if get => "record.get",
        ["record", _, _] if *verb == Method::PUT => "record.update",
        ["record", _, _] if *verb == Method::DELETE => "record.delete",
        _ => "unknown",
    }
}

/// Carries a request out, or refuses it.
pub(super) fn answer(state: &mut State, method: &'static str, incoming: &Incoming) -> Reply {
    answered(state, method, incoming).unwrap_or_else(|refusal| *refusal)
}

type Answer = Result<Reply, Box<Reply>>;

fn answered(state: &mut State, method: &'static str, incoming: &Incoming) -> Answer {
    let accept = incoming.header(header::ACCEPT).unwrap_or_default();
    if !ACCEPTED.contains(&accept) {
        return Err(errors::refuse(400, "Недопустимый формат запроса").into());
    }
    if method == "unknown" {
        return Err(errors::refuse(404, "Не найдено").into());
    }
    authorize(state, method, incoming)?;
    match method {
        "auth" => return auth(state, incoming),
        "companies.list" => return Ok(success(&json!([wire::company(state)]), &json!([]))),
        _ => {}
    }
    let place = if method == "permissions.get" { 4 } else { 3 };
    let company = incoming.segments.get(place).and_then(|id| id.parse().ok());
    if company != Some(state.company) {
        let message = "Филиал не найден.";
        return Err(match method {
            "company.get" => errors::company_error(404, message),
            _ => errors::refuse(404, message),
        }
        .into());
    }
    if method == "company.get" {
        return Ok(success(&wire::company(state), &json!([])));
    }
    if state.options.licence_expired {
        let message = format!(
            "Необходимо продлить лицензию в филиале с id: {}",
            state.company
        );
        return Err(errors::refuse(402, &message).into());
    }
    let rights = state.options.rights;
    let right = match method {
        "records.list" | "record.get" => rights.timetable,
        "records.create" => rights.timetable && rights.create,
        "record.update" => rights.timetable && rights.edit,
        "record.delete" => rights.timetable && rights.delete,
        _ => true,
    };
    if !right {
        return Err(errors::refuse(403, "Недостаточно прав").into());
    }
    match method {
        "records.list" => list(state, incoming),
        "records.create" => create(state, incoming),
        "record.get" => get(state, incoming),
        "record.update" => update(state, incoming),
        "record.delete" => delete(state, incoming),
        "staff.list" => Ok(catalogue(
            incoming,
            state
                .staff
                .iter()
                .map(|(id, staff)| (*id, wire::staff(state, staff))),
        )),
        "services.list" => {
            let services = state.services.iter();
            Ok(catalogue(
                incoming,
                services.map(|(id, service)| (*id, wire::service(state, service))),
            ))
        }
        _ => Ok(permissions(state)),
    }
}

fn success(data: &Value, meta: &Value) -> Reply {
    Reply::json(200, json!({"success": true, "data": data, "meta": meta}))
}

fn authorize(state: &State, method: &'static str, incoming: &Incoming) -> Result<(), Box<Reply>> {
    let options = &state.options;
    let sent = incoming.header(header::AUTHORIZATION).unwrap_or_default();
    let mut parts = sent.split(',').map(str::trim);
    let partner = parts.next().and_then(|part| part.strip_prefix("Bearer "));
    let user = parts.next().and_then(|part| part.strip_prefix("User "));
    let partner_only = matches!(method, "auth" | "company.get");
    if partner == Some(&options.partner_token)
        && (partner_only || user == Some(&options.user_token))
    {
        return Ok(());
    }
    Err(match method {
        "company.get" => errors::company_error(401, "Необходима авторизация"),
        _ => errors::unauthorized(options.unauthorized),
    }
    .into())
}

fn auth(state: &State, incoming: &Incoming) -> Answer {
    let options = &state.options;
    let body = body(incoming)?;
    let text = |value: &Value, name: &str| {
        value
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    if text(&body, "login") != options.login || text(&body, "password") != options.password {
        return Err(errors::refuse(401, "Неверный логин или пароль").into());
    }
    if let Some(code) = &options.second_factor {
        let second = body.get("2fa").cloned().unwrap_or_default();
        if second.is_null() {
            let data = json!({
                "uuid": "00000000-0000-4000-8000-000000000001",
                "flow": "login",
                "transport": {"type": "email", "recipient": "s***@example.com"},
                "refresh_ttl_sec": 60,
                "attempts_left": 3,
            });
            return Ok(success(&data, &json!([])));
        }
        if text(&second, "secret") != *code {
            return Err(errors::refuse(401, "Неверный код").into());
        }
    }
    let user = json!({
        "id": 9001,
        "user_token": options.user_token,
        "name": "Синхронизация",
        "phone": "79000000001",
        "login": options.login,
        "email": options.login,
        "avatar": "",
        "is_approved": true,
        "is_email_confirmed": true,
    });
    Ok(Reply::json(
        options.auth_status,
        match options.auth_reply {
            AuthReply::TopLevel => user,
            AuthReply::InData => json!({"success": true, "data": user, "meta": []}),
        },
    ))
}

fn body(incoming: &Incoming) -> Result<Value, Box<Reply>> {
    serde_json::from_slice(&incoming.body)
        .map_err(|_why| errors::refuse(400, "Недопустимый формат запроса").into())
}

fn permissions(state: &State) -> Reply {
    let rights = state.options.rights;
    let timetable = json!({
        "timetable_access": rights.timetable,
        "master_id": 0,
        "position_id": 0,
        "last_days_count": 0,
        "timetable_phones_access": rights.phones,
        "timetable_transferring_record_access": rights.edit,
        "create_records_access": rights.create,
        "edit_records_access": rights.edit,
        "edit_records_attendance_access": rights.edit,
        "delete_records_access": rights.delete,
    });
    let data = json!({
        "timetable": timetable,
        "clients": {"clients_access": rights.phones, "clients_phones_email_access": rights.phones},
    });
    success(&data, &json!([]))
}

fn catalogue(incoming: &Incoming, rows: impl Iterator<Item = (u64, Value)>) -> Reply {
    // `/company/{c}/staff/{id}` and the older `/staff/{c}/{id}`; a single one is a list too.
    let old = incoming.segments.get(2).map(String::as_str) != Some("company");
    let one = incoming.segments.get(if old { 4 } else { 5 });
    let rows: Vec<Value> = rows
        .filter(|(id, _)| one.is_none_or(|one| *one == id.to_string()))
        .map(|(_, row)| row)
        .collect();
    if one.is_some() && rows.is_empty() {
        return errors::refuse(404, "Не найдено");
    }
    let total = rows.len();
    success(&Value::Array(rows), &json!({"total_count": total}))
}

fn shown(state: &mut State, record: &Record) -> Value {
    let mut value = wire::record(state, record, state.options.rights.phones);
    if state.options.odd_spellings.is_some() {
        wire::oddly(&mut value, &mut state.dice);
    }
    value
}

/// The filters of a listing; all of them must hold, and unknown ones are ignored.
#[derive(Debug, Default)]
struct Filter {
    staff: Option<u64>,
    client: Option<u64>,
    author: Option<u64>,
    from: Option<Date>,
    to: Option<Date>,
    created_from: Option<Date>,
    created_to: Option<Date>,
    changed_after: Option<DateTime>,
    changed_before: Option<DateTime>,
    with_deleted: bool,
}

impl Filter {
    fn read(state: &State, incoming: &Incoming) -> Result<Self, Box<Reply>> {
        let bad = || Box::new(errors::refuse(400, "Недопустимое значение фильтра"));
        let given = |name: &str| incoming.param(name).filter(|text| !text.is_empty());
        let id = |name: &str| match given(name) {
            None => Ok(None),
            Some(text) => text.parse::<u64>().map(Some).map_err(|_why| bad()),
        };
        let date = |name: &str| match given(name) {
            None => Ok(None),
            Some(text) => Date::strptime("%Y-%m-%d", text)
                .map(Some)
                .map_err(|_why| bad()),
        };
        let moment = |name: &str, end_of_day: bool| match given(name) {
            None => Ok(None),
            Some(text) if text.len() == 10 => {
                let date = Date::strptime("%Y-%m-%d", text).map_err(|_why| bad())?;
                Ok(Some(date.to_datetime(if end_of_day {
                    Time::MAX
                } else {
                    Time::MIN
                })))
            }
            Some(text) => forms::local(state, text).map(Some).ok_or_else(bad),
        };
        Ok(Self {
            staff: id("staff_id")?,
            client: id("client_id")?,
            author: id("created_user_id")?,
            from: date("start_date")?,
            to: date("end_date")?,
            created_from: date("c_start_date")?,
            created_to: date("c_end_date")?,
            changed_after: moment("changed_after", false)?,
            changed_before: moment("changed_before", true)?,
            with_deleted: matches!(given("with_deleted"), Some("1" | "true")),
        })
    }

    fn lets(&self, state: &State, record: &Record) -> bool {
        let whole_second = |at| {
            let local = state.local(at);
            local.with().subsec_nanosecond(0).build().unwrap_or(local)
        };
        let changed = whole_second(record.changed);
        let created = state.local(record.created).date();
        let day = record.start.date();
        (self.with_deleted || !record.deleted)
            && self.staff.is_none_or(|staff| record.staff == staff)
            && self
                .client
                .is_none_or(|client| record.client == Some(client))
            && self.author.is_none_or(|author| record.created_by == author)
            && self.from.is_none_or(|from| day >= from)
            && self.to.is_none_or(|to| day <= to)
            && self.created_from.is_none_or(|from| created >= from)
            && self.created_to.is_none_or(|to| created <= to)
            && self.changed_after.is_none_or(|after| changed >= after)
            && self.changed_before.is_none_or(|before| changed <= before)
    }
}

fn list(state: &mut State, incoming: &Incoming) -> Answer {
    let filter = Filter::read(state, incoming)?;
    let number = |name: &str| {
        incoming
            .param(name)
            .and_then(|text| text.parse::<usize>().ok())
    };
    let page = number("page").unwrap_or(1).max(1);
    let count = number("count").filter(|count| *count > 0);
    let count = count
        .unwrap_or(state.options.page_default)
        .min(state.options.page_max);
    let mut found: Vec<(DateTime, u64)> = state
        .records
        .values()
        .filter(|record| filter.lets(state, record))
        .map(|record| (record.start, record.id))
        .collect();
    found.sort_unstable();
    let total = found.len();
    let mut rows = Vec::new();
    for (_, id) in found
        .into_iter()
        .skip((page - 1).saturating_mul(count))
        .take(count)
    {
        if let Some(record) = state.records.get(&id).cloned() {
            rows.push(shown(state, &record));
        }
    }
    Ok(success(
        &Value::Array(rows),
        &json!({"page": page, "total_count": total}),
    ))
}

/// The record that a path names, if it isn't deleted.
fn named(state: &State, incoming: &Incoming) -> Result<Record, Box<Reply>> {
    let id: Option<u64> = incoming.segments.get(4).and_then(|id| id.parse().ok());
    let record = id.and_then(|id| state.records.get(&id));
    let shown = incoming.verb == Method::GET && state.options.deleted_get == DeletedGet::Shown;
    record
        .filter(|record| shown || !record.deleted)
        .cloned()
        .ok_or_else(|| errors::refuse(404, "Не найдено").into())
}

fn get(state: &mut State, incoming: &Incoming) -> Answer {
    let record = named(state, incoming)?;
    Ok(success(&shown(state, &record), &json!([])))
}

fn delete(state: &mut State, incoming: &Incoming) -> Answer {
    let record = named(state, incoming)?;
    if let Some(record) = state.records.get_mut(&record.id) {
        record.deleted = true;
    }
    state.changed(record.id, By::Api, "delete");
    Ok(Reply::empty(204).landed())
}

fn create(state: &mut State, incoming: &Incoming) -> Answer {
    let body = body(incoming)?;
    let form = forms::read(state, &body).map_err(|wrong| errors::invalid(&wrong))?;
    let mut record = state.blank(0, DateTime::MIN, 0);
    record.created_by = 9001;
    record.activity = form.activity;
    let name = fill(state, &mut record, form)?;
    let id = record.id;
    state.records.insert(id, record);
    state.changed(id, By::Api, "create");
    let Some(record) = state.records.get(&id).cloned() else {
        return Err(errors::refuse(500, "Внутренняя ошибка").into());
    };
    let full = shown(state, &record);
    let list_meta = json!({"page": 1, "total_count": 1});
    let (data, meta) = match state.options.create_reply {
        CreateReply::Array => (json!([full]), list_meta),
        CreateReply::Object => (full, json!([])),
        CreateReply::Reduced => (wire::reduced(&full, &name), json!([])),
        CreateReply::ReducedArray => (json!([wire::reduced(&full, &name)]), list_meta),
    };
    Ok(Reply::json(201, json!({"success": true, "data": data, "meta": meta})).landed())
}

fn update(state: &mut State, incoming: &Incoming) -> Answer {
    let mut record = named(state, incoming)?;
    let body = body(incoming)?;
    let form = forms::read(state, &body).map_err(|wrong| errors::invalid(&wrong))?;
    if form.activity != record.activity {
        let message = "Не совпадает с событием записи".to_owned();
        return Err(errors::invalid(&[("activity_id", message)]).into());
    }
    fill(state, &mut record, form)?;
    let id = record.id;
    state.records.insert(id, record);
    state.changed(id, By::Api, "update");
    let record = state.records.get(&id).cloned();
    let data = record.map(|record| shown(state, &record));
    let value = json!({"success": true, "data": data, "meta": []});
    Ok(Reply::json(state.options.put_status, value).landed())
}

/// Puts a whole form into a record, which replaces everything in it; gives the name of the staff.
fn fill(state: &mut State, record: &mut Record, form: Form) -> Result<String, Box<Reply>> {
    let unknown = |message: &str| Box::new(errors::refuse(state.options.unknown_status, message));
    let mut form = form;
    if form.activity != 0 {
        let event = state.activities.get(&form.activity);
        let event = event.ok_or_else(|| errors::refuse(404, "Не найдено"))?;
        (form.staff, form.start, form.seconds) =
            (Some(event.staff), Some(event.start), Some(event.seconds));
        record.services = state.line(event.service).into_iter().collect();
    } else if let Some(lines) = &form.services {
        let lines: Option<Vec<_>> = lines.iter().map(|line| line.line(state)).collect();
        record.services = lines.ok_or_else(|| unknown("Услуга не найдена."))?;
    }
    let staff = form.staff.and_then(|id| state.staff.get(&id));
    let staff = staff.filter(|staff| !staff.fired);
    let staff = staff.ok_or_else(|| unknown("Сотрудник не найден."))?;
    let (staff, name) = (staff.id, staff.name.clone());
    let start = form.start.unwrap_or(record.start);
    let seconds = form.seconds.unwrap_or(record.seconds);
    let crowded = form.activity == 0
        && (state.is_busy(staff, start, seconds, record.id)
            || state.is_closed(staff, start, seconds));
    if crowded && form.save_if_busy != Some(true) {
        let at = start.strftime("%d.%m.%Y %H:%M").to_string();
        return Err(errors::busy(state.options.busy_status, &name, &at).into());
    }
    let (client, id) = form.client.unwrap_or_default();
    record.client = state.client(client, id, record.client);
    (record.staff, record.start, record.seconds) = (staff, start, seconds);
    record.comment = state.comment(&form.comment);
    record.api_id = form.api_id;
    record.attendance = form.attendance;
    record.seats = form.seats;
    record.labels = form.labels;
    record.labels.retain(|id| state.labels.contains_key(id));
    record.custom_fields = form.custom_fields;
    record.color = form.color;
    record.agreements = form.agreements;
    record.technical_break = form.technical_break;
    let (sms, email) = (form.sms_remain_hours, form.email_remain_hours);
    let turned_on = (sms > 0 && sms != record.sms_remain_hours)
        || (email > 0 && email != record.email_remain_hours);
    (record.sms_remain_hours, record.email_remain_hours) = (sms, email);
    if turned_on {
        state.reminders.push(Reminder {
            record: record.id,
            sms_hours: sms,
            email_hours: email,
        });
    }
    if form.send_sms == Some(true) {
        let at = state.clock.now();
        state.messages.push(Message {
            record: record.id,
            at,
        });
    }
    Ok(name)
}
