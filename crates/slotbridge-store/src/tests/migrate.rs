//! The schema's history.

use rusqlite::Connection;

use super::*;
use crate::migrations::{ALL, Before, Migration, migrate, recognise};

const SECOND: Migration = Migration {
    version: 2,
    name: "0002_second.sql",
    sql: "CREATE TABLE second (seq INTEGER PRIMARY KEY) STRICT; INSERT INTO second VALUES (7);",
};

fn later(extra: Migration) -> Vec<Migration> {
    ALL.iter()
        .copied()
        .chain([Migration {
            version: latest() + extra.version - 1,
            ..extra
        }])
        .collect()
}

fn latest() -> u32 {
    ALL.last().unwrap().version
}

fn connect(path: &Path) -> Connection {
    Connection::open(path).unwrap()
}

fn version(conn: &Connection) -> u32 {
    conn.pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

fn tables(conn: &Connection) -> BTreeSet<String> {
    let mut query = conn
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .unwrap();
    query
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

#[test]
fn the_list_is_the_folder() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let files: Vec<String> = listing(&folder)
        .into_keys()
        .filter(|name| Path::new(name).extension().is_some_and(|e| e == "sql"))
        .collect();
    let listed: Vec<&str> = ALL.iter().map(|migration| migration.name).collect();
    assert_eq!(listed, files);
    for (migration, number) in ALL.iter().zip(1..) {
        assert_eq!(migration.version, number);
        assert!(
            migration.name.starts_with(&format!("{number:04}_")),
            "{}",
            migration.name
        );
        assert_eq!(
            migration.sql,
            fs::read_to_string(folder.join(migration.name)).unwrap()
        );
    }
}

#[test]
fn every_table_is_strict_and_no_name_is_guarded() {
    let (_folder, path) = nowhere();
    drop(open(&path).unwrap());
    let conn = connect(&path);
    let mut query = conn
        .prepare(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        )
        .unwrap();
    let created: Vec<(String, String)> = query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(created.len() > 10);
    for (name, sql) in created {
        assert!(sql.ends_with("STRICT"), "{name}");
    }
    // IF NOT EXISTS would let a second index of the same name vanish without a word.
    for migration in ALL {
        assert!(
            !migration.sql.contains("IF NOT EXISTS"),
            "{}",
            migration.name
        );
    }
}

#[test]
fn a_new_database_gets_the_latest_schema() {
    let (folder, path) = nowhere();
    drop(open(&path).unwrap());
    assert_eq!(version(&connect(&path)), latest());
    // Nothing was there to be copied.
    let names: Vec<String> = listing(folder.path()).into_keys().collect();
    assert_eq!(names, ["slotbridge.db", "slotbridge.db.lock"]);
}

#[tokio::test]
async fn an_older_database_is_copied_and_brought_up_to_date() {
    let (folder, path) = nowhere();
    let store = open(&path).unwrap();
    store.apply(vec![began(1)]).await.unwrap();
    store.close().await.unwrap();
    let known = later(SECOND);
    let mut conn = connect(&path);
    recognise(&conn, &path, &known).unwrap();
    migrate(&mut conn, &path, &known, Before::CopyTheFile).unwrap();
    assert_eq!(version(&conn), latest() + 1);
    assert_eq!(
        conn.query_row("SELECT seq FROM second", [], |row| row.get::<_, i64>(0))
            .unwrap(),
        7
    );
    recognise(&conn, &path, &known).unwrap();
    conn.close().unwrap();
    let copy = folder
        .path()
        .join(format!("slotbridge.db.before-{:04}", latest() + 1));
    assert_eq!(
        fs::metadata(&copy).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let copied = open(&copy).unwrap();
    assert_eq!(copied.last_runs(5).await.unwrap().len(), 1);
    assert!(!tables(&connect(&copy)).contains("second"));
}

#[test]
fn a_step_that_fails_leaves_nothing_of_itself() {
    let bad = [
        ("CREATE TABLE half (seq INTEGER PRIMARY KEY) STRICT; CREATE TABLE half (a INTEGER);", "SQLite refused"),
        (
            "CREATE TABLE half (seq INTEGER PRIMARY KEY, parent INTEGER REFERENCES booking (seq)) STRICT;
             INSERT INTO half VALUES (1, 4711);",
            "1 rows would point at nothing",
        ),
    ];
    for (sql, said) in bad {
        let (_folder, path) = nowhere();
        drop(open(&path).unwrap());
        let before = tables(&connect(&path));
        let known = later(Migration { sql, ..SECOND });
        let mut conn = connect(&path);
        let error = migrate(&mut conn, &path, &known, Before::CopyTheFile).unwrap_err();
        assert!(
            matches!(&error, StoreError::Migration { name, .. } if name == "0002_second.sql"),
            "{error:?}"
        );
        assert!(
            everything_said(&error).contains(said),
            "{}",
            everything_said(&error)
        );
        let keys: bool = conn
            .pragma_query_value(None, "foreign_keys", |row| row.get(0))
            .unwrap();
        assert!(keys, "foreign keys stayed off");
        conn.close().unwrap();
        // The old binary can still use it.
        drop(open(&path).unwrap());
        assert_eq!(tables(&connect(&path)), before);
    }
}

#[test]
fn a_changed_history_is_refused() {
    let (_folder, path) = nowhere();
    drop(open(&path).unwrap());
    let edited = format!("{}\n-- a late thought", ALL[0].sql);
    let edited: Vec<Migration> = ALL
        .iter()
        .map(|migration| Migration {
            sql: if migration.version == 1 {
                String::leak(edited.clone())
            } else {
                migration.sql
            },
            ..*migration
        })
        .collect();
    let error = recognise(&connect(&path), &path, &edited).unwrap_err();
    assert!(
        matches!(error, StoreError::HistoryChanged { version: 1, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("0001_start.sql"), "{error}");
    // The same when it is the database's memory that was changed.
    connect(&path)
        .execute(
            "UPDATE schema_history SET hash = zeroblob(32) WHERE version = 1",
            [],
        )
        .unwrap();
    for result in [open(&path), Store::open_copy(&path)] {
        let error = result.unwrap_err();
        assert!(
            matches!(error, StoreError::HistoryChanged { version: 1, .. }),
            "{error:?}"
        );
    }
}

#[test]
fn a_database_from_the_future_is_refused_and_both_versions_named() {
    let (_folder, path) = nowhere();
    drop(open(&path).unwrap());
    let conn = connect(&path);
    conn.execute(
        "INSERT INTO schema_history (version, name, hash, applied_by) VALUES (99, 'later.sql', zeroblob(32), '9.8.7')",
        [],
    )
    .unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    conn.close().unwrap();
    let before = fs::read(&path).unwrap();
    for result in [open(&path), Store::open_copy(&path)] {
        let error = result.unwrap_err();
        assert!(
            matches!(error, StoreError::Newer { found: 99, .. }),
            "{error:?}"
        );
        let said = error.to_string();
        assert!(
            said.contains("9.8.7") && said.contains(env!("CARGO_PKG_VERSION")),
            "{said}"
        );
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_database_of_another_program_is_refused_and_stays_as_it_is() {
    for sql in [
        "CREATE TABLE t (a)",
        "PRAGMA application_id = 77",
        "PRAGMA user_version = 3",
    ] {
        let (_folder, path) = nowhere();
        connect(&path).execute_batch(sql).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let before = fs::read(&path).unwrap();
        for result in [open(&path), Store::open_copy(&path)] {
            let error = result.unwrap_err();
            assert!(matches!(error, StoreError::Foreign(_)), "{sql}: {error:?}");
        }
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}
