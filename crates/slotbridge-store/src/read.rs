//! From rows to values. Every query runs inside one read transaction of its caller.
//!
//! A database error is always an error; "nothing there" is only what a query says by returning no row. A value that is
//! not understood is [`StoreError::Row`], never a missing row.

mod bridge;
mod conflict;
mod journal;
mod mirror;
mod summary;
mod whole;

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use slotbridge_core::model::{BookingId, BridgeName, PlatformName, RemoteId, ResourceKey};

use crate::change::Body;
use crate::encode::{Undecodable, instant};
use crate::error::StoreError;
use crate::rows::{GuardRow, InboxRow, NoticeRow};

pub(crate) use bridge::{
    CHOSEN, bookings, bookings_of, bookings_within, bridge, past_links, presumed,
};
pub(crate) use conflict::{conflict, conflicts, conflicts_decided, conflicts_of};
pub(crate) use journal::{
    journal_counts, journal_of, journal_of_bookings, journal_of_run, journal_open, last_runs,
    refusals, runs_that_wrote,
};
pub(crate) use mirror::{
    live_sights, live_since, mirror, mirror_keys, mirror_rows, mirror_within, platform_state,
    unreadable,
};
pub(crate) use summary::summary;
pub(crate) use whole::{bound_by_ids, cut, elsewhere, over_but_changed, unlinked, walk};

/// Every query of this module, for the test that looks at their query plans.
#[cfg(test)]
pub(crate) const QUERIES: &[&[&str]] = &[
    QUERIES_HERE,
    bridge::SQL,
    conflict::SQL,
    journal::SQL,
    mirror::SQL,
    whole::SQL,
];

#[cfg(test)]
const QUERIES_HERE: &[&str] = &[
    SIGHTINGS,
    GUARDS,
    INBOX,
    INBOX_AFTER,
    INBOX_WAITING,
    NOTICES,
    SCHEDULES,
];

const SIGHTINGS: &str = "SELECT resource, starts_at, times FROM sighting WHERE platform = ?1 ORDER BY resource, starts_at";

const GUARDS: &str = "
    SELECT platform, what, allowed, planned, plan, tripped_at, approved_at FROM guard
    WHERE bridge = ?1 ORDER BY platform, what";
const INBOX: &str =
    "SELECT id, remote_id, body_hash, body, at FROM inbox WHERE platform = ?1 ORDER BY id";
const INBOX_AFTER: &str = "
    SELECT id, remote_id, body_hash, body, at FROM inbox WHERE id > ?2 AND +platform = ?1 ORDER BY id LIMIT ?3";
const INBOX_WAITING: &str = "SELECT count(*) FROM inbox WHERE platform = ?1";
const NOTICES: &str = "SELECT kind, subject, since, told_at FROM notice INDEXED BY notice_by_subject ORDER BY kind, subject";
const SCHEDULES: &str =
    "SELECT name, done_at FROM schedule INDEXED BY schedule_by_name ORDER BY name";

/// Runs a query and turns every row into a value.
fn rows<T>(
    conn: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    conn.prepare_cached(sql)?
        .query_and_then(params, read)?
        .collect()
}

/// The id of a booking that was read.
fn booking_id(bytes: [u8; 16]) -> BookingId {
    BookingId::from_u128(u128::from_be_bytes(bytes))
}

/// A list of texts as the one parameter of a query over `json_each`.
fn json_list<T: AsRef<str>>(texts: impl Iterator<Item = T>) -> String {
    let list: Vec<serde_json::Value> = texts.map(|text| text.as_ref().into()).collect();
    serde_json::Value::Array(list).to_string()
}

fn stored_count(count: i64) -> Result<u64, Undecodable> {
    u64::try_from(count).map_err(|_negative| Undecodable)
}

