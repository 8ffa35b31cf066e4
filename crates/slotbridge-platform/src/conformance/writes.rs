//! Cases about making, reading and removing records.

use std::collections::BTreeSet;

use slotbridge_core::model::{Client, Field, Kind, Private, RemoteId, Status};
use slotbridge_core::projection::TextHeld;
use slotbridge_core::record::{Reading, RecordState};

use super::stage::{Case, Stage, Stop, edit, ensure, failed, skipped, unexpected};
use super::subject::Subject;
use crate::capabilities::Silence;
use crate::platform::Draft;

pub(super) async fn a_created_record_shows_its_draft(subject: &dyn Subject) -> Case {
    let stage = Stage::new(subject).await?;
    for n in 0..stage.samples.clients.len().min(stage.samples.starts.len()) {
        let draft = stage.draft(n);
        let record = stage.created(&draft).await?;
        stage.shows(&record, &draft)?;
    }
    Ok(())
}

pub(super) async fn every_status_comes_back_as_projected(subject: &dyn Subject) -> Case {
    let stage = Stage::new(subject).await?;
    let live = Status::ALL
        .into_iter()
        .filter(|status| *status != Status::Cancelled);
    for (n, status) in live.enumerate() {
        let draft = Draft {
            status,
            ..stage.draft(n)
        };
        let record = stage.created(&draft).await?;
        let expected = stage.platform.projection().status(status);
        ensure!(
            record.status == expected,
            "{status:?} comes back as {:?}, not as {expected:?}",
            record.status
        );
    }
    Ok(())
}

pub(super) async fn reading_twice_shows_the_same_as_the_write_returned(
    subject: &dyn Subject,
) -> Case {
    let stage = Stage::new(subject).await?;
    let written = stage.create(&stage.draft(0)).await?;
    let (first, second) = (
        stage.found(&written.id).await?,
        stage.found(&written.id).await?,
    );
    ensure!(
        first == second,
        "two readings in a row differ: {first:?} and {second:?}"
    );
    ensure!(
        first.id == written.id,
        "reading {} shows {}",
        written.id,
        first.id
    );
    if let Some(returned) = written.record {
        ensure!(
            *returned == first,
            "the create returned {returned:?}, reading shows {first:?}"
        );
    }
    Ok(())
}

async fn is_gone(stage: &Stage, id: &RemoteId) -> Case {
    match stage.read(id).await? {
        Reading::Missing => Ok(()),
        Reading::Found(record) if record.state != RecordState::Live => Ok(()),
        other => failed(format!("after its removal {id} reads as {other:?}")),
    }
}

pub(super) async fn a_removed_record_is_gone(subject: &dyn Subject) -> Case {
    let stage = Stage::new(subject).await?;
    let (kept, removed) = (
        stage.create(&stage.draft(0)).await?,
        stage.create(&stage.draft(1)).await?,
    );
    stage
        .platform
        .remove(&removed.id)
        .await
        .map_err(|error| unexpected("remove", &error))?;
    is_gone(&stage, &removed.id).await?;
    ensure!(
        stage.live_of(stage.draft(1).booking).is_empty(),
        "the server still holds it live"
    );
    let other = stage.found(&kept.id).await?;
    stage.shows(&other, &stage.draft(0))
}

pub(super) async fn removing_twice_succeeds(subject: &dyn Subject) -> Case {
    let stage = Stage::new(subject).await?;
    let ours = stage.create(&stage.draft(0)).await?.id;
    let cancelled_by_a_person = stage.create(&stage.draft(1)).await?.id;
    stage.bench.cancel(&cancelled_by_a_person);
    for id in [&ours, &ours, &cancelled_by_a_person] {
        stage
            .platform
            .remove(id)
            .await
            .map_err(|error| unexpected("remove", &error))?;
        is_gone(&stage, id).await?;
    }
    Ok(())
}

pub(super) async fn an_unknown_id_is_missing(subject: &dyn Subject) -> Case {
    let stage = Stage::new(subject).await?;
    stage.create(&stage.draft(0)).await?;
    let reading = stage.read(&stage.samples.unknown_id).await?;
    ensure!(
        reading == Reading::Missing,
        "an id that no record has reads as {reading:?}"
    );
    Ok(())
}

