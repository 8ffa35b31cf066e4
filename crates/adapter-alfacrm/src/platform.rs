//! The platform itself: what the engine asks for, put together from the parts of this crate.

use std::fmt;

use async_trait::async_trait;
use jiff::SignedDuration;
use serde_json::Value;
use slotbridge_core::model::{Field, Kind, PlatformName, RemoteId, ResourceKey, ServiceKey};
use slotbridge_core::projection::Projection;
use slotbridge_core::record::{Grid, Listing, Reading, RecordState, Support};
use slotbridge_platform::platform::{
    Catalogue, CatalogueEntry, Draft, Edit, Finding, Priority, Query, Written,
};
use slotbridge_platform::webhook::{Hint, WebhookError};
use slotbridge_platform::{
    Account, Capabilities, Contacts, ErrorKind, InvalidConfig, Platform, PlatformError, Retry,
};

use crate::cards::Terms;
use crate::census::{Census, Fetched};
use crate::check::Check;
use crate::config::AlfacrmConfig;
use crate::convert::{self, Lesson, Reader};
use crate::customers::Customers;
use crate::form::Writer;
use crate::request;
use crate::rules::RuleDay;
use crate::session::Session;
use crate::watched::Watched;
use crate::{CAPABILITIES, KIND, PROJECTION, PROJECTION_SINK, catalogue, error, webhook, wire};

const CREATE: &str = "lessons.create";
const UPDATE: &str = "lessons.update";
const CANCEL: &str = "lessons.cancel";

/// One branch of an AlfaCRM account.
pub struct AlfacrmPlatform {
    name: PlatformName,
    config: AlfacrmConfig,
    session: Session,
    customers: Customers,
    reader: Reader,
    writer: Writer,
    watched: Watched,
}

impl AlfacrmPlatform {
    /// Connects an account of this kind; no call is made yet.
    ///
    /// # Errors
    /// [`InvalidConfig`] when a setting cannot work.
    pub fn new(account: Account, config: AlfacrmConfig) -> Result<Self, InvalidConfig> {
        let zone = config.validate(&account)?;
        let branch = config.branch_id;
        let probe = request::list_branches(request::Part::ONE);
        if let Err(error) = probe.to_http(account.api.base_url(), None, None) {
            return Err(InvalidConfig::new("base_url", error));
        }
        Ok(Self {
            session: Session::new(
                account.api,
                &config.email,
                config.api_key.clone(),
                config.app_key.clone(),
            ),
            customers: Customers::new(Terms {
                branch,
                page_size: config.page_size,
                country: account.default_country,
                contacts: account.contacts,
                busy_name: account.busy_name,
            }),
            reader: Reader {
                branch,
                zone: zone.clone(),
            },
            writer: Writer {
                zone,
                room: config.room_id,
                busy_subject: config.busy_subject_id,
            },
            name: account.name,
            config,
            watched: Watched::default(),
        })
    }

    /// The branch's rooms, for choosing a `room_id`; a room is no resource, because a lesson has its teacher for one.
    ///
    /// # Errors
    /// [`PlatformError`] when they cannot be read.
    pub async fn rooms(&self) -> Result<Vec<CatalogueEntry>, PlatformError> {
        self.catalogue_reader().rooms().await
    }

