//! Deciding a conflict: one way, whether the daemon does it or a command by itself.

use jiff::Timestamp;
use slotbridge_core::merge::{Choice, NoChoice, Presence, can_choose};
use slotbridge_store::{Change, ConflictRow, Decider, DecisionState, Store, StoreError};

use super::rows::Decided;

/// Why a conflict was not decided.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undecided {
    /// Nobody knows the number.
    #[error("there is no conflict {0}: `slotbridge conflicts` lists those that wait")]
    Unknown(i64),
    /// It is decided already.
    #[error("conflict {0} is decided already, by {1}: change the booking on a platform instead")]
    Decided(i64, &'static str),
    /// The platforms came to agree.
    #[error("conflict {0} is over: the platforms no longer disagree")]
    Closed(i64),
    /// The choice does not fit the conflict.
    #[error("conflict {0} cannot be decided so")]
    NoChoice(i64, #[source] NoChoice),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The open conflict of this number.
pub(crate) async fn open(store: &Store, conflict: i64) -> Result<ConflictRow, Undecided> {
    let row = store.conflict(conflict).await?;
    let row = row.ok_or(Undecided::Unknown(conflict))?;
    match row.decided_by {
        Some(Decider::Person) => Err(Undecided::Decided(conflict, "a person")),
        Some(Decider::Policy) => Err(Undecided::Decided(conflict, "the bridge's policy")),
        None if row.closed => Err(Undecided::Closed(conflict)),
        None => Ok(row),
    }
}

/// Records how a conflict is to end; the next run takes it over.
pub(crate) async fn decide(
    store: &Store,
    conflict: i64,
    choice: Choice,
    now: Timestamp,
) -> Result<Decided, Undecided> {
    let row = open(store, conflict).await?;
    let state = store.bookings(&row.bridge, vec![row.booking]).await?;
    let canonical = state
        .bookings
        .into_iter()
        .next()
        .map_or(Presence::Gone, |booking| booking.canonical);
    can_choose(&row.conflict, &canonical, &choice)
        .map_err(|why| Undecided::NoChoice(conflict, why))?;
    let decided = Decided {
        conflict,
        bridge: row.bridge.to_string(),
        booking: row.booking.to_string(),
        field: row.conflict.subject.as_str().to_owned(),
        choice: choice.as_str().to_owned(),
        platform: choice.platform().map(ToString::to_string),
        replaced: row
            .decision
            .is_some_and(|decision| decision.state == DecisionState::Waiting),
    };
    let change = Change::Decision {
        conflict,
        choice,
        at: now,
    };
    store.apply(vec![change]).await?;
    Ok(decided)
}
