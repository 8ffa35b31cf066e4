//! What a platform can hold of a booking, and the booking as that platform would show it.
//!
//! A booking is compared with a record through the platform's projection, so that a field that the platform cannot
//! hold is never taken for a change.
//!
//! **Law:** `project(project(b)) = project(b)`; every adapter's projection is tested against it.

#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};

use crate::model::{Booking, Client, Field, Kind, Private, Slot, Status};
use crate::normalise;

/// How many services one record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServicesHeld {
    /// Any number, in order.
    Many,
    /// The first one only.
    One,
    /// None: the platform's record has no service, or the bridge shares busy times only.
    Not,
}

/// How much of a text a platform holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextHeld {
    /// All of it.
    Whole,
    /// At most so many characters; the rest is cut off.
    Cut {
        /// The most characters that fit.
        chars_max: usize,
    },
    /// Nothing.
    Not,
}

/// What a platform can hold of a booking, and how it rounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// Services in one record.
    pub services: ServicesHeld,
    /// Start and length are whole multiples of this; starts are rounded down and ends up, so that the slot stays
    /// covered.
    pub slot_step: SignedDuration,
    /// The client's name.
    pub name: TextHeld,
    /// The client's phone.
    pub phone: TextHeld,
    /// The client's e-mail.
    pub email: TextHeld,
    /// The comment.
    pub comment: TextHeld,
    /// What each status becomes, in the order of [`Status::ALL`].
    pub statuses: [Status; 5],
}

impl Projection {
    /// A platform that holds everything; the base to write the others from, and what tests start with.
    pub const WHOLE: Self = Self {
        services: ServicesHeld::Many,
        slot_step: SignedDuration::from_secs(1),
        name: TextHeld::Whole,
        phone: TextHeld::Whole,
        email: TextHeld::Whole,
        comment: TextHeld::Whole,
        statuses: Status::ALL,
    };

    /// The same platform where it may only learn that the time is taken.
    #[must_use]
    pub fn busy(&self) -> Self {
        Self {
            services: self.services,
            slot_step: self.slot_step,
            name: TextHeld::Not,
            phone: TextHeld::Not,
            email: TextHeld::Not,
            comment: TextHeld::Not,
            statuses: [
                Status::Booked,
                Status::Booked,
                Status::Booked,
                Status::Booked,
                Status::Cancelled,
            ],
        }
    }

    /// The booking as this platform would show it.
    #[must_use]
    pub fn project(&self, booking: &Booking) -> Booking {
        let mut services = booking.services.clone();
        match self.services {
            ServicesHeld::Many => {}
            ServicesHeld::One => services.truncate(1),
            ServicesHeld::Not => services.clear(),
        }
        Booking {
            resource: booking.resource.clone(),
            services,
            slot: round(booking.slot, self.slot_step),
            client: Client {
                name: cut(self.name, &booking.client.name).unwrap_or_default(),
                phone: booking
                    .client
                    .phone
                    .as_ref()
                    .and_then(|phone| cut(self.phone, phone)),
                email: booking
                    .client
                    .email
                    .as_ref()
                    .and_then(|email| cut(self.email, email)),
            },
            status: self.status(booking.status),
            comment: cut(self.comment, &booking.comment).unwrap_or_default(),
            kind: booking.kind,
        }
    }

    /// Whether this platform would show the booking exactly so: the same as comparing with [`Self::project`], without
    /// making that.
    pub fn shows(&self, booking: &Booking, shown: &Booking) -> bool {
        let services = match self.services {
            ServicesHeld::Many => shown.services == booking.services,
            ServicesHeld::One => shown.services.iter().eq(booking.services.iter().take(1)),
            ServicesHeld::Not => shown.services.is_empty(),
        };
        services
            && shown.resource == booking.resource
            && shown.slot == round(booking.slot, self.slot_step)
            && shown.status == self.status(booking.status)
            && shown.kind == booking.kind
            && is_kept(self.name, &booking.client.name, &shown.client.name)
            && is_kept_contact(
                self.phone,
                booking.client.phone.as_ref(),
                shown.client.phone.as_ref(),
            )
            && is_kept_contact(
                self.email,
                booking.client.email.as_ref(),
                shown.client.email.as_ref(),
            )
            && is_kept(self.comment, &booking.comment, &shown.comment)
    }

