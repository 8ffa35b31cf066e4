//! Changing and cancelling bookings through the administration service.
//!
//! `editBook` replaces everything, so the booking is read first and sent back with what the edit changes; a person's
//! edit in the moment between is overwritten, and nothing closes that gap (simplybook contract, 6.5).

use serde_json::Value;
use slotbridge_core::model::{Field, Kind, RemoteId};
use slotbridge_core::record::{Record, RecordState};
use slotbridge_platform::platform::{Edit, Priority, Written};
use slotbridge_platform::{ErrorKind, PlatformError, Retry};

use super::{Admin, details, number};
use crate::clients::Fit;
use crate::convert::{self, MarkerHome, Shown, touches};
use crate::error;
use crate::fetched::Fetched;
use crate::platform::Hands;
use crate::request::{self, Whole};
use crate::wire;

const UPDATE: &str = "records.update";

impl Admin {
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
        let Some(number) = number(id) else {
            return refuse(
                ErrorKind::NotFound,
                Retry::Never,
                "the id is not one of this platform's",
            );
        };
        let whole = self.whole(hands, edit, &shown).await?;
        let before = replaced(&shown);
        if before.as_ref() != Some(&whole) {
            let ask = request::edit_book(number, &whole);
            match hands.call(&ask, Priority::Write).await? {
                // No error object, and yet refused (simplybook contract, 6.5).
                Value::Null | Value::Bool(false) => {
                    return refuse(
                        ErrorKind::Refused,
                        Retry::Never,
                        "the change is not accepted, without a reason",
                    );
                }
                Value::Object(_) | Value::Bool(true) => {}
                Value::Number(_) | Value::String(_) | Value::Array(_) => {
                    return Err(error::senseless(&ask, "a success that makes no sense"));
                }
            }
        }
        let record = if edit.fields.contains(&Field::Comment) {
            self.write_comment(hands, number, edit, &shown).await?;
            None
        } else {
            self.kept(hands, number, &shown.comment).await
        };
        Ok(Written {
            id: id.clone(),
            record: record.map(Box::new),
        })
    }

    /// What the platform kept of a change that leaves the comment alone, without asking for that again; none where it
    /// cannot be read now, and whoever needs it reads it later.
    async fn kept(&self, hands: &Hands, id: u64, comment: &str) -> Option<Record> {
        let company = hands.company(Priority::Write).await.ok()?;
        let details = details(hands, id, Priority::Write).await.ok()??;
        let comment = match details.get("comment") {
            Some(_) => None,
            None => Some(comment),
        };
        let shown = hands.terms.shown(&details, &company, comment).ok()?;
        Some(shown.record)
    }

    /// Everything that `editBook` replaces: as it is, but for what the edit changes.
    async fn whole(
        &self,
        hands: &Hands,
        edit: &Edit,
        shown: &Shown,
    ) -> Result<Whole, PlatformError> {
        let desired = &edit.desired;
        let missing = |what: &str| {
            PlatformError::new(
                ErrorKind::Refused,
                Retry::Never,
                UPDATE,
                format!("the booking shows no {what}, which every change must name"),
            )
        };
        let mut whole = replaced(shown).ok_or_else(|| missing("client, provider or service"))?;
        if edit.fields.contains(&Field::Resource) {
            whole.unit = convert::key(UPDATE, "resource", desired.resource.as_str())?;
        }
        if edit.fields.contains(&Field::Services) {
            whole.event = convert::event(UPDATE, desired)?;
        }
        if edit.fields.contains(&Field::Slot) {
            let company = hands.company(Priority::Write).await?;
            whole.times = company.times(UPDATE, desired.slot)?;
        }
        if desired.kind == Kind::Appointment && touches(&edit.fields, hands.client_fields()) {
            let card = hands.terms.card_after(desired, &shown.card);
            self.clients.forget();
            whole.client = self
                .clients
                .card_for(
                    &hands.session,
                    &hands.terms,
                    &card,
                    Fit::Exact,
                    Some(whole.client),
                )
                .await?;
        }
        Ok(whole)
    }

    async fn write_comment(
        &self,
        hands: &Hands,
        id: u64,
        edit: &Edit,
        shown: &Shown,
    ) -> Result<(), PlatformError> {
        let own = edit.desired.comment.expose();
        // A record that has no marker gets none: an owner's own comment is not for us to adorn.
        let text = match (shown.home, shown.marker) {
            (MarkerHome::Comment, Some(marker)) => marker.append_to(own),
            _ => slotbridge_core::normalise::text(own).expose().to_owned(),
        };
        let ask = request::set_booking_comment(id, &text);
        let done = hands.call(&ask, Priority::Write).await?;
        if wire::flag(&done) == Some(false) {
            return Err(PlatformError::new(
                ErrorKind::Refused,
                Retry::Never,
                ask.operation,
                "the comment is not accepted",
            ));
        }
        Ok(())
    }

    pub(crate) async fn remove(&self, hands: &Hands, id: &RemoteId) -> Result<(), PlatformError> {
        let Some(number) = number(id) else {
            return Ok(());
        };
        let ask = request::admin_cancel(number);
        let refusal = match hands.call(&ask, Priority::Write).await {
            Ok(done) if wire::flag(&done) == Some(true) => return Ok(()),
            Ok(_) => error::senseless(
                &ask,
                "the platform does not say that it cancelled the booking",
            ),
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
            Err(error)
                if matches!(
                    error.kind,
                    ErrorKind::Refused | ErrorKind::SlotTaken | ErrorKind::BadReply
                ) =>
            {
                error
            }
            Err(error) => return Err(error),
        };
        // What a second cancellation answers is not documented: the details tell (simplybook contract, 13.10).
        match self.fetch(hands, id, Priority::Write).await {
            Ok(Fetched::Missing) => Ok(()),
            Ok(Fetched::Found(shown)) if shown.record.state != RecordState::Live => Ok(()),
            Ok(Fetched::Found(_) | Fetched::Unreadable(_)) | Err(_) => Err(refusal),
        }
    }
}

/// What a change that changes nothing would send.
fn replaced(shown: &Shown) -> Option<Whole> {
    Some(Whole {
        event: shown.record.services.first()?.as_str().parse().ok()?,
        unit: shown.record.resource.as_str().parse().ok()?,
        client: shown.client_id?,
        times: shown.times,
        additional: shown.additional.clone(),
    })
}