    fn catalogue_reader(&self) -> catalogue::Reader<'_> {
        catalogue::Reader {
            session: &self.session,
            branch: self.config.branch_id,
            page_size: self.config.page_size,
        }
    }

    fn census(&self, priority: Priority) -> Census<'_> {
        Census {
            session: &self.session,
            customers: &self.customers,
            reader: &self.reader,
            page_size: self.config.page_size,
            rules: self.config.regular_lessons,
            priority,
        }
    }

    /// The lesson that a write is about, or why it is not written.
    async fn to_write(
        &self,
        operation: &'static str,
        id: &RemoteId,
    ) -> Result<Option<Lesson>, PlatformError> {
        let refuse = |why: &str| {
            Err(PlatformError::new(
                ErrorKind::Refused,
                Retry::Never,
                operation,
                why,
            ))
        };
        if RuleDay::parse(id).is_some() {
            return refuse("a recurring rule is left to the owner");
        }
        let (number, teacher) = match convert::parse_id(id) {
            Some((number, None)) => (number, None),
            Some((number, teacher)) => (number, teacher),
            None => return Ok(None),
        };
        let lesson = match self.census(Priority::Write).fetch(number).await? {
            Fetched::Found(lesson) => *lesson,
            Fetched::Missing => return Ok(None),
            Fetched::Unreadable(row) => {
                return refuse(&format!("the lesson cannot be read: {}", row.why));
            }
        };
        match lesson.record.support {
            // What is over with is told so before anything else.
            _ if lesson.record.state != RecordState::Live => Ok(Some(lesson)),
            Support::Occupancy { why } => {
                refuse(&format!("the lesson is {why}, which is left to the owner"))
            }
            Support::Full if teacher.is_some() => refuse("the lesson has another teacher by now"),
            Support::Full => Ok(Some(lesson)),
        }
    }

    /// Refuses a time that another lesson of the teacher takes.
    async fn refuse_if_taken(
        &self,
        operation: &'static str,
        draft: &Draft,
        except: Option<u64>,
    ) -> Result<(), PlatformError> {
        if draft.force {
            return Ok(());
        }
        let times = self.writer.times(operation, draft.slot)?;
        let Some(teacher) = draft.resource.as_str().parse().ok() else {
            return Ok(());
        };
        let hit = self
            .census(Priority::Write)
            .in_the_way(teacher, draft.slot, times, except)
            .await?;
        match hit {
            None => Ok(()),
            Some(id) => Err(PlatformError::new(
                ErrorKind::SlotTaken,
                Retry::Never,
                operation,
                "the teacher has another lesson then",
            )
            .with("lesson", id)),
        }
    }
}

