//! The user's mapping between a platform's ids and the bridge's names, and the way of a record through it.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::model::{
    Booking, Kind, PlatformName, ResourceKey, ResourceName, ServiceKey, ServiceName,
};
use crate::normalise;
use crate::record::{Record, Support};

/// One bridge's mapping of one platform's ids, both ways.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    resources: BTreeMap<ResourceName, ResourceKey>,
    resource_names: BTreeMap<ResourceKey, ResourceName>,
    services: BTreeMap<ServiceName, ServiceKey>,
    service_names: BTreeMap<ServiceKey, ServiceName>,
    durations: BTreeMap<ServiceName, SignedDuration>,
}

/// An id that two names claim.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {key} of platform {platform} is mapped to both {first:?} and {second:?}")]
pub struct DuplicateKey {
    /// `resource` or `service`.
    pub what: &'static str,
    /// Whose id.
    pub platform: PlatformName,
    /// The id.
    pub key: String,
    /// The name that had it first.
    pub first: String,
    /// The name that claims it too.
    pub second: String,
}

impl Mapping {
    /// Adds a resource.
    ///
    /// # Errors
    /// [`DuplicateKey`] when another name has the id already.
    pub fn add_resource(
        &mut self,
        platform: &PlatformName,
        name: &ResourceName,
        key: ResourceKey,
    ) -> Result<(), DuplicateKey> {
        if let Some(first) = self.resource_names.get(&key) {
            return Err(DuplicateKey {
                what: "resource",
                platform: platform.clone(),
                key: key.as_str().to_owned(),
                first: first.as_str().to_owned(),
                second: name.as_str().to_owned(),
            });
        }
        self.resource_names.insert(key.clone(), name.clone());
        self.resources.insert(name.clone(), key);
        Ok(())
    }

    /// Adds a service with the length that stands in where a platform names none.
    ///
    /// # Errors
    /// [`DuplicateKey`] when another name has the id already.
    pub fn add_service(
        &mut self,
        platform: &PlatformName,
        name: &ServiceName,
        key: ServiceKey,
        duration: Option<SignedDuration>,
    ) -> Result<(), DuplicateKey> {
        if let Some(first) = self.service_names.get(&key) {
            return Err(DuplicateKey {
                what: "service",
                platform: platform.clone(),
                key: key.as_str().to_owned(),
                first: first.as_str().to_owned(),
                second: name.as_str().to_owned(),
            });
        }
        self.service_names.insert(key.clone(), name.clone());
        self.services.insert(name.clone(), key);
        if let Some(duration) = duration {
            self.durations.insert(name.clone(), duration);
        }
        Ok(())
    }

    /// The platform's id of a resource.
    pub fn resource_key(&self, name: &ResourceName) -> Option<&ResourceKey> {
        self.resources.get(name)
    }

    /// The bridge's name for a platform's resource.
    pub fn resource_name(&self, key: &ResourceKey) -> Option<&ResourceName> {
        self.resource_names.get(key)
    }

    /// The platform's id of a service.
    pub fn service_key(&self, name: &ServiceName) -> Option<&ServiceKey> {
        self.services.get(name)
    }

    /// The bridge's name for a platform's service.
    pub fn service_name(&self, key: &ServiceKey) -> Option<&ServiceName> {
        self.service_names.get(key)
    }

    /// Every mapped resource with its id.
    pub fn resources(&self) -> impl Iterator<Item = (&ResourceName, &ResourceKey)> {
        self.resources.iter()
    }

    /// Every mapped service with its id and configured length.
    pub fn services(
        &self,
    ) -> impl Iterator<Item = (&ServiceName, &ServiceKey, Option<SignedDuration>)> {
        self.services
            .iter()
            .map(|(name, key)| (name, key, self.durations.get(name).copied()))
    }

    /// The configured lengths of these services together; `None` as soon as one has none.
    pub fn duration(&self, services: &[ServiceName]) -> Option<SignedDuration> {
        if services.is_empty() {
            return None;
        }
        services.iter().try_fold(SignedDuration::ZERO, |sum, name| {
            sum.checked_add(*self.durations.get(name)?)
        })
    }
}

/// Why a record is not a booking of the bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmapped {
    /// Its resource is not mapped.
    Resource {
        /// The platform's id.
        key: ResourceKey,
        /// The platform's title.
        title: Option<String>,
    },
    /// One of its services is not mapped.
    Service {
        /// The platform's id.
        key: ServiceKey,
        /// The platform's title.
        title: Option<String>,
    },
    /// It has no length, and no mapped service gives one.
    NoLength,
}

/// The record in the bridge's words, whatever its state; [`Booking::status`] of a cancelled record is that of the row.
///
/// A record that may only be occupied becomes an anonymous block: its time is protected everywhere, and nothing of the
/// client travels.
///
/// # Errors
/// [`Unmapped`] when the bridge has no words for it.
pub fn to_booking(record: &Record, mapping: &Mapping) -> Result<Booking, Unmapped> {
    let resource = mapping
        .resource_name(&record.resource)
        .ok_or_else(|| Unmapped::Resource {
            key: record.resource.clone(),
            title: record.resource_title.clone(),
        })?;
    let anonymous = record.is_block || matches!(record.support, Support::Occupancy { .. });
    let mut services = Vec::with_capacity(record.services.len());
    for key in &record.services {
        match mapping.service_name(key) {
            Some(name) if services.contains(name) => {}
            Some(name) => services.push(name.clone()),
            None if anonymous => {}
            None => {
                return Err(Unmapped::Service {
                    key: key.clone(),
                    title: record.service_title.clone(),
                });
            }
        }
    }
    let slot = record
        .slot(mapping.duration(&services))
        .ok_or(Unmapped::NoLength)?;
    let booking = Booking {
        resource: resource.clone(),
        services,
        slot,
        client: crate::model::Client {
            name: normalise::name(record.client.name.expose()),
            phone: record.client.phone.clone(),
            email: record.client.email.clone(),
        },
        status: record.status,
        comment: normalise::text(record.comment.expose()),
        kind: Kind::Appointment,
    };
    Ok(if anonymous {
        crate::projection::as_block(&booking)
    } else {
        booking
    })
}
