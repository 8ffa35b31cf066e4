//! The bytes of every call that writes or reads a booking.

use http::{HeaderMap, HeaderValue};
use serde_json::{Map, Value, json};

use super::support::{company, draft, terms};
use crate::request::{self, Service, Whole};

fn whole() -> Whole {
    let mut additional = Map::new();
    additional.insert("6f1e".to_owned(), json!("nuts"));
    Whole {
        event: 4,
        unit: 2,
        client: 77,
        times: company().times("x", draft().slot).unwrap(),
        additional,
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, one row per call")]
fn every_call_is_a_positional_json_rpc_post() {
    let details = "202cb962ac59075b964b07152d234b70";
    let start = company().times("x", draft().slot).unwrap().start;
    let client = terms().card(&draft()).to_json();
    let from = jiff::civil::date(2031, 5, 7);
    let table: Vec<(request::Ask, &str, Value)> = vec![
        (
            request::user_token("acme", "u", "p"),
            "/login",
            json!(["getUserToken", ["acme", "u", "p"]]),
        ),
        (
            request::api_token("acme", "k"),
            "/login",
            json!(["getToken", ["acme", "k"]]),
        ),
        (
            request::company_info(Service::Public),
            "/",
            json!(["getCompanyInfo", []]),
        ),
        (
            request::units(Service::Admin),
            "/admin",
            json!(["getUnitList", [false, true]]),
        ),
        (
            request::events(Service::Public),
            "/",
            json!(["getEventList", [false, true]]),
        ),
        (
            request::bookings(from, from),
            "/admin",
            json!(["getBookings", [{"date_from": "2031-05-07", "date_to": "2031-05-07", "booking_type": "all", "order": "date_start_asc"}]]),
        ),
        (
            request::booking_details(9012),
            "/admin",
            json!(["getBookingDetails", [9012]]),
        ),
        (
            request::booking_comment(9012),
            "/admin",
            json!(["getBookingComment", [9012]]),
        ),
        (
            request::set_booking_comment(9012, "x"),
            "/admin",
            json!(["setBookingComment", [9012, "x"]]),
        ),
        (
            request::admin_book(&whole()),
            "/admin",
            json!(["book", [4, 2, 77, "2031-05-07", "10:30:00", "2031-05-07", "11:30:00", 0, {"6f1e": "nuts"}]]),
        ),
        (
            request::edit_book(9012, &whole()),
            "/admin",
            json!(["editBook", [9012, 4, 2, 77, "2031-05-07", "10:30:00", "2031-05-07", "11:30:00", 0, {"6f1e": "nuts"}]]),
        ),
        (
            request::admin_cancel(9012),
            "/admin",
            json!(["cancelBooking", [9012]]),
        ),
        (
            request::admin_confirm(9012),
            "/admin",
            json!(["confirmBooking", [9012]]),
        ),
        (
            request::find_clients("900"),
            "/admin",
            json!(["getClientList", ["900", 50]]),
        ),
        (
            request::public_book(4, 2, start, client, Map::new()),
            "/",
            json!(["book", [4, 2, "2031-05-07", "10:30:00",
                            {"name": "Проба Пера", "email": "proba.pera@example.com", "phone": "+79000000003"}, {}]]),
        ),
        (
            request::signed_details(9012, details),
            "/",
            json!(["getBookingDetails", [9012, details]]),
        ),
        (
            request::signed_booking(9012, details),
            "/",
            json!(["getBooking", [9012, details]]),
        ),
        (
            request::signed_cancel(9012, details),
            "/",
            json!(["cancelBooking", [9012, details]]),
        ),
        (
            request::signed_confirm(9012, details),
            "/",
            json!(["confirmBooking", [9012, details]]),
        ),
        (
            request::free_starts(from, from, 4, 2),
            "/",
            json!(["getStartTimeMatrix", ["2031-05-07", "2031-05-07", 4, 2, 1]]),
        ),
        (
            request::work_calendar(2031, 5, 2),
            "/",
            json!(["getWorkCalendar", [2031, 5, 2]]),
        ),
    ];
    for (ask, path, call) in table {
        let mut headers = HeaderMap::new();
        headers.insert(
            ask.service.token_header(),
            HeaderValue::from_static("token"),
        );
        let request = ask.to_http("http://sim.invalid", 7, headers).unwrap();
        assert_eq!(request.method(), http::Method::POST);
        assert_eq!(request.uri().path(), path, "{}", ask.method);
        assert_eq!(request.headers()["content-type"], "application/json");
        let header = if path == "/admin" {
            "x-user-token"
        } else {
            "x-token"
        };
        assert_eq!(request.headers()[header], "token");
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(
            body,
            json!({"jsonrpc": "2.0", "method": call[0], "params": call[1], "id": 7})
        );
    }
}

#[test]
fn a_signature_is_the_md5_of_id_hash_and_secret() {
    // The digest of "123", known everywhere.
    assert_eq!(
        request::sign(1, "2", "3"),
        "202cb962ac59075b964b07152d234b70"
    );
    assert_eq!(
        request::sign(12, "", "3"),
        "202cb962ac59075b964b07152d234b70"
    );
}

/// The methods of the vendor's own list that touch a booking, a service, a provider, a location, the company or a
/// feature.
const LISTED: [&str; 24] = [
    "book",
    "cancelBooking",
    "confirmBooking",
    "confirmBookingBatch",
    "confirmBookingBatchPayment",
    "confirmBookingCart",
    "confirmBookingPayment",
    "getBooking",
    "getBookingCart",
    "getBookingDetails",
    "getCategoriesList",
    "getCompanyInfo",
    "getCompanyParam",
    "getEventList",
    "getLocationsList",
    "getPluginStatuses",
    "getRecurringDatetimes",
    "getTimeframe",
    "getToken",
    "getUnitList",
    "isPaymentRequired",
    "isPluginActivated",
    "validatePayment",
    "validatePromoCode",
];

#[test]
fn every_method_of_the_vendors_list_is_used_or_named_with_the_reason() {
    let readme = include_str!("../../README.md");
    let (_, table) = readme.split_once("## Vendor methods").unwrap();
    for method in LISTED {
        assert!(
            table.contains(&format!("`{method}`")),
            "{method} is not named"
        );
    }
}
