//! Cases about listings, and above all about what they may claim: absence means something only where all was shown.

use std::collections::BTreeSet;

use slotbridge_core::model::{Private, RemoteId};
use slotbridge_core::record::{Coverage, Listing, Reading, Record, RecordState, Window};

use super::stage::{Case, Stage, Stop, ensure, failed, skipped, unexpected};
use super::subject::{Fault, Strikes, Subject, Target};
use crate::capabilities::{ChangeFeed, Discovery};
use crate::error::{PlatformError, Retry};
use crate::platform::{Draft, Priority, Query};

/// More rows than this would take too long to book by hand.
const PAGE_ROWS_MAX: usize = 600;

async fn listing_stage(subject: &dyn Subject) -> Result<Stage, Stop> {
    let stage = Stage::new(subject).await?;
    match stage.platform.capabilities().discovery {
        Discovery::List => Ok(stage),
        Discovery::ReadKnown => skipped("the platform has no listing"),
    }
}

fn ids(records: &[Record]) -> BTreeSet<RemoteId> {
    records.iter().map(|record| record.id.clone()).collect()
}

fn live_ids(listing: &Listing) -> BTreeSet<RemoteId> {
    let live = listing.records.iter();
    live.filter(|record| record.state == RecordState::Live)
        .map(|record| record.id.clone())
        .collect()
}

fn is_complete(listing: &Listing) -> bool {
    matches!(listing.coverage, Coverage::Complete(_))
}

/// Fails unless the listing proves that it shows everything in the window.
fn proves(listing: &Listing, asked: Window) -> Case {
    let Coverage::Complete(window) = &listing.coverage else {
        return failed(format!("the listing claims only {:?}", listing.coverage));
    };
    ensure!(
        window.from <= asked.from && asked.to <= window.to,
        "{asked:?} was asked for, {window:?} was covered"
    );
    ensure!(
        listing.unreadable.is_empty(),
        "the listing could not read {:?}",
        listing.unreadable
    );
    ensure!(
        ids(&listing.records).len() == listing.records.len(),
        "the listing shows a record twice"
    );
    Ok(())
}

/// A person's bookings, more than fit on one page.
fn book_pages(stage: &Stage) -> Result<BTreeSet<RemoteId>, Stop> {
    match stage.samples.page_rows {
        Some(rows) if rows <= PAGE_ROWS_MAX => Ok((0..rows + 2)
            .map(|n| stage.bench.book(&stage.draft(n)))
            .collect()),
        Some(rows) => skipped(format!("{rows} rows a page are too many to book")),
        None => skipped("the listing has no pages"),
    }
}

pub(super) async fn a_listing_shows_all_and_proves_it(subject: &dyn Subject) -> Case {
    let stage = listing_stage(subject).await?;
    let window = stage.window();
    let empty = stage.list(&Query::Window(window)).await?;
    ensure!(
        empty.records.is_empty(),
        "an empty account shows {:?}",
        empty.records
    );
    let mut made = BTreeSet::new();
    for n in 0..4 {
        let draft = stage.draft(n);
        made.insert(if n % 2 == 0 {
            stage.create(&draft).await?.id
        } else {
            stage.bench.book(&draft)
        });
    }
    let listing = stage.list(&Query::Window(window)).await?;
    proves(&listing, window)?;
    ensure!(
        ids(&listing.records) == made,
        "{made:?} are there, the listing shows {:?}",
        ids(&listing.records)
    );
    for record in &listing.records {
        let read = stage.found(&record.id).await?;
        ensure!(*record == read, "listed as {record:?}, read as {read:?}");
    }
    // A window is half-open: what starts at its end is outside, what starts at its beginning inside.
    let (first, second) = (stage.draft(0).slot.start(), stage.draft(1).slot.start());
    let narrow = Window {
        from: first,
        to: second,
    };
    let inside = stage.list(&Query::Window(narrow)).await?;
    proves(&inside, narrow)?;
    let started = |record: &&Record| record.start == first;
    ensure!(
        inside.records.iter().filter(started).count() == 1,
        "what starts with the window is not shown"
    );
    Ok(())
}

pub(super) async fn a_watched_listing_shows_what_is_new_moved_or_gone(
    subject: &dyn Subject,
) -> Case {
    let stage = listing_stage(subject).await?;
    let watch = Query::Watch(stage.window());
    let moved = stage.bench.book(&stage.draft(0));
    let cancelled = stage.bench.book(&stage.draft(1));
    for look in ["first", "second"] {
        let listing = stage.list(&watch).await?;
        let live: BTreeSet<RemoteId> = live_ids(&listing);
        ensure!(
            live == BTreeSet::from([moved.clone(), cancelled.clone()]),
            "at the {look} look {live:?} are live"
        );
    }
    let new = stage.bench.book(&stage.draft(2));
    let listing = stage.list(&watch).await?;
    ensure!(
        live_ids(&listing).contains(&new),
        "{new} is new, and not shown"
    );
    let start = stage.draft(3).slot.start();
    stage.bench.move_to(&moved, start);
    let listing = stage.list(&watch).await?;
    let shown = listing.records.iter().find(|record| record.id == moved);
    ensure!(
        shown.is_some_and(|record| record.start == start),
        "{moved} was moved to {start}, and is shown as {shown:?}"
    );
    stage.bench.cancel(&cancelled);
    let listing = stage.list(&watch).await?;
    let shown = listing.records.iter().find(|record| record.id == cancelled);
    let is_told = match shown {
        Some(record) => record.state != RecordState::Live,
        None => is_complete(&listing),
    };
    ensure!(
        is_told,
        "{cancelled} was cancelled, and a listing that is {} shows {shown:?}",
        listing.coverage.as_str()
    );
    Ok(())
}

