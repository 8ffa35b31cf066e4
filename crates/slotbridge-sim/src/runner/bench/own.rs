//! What the machine itself needs between a webhook and the last write, on the real clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::figures::Samples;
use super::{Figures, Rig, Setting, others};
use crate::world::{PLACES, Place};

/// Without quotas nothing waits, so all that passes between a webhook's arrival and the last write elsewhere is work: ours,
/// the disk's, and the simulated platforms', which is taken off.
///
/// # Errors
/// Only when the bench itself cannot go on.
pub async fn own(seed: u64, changes: usize) -> anyhow::Result<Figures> {
    let setting = Setting {
        quotas: false,
        disk: true,
        ..Setting::new(seed)
    };
    let mut rig = Rig::start(setting)?;
    tokio::time::sleep(Duration::from_mins(2)).await;
    let mut own: BTreeMap<Place, Samples> = BTreeMap::new();
    let [mut all, mut theirs, mut processor] = [(); 3].map(|()| Samples::default());
    let mut calls = 0;
    for number in 0..changes {
        let place = PLACES.into_iter().cycle().nth(number).context("no place")?;
        tokio::time::sleep(Duration::from_secs(30)).await;
        let since = rig.calls();
        rig.book(place, 40).context("nobody is free any more")?;
        let (began, busy, worked) = (Instant::now(), rig.network.busy(), on_processor());
        rig.deliver(place).await?;
        let from = |other: Place| since.get(&other).copied().unwrap_or(0);
        let mut waits = 0;
        while others(place).any(|other| rig.landed(other, from(other)).count == 0) && waits < 6_000
        {
            // Everything that can go on without waiting does so first.
            tokio::time::sleep(Duration::from_millis(1)).await;
            waits += 1;
        }
        anyhow::ensure!(waits < 6_000, "a booking on {} got lost", place.title());
        let (took, busy) = (began.elapsed(), rig.network.busy().saturating_sub(busy));
        calls += rig.calls().values().sum::<usize>() - since.values().sum::<usize>();
        all.0.push(took.saturating_sub(busy));
        theirs.0.push(busy);
        let worked = on_processor().saturating_sub(worked);
        processor.0.push(worked.saturating_sub(busy));
        let of_place = own.entry(place).or_default();
        of_place.0.push(took.saturating_sub(busy));
        rig.deliver_all().await?;
    }
    rig.stop().await?;
    let title = format!(
        "our own time: {changes} bookings, seconds on the real clock from a webhook's arrival to the last write elsewhere"
    );
    let mut figures = Figures::new(title, &["p50", "p99", "max"]);
    for (place, samples) in &own {
        figures.row(format!("from {}", place.title()), samples.spread());
    }
    figures.row("from all", all.spread());
    figures.row("of that on a processor", processor.spread());
    figures.row("taken off: simulated platforms", theirs.spread());
    figures.note(format!(
        "the database is a file on the disk, every commit waits for it; {calls} calls in all"
    ));
    Ok(figures)
}

/// How long this thread, which does everything here, has been on a processor; nothing where nobody tells.
fn on_processor() -> Duration {
    let status = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = status
        .split(' ')
        .next()
        .and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}
