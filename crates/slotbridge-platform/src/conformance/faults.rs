//! Cases about calls that go wrong: what may have landed is told as such and happens once.

use slotbridge_core::model::{Field, Private};
use slotbridge_core::record::{Reading, Record, RecordState};

use super::stage::{Case, Stage, edit, ensure, failed, skipped, unexpected};
use super::subject::{Fault, Strikes, Subject, Target};
use crate::error::{ErrorKind, PlatformError, Retry};
use crate::platform::{Draft, Priority};

/// Whether a fault lets the call have its effect.
fn lands(fault: Fault) -> bool {
    match fault {
        Fault::ReplyLost | Fault::ErrorAfter | Fault::Truncated | Fault::Garbage => true,
        Fault::ErrorBefore
        | Fault::TooManyRequests
        | Fault::Html
        | Fault::ExpiredToken
        | Fault::ListingCut
        | Fault::EmptyListing => false,
    }
}

/// A write that went wrong says that it may have landed, and reached the server once.
fn may_have_landed(stage: &Stage, writes_before: u64, error: Option<PlatformError>) -> Case {
    stage.has_struck()?;
    let Some(error) = error else {
        return failed("a write of unknown fate is told as a success");
    };
    ensure!(
        error.retry == Retry::AfterObserving,
        "a write of unknown fate is told as {:?}: {error}",
        error.retry
    );
    ensure!(
        !matches!(
            error.kind,
            ErrorKind::Unauthenticated | ErrorKind::NotFound | ErrorKind::SlotTaken
        ),
        "a failed exchange is told as {:?}: {error}",
        error.kind
    );
    let writes = stage.bench.writes() - writes_before;
    ensure!(writes == 1, "it was sent {writes} times");
    Ok(())
}

async fn create_goes_wrong(subject: &dyn Subject, fault: Fault) -> Case {
    let stage = Stage::new(subject).await?;
    stage.arm(Target::Create, fault, Strikes::First)?;
    let draft = stage.draft(0);
    let error = stage.platform.create(&draft).await.err();
    may_have_landed(&stage, 0, error)?;
    let live = stage.live_of(draft.booking).len();
    ensure!(
        live == usize::from(lands(fault)),
        "there are {live} live records of it"
    );
    Ok(())
}

async fn update_goes_wrong(subject: &dyn Subject, fault: Fault) -> Case {
    let stage = Stage::new(subject).await?;
    let draft = stage.draft(0);
    let record = stage.created(&draft).await?;
    let writes = stage.bench.writes();
    stage.arm(Target::Update, fault, Strikes::First)?;
    let desired = moved(&stage, &draft);
    let error = stage
        .platform
        .update(&record.id, &edit(desired.clone(), [Field::Slot], &record))
        .await
        .err();
    may_have_landed(&stage, writes, error)?;
    has_moved(&stage, &desired)
}

/// The draft at another time.
fn moved(stage: &Stage, draft: &Draft) -> Draft {
    Draft {
        slot: stage.draft(5).slot,
        ..draft.clone()
    }
}

fn has_moved(stage: &Stage, desired: &Draft) -> Case {
    let starts: Vec<_> = stage
        .live_of(desired.booking)
        .into_iter()
        .map(|seen| seen.start)
        .collect();
    ensure!(
        starts == [desired.slot.start()],
        "it should start at {}, and there are {starts:?}",
        desired.slot.start()
    );
    Ok(())
}

async fn removal_goes_wrong(subject: &dyn Subject, fault: Fault) -> Case {
    let stage = Stage::new(subject).await?;
    let draft = stage.draft(0);
    let id = stage.create(&draft).await?.id;
    let writes = stage.bench.writes();
    stage.arm(Target::Remove, fault, Strikes::First)?;
    let error = stage.platform.remove(&id).await.err();
    may_have_landed(&stage, writes, error)?;
    ensure!(
        stage.live_of(draft.booking).is_empty(),
        "the record is still live"
    );
    // What is settled by looking comes out as gone, and removing it once more does no harm.
    stage
        .platform
        .remove(&id)
        .await
        .map_err(|error| unexpected("remove", &error))?;
    Ok(())
}

pub(super) async fn a_create_whose_reply_is_lost_lands_once_and_says_that_it_may_have(
    subject: &dyn Subject,
) -> Case {
    create_goes_wrong(subject, Fault::ReplyLost).await
}

pub(super) async fn an_update_whose_reply_is_lost_lands_once_and_says_that_it_may_have(
    subject: &dyn Subject,
) -> Case {
    update_goes_wrong(subject, Fault::ReplyLost).await
}

pub(super) async fn a_removal_whose_reply_is_lost_lands_once_and_says_that_it_may_have(
    subject: &dyn Subject,
) -> Case {
    removal_goes_wrong(subject, Fault::ReplyLost).await
}

pub(super) async fn a_create_that_ends_in_a_server_error_is_not_repeated(
    subject: &dyn Subject,
) -> Case {
    create_goes_wrong(subject, Fault::ErrorAfter).await
}

pub(super) async fn an_update_that_ends_in_a_server_error_is_not_repeated(
    subject: &dyn Subject,
) -> Case {
    update_goes_wrong(subject, Fault::ErrorAfter).await
}

pub(super) async fn a_removal_that_ends_in_a_server_error_is_not_repeated(
    subject: &dyn Subject,
) -> Case {
    removal_goes_wrong(subject, Fault::ErrorAfter).await
}

