//! The handle: opening, writing, reading, closing.

mod whole;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use slotbridge_core::model::{BookingId, BridgeName, PlatformName, RemoteId, ResourceKey};
use slotbridge_core::record::Window;

use crate::change::Change;
use crate::encode::Wanted;
use crate::error::StoreError;
use crate::ids::RunId;
use crate::lock::Lock;
use crate::rows::{
    BridgeState, ConflictRow, Counts, Erased, GuardRow, InboxRow, JournalRow, MirrorRow, NoticeRow,
    PastLinkRow, PlatformState, Pruned, RunRow, Summary, UnreadableRow, Upkeep,
};
use crate::worker::Worker;
use crate::{connect, copy, files, lock, migrations, read, upkeep, write};

/// How many bookings are erased in one transaction.
const ERASED_AT_ONCE: usize = 500;

/// How to open a database for writing.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// How long to wait for another process to let go of it.
    pub lock_wait: Duration,
    /// What this process is, for the message that another process gets: `slotbridge reconcile`.
    pub holder: String,
}

/// A handle to an open database. Clones share it; when the last one is dropped, the database is closed as by
/// [`Store::close`], except that nobody is told if that fails.
#[derive(Clone)]
pub struct Store {
    worker: Arc<Worker>,
    /// Where it is, for messages; nothing for a database in memory.
    pub(crate) path: Option<PathBuf>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Opens a database for writing, creating the file (mode 0600) but not its folder; migrates it if it is older.
    /// Blocks while it waits for the lock. Works on threads of its own.
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Self, StoreError> {
        let lock = Self::lock(path, options)?;
        let writer = connect::open_writer(path, &lock)?;
        let reader = connect::open_reader(path)?;
        Ok(Self::of(
            Worker::threads(path, writer, reader, lock)?,
            Some(path),
        ))
    }

    /// Like [`Self::open`], with every call run where it is made: no threads, so that a simulator under a virtual
    /// clock stays deterministic.
    pub fn open_inline(path: &Path, options: &OpenOptions) -> Result<Self, StoreError> {
        let lock = Self::lock(path, options)?;
        let conn = connect::open_writer(path, &lock)?;
        Ok(Self::of(Worker::inline(conn, Some(lock)), Some(path)))
    }

    /// Copies a database into memory, for a dry run. Touches nothing on the disk, takes no lock, and works while
    /// another process writes. A file that is not there gives an empty database.
    pub fn open_copy(path: &Path) -> Result<Self, StoreError> {
        Ok(Self::of(
            Worker::inline(copy::into_memory(path)?, None),
            None,
        ))
    }

    /// An empty database in memory, inline.
    pub fn in_memory() -> Result<Self, StoreError> {
        Ok(Self::of(
            Worker::inline(connect::open_memory()?, None),
            None,
        ))
    }

    /// How many commits were made; under load less than calls of [`Self::apply`], because several share one.
    pub fn commits(&self) -> u64 {
        self.worker.commits()
    }

    /// What carries the calls out, for tests that reach below the API.
    #[cfg(test)]
    pub(crate) fn worker(&self) -> &Worker {
        &self.worker
    }

    fn of(worker: Worker, path: Option<&Path>) -> Self {
        Self {
            worker: Arc::new(worker),
            path: path.map(Path::to_path_buf),
        }
    }

    fn lock(path: &Path, options: &OpenOptions) -> Result<Lock, StoreError> {
        files::folder_exists(path)?;
        files::inspect(path)?;
        lock::acquire(path, options)
    }

    /// Finishes what is queued, folds the write-ahead log into the file and lets go of the lock. Calls on other clones
    /// of the handle then fail with [`StoreError::Closed`].
    pub async fn close(self) -> Result<(), StoreError> {
        self.worker.close().await
    }

    /// Writes all of the changes, or none.
    pub async fn apply(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        self.worker
            .write(move |conn| write::apply(conn, &changes))
            .await
    }

    /// The bookings of a bridge that matter from `since` on, with all their links: those whose slot ended after it,
    /// those that changed at or after it, those with an open journal entry, and those linked to a mirrored record that
    /// starts at or after it. Live and gone ones alike.
    pub async fn bridge(
        &self,
        bridge: &BridgeName,
        since: Timestamp,
    ) -> Result<BridgeState, StoreError> {
        let bridge = bridge.clone();
        self.worker
            .read(move |conn| read::bridge(conn, &bridge, since))
            .await
    }

