//! Executing a plan: intent, call, outcome.
//!
//! # Flow
//! For every operation: the intent is committed to the journal; the platform is called; the outcome is committed
//! together with the link, the shadow and the mirror. Platforms work side by side, the operations of one platform one
//! after the other, so that a freed slot is free before it is needed.
//!
//! # Guarantees
//! A process that dies anywhere leaves an intent behind for every call that may have been made. A write whose fate is
//! unclear is recorded as unknown and never repeated here.
//!
//! # Caveats
//! Between a write and reading back what the platform kept lies a moment in which a person's edit of the same contact
//! would be taken for the platform's own spelling, and another time for one that the platform did not take.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use slotbridge_core::mapping;
use slotbridge_core::merge::{Presence, Shadow};
use slotbridge_core::model::{Booking, BookingId, Field, Kind, PlatformName, Private, RemoteId};
use slotbridge_core::plan::{Action, Operation};
use slotbridge_core::projection::{ServicesHeld, same_value};
use slotbridge_core::record::{Reading, Record, RecordState, Support};
use slotbridge_platform::capabilities::{Discovery, Updates};
use slotbridge_platform::platform::{Draft, Edit, Priority, Written};
use slotbridge_platform::seam::{Seam, random_bytes};
use slotbridge_platform::{ErrorKind, PlatformError, Retry};
use slotbridge_store::{Change, OpId, Outcome, RunId, Store};
use tokio::sync::mpsc;

use crate::EngineError;
use crate::bridge::{Bridge, Member, Phase, RunOptions};
use crate::report::OutcomeWord;
use crate::settle::{is_respelled, shadow_after_create, shadow_after_remove, shadow_after_update};

/// For how long a record that was read counts as it was then.
const JUST_SEEN: SignedDuration = SignedDuration::from_secs(10);

/// One operation with what recording it needs.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    /// What to do.
    pub(crate) operation: Operation,
    /// What its refusal would rest on.
    pub(crate) fingerprint: String,
    /// The base of the merge before it.
    pub(crate) shadow: Option<Shadow>,
    /// The record as it is mirrored.
    pub(crate) record: Option<Record>,
}

/// What an operation left on the platform; a later one of the same booking in the same plan goes on from there.
#[derive(Debug, Clone)]
struct Kept {
    id: RemoteId,
    shadow: Shadow,
    record: Option<Record>,
}

impl Task {
    /// A booking that was parked is moved on from where it was parked, under the id that it has now.
    fn go_on_from(&mut self, kept: &Kept) {
        self.shadow = Some(kept.shadow.clone());
        self.record.clone_from(&kept.record);
        match &mut self.operation.action {
            Action::Update { remote_id, .. } | Action::Remove { remote_id, .. } => {
                remote_id.clone_from(&kept.id);
            }
            Action::Create { .. } => {}
        }
    }
}

/// What became of one operation.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    /// The operation.
    pub(crate) operation: Operation,
    /// Its outcome.
    pub(crate) outcome: OutcomeWord,
    /// The record, once known.
    pub(crate) remote_id: Option<RemoteId>,
    /// What the platform said, scrubbed.
    pub(crate) error: Option<String>,
    /// What kind of trouble that was.
    pub(crate) kind: Option<ErrorKind>,
    /// Whether the record came back with a change that somebody else has made.
    pub(crate) brought_news: bool,
}

/// What executing needs besides the tasks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Executor<'a> {
    pub(crate) store: &'a Store,
    pub(crate) seam: &'a dyn Seam,
    pub(crate) bridge: &'a Bridge,
    pub(crate) run: RunId,
    pub(crate) options: &'a RunOptions,
}

