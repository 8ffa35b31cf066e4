//! The socket: who may use it, what it does, and what happens to one that was left behind.

use std::os::unix::fs::PermissionsExt as _;

use slotbridge_core::model::PlatformName;
use slotbridge_platform::system_seam::SystemSeam;
use slotbridge_store::{Change, OpenOptions};
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use super::client::{ControlError, Daemon};
use super::testing::{bridge_health, platform_health};
use super::*;

struct Stage {
    folder: TempDir,
    parts: Parts,
    requests: UnboundedReceiver<Request>,
    shutdown: CancellationToken,
    serving: Option<JoinHandle<()>>,
}

fn main_bridge() -> BridgeName {
    BridgeName::new("main").unwrap()
}

fn second(second: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(second).unwrap()
}

impl Stage {
    fn database(&self) -> PathBuf {
        self.folder.path().join("slotbridge.db")
    }

    async fn begin(&mut self) {
        let socket = bind(&self.database(), Arc::clone(&self.parts.seam)).await;
        let serving = serve(socket.unwrap(), self.parts.clone(), self.shutdown.clone());
        self.serving = Some(tokio::spawn(serving));
    }

    fn daemon(&self) -> Daemon {
        Daemon::of(&self.database())
    }
}

fn stage() -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let options = OpenOptions {
        lock_wait: Duration::ZERO,
        holder: "slotbridge run".to_owned(),
    };
    let store = Store::open(&folder.path().join("slotbridge.db"), &options).unwrap();
    let (handle, requests) = Handle::new();
    handle.say(|health| {
        health.turns = 3;
        health.platforms = vec![platform_health(PlatformName::new("salon").unwrap())];
        health.bridges = vec![bridge_health(main_bridge())];
    });
    Stage {
        parts: Parts {
            store,
            handle,
            seam: Arc::new(SystemSeam::new()),
        },
        folder,
        requests,
        shutdown: CancellationToken::new(),
        serving: None,
    }
}

async fn latch(store: &Store, what: &str, plan: &str) {
    let guard = Change::Guard {
        bridge: main_bridge(),
        platform: PlatformName::new("salon").unwrap(),
        what: what.to_owned(),
        limit: 20,
        planned: 70,
        plan: plan.to_owned(),
        at: second(1_000),
    };
    store.apply(vec![guard]).await.unwrap();
}

#[tokio::test]
async fn approving_over_the_socket_approves_every_held_plan_and_asks_for_a_pass() {
    let mut stage = stage();
    latch(&stage.parts.store, "removals_max", "plan-1").await;
    latch(&stage.parts.store, "updates_max", "plan-2").await;
    stage.begin().await;
    let approved = stage.daemon().approve(&main_bridge()).await.unwrap();
    let whats: Vec<&str> = approved.guards.iter().map(|guard| &*guard.what).collect();
    assert_eq!(
        (&*approved.bridge, whats),
        ("main", vec!["removals_max", "updates_max"])
    );
    let guards = stage.parts.store.guards(&main_bridge()).await.unwrap();
    assert_eq!(guards.len(), 2);
    assert!(
        guards.iter().all(|guard| guard.approved_at.is_some()),
        "{guards:?}"
    );
    let request = Request::Sweep {
        bridge: Some(main_bridge()),
        asked: true,
    };
    assert_eq!(stage.requests.try_recv(), Ok(request));
}

#[tokio::test]
async fn where_nothing_is_held_nothing_is_approved_and_no_pass_is_asked_for() {
    let mut stage = stage();
    stage.begin().await;
    let approved = stage.daemon().approve(&main_bridge()).await.unwrap();
    assert_eq!(approved.guards, []);
    assert!(stage.requests.try_recv().is_err());
}

