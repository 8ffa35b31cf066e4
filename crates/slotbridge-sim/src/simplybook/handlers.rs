//! The three services: who may call what, and what both of the larger ones have in common.

use http::{HeaderName, Method};
use jiff::civil::{Date, DateTime, Time};
use serde_json::{Map, Value, json};

use super::state::{By, Client, Pass, State};
use super::{admin, public, wire};
use crate::gate::{Incoming, Reply};

/// What a method gives: its result and whether anything changed, or a code.
pub(super) type Outcome = Result<(Value, bool), i64>;

/// A result that changed nothing.
#[expect(
    clippy::unnecessary_wraps,
    reason = "it stands where refusals stand too"
)]
pub(super) fn told(value: Value) -> Outcome {
    Ok((value, false))
}

/// Names the method that a request is for.
pub(super) fn method_of(incoming: &Incoming) -> &'static str {
    let service = match incoming
        .segments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        [] => "public",
        ["login"] => "login",
        ["admin"] => "admin",
        _ => return "unknown",
    };
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or_default();
    let name = body
        .get("method")
        .and_then(Value::as_str)
        .unwrap_or_default();
    super::METHODS
        .iter()
        .find(|method| method.split_once('.') == Some((service, name)))
        .copied()
        .unwrap_or("unknown")
}

/// Carries a request out, or refuses it.
pub(super) fn answer(state: &mut State, method: &'static str, incoming: &Incoming) -> Reply {
    let target = format!("/{}", incoming.segments.join("/"));
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or_default();
    let name = body.get("method").and_then(Value::as_str);
    let is_call = body.get("jsonrpc").and_then(Value::as_str) == Some("2.0");
    let known_path = matches!(target.as_str(), "/" | "/login" | "/admin");
    // Whatever is no request is answered with a description, also under an invented path.
    if incoming.verb != Method::POST || !is_call || name.is_none() || !known_path {
        return wire::description(&target);
    }
    let id = body.get("id").cloned().unwrap_or(Value::Null);
    let empty = json!([]);
    let params = match body.get("params").unwrap_or(&empty) {
        Value::Array(params) => Params(params),
        _ => return wire::error(&id, -32011, wire::message(-32011)),
    };
    let outcome = if target == "/login" {
        login(state, method, params)
    } else {
        match admitted(state, &target, incoming) {
            Err(refused) => return wire::error(&id, -32600, refused),
            Ok(Pass::Public) => public::call(state, method, params),
            Ok(Pass::User(login)) => admin::call(state, method, params, &login),
        }
    };
    match outcome {
        Ok((result, changed)) => {
            let reply = wire::result(state, &id, &result);
            if changed { reply.landed() } else { reply }
        }
        Err(code) => {
            let mut reply = wire::error(&id, code, wire::message(code));
            // The one error that is known to carry data.
            if code == admin::DUPLICATE_CLIENT
                && let crate::gate::Content::Json(body) = &mut reply.body
            {
                let error = json!({"code": -32602, "message": "Client already exists", "data": state.duplicate});
                wire::set(body, "error", error);
            }
            reply
        }
    }
}

/// Who calls; the words of the refusal otherwise.
fn admitted(state: &State, target: &str, incoming: &Incoming) -> Result<Pass, &'static str> {
    let header = |name: &'static str| incoming.header(HeaderName::from_static(name));
    if header("x-company-login") != Some(state.company.as_str()) {
        return Err("Company does not exists");
    }
    let (name, admin) = if target == "/admin" {
        ("x-user-token", true)
    } else {
        ("x-token", false)
    };
    let now = state.clock.now();
    let pass = header(name).and_then(|token| state.tokens.get(token));
    match pass {
        Some((pass, since))
            if now.duration_since(*since) < state.options.token_life
                && matches!(pass, Pass::User(_)) == admin =>
        {
            Ok(pass.clone())
        }
        _ => Err("Access denied"),
    }
}

