//! What we mean, as `http` requests: one POST with one flat JSON object per call (rubitime contract, 1).
//!
//! `get-record` and `get-schedule` get their own keys and nothing else: a stricter server than the documented one would
//! refuse more (rubitime contract, 10).

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Method, Request};
use secrecy::{ExposeSecret as _, SecretString};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;
use slotbridge_core::marker::Marker;
use slotbridge_core::model::{Field, Kind, RemoteId, ResourceKey, ServiceKey, Slot, Status};
use slotbridge_core::zone;
use slotbridge_platform::platform::{Draft, Edit};
use slotbridge_platform::{Contacts, ErrorKind, PlatformError, Retry};

use crate::convert::{MarkerHome, Terms, code_of};

/// A method of the API with the name under which errors and logs know the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Action {
    /// The last part of the URL.
    pub(crate) method: &'static str,
    /// What the call is for.
    pub(crate) operation: &'static str,
}

/// Reads one record.
pub(crate) const READ: Action = Action {
    method: "get-record",
    operation: "record.read",
};
/// Reads the schedule of one resource and service.
pub(crate) const SCHEDULE: Action = Action {
    method: "get-schedule",
    operation: "schedule.read",
};
/// Makes a record.
pub(crate) const CREATE: Action = Action {
    method: "create-record",
    operation: "record.create",
};
/// Changes a record.
pub(crate) const UPDATE: Action = Action {
    method: "update-record",
    operation: "record.update",
};
/// Cancels a record: it stays readable with status 4 and frees its slot, where `remove-record` would leave nothing to
/// read again (rubitime contract, 3.2).
pub(crate) const CANCEL: Action = Action {
    method: "update-record",
    operation: "record.cancel",
};

/// The flat object of one call, without the key, in the order in which it was put together.
///
/// Has no `Debug`: it carries client data.
#[derive(Clone, Default)]
pub(crate) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    /// The fields of a call about one record.
    pub(crate) fn of(id: u64) -> Self {
        Self::default().with("id", id)
    }

    /// The fields that name a schedule; without `only_available` it shows free and busy times (rubitime contract, 6).
    pub(crate) fn of_schedule(branch: u64, cooperator: u64, service: u64) -> Self {
        Self::default()
            .with("branch_id", branch)
            .with("cooperator_id", cooperator)
            .with("service_id", service)
    }

    /// Adds a field.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// Whether anything follows the id; a call that says nothing would cost its wait all the same.
    pub(crate) fn says_more_than_the_id(&self) -> bool {
        self.0.len() > 1
    }

    /// Adds a field in place.
    pub(crate) fn put(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.push((name, value.into()));
    }
}

/// The body with the key in front.
struct Body<'a> {
    key: &'a SecretString,
    fields: &'a Fields,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let key = ("rk", Value::from(self.key.expose_secret()));
        serializer.collect_map(std::iter::once(key).chain(self.fields.0.iter().cloned()))
    }
}

/// Builds the request of a call.
///
/// # Errors
/// [`ErrorKind::Unrepresentable`] when the base URL and the method make no URL.
pub(crate) fn build(
    base_url: &str,
    key: &SecretString,
    action: Action,
    fields: &Fields,
) -> Result<Request<Bytes>, PlatformError> {
    let refused = |why: &str| unrepresentable(action, why);
    let body = serde_json::to_vec(&Body { key, fields })
        .map_err(|_unspellable| refused("the request has no JSON form"))?;
    Request::builder()
        .method(Method::POST)
        .uri(format!("{base_url}/api2/{}", action.method))
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header(ACCEPT, HeaderValue::from_static("application/json"))
        .body(Bytes::from(body))
        .map_err(|_invalid_url| refused("the base URL is no URL"))
}

impl Terms {
    /// The fields of a new record.
    ///
    /// `reminder` is sent as the `null` with which records show that there is none: a record that we make reminds
    /// nobody, also where the account would add a reminder of its own accord (rubitime contract, 3 and 4).
    ///
    /// # Errors
    /// [`ErrorKind::Unrepresentable`] when Rubitime has no spelling for the booking.
    pub(crate) fn create(&self, draft: &Draft) -> Result<Fields, PlatformError> {
        let service = draft.services.first().or_else(|| self.busy_service(draft));
        let service = service.ok_or_else(|| {
            unrepresentable(
                CREATE,
                "a record needs a service, and the booking has none here",
            )
        })?;
        let mut fields = Fields::default()
            .with("branch_id", self.branch_id)
            .with("cooperator_id", cooperator(CREATE, &draft.resource)?)
            .with("service_id", service_id(CREATE, service)?)
            .with("status", code_of(draft.status));
        self.put_slot(CREATE, draft.slot, &mut fields)?;
        for field in [Field::ClientName, Field::ClientPhone, Field::ClientEmail] {
            let (name, text) = self.contact(draft, field);
            if !text.is_empty() {
                fields.put(name, text);
            }
        }
        // A new record's field is empty, so that the marker can always go there.
        let home = if self.marker_field.is_some() {
            MarkerHome::EmptyField
        } else {
            MarkerHome::Comment
        };
        self.put_comment(draft, home, &mut fields);
        Ok(fields.with("reminder", Value::Null))
    }

