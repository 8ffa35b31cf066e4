//! What `status` adds when a daemon runs, and says when none does.

use std::time::Duration;

use slotbridge_core::model::PlatformName;
use slotbridge_engine::daemon::{Health, PlatformHealth};
use slotbridge_engine::event::{PollingPlan, Trouble};
use slotbridge_store::PlatformState;

use super::*;
use crate::control::testing::platform_health;

fn minute(minute: i64) -> Timestamp {
    Timestamp::from_second(minute * 60).unwrap()
}

fn summary(name: &str) -> PlatformSummary {
    PlatformSummary {
        platform: PlatformName::new(name).unwrap(),
        records: 3,
        live: 2,
        unreadable: 0,
        inbox: 0,
        state: PlatformState::default(),
    }
}

fn known(daemon: Option<Health>) -> Known {
    Known {
        summary: Summary {
            platforms: vec![summary("salon"), summary("site")],
            bridges: Vec::new(),
        },
        guards: Vec::new(),
        runs: Vec::new(),
        daemon: daemon.map(|health| Status::of(&health)),
    }
}

fn health() -> Health {
    let plan = PollingPlan {
        near: Duration::from_millis(2_500),
        far: Duration::from_mins(20),
        notice: Duration::from_millis(1_250),
        chosen: false,
    };
    let trouble = Trouble {
        kind: None,
        text: "the key is wrong".to_owned(),
    };
    let platform = |name: &str| platform_health(PlatformName::new(name).unwrap());
    Health {
        turns: 7,
        platforms: vec![
            PlatformHealth {
                read_at: Some(minute(99)),
                plan: Some(plan),
                calls_waiting: 4,
                ..platform("salon")
            },
            PlatformHealth {
                down: Some((minute(90), trouble)),
                ..platform("site")
            },
        ],
        bridges: Vec::new(),
    }
}

fn words_of(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn intervals_and_trouble_are_shown_in_every_format() {
    let known = known(Some(health()));
    let shown = anstream::adapter::strip_str(&text(&known, minute(100))).to_string();
    let lines: Vec<String> = shown.lines().map(words_of).collect();
    for line in [
        "salon every 2.5 s every 20 min after about 1.2 s in reach",
        "site not planned yet not planned yet not planned yet down, 10 min ago: the key is wrong",
    ] {
        assert!(lines.contains(&line.to_owned()), "{line}\n{shown}");
    }
    let shown = markdown(&known, minute(100));
    assert!(
        shown.contains("| salon | every 2.5 s | every 20 min | after about 1.2 s | in reach |"),
        "{shown}"
    );
    let json = serde_json::to_value(rows(&known, minute(100))).unwrap();
    let salon = &json["platforms"][0];
    assert_eq!(json["daemon"], true);
    assert_eq!(
        (
            &salon["poll_near_ms"],
            &salon["poll_far_ms"],
            &salon["notice_ms"]
        ),
        (&2_500.into(), &1_200_000.into(), &1_250.into())
    );
    assert_eq!(
        (&salon["down_since"], &salon["calls_waiting"]),
        (&serde_json::Value::Null, &4.into())
    );
    let site = &json["platforms"][1];
    assert_eq!(site["down_since"], minute(90).to_string());
    assert_eq!(site["down_why"], "the key is wrong");
    // What was there before is still there.
    assert_eq!(
        (&site["name"], &site["records"]),
        (&"site".into(), &2.into())
    );
}

#[test]
fn without_a_daemon_status_says_so_and_the_json_keys_stay() {
    let known = known(None);
    assert!(text(&known, minute(100)).contains("No daemon runs"));
    assert!(markdown(&known, minute(100)).contains("No daemon runs"));
    let json = serde_json::to_value(rows(&known, minute(100))).unwrap();
    assert_eq!(json["daemon"], false);
    let salon = json["platforms"][0].as_object().unwrap();
    assert!(salon["notice_ms"].is_null() && salon.contains_key("down_since"));
}
