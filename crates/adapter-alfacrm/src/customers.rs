//! Customers: the cards behind lessons, and the card for a booking's client.
//!
//! A lesson names its customer by id only, so the card is read too. Cards are remembered for a while; many unknown ones
//! at once are read from the whole list, a few one by one.
//!
//! # Finding a card
//! By phone, else by e-mail, among clients first and leads then, active and archived alike; a card is made only when
//! there is none (alfacrm contract, 8.1). Of several cards with one phone, as families have them, the one with the
//! client's name counts, else the oldest. A client of whom only the name is known gets a card of that name without
//! contacts.
//!
//! # Guarantees
//! Two bookings of one new client that are written at once make one card: whoever looks for a card looks alone.
//! No card is changed but that of a client whose name or contacts were changed elsewhere; a new contact is put before
//! the old ones, which stay.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex as SyncMutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use slotbridge_core::model::{Client, Private};
use slotbridge_core::normalise;
use slotbridge_platform::client::Reply;
use slotbridge_platform::platform::{Edit, Priority};
use slotbridge_platform::{Contacts, ErrorKind, PlatformError, Retry};
use tokio::sync::Mutex;

use crate::cards::{self, By, Card, Terms};
use crate::error;
use crate::listing;
use crate::request::{self, Ask, CustomerFilter, Part};
use crate::session::Session;
use crate::wire::{self, Object};

/// Up to so many unknown cards are read one by one.
const SINGLE_READS_MAX: usize = 3;
/// How long a card is believed where the whole platform is looked at, and where one record is.
const CARD_AGE_POLL: Duration = Duration::from_mins(10);
const CARD_AGE_RECORD: Duration = Duration::from_secs(30);

/// The cards of one branch.
#[derive(Debug)]
pub(crate) struct Customers {
    pub(crate) terms: Terms,
    /// What was read of each, and when; none for a customer that the branch does not show.
    known: SyncMutex<BTreeMap<u64, (Option<Card>, Duration)>>,
    /// Held by whoever looks for a card to make it if there is none.
    finding: Mutex<()>,
}

impl Customers {
    pub(crate) fn new(terms: Terms) -> Self {
        Self {
            terms,
            known: SyncMutex::default(),
            finding: Mutex::new(()),
        }
    }

    /// The cards of these customers; `None` for one that the branch does not show.
    ///
    /// # Errors
    /// When one that is not remembered cannot be read.
    pub(crate) async fn cards(
        &self,
        session: &Session,
        ids: &BTreeSet<u64>,
        priority: Priority,
    ) -> Result<BTreeMap<u64, Option<Card>>, PlatformError> {
        let age_max = match priority {
            Priority::Write | Priority::Hint => CARD_AGE_RECORD,
            Priority::Poll | Priority::Sweep => CARD_AGE_POLL,
        };
        let mut wanted = self.unknown(session, ids, Some(age_max));
        let read = if wanted.len() > SINGLE_READS_MAX {
            self.read_from_list(session, &mut wanted, priority).await
        } else {
            self.read_singly(session, &wanted, priority).await
        };
        if let Err(error) = read {
            // An older card is better than none.
            if !self.unknown(session, ids, None).is_empty() {
                return Err(error);
            }
            tracing::debug!(%error, "Customers could not be read again; what was read before is used.");
        }
        let known = self.locked();
        Ok(ids
            .iter()
            .map(|id| (*id, known.get(id).and_then(|(card, _)| card.clone())))
            .collect())
    }

    /// Which of these were not read, or not lately.
    fn unknown(
        &self,
        session: &Session,
        ids: &BTreeSet<u64>,
        age_max: Option<Duration>,
    ) -> BTreeSet<u64> {
        let (now, known) = (session.now(), self.locked());
        let is_known = |id: &u64| {
            known.get(id).is_some_and(|(_, at)| {
                age_max.is_none_or(|age_max| now.saturating_sub(*at) < age_max)
            })
        };
        ids.iter().copied().filter(|id| !is_known(id)).collect()
    }

    async fn read_singly(
        &self,
        session: &Session,
        ids: &BTreeSet<u64>,
        priority: Priority,
    ) -> Result<(), PlatformError> {
        for id in ids {
            let mut card = None;
            for clients in [true, false] {
                let filter = CustomerFilter::Id(*id);
                let found = self.list(session, &filter, clients, priority).await?;
                card = found.into_iter().find(|card| card.id == *id);
                if card.is_some() {
                    break;
                }
            }
            self.note(session, *id, card);
        }
        Ok(())
    }

