//! Days of four platforms and four bridges: quotas, webhooks, memory.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use slotbridge_core::model::PlatformName;

use super::figures::count;
use super::{Figures, Rig, Setting, resident_kib};
use crate::world::{PLACES, Place};

/// People book and cancel every quarter of an hour on any of the platforms; webhooks come once each.
///
/// # Errors
/// Only when the bench itself cannot go on.
pub async fn days(seed: u64, days: u64) -> anyhow::Result<Figures> {
    let mut rig = Rig::start(Setting {
        bridges: 4,
        staff: 4,
        ..Setting::new(seed)
    })?;
    let (began, machine) = (rig.stage.clock.now(), Instant::now());
    let (mut acts, mut hints) = (0, 0);
    let mut mine: Vec<(Place, u64)> = Vec::new();
    let columns = ["resident KiB", "calls", "webhooks", "acts"];
    let title = format!("{days} days of 4 platforms and 4 bridges, at the real quotas");
    let mut figures = Figures::new(title, &columns);
    for day in 1..=days {
        for _quarter in 0..96 {
            tokio::time::sleep(Duration::from_mins(14)).await;
            let place = PLACES
                .get(rig.dice.index(PLACES.len()))
                .copied()
                .context("no place")?;
            if rig.dice.below(3) == 0 && mine.len() > 20 {
                let at = rig.dice.index(mine.len());
                let (place, id) = mine.swap_remove(at);
                rig.stage.side(place).hand.cancel(id)?;
            } else if let Some((id, _)) = rig.book(place, 40) {
                mine.push((place, id));
            }
            acts += 1;
            hints += rig.deliver_all().await?;
            // What the platforms tell of our own writes.
            tokio::time::sleep(Duration::from_mins(1)).await;
            hints += rig.deliver_all().await?;
            for place in PLACES {
                rig.stage.side(place).view.forget_calls();
            }
        }
        let calls: usize = rig.calls().values().sum();
        let numbers = [resident_kib(), calls, hints, acts].map(count);
        figures.row(format!("day {day}"), numbers);
    }
    tokio::time::sleep(Duration::from_hours(1)).await;
    let mut waiting = 0;
    for place in PLACES {
        let platform = PlatformName::new(place.name()).context("a platform's name")?;
        waiting += rig.store.inbox_waiting(&platform).await?;
    }
    let now = rig.stage.clock.now();
    let wanted = mine
        .iter()
        .filter(|(place, id)| {
            let shown = rig.stage.side(*place).view.seen(*id);
            shown.is_some_and(|shown| !shown.deleted && shown.start > now)
        })
        .count();
    let (mut refused, mut twins) = (0, 0);
    let mut shown = Vec::new();
    for side in rig.stage.sides() {
        refused += side.view.quota_violations().len();
        twins += side.view.duplicates_ever().len();
        let live = side.view.live();
        let ahead = live.iter().filter(|seen| seen.start > now).count();
        shown.push(format!("{} {ahead}", side.place.title()));
    }
    let lasted = now.duration_since(began);
    rig.stop().await?;
    figures.note(format!(
        "{} h of virtual time in {} s; webhooks left: {waiting}; calls refused for a quota: {refused}; records doubled: {twins}",
        lasted.as_hours(),
        machine.elapsed().as_secs()
    ));
    figures.note(format!(
        "bookings ahead that people made: {wanted}; shown on {}",
        shown.join(", ")
    ));
    figures.note("the simulated platforms and all that they hold are part of the resident memory");
    Ok(figures)
}
