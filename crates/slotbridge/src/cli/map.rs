//! `slotbridge map`: what each platform has, and which of it is the same; with reads only.
//!
//! A platform without a catalogue has the ids and titles of the records that were seen so far.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use slotbridge_core::mapping::Mapping;
use slotbridge_core::model::PlatformName;
use slotbridge_core::propose::{Entry, Known, Offer, What, propose};
use slotbridge_core::record::Support;
use slotbridge_engine::bridge::Mode;
use slotbridge_platform::platform::CatalogueEntry;
use slotbridge_platform::{ErrorKind, Platform};
use slotbridge_store::{MirrorRow, Store};

use super::Global;
use super::database;
use super::output::Output;
use super::report::{Exit, Failure};
use crate::config::{BridgeConfig, Config};
use crate::registry::{self, Platforms};
use crate::render::proposal::{self, Listed, Mapped, Source, Survey};
use crate::render::words::clean;

/// Shows what there is and proposes the mapping.
pub(crate) async fn run(global: &Global, output: &Output) -> Result<Exit, Failure> {
    let config = super::load(global)?;
    let parts = super::reconcile::parts(&config.store, Mode::DryRun)?;
    let platforms = registry::platforms(&config, &parts)?;
    let listed = list(&config, &platforms).await?;
    let surveys: Vec<Survey> = config
        .bridges
        .iter()
        .map(|bridge| survey(bridge, &listed))
        .collect();
    output.report(&proposal::report(&surveys, global.format))?;
    let failed = listed
        .values()
        .any(|listed| matches!(listed.source, Source::Failed(_)));
    Ok(if failed { Exit::Trouble } else { Exit::InStep })
}

/// What the platforms have.
async fn list(
    config: &Config,
    platforms: &Platforms,
) -> Result<BTreeMap<PlatformName, Listed>, Failure> {
    let tasks: Vec<_> = platforms
        .iter()
        .map(|(name, built)| {
            let platform = Arc::clone(&built.platform);
            (
                name,
                tokio::spawn(async move { catalogue(platform.as_ref()).await }),
            )
        })
        .collect();
    let mut store = None;
    let mut listed = BTreeMap::new();
    for (name, task) in tasks {
        let told = task.await.context("asking a platform broke off")?;
        let (source, resources, services) = if let Some(told) = told {
            told
        } else {
            let store = match &mut store {
                Some(store) => store,
                empty => empty.insert(open(config).await?),
            };
            learned(&store.mirror(name, Timestamp::MIN).await?)
        };
        let Some(account) = config.platform(name.as_str()) else {
            continue;
        };
        let entry = Listed {
            name: name.clone(),
            title: account.kind.title,
            needs_durations: account.kind.needs_durations,
            source,
            resources,
            services,
        };
        listed.insert(name.clone(), entry);
    }
    Ok(listed)
}

async fn open(config: &Config) -> Result<Store, Failure> {
    Ok(database::copy(&config.store).await?)
}

type Found = (Source, Vec<Entry>, Vec<Entry>);

/// Reads a catalogue; `None` where the platform has none.
async fn catalogue(platform: &dyn Platform) -> Option<Found> {
    match platform.catalogue().await {
        Ok(catalogue) => Some((
            Source::Catalogue,
            catalogue.resources.into_iter().map(entry).collect(),
            catalogue.services.into_iter().map(entry).collect(),
        )),
        Err(error) if error.kind == ErrorKind::Unsupported => None,
        Err(error) => Some((
            Source::Failed(clean(&error.to_string())),
            Vec::new(),
            Vec::new(),
        )),
    }
}

fn entry(listed: CatalogueEntry) -> Entry {
    Entry {
        key: listed.key,
        title: listed.title,
        duration: listed.duration,
        price_minor: listed.price_minor,
        active: listed.active,
    }
}