fn login(state: &mut State, method: &str, params: Params<'_>) -> Outcome {
    let (company, first) = (params.text(0)?, params.text(1)?);
    if company != state.company {
        return Err(-33001);
    }
    match method {
        "login.getToken" if first == state.options.api_key => {
            told(json!(state.new_token(Pass::Public)))
        }
        "login.getToken" => Err(-33002),
        "login.getUserToken" => {
            let password = params.text(2)?;
            let user = state.options.users.iter().find(|user| user.login == first);
            match user {
                Some(user) if user.blocked => Err(-33004),
                Some(user) if user.password == password => {
                    told(json!(state.new_token(Pass::User(first))))
                }
                _ => Err(-33003),
            }
        }
        _ => Err(-32601),
    }
}

/// The positional parameters of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Params<'p>(pub(super) &'p [Value]);

impl<'p> Params<'p> {
    pub(super) fn get(self, place: usize) -> Option<&'p Value> {
        self.0.get(place).filter(|value| !value.is_null())
    }

    pub(super) fn text(self, place: usize) -> Result<String, i64> {
        match self.get(place).ok_or(-32010_i64)? {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            _ => Err(-32602),
        }
    }

    pub(super) fn id(self, place: usize) -> Result<u64, i64> {
        self.text(place)?.parse().map_err(|_not_a_number| -32602)
    }

    pub(super) fn flag(self, place: usize) -> bool {
        self.get(place)
            .is_some_and(|value| value.as_bool() == Some(true) || value == &json!(1))
    }

    pub(super) fn date(self, place: usize) -> Result<Date, i64> {
        Date::strptime("%Y-%m-%d", self.text(place)?).map_err(|_unreadable| -32602)
    }

    /// A date and the time after it.
    pub(super) fn at(self, place: usize) -> Result<DateTime, i64> {
        let time =
            Time::strptime("%H:%M:%S", self.text(place + 1)?).map_err(|_unreadable| -32602_i64)?;
        Ok(self.date(place)?.to_datetime(time))
    }

    /// An object; an empty one may come as a list.
    pub(super) fn map(self, place: usize) -> Result<Map<String, Value>, i64> {
        match self.get(place) {
            None => Ok(Map::new()),
            Some(Value::Object(map)) => Ok(map.clone()),
            Some(Value::Array(list)) if list.is_empty() => Ok(Map::new()),
            Some(_) => Err(-32602),
        }
    }
}

/// The methods that both services have.
pub(super) fn shared(state: &State, method: &str, params: Params<'_>) -> Option<Outcome> {
    let (_, name) = method.split_once('.')?;
    Some(match name {
        "getUnitList" => {
            let visible_only = params.flag(0);
            let units = state
                .units
                .values()
                .filter(|unit| unit.active || !visible_only);
            let units = units.map(|unit| {
                json!({"id": unit.id.to_string(), "name": unit.name, "email": null, "phone": null, "description": null,
                       "picture": null, "picture_path": null, "position": "0", "color": null,
                       "is_active": if unit.active { "1" } else { "0" }, "is_visible": "1", "qty": unit.qty.to_string()})
            });
            told(wire::catalogue(state, units.collect(), params.flag(1)))
        }
        "getEventList" => {
            let visible_only = params.flag(0);
            let events = state
                .events
                .values()
                .filter(|event| event.active || !visible_only);
            let events = events.map(|event| {
                json!({"id": event.id.to_string(), "name": event.name, "duration": event.minutes.to_string(),
                       "hide_duration": "0", "description": "<p></p>", "picture": null, "is_public": "1",
                       "is_active": if event.active { "1" } else { "0" }, "position": "0", "is_recurring": "0",
                       "price": format!("{}.0000", event.price), "currency": "EUR", "categories": []})
            });
            told(wire::catalogue(state, events.collect(), params.flag(1)))
        }
        "getAdditionalFields" => {
            let fields = state.fields.iter().enumerate().map(|(place, field)| {
                json!({"id": place.to_string(), "name": field.name, "title": field.title, "type": "text", "values": null,
                       "default": null, "is_null": if field.required { "0" } else { "1" }, "pos": place.to_string(),
                       "value": null})
            });
            told(Value::Array(fields.collect()))
        }
        "getCompanyInfo" => {
            let zone = state
                .zone
                .iana_name()
                .unwrap_or("UTC")
                .replacen('/', " ", 1);
            let zone = state.options.zone_spelling.clone().unwrap_or(zone);
            told(
                json!({"login": state.company, "name": "Demo", "timezone": zone, "show_in_client_timezone": false,
                        "timeframe": state.options.timeframe.to_string(), "timeline_type": "modern_week"}),
            )
        }
        "getCompanyParam" => match params.text(0) {
            Ok(key) if key == "require_fields" => told(json!(state.options.require_fields)),
            Ok(key) if key == "timeframe" => told(json!(state.options.timeframe.to_string())),
            Ok(_) => Err(-32602),
            Err(code) => Err(code),
        },
        "getPluginStatuses" => {
            let Some(Value::Array(names)) = params.get(0) else {
                return Some(Err(-32010));
            };
            let statuses = names.iter().filter_map(Value::as_str).map(|name| {
                let on = state.options.plugins.iter().any(|plugin| plugin == name);
                (name.to_owned(), json!(on))
            });
            told(Value::Object(statuses.collect()))
        }
        _ => return None,
    })
}