impl Executor<'_> {
    /// Works one platform's queue. `progress` hears of every finished operation.
    ///
    /// Must be driven to its end even when the run is stopped: it then begins nothing new, and waits for the write in
    /// flight.
    pub(crate) async fn platform(
        &self,
        member: &Member,
        tasks: Vec<Task>,
        progress: mpsc::UnboundedSender<()>,
    ) -> Result<Vec<Done>, EngineError> {
        let mut done: Vec<Done> = Vec::with_capacity(tasks.len());
        let mut down: Option<String> = None;
        let mut kept: BTreeMap<BookingId, Kept> = BTreeMap::new();
        for mut task in tasks {
            if let Some(kept) = kept.get(&task.operation.booking) {
                task.go_on_from(kept);
            }
            let skip = if self.options.cancel.is_cancelled() {
                Some((
                    OutcomeWord::Planned,
                    "the run was stopped before this".to_owned(),
                ))
            } else if let Some(why) = &down {
                Some((OutcomeWord::Failed, format!("not tried after: {why}")))
            } else {
                still_taken(&task.operation, &done).map(|why| (OutcomeWord::Failed, why))
            };
            if let Some((outcome, why)) = skip {
                done.push(Done {
                    operation: task.operation,
                    outcome,
                    remote_id: None,
                    error: Some(why),
                    kind: None,
                    brought_news: false,
                });
                continue;
            }
            let (finished, left, stop) = self.one(member, task).await?;
            if let Some(left) = left {
                kept.insert(finished.operation.booking, left);
            }
            down = stop;
            done.push(finished);
            // The receiver only draws a bar; it may be gone.
            if progress.send(()).is_err() {
                tracing::trace!("Nobody listens to the progress.");
            }
        }
        Ok(done)
    }

    /// One operation: the outcome, what it leaves on the platform, and why the platform's queue must stop, if it must.
    async fn one(
        &self,
        member: &Member,
        task: Task,
    ) -> Result<(Done, Option<Kept>, Option<String>), EngineError> {
        let operation = task.operation.clone();
        if let Some((kind, why)) = self.obstacle(member, &task).await? {
            tracing::debug!(
                op = operation.action.as_str(), platform = %operation.platform, booking = %operation.booking, ?kind,
                "The record is not known to be as it was when this was planned."
            );
            let stop = is_down(kind).then(|| why.clone());
            let done = Done {
                remote_id: operation.action.remote_id().cloned(),
                operation,
                outcome: OutcomeWord::Failed,
                error: Some(why),
                kind: Some(kind),
                brought_news: false,
            };
            return Ok((done, None, stop));
        }
        let op = OpId::from_parts(self.seam.now(), random_bytes(self.seam));
        self.store
            .apply(vec![Change::Intent {
                op,
                run: self.run,
                bridge: self.bridge.name.clone(),
                operation: operation.clone(),
                fingerprint: task.fingerprint.clone(),
                at: self.seam.now(),
            }])
            .await?;
        let result = call(member, &task).await;
        match result {
            Ok(written) => {
                let (left, refused) = self.applied(member, op, &task, written.as_ref()).await?;
                let remote_id = written
                    .map(|written| written.id)
                    .or_else(|| operation.action.remote_id().cloned());
                let outcome = if refused.is_some() {
                    OutcomeWord::Refused
                } else {
                    OutcomeWord::Applied
                };
                tracing::info!(
                    op = operation.action.as_str(), platform = %operation.platform, booking = %operation.booking,
                    outcome = outcome.as_str(), "An operation was answered."
                );
                let done = Done {
                    operation,
                    outcome,
                    remote_id,
                    error: refused,
                    kind: None,
                    brought_news: left.as_ref().is_some_and(|left| has_news(member, left)),
                };
                Ok((done, left, None))
            }
            Err(error) => {
                let (outcome, word) = judge(&error);
                let text = error.to_string();
                tracing::warn!(
                    op = operation.action.as_str(), platform = %operation.platform, booking = %operation.booking,
                    kind = ?error.kind, outcome = word.as_str(), "An operation did not succeed."
                );
                self.store
                    .apply(vec![Change::Outcome {
                        op,
                        outcome,
                        remote_id: operation.action.remote_id().cloned(),
                        error: Some(text.clone()),
                        at: self.seam.now(),
                    }])
                    .await?;
                let remote_id = operation.action.remote_id().cloned();
                let stop = is_down(error.kind).then(|| text.clone());
                Ok((
                    Done {
                        operation,
                        outcome: word,
                        remote_id,
                        error: Some(text),
                        kind: Some(error.kind),
                        brought_news: false,
                    },
                    None,
                    stop,
                ))
            }
        }
    }

    /// Why a record cannot be written as it was planned: it was seen otherwise since, as a queue may take minutes and looks
    /// go on meanwhile; or it has to be read once more before, and cannot be.
    async fn obstacle(
        &self,
        member: &Member,
        task: &Task,
    ) -> Result<Option<(ErrorKind, String)>, EngineError> {
        let Some(planned) = &task.record else {
            return Ok(None);
        };
        let moved = |record: &Record| !crate::observe::is_as_it_was(planned, record);
        let stale = || Some((ErrorKind::Stale, MOVED_ON.to_owned()));
        let platform = member.platform.name();
        let ids = vec![planned.id.clone()];
        let rows = self.store.mirror_rows(platform, ids).await?;
        if rows.iter().any(|row| moved(&row.record)) {
            return Ok(stale());
        }
        let seen_at = rows.iter().map(|row| row.seen_at).max();
        if !needs_a_look(member, task, seen_at, self.seam.now()) {
            return Ok(None);
        }
        let begun_at = self.seam.now();
        match member.platform.read(&planned.id, Priority::Write).await {
            Ok(Reading::Found(record)) => {
                let moved = moved(&record);
                let change = Change::MirrorListed {
                    platform: platform.clone(),
                    record: *record,
                    begun_at,
                    at: self.seam.now(),
                };
                self.store.apply(vec![change]).await?;
                Ok(if moved { stale() } else { None })
            }
            // Nobody's edit is overwritten there; the write itself tells what is the matter.
            Ok(Reading::Missing) => Ok(None),
            Ok(Reading::Unreadable(row)) => {
                let change = Change::MirrorUnreadable {
                    platform: platform.clone(),
                    id: Some(planned.id.clone()),
                    why: row.why,
                    at: self.seam.now(),
                };
                self.store.apply(vec![change]).await?;
                Ok(stale())
            }
            // What was not looked at may be a person's edit by now.
            Err(error) => Ok(Some((error.kind, error.to_string()))),
        }
    }

    /// Records a confirmed write, reads back what the platform kept, and records that. Gives what it keeps, and why the
    /// platform must be said to have refused the write although it confirmed it.
    async fn applied(
        &self,
        member: &Member,
        op: OpId,
        task: &Task,
        written: Option<&Written>,
    ) -> Result<(Option<Kept>, Option<String>), EngineError> {
        let (operation, platform) = (&task.operation, member.platform.name());
        let Some(written) = written else {
            let mut changes = vec![self.outcome(op, operation.action.remote_id().cloned(), None)];
            if let Some(id) = operation.action.remote_id() {
                changes.push(self.gone(platform, id));
                changes.push(self.link(
                    operation,
                    id.clone(),
                    shadow_after_remove(task.shadow.as_ref(), operation),
                ));
            }
            self.store.apply(changes).await?;
            return Ok((None, None));
        };
        if let Some(record) = &written.record {
            return self
                .record_kept(
                    member,
                    Some(op),
                    task,
                    &written.id,
                    Some(record.as_ref().clone()),
                )
                .await;
        }
        let sent = as_sent(member, task, &written.id);
        if operation.action.remote_id().is_some() {
            // The record is known, so that a crash before this is recorded is settled by reading it.
            let record = self.read_back(member, &written.id).await.or(sent);
            return self
                .record_kept(member, Some(op), task, &written.id, record)
                .await;
        }
        // A new id must not be lost, so it is recorded before anything else; what was sent stands in for what was kept.
        let recorded = self
            .record_kept(member, Some(op), task, &written.id, sent)
            .await?;
        match self.read_back(member, &written.id).await {
            Some(record) => {
                self.record_kept(member, None, task, &written.id, Some(record))
                    .await
            }
            None => Ok(recorded),
        }
    }

    /// What the platform kept of a write, if it can be read.
    async fn read_back(&self, member: &Member, id: &RemoteId) -> Option<Record> {
        let platform = member.platform.name();
        match member.platform.read(id, Priority::Write).await {
            Ok(Reading::Found(record)) => return Some(*record),
            Ok(Reading::Missing | Reading::Unreadable(_)) => {
                tracing::warn!(%platform, record = %id, "A record just written could not be read back.");
            }
            Err(error) => {
                tracing::warn!(%platform, record = %id, kind = ?error.kind, "Reading back failed.");
            }
        }
        None
    }

    /// Records in one transaction what a platform made of a confirmed write; with `op` also that it was confirmed.
    async fn record_kept(
        &self,
        member: &Member,
        op: Option<OpId>,
        task: &Task,
        id: &RemoteId,
        record: Option<Record>,
    ) -> Result<(Option<Kept>, Option<String>), EngineError> {
        let (operation, platform) = (&task.operation, member.platform.name());
        let (shadow, refused) = shadow_after(member, task, record.as_ref());
        let refused = refused.map(str::to_owned);
        let mut changes = vec![self.link(operation, id.clone(), shadow.clone())];
        changes.extend(op.map(|op| self.outcome(op, Some(id.clone()), refused.clone())));
        changes.extend(record.clone().map(|record| Change::MirrorSeen {
            platform: platform.clone(),
            record,
            at: self.seam.now(),
        }));
        // Where a change means cancelling and booking again, the record that was is gone.
        if let Some(before) = operation.action.remote_id().filter(|before| *before != id) {
            changes.push(self.gone(platform, before));
        }
        self.store.apply(changes).await?;
        let kept = Kept {
            id: id.clone(),
            shadow,
            record,
        };
        Ok((Some(kept), refused))
    }

    fn outcome(&self, op: OpId, remote_id: Option<RemoteId>, refused: Option<String>) -> Change {
        let outcome = if refused.is_some() {
            Outcome::Refused
        } else {
            Outcome::Applied
        };
        Change::Outcome {
            op,
            outcome,
            remote_id,
            error: refused,
            at: self.seam.now(),
        }
    }

    fn gone(&self, platform: &PlatformName, id: &RemoteId) -> Change {
        Change::MirrorMissing {
            platform: platform.clone(),
            id: id.clone(),
            at: self.seam.now(),
        }
    }

    fn link(&self, operation: &Operation, remote_id: RemoteId, shadow: Shadow) -> Change {
        Change::Link {
            bridge: self.bridge.name.clone(),
            booking: operation.booking,
            platform: operation.platform.clone(),
            remote_id: Some(remote_id),
            shadow,
            at: self.seam.now(),
        }
    }
}

