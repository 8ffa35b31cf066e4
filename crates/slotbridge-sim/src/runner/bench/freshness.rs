//! With webhooks: from a person's change to the last write elsewhere, in virtual time at the real quotas.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use slotbridge_engine::event::LookKind;

use super::figures::Samples;
use super::{Figures, RESERVE_PERCENT, RUBITIME_GAP, Rig, Setting, others};
use crate::world::{PLACES, Place};

/// What the write to each platform waits for, beyond the calls that it takes, is what polling has used of the quota.
///
/// # Errors
/// Only when the bench itself cannot go on.
pub async fn freshness(seed: u64, changes: usize) -> anyhow::Result<Figures> {
    let mut rig = Rig::start(Setting::new(seed))?;
    tokio::time::sleep(Duration::from_mins(2)).await;
    let mut pairs: BTreeMap<(Place, Place), Samples> = BTreeMap::new();
    let (mut writes, mut missed, mut hints) = (0, 0, [0_usize; 2]);
    let mut read = [0_u64; 2];
    let hinted = |rig: &Rig| -> u64 {
        PLACES
            .into_iter()
            .map(|place| rig.ear.looks(place, LookKind::Hint).calls)
            .sum()
    };
    for number in 0..changes {
        let place = PLACES.into_iter().cycle().nth(number).context("no place")?;
        // Long enough for every short quota to be free again, but for what polling takes of it.
        let pause = 30_000 + rig.dice.below(30_000);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let (since, before) = (rig.calls(), hinted(&rig));
        rig.book(place, 40).context("nobody is free any more")?;
        let began = rig.stage.clock.now();
        hints[0] += rig.deliver(place).await?;
        let from = |other: Place| since.get(&other).copied().unwrap_or(0);
        let mut waits = 0;
        while others(place).any(|other| rig.landed(other, from(other)).count == 0) && waits < 6_000
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
            waits += 1;
        }
        for other in others(place) {
            let landed = rig.landed(other, from(other));
            writes += landed.count;
            match landed.last {
                Some(at) => {
                    let took = Duration::try_from(at.duration_since(began)).unwrap_or_default();
                    pairs.entry((place, other)).or_default().0.push(took);
                }
                None => missed += 1,
            }
        }
        read[0] += hinted(&rig) - before;
        // What the platforms tell of our own writes.
        let before = hinted(&rig);
        hints[1] += rig.deliver_all().await?;
        tokio::time::sleep(Duration::from_secs(10)).await;
        read[1] += hinted(&rig) - before;
    }
    tokio::time::sleep(Duration::from_mins(1)).await;
    let refused: usize = PLACES
        .into_iter()
        .map(|place| rig.stage.side(place).view.quota_violations().len())
        .sum();
    rig.stop().await?;
    let title = format!(
        "freshness with webhooks: {changes} bookings, seconds of virtual time from the booking to the write elsewhere"
    );
    let columns = ["p50", "p99", "max", "mean", "bound", "mean-bound"];
    let mut figures = Figures::new(title, &columns);
    for ((from, to), samples) in &pairs {
        let pair = format!("{} to {}", from.title(), to.title());
        let (mean, bound) = (samples.mean(), bound(*from, *to).as_secs_f64());
        let mut numbers = samples.spread().to_vec();
        numbers.extend([mean, bound, beyond(mean, bound)]);
        figures.row(pair, numbers);
    }
    figures.note(format!(
        "writes: {writes} for {changes} bookings on three others each; missed: {missed}; calls refused for a quota: {refused}"
    ));
    figures.note(format!(
        "calls for {} webhooks of people's bookings: {}; for {} webhooks that tell of our own writes: {}",
        hints[0], read[0], hints[1], read[1]
    ));
    figures.note(
        "bound: the mean of the best that any scheduler could do that leaves the platforms' quotas no room for more looks",
    );
    Ok(figures)
}

/// By how much one number is above another; a mean of few may be below.
#[expect(clippy::float_arithmetic, reason = "a difference is only shown")]
fn beyond(of: f64, than: f64) -> f64 {
    of - than
}

/// The mean time that the best scheduler needs from a webhook to the write: for the calls that must come before the write
/// lands, at the pace of the two quotas, when looks use all of them but the reserve.
///
/// Before: what a webhook leaves to be read (YCLIENTS and SimplyBook.me name the record, Rubitime shows it whole, AlfaCRM
/// names a lesson whose client's card is read besides); and what a write needs first, of which AlfaCRM's takes longest: the
/// card is looked for among clients and leads and made, and the teacher's time looked up (contract pages, writing).
/// YCLIENTS and SimplyBook.me allow five calls in a second whenever, so nothing waits there.
fn bound(from: Place, to: Place) -> Duration {
    let reads = |place: Place| match place {
        Place::Alfacrm => 2,
        Place::Yclients | Place::Simplybook => 1,
        Place::Rubitime => 0,
    };
    let writes = |place: Place| match place {
        Place::Alfacrm => 5,
        Place::Yclients | Place::Simplybook | Place::Rubitime => 1,
    };
    paced(from, reads(from)) + paced(to, writes(to))
}

/// The mean time until the last of so many calls may go out.
fn paced(place: Place, calls: u32) -> Duration {
    let gap = match place {
        Place::Yclients | Place::Simplybook => return Duration::ZERO,
        Place::Rubitime => RUBITIME_GAP,
        // The quota that we keep to, four calls a second of the documented five.
        Place::Alfacrm => Duration::from_millis(250),
    };
    let Some(more) = calls.checked_sub(1) else {
        return Duration::ZERO;
    };
    // A look every gap / share; the first call waits for what is left of the gap after the last look: on the average half
    // of the gap, where there was one at all.
    let first = gap / 2 * (100 - RESERVE_PERCENT) / 100;
    first + gap * more
}