#[tokio::test]
async fn a_bridge_that_the_daemon_does_not_have_is_refused_in_words() {
    let mut stage = stage();
    stage.begin().await;
    let other = BridgeName::new("other").unwrap();
    let refused = stage.daemon().approve(&other).await.unwrap_err();
    assert!(matches!(refused, ControlError::Refused(_)), "{refused:?}");
    assert!(
        refused.to_string().contains("no bridge of this name"),
        "{refused}"
    );
}

#[tokio::test]
async fn the_status_is_that_of_the_loop() {
    let mut stage = stage();
    stage.begin().await;
    let status = stage.daemon().status().await.unwrap();
    assert_eq!(status.turns, 3);
    assert_eq!(status.platforms[0].name, "salon");
    assert_eq!(status.bridges[0].name, "main");
}

#[tokio::test]
async fn a_pass_over_one_bridge_or_all_is_asked_for() {
    let mut stage = stage();
    stage.begin().await;
    let client = reqwest::Client::builder()
        .unix_socket(path(&stage.database()))
        .no_proxy()
        .build()
        .unwrap();
    for (to, status, bridge) in [
        ("sweep", 202, Some(None)),
        ("sweep/main", 202, Some(Some(main_bridge()))),
        ("sweep/other", 404, None),
    ] {
        let url = format!("http://slotbridge/{to}");
        let reply = client.post(url).send().await.unwrap();
        assert_eq!(reply.status().as_u16(), status, "{to}");
        let asked = stage.requests.try_recv().ok();
        let expected = bridge.map(|bridge| Request::Sweep {
            bridge,
            asked: true,
        });
        assert_eq!(asked, expected, "{to}");
    }
}

#[tokio::test]
async fn the_socket_is_for_its_owner_only_and_goes_with_the_daemon() {
    let mut stage = stage();
    stage.begin().await;
    let socket = path(&stage.database());
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    stage.shutdown.cancel();
    stage.serving.take().unwrap().await.unwrap();
    assert!(!socket.exists());
    let gone = stage.daemon().status().await.unwrap_err();
    assert!(matches!(gone, ControlError::NotThere { .. }), "{gone:?}");
}

#[tokio::test]
async fn a_socket_that_a_killed_daemon_left_is_replaced_a_living_one_and_a_file_are_not() {
    let mut stage = stage();
    let socket = path(&stage.database());
    // A listener that is closed without its file being removed is what a kill leaves.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    assert!(socket.exists());
    let left = stage.daemon().status().await.unwrap_err();
    assert!(matches!(left, ControlError::NotThere { .. }), "{left:?}");
    stage.begin().await;
    stage.daemon().status().await.unwrap();

    let again = bind(&stage.database(), Arc::clone(&stage.parts.seam)).await;
    let text = format!("{:#}", again.unwrap_err());
    assert!(text.contains("another process answers"), "{text}");
    stage.daemon().status().await.unwrap();

    let other = stage.folder.path().join("other.db");
    std::fs::write(path(&other), "a file of somebody").unwrap();
    let refused = bind(&other, Arc::clone(&stage.parts.seam)).await;
    let text = format!("{:#}", refused.unwrap_err());
    assert!(text.contains("is not a socket"), "{text}");
    assert!(path(&other).exists());
}

#[tokio::test]
async fn a_database_that_fails_is_an_error_not_an_approval() {
    let mut stage = stage();
    latch(&stage.parts.store, "removals_max", "plan-1").await;
    stage.begin().await;
    stage.parts.store.clone().close().await.unwrap();
    let failed = stage.daemon().approve(&main_bridge()).await.unwrap_err();
    assert!(matches!(failed, ControlError::Refused(_)), "{failed:?}");
    assert!(stage.requests.try_recv().is_err());
}