/// Tells how far a run has come, until all queues are done.
pub(crate) async fn show_progress(
    bridge: &Bridge,
    options: &RunOptions,
    total: u64,
    mut finished: mpsc::UnboundedReceiver<()>,
) {
    let mut done = 0_u64;
    while finished.recv().await.is_some() {
        done += 1;
        options
            .progress
            .step(&bridge.name, Phase::Execute, done, total);
    }
}

async fn call(member: &Member, task: &Task) -> Result<Option<Written>, PlatformError> {
    let platform = member.platform.as_ref();
    match &task.operation.action {
        Action::Create { desired } => platform
            .create(&draft(member, &task.operation, desired)?)
            .await
            .map(Some),
        Action::Update {
            remote_id,
            desired,
            fields,
            ..
        } => {
            let edit = Edit {
                desired: draft(member, &task.operation, desired)?,
                fields: fields.clone(),
                expected: task.record.clone().map(Box::new),
            };
            platform.update(remote_id, &edit).await.map(Some)
        }
        Action::Remove { remote_id, .. } => platform.remove(remote_id).await.map(|()| None),
    }
}

/// The booking in the platform's ids.
fn draft(
    member: &Member,
    operation: &Operation,
    desired: &Booking,
) -> Result<Draft, PlatformError> {
    let unmapped = |what: &str| {
        PlatformError::new(
            ErrorKind::Refused,
            Retry::Never,
            "plan",
            format!("the bridge maps no such {what} here"),
        )
    };
    let resource = member
        .mapping
        .resource_key(&desired.resource)
        .ok_or_else(|| unmapped("resource"))?
        .clone();
    let mut services = Vec::with_capacity(desired.services.len());
    for name in &desired.services {
        services.push(
            member
                .mapping
                .service_key(name)
                .ok_or_else(|| unmapped("service"))?
                .clone(),
        );
    }
    if services.is_empty() && needs_service(member) {
        // The platform's record must have a service. One of exactly this length also keeps the time covered where the
        // service decides how long a record is; else the shortest says least about what is going on.
        let length = desired.slot.end().duration_since(desired.slot.start());
        let best = member.mapping.services().min_by_key(|(name, _, lasts)| {
            (
                *lasts != Some(length),
                lasts.is_none(),
                *lasts,
                (*name).clone(),
            )
        });
        services.extend(best.map(|(_, key, _)| key.clone()));
    }
    Ok(Draft {
        booking: operation.booking,
        resource,
        services,
        slot: desired.slot,
        client: desired.client.clone(),
        status: desired.status,
        comment: desired.comment.clone(),
        kind: desired.kind,
        force: operation.force,
    })
}

