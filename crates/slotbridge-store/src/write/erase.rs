//! Erasing clients' data. Links, ids, times and hashes stay: they are what keeps a booking from being made again, and a
//! record from being taken for a changed one.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rusqlite::{Connection, Params, Row, params};

use crate::encode::{Undecodable, Wanted, blanked, erased, instant, is_erased, mentions, micros};
use crate::error::StoreError;
use crate::rows::{Erased, ToCome};

/// A booking, by bridge and id.
type BookingKey = (String, [u8; 16]);
/// A record, by platform and id.
type RecordKey = (String, String);

const RECORDS: &str = "SELECT platform, remote_id, content FROM mirror_record";
const RECORD: &str = "SELECT seq, state, starts_at, content FROM mirror_record WHERE platform = ?1 AND remote_id = ?2";
const BOOKINGS: &str = "SELECT bridge, id, content FROM booking WHERE content IS NOT NULL";
const BOOKING: &str =
    "SELECT seq, content, starts_at, ends_at FROM booking WHERE bridge = ?1 AND id = ?2";
const ALL_LINKS: &str = "SELECT bridge, booking, shadow FROM link";
const ALL_OPERATIONS: &str = "SELECT bridge, booking, operation FROM journal";
const ALL_CLAIMS: &str = "SELECT bridge, booking, claims FROM conflict";
const ALL_CHOICES: &str = "
    SELECT bridge, booking, choice FROM decision AS d JOIN conflict AS c ON c.id = d.conflict";
/// They are those of an earlier time than the conflict's own.
const ALL_DECIDED_CLAIMS: &str = "
    SELECT bridge, booking, d.claims FROM decision AS d JOIN conflict AS c ON c.id = d.conflict";
const LINKS: &str = "SELECT seq, shadow FROM link WHERE bridge = ?1 AND booking = ?2";
const OPERATIONS: &str = "SELECT seq, operation FROM journal WHERE bridge = ?1 AND booking = ?2";
const CLAIMS: &str = "SELECT id, claims FROM conflict WHERE bridge = ?1 AND booking = ?2";
const DECISIONS: &str = "
    SELECT d.conflict, choice, d.claims FROM decision AS d JOIN conflict AS c ON c.id = d.conflict
    WHERE bridge = ?1 AND booking = ?2";
const OPEN: &str = "
    SELECT 1 FROM journal WHERE bridge = ?1 AND booking = ?2 AND state IN ('intended', 'unknown')";
const BOOKINGS_OF: &str = "
    SELECT bridge, booking FROM link WHERE platform = ?1 AND remote_id = ?2
    UNION SELECT bridge, booking FROM past_link WHERE platform = ?1 AND remote_id = ?2";
/// A record that was linked once and belongs to another booking now is that one's.
const RECORDS_OF: &str = "
    SELECT platform, remote_id FROM link WHERE bridge = ?1 AND booking = ?2 AND remote_id IS NOT NULL
    UNION
    SELECT p.platform, p.remote_id FROM past_link AS p
    WHERE p.bridge = ?1 AND p.booking = ?2 AND p.remote_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM link AS l WHERE l.platform = p.platform AND l.remote_id = p.remote_id)
    UNION
    SELECT j.platform, j.remote_id FROM journal AS j
    WHERE j.bridge = ?1 AND j.booking = ?2 AND j.remote_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM link AS l WHERE l.platform = j.platform AND l.remote_id = j.remote_id)";
/// Bookings of which something was not looked through yet, and records of no booking. One that was looked through is
/// marked, whether there was anything to take out or not. A booking that is gone has no content to mark: there it is
/// what its links and its journal still hold.
const OVER: &str = "
    SELECT bridge, id FROM booking AS b WHERE ends_at <= ?1 AND (
        instr(content, '\"erased\":true') = 0
        OR EXISTS (
            SELECT 1 FROM link AS l
            JOIN mirror_record AS m ON m.platform = l.platform AND m.remote_id = l.remote_id
            WHERE l.bridge = b.bridge AND l.booking = b.id AND instr(m.content, '\"erased\":true') = 0)
        OR (content IS NULL AND EXISTS (
            SELECT 1 FROM (
                SELECT shadow AS held FROM link AS l WHERE l.bridge = b.bridge AND l.booking = b.id
                UNION ALL
                SELECT operation FROM journal AS j WHERE j.bridge = b.bridge AND j.booking = b.id)
            WHERE instr(held, '\"name\":') OR instr(held, '\"phone\":') OR instr(held, '\"email\":')
                OR instr(held, '\"comment\":'))))";
