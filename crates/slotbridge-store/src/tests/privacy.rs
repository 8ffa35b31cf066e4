//! Nothing about clients gets out by way of `Debug` or errors.

use super::*;
use crate::{Body, Outcome};

#[tokio::test]
async fn handles_changes_and_rows_print_no_client_data() {
    let (_folder, path) = nowhere();
    let store = open(&path).unwrap();
    let changes = vec![
        began(1),
        seen(record("1", 0), 0),
        stored(1, live(0), 0),
        linked(1, salon(), Some("1"), shadow(0), 0),
        intent(1, update(1, &site()), second(0)),
        Change::Outcome {
            op: op_id(1),
            outcome: Outcome::Refused,
            remote_id: None,
            error: None,
            at: second(1),
        },
        Change::Conflict {
            bridge: main_bridge(),
            booking: booking_id(1),
            conflict: conflicts::phone(&[("salon", SECRET, 0)], None),
            at: second(0),
        },
        Change::Inbox {
            platform: salon(),
            id: None,
            body_hash: [7; 32],
            body: Body::from(SECRET.as_bytes().to_vec()),
            at: second(0),
        },
    ];
    let mut printed = format!("{store:?} {changes:?}");
    store.apply(changes).await.unwrap();
    write!(
        printed,
        "{:?} {:?} {:?} {:?} {:?}",
        store.mirror(&salon(), Timestamp::MIN).await.unwrap(),
        store.bridge(&main_bridge(), Timestamp::MIN).await.unwrap(),
        store.refusals(&main_bridge()).await.unwrap(),
        store.conflicts(None).await.unwrap(),
        store.inbox_pending(&salon()).await.unwrap(),
    )
    .unwrap();
    // As text, as bytes, and the fixture's other client data.
    let bytes = format!("{:?}", SECRET.as_bytes());
    for secret in [
        SECRET,
        bytes.trim_matches(['[', ']']),
        "+79000000001",
        "wants tea",
    ] {
        assert!(!printed.contains(secret), "{secret}");
    }
    // The rows were really printed.
    assert!(
        printed.contains("8886") && printed.contains("client.phone")
            || printed.contains("ClientPhone")
    );
}

#[tokio::test]
async fn what_was_erased_is_not_left_in_the_file() {
    let (_folder, path) = nowhere();
    let store = open(&path).unwrap();
    store.apply(vec![stored(1, live(0), 0)]).await.unwrap();
    store.clone().close().await.unwrap();
    let holds_secret = |path: &Path| {
        let file = fs::read(path).unwrap();
        file.windows(SECRET.len())
            .any(|window| window == SECRET.as_bytes())
    };
    assert!(holds_secret(&path));
    let store = open(&path).unwrap();
    store
        .apply(vec![stored(1, Presence::Gone, 1)])
        .await
        .unwrap();
    store.close().await.unwrap();
    assert!(!holds_secret(&path));
}
