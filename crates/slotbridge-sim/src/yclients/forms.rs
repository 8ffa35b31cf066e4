//! Reads the bodies of creates and updates, as strictly as the platform does.

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::{Map, Number, Value};

use super::state::{Client, Line, State, digits};

/// The fields of a create or an update; what is none was not sent.
#[derive(Debug, Default)]
pub(super) struct Form {
    pub(super) staff: Option<u64>,
    pub(super) services: Option<Vec<LineForm>>,
    pub(super) client: Option<(Client, Option<u64>)>,
    pub(super) start: Option<DateTime>,
    pub(super) seconds: Option<i64>,
    pub(super) save_if_busy: Option<bool>,
    pub(super) send_sms: Option<bool>,
    pub(super) comment: String,
    pub(super) api_id: String,
    pub(super) attendance: i64,
    pub(super) activity: u64,
    pub(super) seats: i64,
    pub(super) labels: Vec<String>,
    pub(super) custom_fields: Map<String, Value>,
    pub(super) color: String,
    pub(super) sms_remain_hours: i64,
    pub(super) email_remain_hours: i64,
    pub(super) agreements: Value,
    pub(super) technical_break: Option<i64>,
}

/// One service as it was sent.
#[derive(Debug)]
pub(super) struct LineForm {
    id: u64,
    first_cost: Option<Number>,
    discount: Option<Number>,
    cost: Option<Number>,
    amount: Option<i64>,
}

impl LineForm {
    /// What is kept of it: what isn't sent is the catalogue's; none if the catalogue hasn't got it.
    pub(super) fn line(&self, state: &State) -> Option<Line> {
        let usual = state.line(self.id)?;
        let first_cost = self.first_cost.clone().unwrap_or(usual.first_cost);
        Some(Line {
            id: self.id,
            discount: self.discount.clone().unwrap_or(usual.discount),
            cost: self.cost.clone().unwrap_or_else(|| first_cost.clone()),
            first_cost,
            amount: self.amount.unwrap_or(usual.amount),
        })
    }
}

