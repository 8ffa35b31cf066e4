//! What a company offers: providers and services, hidden ones too.

use jiff::SignedDuration;
use serde_json::Value;
use slotbridge_platform::PlatformError;
use slotbridge_platform::platform::{Catalogue, CatalogueEntry, Priority};

use crate::error;
use crate::platform::Hands;
use crate::request::{self, Ask};
use crate::wire::{self, Object};

/// Reads both lists and the zone.
pub(crate) async fn read(hands: &Hands) -> Result<Catalogue, PlatformError> {
    let service = hands.session.service();
    let company = hands.company(Priority::Poll).await?;
    Ok(Catalogue {
        resources: entries(hands, request::units(service)).await?,
        services: entries(hands, request::events(service)).await?,
        time_zone: company
            .own_zone
            .as_ref()
            .and_then(|zone| zone.iana_name())
            .map(str::to_owned)
            .or(company.zone_name),
    })
}

async fn entries(hands: &Hands, ask: Ask) -> Result<Vec<CatalogueEntry>, PlatformError> {
    let list = hands.call(&ask, Priority::Poll).await?;
    let rows =
        wire::elements(&list).ok_or_else(|| error::senseless(&ask, "the catalogue is no list"))?;
    let mut entries: Vec<CatalogueEntry> = rows
        .into_iter()
        .filter_map(Value::as_object)
        .filter_map(entry)
        .collect();
    entries.sort_by_key(|entry| entry.key.parse::<u64>().unwrap_or(u64::MAX));
    Ok(entries)
}

/// A provider has no duration and no price.
pub(crate) fn entry(row: &Object) -> Option<CatalogueEntry> {
    let flag = |name: &str| row.get(name).and_then(wire::flag);
    Some(CatalogueEntry {
        key: wire::first_id(row, &["id"])?.to_string(),
        title: wire::filled(row, &["name", "title"]).unwrap_or_default(),
        duration: row
            .get("duration")
            .and_then(wire::int)
            .filter(|minutes| *minutes > 0)
            .and_then(SignedDuration::try_from_mins),
        price_minor: wire::filled(row, &["price"]).and_then(|price| wire::minor(&price)),
        active: flag("is_active") != Some(false) && flag("is_visible") != Some(false),
    })
}