    /// Bookings by their ids, with all their links. Ids that the bridge does not know are left out.
    pub async fn bookings(
        &self,
        bridge: &BridgeName,
        ids: Vec<BookingId>,
    ) -> Result<BridgeState, StoreError> {
        let bridge = bridge.clone();
        self.worker
            .read(move |conn| read::bookings(conn, &bridge, &ids))
            .await
    }

    /// The bookings that are linked to these records, with all their links.
    pub async fn bookings_of(
        &self,
        bridge: &BridgeName,
        platform: &PlatformName,
        records: Vec<RemoteId>,
    ) -> Result<BridgeState, StoreError> {
        let (bridge, platform) = (bridge.clone(), platform.clone());
        self.worker
            .read(move |conn| read::bookings_of(conn, &bridge, &platform, &records))
            .await
    }

    /// The bookings with a link on this platform that has no record, with all their links.
    pub async fn presumed(
        &self,
        bridge: &BridgeName,
        platform: &PlatformName,
    ) -> Result<BridgeState, StoreError> {
        let (bridge, platform) = (bridge.clone(), platform.clone());
        self.worker
            .read(move |conn| read::presumed(conn, &bridge, &platform))
            .await
    }

    /// The bookings whose slot meets the window, live ones and those that are gone, with all their links. Bookings of
    /// more than a day may be missed.
    pub async fn bookings_within(
        &self,
        bridge: &BridgeName,
        window: Window,
    ) -> Result<BridgeState, StoreError> {
        let bridge = bridge.clone();
        self.worker
            .read(move |conn| read::bookings_within(conn, &bridge, window))
            .await
    }

    /// The pairs that were unlinked or replaced at or after `since`, oldest first.
    pub async fn past_links(
        &self,
        bridge: &BridgeName,
        since: Timestamp,
    ) -> Result<Vec<PastLinkRow>, StoreError> {
        let bridge = bridge.clone();
        self.worker
            .read(move |conn| read::past_links(conn, &bridge, since))
            .await
    }

    /// The mirrored records that start at or after `since`, in any state, in order of start and id.
    pub async fn mirror(
        &self,
        platform: &PlatformName,
        since: Timestamp,
    ) -> Result<Vec<MirrorRow>, StoreError> {
        let platform = platform.clone();
        self.worker
            .read(move |conn| read::mirror(conn, &platform, since))
            .await
    }

    /// The mirrored records that start inside the window, in any state, in order of start and id.
    pub async fn mirror_within(
        &self,
        platform: &PlatformName,
        window: Window,
    ) -> Result<Vec<MirrorRow>, StoreError> {
        let platform = platform.clone();
        self.worker
            .read(move |conn| read::mirror_within(conn, &platform, window))
            .await
    }

    /// How many live records are mirrored that start at or after `since`.
    pub async fn live_since(
        &self,
        platform: &PlatformName,
        since: Timestamp,
    ) -> Result<u64, StoreError> {
        let platform = platform.clone();
        self.worker
            .read(move |conn| read::live_since(conn, &platform, since))
            .await
    }

    /// Mirrored records by their ids, in order of start and id. Ids that are not mirrored are left out.
    pub async fn mirror_rows(
        &self,
        platform: &PlatformName,
        ids: Vec<RemoteId>,
    ) -> Result<Vec<MirrorRow>, StoreError> {
        let platform = platform.clone();
        self.worker
            .read(move |conn| read::mirror_rows(conn, &platform, &ids))
            .await
    }

    /// The platform's rows that cannot be read, mirrored or not, oldest first.
    pub async fn unreadable(
        &self,
        platform: &PlatformName,
    ) -> Result<Vec<UnreadableRow>, StoreError> {
        let platform = platform.clone();
        self.worker
            .read(move |conn| read::unreadable(conn, &platform))
            .await
    }

    /// What is known of a platform as a whole; empty when it was never read.
    pub async fn platform_state(
        &self,
        platform: &PlatformName,
    ) -> Result<PlatformState, StoreError> {
        let platform = platform.clone();
        self.worker
            .read(move |conn| read::platform_state(conn, &platform))
            .await
    }

    /// The journal's entries that are intended or unknown, oldest first.
    pub async fn journal_open(&self, bridge: &BridgeName) -> Result<Vec<JournalRow>, StoreError> {
        let bridge = bridge.clone();
        self.worker
            .read(move |conn| read::journal_open(conn, &bridge))
            .await
    }

