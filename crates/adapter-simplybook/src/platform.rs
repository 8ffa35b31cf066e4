//! The adapter's [`Platform`]: one of two modes behind one face.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::SignedDuration;
use serde_json::Value;
use slotbridge_core::model::{Field, PlatformName, RemoteId, ResourceKey, ServiceKey};
use slotbridge_core::projection::{Projection, TextHeld};
use slotbridge_core::record::{Grid, Listing, Reading};
use slotbridge_platform::platform::{Catalogue, Draft, Edit, Finding, Priority, Query, Written};
use slotbridge_platform::webhook::{Hint, WebhookError};
use slotbridge_platform::{
    Account, Capabilities, Contacts, ErrorKind, InvalidConfig, Platform, PlatformError, Retry,
};

use crate::admin::Admin;
use crate::company::{Companies, Company};
use crate::config::{Mode, SimplybookConfig};
use crate::convert::Terms;
use crate::public::Public;
use crate::request::Ask;
use crate::session::Session;
use crate::{
    CAPABILITIES_ADMIN, CAPABILITIES_PUBLIC, KIND, PROJECTION_ADMIN, PROJECTION_PUBLIC, catalogue,
    check, webhook, wire,
};

/// One SimplyBook.me company.
pub struct SimplybookPlatform {
    name: PlatformName,
    hands: Hands,
    face: Face,
    projection: Projection,
}

enum Face {
    Admin(Admin),
    Public(Public),
}

/// What both modes work with.
#[derive(Debug)]
pub(crate) struct Hands {
    pub(crate) session: Session,
    pub(crate) companies: Companies,
    pub(crate) terms: Terms,
    pub(crate) timeframe: Option<u16>,
    pub(crate) sees_all: bool,
}

impl Hands {
    pub(crate) async fn call(&self, ask: &Ask, priority: Priority) -> Result<Value, PlatformError> {
        self.session.call(ask, priority).await
    }

    pub(crate) async fn company(&self, priority: Priority) -> Result<Company, PlatformError> {
        self.companies.get(&self.session, priority).await
    }

    /// The fields of a client that are written: a sink's contacts never are.
    pub(crate) fn client_fields(&self) -> &'static [Field] {
        match self.terms.contacts {
            Contacts::Real => &[Field::ClientName, Field::ClientPhone, Field::ClientEmail],
            Contacts::Sink { .. } => &[Field::ClientName],
        }
    }

    /// Cancels a booking that the platform made and then would not confirm, and says what came of it.
    pub(crate) async fn undo(&self, cancel: Ask, why: &str) -> PlatformError {
        let error = PlatformError::new(
            ErrorKind::Forbidden,
            Retry::Never,
            "records.confirm",
            format!(
                "new bookings wait to be confirmed, and that is refused ({why}); turn that off for this user or key"
            ),
        );
        match self.call(&cancel, Priority::Write).await {
            Ok(done) if wire::flag(&done) == Some(true) => error,
            Ok(_) | Err(_) => error.may_have_landed(),
        }
    }
}

impl SimplybookPlatform {
    /// Connects an account of this kind; no call is made yet.
    ///
    /// # Errors
    /// [`InvalidConfig`] when a setting cannot work.
    pub fn new(account: Account, config: SimplybookConfig) -> Result<Self, InvalidConfig> {
        config.validate()?;
        let probe = crate::request::company_info(crate::request::Service::Public);
        if let Err(error) = probe.to_http(account.api.base_url(), 1, http::HeaderMap::new()) {
            return Err(InvalidConfig::new("base_url", error));
        }
        if let Contacts::Sink { email, .. } = &account.contacts
            && !email.expose().contains('@')
        {
            return Err(InvalidConfig::new(
                "sink_email",
                "want an address that reaches nobody's client, such as sync@example.com",
            ));
        }
        // Where the sink's contacts stand in, the client's cannot be held.
        let contact = match account.contacts {
            Contacts::Real => TextHeld::Whole,
            Contacts::Sink { .. } => TextHeld::Not,
        };
        let (face, base) = match &config.mode {
            Mode::Admin { .. } => (Face::Admin(Admin::default()), PROJECTION_ADMIN),
            Mode::Public { secret_key, .. } => (
                Face::Public(Public::new(secret_key.clone())),
                PROJECTION_PUBLIC,
            ),
        };
        let step = config.timeframe.map_or(base.slot_step, |minutes| {
            SignedDuration::from_mins(i64::from(minutes))
        });
        Ok(Self {
            projection: Projection {
                phone: contact,
                email: contact,
                slot_step: step,
                ..base
            },
            hands: Hands {
                session: Session::new(account.api, &config.company, config.mode),
                companies: Companies::new(account.time_zone),
                terms: Terms {
                    country: account.default_country,
                    contacts: account.contacts,
                    busy_name: account.busy_name,
                    marker_field: config.marker_field,
                    intake: config.intake,
                    comments: matches!(face, Face::Admin(_)),
                },
                timeframe: config.timeframe,
                sees_all: config.sees_all,
            },
            name: account.name,
            face,
        })
    }

