//! The schedule: what shows as available, and what doesn't.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{account, done, refused};
use crate::person::{Booking, Hand};
use crate::rubitime::RubitimeSim;
use crate::testing::at;

/// A day of the schedule as a line: times with `+` for available and `-` for not.
async fn day(sim: &RubitimeSim, service: u64, only: Option<u64>, day: &str) -> String {
    let fields = json!({"branch_id": "11", "cooperator_id": 31, "service_id": service, "only_available": only});
    let data = done(sim, "get-schedule", &fields).await;
    let Some(times) = data[day].as_object() else {
        return String::new();
    };
    let sign = |slot: &Value| {
        if slot["available"].as_bool().unwrap() {
            '+'
        } else {
            '-'
        }
    };
    let slots: Vec<String> = times
        .iter()
        .map(|(time, slot)| format!("{time}{}", sign(slot)))
        .collect();
    slots.join(" ")
}

#[tokio::test(start_paused = true)]
async fn the_grid_follows_the_service_and_pauses_with_the_cooperator() {
    let sim = account();
    assert_eq!(
        day(&sim, 21, None, "2031-05-07").await,
        "09:00+ 10:00+ 11:00+ 12:00- 13:00+ 14:00+"
    );
    // 90 minutes every 30: what would run into the pause isn't available.
    assert_eq!(
        day(&sim, 22, None, "2031-05-07").await,
        "09:00+ 09:30+ 10:00+ 10:30+ 11:00- 11:30- 12:00- 12:30- 13:00+ 13:30+"
    );
}

#[tokio::test(start_paused = true)]
async fn records_of_any_service_occupy_unless_they_are_cancelled() {
    let sim = account();
    let id = sim.book(&Booking::new(31, 22, at("2031-05-07T06:30:00Z"), 90));
    sim.book(&Booking::new(32, 21, at("2031-05-07T10:00:00Z"), 60));
    assert_eq!(
        day(&sim, 21, None, "2031-05-07").await,
        "09:00- 10:00- 11:00+ 12:00- 13:00+ 14:00+"
    );
    assert_eq!(
        day(&sim, 21, Some(1), "2031-05-07").await,
        "11:00+ 13:00+ 14:00+"
    );
    assert_eq!(
        day(&sim, 21, Some(0), "2031-05-07").await,
        "09:00- 10:00- 12:00-"
    );
    sim.move_to(id, at("2031-05-07T10:30:00Z")).unwrap();
    assert_eq!(
        day(&sim, 21, None, "2031-05-07").await,
        "09:00+ 10:00+ 11:00+ 12:00- 13:00- 14:00-"
    );
    sim.cancel(id).unwrap();
    assert_eq!(day(&sim, 21, Some(0), "2031-05-07").await, "12:00-");
}

#[tokio::test(start_paused = true)]
async fn past_times_and_the_lead_show_as_busy() {
    let sim = account();
    // It is 10:00.
    assert_eq!(
        day(&sim, 21, None, "2031-05-06").await,
        "09:00- 10:00+ 11:00+ 12:00- 13:00+ 14:00+"
    );
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    assert_eq!(
        day(&sim, 21, Some(1), "2031-05-06").await,
        "11:00+ 13:00+ 14:00+"
    );
    sim.configure(|options| options.lead = SignedDuration::from_hours(3));
    assert_eq!(day(&sim, 21, Some(1), "2031-05-06").await, "14:00+");
    assert_eq!(day(&sim, 21, Some(1), "2031-05-05").await, "");
}

#[tokio::test(start_paused = true)]
async fn the_horizon_ends_and_an_empty_schedule_is_a_list() {
    let sim = account();
    let fields = json!({"branch_id": 11, "cooperator_id": 32, "service_id": 21});
    let days = done(&sim, "get-schedule", &fields).await;
    let days: Vec<_> = days.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        (days.len(), days[0].as_str(), days[29].as_str()),
        (30, "2031-05-06", "2031-06-04")
    );
    sim.configure(|options| options.horizon_days = 0);
    assert_eq!(done(&sim, "get-schedule", &fields).await, json!([]));
    let unknown = json!({"branch_id": 11, "cooperator_id": 99, "service_id": 21});
    assert_eq!(
        refused(&sim, "get-schedule", &unknown).await,
        "Cooperator not found"
    );
    let missing = json!({"branch_id": 11, "cooperator_id": 31});
    assert_eq!(
        refused(&sim, "get-schedule", &missing).await,
        "Field \"service_id\" is required"
    );
}
