#![doc = include_str!("../README.md")]

mod check;
mod config;
mod convert;
mod error;
#[cfg(any(test, feature = "hostile"))]
#[doc(hidden)]
pub mod hostile;
mod request;
#[cfg(test)]
mod tests;
mod webhook;
mod wire;

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use slotbridge_core::model::{Field, PlatformName, RemoteId, ResourceKey, ServiceKey, Status};
use slotbridge_core::projection::{Projection, ServicesHeld, TextHeld};
use slotbridge_core::record::{Grid, Listing, Reading, Unreadable};
use slotbridge_platform::capabilities::{
    BusyWrites, Capabilities, ChangeFeed, CreateSettled, Discovery, OccupancyView, Quota, Removal,
    Silence, Updates, Webhooks,
};
use slotbridge_platform::client::{Call, Repeat};
use slotbridge_platform::platform::{Catalogue, Draft, Edit, Finding, Priority, Query, Written};
use slotbridge_platform::webhook::{Hint, WebhookError};
use slotbridge_platform::{
    Account, Contacts, ErrorKind, InvalidConfig, Platform, PlatformError, Retry,
};

pub use crate::config::{MarkerField, RubitimeConfig};
use crate::convert::{MarkerHome, Terms, remote_id};
use crate::request::{Action, CANCEL, CREATE, Fields, READ, SCHEDULE, UPDATE};
use crate::wire::Row;

/// The kind's name in the config.
pub const KIND: &str = "rubitime";

/// Where the API is, unless the config says otherwise.
pub const BASE_URL: &str = "https://rubitime.ru";

/// One call in 5.5 seconds: the documented five with half a second to spare, since the platform's window is measured in
/// its own way and a call that comes too early puts the next one off (rubitime contract, 7).
pub static QUOTAS: [Quota; 1] = [Quota {
    calls: 1,
    per: error::GAP,
}];

/// What Rubitime can do.
pub static CAPABILITIES: Capabilities = Capabilities {
    discovery: Discovery::ReadKnown,
    change_feed: ChangeFeed::None,
    occupancy: OccupancyView::Grid,
    webhooks: Webhooks::Whole,
    removal: Removal::MarkedOrVanishes,
    updates: Updates::InPlace,
    create_settled: CreateSettled::ByOccupancy,
    busy_writes: BusyWrites::Accepted,
    silence: Silence::Full,
    quotas: &QUOTAS,
    parallel: 1,
};

/// What a record holds: one service, starts and lengths in minutes, and no word for "confirmed" or "did not come".
pub const PROJECTION: Projection = Projection {
    services: ServicesHeld::One,
    slot_step: SignedDuration::from_secs(60),
    name: TextHeld::Whole,
    phone: TextHeld::Whole,
    email: TextHeld::Whole,
    comment: TextHeld::Whole,
    statuses: [
        Status::Booked,
        Status::Booked,
        Status::Arrived,
        Status::Booked,
        Status::Cancelled,
    ],
};

/// One branch of a Rubitime account.
#[derive(Debug)]
pub struct RubitimePlatform {
    account: Account,
    api_key: SecretString,
    probe: Option<(ResourceKey, ServiceKey)>,
    terms: Terms,
    projection: Projection,
}

impl RubitimePlatform {
    /// Checks the settings and puts the platform together; makes no call.
    ///
    /// # Errors
    /// [`InvalidConfig`] naming the setting.
    pub fn new(account: Account, config: RubitimeConfig) -> Result<Self, InvalidConfig> {
        let zone = config.validate(&account)?;
        account.api.add_secret(config.api_key.expose_secret());
        // Where the sink's contacts stand in, the client's cannot be held.
        let contact = match account.contacts {
            Contacts::Real => TextHeld::Whole,
            Contacts::Sink { .. } => TextHeld::Not,
        };
        Ok(Self {
            api_key: config.api_key,
            probe: config.probe,
            terms: Terms {
                branch_id: config.branch_id,
                zone,
                country: account.default_country.clone(),
                marker_field: config.marker_field,
                contacts: account.contacts.clone(),
                busy_name: account.busy_name.clone(),
                busy_service: config.busy_service,
            },
            projection: Projection {
                phone: contact,
                email: contact,
                ..PROJECTION
            },
            account,
        })
    }