    /// Reads the whole list until all that are wanted were seen; nothing else of it is kept.
    async fn read_from_list(
        &self,
        session: &Session,
        wanted: &mut BTreeSet<u64>,
        priority: Priority,
    ) -> Result<(), PlatformError> {
        for clients in [true, false] {
            let (mut page, mut seen) = (0, BTreeSet::new());
            while !wanted.is_empty() {
                let part = Part {
                    page,
                    page_size: self.terms.page_size,
                };
                let ask = request::list_customers(
                    self.terms.branch,
                    &CustomerFilter::Everyone,
                    clients,
                    part,
                );
                let reply = session.call(&ask, priority).await?;
                let Some(rows) = wire::page(&reply.body) else {
                    return Err(error::senseless(&ask, "an answer that is no list"));
                };
                let before = seen.len();
                for card in rows
                    .rows
                    .iter()
                    .filter_map(Value::as_object)
                    .filter_map(Card::read)
                {
                    seen.insert(card.id);
                    if wanted.remove(&card.id) {
                        self.note(session, card.id, Some(card));
                    }
                }
                let all = rows
                    .total
                    .is_some_and(|total| u64::try_from(seen.len()).is_ok_and(|n| n >= total));
                if seen.len() == before || all {
                    break;
                }
                page += 1;
            }
        }
        // The list may have moved while it was read.
        if wanted.len() > SINGLE_READS_MAX {
            for id in wanted.iter() {
                self.note(session, *id, None);
            }
            return Ok(());
        }
        self.read_singly(session, wanted, priority).await
    }

    /// One filtered list of cards, proven to be whole.
    async fn list(
        &self,
        session: &Session,
        filter: &CustomerFilter,
        clients: bool,
        priority: Priority,
    ) -> Result<Vec<Card>, PlatformError> {
        let ask = |part| request::list_customers(self.terms.branch, filter, clients, part);
        let size = match filter {
            CustomerFilter::Id(_) => Part::ONE.page_size,
            _ => self.terms.page_size,
        };
        let rows = listing::rows(session, ask, size, priority).await?;
        let rows = rows.proven("customers.list")?;
        Ok(rows
            .into_values()
            .filter_map(|row| row.as_object().and_then(Card::read))
            .collect())
    }

    /// The card for a new lesson of this client; made if there is none.
    ///
    /// # Errors
    /// Never says that the lesson may have landed: a card whose making had an unknown fate is found next time.
    pub(crate) async fn find_or_make(
        &self,
        session: &Session,
        client: &Client,
    ) -> Result<u64, PlatformError> {
        let shown = self.terms.shown(client);
        let _alone = self.finding.lock().await;
        let found = self.find(session, &shown).await?;
        match found {
            Some(card) => {
                let id = card.id;
                self.note(session, id, Some(card));
                Ok(id)
            }
            None => self.make(session, &shown).await.map_err(|mut error| {
                if error.retry == Retry::AfterObserving {
                    error.retry = Retry::Later;
                }
                error
            }),
        }
    }

    /// The card for a lesson whose client was changed, changed itself where it is the same person's.
    pub(crate) async fn follow(
        &self,
        session: &Session,
        current: u64,
        edit: &Edit,
    ) -> Result<u64, PlatformError> {
        let current = self.card(session, current).await?;
        let Some(current) = current else {
            // The lesson has somebody: giving it to another card because this one was not shown would lose who it is.
            return Err(PlatformError::new(
                ErrorKind::BadReply,
                Retry::Later,
                "customers.list",
                "the card of the lesson's client cannot be found",
            ));
        };
        let shown = self.terms.shown(&cards::wanted(
            &self.terms.client(&current),
            &edit.desired.client,
            edit,
        ));
        if self.terms.client(&current) == self.terms.client(&cards::as_card(&current, &shown)) {
            return Ok(current.id);
        }
        let _alone = self.finding.lock().await;
        let found = self.find(session, &shown).await?;
        let same_name =
            normalise::name_key(current.name.expose()) == normalise::name_key(shown.name.expose());
        let own = match &found {
            Some(found) => found.id == current.id,
            None => same_name,
        };
        match found {
            // With a sink there are only names to go by, and a name that changed is another card.
            _ if own && self.terms.contacts == Contacts::Real => {
                let id = current.id;
                self.change(session, &current, &shown).await?;
                Ok(id)
            }
            Some(found) => {
                let id = found.id;
                self.note(session, id, Some(found));
                Ok(id)
            }
            None => self.make(session, &shown).await,
        }
    }

