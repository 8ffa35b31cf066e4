//! The database at a glance. Looks at whole indexes, which is fine for a question that a person asks.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row};
use slotbridge_core::model::{BridgeName, PlatformName};

use super::{mirror, rows, stored_count};
use crate::encode::{Undecodable, instant};
use crate::error::StoreError;
use crate::rows::{BridgeSummary, PlatformState, PlatformSummary, Summary};

const PLATFORMS: &str = "SELECT name FROM platform";
const RECORDS: &str = "SELECT platform, count(*), sum(state = 'live') FROM mirror_record INDEXED BY mirror_record_by_start GROUP BY platform";
const QUARANTINED: &str = "SELECT platform, count(*) FROM quarantine GROUP BY platform";
const INBOX: &str = "SELECT platform, count(*) FROM inbox GROUP BY platform";
const BOOKINGS: &str = "SELECT bridge, count(*), count(content) FROM booking GROUP BY bridge";
const LINKS: &str = "SELECT bridge, count(*), sum(remote_id IS NULL) FROM link GROUP BY bridge";
const OPEN: &str = "SELECT bridge, count(*), min(at) FROM journal WHERE state IN ('intended', 'unknown') GROUP BY bridge";
const CONFLICTS: &str =
    "SELECT bridge, count(*) FROM conflict WHERE decided IS NULL AND closed = 0 GROUP BY bridge";
const GUARDS: &str = "SELECT bridge, count(*) FROM guard GROUP BY bridge";

pub(crate) fn summary(conn: &Connection) -> Result<Summary, StoreError> {
    Ok(Summary {
        platforms: platforms(conn)?,
        bridges: bridges(conn)?,
    })
}

fn platforms(conn: &Connection) -> Result<Vec<PlatformSummary>, StoreError> {
    let mut found: BTreeMap<PlatformName, PlatformSummary> = BTreeMap::new();
    for name in rows(conn, PLATFORMS, [], |row| platform_name(row, "platform"))? {
        platform(&mut found, name);
    }
    for (name, records, live) in rows(conn, RECORDS, [], |row| {
        Ok((
            platform_name(row, "mirror_record")?,
            count(row, 1)?,
            count(row, 2)?,
        ))
    })? {
        let summary = platform(&mut found, name);
        (summary.records, summary.live) = (records, live);
    }
    for (name, rows) in rows(conn, QUARANTINED, [], |row| {
        Ok((platform_name(row, "quarantine")?, count(row, 1)?))
    })? {
        platform(&mut found, name).unreadable = rows;
    }
    for (name, rows) in rows(conn, INBOX, [], |row| {
        Ok((platform_name(row, "inbox")?, count(row, 1)?))
    })? {
        platform(&mut found, name).inbox = rows;
    }
    for summary in found.values_mut() {
        summary.state = mirror::platform_state(conn, &summary.platform)?;
    }
    Ok(found.into_values().collect())
}

fn bridges(conn: &Connection) -> Result<Vec<BridgeSummary>, StoreError> {
    let mut found: BTreeMap<BridgeName, BridgeSummary> = BTreeMap::new();
    for (name, bookings, live) in rows(conn, BOOKINGS, [], |row| {
        Ok((bridge_name(row, "booking")?, count(row, 1)?, count(row, 2)?))
    })? {
        let summary = bridge(&mut found, name);
        (summary.bookings, summary.live) = (bookings, live);
    }
    for (name, links, presumed) in rows(conn, LINKS, [], |row| {
        Ok((bridge_name(row, "link")?, count(row, 1)?, count(row, 2)?))
    })? {
        let summary = bridge(&mut found, name);
        (summary.links, summary.presumed) = (links, presumed);
    }
    for (name, open, oldest) in rows(conn, OPEN, [], |row| {
        Ok((bridge_name(row, "journal")?, count(row, 1)?, row.get(2)?))
    })? {
        let oldest = instant(oldest).map_err(|error| error.at("journal", "at", &name))?;
        let summary = bridge(&mut found, name);
        (summary.journal_open, summary.journal_oldest) = (open, Some(oldest));
    }
    for (name, open) in rows(conn, CONFLICTS, [], |row| {
        Ok((bridge_name(row, "conflict")?, count(row, 1)?))
    })? {
        bridge(&mut found, name).conflicts_open = open;
    }
    for (name, latched) in rows(conn, GUARDS, [], |row| {
        Ok((bridge_name(row, "guard")?, count(row, 1)?))
    })? {
        bridge(&mut found, name).guards_latched = latched;
    }
    Ok(found.into_values().collect())
}

fn platform(
    found: &mut BTreeMap<PlatformName, PlatformSummary>,
    name: PlatformName,
) -> &mut PlatformSummary {
    found
        .entry(name.clone())
        .or_insert_with(|| PlatformSummary {
            platform: name,
            records: 0,
            live: 0,
            unreadable: 0,
            inbox: 0,
            state: PlatformState::default(),
        })
}

fn bridge(found: &mut BTreeMap<BridgeName, BridgeSummary>, name: BridgeName) -> &mut BridgeSummary {
    found.entry(name.clone()).or_insert_with(|| BridgeSummary {
        bridge: name,
        bookings: 0,
        live: 0,
        links: 0,
        presumed: 0,
        journal_open: 0,
        journal_oldest: None,
        conflicts_open: 0,
        guards_latched: 0,
    })
}

fn platform_name(row: &Row<'_>, table: &'static str) -> Result<PlatformName, StoreError> {
    let name: String = row.get(0)?;
    PlatformName::new(name.as_str())
        .map_err(|error| Undecodable::from(error).at(table, "platform", &name))
}

fn bridge_name(row: &Row<'_>, table: &'static str) -> Result<BridgeName, StoreError> {
    let name: String = row.get(0)?;
    BridgeName::new(name.as_str())
        .map_err(|error| Undecodable::from(error).at(table, "bridge", &name))
}

fn count(row: &Row<'_>, column: usize) -> Result<u64, StoreError> {
    let count: i64 = row.get(column)?;
    stored_count(count).map_err(|error| error.at("a count", "rows", &column))
}