pub(super) async fn the_marker_survives_create_and_update(subject: &dyn Subject) -> Case {
    let stage = Stage::new(subject).await?;
    let draft = stage.draft(0);
    let mut record = stage.created(&draft).await?;
    // Where no comment can be held there is only the slot to change.
    let holds_comment = stage.platform.projection().comment != TextHeld::Not;
    let field = if holds_comment {
        Field::Comment
    } else {
        Field::Slot
    };
    for comment in [
        "another comment",
        "",
        "marker? [slotbridge] #1",
        "several\nlines",
    ] {
        ensure!(
            record.marker == Some(draft.booking),
            "the record of {} is marked {:?}",
            draft.booking,
            record.marker
        );
        let markers: Vec<_> = stage
            .bench
            .records()
            .into_iter()
            .filter(|seen| seen.live)
            .map(|seen| seen.marker)
            .collect();
        ensure!(
            markers == [Some(draft.booking)],
            "the server holds live records marked {markers:?}"
        );
        let shown = record.comment.expose();
        ensure!(
            !shown.contains(&draft.booking.to_string()),
            "the comment shows the marker"
        );
        let desired = Draft {
            comment: Private::new(comment),
            ..draft.clone()
        };
        let written = stage
            .update(&record.id, &edit(desired, [field], &record))
            .await?;
        record = stage.found(&written.id).await?;
    }
    ensure!(
        record.marker == Some(draft.booking),
        "after the updates the record is marked {:?}",
        record.marker
    );
    // A person who rewrites the comment may lose the marker, but must not be shown as somebody else's booking.
    stage.bench.comment(&record.id, "a person's words");
    let marker = stage.found(&record.id).await?.marker;
    ensure!(
        marker.is_none_or(|marker| marker == draft.booking),
        "the record is now marked {marker:?}"
    );
    Ok(())
}

pub(super) async fn a_block_carries_no_client(subject: &dyn Subject) -> Case {
    let stage = Stage::new(subject).await?;
    let block = Draft {
        kind: Kind::Block,
        client: Client::default(),
        comment: Private::default(),
        ..stage.draft(0)
    };
    let record = stage.created(&block).await?;
    ensure!(record.is_block, "the block does not come back as one");
    ensure!(
        record.client == Client::default(),
        "the block comes back with a client: {:?}",
        record.client
    );
    ensure!(
        record.comment.is_blank(),
        "the block comes back with a comment: {:?}",
        record.comment
    );
    ensure!(
        record.marker == Some(block.booking),
        "the block is marked {:?}",
        record.marker
    );
    ensure!(
        record.start == block.slot.start(),
        "the block starts at {}, not at {}",
        record.start,
        block.slot.start()
    );
    let appointment = stage.created(&stage.draft(1)).await?;
    ensure!(
        !appointment.is_block,
        "an appointment comes back as a block"
    );
    Ok(())
}

pub(super) async fn a_persons_record_is_read_without_marker(subject: &dyn Subject) -> Case {
    let stage = Stage::new(subject).await?;
    let draft = stage.draft(0);
    let id = stage.bench.book(&draft);
    let record = stage.found(&id).await?;
    ensure!(
        record.marker.is_none(),
        "a person's record is marked {:?}",
        record.marker
    );
    ensure!(
        !record.is_block,
        "a person's record is taken for a block of ours"
    );
    stage.shows(&record, &draft)
}

pub(super) async fn clients_are_told_nothing(subject: &dyn Subject) -> Case {
    let stage = Stage::new(subject).await?;
    match stage.platform.capabilities().silence {
        Silence::Full => {}
        Silence::Impossible => return skipped("the platform tells its clients whatever is asked"),
    }
    let draft = stage.draft(0);
    let record = stage.created(&draft).await?;
    let moved = Draft {
        slot: stage.draft(1).slot,
        status: Status::Confirmed,
        ..draft.clone()
    };
    let fields = BTreeSet::from([Field::Slot, Field::Status]);
    let written = stage
        .update(&record.id, &edit(moved, fields, &record))
        .await?;
    stage
        .platform
        .remove(&written.id)
        .await
        .map_err(|error| unexpected("remove", &error))?;
    let block = Draft {
        kind: Kind::Block,
        client: Client::default(),
        ..stage.draft(2)
    };
    stage.create(&block).await?;
    let messages = stage.bench.messages().len();
    if messages == 0 {
        Ok(())
    } else {
        Err(Stop::Failed(format!(
            "clients would have got {messages} messages"
        )))
    }
}
