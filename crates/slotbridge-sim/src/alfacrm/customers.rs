//! The customer methods of the simulated AlfaCRM.

use serde_json::Value;

use super::handlers::{Answer, Body, Complaint, refuse};
use super::state::{By, Customer, State};
use super::wire;
use crate::gate::{Incoming, Reply};

/// Lists customers: clients unless leads are asked for, active ones unless archived ones are.
pub(super) fn list(state: &mut State, branch: u64, body: &Body) -> Reply {
    let study = wire::number(body.get("is_study")).unwrap_or(1) == 1;
    let removed = wire::number(body.get("removed")).unwrap_or(0);
    let id = wire::id(body.get("id"));
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let (name, contact) = (text("name"), text("phone"));
    let rows: Vec<Value> = state
        .customers
        .values()
        .rev()
        .filter(|customer| {
            let shown = match removed {
                1 => true,
                2 => customer.archived,
                _ => !customer.archived,
            };
            shown
                && customer.branches.contains(&branch)
                && customer.study == study
                && id.is_none_or(|id| customer.id == id)
                && name
                    .is_none_or(|name| customer.name.to_lowercase().contains(&name.to_lowercase()))
                && contact.is_none_or(|contact| State::has_contact(customer, contact))
        })
        .map(|customer| wire::customer(state, customer))
        .collect();
    wire::page(state, rows, body)
}

/// Makes a card.
pub(super) fn create(state: &mut State, branch: u64, body: &Body) -> Reply {
    let echo = Value::Object(body.clone());
    let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
    let problem: Option<Complaint> = if name.trim().is_empty() {
        Some(("name", "Необходимо заполнить «ФИО»."))
    } else if name.chars().count() > 50 {
        Some((
            "name",
            "Значение «ФИО» должно содержать максимум 50 символов.",
        ))
    } else if wire::id(body.get("legal_type")).is_none() {
        Some(("legal_type", "Необходимо заполнить «Тип»."))
    } else if wire::number(body.get("is_study")).is_none() {
        Some(("is_study", "Необходимо заполнить «Состояние»."))
    } else {
        None
    };
    if let Some(complaint) = problem {
        return refuse(state, complaint, &echo);
    }
    let branches = match body.get("branch_ids") {
        Some(Value::Array(ids)) => ids.iter().filter_map(|id| wire::id(Some(id))).collect(),
        _ => Vec::new(),
    };
    let mut customer = Customer {
        id: state.next_id(),
        branches,
        name: String::new(),
        study: wire::number(body.get("is_study")) == Some(1),
        archived: false,
        phones: Vec::new(),
        emails: Vec::new(),
        note: String::new(),
        balance: 0,
    };
    if !customer.branches.contains(&branch) {
        customer.branches.push(branch);
    }
    fill(&mut customer, body);
    store(state, customer)
}

/// Changes what the body names of a card.
pub(super) fn update(state: &mut State, branch: u64, incoming: &Incoming, body: &Body) -> Answer {
    let Some(id) = incoming.param("id").and_then(|id| id.parse::<u64>().ok()) else {
        return Err(wire::trouble(400, "Отсутствуют обязательные параметры: id").into());
    };
    let customer = state.customers.get(&id);
    let customer = customer.filter(|customer| customer.branches.contains(&branch));
    let Some(mut customer) = customer.cloned() else {
        return Err(wire::trouble(404, "Запись не найдена.").into());
    };
    fill(&mut customer, body);
    if customer.name.chars().count() > 50 {
        let complaint = (
            "name",
            "Значение «ФИО» должно содержать максимум 50 символов.",
        );
        return Ok(refuse(state, complaint, &Value::Object(body.clone())));
    }
    Ok(store(state, customer))
}

fn fill(customer: &mut Customer, body: &Body) {
    if let Some(Value::String(name)) = body.get("name") {
        customer.name.clone_from(name);
    }
    for (key, kept) in [
        ("phone", &mut customer.phones),
        ("email", &mut customer.emails),
    ] {
        let texts: Option<Vec<&str>> = match body.get(key) {
            Some(Value::Array(items)) => Some(items.iter().filter_map(Value::as_str).collect()),
            Some(Value::String(text)) => Some(vec![text]),
            _ => None,
        };
        if let Some(texts) = texts {
            *kept = texts.into_iter().map(str::to_owned).collect();
        }
    }
}

fn store(state: &mut State, customer: Customer) -> Reply {
    let row = wire::customer(state, &customer);
    state.put_customer(customer, By::Api);
    wire::done(&row)
}
