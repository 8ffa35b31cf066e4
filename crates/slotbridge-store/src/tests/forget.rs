//! Erasing clients: what goes, what stays, and what does not come back.

use slotbridge_core::record::RecordState;

use slotbridge_core::merge::Choice;
use slotbridge_core::model::FieldValue;

use super::*;
use crate::{Body, DecisionState, Erased, Outcome};

/// Far after everything in these tests.
const LATER: i64 = 10_000_000;

async fn erase(store: &Store, now: i64, to_come_too: bool) -> Erased {
    let phones = vec!["+79000000001".to_owned()];
    store
        .erase_client(phones, Vec::new(), second(now), to_come_too)
        .await
        .unwrap()
}

/// One booking with a record on each platform, everything that is noted about it, and what belongs to somebody else.
fn planted() -> Vec<Change> {
    let mut other = record("other", 0);
    other.client = Client {
        name: Private::new("Somebody Else"),
        phone: Some(Private::new("+79000000009")),
        email: None,
    };
    other.comment = Private::default();
    let mut narrow = record("2", 0);
    narrow.client = Client::default();
    vec![
        began(1),
        seen(record("1", 0), 0),
        Change::MirrorSeen {
            platform: site(),
            record: narrow,
            at: second(0),
        },
        seen(other, 0),
        stored(1, live(0), 0),
        linked(1, salon(), Some("1"), shadow(0), 0),
        linked(1, site(), Some("2"), shadow(0), 0),
        intent(1, update(1, &site()), second(0)),
        came_out(1, Outcome::Applied, 1),
        Change::Conflict {
            bridge: main_bridge(),
            booking: booking_id(1),
            conflict: conflicts::phone(&[("salon", "+79000000001", 0), ("site", "2", 1)], None),
            at: second(0),
        },
        webhook(1, "1", "{\"phone\": \"8 (900) 000-00-01\"}"),
        webhook(2, "unknown", "{\"phone\": \"8 (900) 000-00-01\"}"),
        webhook(3, "1", "{\"phone\": \"8 (900) 000-00-09\"}"),
    ]
}

fn webhook(n: u8, id: &str, body: &str) -> Change {
    Change::Inbox {
        platform: salon(),
        id: Some(remote(id)),
        body_hash: [n; 32],
        body: Body::from(body.as_bytes().to_vec()),
        at: second(0),
    }
}

fn came_out(op: u128, outcome: Outcome, at: i64) -> Change {
    Change::Outcome {
        op: op_id(op),
        outcome,
        remote_id: None,
        error: None,
        at: second(at),
    }
}

async fn row(store: &Store, id: &str) -> crate::MirrorRow {
    let rows = store.mirror_rows(&salon(), vec![remote(id)]).await.unwrap();
    rows.into_iter().next().unwrap()
}

