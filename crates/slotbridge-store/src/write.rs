//! From [`Change`]s to rows. Runs inside the savepoint of one `apply`; whatever fails takes all of it back.

mod booking;
mod conflict;
pub(crate) mod erase;
mod journal;
mod mirror;

use jiff::Timestamp;
use rusqlite::{Connection, params};
use slotbridge_core::model::{BridgeName, PlatformName, RemoteId, ResourceKey};

use crate::change::{Body, Change};
use crate::encode::micros;
use crate::error::StoreError;
use crate::rows::Pruned;

/// Every statement of this module, for the test that looks at their query plans.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&[&str]] =
    &[SQL, booking::SQL, conflict::SQL, journal::SQL, mirror::SQL];

#[cfg(test)]
const SQL: &[&str] = &[
    SIGHTINGS_OF,
    SIGHTINGS_CLEAR,
    SIGHTING_ADD,
    GUARD_LATCH,
    GUARD_APPROVE,
    GUARD_RELEASE,
    INBOX_REPLACE,
    INBOX_ADD,
    INBOX_DONE,
    NOTICE_TOLD,
    NOTICE_OVER,
    SCHEDULE_DONE,
];

const SIGHTINGS_OF: &str = "SELECT starts_at, times FROM sighting WHERE platform = ?1 AND resource = ?2 ORDER BY starts_at";
const SIGHTINGS_CLEAR: &str = "DELETE FROM sighting WHERE platform = ?1 AND resource = ?2";
const SIGHTING_ADD: &str =
    "INSERT INTO sighting (platform, resource, starts_at, times) VALUES (?1, ?2, ?3, ?4)";
