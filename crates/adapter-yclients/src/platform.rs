//! The adapter's [`Platform`]: each method is one or two requests, and what their replies mean.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde_json::Value;
use slotbridge_core::model::{PlatformName, RemoteId, ResourceKey, ServiceKey};
use slotbridge_core::projection::Projection;
use slotbridge_core::record::{
    Coverage, Grid, Listing, Reading, Record, RecordState, Support, Unreadable,
};
use slotbridge_core::zone;
use slotbridge_platform::client::{Repeat, Reply};
use slotbridge_platform::platform::{Catalogue, Draft, Edit, Finding, Priority, Query, Written};
use slotbridge_platform::webhook::{Hint, WebhookError};
use slotbridge_platform::{
    Account, Capabilities, Contacts, ErrorKind, InvalidConfig, Platform, PlatformError, Retry,
};

use crate::branch::Branch;
use crate::config::YclientsConfig;
use crate::convert::{self, Reader};
use crate::form::{self, Writer};
use crate::listing::{self, Listed, Lister};
use crate::phones::Phones;
use crate::request::{self, Filter};
use crate::session::Session;
use crate::{
    CAPABILITIES, KIND, PROJECTION, PROJECTION_SINK, catalogue, check, error, webhook, wire,
};

/// One YCLIENTS branch.
pub struct YclientsPlatform {
    name: PlatformName,
    session: Session,
    branch: Branch,
    page_size: u32,
    country: String,
    contacts: Contacts,
    busy_name: String,
    phones: Phones,
    zone_doubt_told: AtomicBool,
}

impl YclientsPlatform {
    /// Connects an account of this kind; no call is made yet.
    ///
    /// # Errors
    /// [`InvalidConfig`] when a setting cannot work.
    pub fn new(account: Account, config: YclientsConfig) -> Result<Self, InvalidConfig> {
        config.validate()?;
        let ask = request::get_company(config.company_id);
        if let Err(error) = ask.to_http(account.api.base_url(), http::HeaderValue::from_static(""))
        {
            return Err(InvalidConfig::new("base_url", error));
        }
        Ok(Self {
            name: account.name,
            session: Session::new(account.api, config.partner_token, config.auth),
            branch: Branch::new(config.company_id, account.time_zone),
            page_size: config.page_size,
            country: account.default_country,
            contacts: account.contacts,
            busy_name: account.busy_name,
            phones: Phones::default(),
            zone_doubt_told: AtomicBool::new(false),
        })
    }

    fn reader<'a>(&'a self, zone: &'a TimeZone) -> Reader<'a> {
        Reader {
            zone,
            country: &self.country,
            contacts: &self.contacts,
        }
    }

    fn writer<'a>(&'a self, zone: &'a TimeZone) -> Writer<'a> {
        Writer {
            zone,
            country: &self.country,
            contacts: &self.contacts,
            busy_name: &self.busy_name,
        }
    }

    async fn list_by(
        &self,
        zone: &TimeZone,
        query: &Query,
        priority: Priority,
    ) -> Result<Listed, PlatformError> {
        let lister = Lister {
            session: &self.session,
            company: self.branch.id,
            page_size: self.page_size,
            priority,
            reader: self.reader(zone),
        };
        match query {
            Query::Window(window) | Query::Watch(window) => {
                let (from, to) = zone::window_days(*window, zone);
                lister
                    .list(Filter::Days(from, to), Coverage::Complete(*window), None)
                    .await
            }
            Query::Since(cursor) => {
                let since = listing::parse_cursor(cursor)?;
                let filter = Filter::ChangedAfter(listing::changed_after(since, zone));
                lister
                    .list(filter, Coverage::Incremental, Some(since))
                    .await
            }
        }
    }

