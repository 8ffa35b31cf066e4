//! Cases about what a platform cannot do, what it refuses, and times that are hard to spell.

use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};
use slotbridge_core::model::RemoteId;
use slotbridge_core::record::RecordState;

use super::stage::{Case, Stage, ensure, failed, skipped, slot, unexpected};
use super::subject::Subject;
use crate::capabilities::{BusyWrites, ChangeFeed, Discovery, OccupancyView};
use crate::error::{ErrorKind, PlatformError, Retry};
use crate::platform::{Draft, Level, Priority, Query};

const DST_ZONE: &str = "Europe/Berlin";

pub(super) async fn check_finds_no_problem_with_a_sound_account(subject: &dyn Subject) -> Case {
    let stage = Stage::new(subject).await?;
    let findings = stage
        .platform
        .check()
        .await
        .map_err(|error| unexpected("check", &error))?;
    ensure!(!findings.is_empty(), "check says nothing at all");
    let problems: Vec<_> = findings
        .iter()
        .filter(|finding| finding.level == Level::Problem)
        .collect();
    ensure!(problems.is_empty(), "check finds {problems:?}");
    ensure!(stage.bench.writes() == 0, "check writes");
    Ok(())
}

pub(super) async fn the_catalogue_names_what_can_be_booked(subject: &dyn Subject) -> Case {
    let stage = Stage::new(subject).await?;
    let catalogue = match stage.platform.catalogue().await {
        Ok(catalogue) => catalogue,
        Err(error) if error.kind == ErrorKind::Unsupported => {
            return skipped("the platform has no catalogue");
        }
        Err(error) => return Err(unexpected("catalogue", &error)),
    };
    for resource in &stage.samples.resources {
        let named = catalogue
            .resources
            .iter()
            .any(|entry| entry.key == resource.as_str() && entry.active);
        ensure!(named, "resource {resource} is not in the catalogue");
    }
    for (service, _) in &stage.samples.services {
        let named = catalogue
            .services
            .iter()
            .any(|entry| entry.key == service.as_str() && entry.active);
        ensure!(named, "service {service} is not in the catalogue");
    }
    Ok(())
}

pub(super) async fn what_the_platform_cannot_is_unsupported(subject: &dyn Subject) -> Case {
    let stage = Stage::new(subject).await?;
    let (platform, capabilities) = (&stage.platform, stage.platform.capabilities());
    let mut refusals: Vec<(&str, Option<PlatformError>)> = Vec::new();
    if capabilities.discovery == Discovery::ReadKnown {
        let listing = platform
            .list(&Query::Window(stage.window()), Priority::Poll)
            .await;
        refusals.push(("a listing", listing.err()));
    }
    if capabilities.change_feed == ChangeFeed::None {
        let changes = platform
            .list(&Query::Since("1".to_owned()), Priority::Poll)
            .await;
        refusals.push(("changes since a cursor", changes.err()));
    }
    if capabilities.occupancy == OccupancyView::None {
        let draft = stage.draft(0);
        let Some(service) = draft.services.first() else {
            return failed("the samples have no service");
        };
        let length = SignedDuration::from_mins(60);
        let grid = platform
            .occupancy(&draft.resource, service, length, Priority::Poll)
            .await;
        refusals.push(("free and busy times", grid.err()));
    }
    if refusals.is_empty() {
        return skipped("the platform can do everything");
    }
    for (what, error) in refusals {
        let refused = error.is_some_and(|error| {
            (error.kind, error.retry) == (ErrorKind::Unsupported, Retry::Never)
        });
        ensure!(refused, "{what} should be refused as unsupported, for good");
    }
    Ok(())
}

pub(super) async fn a_booked_start_shows_as_taken(subject: &dyn Subject) -> Case {
    let stage = Stage::new(subject).await?;
    if stage.platform.capabilities().occupancy == OccupancyView::None {
        return skipped("the platform shows no free and busy times");
    }
    let draft = stage.draft(2);
    let Some(service) = draft.services.first() else {
        return failed("the samples have no service");
    };
    let Some(length) = stage.length_of(service.as_str()) else {
        return failed("the sample service has no length");
    };
    let start = draft.slot.start();
    let is_free = async || {
        let grid = stage
            .platform
            .occupancy(&draft.resource, service, length, Priority::Poll)
            .await;
        let grid = grid.map_err(|error| unexpected("occupancy", &error))?;
        ensure!(
            grid.cells.is_sorted_by_key(|cell| cell.start),
            "the cells are out of order"
        );
        Ok(grid
            .cells
            .iter()
            .any(|cell| cell.start == start && cell.available))
    };
    ensure!(is_free().await?, "{start} is free and not shown so");
    stage.bench.book(&draft);
    ensure!(!is_free().await?, "{start} is taken and shown as free");
    Ok(())
}