const OVER_ALONE: &str = "
    SELECT platform, remote_id FROM mirror_record AS m
    WHERE starts_at <= ?1 AND instr(content, '\"erased\":true') = 0
    AND NOT EXISTS (SELECT 1 FROM link AS l WHERE l.platform = m.platform AND l.remote_id = m.remote_id)";
const INBOX: &str = "SELECT id, platform, remote_id, body FROM inbox";

const SET_RECORD: &str =
    "UPDATE mirror_record SET content = ?2, hash = coalesce(?3, hash) WHERE seq = ?1";
const SET_BOOKING: &str = "UPDATE booking SET content = ?2 WHERE seq = ?1";
const SET_LINK: &str = "UPDATE link SET shadow = ?2 WHERE seq = ?1";
const SET_OPERATION: &str = "UPDATE journal SET operation = ?2 WHERE seq = ?1";
const SET_CLAIMS: &str = "UPDATE conflict SET claims = ?2 WHERE id = ?1";
/// What a person chose over values that are not there any more says nothing.
const SET_DECISION: &str = "
    UPDATE decision SET choice = ?2, claims = ?3,
        state_at = CASE state WHEN 'waiting' THEN ?4 ELSE state_at END,
        state = CASE state WHEN 'waiting' THEN 'void' ELSE state END
    WHERE conflict = ?1";
/// Nobody can decide about a booking that is neither merged nor shown any more.
const CLOSE_CONFLICTS: &str = "
    UPDATE conflict SET closed = 1 WHERE bridge = ?1 AND booking = ?2 AND decided IS NULL AND closed = 0";
const VOID_DECISIONS: &str = "
    UPDATE decision SET state = 'void', state_at = ?3 WHERE state = 'waiting' AND conflict IN (
        SELECT id FROM conflict WHERE bridge = ?1 AND booking = ?2)";
const DROP_WEBHOOK: &str = "DELETE FROM inbox WHERE id = ?1";

/// A hash that no record has: what is shown next is stored again.
const NO_HASH: [u8; 32] = [0; 32];

/// What is to be erased.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    bookings: BTreeSet<BookingKey>,
    records: BTreeSet<RecordKey>,
}

/// Erases one client; see [`crate::Store::erase_client`].
pub(crate) fn client(
    conn: &Connection,
    wanted: &Wanted,
    now: Timestamp,
    to_come_too: bool,
) -> Result<Erased, StoreError> {
    let mut chosen = Chosen::default();
    for (key, content) in pairs(conn, RECORDS)? {
        if of(mentions(&content, wanted), "mirror_record", "content")? {
            chosen.records.insert(key);
        }
    }
    for (sql, table, column) in [
        (BOOKINGS, "booking", "content"),
        (ALL_LINKS, "link", "shadow"),
        (ALL_OPERATIONS, "journal", "operation"),
        (ALL_CLAIMS, "conflict", "claims"),
        (ALL_CHOICES, "decision", "choice"),
        (ALL_DECIDED_CLAIMS, "decision", "claims"),
    ] {
        for (key, content) in keyed(conn, sql)? {
            if of(mentions(&content, wanted), table, column)? {
                chosen.bookings.insert(key);
            }
        }
    }
    for record in &chosen.records {
        chosen
            .bookings
            .extend(keys(conn, BOOKINGS_OF, params![record.0, record.1])?);
    }
    let mut erased = take_out(conn, &chosen, now, to_come_too)?;
    webhooks(conn, wanted, &mut erased)?;
    Ok(erased)
}

/// What ended before an instant and was not looked through yet.
pub(crate) fn over(conn: &Connection, before: Timestamp) -> Result<Chosen, StoreError> {
    Ok(Chosen {
        bookings: keys(conn, OVER, [micros(before)])?.into_iter().collect(),
        records: records(conn, OVER_ALONE, [micros(before)])?
            .into_iter()
            .collect(),
    })
}

impl Chosen {
    /// In parts that keep nobody waiting.
    pub(crate) fn parts(self, size: usize) -> Vec<Self> {
        let bookings: Vec<BookingKey> = self.bookings.into_iter().collect();
        let records: Vec<RecordKey> = self.records.into_iter().collect();
        let bookings = bookings.chunks(size).map(|part| Self {
            bookings: part.iter().cloned().collect(),
            records: BTreeSet::new(),
        });
        let records = records.chunks(size).map(|part| Self {
            bookings: BTreeSet::new(),
            records: part.iter().cloned().collect(),
        });
        bookings.chain(records).collect()
    }
}