pub(super) async fn a_listing_of_several_pages_is_whole(subject: &dyn Subject) -> Case {
    let stage = listing_stage(subject).await?;
    let booked = book_pages(&stage)?;
    let listing = stage.list(&Query::Window(stage.window())).await?;
    proves(&listing, stage.window())?;
    let shown = ids(&listing.records);
    ensure!(
        shown == booked,
        "{} records are there, {} are shown",
        booked.len(),
        shown.len()
    );
    Ok(())
}

pub(super) async fn a_listing_never_shows_what_is_gone_as_live(subject: &dyn Subject) -> Case {
    let stage = listing_stage(subject).await?;
    let removed = stage.create(&stage.draft(0)).await?.id;
    let cancelled = stage.bench.book(&stage.draft(1));
    let kept = stage.bench.book(&stage.draft(2));
    stage
        .platform
        .remove(&removed)
        .await
        .map_err(|error| unexpected("remove", &error))?;
    stage.bench.cancel(&cancelled);
    let listing = stage.list(&Query::Window(stage.window())).await?;
    proves(&listing, stage.window())?;
    let live: Vec<_> = listing
        .records
        .iter()
        .filter(|record| record.state == RecordState::Live)
        .map(|record| &record.id)
        .collect();
    ensure!(
        live == [&kept],
        "only {kept} is live, the listing shows {live:?}"
    );
    Ok(())
}

/// Two pages are booked, and every page from the second on fails.
pub(super) async fn a_listing_that_fails_midway_is_partial(subject: &dyn Subject) -> Case {
    let stage = listing_stage(subject).await?;
    let booked = book_pages(&stage)?;
    stage.arm(Target::List, Fault::ErrorBefore, Strikes::AllAfter(1))?;
    let listing = stage.list(&Query::Window(stage.window())).await?;
    stage.has_struck()?;
    ensure!(
        matches!(listing.coverage, Coverage::Partial { .. }),
        "the listing claims {:?}",
        listing.coverage
    );
    let shown = ids(&listing.records);
    ensure!(
        !shown.is_empty() && shown.is_subset(&booked),
        "the first page was {} of {} records",
        shown.len(),
        booked.len()
    );
    Ok(())
}

/// Whatever comes of a listing that went wrong, it proves nothing, and nothing is wrong for ever.
async fn proves_nothing(subject: &dyn Subject, fault: Fault) -> Case {
    let stage = listing_stage(subject).await?;
    let booked: BTreeSet<RemoteId> = (0..3).map(|n| stage.bench.book(&stage.draft(n))).collect();
    stage.arm(Target::List, fault, Strikes::All)?;
    match stage
        .platform
        .list(&Query::Window(stage.window()), Priority::Poll)
        .await
    {
        Ok(listing) => {
            ensure!(
                !is_complete(&listing),
                "a listing that went wrong ({fault:?}) claims {:?}",
                listing.coverage
            );
            ensure!(
                ids(&listing.records).is_subset(&booked),
                "records were made up: {:?}",
                listing.records
            );
            ensure!(
                listing.cursor.is_none(),
                "the next incremental listing would start after what was not shown"
            );
        }
        Err(error) => is_a_reads_error(&error)?,
    }
    stage.has_struck()?;
    stage.bench.disarm();
    let listing = stage.list(&Query::Window(stage.window())).await?;
    proves(&listing, stage.window())?;
    ensure!(
        ids(&listing.records) == booked,
        "afterwards the listing shows {:?}",
        ids(&listing.records)
    );
    Ok(())
}

fn is_a_reads_error(error: &PlatformError) -> Case {
    ensure!(
        error.retry != Retry::AfterObserving,
        "a read cannot land, but says that it may have: {error}"
    );
    Ok(())
}

pub(super) async fn a_cut_listing_is_never_complete(subject: &dyn Subject) -> Case {
    proves_nothing(subject, Fault::ListingCut).await
}

pub(super) async fn a_truncated_listing_is_never_complete(subject: &dyn Subject) -> Case {
    proves_nothing(subject, Fault::Truncated).await
}

pub(super) async fn a_listing_of_garbage_is_never_complete(subject: &dyn Subject) -> Case {
    proves_nothing(subject, Fault::Garbage).await
}

pub(super) async fn a_page_for_people_is_never_a_complete_listing(subject: &dyn Subject) -> Case {
    proves_nothing(subject, Fault::Html).await
}

