//! The public service: bookings that we made or heard of, one by one, with signatures.
//!
//! # Ids
//! A call about one booking is signed with its hash, which only the reply to `book` and the callbacks tell. So both are
//! the record's id: `9012:0f1e2d…`. Whoever keeps the id keeps the hash, from the moment that the booking is made.

mod moves;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::Date;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use slotbridge_core::model::RemoteId;
use slotbridge_core::record::{Reading, Unreadable};
use slotbridge_platform::platform::{Draft, Priority, Written};
use slotbridge_platform::{ErrorKind, PlatformError, Retry};

use crate::admin::Made;
use crate::convert::{self, Card};
use crate::error;
use crate::fetched::Fetched;
use crate::occupancy::Hours;
use crate::platform::{Hands, locked};
use crate::request::{self, Times};
use crate::wire;

const CREATE: &str = "records.create";

/// How many hashes are remembered.
const HASHES_MAX: usize = 20_000;

/// By provider, year and month: when they were read, and the hours.
type KnownHours = BTreeMap<(u64, i16, i8), (Duration, Hours)>;

/// What the public service needs besides what both have.
#[derive(Debug)]
pub(crate) struct Public {
    secret: SecretString,
    /// By booking: the id that it goes by here, and the latest hash.
    known: Mutex<BTreeMap<u64, (RemoteId, String)>>,
    pub(crate) hours: tokio::sync::Mutex<KnownHours>,
}

/// A booking to be made.
#[derive(Debug, Clone, PartialEq)]
struct Wanted {
    event: u64,
    unit: u64,
    times: Times,
    card: Card,
    additional: Map<String, Value>,
}

impl Public {
    pub(crate) fn new(secret: SecretString) -> Self {
        Self {
            secret,
            known: Mutex::default(),
            hours: tokio::sync::Mutex::default(),
        }
    }

    /// The id of a booking that a callback tells of. One that is known keeps its id, whatever hash comes with it.
    pub(crate) fn remote(&self, id: u64, hash: Option<&str>) -> RemoteId {
        let mut known = locked(&self.known);
        if let Some((remote, latest)) = known.get_mut(&id) {
            if let Some(hash) = hash {
                hash.clone_into(latest);
            }
            return remote.clone();
        }
        let remote = id_with_hash(id, hash.unwrap_or_default());
        if let Some(hash) = hash {
            remember(&mut known, id, &remote, hash);
        }
        remote
    }

    /// The hashes to sign with, the likeliest first.
    fn hashes(&self, id: u64, remote: &RemoteId, own: &str) -> Vec<String> {
        let mut known = locked(&self.known);
        let latest = known.get(&id).map(|(_, latest)| latest.clone());
        if latest.is_none() && !own.is_empty() {
            remember(&mut known, id, remote, own);
        }
        let mut hashes: Vec<String> = latest
            .into_iter()
            .chain([own.to_owned()])
            .filter(|hash| !hash.is_empty())
            .collect();
        hashes.dedup();
        hashes
    }

    /// Makes a signed call.
    async fn signed(
        &self,
        hands: &Hands,
        remote: &RemoteId,
        priority: Priority,
        ask: impl Fn(u64, &str) -> request::Ask + Send + Sync,
    ) -> Result<Value, PlatformError> {
        let unsigned = || {
            PlatformError::new(
                ErrorKind::NotFound,
                Retry::Never,
                "sign",
                "the id is not one of this platform's",
            )
        };
        let (id, own) = parts(remote).ok_or_else(unsigned)?;
        let mut refusal = PlatformError::new(
            ErrorKind::Refused,
            Retry::Never,
            "sign",
            "the booking's hash is not known",
        )
        .with("code", -32085);
        for hash in self.hashes(id, remote, own) {
            let ask = ask(id, &request::sign(id, &hash, self.secret.expose_secret()));
            match hands.call(&ask, priority).await {
                Err(error) if is_signature(&error) => refusal = error,
                other => return other,
            }
        }
        Err(refusal)
    }

    pub(crate) async fn read(
        &self,
        hands: &Hands,
        id: &RemoteId,
        priority: Priority,
    ) -> Result<Reading, PlatformError> {
        Ok(self.fetch(hands, id, priority).await?.into_reading())
    }

    async fn fetch(
        &self,
        hands: &Hands,
        id: &RemoteId,
        priority: Priority,
    ) -> Result<Fetched, PlatformError> {
        let company = hands.company(priority).await?;
        let unreadable = |why: String| {
            Fetched::Unreadable(Unreadable {
                id: Some(id.clone()),
                why,
            })
        };
        let details = match self
            .signed(hands, id, priority, request::signed_details)
            .await
        {
            Ok(details) => details,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(Fetched::Missing),
            // A forged callback, a wrong secret key or a hash that changed: nothing is known of the booking.
            Err(error) if is_signature(&error) => return Ok(unreadable(error.message)),
            Err(error) => return Err(error),
        };
        let number = parts(id).map(|(number, _)| number);
        if details
            .as_object()
            .and_then(|row| wire::first_id(row, &["id"]))
            != number
        {
            let ask = request::signed_details(0, "");
            return Err(error::senseless(
                &ask,
                "the details are those of no or of another booking",
            ));
        }
        Ok(match hands.terms.shown(&details, &company, Some("")) {
            Ok(mut shown) => {
                shown.record.id = id.clone();
                if let (Some(number), Some(hash)) = (number, &shown.hash) {
                    remember(&mut locked(&self.known), number, id, hash);
                }
                Fetched::Found(Box::new(shown))
            }
            Err(row) => unreadable(row.why),
        })
    }