/// Erases bookings with all their records, except those that are still to come (unless they are meant too), and those
/// of which an operation is open: settling it needs to know what was sent.
pub(crate) fn take_out(
    conn: &Connection,
    chosen: &Chosen,
    now: Timestamp,
    to_come_too: bool,
) -> Result<Erased, StoreError> {
    let mut result = Erased::default();
    let mut owned: BTreeSet<RecordKey> = BTreeSet::new();
    for key in &chosen.bookings {
        let of_booking: BTreeSet<RecordKey> = records(conn, RECORDS_OF, params![key.0, key.1])?
            .into_iter()
            .collect();
        owned.extend(of_booking.iter().cloned());
        if conn.prepare_cached(OPEN)?.exists(params![key.0, key.1])? {
            result.open += 1;
            continue;
        }
        let to_come = booking_to_come(conn, key, &of_booking, now)?;
        if let Some(to_come) = &to_come {
            result.to_come.push(to_come.clone());
            if !to_come_too {
                continue;
            }
        }
        booking(conn, key, now, to_come.is_some(), &mut result)?;
        for record in &of_booking {
            erase_record(conn, record, to_come.is_some(), &mut result)?;
        }
    }
    for record in chosen.records.difference(&owned) {
        let to_come = record_to_come(conn, record, now)?;
        if let Some(starts_at) = to_come {
            result.to_come.push(ToCome {
                platforms: vec![record.0.clone()],
                starts_at,
            });
            if !to_come_too {
                continue;
            }
        }
        erase_record(conn, record, to_come.is_some(), &mut result)?;
    }
    result.to_come.sort_by_key(|one| one.starts_at);
    Ok(result)
}

fn booking(
    conn: &Connection,
    key: &BookingKey,
    now: Timestamp,
    to_come: bool,
    result: &mut Erased,
) -> Result<(), StoreError> {
    let id = params![key.0, key.1];
    let mut found = false;
    let (content, shadows) = (column(conn, BOOKING, id)?, column(conn, LINKS, id)?);
    found |= set(conn, content, SET_BOOKING, "booking", "content")? > 0;
    found |= set(conn, shadows, SET_LINK, "link", "shadow")? > 0;
    let operations = column(conn, OPERATIONS, id)?;
    let operations = set(conn, operations, SET_OPERATION, "journal", "operation")?;
    let claims = column(conn, CLAIMS, id)?;
    let claims = set(conn, claims, SET_CLAIMS, "conflict", "claims")?;
    let decisions = decisions(conn, key, now)?;
    if !to_come {
        let at = params![key.0, key.1, micros(now)];
        conn.prepare_cached(VOID_DECISIONS)?.execute(at)?;
        conn.prepare_cached(CLOSE_CONFLICTS)?.execute(id)?;
    }
    result.operations += operations;
    result.conflicts += claims.max(decisions);
    found |= operations > 0 || claims > 0 || decisions > 0;
    result.bookings += u64::from(found);
    Ok(())
}

