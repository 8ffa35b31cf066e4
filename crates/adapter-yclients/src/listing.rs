//! Listing records page by page, and proving that nothing is missing.
//!
//! # Flow
//! Pages are read one after the other until the rows that came reach the total, or a page is empty or shorter than the
//! first. There is no cursor and no snapshot: a change meanwhile shifts rows between pages (yclients contract, 4.1).
//!
//! # Guarantees
//! A pass proves itself only if every page told the same total and as many different ids came. A pass that was
//! disturbed is made once more; what is not proven then is [`Coverage::Partial`].
//!
//! # Assumptions
//! A total that stays the same while as many different ids come is proof: a row can leave one page and enter another
//! only in exchange for a repeated or a missing id.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use slotbridge_core::record::{Coverage, Listing, Record, Unreadable};
use slotbridge_platform::client::Reply;
use slotbridge_platform::platform::Priority;
use slotbridge_platform::{ErrorKind, PlatformError, Retry};

use crate::convert::Reader;
use crate::error;
use crate::request::{self, Filter};
use crate::session::Session;
use crate::wire;

/// How far every incremental listing reaches back behind its cursor.
const OVERLAP: SignedDuration = SignedDuration::from_mins(5);
/// No branch has so many records in one window; a platform that never stops is stopped here.
const PAGES_MAX: u32 = 10_000;

/// What a listing is made with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lister<'a> {
    pub(crate) session: &'a Session,
    pub(crate) company: u64,
    pub(crate) page_size: u32,
    pub(crate) priority: Priority,
    pub(crate) reader: Reader<'a>,
}

/// A listing, and what it showed beside its rows.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) listing: Listing,
    /// The ids of rows whose offset contradicts the zone.
    pub(crate) zone_doubts: usize,
    pub(crate) phones_seen: bool,
}

impl Lister<'_> {
    /// Lists what `filter` names. `covers` is what a proven pass stands for, `since` the cursor that it started from.
    pub(crate) async fn list(
        &self,
        filter: Filter,
        covers: Coverage,
        since: Option<Timestamp>,
    ) -> Result<Listed, PlatformError> {
        let asked_at = self.session.api().seam().now();
        let mut pass = self.pass(filter).await?;
        if pass.disturbed() {
            match self.pass(filter).await {
                Ok(again) => pass.give_way_to(again),
                Err(error) => pass.broken = Some(format!("the second pass broke off: {error}")),
            }
        }
        let proof = pass.proof();
        let cursor = match (&proof, since) {
            (Ok(()), since) => Some(pass.cursor(asked_at, since)),
            // Never past what was seen.
            (Err(_), since) => since,
        };
        let coverage = match proof {
            Ok(()) => covers.clone(),
            Err(why) => Coverage::Partial { why },
        };
        let phones_seen = pass
            .records
            .values()
            .any(|record| record.client.phone.is_some());
        let mut records: Vec<Record> = pass.records.into_values().collect();
        if let Coverage::Complete(window) = covers {
            records.retain(|record| window.contains(record.start));
        }
        let unreadable = pass.unreadable.into_values().chain(pass.nameless).collect();
        let listing = Listing {
            records,
            unreadable,
            coverage,
            cursor: cursor.map(|cursor| cursor.to_string()),
        };
        Ok(Listed {
            listing,
            zone_doubts: pass.zone_doubts,
            phones_seen,
        })
    }

    /// Reads every page once. Only a failure on the first one is an error.
    async fn pass(&self, filter: Filter) -> Result<Pass, PlatformError> {
        let mut pass = Pass::default();
        for number in 1..=PAGES_MAX {
            let ask = request::list_records(self.company, filter, number, self.page_size);
            let page = match self.session.call(&ask, self.priority).await {
                Ok(reply) => self.read_page(&reply),
                Err(error) => Err(error),
            };
            match page {
                Ok(page) => {
                    if pass.take(page, self.page_size) {
                        return Ok(pass);
                    }
                }
                Err(error) if number == 1 => return Err(error),
                Err(error) => {
                    pass.broken = Some(format!("page {number} failed: {error}"));
                    return Ok(pass);
                }
            }
        }
        pass.broken = Some(format!("there was no end after {PAGES_MAX} pages"));
        Ok(pass)
    }

    fn read_page(&self, reply: &Reply) -> Result<Page, PlatformError> {
        let ask = "records.list";
        let body = wire::envelope(&reply.body).unwrap_or_default();
        let Some(rows) = wire::list(Some(&body.data)) else {
            return Err(error::senseless(
                ask,
                slotbridge_platform::client::Repeat::Safe,
                "a page that holds no list",
            ));
        };
        let mut page = Page {
            total: wire::int(body.meta.get("total_count")),
            rows: rows.len(),
            ..Page::default()
        };
        for row in rows {
            match self.reader.record(row) {
                Ok(read) => {
                    page.zone_doubts += usize::from(read.zone_doubt);
                    page.records.push(read.record);
                }
                Err(unreadable) => page.unreadable.push(unreadable),
            }
        }
        Ok(page)
    }
}