/// The ids of records, in order of the ids; each with its latest title, and a service with the length that most of its
/// records have.
fn learned(rows: &[MirrorRow]) -> Found {
    let mut resources: BTreeMap<String, String> = BTreeMap::new();
    let mut services: BTreeMap<String, String> = BTreeMap::new();
    let mut lengths: BTreeMap<String, BTreeMap<SignedDuration, u64>> = BTreeMap::new();
    let keep = |titles: &mut BTreeMap<String, String>, key: &str, title: Option<&String>| {
        let kept = titles
            .entry(key.to_owned())
            .or_insert_with(|| key.to_owned());
        if let Some(title) = title {
            kept.clone_from(title);
        }
    };
    for row in rows {
        let record = &row.record;
        keep(
            &mut resources,
            record.resource.as_str(),
            record.resource_title.as_ref(),
        );
        for (number, service) in record.services.iter().enumerate() {
            // The title is that of the first service.
            let title = record.service_title.as_ref().filter(|_| number == 0);
            keep(&mut services, service.as_str(), title);
        }
        let ordinary = !record.is_block && record.support == Support::Full;
        if let ([service], Some(end), true) = (&*record.services, record.end, ordinary) {
            let length = end.duration_since(record.start);
            *lengths
                .entry(service.as_str().to_owned())
                .or_default()
                .entry(length)
                .or_insert(0) += 1;
        }
    }
    let known = |(key, title): (String, String)| Entry {
        duration: lengths.get(&key).and_then(most_frequent),
        key,
        title,
        price_minor: None,
        active: true,
    };
    let source = Source::Records(u64::try_from(rows.len()).unwrap_or(u64::MAX));
    let resources = resources.into_iter().map(known).collect();
    let services = services.into_iter().map(known).collect();
    (source, resources, services)
}

/// The length that occurs most often; none if two do.
fn most_frequent(lengths: &BTreeMap<SignedDuration, u64>) -> Option<SignedDuration> {
    let most = lengths.values().max()?;
    let mut found = lengths.iter().filter(|(_, number)| *number == most);
    match (found.next(), found.next()) {
        (Some((length, _)), None) => Some(*length),
        _ => None,
    }
}

/// What one bridge's platforms have in common.
fn survey(bridge: &BridgeConfig, listed: &BTreeMap<PlatformName, Listed>) -> Survey {
    let platforms: Vec<Listed> = bridge
        .members
        .iter()
        .filter_map(|member| listed.get(&member.platform).cloned())
        .collect();
    let resources = known(bridge, |mapping| {
        let keys = mapping.resources();
        keys.map(|(name, key)| (name.to_string(), key.to_string()))
            .collect()
    });
    let services = known(bridge, |mapping| {
        let keys = mapping.services();
        keys.map(|(name, key, _)| (name.to_string(), key.to_string()))
            .collect()
    });
    let mapped = |what, known: Vec<Known>| {
        let offers: Vec<Offer> = platforms
            .iter()
            .map(|listed| Offer {
                platform: listed.name.clone(),
                entries: listed.entries(what).to_vec(),
            })
            .collect();
        let proposal = propose(what, &offers, &known);
        Mapped {
            what,
            known,
            proposal,
        }
    };
    Survey {
        bridge: bridge.name.clone(),
        resources: mapped(What::Resource, resources),
        services: mapped(What::Service, services),
        platforms: platforms.clone(),
    }
}

/// The rows that the config has, in order of their names.
fn known(bridge: &BridgeConfig, keys: impl Fn(&Mapping) -> Vec<(String, String)>) -> Vec<Known> {
    let mut rows: BTreeMap<String, BTreeMap<PlatformName, String>> = BTreeMap::new();
    for member in &bridge.members {
        for (name, key) in keys(&member.mapping) {
            rows.entry(name)
                .or_default()
                .insert(member.platform.clone(), key);
        }
    }
    rows.into_iter()
        .map(|(name, keys)| Known { name, keys })
        .collect()
}
