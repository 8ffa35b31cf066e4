//! `[[bridge.resource]]` and `[[bridge.service]]`: which ids of the platforms mean the same.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use slotbridge_core::mapping::Mapping;
use slotbridge_core::model::{PlatformName, ResourceKey, ResourceName, ServiceKey, ServiceName};

use super::bridge::not_in_bridge;
use super::keys;
use super::platform::Platforms;
use super::problem::Place;
use super::table::{Field, Table};
use super::value;

/// What an id belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mapped {
    Resource,
    Service,
}

impl Mapped {
    /// The word used in messages.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Service => "service",
        }
    }
}

/// One id of a platform, with where it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MappedId {
    pub(crate) what: Mapped,
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) place: Place,
}

/// One platform's column of the mapping tables.
#[derive(Debug, Default)]
pub(crate) struct Column {
    pub(crate) mapping: Mapping,
    pub(crate) ids: Vec<MappedId>,
}

/// The mapping tables of one bridge.
#[derive(Debug)]
pub(crate) struct Rows<'p> {
    members: Vec<PlatformName>,
    platforms: &'p Platforms,
    columns: BTreeMap<PlatformName, Column>,
}

impl<'p> Rows<'p> {
    /// Starts without a row.
    pub(crate) fn new(members: &[PlatformName], platforms: &'p Platforms) -> Self {
        Self {
            members: members.to_vec(),
            platforms,
            columns: BTreeMap::new(),
        }
    }

    /// One platform's column.
    pub(crate) fn take(&mut self, platform: &PlatformName) -> Column {
        self.columns.remove(platform).unwrap_or_default()
    }

    /// Reads every `[[bridge.resource]]`.
    pub(crate) fn read_resources(&mut self, bridge: &Table<'_>) {
        let mut names = BTreeSet::new();
        for item in rows(bridge, "resource") {
            let Some(table) = item.table(&[keys::RESOURCE]) else {
                continue;
            };
            let name = table.parse("name", |text| {
                ResourceName::new(text).map_err(|error| error.to_string())
            });
            let cells = self.cells(&table, Mapped::Resource);
            self.finish(table);
            let Some(name) = name else { continue };
            if !names.insert(name.clone()) {
                item.problem("a resource of this name is there already");
                continue;
            }
            for (platform, field, id) in cells {
                let column = self.columns.entry(platform.clone()).or_default();
                let added =
                    column
                        .mapping
                        .add_resource(&platform, &name, ResourceKey::new(id.clone()));
                match added {
                    Ok(()) => column.ids.push(mapped(Mapped::Resource, id, &field)),
                    Err(twice) => field.problem(twice.to_string()),
                }
            }
        }
    }

    /// Reads every `[[bridge.service]]`.
    pub(crate) fn read_services(&mut self, bridge: &Table<'_>) {
        let mut names = BTreeSet::new();
        for item in rows(bridge, "service") {
            let Some(table) = item.table(&[keys::SERVICE]) else {
                continue;
            };
            let name = table.parse("name", |text| {
                ServiceName::new(text).map_err(|error| error.to_string())
            });
            let cells = self.cells(&table, Mapped::Service);
            let duration = self.duration(&table, &cells);
            self.finish(table);
            let Some(name) = name else { continue };
            if !names.insert(name.clone()) {
                item.problem("a service of this name is there already");
                continue;
            }
            for (platform, field, id) in cells {
                let column = self.columns.entry(platform.clone()).or_default();
                let key = ServiceKey::new(id.clone());
                match column.mapping.add_service(&platform, &name, key, duration) {
                    Ok(()) => column.ids.push(mapped(Mapped::Service, id, &field)),
                    Err(twice) => field.problem(twice.to_string()),
                }
            }
        }
    }

    fn duration(
        &self,
        table: &Table<'_>,
        cells: &[(PlatformName, Field<'_>, String)],
    ) -> Option<SignedDuration> {
        let Some(field) = table.get("duration") else {
            let needs = cells
                .iter()
                .filter_map(|(platform, _, _)| self.platforms.get(platform.as_str()))
                .find(|platform| platform.kind.needs_durations);
            if let Some(platform) = needs {
                table.key_problem(
                    "duration",
                    format!(
                        "is missing; expected {}: platform {} is on {}, which does not always say how long \
                         a booking lasts",
                        keys::DURATION,
                        platform.name,
                        platform.kind.title
                    ),
                );
            }
            return None;
        };
        let duration = field.parse(|text| match value::positive_duration(text)? {
            long if long > DAY => Err(format!("{text:?} is longer than a day")),
            duration => Ok(duration),
        })?;
        SignedDuration::try_from(duration).ok()
    }

    /// The ids of one row, per platform of the bridge.
    fn cells<'t>(&self, table: &Table<'t>, what: Mapped) -> Vec<(PlatformName, Field<'t>, String)> {
        let mut cells = Vec::new();
        for (name, field) in table.named() {
            let Some(member) = self.members.iter().find(|member| member.as_str() == name) else {
                continue;
            };
            let id = match self.platforms.get(name) {
                Some(platform) => field.id(match what {
                    Mapped::Resource => platform.kind.check_resource,
                    Mapped::Service => platform.kind.check_service,
                }),
                None => field.id(|_| Ok(())),
            };
            cells.extend(id.map(|id| (member.clone(), field, id)));
        }
        cells
    }

    fn finish(&self, table: Table<'_>) {
        let members: Vec<&str> = self.members.iter().map(PlatformName::as_str).collect();
        let known: Vec<&str> = members.clone();
        table.allow(&known).finish(|name| {
            let elsewhere = self.platforms.names.iter().any(|known| known == name);
            if elsewhere {
                return Some(format!(
                    "platform {name:?} is not in the list `platforms` of this bridge"
                ));
            }
            Some(not_in_bridge(name, &members))
        });
    }
}

const DAY: std::time::Duration = std::time::Duration::from_hours(24);

fn mapped(what: Mapped, id: String, field: &Field<'_>) -> MappedId {
    MappedId {
        what,
        id,
        key: field.path().to_owned(),
        place: field.place(),
    }
}

/// The tables of a list, each under the name that it gives itself.
fn rows<'t>(bridge: &Table<'t>, key: &'static str) -> Vec<Field<'t>> {
    let Some(field) = bridge.get(key) else {
        return Vec::new();
    };
    let items = field.list("a list of tables").unwrap_or_default();
    let named = items.into_iter().enumerate().map(|(number, item)| {
        let name = item
            .own_name()
            .map_or_else(|| format!("#{}", number + 1), str::to_owned);
        let path = format!("{}.{name}", bridge.path_of(key));
        item.renamed(path)
    });
    named.collect()
}
