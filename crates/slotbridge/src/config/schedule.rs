//! `[schedule]`: what is done at which hour.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::keys::{self, Key, Presence};
use super::table::Field;
use super::value;
use crate::schedule::cron::Cron;

const JITTER_MAX: Duration = Duration::from_hours(6);
const KEEP_MIN: Duration = Duration::from_hours(24 * 30);

/// `[schedule]`
#[derive(Debug, Clone)]
pub(crate) struct ScheduleConfig {
    /// By which clock the lines are read, where the file says so.
    pub(crate) time_zone: Option<TimeZone>,
    /// When every bridge gets a full pass.
    pub(crate) sweep: Cron,
    /// When what is over for long is forgotten.
    pub(crate) retention: Option<Cron>,
    /// When the database is looked after.
    pub(crate) upkeep: Option<Cron>,
    /// How much later, at most, each begins.
    pub(crate) jitter: Duration,
    /// How long what is over is kept.
    pub(crate) keep: SignedDuration,
    /// How long the client data of what is over are kept, if not for good; `[store] keep_clients`.
    pub(crate) keep_clients: Option<SignedDuration>,
}

/// Reads the table; without one there are the defaults.
pub(crate) fn read(field: Option<Field<'_>>) -> Option<ScheduleConfig> {
    let Some(field) = field else {
        return Some(defaults());
    };
    let table = field.table(&[keys::SCHEDULE])?;
    let time_zone = table.get("time_zone").map(|field| field.parse(value::zone));
    let sweep = table.parse("sweep", |text| {
        if text == "off" {
            return Err(
                "the full pass cannot be switched off: without it removals could go unnoticed; \
                 expected a cron line such as \"30 3 * * *\""
                    .to_owned(),
            );
        }
        Cron::parse(text)
    });
    let retention = table.parse("retention", cron_or_off);
    let upkeep = table.parse("upkeep", cron_or_off);
    let jitter = table.parse("jitter", jitter);
    let keep = table.parse("keep", keep);
    table.finish(|_| None);
    Some(ScheduleConfig {
        // A zone that is there and wrong is told; one that is absent is nothing wrong.
        time_zone: match time_zone {
            Some(zone) => Some(zone?),
            None => None,
        },
        sweep: sweep?,
        retention: retention?,
        upkeep: upkeep?,
        jitter: jitter?,
        keep: keep?,
        keep_clients: None,
    })
}

fn defaults() -> ScheduleConfig {
    fn default<T>(name: &str, parse: impl Fn(&str) -> Result<T, String>) -> T {
        let key = keys::SCHEDULE.iter().find(|key| key.name == name);
        let Some(Key {
            presence: Presence::Default(text),
            ..
        }) = key
        else {
            unreachable!("{name} has a default");
        };
        parse(text).expect("a default in the list of keys is a valid value")
    }
    ScheduleConfig {
        time_zone: None,
        sweep: default("sweep", Cron::parse),
        retention: default("retention", cron_or_off),
        upkeep: default("upkeep", cron_or_off),
        jitter: default("jitter", jitter),
        keep: default("keep", keep),
        keep_clients: None,
    }
}

fn cron_or_off(text: &str) -> Result<Option<Cron>, String> {
    if text == "off" {
        Ok(None)
    } else {
        Cron::parse(text)
            .map(Some)
            .map_err(|error| format!("{error}, or \"off\""))
    }
}

fn jitter(text: &str) -> Result<Duration, String> {
    match value::duration(text)? {
        long if long > JITTER_MAX => Err(format!("{text:?} is too long; expected at most \"6h\"")),
        jitter => Ok(jitter),
    }
}

/// How long client data are kept; `None` for good.
pub(crate) fn keep_clients(text: &str) -> Result<Option<SignedDuration>, String> {
    if text == "off" {
        return Ok(None);
    }
    match value::duration(text).map_err(|error| format!("{error}, or \"off\""))? {
        short if short < KEEP_MIN => Err(format!(
            "{text:?} is too short to answer a client who asks about a visit; expected at least \"30d\", or \"off\""
        )),
        keep => SignedDuration::try_from(keep)
            .map(Some)
            .map_err(|error| error.to_string()),
    }
}

fn keep(text: &str) -> Result<SignedDuration, String> {
    match value::duration(text)? {
        short if short < KEEP_MIN => Err(format!(
            "{text:?} is too short to take a run back or to explain a booking; expected at least \"30d\""
        )),
        keep => SignedDuration::try_from(keep).map_err(|error| error.to_string()),
    }
}
