//! No statement reads more of a table than it needs, whatever is in it. Left out: the summary, which counts whole
//! tables for a person, and the clean-up.

use super::*;

/// What may be read from end to end: lists that the caller gave or that were chosen before, the platforms of a
/// bridge, and indexes of which all entries are wanted (open conflicts `c`, told notices, schedules) or the first few
/// (runs).
const MAY_BE_SCANNED: [&str; 9] = [
    "json_each",
    "wanted",
    "platforms",
    "CONSTANT ROW",
    "c USING INDEX conflict_open",
    "run",
    "chosen",
    "notice USING INDEX notice_by_subject",
    "schedule USING INDEX schedule_by_name",
];

/// Where all that a bridge or platform has is wanted: small tables, and indexes that hold only what is wanted. Of the
/// links, only the first or next platform is.
const WANTED_WHOLE: [&str; 8] = [
    "sighting_by_cell (platform=?)",
    "quarantine_by_time (platform=?)",
    "inbox_by_body (platform=?)",
    "guard_by_what (bridge=?)",
    "conflict_open (bridge=?)",
    "journal_open (bridge=?)",
    "journal_refused (bridge=?)",
    "link USING COVERING INDEX link_by_record (bridge=?)",
];

#[tokio::test]
async fn every_statement_goes_through_an_index_that_fits() {
    let store = Store::in_memory().unwrap();
    assert_plans(&store).await;
    // Whatever upkeep lets SQLite find out about a small shop's one bridge and two platforms.
    let rows: Vec<Change> = (0..600)
        .flat_map(|n| {
            let id = u128::try_from(n).unwrap();
            let record_id = format!("record {n}");
            [
                seen(record(&record_id, n * 3600), n),
                stored(id, live(n * 3600), n),
                linked(id, salon(), Some(&record_id), shadow(n * 3600), n),
                linked(id, site(), Some(&record_id), shadow(n * 3600), n),
            ]
        })
        .collect();
    store.apply(rows).await.unwrap();
    store.upkeep().await.unwrap();
    let analysed: i64 = store
        .worker()
        .read(|conn| Ok(conn.query_row("SELECT count(*) FROM sqlite_stat1", [], |row| row.get(0))?))
        .await
        .unwrap();
    assert!(analysed > 3, "nothing was analysed");
    assert_plans(&store).await;
}

async fn assert_plans(store: &Store) {
    let statements: Vec<&'static str> = crate::read::QUERIES
        .iter()
        .chain(crate::write::STATEMENTS)
        .copied()
        .flatten()
        .copied()
        .collect();
    assert!(statements.len() > 50, "{}", statements.len());
    let plans: Vec<(&str, String)> = store
        .worker()
        .read(move |conn| {
            let mut plans = Vec::new();
            for sql in statements {
                let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
                let steps: Vec<String> = explain
                    .raw_query()
                    .mapped(|row| row.get(3))
                    .collect::<Result<_, _>>()?;
                plans.extend(steps.into_iter().map(|step| (sql, step)));
            }
            Ok(plans)
        })
        .await
        .unwrap();
    assert!(plans.iter().any(|(_, step)| step.starts_with("SEARCH")));
    for (sql, step) in plans {
        if let Some(scanned) = step.strip_prefix("SCAN ") {
            let allowed = MAY_BE_SCANNED.iter().any(|may| scanned.starts_with(may));
            assert!(allowed, "{step}\n{sql}");
        }
        if step.ends_with("(bridge=?)") || step.ends_with("(platform=?)") {
            let allowed = WANTED_WHOLE.iter().any(|whole| step.ends_with(whole));
            assert!(allowed, "{step}\n{sql}");
        }
    }
}
