//! Creates, updates and removals over a transport that follows a script.

use slotbridge_core::model::{Client, Field, Private, RemoteId, ResourceKey};
use slotbridge_core::record::Record;
use slotbridge_platform::platform::Written;
use slotbridge_platform::{ErrorKind, Platform as _, Retry};

use super::conversion::plain;
use super::scripted::{bench, edit, id, marked, reply};
use super::{at, draft};

const CREATED: [&str; 2] = ["reply/created.json", "reply/created_as_text.json"];

/// Replies that name no record.
const NAMELESS: [&str; 4] = [
    "reply/created_without_id.json",
    "reply/nothing.json",
    "reply/null.json",
    "reply/words.json",
];

/// What an update is known or feared to answer.
const UPDATED: [&str; 6] = [
    "record/whole.json",
    "reply/id.json",
    "reply/nothing.json",
    "reply/null.json",
    "reply/empty_object.json",
    "reply/words.json",
];

pub(super) fn fixtures() -> Vec<&'static str> {
    [CREATED.as_slice(), &NAMELESS, &UPDATED].concat()
}

#[tokio::test(start_paused = true)]
async fn a_create_tells_the_id_of_the_new_record() {
    for path in CREATED {
        let bench = bench([reply(path)]);
        let written = bench.platform().create(&draft()).await.unwrap();
        assert_eq!(
            written,
            Written {
                id: RemoteId::new("7000456"),
                record: None
            },
            "{path}"
        );
        assert_eq!(bench.sent().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_whose_reply_names_no_record_may_have_landed() {
    for path in NAMELESS {
        let error = bench([reply(path)])
            .platform()
            .create(&draft())
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.retry),
            (ErrorKind::BadReply, Retry::AfterObserving),
            "{path}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_is_done_whatever_its_reply_shows() {
    for path in UPDATED {
        let bench = bench([reply(path)]);
        let edit = edit(&[Field::Slot], Some(plain()));
        let written = bench.platform().update(&id(), &edit).await.unwrap();
        assert_eq!(
            written,
            Written {
                id: id(),
                record: None
            },
            "{path}"
        );
        assert_eq!(
            bench.sent(),
            [r#"update-record {"id":7000123,"record":"2031-05-06 10:30:00","duration":60}"#]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_of_a_record_that_is_gone_says_so() {
    let bench = bench([reply("error/record_not_found.json")]);
    let error = bench
        .platform()
        .update(&id(), &edit(&[Field::Slot], None))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::NotFound, Retry::Never)
    );
}

#[tokio::test(start_paused = true)]
async fn a_comment_at_the_end_of_which_the_marker_stands_costs_no_read() {
    let with_marker = r#"{"id":7000123,"comment":"позвонить заранее\n[sb:00000000-0000-0000-0000-00000000000a]"}"#;
    let plain_text = r#"{"id":7000123,"comment":"позвонить заранее"}"#;
    for (expected, sent) in [
        (None, with_marker),
        (Some(marked(plain())), with_marker),
        (Some(plain()), plain_text),
    ] {
        let bench = bench([reply("reply/nothing.json")]);
        bench
            .platform()
            .update(&id(), &edit(&[Field::Comment], expected))
            .await
            .unwrap();
        assert_eq!(bench.sent(), [format!("update-record {sent}")]);
    }
}

#[tokio::test(start_paused = true)]
async fn with_a_field_set_aside_a_comment_is_written_where_the_marker_does_not_stand() {
    let read = r#"get-record {"id":7000123}"#;
    let plain_text = r#"update-record {"id":7000123,"comment":"позвонить заранее"}"#;
    let beside = r#"update-record {"id":7000123,"comment":"позвонить заранее\n[sb:00000000-0000-0000-0000-00000000000a]"}"#;
    let moved = r#"update-record {"id":7000123,"comment":"позвонить заранее","custom_field3":"sb:00000000-0000-0000-0000-00000000000a"}"#;
    for (path, sent) in [
        ("marker/in_the_field.json", plain_text),
        ("marker/in_the_comment.json", moved),
        ("marker/in_the_comment_beside_a_foreign_field.json", beside),
    ] {
        let mut bench = bench([reply(path), reply("reply/nothing.json")]);
        bench.config.marker_field = Some("custom_field3".parse().unwrap());
        let edit = edit(&[Field::Comment], Some(marked(plain())));
        bench.platform().update(&id(), &edit).await.unwrap();
        assert_eq!(bench.sent(), [read, sent], "{path}");
    }
    // Where there is no marker to keep, there is nothing to look for.
    let mut bench = bench([reply("reply/nothing.json")]);
    bench.config.marker_field = Some("custom_field3".parse().unwrap());
    bench
        .platform()
        .update(&id(), &edit(&[Field::Comment], Some(plain())))
        .await
        .unwrap();
    assert_eq!(bench.sent(), [plain_text]);
}

#[tokio::test(start_paused = true)]
async fn an_update_that_has_to_read_first_refuses_a_record_that_has_moved_on() {
    let others: [fn(&mut Record); 4] = [
        |record| record.start = at("2031-05-06T08:00:00Z"),
        |record| record.end = None,
        |record| record.resource = ResourceKey::new("1703"),
        |record| {
            record.client = Client {
                name: Private::new("Другая Проба"),
                ..Client::default()
            }
        },
    ];
    for change in others {
        let mut bench = bench([reply("marker/in_the_field.json")]);
        bench.config.marker_field = Some("custom_field3".parse().unwrap());
        let mut expected = marked(plain());
        change(&mut expected);
        let error = bench
            .platform()
            .update(&id(), &edit(&[Field::Comment], Some(expected)))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Stale);
        assert_eq!(bench.sent().len(), 1, "nothing was written");
    }
}

#[tokio::test(start_paused = true)]
async fn a_removal_cancels_once_and_is_content_when_it_is_done_already() {
    for path in [
        "reply/nothing.json",
        "reply/empty_object.json",
        "error/record_not_found.json",
        "error/already_cancelled.json",
        "error/already_cancelled_russian.json",
    ] {
        let bench = bench([reply(path)]);
        assert!(bench.platform().remove(&id()).await.is_ok(), "{path}");
        assert_eq!(
            bench.sent(),
            [r#"update-record {"id":7000123,"status":4}"#],
            "{path}"
        );
    }
    let error = bench([reply("error/other.json")])
        .platform()
        .remove(&id())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::Refused, Retry::Never)
    );
}