/// Whether a block needs a service that nobody has chosen for it.
fn needs_service(member: &Member) -> bool {
    member.platform.projection().services == ServicesHeld::One && !member.chooses_block_service
}

/// The record as it was sent, for the time until it has been read back. That a new one has its comment is only known once
/// it was seen: where the comment takes a call of its own, a missing one would pass for a person's who wiped it away.
fn as_sent(member: &Member, task: &Task, id: &RemoteId) -> Option<Record> {
    let desired = task.operation.action.after()?;
    let draft = draft(member, &task.operation, desired).ok()?;
    let before = task.record.as_ref();
    Some(Record {
        id: id.clone(),
        state: RecordState::Live,
        resource: draft.resource,
        services: draft.services,
        start: desired.slot.start(),
        end: Some(desired.slot.end()),
        client: draft.client,
        status: draft.status,
        comment: if before.is_some() {
            draft.comment
        } else {
            Private::default()
        },
        marker: before.map_or(Some(task.operation.booking), |record| record.marker),
        is_block: before.map_or(desired.kind == Kind::Block, |record| record.is_block),
        changed_at: None,
        created_at: before.and_then(|record| record.created_at),
        resource_title: before.and_then(|record| record.resource_title.clone()),
        service_title: before.and_then(|record| record.service_title.clone()),
        group: before.and_then(|record| record.group.clone()),
        support: before.map_or(Support::Full, |record| record.support),
    })
}

