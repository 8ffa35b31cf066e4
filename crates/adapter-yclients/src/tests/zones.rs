//! Where the branch's zone comes from, and what happens when it changes.

use std::time::Duration;

use jiff::Timestamp;
use slotbridge_platform::ErrorKind;
use slotbridge_platform::testing::Scene;

use super::listings::{list, rows};
use super::support::{
    Scripted, Setup, answer, at, fixture, json as fixture_json, page, replies, row,
};

#[tokio::test(start_paused = true)]
async fn the_branchs_zone_is_asked_for_once_where_none_is_configured() {
    let scripted = Setup {
        zone: None,
        ..Setup::default()
    }
    .play([
        replies(200, "replies/company.json"),
        rows(&[1], 1),
        rows(&[1], 1),
    ]);
    for _ in 0..2 {
        let listing = list(&scripted).await.unwrap();
        assert_eq!(listing.records[0].start, at("2031-05-06T07:30:00Z"));
    }
    assert_eq!(scripted.asked()[0], "GET /company/7001/");
    assert_eq!(scripted.asked().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_branch_without_a_usable_zone_says_so() {
    for path in [
        "replies/company_unknown_zone.json",
        "replies/company_without_zone.json",
    ] {
        let scripted = Setup {
            zone: None,
            ..Setup::default()
        }
        .play([replies(200, path)]);
        let error = list(&scripted).await.expect_err(path);
        assert_eq!(error.kind, ErrorKind::Unrepresentable, "{path}");
        assert!(error.to_string().contains("set time_zone"), "{error}");
    }
}

/// The plain record by the clocks of Dubai.
fn in_dubai() -> Scene {
    let mut moved = row(1);
    moved["datetime"] = "2031-05-06T10:30:00+04:00".into();
    answer(200, page(&[moved], 1))
}

async fn start(scripted: &Scripted) -> Timestamp {
    list(scripted).await.unwrap().records[0].start
}

#[tokio::test(start_paused = true)]
async fn a_branch_that_moves_to_another_zone_is_noticed_by_its_records() {
    let mut dubai = fixture_json("replies/company.json");
    dubai["data"]["timezone_name"] = "Asia/Dubai".into();
    let moscow = || answer(200, fixture("replies/company.json"));
    let scenes = [
        moscow(),
        rows(&[1], 1),
        in_dubai(),
        answer(200, dubai.to_string()),
        in_dubai(),
        in_dubai(),
    ];
    let scripted = Setup {
        zone: None,
        ..Setup::default()
    }
    .play(scenes);
    assert_eq!(start(&scripted).await, at("2031-05-06T07:30:00Z"));
    assert_eq!(start(&scripted).await, at("2031-05-06T06:30:00Z"));
    assert_eq!(start(&scripted).await, at("2031-05-06T06:30:00Z"));
    assert_eq!(scripted.transport.scenes_left(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_branch_that_always_contradicts_itself_is_not_asked_all_the_time() {
    let moscow = || answer(200, fixture("replies/company.json"));
    let scenes = [
        moscow(),
        in_dubai(),
        moscow(),
        in_dubai(),
        in_dubai(),
        moscow(),
    ];
    let scripted = Setup {
        zone: None,
        ..Setup::default()
    }
    .play(scenes);
    for _ in 0..2 {
        // The wall clock is trusted, by the zone that the branch names.
        assert_eq!(start(&scripted).await, at("2031-05-06T07:30:00Z"));
    }
    tokio::time::sleep(Duration::from_mins(11)).await;
    assert_eq!(start(&scripted).await, at("2031-05-06T07:30:00Z"));
    assert_eq!(scripted.transport.scenes_left(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_configured_zone_stands_whatever_the_records_say() {
    let scripted = Setup::default().play([in_dubai()]);
    assert_eq!(start(&scripted).await, at("2031-05-06T07:30:00Z"));
}