    /// The journal's entries of one run, oldest first.
    pub async fn journal_of_run(&self, run: RunId) -> Result<Vec<JournalRow>, StoreError> {
        self.worker
            .read(move |conn| read::journal_of_run(conn, run))
            .await
    }

    /// The journal's entries of some bookings, booking by booking, oldest first.
    pub async fn journal_of_bookings(
        &self,
        bridge: &BridgeName,
        bookings: Vec<BookingId>,
    ) -> Result<Vec<JournalRow>, StoreError> {
        let bridge = bridge.clone();
        self.worker
            .read(move |conn| read::journal_of_bookings(conn, &bridge, &bookings))
            .await
    }

    /// The runs of which the journal has entries, newest first.
    pub async fn runs_that_wrote(&self) -> Result<Vec<RunRow>, StoreError> {
        self.worker.read(read::runs_that_wrote).await
    }

    /// For each booking and platform the latest entry, if it was refused; oldest first.
    pub async fn refusals(&self, bridge: &BridgeName) -> Result<Vec<JournalRow>, StoreError> {
        let bridge = bridge.clone();
        self.worker
            .read(move |conn| read::refusals(conn, &bridge))
            .await
    }

    /// How many operations took effect at or after `since`; those that are presumed to have done so count too, those that
    /// took something back don't.
    pub async fn journal_counts(
        &self,
        bridge: &BridgeName,
        platform: &PlatformName,
        since: Timestamp,
    ) -> Result<Counts, StoreError> {
        let (bridge, platform) = (bridge.clone(), platform.clone());
        self.worker
            .read(move |conn| read::journal_counts(conn, &bridge, &platform, since))
            .await
    }

    /// How often in a row each start time was seen taken without a known reason.
    pub async fn sightings(
        &self,
        platform: &PlatformName,
    ) -> Result<BTreeMap<(ResourceKey, Timestamp), u32>, StoreError> {
        let platform = platform.clone();
        self.worker
            .read(move |conn| read::sightings(conn, &platform))
            .await
    }

    /// The conflicts that wait for a person, oldest first; of one bridge or of all.
    pub async fn conflicts(
        &self,
        bridge: Option<&BridgeName>,
    ) -> Result<Vec<ConflictRow>, StoreError> {
        let bridge = bridge.cloned();
        self.worker
            .read(move |conn| read::conflicts(conn, bridge.as_ref()))
            .await
    }

    /// The conflicts that were decided at or after `since`, by policy or by a person, oldest first.
    pub async fn conflicts_decided(
        &self,
        bridge: &BridgeName,
        since: Timestamp,
    ) -> Result<Vec<ConflictRow>, StoreError> {
        let bridge = bridge.clone();
        self.worker
            .read(move |conn| read::conflicts_decided(conn, &bridge, since))
            .await
    }

    /// A conflict by its number, open or not.
    pub async fn conflict(&self, id: i64) -> Result<Option<ConflictRow>, StoreError> {
        self.worker.read(move |conn| read::conflict(conn, id)).await
    }

    /// Every conflict over a booking that is remembered, oldest first.
    pub async fn conflicts_of(
        &self,
        bridge: &BridgeName,
        booking: BookingId,
    ) -> Result<Vec<ConflictRow>, StoreError> {
        let bridge = bridge.clone();
        self.worker
            .read(move |conn| read::conflicts_of(conn, &bridge, booking))
            .await
    }

    /// Every entry of the journal over a booking that is remembered, oldest first.
    pub async fn journal_of(
        &self,
        bridge: &BridgeName,
        booking: BookingId,
    ) -> Result<Vec<JournalRow>, StoreError> {
        let bridge = bridge.clone();
        self.worker
            .read(move |conn| read::journal_of(conn, &bridge, booking))
            .await
    }

    /// The latched guards of a bridge, in order of platform and name.
    pub async fn guards(&self, bridge: &BridgeName) -> Result<Vec<GuardRow>, StoreError> {
        let bridge = bridge.clone();
        self.worker
            .read(move |conn| read::guards(conn, &bridge))
            .await
    }

    /// The latest runs, newest first.
    pub async fn last_runs(&self, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        self.worker
            .read(move |conn| read::last_runs(conn, limit))
            .await
    }

    /// The webhooks that wait, oldest first.
    pub async fn inbox_pending(
        &self,
        platform: &PlatformName,
    ) -> Result<Vec<InboxRow>, StoreError> {
        let platform = platform.clone();
        self.worker
            .read(move |conn| read::inbox_pending(conn, &platform))
            .await
    }

