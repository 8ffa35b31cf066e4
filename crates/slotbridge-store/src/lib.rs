//! The SQLite database of slotbridge: mirror, links, shadows, journal, inbox, conflicts, quotas, runs.
//!
//! The only SQL of the workspace is in this crate and in `migrations/`.
//! It knows the core's values and nothing of platforms; it decides nothing, reads no clock and draws no random number.
//!
//! **Flow.** A caller collects [`Change`]s and hands them to [`Store::apply`]; readers ask the other methods of
//! [`Store`].
//!
//! **Guarantees.** One `apply` is one transaction: all of it or nothing. It is on the disk when the call returns, and
//! every read that starts afterwards, from any handle, sees it. Dropping the future of a call does not stop it.
//! Every read answers from one state of the database.
//!
//! **Assumptions.** One process writes: [`Store::open`] holds a lock that dies with the process. Others may copy the
//! database at any time with [`Store::open_copy`], which leaves no trace on the disk.
//!
//! **Caveats.** Instants are kept to the microsecond. Errors and `Debug` output never hold what clients wrote; they
//! name tables, columns and ids.

mod backup;
mod calls;
mod change;
mod connect;
mod copy;
mod encode;
mod error;
mod files;
mod group;
mod ids;
mod lock;
mod migrations;
mod read;
mod rows;
mod store;
#[cfg(test)]
mod tests;
mod upkeep;
mod worker;
mod write;

pub use backup::{Backup, backup, verify};
pub use calls::CallJournal;
pub use change::{Body, Change, Outcome};
pub use error::{Holder, MigrationFault, StoreError};
pub use ids::{InvalidId, OpId, RunId};
pub use rows::{
    Base, BookingRow, Bound, BoundLink, BridgeState, BridgeSummary, ConflictRow, Counts, Decider,
    DecisionRow, DecisionState, Erased, GuardRow, InboxRow, JournalRow, JournalState, LinkRow,
    MirrorKey, MirrorRow, NoticeRow, PastLinkRow, Place, PlatformState, PlatformSummary, Pruned,
    RecordHash, RunRow, Summary, ToCome, Unlinked, UnreadableRow, Upkeep,
};
pub use store::{OpenOptions, Store};