    /// Records whose offsets contradict the zone: the wall clock is what staff see, so it is what counts.
    fn tell_zone_doubt(&self, records: usize) {
        if records > 0 && !self.zone_doubt_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                platform = %self.name,
                records,
                "Records carry another offset than the branch's zone has; the wall clock is trusted. Check the branch's zone."
            );
        }
    }

    /// Reads one record with its row, for writing it back.
    async fn fetch(
        &self,
        id: &RemoteId,
        zone: &TimeZone,
        priority: Priority,
    ) -> Result<Fetched, PlatformError> {
        let Some(number) = form::number(id.as_str()) else {
            // No record has an id of another shape.
            return Ok(Fetched::Missing);
        };
        let reply = match self
            .session
            .call(&request::get_record(self.branch.id, number), priority)
            .await
        {
            Ok(reply) => reply,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(Fetched::Missing),
            Err(error) => return Err(error),
        };
        let body = wire::envelope(&reply.body).unwrap_or_default();
        let Some(row) = wire::only(&body.data) else {
            return Err(error::senseless(
                "records.read",
                Repeat::Safe,
                "an answer that holds no record",
            ));
        };
        if wire::id(row.get("id")) != Some(number) {
            return Err(error::senseless(
                "records.read",
                Repeat::Safe,
                "an answer that holds another record",
            ));
        }
        let row = row.clone();
        match self.reader(zone).record(&Value::Object(row.clone())) {
            Ok(read) => {
                if read.record.client.phone.is_some() {
                    self.phones.note_seen();
                }
                Ok(Fetched::Found {
                    record: Box::new(read.record),
                    row,
                    zone_doubt: read.zone_doubt,
                })
            }
            Err(unreadable) => Ok(Fetched::Unreadable(unreadable)),
        }
    }

    /// What a write's reply shows of the record that it made or changed: whole, reduced, or of no use.
    fn written(&self, id: Option<u64>, reply: &Reply, zone: &TimeZone) -> Option<Written> {
        let body = wire::envelope(&reply.body)?;
        let row = wire::only(&body.data);
        let shown = row.and_then(|row| wire::id(row.get("id")));
        let id = RemoteId::new(id.or(shown)?.to_string());
        let whole = row.filter(|row| convert::is_whole(row));
        let read = whole.and_then(|row| self.reader(zone).record(&Value::Object(row.clone())).ok());
        let record = read
            .map(|read| read.record)
            .filter(|record| record.id == id)
            .map(Box::new);
        Some(Written { id, record })
    }
}

/// A record and the row that it was read from.
enum Fetched {
    Found {
        record: Box<Record>,
        row: wire::Object,
        zone_doubt: bool,
    },
    Missing,
    Unreadable(Unreadable),
}

