//! What the page says after things have happened.

use std::sync::Arc;
use std::time::Duration;

use slotbridge_core::model::{BookingId, BridgeName};
use slotbridge_engine::event::{LookKind, PollingPlan, RunCause, Trouble};
use slotbridge_engine::report::OperationReport;

use super::table::TABLE;
use super::*;
use crate::control::testing::{bridge_health, platform_health};
use crate::render::tests::{bridge_report, operation};

fn platform(name: &str) -> PlatformName {
    PlatformName::new(name).unwrap()
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn metrics() -> Metrics {
    Metrics::new(second(1_000))
}

/// A loop that knows everything of one platform and one bridge.
fn health() -> Health {
    Health {
        turns: 9,
        platforms: vec![PlatformHealth {
            read_at: Some(second(2_000)),
            complete_at: Some(second(1_500)),
            plan: Some(PollingPlan {
                near: Duration::from_secs(5),
                far: Duration::from_mins(20),
                notice: Duration::from_millis(2_500),
                chosen: false,
            }),
            calls_waiting: 4,
            halvings: 2,
            pause_left: Duration::from_secs(7),
            ..platform_health(platform("salon"))
        }],
        bridges: vec![BridgeHealth {
            running_since: Some(second(2_100)),
            ran_at: Some(second(2_050)),
            journal_open: 3,
            journal_oldest: Some(second(1_900)),
            guards: 1,
            conflicts: 2,
            overlaps: 5,
            ..bridge_health(BridgeName::new("main").unwrap())
        }],
    }
}

fn look(trouble: Option<Trouble>, complete: bool) -> Event {
    Event::Looked {
        platform: platform("salon"),
        look: LookKind::Sweep,
        at: second(2_000),
        took: Duration::from_secs(3),
        calls: 2,
        changed: 4,
        complete,
        trouble,
    }
}

fn trouble() -> Trouble {
    Trouble {
        kind: None,
        text: "said by the platform".to_owned(),
    }
}

fn ran(dry_run: bool, operations: Vec<OperationReport>) -> Event {
    let mut report = bridge_report();
    report.operations = operations;
    Event::Ran {
        bridge: BridgeName::new("main").unwrap(),
        cause: RunCause::Hinted,
        at: second(2_000),
        took: Duration::from_millis(200),
        dry_run,
        report: Arc::new(report),
    }
}

fn done(outcome: OutcomeWord) -> OperationReport {
    OperationReport {
        op: "update",
        platform: platform("salon"),
        ..operation(outcome)
    }
}

#[track_caller]
fn assert_lines(page: &str, lines: &[&str]) {
    for line in lines {
        assert!(
            page.lines().any(|found| found == *line),
            "no {line:?} in\n{page}"
        );
    }
}

/// Metrics that have heard of everything.
fn busy() -> Metrics {
    let metrics = metrics();
    for event in [
        look(None, true),
        look(None, false),
        look(Some(trouble()), false),
        Event::Down {
            platform: platform("salon"),
            since: second(2_000),
            trouble: trouble(),
        },
        Event::Fresh {
            from: platform("salon"),
            to: platform("site"),
            op: "create",
            age: Duration::from_secs(4),
        },
        ran(
            false,
            vec![
                done(OutcomeWord::Applied),
                done(OutcomeWord::Applied),
                done(OutcomeWord::Unknown),
                done(OutcomeWord::Planned),
            ],
        ),
        ran(true, vec![done(OutcomeWord::Applied)]),
    ] {
        metrics.hear(&event);
    }
    metrics.called(&platform("salon"), CallOutcome::TooMany);
    metrics.webhook(Some(&platform("salon")), WebhookResult::Stored);
    metrics.webhook(None, WebhookResult::Forged);
    metrics.inbox(&[(platform("salon"), 6)]);
    metrics
}

#[test]
fn events_are_counted_where_they_belong() {
    let page = busy().page(&health());
    assert_lines(
        &page,
        &[
            r#"slotbridge_looks_total{platform="salon",look="sweep",outcome="complete"} 1"#,
            r#"slotbridge_looks_total{platform="salon",look="sweep",outcome="read"} 1"#,
            r#"slotbridge_looks_total{platform="salon",look="sweep",outcome="failed"} 1"#,
            r#"slotbridge_look_duration_seconds_sum{platform="salon",look="sweep"} 9.0"#,
            r#"slotbridge_look_duration_seconds_count{platform="salon",look="sweep"} 3"#,
            r#"slotbridge_records_changed_total{platform="salon"} 12"#,
            r#"slotbridge_platform_downs_total{platform="salon"} 1"#,
            r#"slotbridge_freshness_seconds_bucket{le="2.5",from="salon",to="site"} 0"#,
            r#"slotbridge_freshness_seconds_bucket{le="5.0",from="salon",to="site"} 1"#,
            r#"slotbridge_run_duration_seconds_count{bridge="main",cause="hinted"} 2"#,
            r#"slotbridge_operations_total{platform="salon",op="update",outcome="applied"} 2"#,
            r#"slotbridge_operations_total{platform="salon",op="update",outcome="unknown"} 1"#,
            r#"slotbridge_calls_total{platform="salon",outcome="429"} 1"#,
            r#"slotbridge_calls_total{platform="salon",outcome="5xx"} 0"#,
            r#"slotbridge_webhooks_total{platform="salon",result="stored"} 1"#,
            r#"slotbridge_webhooks_total{platform="unknown",result="forged"} 1"#,
            r#"slotbridge_inbox_waiting{platform="salon"} 6.0"#,
            "process_start_time_seconds{} 1000.0",
        ],
    );
    assert!(!page.contains(r#"outcome="planned""#), "{page}");
}

#[test]
fn the_health_is_shown_and_what_it_no_longer_says_is_gone() {
    let metrics = metrics();
    let page = metrics.page(&health());
    assert_lines(
        &page,
        &[
            r#"slotbridge_platform_up{platform="salon"} 1.0"#,
            r#"slotbridge_last_read_timestamp_seconds{platform="salon"} 2000.0"#,
            r#"slotbridge_last_complete_timestamp_seconds{platform="salon"} 1500.0"#,
            r#"slotbridge_polling_near_seconds{platform="salon"} 5.0"#,
            r#"slotbridge_polling_far_seconds{platform="salon"} 1200.0"#,
            r#"slotbridge_notice_seconds{platform="salon"} 2.5"#,
            r#"slotbridge_calls_waiting{platform="salon"} 4.0"#,
            r#"slotbridge_rate_halvings{platform="salon"} 2.0"#,
            r#"slotbridge_pause_left_seconds{platform="salon"} 7.0"#,
            r#"slotbridge_running_since_timestamp_seconds{bridge="main"} 2100.0"#,
            r#"slotbridge_last_run_timestamp_seconds{bridge="main"} 2050.0"#,
            r#"slotbridge_journal_open{bridge="main"} 3.0"#,
            r#"slotbridge_journal_oldest_timestamp_seconds{bridge="main"} 1900.0"#,
            r#"slotbridge_guards_latched{bridge="main"} 1.0"#,
            r#"slotbridge_conflicts_open{bridge="main"} 2.0"#,
            r#"slotbridge_overlaps{bridge="main"} 5.0"#,
            "slotbridge_loop_turns{} 9.0",
        ],
    );
    let mut health = health();
    health.platforms[0].down = Some((second(2_000), trouble()));
    health.bridges[0].journal_oldest = None;
    health.bridges[0].running_since = None;
    let page = metrics.page(&health);
    assert_lines(&page, &[r#"slotbridge_platform_up{platform="salon"} 0.0"#]);
    assert!(
        !page.contains("slotbridge_journal_oldest_timestamp_seconds{"),
        "{page}"
    );
    assert!(
        !page.contains("slotbridge_running_since_timestamp_seconds{"),
        "{page}"
    );
    let page = metrics.page(&Health::default());
    assert!(!page.contains("slotbridge_platform_up{"), "{page}");
}

#[test]
fn a_platform_that_was_never_read_is_neither_up_nor_down() {
    let health = Health {
        platforms: vec![platform_health(platform("salon"))],
        ..Health::default()
    };
    let page = metrics().page(&health);
    assert!(!page.contains("slotbridge_platform_up{"), "{page}");
}

#[test]
fn the_page_has_every_metric_of_the_table_with_its_meaning_and_ends_as_openmetrics_wants() {
    let page = busy().page(&health());
    for definition in TABLE {
        assert_lines(
            &page,
            &[&format!("# HELP {} {}.", definition.name, definition.help)],
        );
    }
    assert!(page.ends_with("# EOF\n"));
    let described = page
        .lines()
        .filter(|line| line.starts_with("# TYPE "))
        .count();
    assert_eq!(described, TABLE.len());
}

#[test]
fn no_id_and_no_word_of_a_platform_gets_into_the_page() {
    let metrics = metrics();
    let operation = OperationReport {
        error: Some("said by the platform".to_owned()),
        ..done(OutcomeWord::Refused)
    };
    let booking: BookingId = operation.booking;
    metrics.hear(&ran(false, vec![operation]));
    metrics.hear(&look(Some(trouble()), false));
    let mut health = health();
    health.platforms[0].down = Some((second(2_000), trouble()));
    let page = metrics.page(&health);
    for text in [booking.to_string(), "said by the platform".to_owned()] {
        assert!(!page.contains(&text), "{text} in\n{page}");
    }
}
