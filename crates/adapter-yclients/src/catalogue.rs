//! Staff and services, as a mapping needs them.

use jiff::SignedDuration;
use serde_json::Value;
use slotbridge_platform::PlatformError;
use slotbridge_platform::client::{Repeat, Reply};
use slotbridge_platform::platform::CatalogueEntry;

use crate::error;
use crate::wire;

/// The staff of a reply. People who left stay in it, because old records keep pointing at them.
pub(crate) fn staff(reply: &Reply) -> Result<Vec<CatalogueEntry>, PlatformError> {
    entries("staff.list", reply, |row| {
        let gone = |key: &str| wire::flag(row.get(key)).unwrap_or(false);
        (None, None, !gone("fired") && !gone("status"))
    })
}

/// The services of a reply. The price is the lower end of the catalogue's range.
pub(crate) fn services(reply: &Reply) -> Result<Vec<CatalogueEntry>, PlatformError> {
    entries("services.list", reply, |row| {
        let seconds = wire::int(row.get("duration"))
            .or_else(|| by_staff(row))
            .filter(|seconds| *seconds > 0);
        (
            seconds.map(SignedDuration::from_secs),
            wire::price_minor(row.get("price_min")),
            wire::flag(row.get("active")).unwrap_or(true),
        )
    })
}

/// The length that a service has with the first member of staff who names one.
fn by_staff(row: &Value) -> Option<i64> {
    let staff = wire::list(row.get("staff"))?;
    staff
        .into_iter()
        .find_map(|staff| wire::int(staff.get("seance_length")))
}

type Details = (Option<SignedDuration>, Option<i64>, bool);

fn entries(
    operation: &'static str,
    reply: &Reply,
    details: impl Fn(&Value) -> Details,
) -> Result<Vec<CatalogueEntry>, PlatformError> {
    let body = wire::envelope(&reply.body).unwrap_or_default();
    let rows = wire::list(Some(&body.data));
    let rows = rows
        .ok_or_else(|| error::senseless(operation, Repeat::Safe, "a catalogue that is no list"))?;
    let entry = |row: &Value| {
        // A row without an id cannot be mapped.
        let key = wire::id(row.get("id"))?.to_string();
        let title = wire::filled(row.get("title")).or_else(|| wire::filled(row.get("name")));
        let title = title.map_or_else(|| key.clone(), |title| title.trim().to_owned());
        let (duration, price_minor, active) = details(row);
        Some(CatalogueEntry {
            key,
            title,
            duration,
            price_minor,
            active,
        })
    };
    Ok(rows.into_iter().filter_map(entry).collect())
}
