//! Values of fields that do not come from a booking: whether they fit, and putting them in.

use super::{Booking, Field, FieldValue, Status};

impl FieldValue {
    /// Whether it can be the value of this field in a live booking.
    pub fn is_of(&self, field: Field) -> bool {
        match self {
            Self::Resource(_) => field == Field::Resource,
            Self::Services(_) => field == Field::Services,
            Self::Slot(_) => field == Field::Slot,
            Self::Text(_) => field.is_client_data(),
            Self::Status(status) => field == Field::Status && *status != Status::Cancelled,
        }
    }
}

impl Booking {
    /// Gives one field a value. Says whether it fits there; if not, nothing changes.
    pub fn set_field(&mut self, field: Field, value: FieldValue) -> bool {
        if !value.is_of(field) {
            return false;
        }
        match value {
            FieldValue::Resource(resource) => self.resource = resource,
            FieldValue::Services(services) => self.services = services,
            FieldValue::Slot(slot) => self.slot = slot,
            FieldValue::Status(status) => self.status = status,
            FieldValue::Text(text) => match field {
                Field::ClientPhone => self.client.phone = text,
                Field::ClientEmail => self.client.email = text,
                Field::Comment => self.comment = text.unwrap_or_default(),
                Field::ClientName => self.client.name = text.unwrap_or_default(),
                Field::Resource | Field::Services | Field::Slot | Field::Status => return false,
            },
        }
        true
    }
}
