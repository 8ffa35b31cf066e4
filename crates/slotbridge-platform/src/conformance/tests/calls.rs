//! How the fake adapter gets through to its server, or does not.

use slotbridge_core::record::{Coverage, Listing};

use super::super::subject::{Fault, Target};
use super::fake::Row;
use super::flaw::Flaw;
use super::platform::{FakePlatform, error};
use crate::error::{ErrorKind, PlatformError, Retry};

const PAGE_ROWS: usize = 3;
const TRIES_MAX: u32 = 4;

impl FakePlatform {
    /// What becomes of a call that reads: the fault that its last try met, if it matters.
    pub(super) fn reads(&self, target: Target) -> Result<Option<Fault>, PlatformError> {
        let mut may_renew = self.renews;
        for _ in 0..TRIES_MAX {
            let fault = self.server.lock().meets(target);
            match fault {
                Some(Fault::TooManyRequests) if self.has(Flaw::ThrottledReadIsMissing) => {
                    return Ok(fault);
                }
                Some(Fault::ReplyLost) if self.has(Flaw::ReadGivesUpAtOnce) => {
                    return error(ErrorKind::Transport, Retry::Later);
                }
                Some(
                    Fault::ReplyLost
                    | Fault::ErrorBefore
                    | Fault::ErrorAfter
                    | Fault::TooManyRequests,
                ) => {}
                Some(Fault::ExpiredToken) if may_renew => may_renew = false,
                Some(Fault::ExpiredToken) if self.has(Flaw::ExpiryIsTransport) => {
                    return error(ErrorKind::Transport, Retry::Later);
                }
                Some(Fault::ExpiredToken) => {
                    return error(ErrorKind::Unauthenticated, Retry::Never);
                }
                met => return Ok(met),
            }
        }
        error(ErrorKind::Unavailable, Retry::Later)
    }

    /// Carries a write out as far as its fault lets it.
    pub(super) fn writes<T>(
        &self,
        target: Target,
        mut act: impl FnMut() -> T,
    ) -> Result<T, PlatformError> {
        let flawed = |flaw, of| self.has(flaw) && target == of;
        let mut may_renew = self.renews;
        loop {
            let fault = {
                let mut state = self.server.lock();
                state.writes += 1;
                state.meets(target)
            };
            let unknown = error(ErrorKind::Transport, Retry::AfterObserving);
            return match fault {
                None => Ok(act()),
                Some(Fault::TooManyRequests)
                    if flawed(Flaw::ThrottleIsBadCredentials, Target::Create) =>
                {
                    error(ErrorKind::Unauthenticated, Retry::Never)
                }
                Some(Fault::TooManyRequests)
                    if flawed(Flaw::ThrottledUpdateIsForgotten, Target::Update) =>
                {
                    error(ErrorKind::RateLimited { after: None }, Retry::Later)
                }
                Some(Fault::TooManyRequests) => continue,
                Some(Fault::ExpiredToken) if may_renew => {
                    may_renew = false;
                    continue;
                }
                Some(Fault::ExpiredToken) => error(ErrorKind::Unauthenticated, Retry::Never),
                Some(Fault::ReplyLost) => {
                    let done = act();
                    drop(done);
                    if flawed(Flaw::LostCreateIsRepeated, Target::Create)
                        || flawed(Flaw::LostUpdateIsRepeated, Target::Update)
                    {
                        continue;
                    }
                    if flawed(Flaw::LostCreateIsLater, Target::Create)
                        || flawed(Flaw::LostRemovalIsLater, Target::Remove)
                    {
                        return error(ErrorKind::Transport, Retry::Later);
                    }
                    unknown
                }
                Some(Fault::Garbage) if flawed(Flaw::GarbageIsSuccess, Target::Create) => Ok(act()),
                Some(Fault::ErrorAfter) => {
                    drop(act());
                    let repeats = flawed(Flaw::RemovalErrorIsRepeated, Target::Remove)
                        || flawed(Flaw::CreateErrorIsRepeated, Target::Create)
                        || flawed(Flaw::UpdateErrorIsRepeated, Target::Update);
                    if repeats {
                        continue;
                    }
                    unknown
                }
                Some(Fault::Truncated | Fault::Garbage) => {
                    drop(act());
                    if self.has(Flaw::HalfReplyIsLater) {
                        error(ErrorKind::BadReply, Retry::Later)
                    } else {
                        unknown
                    }
                }
                Some(Fault::ErrorBefore) if self.has(Flaw::ServerErrorIsLater) => {
                    error(ErrorKind::Unavailable, Retry::Later)
                }
                Some(
                    Fault::ErrorBefore | Fault::Html | Fault::ListingCut | Fault::EmptyListing,
                ) => unknown,
            };
        }
    }

    /// All rows in order, page by page, as far as it goes.
    pub(super) fn pages(&self, wanted: impl Fn(&Row) -> bool) -> Result<Listing, PlatformError> {
        let all: Vec<(u64, Row)> = {
            let state = self.server.lock();
            state
                .rows
                .iter()
                .filter(|(_, row)| wanted(row))
                .map(|(id, row)| (*id, row.clone()))
                .collect()
        };
        let mut listing = Listing {
            records: Vec::new(),
            unreadable: Vec::new(),
            coverage: Coverage::None,
            cursor: None,
        };
        let mut shown = 0;
        let mut total = all.len();
        let has = |flaw| self.has(flaw);
        // A flawed adapter takes what it has for everything.
        let mut trusts = has(Flaw::FirstPageIsAll) || has(Flaw::CutListingIsComplete);
        while shown < total || shown == 0 {
            let mut page: &[(u64, Row)] =
                &all[shown.min(all.len())..(shown + PAGE_ROWS).min(all.len())];
            match self.reads(Target::List) {
                Err(error) if shown == 0 => return Err(error),
                Err(_) => {
                    trusts |= has(Flaw::MidwayIsComplete);
                    break;
                }
                Ok(Some(fault @ (Fault::Html | Fault::Garbage | Fault::Truncated))) => {
                    let flaw = match fault {
                        Fault::Html => Flaw::HtmlIsEmptyListing,
                        Fault::Garbage => Flaw::GarbageIsEmptyListing,
                        _ => Flaw::TruncatedListingIsComplete,
                    };
                    if !has(flaw) {
                        return error(ErrorKind::BadReply, Retry::Later);
                    }
                    trusts = true;
                    break;
                }
                Ok(Some(Fault::EmptyListing)) if !has(Flaw::EmptyListingRepeatsOldRows) => {
                    (page, total) = (&[], 0);
                }
                Ok(Some(Fault::ListingCut)) => page = &page[..1],
                Ok(_) => {}
            }
            for (id, row) in page {
                match self.record(*id, row) {
                    Ok(record) => listing.records.push(record),
                    Err(_) if has(Flaw::BadRowIsDropped) => {}
                    Err(_) if has(Flaw::BadRowSpoilsListing) => {
                        return error(ErrorKind::BadReply, Retry::Later);
                    }
                    Err(unreadable) => listing.unreadable.push(unreadable),
                }
            }
            shown += page.len();
            if page.len() < PAGE_ROWS || has(Flaw::FirstPageIsAll) {
                break;
            }
        }
        if shown < total && !trusts {
            listing.coverage = Coverage::Partial {
                why: "fewer rows than told".to_owned(),
            };
        }
        Ok(listing)
    }
}