    async fn card(&self, session: &Session, id: u64) -> Result<Option<Card>, PlatformError> {
        let cards = self
            .cards(session, &BTreeSet::from([id]), Priority::Write)
            .await?;
        Ok(cards.into_values().flatten().next())
    }

    async fn find(
        &self,
        session: &Session,
        client: &Client,
    ) -> Result<Option<Card>, PlatformError> {
        let mut ways = Vec::new();
        if let Some(phone) = &client.phone {
            ways.push((By::Phone, CustomerFilter::Contact(cards::needle(phone))));
        }
        if let Some(email) = &client.email {
            let email = email.expose().trim().to_owned();
            ways.push((By::Email, CustomerFilter::Contact(email)));
        }
        if ways.is_empty() {
            let name = client.name.expose().to_owned();
            ways.push((By::Name, CustomerFilter::Name(name)));
        }
        for (by, filter) in ways {
            for clients in [true, false] {
                let mut cards = self
                    .list(session, &filter, clients, Priority::Write)
                    .await?;
                cards.retain(|card| self.terms.is_match(card, client, by));
                if let Some(card) = cards::best(cards, client) {
                    return Ok(Some(card));
                }
            }
        }
        Ok(None)
    }

    async fn make(&self, session: &Session, client: &Client) -> Result<u64, PlatformError> {
        let mut body = json!({
            "name": client.name.expose(),
            "legal_type": 1,
            "is_study": 1,
            "branch_ids": [self.terms.branch],
        });
        if let Value::Object(fields) = &mut body {
            for (key, contact) in [("phone", &client.phone), ("email", &client.email)] {
                if let Some(contact) = contact {
                    fields.insert(key.to_owned(), json!([contact.expose().trim()]));
                }
            }
        }
        let ask = request::create_customer(self.terms.branch, body);
        let reply = session.call(&ask, Priority::Write).await?;
        self.made(&ask, &reply)
    }

    fn made(&self, ask: &Ask, reply: &Reply) -> Result<u64, PlatformError> {
        let model = wire::outcome(&reply.body).and_then(|outcome| outcome.model);
        let id = model.and_then(|model| wire::id(model.get("id")));
        let id =
            id.ok_or_else(|| error::senseless(ask, "a success without the id of the new card"))?;
        self.forget(id);
        Ok(id)
    }

    /// Writes what differs of name and contacts; a new contact goes before the old ones.
    async fn change(
        &self,
        session: &Session,
        card: &Card,
        client: &Client,
    ) -> Result<(), PlatformError> {
        let mut body = Object::new();
        if card.name != client.name {
            body.insert("name".to_owned(), json!(client.name.expose()));
        }
        let first_phone = card
            .phones
            .first()
            .and_then(|phone| normalise::phone(phone.expose(), &self.terms.country));
        if let Some(phone) = client
            .phone
            .as_ref()
            .filter(|p| Some(*p) != first_phone.as_ref())
        {
            let is_it = |own: &Private| {
                normalise::phone(own.expose(), &self.terms.country).as_ref() == Some(phone)
            };
            body.insert(
                "phone".to_owned(),
                cards::put_first(phone, &card.phones, is_it),
            );
        }
        let first_email = card
            .emails
            .first()
            .map(|e| normalise::email_key(e.expose()));
        if let Some(email) = &client.email {
            let key = normalise::email_key(email.expose());
            if first_email.as_ref() != Some(&key) {
                let is_it = |own: &Private| normalise::email_key(own.expose()) == key;
                body.insert(
                    "email".to_owned(),
                    cards::put_first(email, &card.emails, is_it),
                );
            }
        }
        if body.is_empty() {
            return Ok(());
        }
        let ask = request::update_customer(self.terms.branch, card.id, Value::Object(body));
        self.forget(card.id);
        session.call(&ask, Priority::Write).await?;
        Ok(())
    }

    fn note(&self, session: &Session, id: u64, card: Option<Card>) {
        self.locked().insert(id, (card, session.now()));
    }

    /// Reads the card anew before it is used again.
    pub(crate) fn forget(&self, id: u64) {
        self.locked().remove(&id);
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<u64, (Option<Card>, Duration)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
