//! The methods of the simulated AlfaCRM.

use http::{Method, header};
use jiff::civil::DateTime;
use serde_json::{Map, Value, json};

use super::state::{By, CANCELLED, GROUP, HELD, INDIVIDUAL, Lesson, PLANNED, State};
use super::{customers, wire};
use crate::gate::{Incoming, Reply};

const TOKEN: &str = "x-alfacrm-token";
const APP_KEY: &str = "x-app-key";

pub(super) type Body = Map<String, Value>;
pub(super) type Answer = Result<Reply, Box<Reply>>;
/// The field that is complained about, and what is said.
pub(super) type Complaint = (&'static str, &'static str);

/// Names the method that a request is for. Reading one lesson and cancelling one have names of their own, although
/// they have no paths of their own.
pub(super) fn method_of(incoming: &Incoming) -> &'static str {
    let segments: Vec<&str> = incoming.segments.iter().map(String::as_str).collect();
    if incoming.verb != Method::POST {
        return "unknown";
    }
    let has_only = |key: &str, value: i64| {
        body(incoming)
            .is_some_and(|body| body.len() == 1 && wire::number(body.get(key)) == Some(value))
    };
    match segments.as_slice() {
        ["v2api", "auth", "login"] => "auth.login",
        ["v2api", "branch", "index"] => "branch.index",
        ["v2api", _, "lesson", "index"] => {
            let one = body(incoming).is_some_and(|body| body.contains_key("id"));
            if one { "lesson.read" } else { "lesson.index" }
        }
        ["v2api", _, "lesson", "update"] if has_only("status", CANCELLED) => "lesson.cancel",
        ["v2api", _, model, action] => super::METHODS
            .iter()
            .find(|method| method.split_once('.') == Some((model, action)))
            .copied()
            .unwrap_or("unknown"),
        _ => "unknown",
    }
}

fn body(incoming: &Incoming) -> Option<Body> {
    match serde_json::from_slice(&incoming.body) {
        Ok(Value::Object(body)) => Some(body),
        _ => None,
    }
}

/// Carries a request out, or refuses it.
pub(super) fn answer(state: &mut State, method: &'static str, incoming: &Incoming) -> Reply {
    answered(state, method, incoming).unwrap_or_else(|refusal| *refusal)
}

fn answered(state: &mut State, method: &'static str, incoming: &Incoming) -> Answer {
    if incoming.verb != Method::POST {
        return Err(wire::trouble(405, "Метод не поддерживается.").into());
    }
    let kind = incoming.header(header::CONTENT_TYPE).unwrap_or_default();
    let Some(body) = body(incoming).filter(|_| kind.starts_with("application/json")) else {
        return Err(wire::trouble(400, "Тело запроса не является JSON").into());
    };
    if method == "auth.login" {
        return login(state, &body);
    }
    authorize(state, incoming)?;
    if method == "unknown" {
        return Err(wire::trouble(404, "Страница не найдена.").into());
    }
    let model = method.split_once('.').map_or(method, |(model, _)| model);
    if state.options.closed.contains(model) {
        return Err(denied().into());
    }
    if method == "branch.index" {
        let rows = state.branches.iter();
        let rows = rows.map(|(id, branch)| wire::branch(*id, branch)).collect();
        return Ok(wire::page(state, rows, &body));
    }
    let branch: Option<u64> = incoming.segments.get(1).and_then(|id| id.parse().ok());
    let Some(branch) = branch.filter(|branch| state.branches.contains_key(branch)) else {
        return Err(denied().into());
    };
    match method {
        "lesson.index" | "lesson.read" => Ok(lessons(state, branch, &body)),
        "lesson.create" => Ok(create(state, branch, &body)),
        "lesson.update" | "lesson.cancel" => update(state, branch, incoming, &body),
        "customer.index" => Ok(customers::list(state, branch, &body)),
        "customer.create" => Ok(customers::create(state, branch, &body)),
        "customer.update" => customers::update(state, branch, incoming, &body),
        "cgi.index" if incoming.param("group_id").is_none() => {
            Err(wire::trouble(405, "Не указана группа").into())
        }
        _ => Ok(dictionary(state, method, branch, &body)),
    }
}