/// The intake fields that were sent, or the code for what is wrong with them.
pub(super) fn intake(
    state: &State,
    sent: &Map<String, Value>,
) -> Result<std::collections::BTreeMap<String, String>, i64> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    if sent
        .keys()
        .any(|name| !state.fields.iter().any(|field| field.name == *name))
    {
        return Err(-32070);
    }
    let given: std::collections::BTreeMap<String, String> = sent
        .iter()
        .map(|(name, value)| (name.clone(), text(value)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    if state
        .fields
        .iter()
        .any(|field| field.required && !given.contains_key(&field.name))
    {
        return Err(-32070);
    }
    Ok(given)
}

/// A client's data as sent, or the code for what is wrong with them.
pub(super) fn client(state: &State, sent: &Map<String, Value>) -> Result<Client, i64> {
    let text = |name: &str| {
        sent.get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let (name, email, phone) = (text("name"), text("email"), text("phone"));
    let needed = state.options.require_fields.as_str();
    if name.is_empty() {
        return Err(-32061);
    }
    if (email.is_empty() && needed.contains("email")) || (!email.is_empty() && !email.contains('@'))
    {
        return Err(-32062);
    }
    if (phone.is_empty() && needed.contains("phone")) || phone.chars().any(char::is_alphabetic) {
        return Err(-32063);
    }
    Ok(Client {
        id: 0,
        name,
        email,
        phone,
    })
}

/// Cancels; what a second time gives is a switch.
pub(super) fn cancel(state: &mut State, id: u64) -> Outcome {
    use super::options::SecondCancel;
    let mut booked = state.bookings.get(&id).cloned().ok_or(-32080_i64)?;
    if !booked.stands()
        && booked.approval.is_none()
        && !booked.confirmed
        && !state.options.require_confirm
    {
        return match state.options.second_cancel {
            SecondCancel::True => told(json!(true)),
            SecondCancel::False => told(json!(false)),
            SecondCancel::NotFound => Err(-32080),
            SecondCancel::Error => Err(-32602),
        };
    }
    booked.confirmed = false;
    if booked.approval.is_some() {
        booked.approval = Some("cancelled");
    }
    state.put(booked, "cancel", By::Api);
    Ok((json!(true), true))
}

/// Confirms what waits for it.
pub(super) fn confirm(state: &mut State, id: u64) -> Outcome {
    let mut booked = state.bookings.get(&id).cloned().ok_or(-32080_i64)?;
    if state.options.confirm_refused {
        return Err(-32090);
    }
    booked.confirmed = true;
    state.put(booked, "change", By::Api);
    Ok((json!(true), true))
}
