//! Reading lists to their proven end, and the census of lessons.
//!
//! # Flow
//! Pages are read until as many different rows have come as the list tells of, or a page brings nothing new: the
//! platform may answer a page past the end with an empty one or with the last one again (alfacrm contract, 3.2).
//! A census reads one list per status, because no question brings all three.
//!
//! # Guarantees
//! A list proves itself only if every page told the same total and a truthful count, and as many different ids came.
//! A pass that was disturbed is made once more; what is not proven then is [`Coverage::Partial`].
//! A census proves itself only if all its lists do, and no list shows another status than it was asked for: a filter
//! that the platform does not know is ignored in silence (alfacrm contract, 1).
//!
//! # Caveats
//! The lists are read in the order in which lessons go through the statuses, planned first, so that one that moves on
//! meanwhile is met twice and not missed. One whose cancellation is undone just then can be missed; reading it by its
//! id, which is how a removal is confirmed, still finds it.

use std::collections::BTreeMap;

use serde_json::Value;
use slotbridge_platform::platform::Priority;
use slotbridge_platform::{ErrorKind, PlatformError, Retry};

use crate::error;
use crate::request::{Ask, Part};
use crate::session::Session;
use crate::wire::{self, Page};

/// The statuses of a lesson in the order in which it goes through them.
pub(crate) const STATUSES: [u8; 3] = [PLANNED, 2, 3];

/// The status of a lesson to come.
pub(crate) const PLANNED: u8 = 1;

/// No branch has so many pages of anything; a platform that never stops is stopped here.
const PAGES_MAX: u32 = 5_000;

/// All rows of a list, and whether they are proven to be all.
#[derive(Debug)]
pub(crate) struct Rows<T = Value> {
    /// By id; of two sightings the later one, which is fresher.
    pub(crate) by_id: BTreeMap<u64, T>,
    /// Rows without an id.
    pub(crate) nameless: Vec<T>,
    /// Why they prove nothing, if they do not.
    pub(crate) doubt: Option<String>,
}

impl<T> Rows<T> {
    /// The rows with ids.
    pub(crate) fn into_values(self) -> impl Iterator<Item = T> {
        self.by_id.into_values()
    }

    /// The rows, or an error where they are not proven to be all.
    pub(crate) fn proven(self, operation: &'static str) -> Result<Self, PlatformError> {
        match self.doubt {
            None => Ok(self),
            Some(why) => Err(PlatformError::new(
                ErrorKind::BadReply,
                Retry::Later,
                operation,
                format!("the list is not whole: {why}"),
            )),
        }
    }
}

/// Reads a list to its end. Only a failure on the first page is an error.
pub(crate) async fn rows(
    session: &Session,
    ask: impl Fn(Part) -> Ask,
    page_size: u32,
    priority: Priority,
) -> Result<Rows, PlatformError> {
    rows_as(session, ask, page_size, priority, |row| row).await
}

/// The same, each row turned into what is wanted of it as its page comes in, so that a long list is not kept whole.
pub(crate) async fn rows_as<T>(
    session: &Session,
    ask: impl Fn(Part) -> Ask,
    page_size: u32,
    priority: Priority,
    read: impl Fn(Value) -> T,
) -> Result<Rows<T>, PlatformError> {
    let pages = Pages {
        session,
        ask,
        page_size,
        priority,
        read,
    };
    let mut pass = pages.pass().await?;
    if pass.was_disturbed() {
        match pages.pass().await {
            Ok(again) => pass.give_way_to(again),
            Err(error) => pass.broken = Some(format!("the second pass broke off: {error}")),
        }
    }
    Ok(pass.finish())
}

/// A list to be read.
struct Pages<'a, A, R> {
    session: &'a Session,
    ask: A,
    page_size: u32,
    priority: Priority,
    read: R,
}

impl<A: Fn(Part) -> Ask, R> Pages<'_, A, R> {
    async fn pass<T>(&self) -> Result<Pass<T>, PlatformError>
    where
        R: Fn(Value) -> T,
    {
        let mut pass = Pass::new();
        for page in 0..PAGES_MAX {
            let ask = (self.ask)(Part {
                page,
                page_size: self.page_size,
            });
            let reply = match self.session.call(&ask, self.priority).await {
                Ok(reply) => reply,
                Err(error) if page == 0 => return Err(error),
                Err(error) => {
                    pass.broken = Some(format!("page {page} failed: {error}"));
                    return Ok(pass);
                }
            };
            let Some(page) = wire::page(&reply.body) else {
                return Err(error::senseless(&ask, "an answer that is no list"));
            };
            if pass.take(page, &self.read) {
                return Ok(pass);
            }
        }
        pass.broken = Some(format!("there was no end after {PAGES_MAX} pages"));
        Ok(pass)
    }
}

/// One pass over all pages.
#[derive(Debug)]
struct Pass<T> {
    by_id: BTreeMap<u64, T>,
    nameless: Vec<T>,
    pages: u32,
    sightings: usize,
    total: Option<u64>,
    total_changed: bool,
    miscounted: bool,
    broken: Option<String>,
}

impl<T> Pass<T> {
    fn new() -> Self {
        Self {
            by_id: BTreeMap::new(),
            nameless: Vec::new(),
            pages: 0,
            sightings: 0,
            total: None,
            total_changed: false,
            miscounted: false,
            broken: None,
        }
    }

    /// Takes a page in; says whether it was the last.
    fn take(&mut self, page: Page, read: impl Fn(Value) -> T) -> bool {
        self.pages += 1;
        if self.pages == 1 {
            self.total = page.total;
        }
        self.total_changed |= page.total != self.total;
        self.miscounted |= page
            .count
            .is_some_and(|count| usize::try_from(count) != Ok(page.rows.len()));
        self.sightings += page.rows.len();
        let before = self.different();
        for row in page.rows {
            match wire::id(row.get("id")) {
                Some(id) => drop(self.by_id.insert(id, read(row))),
                None => self.nameless.push(read(row)),
            }
        }
        let new = self.different() - before;
        let all = self.total.is_some_and(|total| self.count() >= total);
        new == 0 || all
    }

    fn different(&self) -> usize {
        self.by_id.len() + self.nameless.len()
    }

    fn count(&self) -> u64 {
        u64::try_from(self.different()).unwrap_or(u64::MAX)
    }

    /// Whether rows moved between pages while they were read.
    fn was_disturbed(&self) -> bool {
        self.pages > 1
            && self.broken.is_none()
            && (self.total_changed
                || self.sightings != self.different()
                || self.total != Some(self.count()))
    }

    /// The second pass counts; where it proves nothing either, what only the first one showed is not thrown away.
    fn give_way_to(&mut self, again: Self) {
        let first = std::mem::replace(self, again);
        if let Some(why) = self.doubt() {
            for (id, row) in first.by_id {
                self.by_id.entry(id).or_insert(row);
            }
            self.broken = Some(format!("{why}, also when it was read again"));
        }
    }

    fn doubt(&self) -> Option<String> {
        if self.broken.is_some() {
            return self.broken.clone();
        }
        let Some(total) = self.total else {
            return Some("it does not tell its total".to_owned());
        };
        if self.total_changed {
            return Some("the total changed while the pages were read".to_owned());
        }
        if self.miscounted {
            return Some("a page holds another number of rows than it says".to_owned());
        }
        let came = self.count();
        (came != total).then(|| format!("{came} rows came of {total}"))
    }

    fn finish(self) -> Rows<T> {
        Rows {
            doubt: self.doubt(),
            by_id: self.by_id,
            nameless: self.nameless,
        }
    }
}
