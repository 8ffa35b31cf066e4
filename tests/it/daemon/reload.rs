//! SIGHUP: another config is used from then on, a wrong one is told and changes nothing.

use slotbridge_sim::Booking;
use slotbridge_sim::world::{PLACES, Place, SERVICES};

use super::process::post;
use super::rig::{NEVER, Rig, hour, token};
use crate::support::wait_until;

/// The row of the mapping that names Boris.
fn boris(rig: &Rig) -> String {
    let text = std::fs::read_to_string(rig.config()).unwrap();
    let begin = text.find("[[bridge.resource]]\nname = \"boris\"").unwrap();
    let length = text[begin..].find("\n\n").unwrap();
    text[begin..begin + length].to_owned()
}

#[test]
fn a_good_config_is_used_and_a_wrong_one_is_told_with_its_place() {
    let rig = Rig::empty(NEVER);
    let row = boris(&rig);
    rig.change_config(&row, "");
    let mut daemon = rig.start_with_webhooks();
    rig.wait_at_rest(&daemon);
    let sent = rig.sent(Place::Yclients);
    let booking = Booking::new(8887, SERVICES[0].yclients, hour(1, 10), 60);
    rig.world
        .side(Place::Yclients)
        .hand
        .book(&booking.client("Пробная Вера", "+79000000101"));
    wait_until("the webhook is answered", || {
        daemon.statuses(Place::Yclients).len() > sent
    });
    rig.wait_at_rest(&daemon);
    assert!(!rig.is_in_step(1), "nobody has said who Boris is elsewhere");

    // Boris is known, and the salon's webhooks have another token.
    rig.change_config(
        "[[bridge.resource]]\nname = \"anna\"",
        &format!("{row}\n\n[[bridge.resource]]\nname = \"anna\""),
    );
    rig.change_config(&token(Place::Yclients), "another-token");
    daemon.signal("HUP");
    daemon.wait_for("The config was read again.");
    rig.wait_in_step(&mut daemon, "with Boris", 1);
    let address = daemon.address.unwrap();
    let old = format!("/webhooks/salon/{}", token(Place::Yclients));
    assert_eq!(post(address, &old, "{}"), 404);
    assert_eq!(post(address, "/webhooks/salon/another-token", "{}"), 200);
    rig.wait_at_rest(&daemon);

    // A wrong one: told, with its place, and nothing changes.
    rig.change_config("company_id = 4564", "company_id = \"4564\"");
    daemon.signal("HUP");
    daemon.wait_for("The config was not taken, the old one stays");
    let text = std::fs::read_to_string(rig.config()).unwrap();
    let line = text
        .lines()
        .position(|line| line.starts_with("company_id"))
        .unwrap()
        + 1;
    daemon.wait_for(&format!("config.toml:{line}:14: platform.salon.company_id"));
    assert_eq!(daemon.get("/healthz").0, 200);
    rig.book(Place::Rubitime, hour(2, 10));
    rig.wait_in_step(&mut daemon, "with the old config", 2);
    rig.wait_at_rest(&daemon);

    // And a good one after the wrong one.
    rig.change_config("company_id = \"4564\"", "company_id = 4564");
    rig.change_config(
        "webhook_token = \"another-token\"",
        "webhook_token = \"a-third-token\"",
    );
    daemon.signal("HUP");
    wait_until("the third token is known", || {
        post(address, "/webhooks/salon/a-third-token", "{}") == 200
    });
    for place in PLACES {
        assert!(rig.at(place, hour(2, 10)).is_some());
    }
    daemon.stop();
}
