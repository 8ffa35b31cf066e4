//! Fingerprints of plans and of sets of records: the same for the same operations or records in any order, another one as
//! soon as any of them would do something else, or is another.

use std::fmt::{self, Write};

use crate::model::{Booking, Field, FieldValue, RemoteId};
use crate::plan::{Action, Operation};

/// The fingerprint of these operations, as 16 hexadecimal digits. It shows nothing of what is in them, and stays the
/// same from run to run and version to version.
pub fn plan_hash<'a>(operations: impl IntoIterator<Item = &'a Operation>) -> String {
    together(operations.into_iter().map(one).collect())
}

/// The fingerprint of these operations with all that they rest on: what the platforms show now, in every field, and the
/// records that each wish comes from. A booking that is new gets another id in every dry run, so a booking is known here
/// by its records; by its id only where there are none.
pub fn basis_hash<'a>(operations: impl IntoIterator<Item = &'a Operation>) -> String {
    together(operations.into_iter().map(with_basis).collect())
}

/// The fingerprint of these records, in any order.
pub fn records_hash<'a>(records: impl IntoIterator<Item = &'a RemoteId>) -> String {
    let of = |id: &RemoteId| {
        let mut hash = Fnv::new();
        hash.part(id.as_str());
        hash.0
    };
    together(records.into_iter().map(of).collect())
}

fn together(mut single: Vec<u64>) -> String {
    single.sort_unstable();
    let mut whole = Fnv::new();
    for hash in single {
        whole.bytes(&hash.to_be_bytes());
    }
    format!("{:016x}", whole.0)
}

fn with_basis(operation: &Operation) -> u64 {
    let mut hash = Fnv::new();
    let action = &operation.action;
    hash.part(operation.platform.as_str());
    hash.part(action.as_str());
    hash.part(action.remote_id().map_or("", |id| id.as_str()));
    let mut because: Vec<_> = operation.because.iter().collect();
    because.sort_unstable();
    for (platform, id) in &because {
        hash.part(platform.as_str());
        hash.part(id.as_str());
    }
    if because.is_empty() && action.remote_id().is_none() {
        hash.part(&operation.booking.to_string());
    }
    for (half, booking) in [("before", action.before()), ("after", action.after())] {
        hash.part(half);
        if let Some(booking) = booking {
            hash.booking(booking, &Field::ALL);
        }
    }
    if let Action::Update {
        fields, parking, ..
    } = action
    {
        for field in fields {
            hash.part(field.as_str());
        }
        hash.part(if *parking { "parking" } else { "" });
    }
    hash.0
}

fn one(operation: &Operation) -> u64 {
    let mut hash = Fnv::new();
    hash.part(operation.platform.as_str());
    hash.part(&operation.booking.to_string());
    hash.part(operation.action.as_str());
    hash.part(operation.action.remote_id().map_or("", |id| id.as_str()));
    match &operation.action {
        Action::Create { desired } => hash.booking(desired, &Field::ALL),
        Action::Update {
            desired,
            fields,
            parking,
            ..
        } => {
            let fields: Vec<Field> = fields.iter().copied().collect();
            hash.booking(desired, &fields);
            hash.part(if *parking { "parking" } else { "" });
        }
        Action::Remove { shown, .. } => hash.booking(shown, &[Field::Resource, Field::Slot]),
    }
    if operation.undoes {
        hash.part("undoes");
    }
    hash.0
}

/// FNV-1a over 64 bits. Every part ends with a byte that no text holds, so that no two plans run together.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn part(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        self.bytes(&[0xff]);
    }

    fn booking(&mut self, booking: &Booking, fields: &[Field]) {
        self.part(booking.kind.as_str());
        for field in fields {
            self.part(field.as_str());
            self.value(&booking.field(*field));
        }
    }

    fn value(&mut self, value: &FieldValue) {
        match value {
            FieldValue::Resource(name) => self.part(name.as_str()),
            FieldValue::Services(names) => {
                for name in names {
                    self.part(name.as_str());
                }
                self.part("");
            }
            FieldValue::Slot(slot) => self.display(format_args!("{} {}", slot.start(), slot.end())),
            FieldValue::Text(None) => self.part(""),
            FieldValue::Text(Some(text)) => self.part(text.expose()),
            FieldValue::Status(status) => self.part(status.as_str()),
        }
    }

    fn display(&mut self, arguments: fmt::Arguments<'_>) {
        let mut text = String::new();
        if text.write_fmt(arguments).is_ok() {
            self.part(&text);
        }
    }
}