const GUARD_LATCH: &str = "
    INSERT INTO guard (bridge, platform, what, allowed, planned, plan, tripped_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (bridge, platform, what) DO UPDATE SET
        allowed = excluded.allowed,
        planned = excluded.planned,
        tripped_at = CASE WHEN plan = excluded.plan THEN tripped_at ELSE excluded.tripped_at END,
        approved_at = CASE WHEN plan = excluded.plan THEN approved_at END,
        plan = excluded.plan
    WHERE plan <> excluded.plan OR allowed <> excluded.allowed OR planned <> excluded.planned";
const GUARD_APPROVE: &str =
    "UPDATE guard SET approved_at = coalesce(approved_at, ?3) WHERE bridge = ?1 AND plan = ?2";
const GUARD_RELEASE: &str = "DELETE FROM guard WHERE bridge = ?1 AND platform = ?2 AND what = ?3";
const INBOX_REPLACE: &str = "DELETE FROM inbox WHERE platform = ?1 AND body_hash = ?2";
const INBOX_ADD: &str =
    "INSERT INTO inbox (platform, remote_id, body_hash, body, at) VALUES (?1, ?2, ?3, ?4, ?5)";
const INBOX_DONE: &str = "DELETE FROM inbox WHERE id = ?1";
const NOTICE_TOLD: &str = "
    INSERT INTO notice (kind, subject, since, told_at) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (kind, subject) DO UPDATE SET since = excluded.since, told_at = excluded.told_at";
const NOTICE_OVER: &str = "DELETE FROM notice WHERE kind = ?1 AND subject = ?2";
const SCHEDULE_DONE: &str = "
    INSERT INTO schedule (name, done_at) VALUES (?1, ?2)
    ON CONFLICT (name) DO UPDATE SET done_at = excluded.done_at WHERE done_at < excluded.done_at";
/// What was told again and again would have a newer row; this one nobody has seen standing for long.
const PRUNE_NOTICES: &str = "DELETE FROM notice WHERE told_at < ?1";

/// Writes all of the changes, in their order.
pub(crate) fn apply(conn: &Connection, changes: &[Change]) -> Result<(), StoreError> {
    changes
        .iter()
        .try_for_each(|change| apply_one(conn, change))
}

#[expect(
    clippy::too_many_lines,
    reason = "one arm per kind of change, each a call"
)]
fn apply_one(conn: &Connection, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::RunBegan { run, kind, at } => journal::run_began(conn, *run, kind, *at),
        Change::RunEnded {
            run,
            at,
            exit_code,
            totals,
        } => journal::run_ended(conn, *run, *at, *exit_code, totals),
        Change::MirrorSeen {
            platform,
            record,
            at,
        } => mirror::seen(conn, platform, record, *at),
        Change::MirrorListed {
            platform,
            record,
            begun_at,
            at,
        } => mirror::listed(conn, platform, record, *begun_at, *at),
        Change::MirrorMissing { platform, id, at } => mirror::missing(conn, platform, id, *at),
        Change::MirrorUnreadable {
            platform,
            id,
            why,
            at,
        } => mirror::unreadable(conn, platform, id.as_ref(), why, *at),
        Change::PlatformSeen {
            platform,
            cursor,
            complete,
            at,
            time_zone,
        } => mirror::platform_seen(
            conn,
            platform,
            cursor.as_deref(),
            *complete,
            *at,
            time_zone.as_deref(),
        ),
        Change::WindowShown {
            platform,
            window,
            at,
        } => mirror::window_shown(conn, platform, *window, *at),
        Change::CursorDropped { platform } => mirror::cursor_dropped(conn, platform),
        Change::Booking {
            bridge,
            id,
            canonical,
            at,
        } => booking::booking(conn, bridge, *id, canonical, *at),
        Change::Link {
            bridge,
            booking,
            platform,
            remote_id,
            shadow,
            at,
        } => booking::link(
            conn,
            bridge,
            *booking,
            platform,
            remote_id.as_ref(),
            shadow,
            *at,
        ),
        Change::Unlink {
            bridge,
            booking,
            platform,
            at,
        } => booking::unlink(conn, bridge, *booking, platform, *at),
        Change::Intent {
            op,
            run,
            bridge,
            operation,
            fingerprint,
            at,
        } => journal::intent(conn, *op, *run, bridge, operation, fingerprint, *at),
        Change::Outcome {
            op,
            outcome,
            remote_id,
            error,
            at,
        } => journal::outcome(
            conn,
            *op,
            *outcome,
            remote_id.as_ref(),
            error.as_deref(),
            *at,
        ),
        Change::Conflict {
            bridge,
            booking,
            conflict,
            at,
        } => conflict::conflict(conn, bridge, *booking, conflict, *at),
        Change::Decision {
            conflict,
            choice,
            at,
        } => conflict::decision(conn, *conflict, choice, *at),
        Change::DecisionApplied {
            conflict,
            choice,
            at,
        } => conflict::decision_applied(conn, *conflict, choice, *at),
        Change::DecisionVoid { conflict, at } => conflict::decision_void(conn, *conflict, *at),
        Change::ConflictGone {
            bridge,
            booking,
            subject,
            at,
        } => conflict::gone(conn, bridge, *booking, *subject, *at),
        Change::Sightings {
            platform,
            resource,
            cells,
        } => sightings(conn, platform, resource, cells),
        Change::Guard {
            bridge,
            platform,
            what,
            limit,
            planned,
            plan,
            at,
        } => {
            let limits = (stored_count(*limit)?, stored_count(*planned)?);
            conn.prepare_cached(GUARD_LATCH)?.execute(params![
                bridge.as_str(),
                platform.as_str(),
                what,
                limits.0,
                limits.1,
                plan,
                micros(*at)
            ])?;
            Ok(())
        }
        Change::GuardApproved { bridge, plan, at } => guard_approved(conn, bridge, plan, *at),
        Change::GuardReleased {
            bridge,
            platform,
            what,
        } => {
            conn.prepare_cached(GUARD_RELEASE)?.execute(params![
                bridge.as_str(),
                platform.as_str(),
                what
            ])?;
            Ok(())
        }
        Change::Inbox {
            platform,
            id,
            body_hash,
            body,
            at,
        } => inbox(conn, platform, id.as_ref(), body_hash, body, *at),
        Change::InboxDone { rows } => {
            let mut done = conn.prepare_cached(INBOX_DONE)?;
            rows.iter()
                .try_for_each(|row| done.execute([row]).map(drop))?;
            Ok(())
        }
        Change::NoticeTold {
            kind,
            subject,
            since,
            at,
        } => {
            let times = (micros(*since), micros(*at));
            conn.prepare_cached(NOTICE_TOLD)?
                .execute(params![kind, subject, times.0, times.1])?;
            Ok(())
        }
        Change::NoticeOver { kind, subject } => {
            conn.prepare_cached(NOTICE_OVER)?
                .execute(params![kind, subject])?;
            Ok(())
        }
        Change::ScheduleDone { name, at } => {
            conn.prepare_cached(SCHEDULE_DONE)?
                .execute(params![name, micros(*at)])?;
            Ok(())
        }
    }
}

