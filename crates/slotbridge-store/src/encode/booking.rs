//! Bookings, presences and shadows.

use serde::{Deserialize, Serialize};
use slotbridge_core::merge::{Presence, Shadow};
use slotbridge_core::model::{
    Booking, Client, Kind, Private, ResourceName, ServiceName, Slot, Status,
};

use super::{Undecodable, from_json, instant, micros, to_json};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BookingShape {
    resource: String,
    services: Vec<String>,
    start: i64,
    end: i64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    status: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    comment: String,
    kind: String,
    /// Whether the client data that were in it have been erased.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    erased: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShadowShape {
    kept: Option<BookingShape>,
    /// Written only where it is not `kept`, which it nearly always is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agreed: Option<BookingShape>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    differs: bool,
    /// Whether the client data that were in it have been erased.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    erased: bool,
}

/// `None` when the booking is gone.
pub(crate) fn presence_to_json(presence: &Presence) -> Option<String> {
    presence
        .live()
        .map(|booking| to_json(&BookingShape::of(booking)))
}

pub(crate) fn presence_from_json(json: Option<&str>) -> Result<Presence, Undecodable> {
    match json {
        None => Ok(Presence::Gone),
        Some(json) => Ok(Presence::Live(
            from_json::<BookingShape>(json)?.into_booking()?,
        )),
    }
}

pub(crate) fn shadow_to_json(shadow: &Shadow) -> String {
    let differs = shadow.agreed != shadow.kept;
    to_json(&ShadowShape {
        kept: shadow.kept.live().map(BookingShape::of),
        agreed: shadow
            .agreed
            .live()
            .filter(|_| differs)
            .map(BookingShape::of),
        differs,
        erased: false,
    })
}

/// Whether a stored shadow has the booking of this stored content in both its halves: told by the text alone, as both are
/// written in one way.
pub(crate) fn is_shadow_of(shadow: &str, content: &str) -> bool {
    let kept = shadow.strip_prefix("{\"kept\":");
    kept.and_then(|kept| kept.strip_suffix('}')) == Some(content)
}

pub(crate) fn shadow_from_json(json: &str) -> Result<Shadow, Undecodable> {
    let shape: ShadowShape = from_json(json)?;
    let kept = presence(shape.kept)?;
    let agreed = if shape.differs {
        presence(shape.agreed)?
    } else {
        kept.clone()
    };
    Ok(Shadow { kept, agreed })
}

fn presence(shape: Option<BookingShape>) -> Result<Presence, Undecodable> {
    match shape {
        None => Ok(Presence::Gone),
        Some(shape) => Ok(Presence::Live(shape.into_booking()?)),
    }
}

impl BookingShape {
    pub(super) fn of(booking: &Booking) -> Self {
        let text = |private: &Private| private.expose().to_owned();
        Self {
            resource: booking.resource.as_str().to_owned(),
            services: booking
                .services
                .iter()
                .map(|service| service.as_str().to_owned())
                .collect(),
            start: micros(booking.slot.start()),
            end: micros(booking.slot.end()),
            name: text(&booking.client.name),
            phone: booking.client.phone.as_ref().map(text),
            email: booking.client.email.as_ref().map(text),
            status: booking.status.as_str().to_owned(),
            comment: text(&booking.comment),
            kind: booking.kind.as_str().to_owned(),
            erased: false,
        }
    }

    pub(super) fn into_booking(self) -> Result<Booking, Undecodable> {
        Ok(Booking {
            resource: ResourceName::new(self.resource)?,
            services: self
                .services
                .into_iter()
                .map(ServiceName::new)
                .collect::<Result<_, _>>()?,
            slot: Slot::new(instant(self.start)?, instant(self.end)?)?,
            client: Client {
                name: Private::new(self.name),
                phone: self.phone.map(Private::new),
                email: self.email.map(Private::new),
            },
            status: Status::from_word(&self.status).ok_or(Undecodable)?,
            comment: Private::new(self.comment),
            kind: Kind::from_word(&self.kind).ok_or(Undecodable)?,
        })
    }
}
