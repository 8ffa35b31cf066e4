//! Creates, updates, removals and reads over a script: which calls are made, and what is made of the replies.

use serde_json::{Map, Value};
use slotbridge_core::model::{Field, Private, RemoteId};
use slotbridge_core::record::{Reading, Record};
use slotbridge_platform::platform::{Draft, Edit, Priority};
use slotbridge_platform::{ErrorKind, Platform, Retry};

use super::support::{
    PHONE, RowChange, Setup, answer, draft, fixture, page, plain, read, replies, single,
};

fn edit(fields: &[Field], expected: &Record) -> Edit {
    let desired = Draft {
        comment: Private::new("с собакой"),
        ..draft()
    };
    Edit {
        desired,
        fields: fields.iter().copied().collect(),
        expected: Some(Box::new(expected.clone())),
    }
}

fn id() -> RemoteId {
    RemoteId::new("880011")
}

#[tokio::test(start_paused = true)]
async fn an_update_reads_first_and_takes_the_whole_reply_for_the_record() {
    let mut after = plain();
    after.insert("comment".to_owned(), "с собакой".into());
    let scripted =
        Setup::default().play([answer(200, single(&plain())), answer(201, single(&after))]);
    let written = scripted
        .platform
        .update(&id(), &edit(&[Field::Comment], &read(&plain())))
        .await
        .unwrap();
    assert_eq!(written.record.as_deref(), Some(&read(&after)));
    assert_eq!(
        scripted.asked(),
        ["GET /record/7001/880011", "PUT /record/7001/880011"]
    );
    assert_eq!(scripted.body(1)["comment"], "с собакой");
}

