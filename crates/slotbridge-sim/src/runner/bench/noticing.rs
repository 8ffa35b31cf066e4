//! Without webhooks: from a person's change until it is acted on, against what the quota allows.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use slotbridge_engine::event::LookKind;

use super::figures::{Samples, ratio};
use super::{Figures, RESERVE_PERCENT, RUBITIME_GAP, Rig, Setting, others};
use crate::world::{PLACES, Place};

/// How many bookings of the next days there are all the time.
const STANDING: usize = 12;

/// How long people do nothing, at least: so seldom that what a booking and its cancelling need fits into what is kept of
/// SimplyBook.me's calls for writes.
const PAUSE: Duration = Duration::from_mins(5);

/// A booking counts as noticed when the first write about it lands elsewhere.
///
/// # Errors
/// Only when the bench itself cannot go on.
pub async fn noticing(seed: u64, changes: usize) -> anyhow::Result<Figures> {
    let setting = Setting {
        settled_in: true,
        ..Setting::new(seed)
    };
    let staff = setting.staff;
    let mut rig = Rig::start(setting)?;
    tokio::time::sleep(Duration::from_mins(5)).await;
    // There are bookings in the next days, and looks are spent on them too.
    for number in 0..STANDING {
        let place = PLACES.into_iter().cycle().nth(number).context("no place")?;
        rig.book(place, 2).context("nobody is free any more")?;
    }
    tokio::time::sleep(Duration::from_mins(10)).await;
    let mut noticed: BTreeMap<Place, Samples> = BTreeMap::new();
    let mut missed = 0;
    for number in 0..changes {
        let place = PLACES.into_iter().cycle().nth(number).context("no place")?;
        let pause = PAUSE.as_millis();
        let pause = u64::try_from(pause)? + rig.dice.below(120_000);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let since = rig.calls();
        // Only what the near looks see counts: today and the next days.
        let (id, _) = rig.book(place, 2).context("nobody is free any more")?;
        let began = rig.stage.clock.now();
        let from = |other: Place| since.get(&other).copied().unwrap_or(0);
        let mut first = None;
        let mut waits = 0;
        while first.is_none() && waits < 20 * 300 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            waits += 1;
            first = others(place)
                .filter_map(|other| rig.landed(other, from(other)).first)
                .min();
        }
        match first {
            Some(at) => {
                let took = Duration::try_from(at.duration_since(began)).unwrap_or_default();
                noticed.entry(place).or_default().0.push(took);
            }
            None => missed += 1,
        }
        // The copies get there, and the booking goes, so that there is always room.
        tokio::time::sleep(Duration::from_mins(1)).await;
        rig.stage.side(place).hand.cancel(id)?;
        for place in PLACES {
            rig.stage.take_webhooks(place);
            rig.stage.side(place).view.forget_calls();
        }
    }
    let plans: BTreeMap<String, _> = rig
        .handle
        .health()
        .platforms
        .into_iter()
        .map(|platform| (platform.name.to_string(), platform.plan))
        .collect();
    let looks: BTreeMap<Place, (u64, u64)> = PLACES
        .into_iter()
        .map(|place| (place, rig.ear.looks(place, LookKind::Near)))
        .collect();
    let refused: usize = PLACES
        .into_iter()
        .map(|place| rig.stage.side(place).view.quota_violations().len())
        .sum();
    rig.stop().await?;
    let title = format!(
        "noticing without webhooks: {changes} bookings of the next days, seconds of virtual time until the first write elsewhere"
    );
    let columns = ["p50", "p99", "max", "mean", "told", "bound", "mean/bound"];
    let mut figures = Figures::new(title, &columns);
    for (place, samples) in &noticed {
        let told = plans
            .get(place.name())
            .copied()
            .flatten()
            .map_or(0.0, |plan| plan.notice.as_secs_f64());
        let bound = bound(*place, staff).as_secs_f64();
        let mean = samples.mean();
        let mut numbers = samples.spread().to_vec();
        numbers.extend([mean, told, bound, ratio(mean, bound)]);
        figures.row(place.title(), numbers);
    }
    for (place, (looks, calls)) in looks {
        figures.note(format!(
            "{}: {looks} near looks of {calls} calls",
            place.title()
        ));
    }
    figures.note(format!(
        "missed: {missed}; calls refused for a quota: {refused}"
    ));
    figures.note(
        "told: what the daemon says in its status; bound: the mean of the best that any scheduler could do with all of the quota but the reserve for writes",
    );
    Ok(figures)
}

/// The mean time that the best scheduler needs: looks that see all of the next days, as often as the quota allows beside the
/// reserve, so that a booking waits for half of the time between two of them.
///
/// YCLIENTS lists changes since a time in one call; SimplyBook.me and AlfaCRM list days in one call, AlfaCRM without the
/// clients' names, so that a new client's card takes another. Rubitime shows the free times of one member of staff a call,
/// and a busy time is believed when the next call shows it too: free times are told from a cache now and then (contract
/// pages, listing and quota). The quotas are those that we keep to by the contract
/// pages: on Rubitime a call in 5.5 s, on AlfaCRM four calls a second.
fn bound(place: Place, staff: usize) -> Duration {
    let staff = u32::try_from(staff).unwrap_or(1);
    // The narrowest limit, the calls of a look, and those that follow it before anything is known.
    let (per_call, calls, more) = match place {
        Place::Yclients => (Duration::from_mins(1) / 200, 1, Duration::ZERO),
        Place::Rubitime => (RUBITIME_GAP, staff, RUBITIME_GAP),
        Place::Simplybook => (Duration::from_hours(24) / 5000, 1, Duration::ZERO),
        Place::Alfacrm => (Duration::from_millis(250), 1, Duration::from_millis(250)),
    };
    let apart = per_call * 100 / (100 - RESERVE_PERCENT);
    apart * calls / 2 + more
}
