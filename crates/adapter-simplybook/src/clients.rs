//! Whom a booking is for: the owner's client card where there is one, else a new one.
//!
//! A booking of the administration service needs the id of a card. Cards are the owner's: one that is found by phone or
//! e-mail is used as it is, and changed only when a change of this very client is written.
//! With a sink, cards are found by name among those that carry the sink's contacts, so that the owner's cards are left
//! alone.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use md5::{Digest as _, Md5};
use serde_json::{Map, Value, json};
use slotbridge_core::model::Private;
use slotbridge_core::normalise;
use slotbridge_platform::platform::Priority;
use slotbridge_platform::{Contacts, ErrorKind, PlatformError, Retry};

use crate::convert::{Card, Terms, is_sink};
use crate::error;
use crate::request;
use crate::session::Session;
use crate::wire::{self, Object};

/// How many cards are remembered.
const KNOWN_MAX: usize = 2000;

/// Name, phone and e-mail as they were asked for.
type Key = (String, Option<Private>, Option<Private>);
type Known = BTreeMap<Key, u64>;

/// The cards that were found or made, so that the next booking of the same client costs no search.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    known: Mutex<Known>,
}

/// A card as the platform shows it.
#[derive(Debug, Clone)]
struct Found {
    id: u64,
    name: Private,
    phone: Option<Private>,
    email: Option<Private>,
}

/// What a card has to be for a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// The same person's, whatever it says of the name.
    Person,
    /// It shows exactly this name and these contacts.
    Exact,
}

impl Clients {
    /// Finds the card, or makes one. `current` is the card that the booking has now, if it has one.
    pub(crate) async fn card_for(
        &self,
        session: &Session,
        terms: &Terms,
        card: &Card,
        fit: Fit,
        current: Option<u64>,
    ) -> Result<u64, PlatformError> {
        let key = key_of(card);
        if let Some(id) = self.lock().get(&key).copied() {
            return Ok(id);
        }
        let id = match &terms.contacts {
            Contacts::Sink { email: sink, .. }
                if card
                    .email
                    .as_ref()
                    .is_some_and(|email| is_sink(email.expose(), sink.expose())) =>
            {
                self.sink_card(session, terms, card, sink).await?
            }
            Contacts::Sink { .. } | Contacts::Real => {
                real_card(session, terms, card, fit, current).await?
            }
        };
        let mut known = self.lock();
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(key, id);
        Ok(id)
    }

    /// A card turned out not to be there any more.
    pub(crate) fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn sink_card(
        &self,
        session: &Session,
        terms: &Terms,
        card: &Card,
        sink: &Private,
    ) -> Result<u64, PlatformError> {
        let wanted = normalise::name_key(card.name.expose());
        let same_name = |found: &Found| normalise::name_key(found.name.expose()) == wanted;
        let found = search(session, terms, card.name.expose()).await?;
        let ours = |found: &&Found| {
            same_name(found)
                && found
                    .email
                    .as_ref()
                    .is_some_and(|email| is_sink(email.expose(), sink.expose()))
        };
        if let Some(found) = found.iter().find(ours) {
            return Ok(found.id);
        }
        // The platform may take an address for a person's and give the card of another name (simplybook contract, 6.1).
        let tagged = Card {
            email: Some(tagged(sink.expose(), &wanted)),
            ..card.clone()
        };
        let mut unread = false;
        for card in [card, &tagged] {
            let id = add(session, card).await?;
            match read(session, terms, id).await? {
                Some(found) if same_name(&found) => return Ok(id),
                Some(_another) => {}
                None => unread = true,
            }
        }
        if unread {
            return Err(PlatformError::new(
                ErrorKind::BadReply,
                Retry::Later,
                "clients.create",
                "a client's card that was just made cannot be read",
            ));
        }
        Err(PlatformError::new(
            ErrorKind::Refused,
            Retry::Never,
            "clients.create",
            "the platform gives another client's card for the sink's contacts; choose a sink_email that no client has",
        ))
    }
}

async fn real_card(
    session: &Session,
    terms: &Terms,
    card: &Card,
    fit: Fit,
    current: Option<u64>,
) -> Result<u64, PlatformError> {
    let mut found: Vec<Found> = Vec::new();
    let words = [card.phone.as_ref(), card.email.as_ref()];
    let words: Vec<&str> = words.into_iter().flatten().map(Private::expose).collect();
    for word in if words.is_empty() {
        vec![card.name.expose()]
    } else {
        words
    } {
        // A plus sign and a country code are often not stored.
        let digits: String = word.chars().filter(char::is_ascii_digit).collect();
        let tail = digits
            .get(digits.len().saturating_sub(9)..)
            .unwrap_or(&digits);
        let word = if word.contains('@') || tail.len() < 7 {
            word
        } else {
            tail
        };
        found.extend(search(session, terms, word).await?);
        if found.iter().any(|found| found.is_exactly(card)) {
            break;
        }
    }
    if let Some(exact) = found.iter().find(|found| found.is_exactly(card)) {
        return Ok(exact.id);
    }
    let person = found.iter().find(|found| found.is_person(card));
    match (fit, person) {
        (Fit::Person, Some(person)) => Ok(person.id),
        (Fit::Exact, Some(person)) => change(session, person, card).await,
        (_, None) => {
            let id = add(session, card).await?;
            // A change of this very client may lead back to the same card.
            if fit == Fit::Exact && current == Some(id) {
                let old = Found {
                    id,
                    name: Private::default(),
                    phone: None,
                    email: None,
                };
                return change(session, &old, card).await;
            }
            Ok(id)
        }
    }
}

