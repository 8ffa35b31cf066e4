//! A booking that was asked for by its id, and whether a planned change may still be made to it; the same in both modes.

use slotbridge_core::record::{Reading, RecordState, Unreadable};
use slotbridge_platform::platform::Edit;
use slotbridge_platform::{ErrorKind, PlatformError, Retry};

use crate::convert::Shown;

/// A booking that may be there.
pub(crate) enum Fetched {
    Found(Box<Shown>),
    Missing,
    Unreadable(Unreadable),
}

impl Fetched {
    pub(crate) fn into_reading(self) -> Reading {
        match self {
            Self::Found(shown) => Reading::Found(Box::new(shown.record)),
            Self::Missing => Reading::Missing,
            Self::Unreadable(row) => Reading::Unreadable(row),
        }
    }

    /// The booking, if the change that was planned for it can still be made.
    pub(crate) fn for_edit(
        self,
        edit: &Edit,
        operation: &'static str,
    ) -> Result<Box<Shown>, PlatformError> {
        let refused = |kind, why: String| PlatformError::new(kind, Retry::Never, operation, why);
        let shown = match self {
            Self::Found(shown) => shown,
            Self::Missing => {
                let why = "there is no such booking any more".to_owned();
                return Err(refused(ErrorKind::NotFound, why));
            }
            Self::Unreadable(row) => {
                let why = format!("the booking cannot be read: {}", row.why);
                return Err(refused(ErrorKind::Refused, why));
            }
        };
        if edit.is_overtaken(&shown.record) {
            let why = "the booking was changed since the change was planned";
            let stale = PlatformError::new(ErrorKind::Stale, Retry::Later, operation, why);
            return Err(stale);
        }
        if shown.record.state != RecordState::Live {
            let why = "the booking is cancelled, and there is no way back for it".to_owned();
            return Err(refused(ErrorKind::Refused, why));
        }
        Ok(shown)
    }
}
