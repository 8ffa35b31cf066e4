//! What holds for the crate as a whole.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use crate::client::ApiParts;
use crate::gate::{Gate, GateSettings};
use crate::platform::Platform;
use crate::reqwest_transport::ReqwestTransport;
use crate::seam::{Seam, random_bytes};
use crate::system_seam::SystemSeam;
use crate::testing::{MemoryCallLog, VirtualSeam};
use crate::{ErrorKind, PlatformError, Retry};

/// Compiles only as long as the trait is object safe, and its objects can go to other threads.
#[expect(dead_code, reason = "that it compiles is the test")]
fn platforms_are_used_as_objects(platform: Arc<dyn Platform>) -> impl Send + Sync {
    platform
}

#[test]
fn an_error_prints_what_happened_with_its_context() {
    let error = PlatformError::new(
        ErrorKind::Refused,
        Retry::Never,
        "records.create",
        "the day is closed",
    );
    let error = error.with("status", 422).with("platform", "salon");
    assert_eq!(
        error.to_string(),
        "records.create: the day is closed (status 422) (platform salon)"
    );
    assert_eq!(error.may_have_landed().retry, Retry::AfterObserving);
}

#[test]
fn the_systems_randomness_does_not_repeat_and_its_clock_does_not_go_back() {
    let (one, other) = (SystemSeam::new(), SystemSeam::new());
    let drawn: BTreeSet<u64> = (0..100)
        .flat_map(|_| [one.random(), other.random()])
        .collect();
    assert_eq!(drawn.len(), 200);
    let (before, after) = (one.elapsed(), one.elapsed());
    assert!(before <= after);
    assert!(one.now().as_second() > 1_700_000_000);
}

#[tokio::test(start_paused = true)]
async fn virtual_time_passes_only_by_waiting_and_one_seed_gives_one_run() {
    let start: jiff::Timestamp = "2026-12-01T09:00:00Z".parse().unwrap();
    let (one, same, other) = (
        VirtualSeam::new(start, 7),
        VirtualSeam::new(start, 7),
        VirtualSeam::new(start, 8),
    );
    let bytes = random_bytes(&one);
    assert_eq!(bytes, random_bytes(&same));
    assert_ne!(bytes, random_bytes(&other));
    assert_eq!((one.now(), one.elapsed()), (start, Duration::ZERO));
    one.sleep(Duration::from_hours(1)).await;
    assert_eq!(
        (one.now().to_string(), one.elapsed()),
        ("2026-12-01T10:00:00Z".to_owned(), Duration::from_hours(1))
    );
    one.set_wall_clock(jiff::SignedDuration::from_hours(-2));
    assert_eq!(
        (one.now().to_string(), one.elapsed()),
        ("2026-12-01T08:00:00Z".to_owned(), Duration::from_hours(1))
    );
}

#[tokio::test(start_paused = true)]
async fn parts_print_without_keys() {
    let seam: Arc<dyn Seam> = Arc::new(VirtualSeam::new(jiff::Timestamp::UNIX_EPOCH, 1));
    let settings = GateSettings {
        scope: "scope".to_owned(),
        quotas: Vec::new(),
        parallel: 1,
    };
    let gate = Gate::open(
        settings,
        Arc::clone(&seam),
        Arc::new(MemoryCallLog::default()),
    )
    .unwrap();
    let mut headers = http::HeaderMap::new();
    headers.insert("x-key", http::HeaderValue::from_static("planted-key"));
    let parts = ApiParts {
        platform: slotbridge_core::model::PlatformName::new("salon").unwrap(),
        transport: Arc::new(ReqwestTransport::new().unwrap()),
        gate,
        seam,
        base_url: "https://user:planted-key@api.example.com".to_owned(),
        timeout: Duration::from_secs(30),
        headers,
        secrets: vec![SecretString::from("planted-key")],
    };
    let printed = format!("{parts:?}");
    let api = crate::client::Api::new(parts);
    let printed = format!(
        "{printed} {api:?} {:?}",
        api.scrub("the key planted-key is wrong")
    );
    assert!(printed.contains("salon"), "{printed}");
    assert!(!printed.contains("planted"), "{printed}");
}