pub(crate) fn sightings(
    conn: &Connection,
    platform: &PlatformName,
) -> Result<BTreeMap<(ResourceKey, Timestamp), u32>, StoreError> {
    let cells = rows(conn, SIGHTINGS, [platform.as_str()], |row| {
        let resource: String = row.get(0)?;
        let start =
            instant(row.get(1)?).map_err(|error| error.at("sighting", "starts_at", &resource))?;
        Ok(((ResourceKey::new(resource), start), row.get(2)?))
    })?;
    Ok(cells.into_iter().collect())
}

pub(crate) fn guards(conn: &Connection, bridge: &BridgeName) -> Result<Vec<GuardRow>, StoreError> {
    rows(conn, GUARDS, [bridge.as_str()], |row| {
        let platform: String = row.get(0)?;
        let what: String = row.get(1)?;
        let bad = |column| {
            let key = format!("{bridge}/{platform}/{what}");
            move |error: Undecodable| error.at("guard", column, &key)
        };
        let name = PlatformName::new(platform.as_str())
            .map_err(Undecodable::from)
            .map_err(bad("platform"))?;
        let (limit, planned) = (
            stored_count(row.get(2)?).map_err(bad("allowed"))?,
            stored_count(row.get(3)?).map_err(bad("planned"))?,
        );
        let tripped_at = instant(row.get(5)?).map_err(bad("tripped_at"))?;
        let approved_at = row
            .get::<_, Option<i64>>(6)?
            .map(instant)
            .transpose()
            .map_err(bad("approved_at"))?;
        Ok(GuardRow {
            platform: name,
            what,
            limit,
            planned,
            plan: row.get(4)?,
            tripped_at,
            approved_at,
        })
    })
}

pub(crate) fn inbox_pending(
    conn: &Connection,
    platform: &PlatformName,
) -> Result<Vec<InboxRow>, StoreError> {
    rows(conn, INBOX, [platform.as_str()], inbox_row)
}

pub(crate) fn inbox_after(
    conn: &Connection,
    platform: &PlatformName,
    after: i64,
    limit: u32,
) -> Result<Vec<InboxRow>, StoreError> {
    rows(
        conn,
        INBOX_AFTER,
        params![platform.as_str(), after, limit],
        inbox_row,
    )
}

fn inbox_row(row: &Row<'_>) -> Result<InboxRow, StoreError> {
    let id = row.get(0)?;
    Ok(InboxRow {
        id,
        remote_id: row.get::<_, Option<String>>(1)?.map(RemoteId::new),
        body_hash: row.get(2)?,
        body: Body::from(row.get::<_, Vec<u8>>(3)?),
        at: instant(row.get(4)?).map_err(|error| error.at("inbox", "at", &id))?,
    })
}

pub(crate) fn inbox_waiting(conn: &Connection, platform: &PlatformName) -> Result<u64, StoreError> {
    let waiting: i64 = conn
        .prepare_cached(INBOX_WAITING)?
        .query_row([platform.as_str()], |row| row.get(0))?;
    stored_count(waiting).map_err(|error| error.at("inbox", "rows", platform))
}

pub(crate) fn notices(conn: &Connection) -> Result<Vec<NoticeRow>, StoreError> {
    rows(conn, NOTICES, [], |row| {
        let (kind, subject): (String, String) = (row.get(0)?, row.get(1)?);
        let bad = |column| {
            let key = format!("{kind}/{subject}");
            move |error: Undecodable| error.at("notice", column, &key)
        };
        let since = instant(row.get(2)?).map_err(bad("since"))?;
        let told_at = instant(row.get(3)?).map_err(bad("told_at"))?;
        Ok(NoticeRow {
            kind,
            subject,
            since,
            told_at,
        })
    })
}

pub(crate) fn schedules(conn: &Connection) -> Result<BTreeMap<String, Timestamp>, StoreError> {
    let done = rows(conn, SCHEDULES, [], |row| {
        let name: String = row.get(0)?;
        let at = instant(row.get(1)?).map_err(|error| error.at("schedule", "done_at", &name))?;
        Ok((name, at))
    })?;
    Ok(done.into_iter().collect())
}
