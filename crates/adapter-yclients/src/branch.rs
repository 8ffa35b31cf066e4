//! What the branch says of itself, and above all its zone: every wall-clock time hangs on it.
//!
//! A configured zone stands. Else the branch is asked once, and again when its records contradict the answer, because
//! an owner can move the branch to another zone.

use std::time::Duration;

use jiff::tz::TimeZone;
use slotbridge_platform::platform::Priority;
use slotbridge_platform::{ErrorKind, PlatformError, Retry};
use tokio::sync::Mutex;

use crate::request;
use crate::session::Session;
use crate::wire;

/// How long an answer that was got because of a contradiction stands against the next one: a branch that is set up for
/// a wrong zone contradicts itself forever.
const DOUBT_REST: Duration = Duration::from_mins(10);

/// The branch as it describes itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Company {
    pub(crate) title: String,
    /// `timezone_name`; not `timezone`, which is a number of hours and knows no summer time (yclients contract, 7).
    pub(crate) zone_name: Option<String>,
}

impl Company {
    /// The zone that the name stands for.
    pub(crate) fn zone(&self) -> Option<TimeZone> {
        TimeZone::get(self.zone_name.as_deref()?).ok()
    }
}

/// The branch and what is known of it.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) id: u64,
    configured: Option<TimeZone>,
    /// Held while the branch is asked, so that it is asked once.
    known: Mutex<Option<Known>>,
}

#[derive(Debug)]
struct Known {
    company: Company,
    /// When it was last asked because records contradicted it.
    doubted: Option<Duration>,
}

impl Branch {
    pub(crate) fn new(id: u64, configured: Option<TimeZone>) -> Self {
        Self {
            id,
            configured,
            known: Mutex::default(),
        }
    }

    /// The zone that the config names.
    pub(crate) fn configured_zone(&self) -> Option<&TimeZone> {
        self.configured.as_ref()
    }

    /// The zone by which wall-clock times are read and written.
    pub(crate) async fn zone(
        &self,
        session: &Session,
        priority: Priority,
    ) -> Result<TimeZone, PlatformError> {
        if let Some(zone) = &self.configured {
            return Ok(zone.clone());
        }
        let mut known = self.known.lock().await;
        let company = match &*known {
            Some(known) => known.company.clone(),
            None => self.ask(session, &mut known, priority).await?,
        };
        company.zone().ok_or_else(|| {
            let named = company.zone_name.as_deref().unwrap_or("none");
            let why = format!("the branch names no zone that is known here ({named}); set time_zone for this platform");
            PlatformError::new(ErrorKind::Unrepresentable, Retry::Never, "company.read", why)
        })
    }

    /// What the branch says now.
    pub(crate) async fn company(
        &self,
        session: &Session,
        priority: Priority,
    ) -> Result<Company, PlatformError> {
        let mut known = self.known.lock().await;
        self.ask(session, &mut known, priority).await
    }

    /// Asks again because records contradict the zone; says whether the branch has moved.
    pub(crate) async fn has_moved(
        &self,
        session: &Session,
        priority: Priority,
    ) -> Result<bool, PlatformError> {
        if self.configured.is_some() {
            return Ok(false);
        }
        let mut known = self.known.lock().await;
        let Some(old) = &*known else {
            return Ok(false);
        };
        let now = session.now();
        if old
            .doubted
            .is_some_and(|at| now.saturating_sub(at) < DOUBT_REST)
        {
            return Ok(false);
        }
        let before = old.company.zone_name.clone();
        let company = self.ask(session, &mut known, priority).await?;
        if let Some(known) = &mut *known {
            known.doubted = Some(now);
        }
        Ok(company.zone_name != before)
    }

    async fn ask(
        &self,
        session: &Session,
        known: &mut Option<Known>,
        priority: Priority,
    ) -> Result<Company, PlatformError> {
        let reply = session
            .call(&request::get_company(self.id), priority)
            .await?;
        let body = wire::envelope(&reply.body).unwrap_or_default();
        let Some(data) = wire::only(&body.data) else {
            return Err(PlatformError::new(
                ErrorKind::BadReply,
                Retry::Later,
                "company.read",
                "an answer that describes no branch",
            ));
        };
        let company = Company {
            title: wire::text(data.get("title"))
                .unwrap_or_default()
                .into_owned(),
            // Older answers have the name in the place of the hours.
            zone_name: [data.get("timezone_name"), data.get("timezone")]
                .into_iter()
                .filter_map(wire::filled)
                .map(|name| name.trim().to_owned())
                .find(|name| is_zone_name(name)),
        };
        let doubted = known.as_ref().and_then(|known| known.doubted);
        *known = Some(Known {
            company: company.clone(),
            doubted,
        });
        Ok(company)
    }
}

/// Whether it looks like `Europe/Moscow` or `UTC`; a number of hours, and any other text, is no name.
fn is_zone_name(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && name.len() <= 64
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte))
}