    /// Makes one call and gives the `data` of its reply.
    async fn call(
        &self,
        action: Action,
        fields: &Fields,
        priority: Priority,
    ) -> Result<Value, PlatformError> {
        let api = &self.account.api;
        let repeat = if action == READ || action == SCHEDULE {
            Repeat::Safe
        } else {
            Repeat::Once
        };
        // A schedule of weeks is large: it is read once.
        let data = Mutex::new(Value::Null);
        let call = Call {
            operation: action.operation,
            request: request::build(api.base_url(), &self.api_key, action, fields)?,
            repeat,
            priority,
            judge: &|reply| {
                let (judgement, result) = error::read(action, reply);
                *data.lock().unwrap_or_else(PoisonError::into_inner) = result;
                judgement
            },
        };
        api.call(call).await?;
        Ok(data.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The row of a record.
    async fn row(&self, id: u64, priority: Priority) -> Result<Row, PlatformError> {
        let data = self.call(READ, &Fields::of(id), priority).await?;
        let row = Row::from_value(data)
            .ok_or_else(|| error::bad_reply(READ, "the reply shows no record"))?;
        match row.id("id") {
            Some(shown) if shown != id => {
                Err(error::bad_reply(READ, "the reply shows another record"))
            }
            _ => Ok(row),
        }
    }

    /// Where the marker belongs in a record that is about to get another comment.
    ///
    /// A record that is known to have no marker gets none: an owner's own comment is not for us to adorn.
    /// Only where the owner has set a field aside does finding the marker cost a read, because it may stand in either
    /// place. Everywhere else the write rests on what was read when it was planned: an edit that a person makes in the
    /// seconds between is overwritten in exactly the fields that are written.
    async fn marker_home(&self, id: u64, edit: &Edit) -> Result<MarkerHome, PlatformError> {
        if !edit.fields.contains(&Field::Comment) {
            return Ok(MarkerHome::Elsewhere);
        }
        if edit
            .expected
            .as_ref()
            .is_some_and(|expected| expected.marker.is_none())
        {
            return Ok(MarkerHome::Elsewhere);
        }
        if self.terms.marker_field.is_none() {
            return Ok(MarkerHome::Comment);
        }
        let row = self.row(id, Priority::Write).await?;
        let overtaken = self
            .terms
            .record(&row)
            .map_or(true, |shown| edit.is_overtaken(&shown));
        if edit.expected.is_some() && overtaken {
            return Err(PlatformError::new(
                ErrorKind::Stale,
                Retry::Later,
                UPDATE.operation,
                "the record was changed after the update was planned",
            ));
        }
        Ok(self.terms.marked(&row).home)
    }

    fn unsupported(operation: &'static str, why: &str) -> PlatformError {
        PlatformError::new(ErrorKind::Unsupported, Retry::Never, operation, why)
    }
}

#[async_trait]
impl Platform for RubitimePlatform {
    fn name(&self) -> &PlatformName {
        &self.account.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn projection(&self) -> &Projection {
        &self.projection
    }

    async fn check(&self) -> Result<Vec<Finding>, PlatformError> {
        self.findings().await
    }

    async fn catalogue(&self) -> Result<Catalogue, PlatformError> {
        Err(Self::unsupported(
            "catalogue",
            "Rubitime lists no resources and services: take their ids from the cabinet",
        ))
    }

    async fn list(&self, _query: &Query, _priority: Priority) -> Result<Listing, PlatformError> {
        Err(Self::unsupported(
            "records.list",
            "Rubitime lists no records",
        ))
    }

    async fn read(&self, id: &RemoteId, priority: Priority) -> Result<Reading, PlatformError> {
        let number = request::record_id(READ, id)?;
        match self.row(number, priority).await {
            Ok(row) => Ok(match self.terms.record(&row) {
                Ok(record) => Reading::Found(Box::new(record)),
                Err(unreadable) => Reading::Unreadable(Unreadable {
                    id: Some(id.clone()),
                    ..unreadable
                }),
            }),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(Reading::Missing),
            Err(error) => Err(error),
        }
    }

    async fn occupancy(
        &self,
        resource: &ResourceKey,
        service: &ServiceKey,
        service_length: SignedDuration,
        priority: Priority,
    ) -> Result<Grid, PlatformError> {
        let cooperator = request::cooperator(SCHEDULE, resource)?;
        let service = request::service_id(SCHEDULE, service)?;
        let fields = Fields::of_schedule(self.terms.branch_id, cooperator, service);
        let schedule = self.call(SCHEDULE, &fields, priority).await?;
        let cells = self
            .terms
            .cells(&schedule)
            .map_err(|why| error::bad_reply(SCHEDULE, why))?;
        Ok(Grid {
            resource: resource.clone(),
            service_slot: service_length,
            cells,
        })
    }

    async fn create(&self, draft: &Draft) -> Result<Written, PlatformError> {
        let fields = self.terms.create(draft)?;
        let data = self.call(CREATE, &fields, Priority::Write).await?;
        let id = Row::from_value(data).and_then(|row| row.id("id"));
        let id = id.ok_or_else(|| {
            error::bad_reply(CREATE, "the reply names no record").may_have_landed()
        })?;
        Ok(Written {
            id: remote_id(id),
            record: None,
        })
    }

    async fn update(&self, id: &RemoteId, edit: &Edit) -> Result<Written, PlatformError> {
        let number = request::record_id(UPDATE, id)?;
        let home = self.marker_home(number, edit).await?;
        let fields = self.terms.update(number, edit, home)?;
        let written = Written {
            id: id.clone(),
            record: None,
        };
        if !fields.says_more_than_the_id() {
            return Ok(written);
        }
        // The reply's data have no reliable shape (rubitime contract, 2); the caller reads the record.
        self.call(UPDATE, &fields, Priority::Write).await?;
        Ok(Written {
            id: id.clone(),
            record: None,
        })
    }

    async fn remove(&self, id: &RemoteId) -> Result<(), PlatformError> {
        let number = request::record_id(CANCEL, id)?;
        match self
            .call(CANCEL, &request::cancel(number), Priority::Write)
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn webhook(&self, body: &[u8]) -> Result<Vec<Hint>, WebhookError> {
        webhook::read(&self.terms, body)
    }
}