#[tokio::test]
async fn everything_of_the_client_goes_and_ids_links_and_times_stay() {
    everywhere(async |store| {
        store.apply(planted()).await.unwrap();
        let before = store.bridge(&main_bridge(), Timestamp::MIN).await.unwrap();
        let erased = erase(&store, LATER, false).await;
        let counts = (
            erased.bookings,
            erased.records,
            erased.operations,
            erased.conflicts,
            erased.webhooks,
            erased.open,
        );
        // The narrow record has a comment only. The webhook about an unknown record waits for its pass.
        assert_eq!(counts, (1, 2, 1, 1, 1, 1));
        let after = store.bridge(&main_bridge(), Timestamp::MIN).await.unwrap();
        let printed = format!("{:?}", store.journal_of_run(run_id(1)).await.unwrap());
        assert!(printed.contains("is_erased: true"), "{printed}");
        assert!(after.bookings[0].is_erased && after.links.iter().all(|link| link.is_erased));
        let blank = |presence: &Presence| {
            let booking = presence.live().unwrap();
            (
                booking.client == Client::default() && booking.comment.is_blank(),
                booking.slot,
                booking.resource.clone(),
            )
        };
        assert_eq!(
            blank(&after.bookings[0].canonical),
            (true, booking(0).slot, booking(0).resource)
        );
        for (link, was) in after.links.iter().zip(&before.links) {
            assert!(blank(&link.shadow.kept).0 && blank(&link.shadow.agreed).0);
            assert_eq!((&link.remote_id, link.at), (&was.remote_id, was.at));
        }
        // Nobody can decide about it any more.
        assert_eq!(store.conflicts(None).await.unwrap(), []);
        let over = store.conflict(1).await.unwrap().unwrap();
        assert!(over.closed);
        let values: Vec<_> = over
            .conflict
            .claims
            .iter()
            .map(|claim| claim.value.clone())
            .collect();
        assert_eq!(
            values,
            [Some(FieldValue::Text(None)), Some(FieldValue::Text(None))]
        );
        assert!(!row(&store, "other").await.is_erased);
        assert!(row(&store, "other").await.record.client.phone.is_some());
        assert_eq!(store.inbox_pending(&salon()).await.unwrap().len(), 2);
        // The second time finds only what waits.
        let again = erase(&store, LATER, false).await;
        assert!(again.is_nothing() && again.open == 1, "{again:?}");
    })
    .await;
}

#[tokio::test]
async fn a_record_that_is_over_does_not_bring_its_client_back() {
    everywhere(async |store| {
        store.apply(planted()).await.unwrap();
        erase(&store, LATER, false).await;
        let erased = row(&store, "1").await;
        assert_eq!(erased.record.client, Client::default());
        // The same again, another spelling, and the removal of it.
        let mut noisy = record("1", 0);
        noisy.comment = Private::new("another comment");
        let mut deleted = noisy.clone();
        deleted.state = RecordState::Deleted;
        for shown in [record("1", 0), noisy, deleted] {
            store.apply(vec![seen(shown.clone(), LATER)]).await.unwrap();
            let now = row(&store, "1").await;
            assert!(now.is_erased && now.record.comment.is_blank());
            assert_eq!(now.record.client, Client::default());
            assert_eq!(now.record.state, shown.state);
        }
        // Moved to a time that is still to come, it is a booking like any other again.
        store
            .apply(vec![seen(record("1", LATER + 3_600), LATER)])
            .await
            .unwrap();
        assert_eq!(row(&store, "1").await.record, record("1", LATER + 3_600));
    })
    .await;
}

#[tokio::test]
async fn what_is_to_come_is_only_erased_when_it_is_meant_and_comes_back() {
    everywhere(async |store| {
        store.apply(planted()).await.unwrap();
        let left = erase(&store, -1, false).await;
        assert!(
            left.operations + left.bookings + left.records == 0,
            "{left:?}"
        );
        let [to_come] = &left.to_come[..] else {
            panic!("{left:?}")
        };
        assert_eq!(to_come.starts_at, second(0));
        assert_eq!(to_come.platforms, ["salon", "site"]);
        let erased = erase(&store, -1, true).await;
        assert_eq!((erased.bookings, erased.records), (1, 2));
        assert!(row(&store, "1").await.is_erased);
        store.apply(vec![seen(record("1", 0), -1)]).await.unwrap();
        let back = row(&store, "1").await;
        assert_eq!((back.record, back.is_erased), (record("1", 0), false));
        assert_eq!(back.noticed_at, second(0), "coming back is no change");
    })
    .await;
}

/// What a person wants of the conflict that [`planted`] plants.
fn decided(choice: Choice) -> Change {
    Change::Decision {
        conflict: 1,
        choice,
        at: second(2),
    }
}

