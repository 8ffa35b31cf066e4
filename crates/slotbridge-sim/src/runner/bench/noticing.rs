//! Without webhooks: from a person's change until it is acted on, against what the quota allows.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use slotbridge_engine::event::LookKind;

use super::figures::{Samples, ratio};
use super::{Figures, RESERVE_PERCENT, RUBITIME_GAP, Rig, Setting};
use crate::world::Place;

/// How many bookings of the next days there are all the time.
const STANDING: usize = 12;

/// Platforms that are measured together.
struct Group {
    measured: &'static [Place],
    /// With one beside them that is hardly looked at, but written to at once: so that what is measured is when a change is
    /// noticed, and not how long a write takes.
    all: &'static [Place],
    /// How long people do nothing between two changes, at least.
    pause: Duration,
}

/// The quick ones are looked at several times a second and the slow ones a few times a minute: apart from each other more
/// changes can be measured, and chance counts for less. Changes on the slow ones are so rare that what a booking and its
/// cancelling need fits into what is kept of SimplyBook.me's calls a day for writes.
const GROUPS: [Group; 2] = [
    Group {
        measured: &[Place::Yclients, Place::Alfacrm],
        all: &[Place::Yclients, Place::Alfacrm, Place::Simplybook],
        pause: Duration::from_secs(20),
    },
    Group {
        measured: &[Place::Rubitime, Place::Simplybook],
        all: &[Place::Rubitime, Place::Simplybook, Place::Yclients],
        pause: Duration::from_mins(5),
    },
];

/// What was measured on one platform.
struct Noticed {
    place: Place,
    samples: Samples,
    told: Duration,
    bound: Duration,
}

/// A booking counts as noticed when the first write about it lands elsewhere. So many bookings are made in each group.
///
/// # Errors
/// Only when the bench itself cannot go on.
pub async fn noticing(seed: u64, changes: usize) -> anyhow::Result<Figures> {
    let title = format!(
        "noticing without webhooks: twice {changes} bookings of the next days, seconds of virtual time until the first write elsewhere"
    );
    let columns = ["p50", "p99", "max", "mean", "told", "bound", "mean/bound"];
    let mut figures = Figures::new(title, &columns);
    let (mut missed, mut refused) = (0, 0);
    for group in &GROUPS {
        let setting = Setting {
            places: group.all,
            looked_at: group.measured,
            settled_in: true,
            ..Setting::new(seed)
        };
        let staff = setting.staff;
        let mut rig = Rig::start(setting)?;
        let noticed = watch(&mut rig, group, staff, changes).await?;
        missed += changes - noticed.iter().map(|one| one.samples.0.len()).sum::<usize>();
        for place in group.measured {
            refused += rig.stage.side(*place).view.quota_violations().len();
            let looks = rig.ear.looks(*place, LookKind::Near);
            figures.note(format!(
                "{}: {} near looks of {} calls; a change at any time waits {:.2} s for one",
                place.title(),
                looks.count,
                looks.calls,
                looks.mean_wait()
            ));
        }
        rig.stop().await?;
        for one in noticed {
            let (mean, bound) = (one.samples.mean(), one.bound.as_secs_f64());
            let mut numbers = one.samples.spread().to_vec();
            numbers.extend([mean, one.told.as_secs_f64(), bound, ratio(mean, bound)]);
            figures.row(one.place.title(), numbers);
        }
    }
    figures.note(format!(
        "missed: {missed}; calls refused for a quota: {refused}"
    ));
    figures.note(
        "told: what the daemon says in its status; bound: the mean of the best that any scheduler could do with all of the quota but the reserve for writes",
    );
    Ok(figures)
}

/// Lets people book on the measured platforms in turn.
async fn watch(
    rig: &mut Rig,
    group: &Group,
    staff: usize,
    changes: usize,
) -> anyhow::Result<Vec<Noticed>> {
    let pause = u64::try_from(group.pause.as_millis())?;
    let mut turns = group.measured.iter().copied().cycle();
    tokio::time::sleep(Duration::from_mins(5)).await;
    // There are bookings in the next days, and looks are spent on them too.
    for place in turns.by_ref().take(STANDING) {
        rig.book(place, 2).context("nobody is free any more")?;
    }
    tokio::time::sleep(Duration::from_mins(10)).await;
    let mut noticed: BTreeMap<Place, Samples> = BTreeMap::new();
    for place in turns.take(changes) {
        tokio::time::sleep(Duration::from_millis(pause + rig.dice.below(pause / 2))).await;
        let since = rig.calls();
        // Only what the near looks see counts: today and the next days.
        let (id, _) = rig.book(place, 2).context("nobody is free any more")?;
        let began = rig.stage.clock.now();
        let mut first = None;
        let mut waits = 0;
        while first.is_none() && waits < 20 * 300 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            waits += 1;
            let others = group.all.iter().copied().filter(|other| *other != place);
            first = others
                .filter_map(|other| {
                    let from = since.get(&other).copied().unwrap_or(0);
                    rig.landed(other, from).first
                })
                .min();
        }
        if let Some(at) = first {
            let took = Duration::try_from(at.duration_since(began)).unwrap_or_default();
            noticed.entry(place).or_default().0.push(took);
        }
        // The copies get there, and the booking goes, so that there is always room.
        tokio::time::sleep(Duration::from_mins(1)).await;
        rig.stage.side(place).hand.cancel(id)?;
        for place in group.all {
            rig.stage.take_webhooks(*place);
            rig.stage.side(*place).view.forget_calls();
        }
    }
    let health = rig.handle.health();
    let told = |place: Place| {
        let mut platforms = health.platforms.iter();
        let platform = platforms.find(|platform| platform.name.as_str() == place.name());
        platform
            .and_then(|platform| platform.plan)
            .map_or(Duration::ZERO, |plan| plan.notice)
    };
    let noticed = noticed.into_iter().map(|(place, samples)| Noticed {
        place,
        samples,
        told: told(place),
        bound: bound(place, staff),
    });
    Ok(noticed.collect())
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
