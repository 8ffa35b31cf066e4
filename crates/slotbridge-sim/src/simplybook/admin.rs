//! The administration service.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use serde_json::{Map, Value, json};

use super::handlers::{Outcome, Params, cancel, client, confirm, intake, shared, told};
use super::options::{ClientDedup, User};
use super::state::{Booked, By, Client, State};
use super::wire;

/// Stands for the one error that carries an id; the handler gives it its real number.
pub(super) const DUPLICATE_CLIENT: i64 = -1;

/// Carries a method out for a user.
pub(super) fn call(state: &mut State, method: &str, params: Params<'_>, login: &str) -> Outcome {
    let user = state
        .options
        .users
        .iter()
        .find(|user| user.login == login)
        .cloned()
        .ok_or(-32020_i64)?;
    let writes = matches!(
        method,
        "admin.book"
            | "admin.editBook"
            | "admin.cancelBooking"
            | "admin.confirmBooking"
            | "admin.addClient"
            | "admin.editClient"
    );
    if writes && user.role == "viewer" {
        return Err(-32020);
    }
    match method {
        "admin.getCompanyInfo" if !state.options.admin_tells_company => Err(-32601),
        "admin.getCurrentUserDetails" => told(
            json!({"id": "5", "login": user.login, "group": user.role, "is_blocked": "0", "unit_group_id": user.unit}),
        ),
        "admin.getBookings" => listing(state, params, &user),
        "admin.getBookingDetails" => {
            let booked = visible(state, params.id(0)?, &user)?;
            told(wire::details(state, &booked))
        }
        "admin.getBookingComment" => {
            let booked = visible(state, params.id(0)?, &user)?;
            told(json!(booked.comment))
        }
        "admin.setBookingComment" => {
            let mut booked = visible(state, params.id(0)?, &user)?;
            let comment = params.get(1).and_then(Value::as_str).ok_or(-32010_i64)?;
            comment.clone_into(&mut booked.comment);
            state.put(booked, "comment", By::Api);
            Ok((json!(true), true))
        }
        "admin.book" => book(state, params),
        "admin.editBook" => edit(state, params, &user),
        "admin.cancelBooking" => {
            let booked = visible(state, params.id(0)?, &user)?;
            cancel(state, booked.id)
        }
        "admin.confirmBooking" => confirm(state, params.id(0)?),
        "admin.addClient" => add_client(state, params),
        "admin.editClient" => edit_client(state, params),
        "admin.getClient" => {
            let client = state.clients.get(&params.id(0)?).ok_or(-3264_i64)?;
            told(card(client))
        }
        "admin.getClientList" => {
            let words = params
                .get(0)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_lowercase();
            let found = state.clients.values().filter(|client| {
                [&client.name, &client.email, &client.phone]
                    .iter()
                    .any(|text| text.to_lowercase().contains(&words))
            });
            told(wire::catalogue(state, found.map(card).collect(), true))
        }
        _ => shared(state, method, params).unwrap_or(Err(-32601)),
    }
}

fn card(client: &Client) -> Value {
    let empty_is_null = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    json!({"id": client.id.to_string(), "name": client.name, "email": empty_is_null(&client.email),
           "phone": empty_is_null(&client.phone)})
}

/// A booking that the user may see; any other one is not there for them.
fn visible(state: &State, id: u64, user: &User) -> Result<Booked, i64> {
    let booked = state.bookings.get(&id).filter(|booked| sees(user, booked));
    booked.cloned().ok_or(-32080)
}

fn sees(user: &User, booked: &Booked) -> bool {
    user.role != "station_user" || user.unit == Some(booked.unit)
}

