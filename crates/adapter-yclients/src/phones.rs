//! Whether this user sees clients' phones.
//!
//! The platform tells clients apart by their phones. A record that is written back without the phone that its client
//! has, because the user is not shown it, could lose its client (yclients contract, 2 and 4.4).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use slotbridge_platform::platform::Priority;
use slotbridge_platform::{ErrorKind, PlatformError, Retry};
use tokio::sync::Mutex;

use crate::session::Session;
use crate::{check, request, wire};

/// How long an answer about the user's rights stands.
const RIGHTS_REST: Duration = Duration::from_mins(10);

/// What is known of the user's sight of phones.
#[derive(Debug, Default)]
pub(crate) struct Phones {
    /// Whether any record showed one: then this user sees them.
    seen: AtomicBool,
    /// Whether the user has the right, and when that was asked.
    right: Mutex<Option<(Duration, Option<bool>)>>,
}

impl Phones {
    /// A record showed a phone.
    pub(crate) fn note_seen(&self) {
        self.seen.store(true, Ordering::Relaxed);
    }

    /// Refuses an update of a record whose client's phone may be hidden. Asks for the rights only where nothing else
    /// tells: a client without a phone, and no phone seen on any record yet.
    pub(crate) async fn refuse_if_hidden(
        &self,
        row: &wire::Object,
        session: &Session,
        company: u64,
    ) -> Result<(), PlatformError> {
        let Some(client) = wire::object(row.get("client")) else {
            return Ok(());
        };
        let phone = wire::text(client.get("phone")).unwrap_or_default();
        let masked = phone.contains(['*', '•']);
        let blank = phone.trim().is_empty() && wire::id(client.get("id")).is_some();
        if !masked && (!blank || self.seen.load(Ordering::Relaxed)) {
            return Ok(());
        }
        if !masked && self.may_see(session, company).await? != Some(false) {
            return Ok(());
        }
        Err(PlatformError::new(
            ErrorKind::Forbidden,
            Retry::Never,
            "records.update",
            "the client's phone is hidden from this user, and a record cannot be written back without it; give the user the right to see \
             phones in the journal (timetable_phones_access)",
        ))
    }

    async fn may_see(
        &self,
        session: &Session,
        company: u64,
    ) -> Result<Option<bool>, PlatformError> {
        let mut known = self.right.lock().await;
        if let Some((at, visible)) = *known
            && session.now().saturating_sub(at) < RIGHTS_REST
        {
            return Ok(visible);
        }
        let visible = match session
            .call(&request::get_permissions(company), Priority::Write)
            .await
        {
            Ok(reply) => check::phones_visible(&check::rights(&reply)),
            // Who may not ask cannot be told.
            Err(error) if matches!(error.kind, ErrorKind::Forbidden | ErrorKind::NotFound) => None,
            Err(error) => return Err(error),
        };
        *known = Some((session.now(), visible));
        Ok(visible)
    }
}
