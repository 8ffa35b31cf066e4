//! What is known of the company: its zone, and how far apart its starts are.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use slotbridge_platform::platform::Priority;
use slotbridge_platform::{ErrorKind, PlatformError, Retry};
use tokio::sync::Mutex;

use crate::request;
use crate::session::Session;
use crate::wire;

/// How long what is known stays believed; the zone can be changed in the settings at any time.
const BELIEVED_FOR: Duration = Duration::from_hours(1);

/// What the company's settings say.
#[derive(Debug, Clone)]
pub(crate) struct Company {
    /// The zone in which times are read and written: the configured one, else the company's.
    pub(crate) zone: TimeZone,
    /// The company's own zone, where it names one that is known here.
    pub(crate) own_zone: Option<TimeZone>,
    /// What it calls its zone.
    pub(crate) zone_name: Option<String>,
    /// How far apart starts are, in minutes.
    pub(crate) timeframe: Option<i64>,
}

impl Company {
    /// Whether a start can be booked at all (simplybook contract, 5.2).
    pub(crate) fn has_start(&self, at: DateTime) -> bool {
        let minutes = i64::from(at.hour()) * 60 + i64::from(at.minute());
        at.second() == 0 && self.timeframe.is_none_or(|frame| minutes % frame == 0)
    }
}

/// The company, read when it is needed.
#[derive(Debug)]
pub(crate) struct Companies {
    configured: Option<TimeZone>,
    known: Mutex<Option<(Duration, Company)>>,
}

impl Companies {
    pub(crate) fn new(configured: Option<TimeZone>) -> Self {
        Self {
            configured,
            known: Mutex::new(None),
        }
    }

    /// What is known, read again when it is an hour old.
    pub(crate) async fn get(
        &self,
        session: &Session,
        priority: Priority,
    ) -> Result<Company, PlatformError> {
        let mut known = self.known.lock().await;
        if let Some((since, company)) = &*known
            && session.now().saturating_sub(*since) < BELIEVED_FOR
        {
            return Ok(company.clone());
        }
        let company = self.read(session, priority).await?;
        *known = Some((session.now(), company.clone()));
        Ok(company)
    }

    /// Reads it again on the next occasion.
    pub(crate) async fn forget(&self) {
        *self.known.lock().await = None;
    }

    async fn read(&self, session: &Session, priority: Priority) -> Result<Company, PlatformError> {
        let ask = request::company_info(session.service());
        let info = match session.call(&ask, priority).await {
            Ok(info) => info,
            // The administration service is not known to have it for certain.
            Err(error) if error.kind == ErrorKind::Unsupported && self.configured.is_some() => {
                serde_json::Value::Null
            }
            Err(error) => return Err(error),
        };
        let info = info.as_object().cloned().unwrap_or_default();
        let zone_name = wire::filled(&info, &["timezone", "company_timezone"]);
        let own_zone = zone_name.as_deref().and_then(zone_of);
        let Some(zone) = self.configured.clone().or_else(|| own_zone.clone()) else {
            let named = zone_name.as_deref().unwrap_or("none");
            return Err(PlatformError::new(
                ErrorKind::Unrepresentable,
                Retry::Never,
                ask.operation,
                format!(
                    "the company names no zone that is known here ({named}); set time_zone for this platform"
                ),
            ));
        };
        let timeframe = info
            .get("timeframe")
            .and_then(wire::int)
            .filter(|minutes| *minutes > 0);
        Ok(Company {
            zone,
            own_zone,
            zone_name,
            timeframe,
        })
    }
}

/// The zone of a name that is spelled with a slash, or with spaces for slashes and underscores: `Europe London`,
/// `America New York` (simplybook contract, 5.4).
pub(crate) fn zone_of(name: &str) -> Option<TimeZone> {
    let name = name.trim();
    if let Ok(zone) = TimeZone::get(name) {
        return Some(zone);
    }
    let words: Vec<&str> = name
        .split([' ', '/'])
        .filter(|word| !word.is_empty())
        .collect();
    // Areas have one word; in places, spaces are underscores; few names have three parts.
    (1..=3).find_map(|slashes| {
        let parts = words.len().checked_sub(slashes)?;
        if parts == 0 {
            return None;
        }
        let (areas, place) = words.split_at_checked(slashes)?;
        TimeZone::get(&format!("{}/{}", areas.join("/"), place.join("_"))).ok()
    })
}