    pub(crate) async fn create(
        &self,
        hands: &Hands,
        draft: &Draft,
    ) -> Result<Written, PlatformError> {
        let company = hands.company(Priority::Write).await?;
        let wanted = Wanted {
            event: convert::event(CREATE, draft)?,
            unit: convert::key(CREATE, "resource", draft.resource.as_str())?,
            times: company.times(CREATE, draft.slot)?,
            card: hands.terms.card(draft),
            additional: hands.terms.new_additional(draft.booking, draft.kind),
        };
        Ok(Written {
            id: self.book(hands, &wanted).await?,
            record: None,
        })
    }

    /// Makes one booking, confirmed.
    async fn book(&self, hands: &Hands, wanted: &Wanted) -> Result<RemoteId, PlatformError> {
        let ask = request::public_book(
            wanted.event,
            wanted.unit,
            wanted.times.start,
            wanted.card.to_json(),
            wanted.additional.clone(),
        );
        let reply = hands.call(&ask, Priority::Write).await?;
        let made = Made::read(&ask, &reply)?;
        let hash = made
            .hash
            .ok_or_else(|| error::senseless(&ask, "the new booking has no hash"))?;
        let remote = id_with_hash(made.id, &hash);
        remember(&mut locked(&self.known), made.id, &remote, &hash);
        if made.waits {
            self.confirm(hands, made.id, &hash, &remote).await?;
        }
        Ok(remote)
    }

    async fn confirm(
        &self,
        hands: &Hands,
        id: u64,
        hash: &str,
        remote: &RemoteId,
    ) -> Result<(), PlatformError> {
        let why = match self
            .signed(hands, remote, Priority::Write, request::signed_confirm)
            .await
        {
            Ok(done) if wire::flag(&done) != Some(false) => return Ok(()),
            Ok(_) => "the platform does not confirm the booking".to_owned(),
            Err(error) if error.retry == Retry::AfterObserving => return Err(error),
            Err(error) => error.message,
        };
        let cancel =
            request::signed_cancel(id, &request::sign(id, hash, self.secret.expose_secret()));
        Err(hands.undo(cancel, &why).await)
    }

    /// The free starts by day. A window is begun a day early: its first day was seen to come incomplete
    /// (simplybook contract, 5.5).
    pub(crate) async fn free(
        &self,
        hands: &Hands,
        from: Date,
        to: Date,
        event: u64,
        unit: u64,
        priority: Priority,
    ) -> Result<BTreeMap<Date, Vec<jiff::civil::Time>>, PlatformError> {
        let ask = request::free_starts(from.saturating_sub(1.day()), to, event, unit);
        let matrix = hands.call(&ask, priority).await?;
        let odd = |why: &str| error::senseless(&ask, why);
        let mut free = BTreeMap::new();
        for (day, times) in
            wire::entries(&matrix).ok_or_else(|| odd("the free times are no table of days"))?
        {
            let day = wire::date_of(day).ok_or_else(|| odd("a day is unreadable"))?;
            let times =
                wire::elements(times).ok_or_else(|| odd("a day's free times are no list"))?;
            let times: Option<Vec<_>> = times
                .into_iter()
                .map(|time| wire::time_of(&wire::text(time)?))
                .collect();
            free.insert(day, times.ok_or_else(|| odd("a free time is unreadable"))?);
        }
        Ok(free)
    }

    pub(crate) async fn remove(&self, hands: &Hands, id: &RemoteId) -> Result<(), PlatformError> {
        let refusal = match self
            .signed(hands, id, Priority::Write, request::signed_cancel)
            .await
        {
            Ok(done) if wire::flag(&done) == Some(true) => return Ok(()),
            Ok(_) => {
                let ask = request::signed_cancel(0, "");
                error::senseless(
                    &ask,
                    "the platform does not say that it cancelled the booking",
                )
            }
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
        match self.stands(hands, id).await {
            Ok(false) => Ok(()),
            Ok(true) | Err(_) => Err(refusal),
        }
    }
}

fn remember(known: &mut BTreeMap<u64, (RemoteId, String)>, id: u64, remote: &RemoteId, hash: &str) {
    while known.len() >= HASHES_MAX {
        // Ids ascend: the lowest is the oldest.
        known.pop_first();
    }
    known.insert(id, (remote.clone(), hash.to_owned()));
}

fn is_signature(error: &PlatformError) -> bool {
    error
        .context
        .iter()
        .any(|(key, value)| *key == "code" && value == "-32085")
}

/// Id and hash as one id.
pub(crate) fn id_with_hash(id: u64, hash: &str) -> RemoteId {
    if hash.is_empty() {
        RemoteId::new(id.to_string())
    } else {
        RemoteId::new(format!("{id}:{hash}"))
    }
}

/// The id and the hash in an id; the hash is empty when it is not known.
pub(crate) fn parts(remote: &RemoteId) -> Option<(u64, &str)> {
    let (id, hash) = remote
        .as_str()
        .split_once(':')
        .unwrap_or((remote.as_str(), ""));
    let number: u64 = id.parse().ok()?;
    (number > 0).then_some((number, hash))
}