    fn unsupported(operation: &'static str, why: &str) -> PlatformError {
        PlatformError::new(ErrorKind::Unsupported, Retry::Never, operation, why)
    }
}

impl fmt::Debug for SimplybookPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimplybookPlatform")
            .field("name", &self.name)
            .field("company", &self.hands.session.company())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Platform for SimplybookPlatform {
    fn name(&self) -> &PlatformName {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn capabilities(&self) -> &Capabilities {
        match self.face {
            Face::Admin(_) => &CAPABILITIES_ADMIN,
            Face::Public(_) => &CAPABILITIES_PUBLIC,
        }
    }

    fn projection(&self) -> &Projection {
        &self.projection
    }

    async fn check(&self) -> Result<Vec<Finding>, PlatformError> {
        let roles = match &self.face {
            Face::Admin(admin) => Some(&admin.roles),
            Face::Public(_) => None,
        };
        check::run(&self.hands, roles, self.name.as_str()).await
    }

    async fn catalogue(&self) -> Result<Catalogue, PlatformError> {
        catalogue::read(&self.hands).await
    }

    async fn list(&self, query: &Query, priority: Priority) -> Result<Listing, PlatformError> {
        match (&self.face, query) {
            (Face::Admin(admin), Query::Window(window) | Query::Watch(window)) => {
                if priority == Priority::Sweep {
                    // A zone that was changed in the settings moves every booking.
                    self.hands.companies.forget().await;
                }
                admin.list(&self.hands, *window, priority).await
            }
            (Face::Admin(_), Query::Since(_)) => Err(Self::unsupported(
                "records.list",
                "SimplyBook.me does not tell what changed",
            )),
            (Face::Public(_), _) => Err(Self::unsupported(
                "records.list",
                "bookings are not listed to an API key; use mode = \"admin\"",
            )),
        }
    }

    async fn read(&self, id: &RemoteId, priority: Priority) -> Result<Reading, PlatformError> {
        match &self.face {
            Face::Admin(admin) => admin.read(&self.hands, id, priority).await,
            Face::Public(public) => public.read(&self.hands, id, priority).await,
        }
    }

    async fn occupancy(
        &self,
        resource: &ResourceKey,
        service: &ServiceKey,
        service_length: SignedDuration,
        priority: Priority,
    ) -> Result<Grid, PlatformError> {
        match &self.face {
            Face::Admin(_) => Err(Self::unsupported(
                "occupancy",
                "bookings are listed, so free and busy times are not read",
            )),
            Face::Public(public) => {
                public
                    .grid(&self.hands, resource, service, service_length, priority)
                    .await
            }
        }
    }

    async fn create(&self, draft: &Draft) -> Result<Written, PlatformError> {
        match &self.face {
            Face::Admin(admin) => admin.create(&self.hands, draft).await,
            Face::Public(public) => public.create(&self.hands, draft).await,
        }
    }

    async fn update(&self, id: &RemoteId, edit: &Edit) -> Result<Written, PlatformError> {
        match &self.face {
            Face::Admin(admin) => admin.update(&self.hands, id, edit).await,
            Face::Public(public) => public.update(&self.hands, id, edit).await,
        }
    }

    async fn remove(&self, id: &RemoteId) -> Result<(), PlatformError> {
        match &self.face {
            Face::Admin(admin) => admin.remove(&self.hands, id).await,
            Face::Public(public) => public.remove(&self.hands, id).await,
        }
    }

    fn webhook(&self, body: &[u8]) -> Result<Vec<Hint>, WebhookError> {
        let callback = webhook::read(self.hands.session.company(), body)?;
        Ok(callback
            .map(|callback| {
                let id = match &self.face {
                    Face::Admin(_) => crate::convert::remote_id(callback.id),
                    Face::Public(public) => public.remote(callback.id, callback.hash.as_deref()),
                };
                Hint {
                    id,
                    kind: callback.kind,
                    record: None,
                }
            })
            .into_iter()
            .collect())
    }
}

/// Locks, and goes on after a panic elsewhere: what is kept behind these locks can be read again.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