pub(super) async fn a_server_error_before_a_create_is_not_repeated_either(
    subject: &dyn Subject,
) -> Case {
    create_goes_wrong(subject, Fault::ErrorBefore).await
}

pub(super) async fn a_create_answered_with_garbage_may_have_landed(subject: &dyn Subject) -> Case {
    create_goes_wrong(subject, Fault::Garbage).await
}

pub(super) async fn a_create_answered_with_half_a_reply_may_have_landed(
    subject: &dyn Subject,
) -> Case {
    create_goes_wrong(subject, Fault::Truncated).await
}

pub(super) async fn a_throttled_create_is_waited_out_and_lands_once(subject: &dyn Subject) -> Case {
    let stage = Stage::new(subject).await?;
    stage.arm(Target::Create, Fault::TooManyRequests, Strikes::First)?;
    let draft = stage.draft(0);
    let record = stage.created(&draft).await?;
    stage.has_struck()?;
    stage.shows(&record, &draft)?;
    let live = stage.live_of(draft.booking).len();
    ensure!(live == 1, "there are {live} live records of it");
    Ok(())
}

pub(super) async fn a_throttled_update_is_waited_out_and_lands_once(subject: &dyn Subject) -> Case {
    let stage = Stage::new(subject).await?;
    let draft = stage.draft(0);
    let record = stage.created(&draft).await?;
    stage.arm(Target::Update, Fault::TooManyRequests, Strikes::First)?;
    let desired = moved(&stage, &draft);
    stage
        .update(&record.id, &edit(desired.clone(), [Field::Slot], &record))
        .await?;
    stage.has_struck()?;
    has_moved(&stage, &desired)
}

pub(super) async fn a_throttled_read_is_waited_out(subject: &dyn Subject) -> Case {
    read_survives(subject, Fault::TooManyRequests).await
}

pub(super) async fn a_read_survives_a_server_error_and_a_lost_reply(subject: &dyn Subject) -> Case {
    read_survives(subject, Fault::ErrorBefore).await?;
    read_survives(subject, Fault::ReplyLost).await
}

async fn read_survives(subject: &dyn Subject, fault: Fault) -> Case {
    let stage = Stage::new(subject).await?;
    let id = stage.create(&stage.draft(0)).await?.id;
    stage.arm(Target::Read, fault, Strikes::First)?;
    let record: Record = stage.found(&id).await?;
    stage.has_struck()?;
    stage.shows(&record, &stage.draft(0))
}

/// The worst mistake of all: taking a broken reply for the word that there is no such record.
pub(super) async fn an_unreadable_reply_never_reads_as_missing(subject: &dyn Subject) -> Case {
    let mut tried = 0;
    let faults = [
        Fault::Html,
        Fault::Garbage,
        Fault::Truncated,
        Fault::ReplyLost,
        Fault::ErrorBefore,
        Fault::ExpiredToken,
    ];
    for fault in faults {
        let stage = Stage::new(subject).await?;
        let id = stage.create(&stage.draft(0)).await?.id;
        if !stage.bench.arm(Target::Read, fault, Strikes::All) {
            continue;
        }
        match stage.platform.read(&id, Priority::Hint).await {
            Err(error) => {
                ensure!(
                    error.retry != Retry::AfterObserving,
                    "a read cannot land, but says that it may have: {error}"
                );
                ensure!(
                    error.kind != ErrorKind::NotFound,
                    "{fault:?} is told as an unknown record"
                );
                let as_credentials = error.kind == ErrorKind::Unauthenticated;
                ensure!(
                    as_credentials == (fault == Fault::ExpiredToken),
                    "{fault:?} is told as {:?}: {error}",
                    error.kind
                );
            }
            Ok(Reading::Unreadable(_)) => {}
            Ok(reading) => return failed(format!("{fault:?} reads as {reading:?}")),
        }
        stage.has_struck()?;
        tried += 1;
    }
    if tried == 0 {
        skipped("this server has no faults for reading")
    } else {
        Ok(())
    }
}

pub(super) async fn an_expired_token_is_renewed_or_told(subject: &dyn Subject) -> Case {
    let stage = Stage::new(subject).await?;
    let draft = stage.draft(0);
    let record = stage.created(&draft).await?;
    if subject.renews_tokens() {
        stage.arm(Target::Read, Fault::ExpiredToken, Strikes::First)?;
        ensure!(
            stage.found(&record.id).await?.state == RecordState::Live,
            "after the renewal the record is not live"
        );
        stage.bench.disarm();
        stage.arm(Target::Update, Fault::ExpiredToken, Strikes::First)?;
        let desired = Draft {
            comment: Private::new("after the renewal"),
            ..moved(&stage, &draft)
        };
        stage
            .update(
                &record.id,
                &edit(desired.clone(), [Field::Slot, Field::Comment], &record),
            )
            .await?;
        stage.has_struck()?;
        return has_moved(&stage, &desired);
    }
    stage.arm(Target::Read, Fault::ExpiredToken, Strikes::All)?;
    let Err(error) = stage.platform.read(&record.id, Priority::Hint).await else {
        return failed("an expired token does not matter");
    };
    stage.has_struck()?;
    let told = (error.kind, error.retry);
    ensure!(
        told == (ErrorKind::Unauthenticated, Retry::Never),
        "an expired token is told as {told:?}: {error}"
    );
    Ok(())
}