/// Forgets what is over; see [`crate::Store::prune`].
pub(crate) fn prune(conn: &Connection, before: Timestamp) -> Result<Pruned, StoreError> {
    let before = micros(before);
    Ok(Pruned {
        journal: deleted(conn, journal::PRUNE_JOURNAL, before)?,
        // After the journal: a run goes when its last entry has gone.
        runs: deleted(conn, journal::PRUNE_RUNS, before)?,
        conflicts: deleted(conn, conflict::PRUNE, before)?,
        notices: deleted(conn, PRUNE_NOTICES, before)?,
    })
}

fn deleted(conn: &Connection, sql: &str, before: i64) -> Result<u64, StoreError> {
    let rows = conn.prepare_cached(sql)?.execute([before])?;
    Ok(u64::try_from(rows).unwrap_or(u64::MAX))
}

fn sightings(
    conn: &Connection,
    platform: &PlatformName,
    resource: &ResourceKey,
    cells: &[(Timestamp, u32)],
) -> Result<(), StoreError> {
    let mut wanted: Vec<(i64, u32)> = cells
        .iter()
        .map(|(start, times)| (micros(*start), *times))
        .collect();
    wanted.sort_unstable();
    let key = params![platform.as_str(), resource.as_str()];
    // Most readings change nothing; then nothing is written.
    let stored: Vec<(i64, u32)> = conn
        .prepare_cached(SIGHTINGS_OF)?
        .query_map(key, |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    if stored == wanted {
        return Ok(());
    }
    conn.prepare_cached(SIGHTINGS_CLEAR)?.execute(key)?;
    let mut add = conn.prepare_cached(SIGHTING_ADD)?;
    for (start, times) in wanted {
        add.execute(params![platform.as_str(), resource.as_str(), start, times])?;
    }
    Ok(())
}

fn guard_approved(
    conn: &Connection,
    bridge: &BridgeName,
    plan: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let held =
        conn.prepare_cached(GUARD_APPROVE)?
            .execute(params![bridge.as_str(), plan, micros(at)])?;
    if held == 0 {
        return Err(StoreError::NoSuch {
            what: "held plan",
            key: plan.to_owned(),
        });
    }
    Ok(())
}

fn inbox(
    conn: &Connection,
    platform: &PlatformName,
    id: Option<&RemoteId>,
    body_hash: &[u8; 32],
    body: &Body,
    at: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(INBOX_REPLACE)?
        .execute(params![platform.as_str(), body_hash])?;
    conn.prepare_cached(INBOX_ADD)?.execute(params![
        platform.as_str(),
        id.map(RemoteId::as_str),
        body_hash,
        body.as_bytes(),
        micros(at)
    ])?;
    Ok(())
}

/// A count as SQLite holds it.
fn stored_count(count: u64) -> Result<i64, StoreError> {
    i64::try_from(count)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)).into())
}
