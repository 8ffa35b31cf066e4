//! Mirrored records: a few columns for searching, the rest as JSON, and a hash over all of it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use slotbridge_core::model::{
    BookingId, Client, Private, RemoteId, ResourceKey, ServiceKey, Status,
};
use slotbridge_core::record::{Record, RecordState, Support};

use super::{Undecodable, erased, from_json, instant, is_erased, micros, to_json};

/// Goes into every hash. Another number makes every row look different once, which rewrites it but does not count as
/// a change of the record: rows of different hash are compared by value.
const SHAPE: &[u8] = b"record 1";

/// The adapters have a handful of reasons for leaving a record alone; the bound only keeps a damaged database from
/// filling the memory.
const REASONS_MAX: usize = 256;

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordShape<'a> {
    resource: Cow<'a, str>,
    services: Vec<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<i64>,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    name: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<Cow<'a, str>>,
    status: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    comment: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    marker: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    block: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    changed_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource_title: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service_title: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    occupancy: Option<Cow<'a, str>>,
    /// Whether the client data that were in it have been erased.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    erased: bool,
}

/// A record as its columns. Holds client data, so it has no `Debug`.
pub(crate) struct RecordRow {
    pub(crate) remote_id: String,
    pub(crate) state: &'static str,
    pub(crate) starts_at: i64,
    pub(crate) content: String,
}

impl RecordRow {
    pub(crate) fn of(record: &Record) -> Self {
        Self {
            remote_id: record.id.as_str().to_owned(),
            state: record_state_word(record.state),
            starts_at: micros(record.start),
            content: to_json(&RecordShape::of(record)),
        }
    }

    /// Takes columns that were read.
    pub(crate) fn from_columns(
        remote_id: String,
        state: &str,
        starts_at: i64,
        content: String,
    ) -> Result<Self, Undecodable> {
        Ok(Self {
            remote_id,
            state: record_state_word(state_from_word(state)?),
            starts_at,
            content,
        })
    }

    pub(crate) fn into_record(self) -> Result<Record, Undecodable> {
        let shape: RecordShape<'_> = from_json(&self.content)?;
        Ok(Record {
            id: RemoteId::new(self.remote_id),
            state: state_from_word(self.state)?,
            resource: ResourceKey::new(shape.resource),
            services: shape.services.into_iter().map(ServiceKey::new).collect(),
            start: instant(self.starts_at)?,
            end: shape.end.map(instant).transpose()?,
            client: Client {
                name: Private::new(shape.name),
                phone: shape.phone.map(Private::new),
                email: shape.email.map(Private::new),
            },
            status: Status::from_word(&shape.status).ok_or(Undecodable)?,
            comment: Private::new(shape.comment),
            marker: shape
                .marker
                .map(|text| text.parse::<BookingId>())
                .transpose()
                .map_err(|_not_an_id| Undecodable)?,
            is_block: shape.block,
            changed_at: shape.changed_at.map(instant).transpose()?,
            created_at: shape.created_at.map(instant).transpose()?,
            resource_title: shape.resource_title.map(Cow::into_owned),
            service_title: shape.service_title.map(Cow::into_owned),
            group: shape.group.map(Cow::into_owned),
            support: match shape.occupancy {
                None => Support::Full,
                Some(why) => Support::Occupancy { why: reason(&why)? },
            },
        })
    }

    /// The hash over everything but the id.
    pub(crate) fn hash(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(SHAPE);
        hasher.update(self.state.as_bytes());
        hasher.update(&self.starts_at.to_be_bytes());
        hasher.update(self.content.as_bytes());
        *hasher.finalize().as_bytes()
    }

    /// Whether its client data were erased.
    pub(crate) fn is_erased(&self) -> bool {
        is_erased(&self.content)
    }

    /// The same without client data.
    pub(crate) fn erased(self) -> Result<Self, Undecodable> {
        let (content, _had) = erased(&self.content)?;
        Ok(Self { content, ..self })
    }

    /// Whether two readings of one record say the same of the booking. A renamed member of staff or service does not
    /// count: it would make every record of theirs look newer than a real edit elsewhere. Nor do client data that were
    /// erased on one side.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        let blank = self.is_erased() || other.is_erased();
        let untitled = |content: &str| {
            from_json::<RecordShape<'_>>(content).map(|mut shape| {
                if blank {
                    shape.name = Cow::default();
                    shape.phone = None;
                    shape.email = None;
                    shape.comment = Cow::default();
                    shape.erased = true;
                }
                shape.resource_title = None;
                shape.service_title = None;
                shape
            })
        };
        // What cannot be read any more is replaced, and counts as changed.
        match (untitled(&self.content), untitled(&other.content)) {
            (Ok(one), Ok(two)) => {
                self.state == other.state && self.starts_at == other.starts_at && one == two
            }
            _ => false,
        }
    }
}

impl<'a> RecordShape<'a> {
    fn of(record: &'a Record) -> Self {
        let text = |private: &'a Private| Cow::Borrowed(private.expose());
        let title = |title: &'a Option<String>| title.as_deref().map(Cow::Borrowed);
        Self {
            resource: record.resource.as_str().into(),
            services: record
                .services
                .iter()
                .map(|service| service.as_str().into())
                .collect(),
            end: record.end.map(micros),
            name: text(&record.client.name),
            phone: record.client.phone.as_ref().map(text),
            email: record.client.email.as_ref().map(text),
            status: record.status.as_str().into(),
            comment: text(&record.comment),
            marker: record.marker.map(|id| id.to_string().into()),
            block: record.is_block,
            changed_at: record.changed_at.map(micros),
            created_at: record.created_at.map(micros),
            resource_title: title(&record.resource_title),
            service_title: title(&record.service_title),
            group: title(&record.group),
            occupancy: match record.support {
                Support::Full => None,
                Support::Occupancy { why } => Some(why.into()),
            },
            erased: false,
        }
    }
}

pub(crate) fn record_state_word(state: RecordState) -> &'static str {
    match state {
        RecordState::Live => "live",
        RecordState::Cancelled => "cancelled",
        RecordState::Deleted => "deleted",
    }
}

pub(crate) fn state_from_word(word: &str) -> Result<RecordState, Undecodable> {
    [
        RecordState::Live,
        RecordState::Cancelled,
        RecordState::Deleted,
    ]
    .into_iter()
    .find(|state| record_state_word(*state) == word)
    .ok_or(Undecodable)
}

/// The reasons of the adapters are `&'static str`; each that was stored comes back as one, once per process.
fn reason(text: &str) -> Result<&'static str, Undecodable> {
    static REASONS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut reasons = REASONS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = reasons.get(text) {
        return Ok(known);
    }
    if reasons.len() >= REASONS_MAX {
        return Err(Undecodable);
    }
    let kept: &'static str = String::leak(text.to_owned());
    reasons.insert(kept);
    Ok(kept)
}