    /// The fields of a change: what [`Edit::fields`] names and nothing else, so that the rest stays the owner's
    /// (rubitime contract, 2: partial update). `home` is where the record's marker belongs.
    ///
    /// # Errors
    /// [`ErrorKind::Unrepresentable`] when Rubitime has no spelling for the booking.
    pub(crate) fn update(
        &self,
        id: u64,
        edit: &Edit,
        home: MarkerHome,
    ) -> Result<Fields, PlatformError> {
        let draft = &edit.desired;
        let mut fields = Fields::of(id);
        for field in &edit.fields {
            match field {
                Field::Resource => {
                    fields.put("cooperator_id", cooperator(UPDATE, &draft.resource)?);
                }
                Field::Services => match draft.services.first() {
                    Some(service) => fields.put("service_id", service_id(UPDATE, service)?),
                    // A block's service says nothing; it keeps the one that it was made with.
                    None if draft.kind == Kind::Block => {}
                    None => {
                        return Err(unrepresentable(
                            UPDATE,
                            "a record needs a service, and the booking has none here",
                        ));
                    }
                },
                Field::Slot => self.put_slot(UPDATE, draft.slot, &mut fields)?,
                Field::ClientName | Field::ClientPhone | Field::ClientEmail => {
                    let (name, text) = self.contact(draft, *field);
                    fields.put(name, text);
                }
                Field::Status => fields.put("status", code_of(draft.status)),
                Field::Comment => self.put_comment(draft, home, &mut fields),
            }
        }
        Ok(fields)
    }

    fn busy_service(&self, draft: &Draft) -> Option<&ServiceKey> {
        self.busy_service
            .as_ref()
            .filter(|_| draft.kind == Kind::Block)
    }

    /// Start and length. The end has no field of its own; the length is in whole minutes, rounded up so that the slot
    /// stays covered.
    fn put_slot(
        &self,
        action: Action,
        slot: Slot,
        fields: &mut Fields,
    ) -> Result<(), PlatformError> {
        let start = zone::to_civil(slot.start(), &self.zone)
            .map_err(|doubled| unrepresentable(action, &doubled.to_string()))?;
        let seconds = slot.end().duration_since(slot.start()).as_secs();
        let minutes = seconds / 60 + i64::from(seconds % 60 > 0);
        if minutes == 0 {
            // A length of 0 would come back as the service's own (rubitime contract, 3).
            return Err(unrepresentable(
                action,
                "a record needs a length of at least a minute",
            ));
        }
        fields.put("record", start.strftime("%Y-%m-%d %H:%M:%S").to_string());
        fields.put("duration", minutes);
        Ok(())
    }

    /// One of name, phone and e-mail: the client's, the sink's, or a block's placeholder.
    fn contact(&self, draft: &Draft, field: Field) -> (&'static str, String) {
        let own = |text: Option<&slotbridge_core::model::Private>| match draft.kind {
            Kind::Appointment => text
                .map(|text| text.expose().to_owned())
                .unwrap_or_default(),
            Kind::Block => String::new(),
        };
        match (field, &self.contacts) {
            (Field::ClientPhone, Contacts::Real) => ("phone", own(draft.client.phone.as_ref())),
            (Field::ClientPhone, Contacts::Sink { phone, .. }) => {
                ("phone", phone.expose().to_owned())
            }
            (Field::ClientEmail, Contacts::Real) => ("email", own(draft.client.email.as_ref())),
            (Field::ClientEmail, Contacts::Sink { email, .. }) => {
                ("email", email.expose().to_owned())
            }
            _ if draft.kind == Kind::Block => ("name", self.busy_name.clone()),
            _ => ("name", own(Some(&draft.client.name))),
        }
    }

    /// The comment, and our marker where it belongs.
    fn put_comment(&self, draft: &Draft, home: MarkerHome, fields: &mut Fields) {
        let marker = Marker {
            booking: draft.booking,
            block: draft.kind == Kind::Block,
        };
        let comment = draft.comment.expose();
        match (home, self.marker_field) {
            (MarkerHome::Comment, _) | (MarkerHome::EmptyField, None) => {
                fields.put("comment", marker.append_to(comment));
            }
            (MarkerHome::Elsewhere, _) => fields.put("comment", comment),
            (MarkerHome::EmptyField, Some(field)) => {
                fields.put("comment", comment);
                fields.put(field.as_str(), marker.to_text());
            }
        }
    }
}

/// The fields of a cancellation.
pub(crate) fn cancel(id: u64) -> Fields {
    Fields::of(id).with("status", code_of(Status::Cancelled))
}

/// A record's id as the number that the wire wants.
pub(crate) fn record_id(action: Action, id: &RemoteId) -> Result<u64, PlatformError> {
    number(action, "record", id.as_str())
}

/// A resource's id as the number that the wire wants.
pub(crate) fn cooperator(action: Action, key: &ResourceKey) -> Result<u64, PlatformError> {
    number(action, "resource", key.as_str())
}

/// A service's id as the number that the wire wants.
pub(crate) fn service_id(action: Action, key: &ServiceKey) -> Result<u64, PlatformError> {
    number(action, "service", key.as_str())
}

fn number(action: Action, what: &str, id: &str) -> Result<u64, PlatformError> {
    id.trim()
        .parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| {
            unrepresentable(
                action,
                &format!("{what} {id:?} is no Rubitime id: those are numbers"),
            )
        })
}

fn unrepresentable(action: Action, why: &str) -> PlatformError {
    PlatformError::new(
        ErrorKind::Unrepresentable,
        Retry::Never,
        action.operation,
        why,
    )
}
