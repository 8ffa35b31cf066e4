//! Pages, totals, what proves a listing complete, and where the next one starts.

use serde_json::{Value, json};
use slotbridge_core::model::RemoteId;
use slotbridge_core::record::{Coverage, Listing, Window};
use slotbridge_platform::platform::{Priority, Query};
use slotbridge_platform::testing::Scene;
use slotbridge_platform::{ErrorKind, Platform, PlatformError};

use super::support::{Scripted, Setup, answer, at, page, replies, row, zone};
use crate::listing::changed_after;

/// Holds the start of the plain record.
pub(super) fn window() -> Window {
    Window {
        from: at("2031-05-05T21:00:00Z"),
        to: at("2031-05-07T21:00:00Z"),
    }
}

pub(super) fn rows(ids: &[u64], total: usize) -> Scene {
    let rows: Vec<Value> = ids.iter().map(|id| row(*id)).collect();
    answer(200, page(&rows, total))
}

pub(super) async fn list(scripted: &Scripted) -> Result<Listing, PlatformError> {
    scripted
        .platform
        .list(&Query::Window(window()), Priority::Poll)
        .await
}

fn ids(listing: &Listing) -> Vec<u64> {
    listing
        .records
        .iter()
        .map(|record| record.id.as_str().parse().unwrap())
        .collect()
}