impl fmt::Debug for AlfacrmPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlfacrmPlatform")
            .field("name", &self.name)
            .field("branch_id", &self.config.branch_id)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Platform for AlfacrmPlatform {
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
        match self.customers.terms.contacts {
            Contacts::Real => &PROJECTION,
            Contacts::Sink { .. } => &PROJECTION_SINK,
        }
    }

    async fn check(&self) -> Result<Vec<Finding>, PlatformError> {
        Check {
            name: self.name.as_str(),
            session: &self.session,
            config: &self.config,
            zone: &self.reader.zone,
            contacts: &self.customers.terms.contacts,
        }
        .run()
        .await
    }

    async fn catalogue(&self) -> Result<Catalogue, PlatformError> {
        let reader = self.catalogue_reader();
        Ok(Catalogue {
            resources: reader.teachers().await?,
            services: reader.services().await?,
            time_zone: None,
        })
    }

    async fn list(&self, query: &Query, priority: Priority) -> Result<Listing, PlatformError> {
        match query {
            Query::Window(window) => self.census(priority).list(*window).await,
            Query::Watch(window) => self.census(priority).watch(*window, &self.watched).await,
            Query::Since(_) => Err(unsupported(
                "lessons.list",
                "AlfaCRM tells changes by the day at best, so windows are read",
            )),
        }
    }

    async fn read(&self, id: &RemoteId, priority: Priority) -> Result<Reading, PlatformError> {
        self.census(priority).read(id).await
    }

    async fn occupancy(
        &self,
        _resource: &ResourceKey,
        _service: &ServiceKey,
        _service_length: SignedDuration,
        _priority: Priority,
    ) -> Result<Grid, PlatformError> {
        Err(unsupported(
            "occupancy",
            "AlfaCRM lists its lessons, so free and busy times are not read",
        ))
    }

    async fn create(&self, draft: &Draft) -> Result<Written, PlatformError> {
        let form = self.writer.form(draft)?;
        self.refuse_if_taken(CREATE, draft, None).await?;
        let client = match draft.kind {
            Kind::Appointment => draft.client.clone(),
            Kind::Block => self.customers.terms.placeholder(),
        };
        let customer = self.customers.find_or_make(&self.session, &client).await?;
        let body = self.writer.create(&form, customer);
        let ask = request::create_lesson(self.config.branch_id, body);
        let reply = self.session.call(&ask, Priority::Write).await?;
        let model = wire::outcome(&reply.body).and_then(|outcome| outcome.model);
        let id = model.and_then(|model| wire::id(model.get("id")));
        let id =
            id.ok_or_else(|| error::senseless(&ask, "a success without the id of the lesson"))?;
        // The caller reads what was kept: the reply echoes what was sent, whatever became of it.
        Ok(Written {
            id: RemoteId::new(id.to_string()),
            record: None,
        })
    }

    async fn update(&self, id: &RemoteId, edit: &Edit) -> Result<Written, PlatformError> {
        let refuse = |kind, retry, why: &str| Err(PlatformError::new(kind, retry, UPDATE, why));
        let Some(lesson) = self.to_write(UPDATE, id).await? else {
            return refuse(
                ErrorKind::NotFound,
                Retry::Never,
                "there is no such lesson any more",
            );
        };
        // What is to be overwritten must be seen as it is now, and not as it is remembered.
        if let Some(customer) = lesson.customer.filter(|_| concerns_client(edit)) {
            self.customers.forget(customer);
        }
        let lesson = self.census(Priority::Write).with_client(lesson).await?;
        if edit.is_overtaken(&lesson.record) {
            return refuse(
                ErrorKind::Stale,
                Retry::Later,
                "the lesson was changed since the change was planned",
            );
        }
        if lesson.record.state != RecordState::Live {
            return refuse(
                ErrorKind::Refused,
                Retry::Never,
                "the lesson is cancelled, and taking that back is left to the owner",
            );
        }
        let unchanged = |lesson: Lesson| {
            Ok(Written {
                id: id.clone(),
                record: Some(Box::new(lesson.record)),
            })
        };
        // No status is ever written here, so a change of it alone is what the lesson shows.
        if edit.fields.iter().all(|field| *field == Field::Status) {
            return unchanged(lesson);
        }
        if lesson.status == 3 {
            return refuse(
                ErrorKind::Refused,
                Retry::Never,
                "the lesson was held and charged, and is left to the owner",
            );
        }
        let mut body = self.writer.update(&lesson, edit)?;
        if body.contains_key("lesson_date") || body.contains_key("teacher_ids") {
            self.refuse_if_taken(UPDATE, &edit.desired, Some(lesson.id))
                .await?;
        }
        if let Some(current) = lesson.customer.filter(|_| concerns_client(edit)) {
            let customer = self.customers.follow(&self.session, current, edit).await?;
            if customer != current {
                body.insert(
                    "customer_ids".to_owned(),
                    Value::Array(vec![customer.into()]),
                );
            } else if body.is_empty() {
                // The card may have been changed.
                let written = self.census(Priority::Write).with_client(lesson).await?;
                return unchanged(written);
            }
        }
        if body.is_empty() {
            return unchanged(lesson);
        }
        let ask = request::update_lesson(self.config.branch_id, lesson.id, Value::Object(body));
        self.session.call(&ask, Priority::Write).await?;
        Ok(Written {
            id: id.clone(),
            record: None,
        })
    }

    async fn remove(&self, id: &RemoteId) -> Result<(), PlatformError> {
        let Some(lesson) = self.to_write(CANCEL, id).await? else {
            return Ok(());
        };
        match lesson.status {
            1 => {}
            2 => return Ok(()),
            _ => {
                return Err(PlatformError::new(
                    ErrorKind::Refused,
                    Retry::Never,
                    CANCEL,
                    "the lesson was held and charged, and is left to the owner",
                ));
            }
        }
        let ask = request::cancel_lesson(self.config.branch_id, lesson.id);
        match self.session.call(&ask, Priority::Write).await {
            Ok(reply) => {
                let model = wire::outcome(&reply.body).and_then(|outcome| outcome.model);
                let status = model.and_then(|model| wire::number(model.get("status")));
                // Also where a reply shows no status: the reading that follows does.
                if status.is_none_or(|status| status == 2) {
                    Ok(())
                } else {
                    Err(error::senseless(&ask, "the lesson was not cancelled"))
                }
            }
            Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Refused) => {
                // Most likely somebody was faster.
                match self.census(Priority::Write).fetch(lesson.id).await? {
                    Fetched::Missing => Ok(()),
                    Fetched::Found(lesson) if lesson.status == 2 => Ok(()),
                    Fetched::Found(_) | Fetched::Unreadable(_) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    fn webhook(&self, body: &[u8]) -> Result<Vec<Hint>, WebhookError> {
        webhook::hints(self.config.branch_id, body)
    }
}

fn concerns_client(edit: &Edit) -> bool {
    [Field::ClientName, Field::ClientPhone, Field::ClientEmail]
        .iter()
        .any(|field| edit.fields.contains(field))
}

fn unsupported(operation: &'static str, why: &str) -> PlatformError {
    PlatformError::new(ErrorKind::Unsupported, Retry::Never, operation, why)
}
