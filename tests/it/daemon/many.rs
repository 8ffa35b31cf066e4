//! Many webhooks at once: each is on the disk when it is answered, and each is acted on.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use slotbridge_sim::Which;
use slotbridge_sim::world::{COMPANY_ID, Place};

use super::methods::create_of;
use super::rig::{NEVER, Rig, hour, token};

/// What YCLIENTS sends about a record.
fn about(id: u64, times: usize) -> String {
    format!(
        r#"{{"company_id": {COMPANY_ID}, "resource": "record", "resource_id": {id}, "status": "update", "data": {{"times": {times}}}}}"#
    )
}

/// Sends webhooks over one connection, each after the answer to the one before; gives how many were answered 200.
fn send(address: SocketAddr, ids: &[u64], times: usize) -> usize {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let token = token(Place::Yclients);
    let mut good = 0;
    for time in 0..times {
        for id in ids {
            let body = about(*id, time);
            let length = body.len();
            let head = format!(
                "POST /webhooks/salon/{token} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
            );
            stream.write_all((head + &body).as_bytes()).unwrap();
            let mut answer = Vec::new();
            let mut byte = [0];
            while !answer.ends_with(b"\r\n\r\n") {
                stream.read_exact(&mut byte).unwrap();
                answer.push(byte[0]);
            }
            good += usize::from(answer.starts_with(b"HTTP/1.1 200 "));
        }
    }
    good
}

#[test]
fn a_thousand_webhooks_about_forty_records_are_all_kept_and_each_record_arrives_once() {
    let rig = Rig::empty(NEVER);
    let mut daemon = rig.start();
    rig.wait_at_rest(&daemon);
    let starts: Vec<_> = (1..=5)
        .flat_map(|day| (10..18).map(move |at| hour(day, at)))
        .collect();
    let ids: Vec<u64> = starts
        .iter()
        .map(|start| rig.book(Place::Yclients, *start))
        .collect();
    let address = daemon.address.unwrap();
    let taken: usize = std::thread::scope(|scope| {
        let senders: Vec<_> = ids
            .chunks(4)
            .map(|ids| scope.spawn(move || send(address, ids, 25)))
            .collect();
        senders
            .into_iter()
            .map(|sender| sender.join().unwrap())
            .sum()
    });
    assert_eq!(taken, 1_000);
    rig.wait_in_step(&mut daemon, "forty bookings", 40);
    rig.wait_at_rest(&daemon);
    let counted = daemon.figures("slotbridge_webhooks_total{platform=\"salon\",result=\"stored\"}");
    assert_eq!(counted, [1_000.0]);
    for place in [Place::Rubitime, Place::Simplybook, Place::Alfacrm] {
        assert_eq!(
            rig.world.side(place).view.count(create_of(place)),
            40,
            "{}",
            place.title()
        );
    }
    // Far fewer questions than webhooks: those about one record that wait together are one, and many are a listing.
    let salon = rig.world.side(Place::Yclients).view;
    let asked = salon.count("record.get") + salon.count("records.list");
    assert!(asked < 500, "{asked} calls for forty records");
    daemon.stop();
}

#[test]
fn webhooks_that_come_while_the_platform_is_down_are_kept_until_it_is_not() {
    let rig = Rig::empty(NEVER);
    let mut daemon = rig.start();
    rig.wait_at_rest(&daemon);
    let ids: Vec<u64> = (1..=3)
        .map(|day| rig.book(Place::Yclients, hour(day, 10)))
        .collect();
    let down = slotbridge_sim::Fault::HtmlError { status: 503 };
    rig.fault(Place::Yclients, "down", "*", Which::Every, down);
    assert_eq!(send(daemon.address.unwrap(), &ids, 1), 3);
    crate::support::wait_until("it was asked in vain", || {
        rig.world.side(Place::Yclients).view.faults().fired("down") > Some(0)
    });
    assert_eq!(
        daemon.figures("slotbridge_inbox_waiting{platform=\"salon\"}"),
        [3.0]
    );
    rig.world.side(Place::Yclients).view.faults().clear();
    rig.wait_in_step(&mut daemon, "three bookings", 3);
    rig.wait_at_rest(&daemon);
    daemon.stop();
}