/// The fields that are wrong, each with a message.
pub(super) type Wrong = Vec<(&'static str, String)>;

/// Reads a body; a group record may leave out what its event says.
pub(super) fn read(state: &State, body: &Value) -> Result<Form, Wrong> {
    let mut wrong = Wrong::new();
    let mut form = Form {
        seats: 1,
        ..Form::default()
    };
    let Value::Object(fields) = body else {
        return Err(vec![("body", "Недопустимый формат запроса".to_owned())]);
    };
    let given = |name: &str| fields.get(name).filter(|value| !value.is_null());
    form.activity = number(given("activity_id")).unwrap_or(0).unsigned_abs();
    form.staff = number(given("staff_id")).map(i64::unsigned_abs);
    form.seconds = number(given("seance_length"));
    form.save_if_busy = flag(given("save_if_busy"));
    form.send_sms = flag(given("send_sms"));
    match given("services") {
        Some(Value::Array(lines)) => {
            let lines: Option<Vec<LineForm>> = lines.iter().map(line).collect();
            if lines.is_none() {
                wrong.push(("services", "Услуга без идентификатора".to_owned()));
            }
            form.services = lines;
        }
        Some(_) => wrong.push(("services", "Ожидается массив".to_owned())),
        None => {}
    }
    match given("client") {
        Some(Value::Object(client)) => form.client = Some(person(client)),
        Some(Value::Array(list)) if list.is_empty() => {
            form.client = Some((Client::default(), None));
        }
        Some(_) => wrong.push(("client", "Ожидается объект".to_owned())),
        None => {}
    }
    if let Some(sent) = given("datetime") {
        form.start = sent.as_str().and_then(|text| local(state, text));
        if form.start.is_none() {
            wrong.push(("datetime", "Недопустимая дата".to_owned()));
        }
    }
    let always = [
        ("client", form.client.is_some()),
        ("save_if_busy", form.save_if_busy.is_some()),
        ("send_sms", form.send_sms.is_some()),
    ];
    let alone = [
        ("staff_id", form.staff.is_some()),
        ("services", form.services.is_some()),
        ("datetime", form.start.is_some()),
        (
            "seance_length",
            form.seconds.is_some_and(|seconds| seconds > 0),
        ),
    ];
    let alone = alone.into_iter().filter(|_| form.activity == 0);
    for (field, there) in always.into_iter().chain(alone) {
        if !there && !wrong.iter().any(|(known, _)| *known == field) {
            wrong.push((field, "Поле обязательно для заполнения".to_owned()));
        }
    }
    optional(&mut form, fields, &mut wrong);
    if wrong.is_empty() {
        Ok(form)
    } else {
        Err(wrong)
    }
}

/// Reads what may be left out, and is then reset by an update.
fn optional(form: &mut Form, fields: &Map<String, Value>, wrong: &mut Wrong) {
    let given = |name: &str| fields.get(name).filter(|value| !value.is_null());
    form.comment = text(given("comment"));
    form.api_id = text(given("api_id"));
    form.color = text(given("custom_color"));
    form.seats = number(given("clients_count")).unwrap_or(1);
    form.attendance = number(given("attendance")).unwrap_or(0);
    if !(-1..=2).contains(&form.attendance) {
        wrong.push(("attendance", "Недопустимый статус".to_owned()));
    }
    form.sms_remain_hours = number(given("sms_remain_hours")).unwrap_or(0);
    form.email_remain_hours = number(given("email_remain_hours")).unwrap_or(0);
    form.technical_break = number(given("technical_break_duration"));
    if form
        .technical_break
        .is_some_and(|seconds| !(0..=3600).contains(&seconds) || seconds % 300 != 0)
    {
        wrong.push((
            "technical_break_duration",
            "Должно быть кратно 300".to_owned(),
        ));
    }
    form.agreements = given("client_agreements").cloned().unwrap_or_default();
    match given("record_labels") {
        Some(Value::Array(ids)) => {
            if ids.iter().any(|id| !id.is_string() && !id.is_u64()) {
                wrong.push(("record_labels", "Ожидаются идентификаторы".to_owned()));
            }
            form.labels = ids.iter().map(|id| text(Some(id))).collect();
        }
        Some(_) => wrong.push(("record_labels", "Ожидается массив".to_owned())),
        None => {}
    }
    match given("custom_fields") {
        Some(Value::Object(values)) => form.custom_fields.clone_from(values),
        Some(Value::Array(list)) if list.is_empty() => {}
        Some(_) => wrong.push(("custom_fields", "Ожидается объект".to_owned())),
        None => {}
    }
}

fn line(value: &Value) -> Option<LineForm> {
    Some(LineForm {
        id: number(value.get("id"))?.unsigned_abs(),
        first_cost: price(value.get("first_cost")),
        discount: price(value.get("discount")),
        cost: price(value.get("cost")),
        amount: number(value.get("amount")),
    })
}

fn person(fields: &Map<String, Value>) -> (Client, Option<u64>) {
    let field = |name: &str| text(fields.get(name)).trim().to_owned();
    let client = Client {
        name: field("name"),
        surname: field("surname"),
        patronymic: field("patronymic"),
        phone: digits(&field("phone")),
        email: field("email"),
    };
    let id = number(fields.get("id")).map(i64::unsigned_abs);
    (client, id.filter(|id| *id != 0))
}

/// A wall-clock time in the branch from a naive time, or from one with an offset.
pub(super) fn local(state: &State, text: &str) -> Option<DateTime> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(state.local(instant));
    }
    text.parse().ok()
}

/// A whole number, also one that came as text.
fn number(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A price, also one that came as text such as `1300.00`.
fn price(value: Option<&Value>) -> Option<Number> {
    match value? {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => {
            let whole = text
                .trim()
                .strip_suffix(".00")
                .unwrap_or_else(|| text.trim());
            match whole.parse::<i64>() {
                Ok(whole) => Some(whole.into()),
                Err(_) => Number::from_f64(whole.parse().ok()?),
            }
        }
        _ => None,
    }
}

fn flag(value: Option<&Value>) -> Option<bool> {
    match value? {
        Value::Bool(set) => Some(*set),
        Value::Number(number) => Some(number.as_i64() != Some(0)),
        _ => None,
    }
}

fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}
