//! Cases about changing records and leaving the rest as the owner has it.

use slotbridge_core::model::{Field, Private, RemoteId, Status};
use slotbridge_core::record::Record;

use super::stage::{Case, Stage, Stop, edit, ensure, skipped, slot, unexpected};
use super::subject::{Seen, Subject};
use crate::capabilities::Updates;
use crate::error::ErrorKind;
use crate::platform::{Draft, Written};

/// The same draft with one field changed, or none where there is nothing to change it to.
fn changed(stage: &Stage, draft: &Draft, field: Field, record: &Record) -> Option<Draft> {
    let mut desired = draft.clone();
    let other = stage.samples.clients.iter().find(|client| {
        client.name != draft.client.name
            && client.phone != draft.client.phone
            && client.email != draft.client.email
    });
    match field {
        Field::Resource => desired.resource = stage.samples.resources.get(1)?.clone(),
        Field::Services => {
            let (service, length) = stage.samples.services.get(1)?.clone();
            desired.services = vec![service];
            // Where the platform has no end of its own, the service says how long it takes.
            if record.end.is_none() {
                desired.slot = slot(draft.slot.start(), length);
            }
        }
        Field::Slot => desired.slot = stage.draft(5).slot,
        Field::ClientName => desired.client.name = other?.name.clone(),
        Field::ClientPhone => desired.client.phone.clone_from(&other?.phone),
        Field::ClientEmail => desired.client.email.clone_from(&other?.email),
        Field::Status => {
            let projection = stage.platform.projection();
            let differs =
                |status: &Status| projection.status(*status) != projection.status(draft.status);
            desired.status = [Status::Confirmed, Status::Arrived, Status::NoShow]
                .into_iter()
                .find(differs)?;
        }
        Field::Comment => desired.comment = Private::new("words after the update"),
    }
    let projection = stage.platform.projection();
    let is_held = projection
        .differing(&stage.booking(&desired), &stage.booking(draft))
        .contains(&field);
    is_held.then_some(desired)
}

/// What the server holds, without what the update of one field may change.
fn rest(stage: &Stage, mut seen: Seen, field: Field) -> Seen {
    match field {
        Field::Resource => seen.resource = stage.draft(0).resource,
        Field::Services => seen.services.clear(),
        Field::Slot => (seen.start, seen.end) = (stage.draft(0).slot.start(), None),
        Field::ClientName => seen.client.name = Private::default(),
        Field::ClientPhone => seen.client.phone = None,
        Field::ClientEmail => seen.client.email = None,
        Field::Status => seen.status = Status::Booked,
        Field::Comment => seen.comment = Private::default(),
    }
    if stage.platform.capabilities().updates == Updates::CancelAndRebook {
        seen.id = RemoteId::new("rebooked");
    }
    seen
}

/// Updates one field and gives what the server held before and after.
async fn update_one(
    stage: &Stage,
    id: &RemoteId,
    field: Field,
    desired: &Draft,
    expected: &Record,
) -> Result<(Seen, Seen, Written), Stop> {
    let before = stage.seen(id)?;
    let written = stage
        .update(id, &edit(desired.clone(), [field], expected))
        .await?;
    Ok((before, stage.seen(&written.id)?, written))
}

pub(super) async fn an_update_of_one_field_leaves_all_others(subject: &dyn Subject) -> Case {
    let mut tried = Vec::new();
    for field in Field::ALL {
        let stage = Stage::new(subject).await?;
        let draft = stage.draft(0);
        let record = stage.created(&draft).await?;
        let Some(desired) = changed(&stage, &draft, field, &record) else {
            continue;
        };
        let (before, after, written) =
            update_one(&stage, &record.id, field, &desired, &record).await?;
        let (rest_before, rest_after) = (rest(&stage, before, field), rest(&stage, after, field));
        ensure!(
            rest_before == rest_after,
            "an update of {field:?} turns {rest_before:?} into {rest_after:?}"
        );
        let record = stage.found(&written.id).await?;
        stage
            .shows(&record, &desired)
            .map_err(|stop| with(stop, &format!("after an update of {field:?}")))?;
        if let Some(returned) = written.record {
            ensure!(
                *returned == record,
                "the update of {field:?} returned {returned:?}, reading shows {record:?}"
            );
        }
        tried.push(field);
    }
    ensure!(
        tried.contains(&Field::Slot),
        "not even the slot could be updated; only {tried:?}"
    );
    Ok(())
}

pub(super) async fn an_update_leaves_what_only_the_owner_sets(subject: &dyn Subject) -> Case {
    let mut tried = 0;
    for field in Field::ALL {
        let stage = Stage::new(subject).await?;
        let draft = stage.draft(0);
        // The owner's own record, as most records are.
        let id = stage.bench.book(&draft);
        if !stage.bench.set_extras(&id) {
            return skipped("the owner has nothing of his own here");
        }
        let record = stage.found(&id).await?;
        let Some(desired) = changed(&stage, &draft, field, &record) else {
            continue;
        };
        let (before, after, _) = update_one(&stage, &id, field, &desired, &record).await?;
        ensure!(
            !before.extras.is_empty(),
            "the owner's own values do not show on the server"
        );
        ensure!(
            before.extras == after.extras,
            "an update of {field:?} turns {:?} into {:?}",
            before.extras,
            after.extras
        );
        tried += 1;
    }
    ensure!(tried > 0, "no field could be updated");
    Ok(())
}

pub(super) async fn an_update_to_the_same_state_changes_nothing(subject: &dyn Subject) -> Case {
    let stage = Stage::new(subject).await?;
    let draft = stage.draft(0);
    let record = stage.created(&draft).await?;
    let before = stage.seen(&record.id)?;
    let mut id = record.id.clone();
    for fields in [Field::ALL.to_vec(), Vec::new(), vec![Field::Comment]] {
        let expected = stage.found(&id).await?;
        id = stage
            .update(&id, &edit(draft.clone(), fields, &expected))
            .await?
            .id;
    }
    let after = stage.seen(&id)?;
    ensure!(
        rest(&stage, before, Field::Slot) == rest(&stage, after.clone(), Field::Slot),
        "the record changed"
    );
    ensure!(
        after.start == draft.slot.start(),
        "the record moved to {}",
        after.start
    );
    ensure!(
        stage.live_of(draft.booking).len() == 1,
        "there are several live records now"
    );
    Ok(())
}

pub(super) async fn a_persons_move_survives_an_update_planned_before_it(
    subject: &dyn Subject,
) -> Case {
    let stage = Stage::new(subject).await?;
    let draft = stage.draft(0);
    let record = stage.created(&draft).await?;
    let moved_to = stage.draft(4).slot.start();
    stage.bench.move_to(&record.id, moved_to);
    let desired = Draft {
        comment: Private::new("planned before the move"),
        ..draft.clone()
    };
    let id = match stage
        .platform
        .update(&record.id, &edit(desired, [Field::Comment], &record))
        .await
    {
        Ok(written) => written.id,
        // It looked first, as an adapter that must send the whole record has to.
        Err(error) if error.kind == ErrorKind::Stale => record.id,
        Err(error) => return Err(unexpected("update", &error)),
    };
    let start = stage.seen(&id)?.start;
    ensure!(
        start == moved_to,
        "the person moved it to {moved_to}, and now it starts at {start}"
    );
    Ok(())
}

fn with(stop: Stop, when: &str) -> Stop {
    match stop {
        Stop::Failed(why) => Stop::Failed(format!("{when}: {why}")),
        Stop::Skipped(why) => Stop::Skipped(why),
    }
}