/// The pages that the platform gives at two rows a page, the ids that come of it, and whether that is complete or why
/// not.
async fn check(name: &str, scenes: Vec<Scene>, expected: &[u64], proof: Result<(), &str>) {
    let scripted = Setup::default().play(scenes);
    let listing = list(&scripted)
        .await
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(ids(&listing), expected, "{name}");
    assert_eq!(scripted.transport.scenes_left(), 0, "{name}");
    match (&listing.coverage, proof) {
        (Coverage::Complete(covered), Ok(())) => {
            assert_eq!(*covered, window(), "{name}");
            assert!(listing.cursor.is_some(), "{name}");
        }
        (Coverage::Partial { why }, Err(word)) => {
            assert!(why.contains(word), "{name}: {why}");
            assert_eq!(
                listing.cursor, None,
                "{name}: what was not seen must not be passed over"
            );
        }
        (coverage, _) => panic!("{name}: {coverage:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_reaches_its_total_is_complete() {
    check("nothing at all", vec![rows(&[], 0)], &[], Ok(())).await;
    check("one page", vec![rows(&[1, 2], 2)], &[1, 2], Ok(())).await;
    check(
        "a short last page",
        vec![rows(&[1, 2], 3), rows(&[3], 3)],
        &[1, 2, 3],
        Ok(()),
    )
    .await;
    let clamped = vec![rows(&[1], 3), rows(&[2], 3), rows(&[3], 3)];
    check("a clamped page size", clamped, &[1, 2, 3], Ok(())).await;
}

// R2
#[tokio::test(start_paused = true)]
async fn a_listing_that_misses_its_total_is_partial() {
    check(
        "empty and yet a total",
        vec![rows(&[], 2)],
        &[],
        Err("0 records came, but the listing tells of 2"),
    )
    .await;
    check(
        "cut short",
        vec![rows(&[1, 2], 5), rows(&[], 5)],
        &[1, 2],
        Err("2 records came"),
    )
    .await;
    let short = vec![rows(&[1, 2], 5), rows(&[3], 5)];
    check(
        "a page that is too short",
        short,
        &[1, 2, 3],
        Err("3 records came"),
    )
    .await;
    check(
        "more than told",
        vec![rows(&[1, 2], 1)],
        &[1, 2],
        Err("2 records came, but the listing tells of 1"),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_was_disturbed_is_made_once_more() {
    let grown = vec![
        rows(&[1, 2], 3),
        rows(&[3], 4),
        rows(&[1, 2], 4),
        rows(&[3, 4], 4),
    ];
    check("a total that changes once", grown, &[1, 2, 3, 4], Ok(())).await;
    let growing = vec![
        rows(&[1, 2], 3),
        rows(&[3], 4),
        rows(&[2, 3], 4),
        rows(&[4], 5),
    ];
    check(
        "a total that keeps changing",
        growing,
        &[1, 2, 3, 4],
        Err("records kept moving"),
    )
    .await;
    let shifted = vec![
        rows(&[1, 2], 3),
        rows(&[2], 3),
        rows(&[1, 2], 3),
        rows(&[3], 3),
    ];
    check("rows that shift once", shifted, &[1, 2, 3], Ok(())).await;
    let shifting = vec![
        rows(&[1, 2], 3),
        rows(&[2], 3),
        rows(&[2, 3], 3),
        rows(&[3], 3),
    ];
    check(
        "rows that keep shifting",
        shifting,
        &[1, 2, 3],
        Err("records kept moving"),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_fails_midway_is_partial() {
    let forbidden = || replies(403, "errors/403_rights.json");
    check(
        "a second page that fails",
        vec![rows(&[1, 2], 3), forbidden()],
        &[1, 2],
        Err("page 2 failed"),
    )
    .await;
    let odd = vec![rows(&[1, 2], 3), replies(200, "replies/garbage.json")];
    check(
        "a second page that holds no list",
        odd,
        &[1, 2],
        Err("page 2 failed"),
    )
    .await;
    let broken = vec![rows(&[1, 2], 3), rows(&[2], 3), forbidden()];
    check(
        "a second pass that fails",
        broken,
        &[1, 2],
        Err("the second pass broke off"),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_listing_without_a_total_proves_nothing() {
    let body = json!({"success": true, "data": [row(1)], "meta": []}).to_string();
    let listing = list(&Setup::default().play([answer(200, body)]))
        .await
        .unwrap();
    assert_eq!(ids(&listing), [1]);
    assert_eq!(
        listing.coverage,
        Coverage::Partial {
            why: "the listing does not tell its total".to_owned()
        }
    );
}

#[tokio::test(start_paused = true)]
async fn only_a_failure_of_the_first_page_is_an_error() {
    let error = list(&Setup::default().play([replies(403, "errors/403_rights.json")]))
        .await
        .expect_err("refused");
    assert_eq!(error.kind, ErrorKind::Forbidden);
    let error = list(&Setup::default().play([replies(200, "replies/garbage.json")]))
        .await
        .expect_err("no list");
    assert_eq!(error.kind, ErrorKind::BadReply);
}

// R3
#[tokio::test(start_paused = true)]
async fn the_days_asked_for_are_the_branchs_and_cover_the_window() {
    for (name, from, to, days) in [
        (
            "Europe/Moscow",
            "2031-05-05T21:00:00Z",
            "2031-05-07T21:00:00Z",
            "start_date=2031-05-06&end_date=2031-05-07",
        ),
        (
            "Europe/Moscow",
            "2031-05-05T20:59:59Z",
            "2031-05-07T21:00:01Z",
            "start_date=2031-05-05&end_date=2031-05-08",
        ),
        (
            "Asia/Vladivostok",
            "2031-05-05T21:00:00Z",
            "2031-05-06T21:00:00Z",
            "start_date=2031-05-06&end_date=2031-05-07",
        ),
        (
            "Asia/Kolkata",
            "2031-05-05T18:30:00Z",
            "2031-05-06T18:30:00Z",
            "start_date=2031-05-06&end_date=2031-05-06",
        ),
    ] {
        let scripted = Setup {
            zone: Some(zone(name)),
            ..Setup::default()
        }
        .play([rows(&[], 0)]);
        let window = Window {
            from: at(from),
            to: at(to),
        };
        scripted
            .platform
            .list(&Query::Window(window), Priority::Poll)
            .await
            .unwrap();
        let asked = scripted.asked();
        assert_eq!(
            asked,
            [format!(
                "GET /records/7001?{days}&with_deleted=1&page=1&count=2"
            )],
            "{name}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn records_of_the_same_days_outside_the_window_are_left_out() {
    let mut early = row(1);
    early["date"] = "2031-05-06 09:59:59".into();
    early["datetime"] = "2031-05-06T09:59:59+03:00".into();
    let mut first = row(2);
    first["date"] = "2031-05-06 10:00:00".into();
    first["datetime"] = "2031-05-06T10:00:00+03:00".into();
    let mut late = row(3);
    late["date"] = "2031-05-06 11:00:00".into();
    late["datetime"] = "2031-05-06T11:00:00+03:00".into();
    // Ends after the window, but starts inside: it stays.
    let mut long = row(4);
    long["seance_length"] = 36_000.into();
    let scripted = Setup {
        page_size: 10,
        ..Setup::default()
    }
    .play([answer(200, page(&[early, first, late, long], 4))]);
    let window = Window {
        from: at("2031-05-06T07:00:00Z"),
        to: at("2031-05-06T08:00:00Z"),
    };
    let listing = scripted
        .platform
        .list(&Query::Window(window), Priority::Poll)
        .await
        .unwrap();
    assert_eq!(ids(&listing), [2, 4]);
    assert_eq!(listing.coverage, Coverage::Complete(window));
}

#[tokio::test(start_paused = true)]
async fn a_row_that_cannot_be_read_is_counted_and_the_others_go_on() {
    let mut bad = row(2);
    bad["attendance"] = 7.into();
    let scripted = Setup {
        page_size: 10,
        ..Setup::default()
    }
    .play([answer(200, page(&[row(1), bad, row(3)], 3))]);
    let listing = list(&scripted).await.unwrap();
    assert_eq!(ids(&listing), [1, 3]);
    let unreadable: Vec<_> = listing
        .unreadable
        .iter()
        .map(|row| row.id.as_ref().map(RemoteId::as_str))
        .collect();
    assert_eq!(unreadable, [Some("2")]);
    assert_eq!(listing.coverage, Coverage::Complete(window()));
}

#[tokio::test(start_paused = true)]
async fn a_row_without_an_id_could_be_any_record_so_nothing_is_absent() {
    let scripted = Setup {
        page_size: 10,
        ..Setup::default()
    }
    .play([answer(200, page(&[row(1), Value::Null], 2))]);
    let listing = list(&scripted).await.unwrap();
    assert_eq!((ids(&listing), listing.unreadable.len()), (vec![1], 1));
    assert_eq!(
        listing.coverage,
        Coverage::Partial {
            why: "a row came without an id".to_owned()
        }
    );
}

#[tokio::test(start_paused = true)]
async fn of_two_sightings_of_a_record_the_later_one_counts() {
    let mut again = row(2);
    again["comment"] = "позже".into();
    let scripted = Setup::default().play([
        rows(&[1, 2], 3),
        answer(200, page(&[again.clone()], 3)),
        rows(&[1, 2], 3),
        answer(200, page(&[again], 3)),
    ]);
    let listing = list(&scripted).await.unwrap();
    assert_eq!(listing.records[1].comment.expose(), "позже");
}

/// The cursor of a listing that showed these changes, at a clock that shows 2031-05-03T00:00:00Z.
// R25
#[tokio::test(start_paused = true)]
async fn the_cursor_is_the_latest_change_seen_and_never_the_future() {
    let changed = |stamp: &str| {
        let mut row = row(1);
        row["last_change_date"] = stamp.into();
        vec![row]
    };
    let unstamped = {
        let mut row = row(1);
        row.as_object_mut().unwrap().remove("last_change_date");
        vec![row]
    };
    for (rows, since, cursor) in [
        (
            changed("2031-05-02T12:00:00+0300"),
            None,
            "2031-05-02T09:00:00Z",
        ),
        (
            changed("2031-05-03T09:00:00+0300"),
            None,
            "2031-05-03T00:00:00Z",
        ),
        (unstamped.clone(), None, "2031-05-03T00:00:00Z"),
        (vec![], None, "2031-05-03T00:00:00Z"),
        (
            changed("2031-05-02T12:00:00+0300"),
            Some("2031-05-02T08:00:00Z"),
            "2031-05-02T09:00:00Z",
        ),
        (
            changed("2031-05-02T12:00:00+0300"),
            Some("2031-05-02T10:00:00Z"),
            "2031-05-02T10:00:00Z",
        ),
        (
            unstamped,
            Some("2031-05-02T10:00:00Z"),
            "2031-05-02T10:00:00Z",
        ),
        (vec![], Some("2031-05-02T10:00:00Z"), "2031-05-02T10:00:00Z"),
    ] {
        let scripted = Setup::default().play([answer(200, page(&rows, rows.len()))]);
        let query = match since {
            Some(since) => Query::Since(since.to_owned()),
            None => Query::Window(window()),
        };
        let listing = scripted
            .platform
            .list(&query, Priority::Poll)
            .await
            .unwrap();
        assert_eq!(listing.cursor.as_deref(), Some(cursor), "{since:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_incremental_listing_shows_changes_of_any_day_and_claims_no_more() {
    let mut far = row(1);
    far["date"] = "2032-01-06 10:30:00".into();
    far["datetime"] = "2032-01-06T10:30:00+03:00".into();
    let mut gone = row(2);
    gone["deleted"] = true.into();
    let scripted = Setup {
        page_size: 10,
        ..Setup::default()
    }
    .play([answer(200, page(&[far, gone], 2))]);
    let listing = scripted
        .platform
        .list(
            &Query::Since("2031-05-02T10:00:00Z".to_owned()),
            Priority::Poll,
        )
        .await
        .unwrap();
    assert_eq!(ids(&listing), [1, 2]);
    assert_eq!(listing.coverage, Coverage::Incremental);
    assert_eq!(
        scripted.asked(),
        ["GET /records/7001?changed_after=2031-05-02T09%3A55%3A00&with_deleted=1&page=1&count=10"]
    );
}

// R25
#[tokio::test(start_paused = true)]
async fn an_incremental_listing_that_broke_off_keeps_its_cursor() {
    let scripted =
        Setup::default().play([rows(&[1, 2], 3), replies(403, "errors/403_rights.json")]);
    let since = "2031-05-01T10:00:00Z";
    let listing = scripted
        .platform
        .list(&Query::Since(since.to_owned()), Priority::Poll)
        .await
        .unwrap();
    assert!(matches!(listing.coverage, Coverage::Partial { .. }));
    assert_eq!(listing.cursor.as_deref(), Some(since));
}

// R27
#[tokio::test(start_paused = true)]
async fn a_foreign_cursor_is_refused_without_a_call() {
    let scripted = Setup::default().play([]);
    let error = scripted
        .platform
        .list(&Query::Since("page 7".to_owned()), Priority::Poll)
        .await
        .expect_err("foreign");
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(scripted.asked().is_empty());
}

/// Whichever zone the platform reads the value in, it is five minutes before the cursor or earlier.
#[test]
fn the_overlap_covers_the_doubt_about_the_zone_of_the_filter() {
    let cursor = at("2031-05-02T10:00:00Z");
    for (name, spelled) in [
        ("Europe/Moscow", "2031-05-02T09:55:00"),
        ("Asia/Vladivostok", "2031-05-02T09:55:00"),
        ("America/New_York", "2031-05-02T05:55:00"),
    ] {
        let branch = zone(name);
        let civil = changed_after(cursor, &branch);
        assert_eq!(civil.to_string(), spelled, "{name}");
        for reading in [branch, jiff::tz::TimeZone::UTC] {
            let meant = reading.to_ambiguous_timestamp(civil).compatible().unwrap();
            assert!(
                meant <= cursor - jiff::SignedDuration::from_mins(5),
                "{name}: {meant}"
            );
        }
    }
}
