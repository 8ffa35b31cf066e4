//! The journal and the runs.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use slotbridge_core::model::{BookingId, BridgeName, PlatformName, RemoteId};

use super::{rows, stored_count};
use crate::encode::{
    Undecodable, id_bytes, instant, journal_state_from_word, micros, operation_from_json,
    totals_from_json,
};
use crate::error::StoreError;
use crate::ids::{OpId, RunId};
use crate::rows::{Counts, JournalRow, RunRow};

#[cfg(test)]
pub(super) const SQL: &[&str] = &[
    OPEN,
    REFUSED,
    OF_RUN,
    OF_BOOKING,
    COUNTS,
    RUNS,
    RUNS_THAT_WROTE,
];

const OPEN: &str = "
    SELECT op, run, bridge, state, operation, fingerprint, at, outcome_at, remote_id, error FROM journal
    WHERE bridge = ?1 AND state IN ('intended', 'unknown') ORDER BY seq";
const REFUSED: &str = "
    SELECT op, run, bridge, state, operation, fingerprint, at, outcome_at, remote_id, error FROM journal
    WHERE bridge = ?1 AND state = 'refused' AND NOT EXISTS (
        SELECT 1 FROM journal AS later
        WHERE later.bridge = journal.bridge AND later.booking = journal.booking
        AND later.platform = journal.platform AND later.seq > journal.seq)
    ORDER BY seq";
const OF_RUN: &str = "
    SELECT op, run, bridge, state, operation, fingerprint, at, outcome_at, remote_id, error FROM journal
    WHERE run = ?1 ORDER BY seq";
const OF_BOOKING: &str = "
    SELECT op, run, bridge, state, operation, fingerprint, at, outcome_at, remote_id, error FROM journal
    WHERE bridge = ?1 AND booking = ?2 ORDER BY seq";
/// Without what a person asked for: it was judged when it was asked for, and leaves the daily limits to the rest. Quotes
/// inside a text are escaped, so that none can look like the mark.
const COUNTS: &str = "
    SELECT action, count(*) FROM journal
    WHERE bridge = ?1 AND platform = ?2 AND outcome_at >= ?3
    AND state IN ('applied', 'settled_applied', 'settled_presumed')
    AND instr(operation, '\"undoes\":true') = 0 GROUP BY action";
const RUNS_THAT_WROTE: &str = "
    SELECT id, kind, began_at, ended_at, exit_code, totals FROM run
    WHERE EXISTS (SELECT 1 FROM journal WHERE journal.run = run.id)
    ORDER BY seq DESC";
/// In the order in which they began, whatever the clock said.
const RUNS: &str =
    "SELECT id, kind, began_at, ended_at, exit_code, totals FROM run ORDER BY seq DESC LIMIT ?1";

pub(crate) fn journal_open(
    conn: &Connection,
    bridge: &BridgeName,
) -> Result<Vec<JournalRow>, StoreError> {
    rows(conn, OPEN, [bridge.as_str()], journal_row)
}

pub(crate) fn journal_of_run(conn: &Connection, run: RunId) -> Result<Vec<JournalRow>, StoreError> {
    rows(conn, OF_RUN, [run.as_u128().to_be_bytes()], journal_row)
}

pub(crate) fn journal_of_bookings(
    conn: &Connection,
    bridge: &BridgeName,
    bookings: &[BookingId],
) -> Result<Vec<JournalRow>, StoreError> {
    let mut found = Vec::new();
    for booking in bookings {
        let key = params![bridge.as_str(), id_bytes(*booking)];
        found.extend(rows(conn, OF_BOOKING, key, journal_row)?);
    }
    Ok(found)
}

pub(crate) fn refusals(
    conn: &Connection,
    bridge: &BridgeName,
) -> Result<Vec<JournalRow>, StoreError> {
    rows(conn, REFUSED, [bridge.as_str()], journal_row)
}

pub(crate) fn journal_of(
    conn: &Connection,
    bridge: &BridgeName,
    booking: BookingId,
) -> Result<Vec<JournalRow>, StoreError> {
    rows(
        conn,
        OF_BOOKING,
        params![bridge.as_str(), id_bytes(booking)],
        journal_row,
    )
}

fn journal_row(row: &Row<'_>) -> Result<JournalRow, StoreError> {
    let op = OpId::from_u128(u128::from_be_bytes(row.get(0)?));
    let bad = |column| move |error: Undecodable| error.at("journal", column, &op);
    let outcome_at = row.get::<_, Option<i64>>(7)?;
    let (operation, is_erased) =
        operation_from_json(row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?)
            .map_err(bad("operation"))?;
    Ok(JournalRow {
        op,
        run: RunId::from_u128(u128::from_be_bytes(row.get(1)?)),
        bridge: BridgeName::new(row.get::<_, String>(2)?)
            .map_err(Undecodable::from)
            .map_err(bad("bridge"))?,
        state: journal_state_from_word(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?)
            .map_err(bad("state"))?,
        operation,
        fingerprint: row.get(5)?,
        at: instant(row.get(6)?).map_err(bad("at"))?,
        outcome_at: outcome_at
            .map(instant)
            .transpose()
            .map_err(bad("outcome_at"))?,
        remote_id: row.get::<_, Option<String>>(8)?.map(RemoteId::new),
        error: row.get(9)?,
        is_erased,
    })
}

pub(crate) fn journal_counts(
    conn: &Connection,
    bridge: &BridgeName,
    platform: &PlatformName,
    since: Timestamp,
) -> Result<Counts, StoreError> {
    let key = params![bridge.as_str(), platform.as_str(), micros(since)];
    let counted = rows(conn, COUNTS, key, |row| {
        let count =
            stored_count(row.get(1)?).map_err(|error| error.at("journal", "action", &platform))?;
        Ok((row.get::<_, String>(0)?, count))
    })?;
    let mut counts = Counts::default();
    for (action, count) in counted {
        match action.as_str() {
            "create" => counts.create = count,
            "update" => counts.update = count,
            "remove" => counts.remove = count,
            _ => return Err(Undecodable.at("journal", "action", &platform)),
        }
    }
    Ok(counts)
}

pub(crate) fn last_runs(conn: &Connection, limit: u32) -> Result<Vec<RunRow>, StoreError> {
    rows(conn, RUNS, [limit], run_row)
}

pub(crate) fn runs_that_wrote(conn: &Connection) -> Result<Vec<RunRow>, StoreError> {
    rows(conn, RUNS_THAT_WROTE, [], run_row)
}

fn run_row(row: &Row<'_>) -> Result<RunRow, StoreError> {
    let id = RunId::from_u128(u128::from_be_bytes(row.get(0)?));
    let bad = |column| move |error: Undecodable| error.at("run", column, &id);
    let ended_at = row.get::<_, Option<i64>>(3)?;
    let totals = row.get::<_, Option<String>>(5)?;
    Ok(RunRow {
        id,
        kind: row.get(1)?,
        began_at: instant(row.get(2)?).map_err(bad("began_at"))?,
        ended_at: ended_at.map(instant).transpose().map_err(bad("ended_at"))?,
        exit_code: row.get(4)?,
        totals: totals
            .map(|json| totals_from_json(&json))
            .transpose()
            .map_err(bad("totals"))?
            .unwrap_or_default(),
    })
}