/// A well-formed empty listing cannot be told from an empty account by itself: whoever knows the mirror must doubt it.
/// The adapter must only not invent anything, and must show everything again afterwards.
pub(super) async fn an_empty_listing_invents_nothing(subject: &dyn Subject) -> Case {
    let stage = listing_stage(subject).await?;
    let booked = stage.bench.book(&stage.draft(0));
    stage.arm(Target::List, Fault::EmptyListing, Strikes::All)?;
    match stage
        .platform
        .list(&Query::Window(stage.window()), Priority::Poll)
        .await
    {
        Ok(listing) => {
            let nothing = listing.records.is_empty() && listing.unreadable.is_empty();
            ensure!(
                nothing,
                "an empty listing shows {:?} and {:?}",
                listing.records,
                listing.unreadable
            );
        }
        Err(error) => is_a_reads_error(&error)?,
    }
    stage.has_struck()?;
    ensure!(
        matches!(stage.read(&booked).await?, Reading::Found(_)),
        "after an empty listing the record cannot be read"
    );
    stage.bench.disarm();
    let listing = stage.list(&Query::Window(stage.window())).await?;
    ensure!(
        ids(&listing.records) == BTreeSet::from([booked]),
        "afterwards the listing shows {:?}",
        listing.records
    );
    Ok(())
}

pub(super) async fn one_unreadable_row_is_quarantined_alone(subject: &dyn Subject) -> Case {
    let stage = Stage::new(subject).await?;
    let booked: Vec<RemoteId> = (0..3).map(|n| stage.bench.book(&stage.draft(n))).collect();
    let [good, spoilt, also_good] = booked.as_slice() else {
        return failed("three bookings are three");
    };
    if !stage.bench.spoil(spoilt) {
        return skipped("this server cannot show nonsense");
    }
    match stage.read(spoilt).await? {
        Reading::Unreadable(row) => {
            ensure!(
                row.id.as_ref().is_none_or(|id| id == spoilt),
                "{spoilt} is quarantined as {:?}",
                row.id
            );
        }
        other => return failed(format!("the spoilt row reads as {other:?}")),
    }
    stage.found(good).await?;
    if stage.platform.capabilities().discovery == Discovery::ReadKnown {
        return Ok(());
    }
    let listing = stage.list(&Query::Window(stage.window())).await?;
    ensure!(
        listing.unreadable.len() == 1,
        "quarantined are {:?}",
        listing.unreadable
    );
    let expected = BTreeSet::from([good.clone(), also_good.clone()]);
    ensure!(
        ids(&listing.records) == expected,
        "{expected:?} are readable, shown are {:?}",
        ids(&listing.records)
    );
    let told = listing
        .unreadable
        .iter()
        .any(|row| row.id.as_ref() == Some(spoilt));
    ensure!(
        told || !is_complete(&listing),
        "a row without id is missing from a listing that claims to be complete"
    );
    Ok(())
}

pub(super) async fn an_incremental_listing_shows_edits_moves_and_removals(
    subject: &dyn Subject,
) -> Case {
    let stage = listing_stage(subject).await?;
    if stage.platform.capabilities().change_feed == ChangeFeed::None {
        return skipped("the platform tells no changes");
    }
    let booked: Vec<RemoteId> = (0..4).map(|n| stage.bench.book(&stage.draft(n))).collect();
    let [_, edited, moved, cancelled] = booked.as_slice() else {
        return failed("four bookings are four");
    };
    let Some(cursor) = stage.list(&Query::Window(stage.window())).await?.cursor else {
        return failed("a complete listing gives no cursor to go on from");
    };
    stage.bench.comment(edited, "edited since");
    let moved_to = stage.draft(6).slot.start();
    stage.bench.move_to(moved, moved_to);
    stage.bench.cancel(cancelled);
    let added = stage.bench.book(&Draft {
        comment: Private::new("added since"),
        ..stage.draft(5)
    });
    let changes = stage.list(&Query::Since(cursor)).await?;
    ensure!(
        changes.coverage == Coverage::Incremental,
        "changes since a cursor claim {:?}",
        changes.coverage
    );
    let shown = |id: &RemoteId| changes.records.iter().find(|record| record.id == *id);
    ensure!(
        shown(edited).is_some_and(|record| record.comment.expose() == "edited since"),
        "the edit is not shown"
    );
    ensure!(
        shown(moved).is_some_and(|record| record.start == moved_to),
        "the move is not shown"
    );
    ensure!(
        shown(cancelled).is_some_and(|record| record.state != RecordState::Live),
        "the cancellation is not shown"
    );
    ensure!(
        shown(&added).is_some_and(|record| record.state == RecordState::Live),
        "the new record is not shown"
    );
    let Some(cursor) = changes.cursor else {
        return failed("changes since a cursor give no new cursor");
    };
    stage.bench.move_to(&added, stage.draft(7).slot.start());
    let changes = stage.list(&Query::Since(cursor)).await?;
    ensure!(
        ids(&changes.records).contains(&added),
        "a change after the second cursor is not shown"
    );
    Ok(())
}