#[tokio::test(start_paused = true)]
async fn a_reduced_or_odd_reply_leaves_the_record_to_be_read() {
    for (status, body) in [
        (200, fixture("replies/record_reduced.json")),
        (201, fixture("replies/garbage.json")),
        (200, single(&Map::new())),
    ] {
        let scripted = Setup::default().play([answer(200, single(&plain())), answer(status, body)]);
        let written = scripted
            .platform
            .update(&id(), &edit(&[Field::Comment], &read(&plain())))
            .await
            .unwrap();
        assert_eq!((written.id, written.record), (id(), None));
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_is_stale_when_what_it_rests_on_has_moved() {
    let table: [(RowChange, bool); 10] = [
        (
            |row| drop(row.insert("date".to_owned(), "2031-05-06 11:00:00".into())),
            true,
        ),
        (
            |row| drop(row.insert("seance_length".to_owned(), 1800.into())),
            true,
        ),
        (
            |row| drop(row.insert("staff_id".to_owned(), 311.into())),
            true,
        ),
        (
            |row| drop(row.insert("deleted".to_owned(), true.into())),
            true,
        ),
        (|row| row["client"]["name"] = "Анна".into(), true),
        (|row| row["client"]["phone"] = "+79000000003".into(), true),
        (
            |row| row["client"]["email"] = "anna@example.com".into(),
            true,
        ),
        (
            |row| drop(row.insert("comment".to_owned(), "другое".into())),
            true,
        ),
        // What is not written is not overwritten.
        (
            |row| drop(row.insert("attendance".to_owned(), 1.into())),
            false,
        ),
        (
            |row| drop(row.insert("custom_color".to_owned(), "f44336".into())),
            false,
        ),
    ];
    for (place, (change, stale)) in table.into_iter().enumerate() {
        let mut now = plain();
        change(&mut now);
        let scripted =
            Setup::default().play([answer(200, single(&now)), answer(201, single(&plain()))]);
        match scripted
            .platform
            .update(&id(), &edit(&[Field::Comment], &read(&plain())))
            .await
        {
            Ok(_) => assert!(!stale, "{place}"),
            Err(error) => assert_eq!(
                (error.kind, error.retry, stale),
                (ErrorKind::Stale, Retry::Later, true),
                "{place}"
            ),
        }
        assert_eq!(scripted.asked().len(), if stale { 1 } else { 2 }, "{place}");
    }
}

#[tokio::test(start_paused = true)]
async fn records_that_are_not_ours_to_write_are_refused_without_a_write() {
    let table: [(RowChange, &str); 4] = [
        (
            |row| drop(row.insert("deleted".to_owned(), true.into())),
            "deleted",
        ),
        (
            |row| drop(row.insert("activity_id".to_owned(), 61001.into())),
            "group event",
        ),
        (
            |row| drop(row.insert("clients_count".to_owned(), 2.into())),
            "several seats",
        ),
        (
            |row| drop(row.insert("attendance".to_owned(), 7.into())),
            "cannot be read",
        ),
    ];
    for (change, word) in table {
        let mut now = plain();
        change(&mut now);
        let scripted = Setup::default().play([answer(200, single(&now))]);
        let edit = Edit {
            expected: None,
            ..edit(&[Field::Comment], &read(&plain()))
        };
        let error = scripted
            .platform
            .update(&id(), &edit)
            .await
            .expect_err(word);
        assert_eq!(
            (error.kind, error.retry),
            (ErrorKind::Refused, Retry::Never),
            "{word}"
        );
        assert!(error.message.contains(word), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_of_a_record_that_is_gone_finds_nothing() {
    let scripted = Setup::default().play([replies(404, "errors/404_record.json")]);
    let error = scripted
        .platform
        .update(&id(), &edit(&[Field::Comment], &read(&plain())))
        .await
        .expect_err("gone");
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::NotFound, Retry::Never)
    );
}

#[tokio::test(start_paused = true)]
async fn a_record_whose_phone_is_hidden_is_not_written_back() {
    let with_phone = |phone: &str| {
        let mut row = plain();
        row["client"]["phone"] = phone.into();
        answer(200, single(&row))
    };
    let comment = || Edit {
        expected: None,
        ..edit(&[Field::Comment], &read(&plain()))
    };
    // Stars tell by themselves.
    let scripted = Setup::default().play([with_phone("+7900***02")]);
    assert_eq!(
        scripted
            .platform
            .update(&id(), &comment())
            .await
            .expect_err("stars")
            .kind,
        ErrorKind::Forbidden
    );
    // An empty phone may be one that is not shown: the rights tell, and are asked once.
    let scripted = Setup::default().play([
        with_phone(""),
        replies(200, "replies/permissions_poor.json"),
        with_phone(""),
    ]);
    for _ in 0..2 {
        let error = scripted
            .platform
            .update(&id(), &comment())
            .await
            .expect_err("hidden");
        assert_eq!(
            (error.kind, error.retry),
            (ErrorKind::Forbidden, Retry::Never)
        );
        assert!(error.message.contains("timetable_phones_access"), "{error}");
    }
    // With the right, it is a client without a phone.
    let scripted = Setup::default().play([
        with_phone(""),
        replies(200, "replies/permissions.json"),
        answer(200, single(&plain())),
    ]);
    assert!(scripted.platform.update(&id(), &comment()).await.is_ok());
    // And once any phone was seen, nothing is asked.
    let scripted = Setup::default().play([
        with_phone(PHONE),
        with_phone(""),
        answer(200, single(&plain())),
    ]);
    assert!(matches!(
        scripted.platform.read(&id(), Priority::Poll).await,
        Ok(Reading::Found(_))
    ));
    assert!(scripted.platform.update(&id(), &comment()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_create_takes_the_reply_in_any_of_its_shapes() {
    let whole = read(&plain());
    let list = page(&[Value::Object(plain())], 1);
    for (body, record) in [
        (single(&plain()), true),
        (list, true),
        (fixture("replies/record_reduced.json"), false),
    ] {
        let scripted = Setup::default().play([answer(201, body)]);
        let written = scripted.platform.create(&draft()).await.unwrap();
        assert_eq!(written.record.as_deref(), record.then_some(&whole));
        assert_eq!(
            written.id.as_str(),
            if record { "880011" } else { "880012" }
        );
        assert_eq!(scripted.asked(), ["POST /records/7001"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_without_a_usable_reply_may_have_landed() {
    let two = page(&[Value::Object(plain()), Value::Object(plain())], 2);
    for body in [
        fixture("replies/garbage.json"),
        two,
        page(&[], 0),
        single(&Map::new()),
    ] {
        let scripted = Setup::default().play([answer(201, body)]);
        let error = scripted.platform.create(&draft()).await.expect_err("no id");
        assert_eq!(
            (error.kind, error.retry),
            (ErrorKind::BadReply, Retry::AfterObserving)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_removal_succeeds_when_the_record_is_gone_already() {
    let mut deleted = plain();
    deleted.insert("deleted".to_owned(), true.into());
    let not_found = || replies(404, "errors/404_record.json");
    for (scenes, outcome) in [
        (vec![answer(204, "")], Ok(())),
        (vec![not_found(), not_found()], Ok(())),
        (vec![not_found(), answer(200, single(&deleted))], Ok(())),
        (
            vec![not_found(), answer(200, single(&plain()))],
            Err(ErrorKind::NotFound),
        ),
        (
            vec![replies(404, "errors/404_branch.json")],
            Err(ErrorKind::Forbidden),
        ),
        (
            vec![not_found(), replies(404, "errors/404_branch.json")],
            Err(ErrorKind::Forbidden),
        ),
        (
            vec![replies(403, "errors/403_rights.json")],
            Err(ErrorKind::Forbidden),
        ),
    ] {
        let scripted = Setup::default().play(scenes);
        let removed = scripted
            .platform
            .remove(&id())
            .await
            .map_err(|error| error.kind);
        assert_eq!(removed, outcome);
        assert_eq!(scripted.transport.scenes_left(), 0);
        assert_eq!(scripted.asked()[0], "DELETE /record/7001/880011");
    }
}

#[tokio::test(start_paused = true)]
async fn reading_tells_found_missing_and_unreadable_apart() {
    let mut bad = plain();
    bad.insert("attendance".to_owned(), 7.into());
    let read_one = async |scene| {
        Setup::default()
            .play([scene])
            .platform
            .read(&id(), Priority::Hint)
            .await
    };
    assert_eq!(
        read_one(answer(200, single(&plain()))).await.unwrap(),
        Reading::Found(Box::new(read(&plain())))
    );
    assert_eq!(
        read_one(replies(404, "errors/404_record.json"))
            .await
            .unwrap(),
        Reading::Missing
    );
    assert!(
        matches!(read_one(answer(200, single(&bad))).await.unwrap(), Reading::Unreadable(row) if row.id == Some(id()))
    );
    // A branch out of sight must not make its records look gone.
    assert_eq!(
        read_one(replies(404, "errors/404_branch.json"))
            .await
            .expect_err("branch")
            .kind,
        ErrorKind::Forbidden
    );
    assert_eq!(
        read_one(replies(200, "replies/garbage.json"))
            .await
            .expect_err("garbage")
            .kind,
        ErrorKind::BadReply
    );
    let scripted = Setup::default().play([]);
    let unknown = RemoteId::new("../records/7001");
    assert_eq!(
        scripted
            .platform
            .read(&unknown, Priority::Hint)
            .await
            .unwrap(),
        Reading::Missing
    );
    assert!(scripted.asked().is_empty());
}
