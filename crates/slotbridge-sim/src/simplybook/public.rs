//! The public service.

use std::fmt::Write as _;

use jiff::ToSpan;
use jiff::civil::Date;
use md5::{Digest as _, Md5};
use serde_json::{Map, Value, json};

use super::handlers::{Outcome, Params, cancel, client, confirm, intake, shared, told};
use super::state::{Booked, By, State};
use super::wire;

/// Carries a method out.
pub(super) fn call(state: &mut State, method: &str, params: Params<'_>) -> Outcome {
    match method {
        "public.book" => book(state, params),
        "public.getBooking" => {
            let booked = signed(state, params)?;
            told(wire::short(&booked))
        }
        "public.getBookingDetails" => {
            let booked = signed(state, params)?;
            told(wire::details(state, &booked))
        }
        "public.cancelBooking" => {
            let booked = signed(state, params)?;
            cancel(state, booked.id)
        }
        "public.confirmBooking" => {
            let booked = signed(state, params)?;
            confirm(state, booked.id)
        }
        "public.getStartTimeMatrix" => matrix(state, params),
        "public.getWorkCalendar" => calendar(state, params),
        _ => shared(state, method, params).unwrap_or(Err(-32601)),
    }
}

/// The booking that a call is about, once its signature is right.
fn signed(state: &State, params: Params<'_>) -> Result<Booked, i64> {
    let id = params.id(0)?;
    let sign = params.text(1)?;
    let booked = state.bookings.get(&id).ok_or(-32080_i64)?;
    let wanted = signature(&format!("{id}{}{}", booked.hash, state.options.secret_key));
    if sign == wanted {
        Ok(booked.clone())
    } else {
        Err(-32085)
    }
}

pub(super) fn signature(text: &str) -> String {
    Md5::digest(text.as_bytes())
        .iter()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a string takes any text");
            text
        })
}

fn book(state: &mut State, params: Params<'_>) -> Outcome {
    let (event, unit) = (params.id(0)?, params.id(1)?);
    let start = params.at(2)?;
    let sent = client(state, &params.map(4)?)?;
    let additional = intake(state, &params.map(5)?)?;
    let minutes = state.events.get(&event).map_or(0, |event| event.minutes);
    let end = start.saturating_add(minutes.minutes());
    if let Some(code) = state.refusal(event, unit, start, end, 0) {
        return Err(code);
    }
    let client = state.exact_client(&sent.name, &sent.email, &sent.phone);
    let mut booked = state.blank(event, unit, client, start);
    booked.additional = additional;
    booked.confirmed = !state.options.require_confirm;
    let made = wire::made(state, &booked);
    state.put(booked, "create", By::Api);
    Ok((made, true))
}

fn matrix(state: &State, params: Params<'_>) -> Outcome {
    let (from, to) = (params.date(0)?, params.date(1)?);
    let (event, unit) = (params.id(2)?, params.id(3)?);
    if !state.events.contains_key(&event) {
        return Err(-32051);
    }
    if !state.units.contains_key(&unit) {
        return Err(-32052);
    }
    let mut days = Map::new();
    let mut day = from;
    while day <= to {
        let times = if day == from && state.options.matrix_first_day_empty {
            Vec::new()
        } else {
            state.free_starts(day, event, unit)
        };
        let times: Vec<String> = times
            .iter()
            .map(|time| time.strftime("%H:%M:%S").to_string())
            .collect();
        days.insert(day.to_string(), json!(times));
        day = day.saturating_add(1.day());
    }
    told(if days.is_empty() {
        json!([])
    } else {
        Value::Object(days)
    })
}

fn calendar(state: &State, params: Params<'_>) -> Outcome {
    let year = params.text(0)?.parse().map_err(|_unreadable| -32602_i64)?;
    let month = params.text(1)?.parse().map_err(|_unreadable| -32602_i64)?;
    let unit = state.units.get(&params.id(2)?).ok_or(-32052_i64)?;
    let first = Date::new(year, month, 1).map_err(|_unreadable| -32602_i64)?;
    let close = unit.close.strftime("%H:%M:%S").to_string();
    let mut days = Map::new();
    let mut day = first;
    while day.month() == first.month() {
        let off = state.days_off.contains(&day);
        days.insert(
            day.to_string(),
            json!({"from": unit.open.strftime("%H:%M:%S").to_string(), "to": close,
                   "is_day_off": if off { "1" } else { "0" }}),
        );
        day = day.saturating_add(1.day());
    }
    told(Value::Object(days))
}
