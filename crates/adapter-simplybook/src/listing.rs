//! The census: every booking of a window, proven to be all of them.
//!
//! # Flow
//! The window's days are asked for in slices. A slice comes in one piece, without pages or totals (simplybook
//! contract, 6.2), so the proof is indirect.
//!
//! # Guarantees
//! A slice counts as whole when its reply is a complete list, every row starts on a day that was asked for (else the
//! filter was not understood), and its length does not look like a cap: of a round number of
//! rows both halves are asked for as well, down to single days; a day that looks capped is a doubt.
//! A user who may not see everything proves nothing: what it lists is [`Coverage::Partial`].
//!
//! # Assumptions
//! Whether the last day is included is not documented, so one day more is asked for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;
use slotbridge_core::record::{Coverage, Listing, Record, Unreadable, Window};
use slotbridge_core::zone;
use slotbridge_platform::PlatformError;
use slotbridge_platform::platform::Priority;

use crate::company::Company;
use crate::convert::{Shown, Terms};
use crate::error;
use crate::request;
use crate::session::Session;
use crate::wire;

/// How many days one call asks for; others get on with as many (simplybook contract, 6.2).
const SLICE_DAYS: i32 = 92;
/// From here on a round number of rows looks like a cap.
const CAP_MIN: usize = 100;
const CAP_STEP: usize = 50;

/// What a listing is made with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lister<'a> {
    pub(crate) session: &'a Session,
    pub(crate) terms: &'a Terms,
    pub(crate) company: &'a Company,
    pub(crate) priority: Priority,
    /// How many rows were proven to come in one piece.
    pub(crate) uncapped: &'a AtomicUsize,
}

#[derive(Debug, Default)]
struct Seen {
    shown: BTreeMap<String, Shown>,
    unreadable: Vec<Unreadable>,
    /// How many rows came, whatever became of them.
    rows: usize,
    doubt: Option<String>,
}

impl Lister<'_> {
    /// Lists a window. Only a failure of the very first call is an error.
    pub(crate) async fn list(
        &self,
        window: Window,
    ) -> Result<(Listing, Vec<Shown>), PlatformError> {
        let (first, last) = zone::window_days(window, &self.company.zone);
        let mut seen = Seen::default();
        let mut from = first;
        let mut calls = 0;
        while from <= last {
            let to = from.saturating_add((SLICE_DAYS - 1).days()).min(last);
            match self.slice(from, to).await {
                Ok(slice) => seen.add(slice),
                Err(error) if calls == 0 => return Err(error),
                Err(error) => {
                    seen.doubt = Some(format!("the days from {from} could not be listed: {error}"));
                    break;
                }
            }
            calls += 1;
            from = to.saturating_add(1.day());
        }
        let coverage = match seen.doubt {
            None => Coverage::Complete(window),
            Some(why) => Coverage::Partial { why },
        };
        let shown: Vec<Shown> = seen
            .shown
            .into_values()
            .filter(|shown| window.contains(shown.record.start))
            .collect();
        let records: Vec<Record> = shown.iter().map(|shown| shown.record.clone()).collect();
        Ok((
            Listing {
                records,
                unreadable: seen.unreadable,
                coverage,
                cursor: None,
            },
            shown,
        ))
    }

    /// The days from `from` to `to`; halved again and again while what comes looks capped.
    async fn slice(&self, from: Date, to: Date) -> Result<Seen, PlatformError> {
        let mut whole = Seen::default();
        let mut open = vec![(from, to)];
        let mut suspected: usize = 0;
        while let Some((from, to)) = open.pop() {
            // One day more: whether the last one is included is not documented.
            let part = self.days(from, to, to.saturating_add(1.day())).await?;
            let (rows, kept) = (part.rows, part.different());
            whole.add(part);
            if !self.looks_capped(rows) {
                continue;
            }
            suspected = suspected.max(rows);
            let days = from.until(to).map_or(0, |span| span.get_days());
            if days > 0 {
                let middle = from.saturating_add((days / 2).days());
                open.push((middle.saturating_add(1.day()), to));
                open.push((from, middle));
                continue;
            }
            // The day alone, in case the day after it made up the number.
            let alone = self.days(from, to, to).await?;
            if self.looks_capped(alone.rows) || alone.different() < kept {
                whole.doubt = Some(format!(
                    "{from} shows exactly {rows} bookings, which may be all that the platform shows"
                ));
            }
            whole.add(alone);
        }
        if suspected > 0 && whole.doubt.is_none() && whole.different() == suspected {
            // The parts add up: so many rows come in one piece.
            self.uncapped.fetch_max(suspected, Ordering::Relaxed);
        }
        Ok(whole)
    }

    fn looks_capped(&self, rows: usize) -> bool {
        let round = rows >= CAP_MIN && rows.is_multiple_of(CAP_STEP);
        round && rows > self.uncapped.load(Ordering::Relaxed)
    }

    async fn days(&self, from: Date, to: Date, asked_to: Date) -> Result<Seen, PlatformError> {
        let ask = request::bookings(from, asked_to);
        let rows = self.session.call(&ask, self.priority).await?;
        let Some(rows) = wire::elements(&rows).filter(|_| !rows.is_null()) else {
            return Err(error::senseless(&ask, "the listing is no list"));
        };
        let mut seen = Seen {
            rows: rows.len(),
            ..Seen::default()
        };
        let (mut beyond, mut odd): (usize, usize) = (0, 0);
        for row in rows {
            odd += usize::from(!row.is_object());
            match day_of(row) {
                Some(day) if day < from || day > asked_to => beyond += 1,
                // Seen again with its own slice, if it belongs to the window at all.
                Some(day) if day > to => continue,
                _ => {}
            }
            match self.terms.shown(row, self.company, None) {
                Ok(shown) => {
                    seen.shown
                        .insert(shown.record.id.as_str().to_owned(), shown);
                }
                Err(mut unreadable) => {
                    unreadable.why = self.session.api().scrub(&unreadable.why);
                    seen.unreadable.push(unreadable);
                }
            }
        }
        if beyond > 0 {
            seen.doubt = Some(format!(
                "the listing shows {beyond} bookings of other days than were asked for"
            ));
        }
        // A booking may be unreadable; what is no object is none, and the listing may be of anything.
        if odd > 0 {
            seen.doubt = Some(format!("{odd} rows of the listing are no bookings"));
        }
        Ok(seen)
    }
}

impl Seen {
    fn different(&self) -> usize {
        self.shown.len() + self.unreadable.len()
    }

    fn add(&mut self, other: Self) {
        self.shown.extend(other.shown);
        for row in other.unreadable {
            if row.id.is_none() || !self.unreadable.contains(&row) {
                self.unreadable.push(row);
            }
        }
        self.doubt = self.doubt.take().or(other.doubt);
    }
}

/// The day on which a row starts.
fn day_of(row: &Value) -> Option<Date> {
    let row = row.as_object()?;
    let text = wire::filled(row, &["start_date_time", "start_datetime", "start_date"])?;
    wire::local(&text).map(jiff::civil::DateTime::date)
}