/// Erases what people chose, and what they chose over; says in how many decisions there were client data.
fn decisions(conn: &Connection, key: &BookingKey, now: Timestamp) -> Result<u64, StoreError> {
    let mut statement = conn.prepare_cached(DECISIONS)?;
    let rows: Vec<(i64, String, String)> = statement
        .query_map(params![key.0, key.1], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<_, _>>()?;
    let mut count = 0;
    for (conflict, choice, claims) in rows {
        let (choice, chose) = of(blanked(&choice), "decision", "choice")?;
        let (claims, claimed) = of(blanked(&claims), "decision", "claims")?;
        if chose || claimed {
            conn.prepare_cached(SET_DECISION)?.execute(params![
                conflict,
                choice,
                claims,
                micros(now)
            ])?;
            count += 1;
        }
    }
    Ok(count)
}

/// Erases values that are not erased yet; says how many had client data in them.
fn set(
    conn: &Connection,
    rows: Vec<(i64, String)>,
    sql: &str,
    table: &'static str,
    name: &'static str,
) -> Result<u64, StoreError> {
    let mut count = 0;
    for (seq, content) in rows {
        let (blank, had) = of(erased(&content), table, name)?;
        // A booking is marked in any case: it is not looked at again.
        if had || table == "booking" {
            conn.prepare_cached(sql)?.execute(params![seq, blank])?;
        }
        count += u64::from(had);
    }
    Ok(count)
}

fn erase_record(
    conn: &Connection,
    key: &RecordKey,
    to_come: bool,
    result: &mut Erased,
) -> Result<(), StoreError> {
    for row in record_rows(conn, key)? {
        if is_erased(&row.content) {
            continue;
        }
        let (blank, had) = of(erased(&row.content), "mirror_record", "content")?;
        let hash = to_come.then_some(NO_HASH);
        conn.prepare_cached(SET_RECORD)?
            .execute(params![row.seq, blank, hash])?;
        result.records += u64::from(had);
    }
    Ok(())
}

/// Webhooks that wait. One about a record that is mirrored is only a hint, and every pass reads known records; one about
/// a record that nobody knows yet is all there is of a booking, and stays until it was worked off.
fn webhooks(conn: &Connection, wanted: &Wanted, result: &mut Erased) -> Result<(), StoreError> {
    let mut statement = conn.prepare_cached(INBOX)?;
    let rows: Vec<(i64, String, Option<String>, Vec<u8>)> = statement
        .query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?
        .collect::<Result<_, _>>()?;
    for (id, platform, remote_id, body) in rows {
        if !wanted.stand_in(&body) {
            continue;
        }
        let known = match remote_id {
            Some(remote_id) => !record_rows(conn, &(platform, remote_id))?.is_empty(),
            None => false,
        };
        if known {
            conn.prepare_cached(DROP_WEBHOOK)?.execute([id])?;
            result.webhooks += 1;
        } else {
            result.open += 1;
        }
    }
    Ok(())
}

/// A booking that has not ended, live on a platform or in the bridge.
fn booking_to_come(
    conn: &Connection,
    key: &BookingKey,
    of_booking: &BTreeSet<RecordKey>,
    now: Timestamp,
) -> Result<Option<ToCome>, StoreError> {
    let mut starts: BTreeMap<String, Timestamp> = BTreeMap::new();
    for record in of_booking {
        if let Some(at) = record_to_come(conn, record, now)? {
            starts.insert(record.0.clone(), at);
        }
    }
    let slots: Vec<(Option<String>, Option<i64>, Option<i64>)> = conn
        .prepare_cached(BOOKING)?
        .query_map(params![key.0, key.1], |row| {
            Ok((row.get(1)?, row.get(2)?, row.get(3)?))
        })?
        .collect::<Result<_, _>>()?;
    let lives = slots.into_iter().find_map(|(content, start, end)| {
        let ends_later = content.is_some() && end.is_some_and(|end| end > micros(now));
        start.filter(|_| ends_later)
    });
    let own = lives
        .map(instant)
        .transpose()
        .map_err(|error| error.at("booking", "starts_at", &"a row"))?;
    let first = starts.values().copied().chain(own).min();
    Ok(first.map(|starts_at| ToCome {
        platforms: starts.into_keys().collect(),
        starts_at,
    }))
}

/// When a record starts that lives and has not ended.
fn record_to_come(
    conn: &Connection,
    key: &RecordKey,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    for row in record_rows(conn, key)? {
        let end = serde_json::from_str::<serde_json::Value>(&row.content)
            .ok()
            .and_then(|content| content.get("end")?.as_i64());
        if row.state == "live" && end.unwrap_or(row.starts_at) > micros(now) {
            let at = instant(row.starts_at)
                .map_err(|error| error.at("mirror_record", "starts_at", &key.1))?;
            return Ok(Some(at));
        }
    }
    Ok(None)
}

struct RecordRow {
    seq: i64,
    state: String,
    starts_at: i64,
    content: String,
}

fn record_rows(conn: &Connection, key: &RecordKey) -> Result<Vec<RecordRow>, StoreError> {
    let mut statement = conn.prepare_cached(RECORD)?;
    let rows = statement.query_map(params![key.0, key.1], |row| {
        Ok(RecordRow {
            seq: row.get(0)?,
            state: row.get(1)?,
            starts_at: row.get(2)?,
            content: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Numbered values that are there and not erased yet.
fn column(
    conn: &Connection,
    sql: &str,
    key: impl Params,
) -> Result<Vec<(i64, String)>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows: Vec<(i64, Option<String>)> = statement
        .query_map(key, |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    Ok(rows
        .into_iter()
        .filter_map(|(seq, content)| Some((seq, content?)))
        .filter(|(_, content)| !is_erased(content))
        .collect())
}

fn pairs(conn: &Connection, sql: &str) -> Result<Vec<(RecordKey, String)>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn keyed(conn: &Connection, sql: &str) -> Result<Vec<(BookingKey, String)>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| Ok((booking_key(row)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn keys(conn: &Connection, sql: &str, key: impl Params) -> Result<Vec<BookingKey>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(key, booking_key)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn records(conn: &Connection, sql: &str, key: impl Params) -> Result<Vec<RecordKey>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(key, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn booking_key(row: &Row<'_>) -> rusqlite::Result<BookingKey> {
    Ok((row.get(0)?, row.get(1)?))
}

/// Names table and column of what is not understood; which row it is would be of no use to anybody.
fn of<T>(
    read: Result<T, Undecodable>,
    table: &'static str,
    column: &'static str,
) -> Result<T, StoreError> {
    read.map_err(|error| error.at(table, column, &"a row"))
}