/// A conflict over a client's phone, and its number.
async fn dispute(store: &Store) -> i64 {
    use slotbridge_core::merge::{Claim, Conflict, Presence, Stamp, Subject};
    use slotbridge_core::model::{BookingId, Field, FieldValue, Private};
    let claim = |name: &str, phone: &str| Claim {
        platform: PlatformName::new(name).unwrap(),
        value: Some(FieldValue::Text(Some(Private::new(phone)))),
        changed_at: second(900),
        stamp: Stamp::FirstSeen,
    };
    let booking = BookingId::from_u128(1);
    let changes = vec![
        Change::Booking {
            bridge: main_bridge(),
            id: booking,
            canonical: Presence::Live(crate::render::tests::booking()),
            at: second(900),
        },
        Change::Conflict {
            bridge: main_bridge(),
            booking,
            conflict: Conflict {
                subject: Subject::Field(Field::ClientPhone),
                claims: vec![
                    claim("salon", "+79000000001"),
                    claim("site", "+79000000002"),
                ],
                decided: None,
            },
            at: second(1_000),
        },
    ];
    store.apply(changes).await.unwrap();
    store.conflicts(None).await.unwrap()[0].id
}

#[tokio::test]
async fn deciding_over_the_socket_records_the_choice_and_asks_for_a_pass() {
    use slotbridge_core::merge::Choice;
    use slotbridge_core::model::{FieldValue, Private};
    let mut stage = stage();
    let conflict = dispute(&stage.parts.store).await;
    stage.begin().await;
    let phone = FieldValue::Text(Some(Private::new("+79000000003")));
    let salon = PlatformName::new("salon").unwrap();
    for (choice, replaced) in [(Choice::Take(salon), false), (Choice::Set(phone), true)] {
        let row = ChoiceRow::of(&choice);
        assert!(!format!("{row:?}").contains("+7900"), "{row:?}");
        let decided = stage.daemon().decide(conflict, row).await.unwrap();
        assert_eq!(
            (
                decided.conflict,
                &*decided.bridge,
                &*decided.field,
                decided.replaced
            ),
            (conflict, "main", "client.phone", replaced)
        );
        let row = stage.parts.store.conflict(conflict).await.unwrap().unwrap();
        assert_eq!(row.decision.map(|decision| decision.choice), Some(choice));
        let request = Request::Sweep {
            bridge: Some(main_bridge()),
            asked: true,
        };
        assert_eq!(stage.requests.try_recv(), Ok(request));
    }
    // What makes no sense is refused with the reason, and asks for nothing.
    let world = PlatformName::new("world").unwrap();
    for (conflict, choice, says) in [
        (conflict, Choice::Take(world), "world claims nothing"),
        (conflict + 1, Choice::Keep, "there is no conflict"),
    ] {
        let refused = stage
            .daemon()
            .decide(conflict, ChoiceRow::of(&choice))
            .await;
        let error = refused.unwrap_err();
        assert!(matches!(error, ControlError::Refused(_)), "{error:?}");
        assert!(error.to_string().contains(says), "{error}");
        assert!(stage.requests.try_recv().is_err());
    }
}

#[test]
fn every_choice_arrives_as_it_was_sent() {
    use slotbridge_core::merge::Choice;
    use slotbridge_core::model::Field;
    let booking = crate::render::tests::booking();
    let mut choices = vec![
        Choice::Keep,
        Choice::Take(PlatformName::new("salon").unwrap()),
    ];
    choices.extend(Field::ALL.map(|field| Choice::Set(booking.field(field))));
    for choice in choices {
        let sent = serde_json::to_string(&ChoiceRow::of(&choice)).unwrap();
        let received: ChoiceRow = serde_json::from_str(&sent).unwrap();
        assert_eq!(received.into_choice(), Some(choice));
    }
    for broken in [
        r#"{"take": "no name"}"#,
        r#"{"set": {"status": "asleep"}}"#,
        r#"{"set": {"slot": {"start": "2026-12-01T10:00:00Z", "end": "2026-12-01T09:00:00Z"}}}"#,
    ] {
        let row: ChoiceRow = serde_json::from_str(broken).unwrap();
        assert_eq!(row.into_choice(), None, "{broken}");
    }
}