impl fmt::Debug for YclientsPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("YclientsPlatform")
            .field("name", &self.name)
            .field("company_id", &self.branch.id)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Platform for YclientsPlatform {
    fn name(&self) -> &PlatformName {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn projection(&self) -> &Projection {
        match self.contacts {
            Contacts::Real => &PROJECTION,
            Contacts::Sink { .. } => &PROJECTION_SINK,
        }
    }

    async fn check(&self) -> Result<Vec<Finding>, PlatformError> {
        check::run(&self.session, &self.branch, &self.contacts).await
    }

    async fn catalogue(&self) -> Result<Catalogue, PlatformError> {
        let staff = self
            .session
            .call(&request::list_staff(self.branch.id), Priority::Poll)
            .await?;
        let services = self
            .session
            .call(&request::list_services(self.branch.id), Priority::Poll)
            .await?;
        let company = self.branch.company(&self.session, Priority::Poll).await?;
        Ok(Catalogue {
            resources: catalogue::staff(&staff)?,
            services: catalogue::services(&services)?,
            time_zone: company.zone_name,
        })
    }

    async fn list(&self, query: &Query, priority: Priority) -> Result<Listing, PlatformError> {
        let zone = self.branch.zone(&self.session, priority).await?;
        let mut listed = self.list_by(&zone, query, priority).await?;
        if listed.zone_doubts > 0 && self.branch.has_moved(&self.session, priority).await? {
            let zone = self.branch.zone(&self.session, priority).await?;
            listed = self.list_by(&zone, query, priority).await?;
        }
        self.tell_zone_doubt(listed.zone_doubts);
        if listed.phones_seen {
            self.phones.note_seen();
        }
        Ok(listed.listing)
    }

    async fn read(&self, id: &RemoteId, priority: Priority) -> Result<Reading, PlatformError> {
        let zone = self.branch.zone(&self.session, priority).await?;
        let mut fetched = self.fetch(id, &zone, priority).await?;
        if let Fetched::Found {
            zone_doubt: true, ..
        } = fetched
            && self.branch.has_moved(&self.session, priority).await?
        {
            let zone = self.branch.zone(&self.session, priority).await?;
            fetched = self.fetch(id, &zone, priority).await?;
        }
        Ok(match fetched {
            Fetched::Found {
                record, zone_doubt, ..
            } => {
                self.tell_zone_doubt(usize::from(zone_doubt));
                Reading::Found(record)
            }
            Fetched::Missing => Reading::Missing,
            Fetched::Unreadable(unreadable) => Reading::Unreadable(unreadable),
        })
    }

    async fn occupancy(
        &self,
        _resource: &ResourceKey,
        _service: &ServiceKey,
        _service_length: SignedDuration,
        _priority: Priority,
    ) -> Result<Grid, PlatformError> {
        let why = "YCLIENTS lists its records, so free and busy times are not read";
        Err(PlatformError::new(
            ErrorKind::Unsupported,
            Retry::Never,
            "occupancy",
            why,
        ))
    }

    async fn create(&self, draft: &Draft) -> Result<Written, PlatformError> {
        let zone = self.branch.zone(&self.session, Priority::Write).await?;
        let body = self.writer(&zone).create(draft)?;
        let ask = request::create_record(self.branch.id, &body);
        let reply = self.session.call(&ask, Priority::Write).await?;
        let written = self.written(None, &reply, &zone);
        written.ok_or_else(|| {
            error::senseless(
                ask.operation,
                ask.repeat,
                "a success without the id of the new record",
            )
        })
    }

    async fn update(&self, id: &RemoteId, edit: &Edit) -> Result<Written, PlatformError> {
        let refuse =
            |kind, retry, why: &str| Err(PlatformError::new(kind, retry, "records.update", why));
        let zone = self.branch.zone(&self.session, Priority::Write).await?;
        let (record, row) = match self.fetch(id, &zone, Priority::Write).await? {
            Fetched::Found {
                zone_doubt: true, ..
            } if self
                .branch
                .has_moved(&self.session, Priority::Write)
                .await? =>
            {
                return refuse(
                    ErrorKind::Stale,
                    Retry::Later,
                    "the branch has moved to another time zone since the change was planned",
                );
            }
            Fetched::Found { record, row, .. } => (record, row),
            Fetched::Missing => {
                return refuse(
                    ErrorKind::NotFound,
                    Retry::Never,
                    "there is no such record any more",
                );
            }
            Fetched::Unreadable(row) => {
                return refuse(
                    ErrorKind::Refused,
                    Retry::Never,
                    &format!("the record cannot be read: {}", row.why),
                );
            }
        };
        if edit.is_overtaken(&record) {
            return refuse(
                ErrorKind::Stale,
                Retry::Later,
                "the record was changed since the change was planned",
            );
        }
        if record.state != RecordState::Live {
            return refuse(
                ErrorKind::Refused,
                Retry::Never,
                "the record is deleted, and there is no way back for it",
            );
        }
        if let Support::Occupancy { why } = record.support {
            return refuse(
                ErrorKind::Refused,
                Retry::Never,
                &format!("the record is {why}, and such records are left to the owner"),
            );
        }
        self.phones
            .refuse_if_hidden(&row, &self.session, self.branch.id)
            .await?;
        let body = self.writer(&zone).update(&row, edit)?;
        let number = form::number(id.as_str());
        let ask = request::update_record(self.branch.id, number.unwrap_or_default(), &body);
        let reply = self.session.call(&ask, Priority::Write).await?;
        let written = self.written(number, &reply, &zone);
        written.ok_or_else(|| {
            error::senseless(ask.operation, ask.repeat, "a success that makes no sense")
        })
    }

    async fn remove(&self, id: &RemoteId) -> Result<(), PlatformError> {
        let Some(number) = form::number(id.as_str()) else {
            return Ok(());
        };
        let refusal = match self
            .session
            .call(
                &request::delete_record(self.branch.id, number),
                Priority::Write,
            )
            .await
        {
            Ok(_) => return Ok(()),
            Err(error) if error.kind == ErrorKind::NotFound => error,
            Err(error) => return Err(error),
        };
        // Most likely somebody was faster; a record that is still there was not deleted (yclients contract, 4.6).
        let zone = self.branch.zone(&self.session, Priority::Write).await?;
        match self.fetch(id, &zone, Priority::Write).await? {
            Fetched::Missing => Ok(()),
            Fetched::Found { record, .. } if record.state != RecordState::Live => Ok(()),
            Fetched::Found { .. } | Fetched::Unreadable(_) => Err(refusal),
        }
    }

    fn webhook(&self, body: &[u8]) -> Result<Vec<Hint>, WebhookError> {
        webhook::hints(self.branch.id, body)
    }
}
