//! Replies and webhooks that nobody promised: nothing panics, every failure says where and why, and nothing of a client is
//! said. The fuzz targets go the same round.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use slotbridge_platform::testing::hostile::{self, NEXT_REPLY};

use crate::hostile::said;

/// What replies and webhooks are made of.
const KEYS: [&str; 18] = [
    "status",
    "data",
    "message",
    "event",
    "id",
    "record",
    "cooperator_id",
    "service_id",
    "branch_id",
    "duration",
    "name",
    "phone",
    "email",
    "comment",
    "available",
    "updated_at",
    "2031-05-06",
    "10:00",
];

fn in_virtual_time<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(story)
}

/// A fixture as replies show it.
fn dressed_as(value: Value, shape: usize) -> Value {
    match shape {
        0 => json!({"status": "ok", "data": value}),
        1 => json!({"event": "event-update-record", "data": value}),
        2 => json!({"status": "error", "message": "no", "data": value}),
        _ => value,
    }
}

/// The byte that tells a reply's status; none is a success.
fn statuses() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => Just(Vec::new()), 1 => (1_u8..=8).prop_map(|byte| vec![byte])]
}

proptest! {
    #[test]
    fn any_bytes_are_answered_with_words(input in proptest::collection::vec(any::<u8>(), 0..300)) {
        in_virtual_time(said(&input));
    }

    #[test]
    fn any_json_is_answered_with_words(replies in proptest::collection::vec((statuses(), any::<u64>()), 1..4)) {
        let parts: Vec<Vec<u8>> = replies
            .into_iter()
            .map(|(status, seed)| [status, hostile::invent(&KEYS, seed).to_string().into_bytes()].concat())
            .collect();
        in_virtual_time(said(&parts.join(&NEXT_REPLY)));
    }

    #[test]
    fn a_reply_with_something_odd_in_it_says_nothing_of_its_client(
        pick in any::<prop::sample::Index>(),
        shape in 0_usize..4,
        status in statuses(),
        seeds in proptest::collection::vec(any::<u64>(), 0..3),
        cut in proptest::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let all = hostile::fixtures(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"));
        prop_assert!(all.len() > 20, "the fixtures are gone");
        let fixture = pick.get(&all).clone();
        let private = hostile::private_texts(&fixture);
        let mut odd = dressed_as(fixture, shape);
        for seed in seeds {
            hostile::mutate(&mut odd, seed);
        }
        let mut input = [status, odd.to_string().into_bytes()].concat();
        if let Some(cut) = cut {
            input.truncate(cut.index(input.len()));
        }
        let said = in_virtual_time(said(&input));
        prop_assert_eq!(said.leaks(&private), Vec::<&str>::new(), "in {:?}", said.texts);
    }
}