async fn change(session: &Session, found: &Found, card: &Card) -> Result<u64, PlatformError> {
    let mut data = Map::new();
    data.insert("name".to_owned(), json!(card.name.expose()));
    for (key, value, old) in [
        ("phone", &card.phone, &found.phone),
        ("email", &card.email, &found.email),
    ] {
        if let Some(value) = value.as_ref().or(old.as_ref()) {
            data.insert(key.to_owned(), json!(value.expose()));
        }
    }
    let ask = request::edit_client(found.id, data);
    match session.call(&ask, Priority::Write).await? {
        Value::Null => Err(PlatformError::new(
            ErrorKind::Refused,
            Retry::Never,
            ask.operation,
            "the change of the client is not accepted",
        )),
        _ => Ok(found.id),
    }
}

/// The id of a new card, or of one that is there: the platform gives that as a result or in an error (simplybook
/// contract, 6.1).
async fn add(session: &Session, card: &Card) -> Result<u64, PlatformError> {
    let ask = request::add_client(card.to_json());
    let result = match session.call(&ask, Priority::Write).await {
        Ok(result) => result,
        Err(error) => {
            let existing = error
                .context
                .iter()
                .find(|(key, _)| *key == error::EXISTING);
            return existing.and_then(|(_, id)| id.parse().ok()).ok_or(error);
        }
    };
    let id = wire::id(&result).or_else(|| {
        result
            .as_object()
            .and_then(|card| wire::first_id(card, &["id", "client_id"]))
    });
    id.ok_or_else(|| error::senseless(&ask, "the reply names no client"))
}

async fn search(
    session: &Session,
    terms: &Terms,
    words: &str,
) -> Result<Vec<Found>, PlatformError> {
    let ask = request::find_clients(words);
    let result = session.call(&ask, Priority::Write).await?;
    let cards = wire::elements(&result)
        .filter(|cards| cards.iter().all(|card| card.is_object()))
        .ok_or_else(|| error::senseless(&ask, "the clients are no list of clients"))?;
    Ok(cards
        .into_iter()
        .filter_map(Value::as_object)
        .filter_map(|card| Found::read(card, terms))
        .collect())
}

async fn read(session: &Session, terms: &Terms, id: u64) -> Result<Option<Found>, PlatformError> {
    let card = session.call(&request::client(id), Priority::Write).await?;
    Ok(card.as_object().and_then(|card| Found::read(card, terms)))
}

impl Found {
    fn read(card: &Object, terms: &Terms) -> Option<Self> {
        Some(Self {
            id: wire::first_id(card, &["id", "client_id"])?,
            name: normalise::name(&wire::filled(card, &["name"]).unwrap_or_default()),
            phone: wire::filled(card, &["phone"])
                .and_then(|raw| normalise::phone(&raw, &terms.country)),
            email: wire::filled(card, &["email"]).and_then(|raw| normalise::email(&raw)),
        })
    }

    fn has_email(&self, card: &Card) -> bool {
        let key = |email: &Option<Private>| {
            email
                .as_ref()
                .map(|email| normalise::email_key(email.expose()))
        };
        key(&self.email) == key(&card.email)
    }

    fn is_exactly(&self, card: &Card) -> bool {
        self.name == card.name && self.phone == card.phone && self.has_email(card)
    }

    /// Whether it is the same person's: the same phone, or where none is known the same e-mail, or where neither is
    /// known the same name.
    fn is_person(&self, card: &Card) -> bool {
        match (&card.phone, &card.email) {
            (Some(_), _) if self.phone == card.phone => true,
            (_, Some(_)) => self.has_email(card) && (self.phone.is_none() || card.phone.is_none()),
            (Some(_), None) => false,
            (None, None) => {
                normalise::name_key(self.name.expose()) == normalise::name_key(card.name.expose())
            }
        }
    }
}

fn key_of(card: &Card) -> Key {
    (
        card.name.expose().to_owned(),
        card.phone.clone(),
        card.email.clone(),
    )
}

/// The sink's address with a tag of the name's own, which mail servers deliver to the same box.
fn tagged(sink: &str, name: &str) -> Private {
    let digest = Md5::digest(name.as_bytes());
    let tag = request::hex(digest.iter().take(4));
    let (local, domain) = sink.split_once('@').unwrap_or((sink, "example.invalid"));
    Private::new(format!("{local}+sb{tag}@{domain}"))
}