/// What an operation is told as whose record is not as it was when it was planned.
const MOVED_ON: &str = "the record has changed since this was planned";

/// What a confirmed write that did not take effect is told as.
const ELSEWHERE: &str = "the platform confirmed the change, but kept another time or resource";

/// The shadow after a confirmed write, and why the platform must be said to have refused it all the same.
///
/// Texts may come back trimmed, cut or not at all, and that is agreed to. Another time or resource is not: there the
/// shadow says that nothing was agreed, so that it is written again. A comment that the platform cannot have made of
/// ours is a person's, written before we read ours back: it stays a change.
fn shadow_after(
    member: &Member,
    task: &Task,
    record: Option<&Record>,
) -> (Shadow, Option<&'static str>) {
    let Some(desired) = task.operation.action.after() else {
        return (Shadow::GONE, None);
    };
    let mapped = record.and_then(|record| mapping::to_booking(record, &member.mapping).ok());
    let mut kept = mapped.unwrap_or_else(|| desired.clone());
    let before = task.operation.action.before();
    let written = |field: Field| match &task.operation.action {
        Action::Update { fields, .. } => fields.contains(&field),
        Action::Create { .. } | Action::Remove { .. } => true,
    };
    let differs =
        |field: Field, kept: &Booking| written(field) && !same_value(field, kept, desired);
    let mut refused = None;
    let mut not_agreed: Vec<Field> = Vec::new();
    if differs(Field::Comment, &kept) {
        let as_before = before.is_some_and(|before| same_value(Field::Comment, &kept, before));
        let ours = is_respelled(&desired.field(Field::Comment), &kept.field(Field::Comment));
        if !as_before && !ours {
            kept.take_field(Field::Comment, desired);
        }
    }
    for field in [Field::Slot, Field::Resource] {
        if differs(field, &kept) {
            refused = Some(ELSEWHERE);
            not_agreed.push(field);
        }
    }
    let mut shadow = match (&task.operation.action, &task.shadow) {
        (Action::Update { .. }, Some(before)) => {
            shadow_after_update(before, &task.operation, &kept)
        }
        _ => shadow_after_create(task.shadow.as_ref(), &task.operation, &kept, desired),
    };
    if let (Presence::Live(agreed), false) = (&mut shadow.agreed, task.operation.undoes) {
        for field in not_agreed {
            agreed.take_field(field, &kept);
        }
    }
    // A new record stands, wherever it is; that it is elsewhere is for the next run.
    let is_update = matches!(task.operation.action, Action::Update { .. });
    (shadow, refused.filter(|_| is_update))
}

