//! Files that are damaged, or full.

use std::io::{Seek as _, SeekFrom, Write as _};

use super::*;

/// A closed database of some hundred pages.
async fn filled(path: &Path) {
    let store = open(path).unwrap();
    let records = (0..2_000)
        .map(|n| seen(record(&format!("record {n}"), n), 0))
        .collect();
    store.apply(records).await.unwrap();
    store.close().await.unwrap();
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

#[tokio::test]
async fn a_text_file_is_not_a_database_and_stays_as_it_is() {
    let (folder, path) = nowhere();
    fs::write(&path, "Dear diary, today I lost my database.\n".repeat(100)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let before = fs::read(&path).unwrap();
    for result in [open(&path), Store::open_copy(&path)] {
        let error = result.unwrap_err();
        assert!(matches!(error, StoreError::NotADatabase(_)), "{error:?}");
    }
    assert_eq!(fs::read(&path).unwrap(), before);
    let names: Vec<String> = listing(folder.path()).into_keys().collect();
    assert_eq!(names, ["slotbridge.db", "slotbridge.db.lock"]);
}

#[tokio::test]
async fn a_truncated_file_is_corrupt() {
    let (_folder, path) = nowhere();
    filled(&path).await;
    let half = fs::metadata(&path).unwrap().len() / 2;
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(half)
        .unwrap();
    for result in [open(&path), Store::open_copy(&path)] {
        let error = result.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
        assert!(
            error.to_string().contains("slotbridge reconcile"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn after_an_unclean_end_the_whole_file_is_checked() {
    let (_folder, path) = nowhere();
    filled(&path).await;
    let pages = fs::metadata(&path).unwrap().len() / 4096;
    // Far behind what opening reads anyway.
    for page in pages / 2..pages {
        overwrite(&path, page * 4096, &[0xa5; 4096]);
    }
    drop(open(&path).unwrap());
    // A log that was left over, cut off in its header.
    fs::write(path.with_file_name("slotbridge.db-wal"), [0; 16]).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert!(!everything_said(&error).contains(SECRET));
}

#[tokio::test]
async fn damage_that_is_met_later_is_an_error_and_not_a_missing_row() {
    let (_folder, path) = nowhere();
    filled(&path).await;
    let pages = fs::metadata(&path).unwrap().len() / 4096;
    for page in pages / 2..pages {
        overwrite(&path, page * 4096, &[0xa5; 4096]);
    }
    let store = open(&path).unwrap();
    let error = store.mirror(&salon(), Timestamp::MIN).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged(_)), "{error:?}");
}

#[tokio::test]
async fn a_full_disk_takes_back_the_whole_change_and_nothing_else() {
    everywhere(async |store| {
        store.apply(vec![began(1)]).await.unwrap();
        limit_pages(&store, "(SELECT page_count + 5 FROM pragma_page_count)").await;
        let many = (0..2_000)
            .map(|n| seen(record(&format!("record {n}"), n), 0))
            .collect();
        let error = store.apply(many).await.unwrap_err();
        assert!(matches!(error, StoreError::Full), "{error:?}");
        assert_eq!(store.mirror(&salon(), Timestamp::MIN).await.unwrap(), []);
        limit_pages(&store, "1000000").await;
        store.apply(vec![seen(record("1", 0), 0)]).await.unwrap();
        assert_eq!(
            store.mirror(&salon(), Timestamp::MIN).await.unwrap().len(),
            1
        );
        assert_eq!(store.last_runs(5).await.unwrap().len(), 1);
    })
    .await;
}

async fn limit_pages(store: &Store, pages: &'static str) {
    store
        .worker()
        .write(move |conn| {
            let pages: i64 = conn.query_row(&format!("SELECT {pages}"), [], |row| row.get(0))?;
            conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_column_that_is_not_understood_is_named_with_its_row() {
    let columns = [
        (
            "UPDATE mirror_record SET content = '{\"name\": \"Zinaida-Secretova\"}'",
            "mirror_record",
            "content",
        ),
        (
            "UPDATE booking SET content = '[\"Zinaida-Secretova\"]'",
            "booking",
            "content",
        ),
        (
            "UPDATE link SET shadow = '\"Zinaida-Secretova\"'",
            "link",
            "shadow",
        ),
        (
            "UPDATE journal SET operation = 'Zinaida-Secretova'",
            "journal",
            "operation",
        ),
    ];
    for (sql, table, column) in columns {
        let store = Store::in_memory().unwrap();
        let all = vec![
            began(1),
            seen(record("17", 0), 0),
            stored(5, live(0), 0),
            linked(5, salon(), Some("17"), shadow(0), 0),
            intent(9, create(5, &site()), second(0)),
        ];
        store.apply(all).await.unwrap();
        store
            .worker()
            .write(move |conn| Ok(conn.execute_batch(sql)?))
            .await
            .unwrap();
        let error = match table {
            "mirror_record" => store.mirror(&salon(), Timestamp::MIN).await.unwrap_err(),
            "journal" => store.journal_open(&main_bridge()).await.unwrap_err(),
            _ => store
                .bridge(&main_bridge(), Timestamp::MIN)
                .await
                .unwrap_err(),
        };
        let key = match table {
            "mirror_record" => "salon/17".to_owned(),
            "link" => format!("{}/salon", booking_id(5)),
            "journal" => op_id(9).to_string(),
            _ => booking_id(5).to_string(),
        };
        let StoreError::Row {
            table: in_table,
            column: in_column,
            key: in_row,
        } = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!(
            (*in_table, *in_column, in_row.as_str()),
            (table, column, key.as_str())
        );
        assert!(!everything_said(&error).contains(SECRET), "{error:?}");
    }
}
