//! Free and busy starts, from what the public service tells of them.
//!
//! The platform tells free starts and opening hours, nothing else. A start is taken for busy when it lies inside the
//! day's hours, is not free, and is free at the same time of some other day: breaks, which nobody tells, and the last
//! hour before closing are free on no day. Starts before the first free one are left out, because the notice that the
//! company wants cannot be told from bookings.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::Value;
use slotbridge_core::model::{ResourceKey, ServiceKey};
use slotbridge_core::record::{Grid, GridCell};
use slotbridge_core::zone;
use slotbridge_platform::PlatformError;
use slotbridge_platform::platform::Priority;

use crate::convert;
use crate::error;
use crate::platform::Hands;
use crate::public::Public;
use crate::request;
use crate::wire;

/// How far ahead is looked; longer windows were seen to be slow (simplybook contract, 5.5).
const HORIZON_DAYS: i32 = 13;
const HOURS_BELIEVED_FOR: Duration = Duration::from_hours(6);
const OCCUPANCY: &str = "slots.free";

/// A provider's hours by day: since midnight, from and to; nothing on a day off.
pub(crate) type Hours = BTreeMap<Date, Option<(SignedDuration, SignedDuration)>>;

impl Public {
    pub(crate) async fn grid(
        &self,
        hands: &Hands,
        resource: &ResourceKey,
        service: &ServiceKey,
        service_length: SignedDuration,
        priority: Priority,
    ) -> Result<Grid, PlatformError> {
        let unit = convert::key(OCCUPANCY, "resource", resource.as_str())?;
        let event = convert::key(OCCUPANCY, "service", service.as_str())?;
        let company = hands.company(priority).await?;
        let now = hands.session.api().seam().now();
        let first = company.zone.to_datetime(now).date();
        let last = first.saturating_add(HORIZON_DAYS.days());
        let free = self.free(hands, first, last, event, unit, priority).await?;
        let mut hours = self.hours(hands, first, unit, priority).await?;
        if (first.year(), first.month()) != (last.year(), last.month()) {
            hours.extend(self.hours(hands, last, unit, priority).await?);
        }
        let cells = cells(&free, &hours, (first, last), service_length)
            .into_iter()
            .filter_map(|(day, time, available)| {
                // A time that the clocks skip cannot be booked by anybody.
                let start = zone::to_instant(day.to_datetime(time), &company.zone).ok()?;
                (start > now).then_some(GridCell { start, available })
            })
            .collect();
        Ok(Grid {
            resource: resource.clone(),
            service_slot: service_length,
            cells: ascending(cells),
        })
    }

    async fn hours(
        &self,
        hands: &Hands,
        month: Date,
        unit: u64,
        priority: Priority,
    ) -> Result<Hours, PlatformError> {
        let key = (unit, month.year(), month.month());
        let mut known = self.hours.lock().await;
        if let Some((since, hours)) = known.get(&key)
            && hands.session.now().saturating_sub(*since) < HOURS_BELIEVED_FOR
        {
            return Ok(hours.clone());
        }
        let ask = request::work_calendar(month.year(), month.month(), unit);
        let calendar = hands.call(&ask, priority).await?;
        let hours = read_hours(&calendar)
            .ok_or_else(|| error::senseless(&ask, "the hours are no table of days"))?;
        known.retain(|_, (since, _)| {
            hands.session.now().saturating_sub(*since) < HOURS_BELIEVED_FOR
        });
        known.insert(key, (hands.session.now(), hours.clone()));
        Ok(hours)
    }
}

/// A work calendar; days that cannot be read are left out.
pub(crate) fn read_hours(calendar: &Value) -> Option<Hours> {
    let mut hours = Hours::new();
    for (day, entry) in wire::entries(calendar)? {
        let (Some(day), Some(entry)) = (wire::date_of(day), entry.as_object()) else {
            continue;
        };
        if entry.get("is_day_off").and_then(wire::flag) == Some(true) {
            hours.insert(day, None);
            continue;
        }
        let at =
            |name: &str| wire::filled(entry, &[name]).and_then(|text| wire::since_midnight(&text));
        if let Some(span) = at("from").zip(at("to")) {
            hours.insert(day, Some(span));
        }
    }
    Some(hours)
}

/// The cells of the days from the first to the last.
pub(crate) fn cells(
    free: &BTreeMap<Date, Vec<Time>>,
    hours: &Hours,
    (first, last): (Date, Date),
    length: SignedDuration,
) -> Vec<(Date, Time, bool)> {
    let mut starts: BTreeSet<Time> = BTreeSet::new();
    let mut first_free = None;
    for (day, times) in free.range(first..=last) {
        starts.extend(times);
        if first_free.is_none() {
            first_free = times.iter().min().map(|time| day.to_datetime(*time));
        }
    }
    let Some(first_free) = first_free else {
        return Vec::new();
    };
    let mut cells = Vec::new();
    let mut day = first;
    while day <= last {
        let open = free.get(&day).map(Vec::as_slice).unwrap_or_default();
        let span = hours.get(&day).copied().flatten();
        for start in &starts {
            let available = open.contains(start);
            let since = start.duration_since(Time::MIN);
            let fits =
                span.is_some_and(|(from, to)| since >= from && since.saturating_add(length) <= to);
            if (available || fits) && day.to_datetime(*start) >= first_free {
                cells.push((day, *start, available));
            }
        }
        day = day.saturating_add(1.day());
    }
    cells
}

fn ascending(cells: Vec<GridCell>) -> Vec<GridCell> {
    let mut by_start: BTreeMap<Timestamp, bool> = BTreeMap::new();
    for cell in cells {
        by_start
            .entry(cell.start)
            .and_modify(|available| *available |= cell.available)
            .or_insert(cell.available);
    }
    by_start
        .into_iter()
        .map(|(start, available)| GridCell { start, available })
        .collect()
}