/// One page.
#[derive(Debug, Default)]
struct Page {
    total: Option<i64>,
    rows: usize,
    records: Vec<Record>,
    unreadable: Vec<Unreadable>,
    zone_doubts: usize,
}

/// One pass over all pages.
#[derive(Debug, Default)]
struct Pass {
    records: BTreeMap<String, Record>,
    unreadable: BTreeMap<String, Unreadable>,
    nameless: Vec<Unreadable>,
    pages: u32,
    rows: usize,
    first_page_rows: usize,
    /// The total that the first page told.
    total: Option<i64>,
    total_changed: bool,
    broken: Option<String>,
    zone_doubts: usize,
}

impl Pass {
    /// Takes a page in; says whether it was the last.
    fn take(&mut self, page: Page, asked: u32) -> bool {
        self.pages += 1;
        if self.pages == 1 {
            self.total = page.total;
            self.first_page_rows = page.rows;
        }
        self.total_changed |= page.total != self.total;
        self.rows += page.rows;
        self.zone_doubts += page.zone_doubts;
        for record in page.records {
            // Of two sightings the later one is the fresher.
            let id = record.id.as_str().to_owned();
            self.unreadable.remove(&id);
            self.records.insert(id, record);
        }
        for row in page.unreadable {
            match &row.id {
                Some(id) => {
                    self.records.remove(id.as_str());
                    self.unreadable.insert(id.as_str().to_owned(), row);
                }
                None => self.nameless.push(row),
            }
        }
        let all = page
            .total
            .is_some_and(|total| usize::try_from(total).is_ok_and(|total| self.rows >= total));
        // Compared with the first page, not with what was asked for: the platform may clamp its pages in silence.
        let short = page.rows < self.first_page_rows;
        // Without a total nothing will be proven, so a page that may have been clamped is taken for the last.
        let short = short
            || (page.total.is_none() && u32::try_from(page.rows).is_ok_and(|rows| rows < asked));
        page.rows == 0 || all || short
    }

    fn different(&self) -> usize {
        self.records.len() + self.unreadable.len() + self.nameless.len()
    }

    /// Whether rows moved while the pages were read.
    fn disturbed(&self) -> bool {
        self.pages > 1
            && self.broken.is_none()
            && (self.total_changed || self.rows != self.different())
    }

    /// The second pass counts; where it proves nothing either, what only the first one showed is not thrown away.
    fn give_way_to(&mut self, again: Self) {
        let first = std::mem::replace(self, again);
        if self.proof().is_err() {
            for (id, record) in first.records {
                if !self.unreadable.contains_key(&id) {
                    self.records.entry(id).or_insert(record);
                }
            }
            if self.broken.is_none() {
                self.broken =
                    Some("records kept moving between pages while they were read".to_owned());
            }
        }
    }

    fn proof(&self) -> Result<(), String> {
        if let Some(why) = &self.broken {
            return Err(why.clone());
        }
        if !self.nameless.is_empty() {
            // Whichever record it is must not look absent.
            return Err("a row came without an id".to_owned());
        }
        let Some(total) = self.total else {
            return Err("the listing does not tell its total".to_owned());
        };
        if self.total_changed {
            return Err("the total changed while the pages were read".to_owned());
        }
        let different = self.different();
        if i64::try_from(different).ok() != Some(total) {
            return Err(format!(
                "{different} records came, but the listing tells of {total}"
            ));
        }
        Ok(())
    }

    /// Where the next incremental listing starts: the latest change seen, or where none was, the clock before the
    /// request. Never later than that clock, and never earlier than the last cursor.
    fn cursor(&self, asked_at: Timestamp, since: Option<Timestamp>) -> Timestamp {
        let seen = self
            .records
            .values()
            .filter_map(|record| record.changed_at)
            .max();
        let next = match (seen, since) {
            (Some(seen), _) => seen.min(asked_at),
            // Nothing changed: the same question again costs nothing, and a clock of ours that is ahead loses nothing.
            (None, Some(since)) => since,
            (None, None) => asked_at,
        };
        since.map_or(next, |since| next.max(since))
    }
}

/// The cursor of an earlier listing.
pub(crate) fn parse_cursor(cursor: &str) -> Result<Timestamp, PlatformError> {
    cursor.parse().map_err(|_not_an_instant| {
        PlatformError::new(
            ErrorKind::Refused,
            Retry::Never,
            "records.list",
            "the cursor is not one of this adapter's; a full pass gives a new one",
        )
    })
}

/// How `changed_after` is spelled for a cursor.
///
/// In which zone the platform reads a time without an offset is not documented (yclients contract, 15.2): the branch's
/// is likely, that of its servers possible. So the time is spelled by the earlier of the branch's clocks and those of
/// UTC, and whichever is meant, nothing that changed since is left out. What is listed again has not changed and
/// costs nothing further.
pub(crate) fn changed_after(cursor: Timestamp, tz: &TimeZone) -> DateTime {
    let from = cursor.saturating_sub(OVERLAP).unwrap_or(cursor);
    let here = tz.to_datetime(from);
    let utc = Offset::UTC.to_datetime(from);
    here.min(utc)
}
