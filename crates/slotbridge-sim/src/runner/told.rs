//! What the real slotbridge told, put into the auditor's words.

use std::collections::BTreeMap;

use jiff::Timestamp;
use slotbridge_core::merge::{self, Presence};
use slotbridge_core::model::{
    BookingId, BridgeName, Field, FieldValue, Private, ResourceName, Slot, Status,
};
use slotbridge_engine::report::{OutcomeWord, Report};
use slotbridge_store::{Store, StoreError};

use crate::simulation::auditor::{self, ConflictTold, Subject, Told, Trouble};
use crate::simulation::cast;
use crate::world::{PLACES, Place};

/// Which booking is whose, gathered as long as there is content to tell.
#[derive(Debug, Default)]
pub(crate) struct Names {
    clients: BTreeMap<BookingId, u64>,
    conflicts: Vec<ConflictTold>,
    troubles: Vec<Trouble>,
    anonymous: Vec<(Option<Place>, (String, i64, i64))>,
    empty: Vec<Place>,
}

fn place(name: &str) -> Option<Place> {
    PLACES.into_iter().find(|place| place.name() == name)
}

impl Names {
    /// Learns from a report.
    pub(crate) fn hear(&mut self, report: &Report) {
        for one in report.bridges.iter().flat_map(|bridge| &bridge.operations) {
            let booking = one.after.as_ref().or(one.before.as_ref());
            let client = booking.and_then(|booking| cast::client_of(booking.client.name.expose()));
            if let Some(client) = client {
                self.clients.insert(one.booking, client);
            }
        }
    }

    /// Learns from the database.
    pub(crate) async fn learn(
        &mut self,
        store: &Store,
        bridge: &BridgeName,
    ) -> Result<(), StoreError> {
        let state = store.bridge(bridge, Timestamp::MIN).await?;
        for row in state.bookings {
            if let Presence::Live(booking) = &row.canonical
                && let Some(client) = cast::client_of(booking.client.name.expose())
            {
                self.clients.insert(row.id, client);
            }
        }
        let open = store.conflicts(Some(bridge)).await?;
        let decided = store.conflicts_decided(bridge, Timestamp::MIN).await?;
        // Open ones are open only as long as they are in the database.
        for conflict in &mut self.conflicts {
            conflict.open = false;
        }
        for (rows, open) in [(open, true), (decided, false)] {
            for row in rows {
                if let Some(told) = self.conflict(row.booking, &row.conflict, open)
                    && !self.conflicts.contains(&told)
                {
                    self.conflicts.push(told);
                }
            }
        }
        Ok(())
    }

    fn conflict(
        &self,
        booking: BookingId,
        conflict: &merge::Conflict,
        open: bool,
    ) -> Option<ConflictTold> {
        let subject = match conflict.subject {
            merge::Subject::Field(field) => Subject::Field(field_word(field)?),
            merge::Subject::Removal => Subject::Removal,
        };
        Some(ConflictTold {
            client: *self.clients.get(&booking)?,
            subject,
            values: conflict
                .claims
                .iter()
                .filter_map(|claim| claim.value.as_ref().map(value_word))
                .collect(),
            open,
        })
    }

    /// Takes what stands in the last report.
    pub(crate) fn stands(&mut self, report: &Report) {
        self.troubles.clear();
        self.anonymous.clear();
        let platforms = report.bridges.iter().flat_map(|bridge| &bridge.platforms);
        self.empty = platforms
            .filter(|platform| {
                let why = platform.partial_because.as_deref().unwrap_or_default();
                why.starts_with("the listing is empty")
            })
            .filter_map(|platform| place(platform.name.as_str()))
            .collect();
        let mut add = |booking: &BookingId, place: Option<Place>, time: (&ResourceName, Slot)| {
            if let Some(client) = self.clients.get(booking).copied() {
                self.troubles.push(Trouble { client, place });
            } else {
                let (resource, slot) = time;
                let (from, to) = (slot.start().as_second(), slot.end().as_second());
                self.anonymous
                    .push((place, (resource.as_str().to_owned(), from, to)));
            }
        };
        for bridge in &report.bridges {
            for one in &bridge.operations {
                let stuck = match one.outcome {
                    OutcomeWord::Refused | OutcomeWord::Failed | OutcomeWord::Unknown => true,
                    OutcomeWord::Planned | OutcomeWord::Applied => one.held,
                };
                if let Some(about) = one.after.as_ref().or(one.before.as_ref())
                    && stuck
                {
                    let time = (&about.resource, about.slot);
                    add(&one.booking, place(one.platform.as_str()), time);
                }
            }
            for one in &bridge.waiting {
                if let Some((resource, slot)) = &one.place {
                    add(
                        &one.booking,
                        place(one.platform.as_str()),
                        (resource, *slot),
                    );
                }
            }
            for overlap in &bridge.overlaps {
                for entry in &overlap.bookings {
                    add(&entry.booking, None, (&overlap.resource, entry.slot));
                }
            }
        }
    }

    /// Everything that was told.
    pub(crate) fn told(&self) -> Told {
        Told {
            conflicts: self.conflicts.clone(),
            troubles: self.troubles.clone(),
            anonymous: self.anonymous.clone(),
            empty: self.empty.clone(),
        }
    }
}

fn field_word(field: Field) -> Option<auditor::Field> {
    Some(match field {
        Field::Resource => auditor::Field::Staff,
        Field::Slot => auditor::Field::Slot,
        Field::Services => auditor::Field::Services,
        Field::ClientPhone => auditor::Field::Phone,
        Field::ClientEmail => auditor::Field::Email,
        Field::Comment => auditor::Field::Comment,
        Field::Status => auditor::Field::Status,
        // The name is what a client is known by; nobody changes it.
        Field::ClientName => return None,
    })
}

fn value_word(value: &FieldValue) -> String {
    match value {
        FieldValue::Resource(name) => name.as_str().to_owned(),
        FieldValue::Services(names) => {
            let names: Vec<&str> = names
                .iter()
                .map(slotbridge_core::model::ServiceName::as_str)
                .collect();
            names.join("+")
        }
        FieldValue::Slot(slot) => {
            format!("{}/{}", slot.start().as_second(), slot.end().as_second())
        }
        FieldValue::Text(text) => {
            let text = text.as_ref().map(Private::expose).unwrap_or_default();
            let text = text.strip_prefix('+').unwrap_or(text);
            if text.contains('@') {
                text.to_lowercase()
            } else {
                text.to_owned()
            }
        }
        FieldValue::Status(status) => match status {
            Status::Booked => "booked",
            Status::Confirmed => "confirmed",
            Status::Arrived => "arrived",
            Status::NoShow => "no-show",
            Status::Cancelled => "cancelled",
        }
        .to_owned(),
    }
}