fn listing(state: &State, params: Params<'_>, user: &User) -> Outcome {
    let filter = params.map(0)?;
    let day = |name: &str| -> Result<Option<Date>, i64> {
        match filter.get(name).and_then(Value::as_str) {
            None => Ok(None),
            Some(text) => Date::strptime("%Y-%m-%d", text)
                .map(Some)
                .map_err(|_unreadable| -32602),
        }
    };
    let (from, to) = (day("date_from")?, day("date_to")?);
    let to = if state.options.date_to_excluded {
        to.map(|to| to.saturating_sub(1.day()))
    } else {
        to
    };
    let number = |name: &str| match filter.get(name) {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    let (unit, event, client) = (
        number("unit_group_id"),
        number("event_id"),
        number("client_id"),
    );
    let kind = filter
        .get("booking_type")
        .and_then(Value::as_str)
        .unwrap_or("all");
    let mut found: Vec<&Booked> = state
        .bookings
        .values()
        .filter(|booked| {
            let on = booked.start.date();
            let filtered = from.is_none_or(|from| on >= from)
                && to.is_none_or(|to| on <= to)
                && unit.is_none_or(|unit| booked.unit == unit)
                && event.is_none_or(|event| booked.event == event)
                && client.is_none_or(|client| booked.client == client)
                && match kind {
                    "cancelled" => !booked.confirmed,
                    "non_cancelled" => booked.confirmed,
                    _ => true,
                };
            sees(user, booked) && (filtered || state.options.filter_ignored)
        })
        .collect();
    // The default order is by start, the latest first.
    found.sort_by_key(|booked| (booked.start, booked.id));
    if filter.get("order").and_then(Value::as_str) != Some("date_start_asc") {
        found.reverse();
    }
    found.truncate(state.options.rows_max.unwrap_or(usize::MAX));
    told(Value::Array(
        found
            .into_iter()
            .map(|booked| wire::row(state, booked))
            .collect(),
    ))
}

struct Wanted {
    event: u64,
    unit: u64,
    client: u64,
    start: DateTime,
    end: DateTime,
    additional: Map<String, Value>,
}

impl Wanted {
    /// Reads the parameters that `book` and `editBook` share, from `first` on.
    fn read(state: &State, params: Params<'_>, first: usize) -> Result<Self, i64> {
        let (event, unit, client) = (
            params.id(first)?,
            params.id(first + 1)?,
            params.id(first + 2)?,
        );
        let start = params.at(first + 3)?;
        let minutes = state.events.get(&event).map_or(0, |event| event.minutes);
        let end = match params.get(first + 5) {
            None => start.saturating_add(minutes.minutes()),
            Some(_) => params.at(first + 5)?,
        };
        Ok(Self {
            event,
            unit,
            client,
            start,
            end,
            additional: params.map(first + 8)?,
        })
    }
}

fn book(state: &mut State, params: Params<'_>) -> Outcome {
    let wanted = Wanted::read(state, params, 0)?;
    if !state.clients.contains_key(&wanted.client) {
        return Err(-3264);
    }
    let additional = intake(state, &wanted.additional)?;
    if let Some(code) = state.refusal(wanted.event, wanted.unit, wanted.start, wanted.end, 0) {
        return Err(code);
    }
    if wanted.end <= wanted.start
        && state.span(wanted.start, wanted.end).1 <= state.instant(wanted.start)
    {
        return Err(-32602);
    }
    let mut booked = state.blank(wanted.event, wanted.unit, wanted.client, wanted.start);
    booked.end = wanted.end;
    booked.additional = additional;
    booked.confirmed = !state.options.require_confirm;
    let made = wire::made(state, &booked);
    state.put(booked, "create", By::Api);
    Ok((made, true))
}

/// A full replacement; parameters that make no sense give null and no error.
fn edit(state: &mut State, params: Params<'_>, user: &User) -> Outcome {
    let mut booked = visible(state, params.id(0)?, user)?;
    let Ok(wanted) = Wanted::read(state, params, 1) else {
        return told(Value::Null);
    };
    let ends = state.span(wanted.start, wanted.end).1 > state.instant(wanted.start);
    if !state.clients.contains_key(&wanted.client) || !ends || !booked.stands() {
        return told(Value::Null);
    }
    let additional = intake(state, &wanted.additional)?;
    let moved = (booked.event, booked.unit, booked.start, booked.end)
        != (wanted.event, wanted.unit, wanted.start, wanted.end);
    if moved
        && let Some(code) = state.refusal(
            wanted.event,
            wanted.unit,
            wanted.start,
            wanted.end,
            booked.id,
        )
    {
        return Err(code);
    }
    booked.event = wanted.event;
    booked.unit = wanted.unit;
    booked.client = wanted.client;
    booked.start = wanted.start;
    booked.end = wanted.end;
    booked.additional = additional;
    if state.options.hash_changes {
        booked.hash = state.new_hash();
    }
    let made = wire::made(state, &booked);
    state.put(booked, "change", By::Api);
    Ok((made, true))
}

fn add_client(state: &mut State, params: Params<'_>) -> Outcome {
    let sent = client(state, &params.map(0)?)?;
    let same_email = state
        .clients
        .values()
        .find(|client| !sent.email.is_empty() && client.email.eq_ignore_ascii_case(&sent.email));
    match (
        state.options.client_dedup,
        same_email.map(|client| client.id),
    ) {
        (ClientDedup::ByEmail, Some(id)) => told(json!(id.to_string())),
        (ClientDedup::Error, Some(id)) => {
            state.duplicate = id;
            Err(DUPLICATE_CLIENT)
        }
        (ClientDedup::Exact | ClientDedup::ByEmail | ClientDedup::Error, _) => {
            let id = state.exact_client(&sent.name, &sent.email, &sent.phone);
            Ok((json!(id), true))
        }
    }
}

fn edit_client(state: &mut State, params: Params<'_>) -> Outcome {
    let id = params.id(0)?;
    if !state.clients.contains_key(&id) {
        return Err(-3264);
    }
    let sent = client(state, &params.map(1)?)?;
    let changed = Client { id, ..sent };
    let shown = card(&changed);
    state.clients.insert(id, changed);
    Ok((shown, true))
}
