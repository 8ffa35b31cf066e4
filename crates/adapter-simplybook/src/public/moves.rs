//! Changing a booking that can only be cancelled and made again.
//!
//! The new time is looked at first; the old booking is cancelled before the new one is made, so that there are never
//! two; where the new one is refused the old one is made again. While that goes on the client has no booking for the
//! length of two calls.

use slotbridge_core::model::{Field, RemoteId, Status};
use slotbridge_core::record::Record;
use slotbridge_platform::platform::{Edit, Priority, Written};
use slotbridge_platform::{ErrorKind, PlatformError, Retry};

use super::{Public, Wanted};
use crate::convert::{self, touches};
use crate::error;
use crate::fetched::Fetched;
use crate::platform::Hands;
use crate::request;
use crate::wire;

const UPDATE: &str = "records.update";

impl Public {
    pub(crate) async fn update(
        &self,
        hands: &Hands,
        id: &RemoteId,
        edit: &Edit,
    ) -> Result<Written, PlatformError> {
        let refuse = |kind, retry, why: &str| Err(PlatformError::new(kind, retry, UPDATE, why));
        let shown = self
            .fetch(hands, id, Priority::Write)
            .await?
            .for_edit(edit, UPDATE)?;
        let before = Wanted {
            event: shown
                .record
                .services
                .first()
                .and_then(|event| event.as_str().parse().ok())
                .unwrap_or_default(),
            unit: shown.record.resource.as_str().parse().unwrap_or_default(),
            times: shown.times,
            card: shown.card.clone(),
            additional: shown.additional.clone(),
        };
        let wanted = changed(hands, edit, &before).await?;
        if wanted == before {
            return Ok(Written {
                id: id.clone(),
                record: Some(Box::new(shown.record)),
            });
        }
        if !self.may_be_free(hands, &before, &wanted).await? {
            return refuse(
                ErrorKind::SlotTaken,
                Retry::Never,
                "the new time is not free, so the old booking was left as it is",
            );
        }
        self.cancel_surely(hands, id).await?;
        match self.book(hands, &wanted).await {
            Ok(made) => Ok(Written {
                id: made,
                record: None,
            }),
            Err(error) if error.retry == Retry::AfterObserving => Err(error),
            Err(refusal) => self.restore(hands, &before, shown.record, refusal).await,
        }
    }

    /// Whether the new time is worth giving the old one up for. Of a time that the booking itself takes nobody can say.
    async fn may_be_free(
        &self,
        hands: &Hands,
        before: &Wanted,
        wanted: &Wanted,
    ) -> Result<bool, PlatformError> {
        let same_place = (before.unit, before.event, before.times.start)
            == (wanted.unit, wanted.event, wanted.times.start);
        let overlaps = before.unit == wanted.unit
            && before.times.start < wanted.times.end
            && wanted.times.start < before.times.end;
        if same_place || overlaps {
            return Ok(true);
        }
        let day = wanted.times.start.date();
        let free = self
            .free(hands, day, day, wanted.event, wanted.unit, Priority::Write)
            .await?;
        Ok(free
            .get(&day)
            .is_some_and(|times| times.contains(&wanted.times.start.time())))
    }

    /// Cancels, and knows afterwards that it is cancelled.
    async fn cancel_surely(&self, hands: &Hands, id: &RemoteId) -> Result<(), PlatformError> {
        let refusal = match self
            .signed(hands, id, Priority::Write, request::signed_cancel)
            .await
        {
            Ok(done) if wire::flag(&done) == Some(true) => return Ok(()),
            Ok(_) => PlatformError::new(
                ErrorKind::Refused,
                Retry::Never,
                UPDATE,
                "the platform does not cancel the booking",
            ),
            Err(error) => error,
        };
        match self.stands(hands, id).await {
            Ok(false) => Ok(()),
            // Where that was unclear it stays so: what is on its way may still arrive.
            Ok(true) => Err(refusal),
            Err(_) => Err(refusal.may_have_landed()),
        }
    }

    /// Whether a booking takes its time.
    pub(super) async fn stands(&self, hands: &Hands, id: &RemoteId) -> Result<bool, PlatformError> {
        let booking = match self
            .signed(hands, id, Priority::Write, request::signed_booking)
            .await
        {
            Ok(booking) => booking,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let status = booking.as_object().and_then(convert::status);
        let status = status.ok_or_else(|| {
            error::senseless(
                &request::signed_booking(0, ""),
                "the booking does not say whether it stands",
            )
        })?;
        Ok(status != Status::Cancelled)
    }

    /// Makes the old booking again after the new one was refused.
    async fn restore(
        &self,
        hands: &Hands,
        before: &Wanted,
        old: Record,
        refusal: PlatformError,
    ) -> Result<Written, PlatformError> {
        let id = match self.book(hands, before).await {
            Ok(id) => id,
            Err(error) => {
                let message = format!(
                    "the new time was refused ({}), and the old booking, cancelled for it, could not be made again ({}): book the client by hand",
                    refusal.message, error.message
                );
                return Err(PlatformError::new(
                    refusal.kind,
                    Retry::AfterObserving,
                    UPDATE,
                    message,
                ));
            }
        };
        tracing::warn!(kind = ?refusal.kind, "A move was refused; the old booking was made again.");
        let record = match self.fetch(hands, &id, Priority::Write).await {
            Ok(Fetched::Found(shown)) => shown.record,
            // It was confirmed a moment ago.
            Ok(Fetched::Missing | Fetched::Unreadable(_)) | Err(_) => Record {
                id: id.clone(),
                created_at: None,
                ..old
            },
        };
        Ok(Written {
            id,
            record: Some(Box::new(record)),
        })
    }
}

/// The booking as it is to be, from the one that is there.
async fn changed(hands: &Hands, edit: &Edit, before: &Wanted) -> Result<Wanted, PlatformError> {
    let mut wanted = before.clone();
    let desired = &edit.desired;
    if edit.fields.contains(&Field::Resource) {
        wanted.unit = convert::key(UPDATE, "resource", desired.resource.as_str())?;
    }
    if edit.fields.contains(&Field::Services) {
        wanted.event = convert::event(UPDATE, desired)?;
    }
    if edit.fields.contains(&Field::Slot) {
        let company = hands.company(Priority::Write).await?;
        wanted.times = company.times(UPDATE, desired.slot)?;
        // How long it lasts is the service's business: another end alone is no reason to book again.
        if wanted.times.start == before.times.start && wanted.event == before.event {
            wanted.times = before.times;
        }
    }
    if touches(&edit.fields, hands.client_fields()) {
        wanted.card = hands.terms.card_after(desired, &before.card);
    }
    Ok(wanted)
}