#[tokio::test]
async fn what_a_person_decided_goes_too_and_does_not_wait_any_more() {
    let own = || Choice::Set(FieldValue::Text(Some(Private::new("+79000000001"))));
    for (choice, to_come) in [(own(), false), (own(), true), (Choice::Take(salon()), true)] {
        everywhere(async |store| {
            store.apply(planted()).await.unwrap();
            store.apply(vec![decided(choice.clone())]).await.unwrap();
            let erased = erase(&store, if to_come { -1 } else { LATER }, true).await;
            assert_eq!((erased.bookings, erased.conflicts), (1, 1));
            let row = store.conflict(1).await.unwrap().unwrap();
            let decision = row.decision.unwrap();
            assert_eq!(decision.state, DecisionState::Void);
            let blank = FieldValue::Text(None);
            let expected = match &choice {
                Choice::Set(_) => Choice::Set(blank.clone()),
                Choice::Take(_) | Choice::Keep => choice.clone(),
            };
            assert_eq!(decision.choice, expected);
            let blanks = decision
                .claims
                .iter()
                .all(|claim| claim.value == Some(blank.clone()));
            assert!(blanks, "{:?}", decision.claims);
            // Of a booking to come the platforms will tell again.
            assert_eq!(row.closed, !to_come);
            assert!(erase(&store, LATER, true).await.conflicts == 0);
        })
        .await;
    }
}