    /// The first `limit` webhooks that wait behind this row number, oldest first.
    pub async fn inbox_after(
        &self,
        platform: &PlatformName,
        after: i64,
        limit: u32,
    ) -> Result<Vec<InboxRow>, StoreError> {
        let platform = platform.clone();
        self.worker
            .read(move |conn| read::inbox_after(conn, &platform, after, limit))
            .await
    }

    /// How many webhooks wait.
    pub async fn inbox_waiting(&self, platform: &PlatformName) -> Result<u64, StoreError> {
        let platform = platform.clone();
        self.worker
            .read(move |conn| read::inbox_waiting(conn, &platform))
            .await
    }

    /// The database at a glance.
    pub async fn summary(&self) -> Result<Summary, StoreError> {
        self.worker.read(read::summary).await
    }

    /// What people were told of and stands, in order of kind and subject.
    pub async fn notices(&self) -> Result<Vec<NoticeRow>, StoreError> {
        self.worker.read(read::notices).await
    }

    /// Up to which due time each schedule was worked off, by its name.
    pub async fn schedules(&self) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        self.worker.read(read::schedules).await
    }

    /// Looks after the database: checks it, renews what SQLite knows of its indexes, folds the write-ahead log into
    /// the file, and makes a small file with much free space smaller. See [`crate::Upkeep`].
    ///
    /// The check runs on a thread and a connection of its own, table by table. The rest is short: nothing here waits
    /// for a reader, and a file that would take long to rewrite is left as it is.
    pub async fn upkeep(&self) -> Result<Upkeep, StoreError> {
        let damage = self.worker.check(self.path.as_deref()).await?;
        if !damage.is_empty() {
            // A damaged file is not rewritten.
            let (bytes, free) = self.worker.read(upkeep::size).await?;
            return Ok(Upkeep {
                damage,
                bytes,
                free,
                ..Upkeep::default()
            });
        }
        self.worker.alone(upkeep::tidy).await
    }

    /// Forgets what is over since before `before`: runs that wrote nothing, settled journal entries that are not the
    /// latest of their booking and platform, closed conflicts, and told notices that nobody has seen standing since.
    pub async fn prune(&self, before: Timestamp) -> Result<Pruned, StoreError> {
        self.worker
            .write(move |conn| write::prune(conn, before))
            .await
    }

    /// Erases a client's data: name, phone, e-mail and comment in everything that belongs to a booking or record with one
    /// of these phones (E.164) or e-mails. Links, ids, times and hashes stay.
    ///
    /// What has not ended is only erased with `to_come_too`; it comes back with the next look, because the platforms
    /// still hold it. What ended does not come back. Follow with [`Self::scrub`].
    pub async fn erase_client(
        &self,
        phones: Vec<String>,
        emails: Vec<String>,
        now: Timestamp,
        to_come_too: bool,
    ) -> Result<Erased, StoreError> {
        let wanted = Wanted {
            phones: phones.into_iter().collect(),
            emails: emails.into_iter().collect(),
        };
        self.worker
            .write(move |conn| write::erase::client(conn, &wanted, now, to_come_too))
            .await
    }

    /// Erases the clients' data of bookings that ended before an instant, and of records that belong to none. Works in
    /// parts, between which others can write.
    pub async fn erase_over(&self, before: Timestamp) -> Result<Erased, StoreError> {
        let chosen = self
            .worker
            .read(move |conn| write::erase::over(conn, before))
            .await?;
        let mut all = Erased::default();
        for part in chosen.parts(ERASED_AT_ONCE) {
            let erased = self
                .worker
                .write(move |conn| write::erase::take_out(conn, &part, before, false))
                .await?;
            all.add(erased);
        }
        Ok(all)
    }

    /// Does as [`Self::scrub`] does where the file is small enough to keep nobody waiting for long; else only empties the
    /// log. Says whether the log is empty now.
    pub async fn scrub_if_small(&self) -> Result<bool, StoreError> {
        self.worker.alone(upkeep::scrub_if_small).await
    }

    /// Rewrites the file and empties the write-ahead log, so that nothing of what was erased is left in either. Says
    /// whether the log could be emptied: not while somebody reads an older state.
    pub async fn scrub(&self) -> Result<bool, StoreError> {
        self.worker.alone(upkeep::scrub).await
    }

    /// Writes a copy of the database to a new file (mode 0600).
    pub async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let to = to.to_path_buf();
        self.worker
            .read(move |conn| migrations::copy_to(conn, &to))
            .await
    }
}