fn denied() -> Reply {
    wire::trouble(403, "Доступ запрещён")
}

fn login(state: &mut State, body: &Body) -> Answer {
    let given = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let right = given("email") == state.options.email && given("api_key") == state.options.api_key;
    if right {
        let token = state.issue();
        Ok(Reply::json(200, json!({"token": token})))
    } else {
        let status = state.options.login_refusal;
        Err(wire::trouble(status, "Неверный email или ключ").into())
    }
}

fn authorize(state: &State, incoming: &Incoming) -> Result<(), Box<Reply>> {
    let given = |name: &str| {
        let value = incoming.headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    if let Some(key) = &state.options.app_key
        && given(APP_KEY).as_ref() != Some(key)
    {
        return Err(denied().into());
    }
    let now = state.clock.now();
    let token = given(TOKEN).unwrap_or_default();
    let valid = state
        .tokens
        .iter()
        .any(|known| known.text == token && now < known.until);
    if valid {
        Ok(())
    } else {
        Err(wire::trouble(state.options.expired_status, "Токен недействителен").into())
    }
}

/// Lists lessons, the newest day first. A key that is not known widens the result in silence.
fn lessons(state: &mut State, branch: u64, body: &Body) -> Reply {
    // Without a status only what was held is shown, also for one id.
    let status = wire::number(body.get("status")).unwrap_or(HELD);
    let (from, to) = (
        wire::date(body.get("date_from")),
        wire::date(body.get("date_to")),
    );
    let wanted = |key: &str| wire::id(body.get(key));
    let (id, teacher, customer) = (wanted("id"), wanted("teacher_id"), wanted("customer_id"));
    let (subject, kind) = (wanted("subject_id"), wanted("lesson_type_id"));
    let mut found: Vec<&Lesson> = state
        .lessons
        .values()
        .filter(|lesson| {
            let day = lesson.start.date();
            lesson.branch == branch
                && lesson.status == status
                && from.is_none_or(|from| from <= day)
                && to.is_none_or(|to| day <= to)
                && id.is_none_or(|id| lesson.id == id)
                && teacher.is_none_or(|teacher| lesson.teachers.contains(&teacher))
                && customer.is_none_or(|customer| lesson.customers.contains(&customer))
                && subject.is_none_or(|subject| lesson.subject == subject)
                && kind.is_none_or(|kind| lesson.lesson_type == kind)
        })
        .collect();
    found.sort_by_key(|lesson| std::cmp::Reverse((lesson.start, lesson.id)));
    let rows = found
        .iter()
        .map(|lesson| wire::lesson(state, lesson))
        .collect();
    wire::page(state, rows, body)
}

pub(super) fn refuse(state: &State, (field, message): Complaint, model: &Value) -> Reply {
    wire::refusal(state.options.refusal_status, field, message, model)
}

fn create(state: &mut State, branch: u64, body: &Body) -> Reply {
    let echo = Value::Object(body.clone());
    let minutes = length(body);
    let (Some(day), Some(from)) = (
        wire::date(body.get("lesson_date")),
        wire::clock(body.get("time_from")),
    ) else {
        return refuse(
            state,
            ("lesson_date", "Необходимо заполнить «Дата» и «Время»."),
            &echo,
        );
    };
    let Some(minutes) = minutes.filter(|minutes| *minutes > 0) else {
        return refuse(state, ("duration", "Неверный период занятия."), &echo);
    };
    let mut lesson = state.blank(0, 0, day.to_datetime(from), minutes);
    lesson.branch = branch;
    lesson.teachers.clear();
    // What the model takes for a lesson that nobody gives a status.
    lesson.status = HELD;
    lesson.lesson_type = 0;
    if let Err(complaint) = fill(state, &mut lesson, body) {
        return refuse(state, complaint, &echo);
    }
    store(state, lesson)
}

fn update(state: &mut State, branch: u64, incoming: &Incoming, body: &Body) -> Answer {
    let Some(id) = incoming.param("id").and_then(|id| id.parse::<u64>().ok()) else {
        return Err(wire::trouble(400, "Отсутствуют обязательные параметры: id").into());
    };
    let lesson = state
        .lessons
        .get(&id)
        .filter(|lesson| lesson.branch == branch);
    let Some(mut lesson) = lesson.cloned() else {
        let message = "Запись не найдена.";
        return Err(match state.options.unknown_status {
            200 => wire::refusal(200, "id", message, &json!([])),
            status => wire::trouble(status, message),
        }
        .into());
    };
    let was = lesson.status;
    let day = wire::date(body.get("lesson_date")).unwrap_or_else(|| lesson.start.date());
    let from = wire::clock(body.get("time_from")).unwrap_or_else(|| lesson.start.time());
    let start = day.to_datetime(from);
    let minutes = if body.contains_key("duration") {
        length(body)
    } else if let Some(to) = wire::clock(body.get("time_to")) {
        Some(between(start, to))
    } else {
        Some(lesson.minutes)
    };
    let echo = Value::Object(body.clone());
    let Some(minutes) = minutes.filter(|minutes| *minutes > 0) else {
        return Ok(refuse(
            state,
            ("duration", "Неверный период занятия."),
            &echo,
        ));
    };
    (lesson.start, lesson.minutes) = (start, minutes);
    if let Err(complaint) = fill(state, &mut lesson, body) {
        return Ok(refuse(state, complaint, &echo));
    }
    if was == CANCELLED && lesson.status == PLANNED && !state.options.undo {
        let complaint = ("status", "Отменённый урок нельзя восстановить.");
        return Ok(refuse(state, complaint, &echo));
    }
    if lesson.status == HELD && was != HELD {
        state.held_by_api.push(id);
    }
    Ok(store(state, lesson))
}

/// Stores a lesson that was filled and checked.
fn store(state: &mut State, mut lesson: Lesson) -> Reply {
    let customers = lesson.customers.clone();
    lesson.details = state.details(&customers, &lesson.details);
    let id = lesson.id;
    state.put(id, Some(lesson), By::Api);
    let shown = state
        .lessons
        .get(&id)
        .map(|lesson| wire::lesson(state, lesson));
    wire::done(&shown.unwrap_or_default())
}

fn length(body: &Body) -> Option<i64> {
    if let Some(minutes) = wire::number(body.get("duration")) {
        return Some(minutes);
    }
    let day = jiff::civil::date(2031, 5, 6);
    let from = wire::clock(body.get("time_from"))?;
    Some(between(
        day.to_datetime(from),
        wire::clock(body.get("time_to"))?,
    ))
}

fn between(start: DateTime, to: jiff::civil::Time) -> i64 {
    let end = start.date().to_datetime(to);
    end.duration_since(start).as_mins()
}

/// Takes over what the body names, and checks the whole.
fn fill(state: &State, lesson: &mut Lesson, body: &Body) -> Result<(), Complaint> {
    if let Some(id) = wire::id(body.get("lesson_type_id")) {
        lesson.lesson_type = id;
    }
    if let Some(id) = wire::id(body.get("subject_id")) {
        lesson.subject = id;
    }
    for (key, kept) in [
        ("teacher_ids", &mut lesson.teachers),
        ("customer_ids", &mut lesson.customers),
        ("group_ids", &mut lesson.groups),
    ] {
        if let Some(Value::Array(ids)) = body.get(key) {
            *kept = ids.iter().filter_map(|id| wire::id(Some(id))).collect();
        }
    }
    for (key, kept) in [
        ("note", &mut lesson.note),
        ("topic", &mut lesson.topic),
        ("homework", &mut lesson.homework),
    ] {
        if let Some(Value::String(text)) = body.get(key) {
            kept.clone_from(text);
        }
    }
    if body.contains_key("room_id") {
        lesson.room = wire::id(body.get("room_id"));
    }
    for (key, value) in body.iter().filter(|(key, _)| key.starts_with("custom_")) {
        let text = value.as_str().unwrap_or_default();
        lesson.custom.insert(key.clone(), text.to_owned());
    }
    if let Some(status) = wire::number(body.get("status")) {
        if !(PLANNED..=HELD).contains(&status) {
            return Err(("status", "Значение «Статус» неверно."));
        }
        lesson.status = status;
    }
    if lesson.status == CANCELLED {
        return Ok(());
    }
    check(state, lesson)
}

fn check(state: &State, lesson: &Lesson) -> Result<(), Complaint> {
    let Some((_, behaviour)) = state.lesson_types.get(&lesson.lesson_type) else {
        return Err(("lesson_type_id", "Необходимо заполнить «Тип урока»."));
    };
    if !state.subjects.contains_key(&lesson.subject) {
        return Err(("subject_id", "Необходимо заполнить «Предмет»."));
    }
    let known = |id: &u64| state.teachers.get(id).is_some_and(|teacher| teacher.active);
    if lesson.teachers.is_empty() || !lesson.teachers.iter().all(known) {
        return Err(("teacher_ids", "Необходимо заполнить «Педагоги»."));
    }
    let member = |id: &u64| {
        let customer = state.customers.get(id);
        customer.is_some_and(|customer| customer.branches.contains(&lesson.branch))
    };
    if !lesson.customers.iter().all(member) {
        return Err(("customer_ids", "Клиент не найден в филиале."));
    }
    match *behaviour {
        INDIVIDUAL if lesson.customers.len() != 1 => {
            return Err((
                "customer_ids",
                "На индивидуальное занятие можно добавить только одного клиента.",
            ));
        }
        INDIVIDUAL if !lesson.groups.is_empty() => {
            return Err((
                "group_ids",
                "Группу нельзя добавить для данного типа урока.",
            ));
        }
        GROUP if lesson.groups.is_empty() => {
            return Err(("group_ids", "Необходимо заполнить «Группы»."));
        }
        _ => {}
    }
    if lesson.note.chars().count() > state.options.note_max {
        return Err((
            "note",
            "Значение «Комментарий» должно содержать максимум 255 символов.",
        ));
    }
    let (start, end) = (lesson.start, lesson.end());
    if let Some(room) = lesson.room {
        if !state.rooms.contains_key(&room) {
            return Err(("room_id", "Аудитория не найдена."));
        }
        let taken = state.in_the_way(start, end, lesson.id, |other| other.room == Some(room));
        if taken.is_some() {
            return Err(("room_id", "Аудитория занята"));
        }
    }
    let shares = |other: &Lesson| {
        other.teachers.iter().any(|id| lesson.teachers.contains(id))
            || other
                .customers
                .iter()
                .any(|id| lesson.customers.contains(id))
    };
    if state.options.refuse_busy_people && state.in_the_way(start, end, lesson.id, shares).is_some()
    {
        return Err(("teacher_ids", "Педагог занят в это время"));
    }
    Ok(())
}

/// Lists what is neither a lesson nor a customer.
fn dictionary(state: &mut State, method: &str, branch: u64, body: &Body) -> Reply {
    let archived = match wire::number(body.get("removed")) {
        Some(1) => None,
        Some(2) => Some(true),
        _ => Some(false),
    };
    let id = wire::id(body.get("id"));
    let rows: Vec<Value> = match method {
        "teacher.index" => state
            .teachers
            .iter()
            .filter(|(_, teacher)| archived.is_none_or(|archived| archived != teacher.active))
            .map(|(id, teacher)| wire::teacher(branch, *id, teacher))
            .collect(),
        "subject.index" => {
            let rows = state.subjects.iter();
            rows.map(|(id, subject)| wire::subject(*id, subject))
                .collect()
        }
        "room.index" => {
            let rows = state.rooms.iter();
            rows.map(|(id, room)| wire::room(branch, *id, room))
                .collect()
        }
        "lesson-type.index" => {
            let rows = state.lesson_types.iter();
            rows.map(|(id, (named, behaviour))| wire::lesson_type(*id, named, *behaviour))
                .collect()
        }
        "regular-lesson.index" => state
            .rules
            .values()
            .filter(|rule| rule.branch == branch && id.is_none_or(|id| rule.id == id))
            .map(wire::rule)
            .collect(),
        _ => Vec::new(),
    };
    wire::page(state, rows, body)
}