    /// What a status becomes on this platform.
    pub fn status(&self, status: Status) -> Status {
        let [booked, confirmed, arrived, no_show, cancelled] = self.statuses;
        match status {
            Status::Booked => booked,
            Status::Confirmed => confirmed,
            Status::Arrived => arrived,
            Status::NoShow => no_show,
            Status::Cancelled => cancelled,
        }
    }

    /// The fields in which two bookings differ for this platform. Phones are compared as written (the adapters bring
    /// them into E.164), e-mails without regard to case, names with `ё` as `е` and case folded.
    pub fn differing(&self, one: &Booking, other: &Booking) -> Vec<Field> {
        let (one, other) = (self.project(one), self.project(other));
        Field::ALL
            .into_iter()
            .filter(|field| !same_value(*field, &one, &other))
            .collect()
    }
}

/// Whether two bookings agree in one field, by the meaning of the field.
pub fn same_value(field: Field, one: &Booking, other: &Booking) -> bool {
    match field {
        Field::ClientEmail => {
            let fold = |b: &Booking| {
                let email = b.client.email.as_ref();
                email
                    .map(|email| normalise::email_key(email.expose()))
                    .unwrap_or_default()
            };
            one.client.email == other.client.email || fold(one) == fold(other)
        }
        Field::ClientPhone => {
            text_of(one.client.phone.as_ref()) == text_of(other.client.phone.as_ref())
        }
        Field::ClientName => {
            let fold = |b: &Booking| normalise::name_key(b.client.name.expose());
            one.client.name == other.client.name || fold(one) == fold(other)
        }
        Field::Resource => one.resource == other.resource,
        Field::Services => one.services == other.services,
        Field::Slot => one.slot == other.slot,
        Field::Status => one.status == other.status,
        Field::Comment => one.comment == other.comment,
    }
}

fn text_of(contact: Option<&Private>) -> &str {
    contact.map(Private::expose).unwrap_or_default()
}

fn cut(held: TextHeld, text: &Private) -> Option<Private> {
    match held {
        TextHeld::Whole => Some(text.clone()),
        TextHeld::Cut { chars_max } => Some(Private::new(first_chars(text.expose(), chars_max))),
        TextHeld::Not => None,
    }
}

/// The first characters of a text. A cut can end in white space, which the next reading would trim.
fn first_chars(text: &str, chars_max: usize) -> &str {
    let end = text.char_indices().nth(chars_max).map(|(at, _)| at);
    end.and_then(|end| text.get(..end))
        .unwrap_or(text)
        .trim_end()
}

/// Whether this is what is kept of a text, where nothing kept is an empty text.
fn is_kept(held: TextHeld, text: &Private, kept: &Private) -> bool {
    match held {
        TextHeld::Whole => text == kept,
        TextHeld::Cut { chars_max } => first_chars(text.expose(), chars_max) == kept.expose(),
        TextHeld::Not => kept.expose().is_empty(),
    }
}

/// Whether this is what is kept of a contact, where nothing kept is none.
fn is_kept_contact(held: TextHeld, text: Option<&Private>, kept: Option<&Private>) -> bool {
    match (held, text) {
        (TextHeld::Not, _) | (_, None) => kept.is_none(),
        (TextHeld::Whole | TextHeld::Cut { .. }, Some(text)) => {
            kept.is_some_and(|kept| is_kept(held, text, kept))
        }
    }
}

fn round(slot: Slot, step: SignedDuration) -> Slot {
    let step_secs = step.as_secs();
    if step_secs <= 0 {
        return slot;
    }
    let start_secs = slot.start().as_second().div_euclid(step_secs) * step_secs;
    let end = slot.end();
    let end_whole = end.as_second() + i64::from(end.subsec_nanosecond() > 0);
    let end_secs = end_whole.div_euclid(step_secs) * step_secs
        + if end_whole.rem_euclid(step_secs) > 0 {
            step_secs
        } else {
            0
        };
    match (
        Timestamp::from_second(start_secs),
        Timestamp::from_second(end_secs),
    ) {
        (Ok(start), Ok(end)) => Slot::new(start, end).unwrap_or(slot),
        // Only at the ends of representable time, where no calendar lies.
        _ => slot,
    }
}

/// The booking as an anonymous block: the time and nothing of the client.
#[must_use]
pub fn as_block(booking: &Booking) -> Booking {
    Booking {
        resource: booking.resource.clone(),
        services: booking.services.clone(),
        slot: booking.slot,
        client: Client::default(),
        status: Status::Booked,
        comment: Private::default(),
        kind: Kind::Block,
    }
}