#[tokio::test]
async fn a_client_is_found_by_what_only_a_decision_holds() {
    everywhere(async |store| {
        store.apply(planted()).await.unwrap();
        let choice = Choice::Set(FieldValue::Text(Some(Private::new("8 (900) 000-00-05"))));
        store.apply(vec![decided(choice)]).await.unwrap();
        let phones = vec!["+79000000005".to_owned(), "89000000005".to_owned()];
        let erased = store.erase_client(phones, Vec::new(), second(LATER), false);
        assert_eq!(erased.await.unwrap().bookings, 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_over_and_gone_is_erased_after_a_while_although_no_record_is_left() {
    everywhere(async |store| {
        store
            .apply(vec![
                began(1),
                stored(1, live(0), 0),
                linked(1, site(), None, shadow(0), 0),
                intent(1, remove(1, &site()), second(0)),
                came_out(1, Outcome::Applied, 1),
                stored(1, Presence::Gone, 2),
            ])
            .await
            .unwrap();
        let erased = store.erase_over(second(400_000)).await.unwrap();
        assert_eq!((erased.bookings, erased.operations), (1, 1), "{erased:?}");
        let again = store.erase_over(second(400_000)).await.unwrap();
        assert_eq!(again, Erased::default());
    })
    .await;
}

#[tokio::test]
async fn a_waiting_webhook_is_found_in_every_spelling() {
    let bodies: [&[u8]; 9] = [
        b"{\"phone\": \"+7 900 000-00-01\"}",
        b"{\"phone\": 79000000001}",
        b"phone=%2B7%20900%20000%2000%2001",
        b"phone=8+%28900%29+000-00-01",
        b"{\"phone\": \"\\u002b7\\u00209000000001\"}",
        b"{\"email\": \"Vera.Test+Salon@Example.com\"}",
        b"{\"email\": \"vera.test\\u002bsalon\\u0040example.com\"}",
        b"email=vera.test%2Bsalon%40example.com",
        b"{\"comment\": \"call 89000000001 first\"}",
    ];
    everywhere(async |store| {
        let mut changes = vec![seen(record("1", 0), 0)];
        for (n, body) in (1..).zip(bodies) {
            changes.push(webhook(n, "1", std::str::from_utf8(body).unwrap()));
        }
        changes.push(webhook(
            99,
            "1",
            "{\"phone\": \"+79000000009\", \"email\": \"x@example.com\"}",
        ));
        store.apply(changes).await.unwrap();
        let emails = vec!["vera.test+salon@example.com".to_owned()];
        let phones = vec!["+79000000001".to_owned()];
        let erased = store
            .erase_client(phones, emails, second(LATER), false)
            .await
            .unwrap();
        assert_eq!(erased.webhooks, 9);
        assert_eq!(store.inbox_pending(&salon()).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_under_way_is_left() {
    everywhere(async |store| {
        store.apply(planted()).await.unwrap();
        store
            .apply(vec![intent(2, remove(1, &site()), second(5))])
            .await
            .unwrap();
        let left = erase(&store, LATER, true).await;
        assert_eq!((left.bookings, left.records, left.open), (0, 0, 2));
        assert!(!row(&store, "1").await.is_erased);
    })
    .await;
}

#[tokio::test]
async fn what_is_over_for_long_is_erased_and_what_is_not_stays() {
    everywhere(async |store| {
        store.apply(planted()).await.unwrap();
        let mut late = record("late", 500_000);
        late.client.phone = Some(Private::new("+79000000007"));
        store
            .apply(vec![
                seen(late, 0),
                stored(2, live(500_000), 0),
                linked(2, salon(), Some("late"), shadow(500_000), 0),
            ])
            .await
            .unwrap();
        let erased = store.erase_over(second(400_000)).await.unwrap();
        // The booking's two records, and one that belongs to no booking.
        assert_eq!((erased.bookings, erased.records), (1, 3), "{erased:?}");
        assert!(row(&store, "1").await.is_erased && row(&store, "other").await.is_erased);
        assert!(!row(&store, "late").await.is_erased);
        let again = store.erase_over(second(400_000)).await.unwrap();
        assert_eq!(again, Erased::default());
    })
    .await;
}

/// What of the client stands in which file of a folder, the log of calls among them.
fn traces(folder: &Path) -> Vec<String> {
    let planted = [
        SECRET,
        "79000000001",
        "9000000001",
        "900) 000-00-01",
        "@example.com",
        "wants tea",
        "wants another",
    ];
    let mut found = Vec::new();
    for (file, (_mode, bytes)) in listing(folder) {
        for text in planted {
            let there = bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes());
            if there {
                found.push(format!("{text} in {file}"));
            }
        }
    }
    found
}

/// Everything that holds client data, and enough of it for pages to be split and joined.
async fn filled(path: &Path) -> Store {
    let store = open(path).unwrap();
    // A webhook about a record that nobody knows waits for its pass.
    let known = |change: &Change| !matches!(change, Change::Inbox { id: Some(id), .. } if id.as_str() == "unknown");
    let mut all: Vec<Change> = planted().into_iter().filter(known).collect();
    all.push(decided(Choice::Set(FieldValue::Text(Some(Private::new(
        format!("{SECRET} wants another"),
    ))))));
    for n in 10..400_u32 {
        let (id, start) = (n.to_string(), i64::from(n));
        all.push(seen(record(&id, start), 0));
        all.push(stored(u128::from(n), live(start), 0));
        all.push(linked(u128::from(n), salon(), Some(&id), shadow(start), 0));
    }
    store.apply(all).await.unwrap();
    let calls = crate::CallJournal::open(path).unwrap();
    calls
        .note("https://api.example.com +79000000001", second(0))
        .unwrap();
    store
}

#[tokio::test]
async fn nothing_is_left_in_any_file_of_one_client_nor_of_what_is_over_for_long() {
    for after_a_while in [false, true] {
        let (folder, path) = nowhere();
        let store = filled(&path).await;
        assert!(
            traces(folder.path()).len() > 4,
            "{:?}",
            traces(folder.path())
        );
        let emptied = if after_a_while {
            store.erase_over(second(LATER)).await.unwrap();
            // What waits belongs to the next pass, and is gone with it.
            let waiting = store.inbox_pending(&salon()).await.unwrap();
            let rows = waiting.iter().map(|row| row.id).collect();
            store.apply(vec![Change::InboxDone { rows }]).await.unwrap();
            store.scrub_if_small().await.unwrap()
        } else {
            erase(&store, LATER, false).await;
            store.scrub().await.unwrap()
        };
        assert!(emptied);
        // While it is open, so that the log is looked at too.
        assert_eq!(
            traces(folder.path()),
            Vec::<String>::new(),
            "{after_a_while}"
        );
    }
}

/// Columns of text or bytes that erasing looks through.
const HOLD_CLIENTS: [&str; 8] = [
    "booking.content",
    "conflict.claims",
    "decision.choice",
    "decision.claims",
    "inbox.body",
    "journal.operation",
    "link.shadow",
    "mirror_record.content",
];

/// The others, and what stands there instead.
const HOLD_NONE: [(&str, &str); 54] = [
    ("booking.bridge", "a name of the config"),
    ("booking.id", "our id"),
    ("conflict.booking", "our id"),
    ("conflict.bridge", "a name of the config"),
    ("conflict.decided", "a name of the config"),
    ("conflict.decided_by", "a word of ours"),
    ("conflict.subject", "a word of ours"),
    ("decision.state", "a word of ours"),
    ("guard.bridge", "a name of the config"),
    ("guard.plan", "a hash"),
    ("guard.platform", "a name of the config"),
    ("guard.what", "a word of ours"),
    ("inbox.body_hash", "a hash of a whole body"),
    ("inbox.platform", "a name of the config"),
    ("inbox.remote_id", "the platform's id of a record"),
    ("journal.action", "a word of ours"),
    ("journal.booking", "our id"),
    ("journal.bridge", "a name of the config"),
    ("journal.error", "scrubbed where it is made"),
    ("journal.fingerprint", "a hash"),
    ("journal.op", "our id"),
    ("journal.platform", "a name of the config"),
    ("journal.remote_id", "the platform's id of a record"),
    ("journal.run", "our id"),
    ("journal.state", "a word of ours"),
    ("link.booking", "our id"),
    ("link.bridge", "a name of the config"),
    ("link.platform", "a name of the config"),
    ("link.remote_id", "the platform's id of a record"),
    ("mirror_record.hash", "a hash of a whole record"),
    ("mirror_record.platform", "a name of the config"),
    ("mirror_record.remote_id", "the platform's id of a record"),
    ("mirror_record.state", "a word of ours"),
    ("notice.kind", "a word of ours"),
    ("notice.subject", "names and ids of ours"),
    ("past_link.booking", "our id"),
    ("past_link.bridge", "a name of the config"),
    ("past_link.platform", "a name of the config"),
    ("past_link.remote_id", "the platform's id of a record"),
    ("platform.cursor", "an instant in the platform's spelling"),
    ("platform.name", "a name of the config"),
    ("platform.time_zone", "a zone"),
    ("quarantine.platform", "a name of the config"),
    ("quarantine.remote_id", "the platform's id of a record"),
    ("quarantine.why", "scrubbed where it is made"),
    ("run.id", "our id"),
    ("run.kind", "a word of ours"),
    ("run.totals", "numbers"),
    ("schedule.name", "a word of ours"),
    ("schema_history.applied_by", "a version"),
    ("schema_history.hash", "a hash of a migration"),
    ("schema_history.name", "a migration's name"),
    ("sighting.platform", "a name of the config"),
    ("sighting.resource", "the platform's id of a resource"),
];

#[test]
fn every_column_that_could_hold_a_client_is_accounted_for() {
    let (_folder, path) = nowhere();
    drop(open(&path).unwrap());
    let conn = rusqlite::Connection::open(&path).unwrap();
    let mut statement = conn
        .prepare(
            "SELECT t.name || '.' || c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND c.type IN ('TEXT', 'BLOB')",
        )
        .unwrap();
    let columns: BTreeSet<String> = statement
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let accounted: BTreeSet<String> = HOLD_CLIENTS
        .into_iter()
        .chain(HOLD_NONE.map(|(column, _why)| column))
        .map(str::to_owned)
        .collect();
    assert_eq!(columns, accounted);
}