/// Whether a record has to be read once more before it is changed: where nothing is listed a person's edit may be unseen
/// for hours, if its webhook got lost, and a change in place overwrites without looking.
fn needs_a_look(member: &Member, task: &Task, seen_at: Option<Timestamp>, now: Timestamp) -> bool {
    let capabilities = member.platform.capabilities();
    let blind =
        capabilities.discovery == Discovery::ReadKnown && capabilities.updates == Updates::InPlace;
    let is_update = matches!(task.operation.action, Action::Update { .. });
    let just_seen = seen_at.is_some_and(|at| {
        let age = now.duration_since(at);
        !age.is_negative() && age <= JUST_SEEN
    });
    blind && is_update && !just_seen
}

/// Whether a record shows something else than what the bridge now takes for agreed with its platform.
fn has_news(member: &Member, left: &Kept) -> bool {
    let shown = left
        .record
        .as_ref()
        .and_then(|record| mapping::to_booking(record, &member.mapping).ok());
    match (shown, left.shadow.kept.live()) {
        (Some(shown), Some(kept)) => Field::ALL
            .into_iter()
            .any(|field| !same_value(field, &shown, kept)),
        (None, _) | (_, None) => false,
    }
}

/// Whether an earlier operation of this plan was to free the time that this one needs, and did not.
fn still_taken(operation: &Operation, done: &[Done]) -> Option<String> {
    let after = operation.action.after()?;
    done.iter()
        .filter(|earlier| {
            earlier.outcome != OutcomeWord::Applied
                && earlier.operation.booking != operation.booking
        })
        .filter_map(|earlier| earlier.operation.action.before())
        .any(|before| before.resource == after.resource && before.slot.intersects(after.slot))
        .then(|| "the time that it needs has not been freed yet".to_owned())
}

fn judge(error: &PlatformError) -> (Outcome, OutcomeWord) {
    match (error.retry, error.kind) {
        (Retry::AfterObserving, _) => (Outcome::Unknown, OutcomeWord::Unknown),
        (
            Retry::Never,
            ErrorKind::Refused
            | ErrorKind::SlotTaken
            | ErrorKind::Unrepresentable
            | ErrorKind::NotFound,
        ) => (Outcome::Refused, OutcomeWord::Refused),
        (
            Retry::Later | Retry::Never,
            ErrorKind::NotFound
            | ErrorKind::SlotTaken
            | ErrorKind::Stale
            | ErrorKind::Refused
            | ErrorKind::Unauthenticated
            | ErrorKind::Forbidden
            | ErrorKind::SecondFactor
            | ErrorKind::RateLimited { .. }
            | ErrorKind::Unsupported
            | ErrorKind::Unavailable
            | ErrorKind::BadReply
            | ErrorKind::Transport
            | ErrorKind::Unrepresentable,
        ) => (Outcome::Failed, OutcomeWord::Failed),
    }
}

/// Whether the platform, not the operation, is the trouble: the rest of its queue would only meet the same.
pub(crate) fn is_down(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::Unauthenticated
        | ErrorKind::Forbidden
        | ErrorKind::SecondFactor
        | ErrorKind::RateLimited { .. }
        | ErrorKind::Unavailable
        | ErrorKind::Transport => true,
        ErrorKind::NotFound
        | ErrorKind::SlotTaken
        | ErrorKind::Stale
        | ErrorKind::Refused
        | ErrorKind::Unsupported
        | ErrorKind::BadReply
        | ErrorKind::Unrepresentable => false,
    }
}