pub(super) async fn a_busy_slot_is_refused_and_a_forced_one_is_not(subject: &dyn Subject) -> Case {
    let stage = Stage::new(subject).await?;
    if stage.platform.capabilities().busy_writes == BusyWrites::Accepted {
        return skipped("the platform does not look");
    }
    let taken = stage.bench.book(&stage.draft(1));
    let draft = Draft {
        slot: stage.draft(1).slot,
        ..stage.draft(0)
    };
    match stage.platform.create(&draft).await {
        Ok(written) => {
            return failed(format!(
                "the time is taken by {taken}, and {} was made",
                written.id
            ));
        }
        Err(error) => {
            ensure!(
                error.kind == ErrorKind::SlotTaken,
                "a taken time is told as {:?}: {error}",
                error.kind
            );
            ensure!(
                error.retry != Retry::AfterObserving,
                "a refusal had no effect, but says that it may have"
            );
        }
    }
    ensure!(
        stage.live_of(draft.booking).is_empty(),
        "the refused record was made all the same"
    );
    let forced = stage
        .created(&Draft {
            force: true,
            ..draft.clone()
        })
        .await?;
    ensure!(
        forced.state == RecordState::Live,
        "the forced record is {:?}",
        forced.state
    );
    Ok(())
}

fn zone() -> Result<TimeZone, super::stage::Stop> {
    TimeZone::get(DST_ZONE).or_else(|_no_such_zone| skipped(format!("{DST_ZONE} is unknown here")))
}

pub(super) async fn local_times_come_back_across_a_clock_change(subject: &dyn Subject) -> Case {
    let zone = zone()?;
    let stage = Stage::in_zone(subject, &zone).await?;
    let Some(first) = stage.samples.starts.first().copied() else {
        return failed("the samples have no starts");
    };
    let Some(change) = zone
        .following(first)
        .next()
        .map(|transition| transition.timestamp())
    else {
        return failed(format!("{DST_ZONE} does not change its clocks any more"));
    };
    let time = first.to_zoned(zone.clone()).time();
    let mut offsets: Vec<Offset> = Vec::new();
    for (n, days) in [-1_i64, 1].into_iter().enumerate() {
        let day = change
            .to_zoned(zone.clone())
            .date()
            .saturating_add(days.days());
        let Ok(start) = day
            .to_datetime(time)
            .to_zoned(zone.clone())
            .map(|zoned| zoned.timestamp())
        else {
            return failed("a time by day exists on every day");
        };
        offsets.push(zone.to_offset(start));
        let draft = stage.draft(n);
        let length = draft.slot.end().duration_since(draft.slot.start());
        let draft = Draft {
            slot: slot(start, length),
            force: true,
            ..draft
        };
        comes_back(&stage, &draft, start).await?;
    }
    ensure!(
        offsets.first() != offsets.last(),
        "the two days should differ in their offset"
    );
    Ok(())
}

/// Made by us and by a person, the record starts at this instant in everybody's eyes.
async fn comes_back(stage: &Stage, draft: &Draft, start: Timestamp) -> Case {
    let written = stage.create(draft).await?;
    let booked: RemoteId = stage.bench.book(draft);
    for id in [&written.id, &booked] {
        let (seen, read) = (stage.seen(id)?.start, stage.found(id).await?.start);
        ensure!(
            seen == start && read == start,
            "{start} was asked for; the server holds {seen}, reading shows {read}"
        );
    }
    Ok(())
}

pub(super) async fn the_second_of_a_doubled_hour_is_kept_or_refused(subject: &dyn Subject) -> Case {
    let zone = zone()?;
    let stage = Stage::in_zone(subject, &zone).await?;
    let Some(first) = stage.samples.starts.first().copied() else {
        return failed("the samples have no starts");
    };
    let goes_back =
        |at: &Timestamp| zone.to_offset(*at) < zone.to_offset(*at - SignedDuration::from_secs(1));
    let Some(change) = zone
        .following(first)
        .take(4)
        .map(|transition| transition.timestamp())
        .find(goes_back)
    else {
        return failed(format!("{DST_ZONE} does not set its clocks back any more"));
    };
    let second = change + SignedDuration::from_mins(10);
    let draft = Draft {
        slot: slot(second, SignedDuration::from_mins(30)),
        force: true,
        ..stage.draft(0)
    };
    match stage.platform.create(&draft).await {
        Ok(written) => {
            let start = stage.seen(&written.id)?.start;
            ensure!(
                start == second,
                "{second} was asked for, and the server holds {start}: an hour off"
            );
            let start = stage.found(&written.id).await?.start;
            ensure!(
                start == second,
                "{second} was asked for, and reads as {start}: an hour off"
            );
        }
        Err(error) => {
            ensure!(
                error.kind == ErrorKind::Unrepresentable,
                "a time that cannot be spelled is told as {:?}: {error}",
                error.kind
            );
            ensure!(
                error.retry == Retry::Never,
                "it can never be spelled, but is to be tried again"
            );
            ensure!(stage.bench.writes() == 0, "it was sent all the same");
        }
    }
    Ok(())
}
