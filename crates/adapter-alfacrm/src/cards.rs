//! A customer's card: the client that it shows, the card that a client should have, and which card is whose. Pure.

use serde_json::{Value, json};
use slotbridge_core::model::{Client, Field, Private};
use slotbridge_core::normalise;
use slotbridge_platform::Contacts;
use slotbridge_platform::platform::Edit;

use crate::form::card_name;
use crate::wire::{self, Object};

/// So many digits at the end of a phone are asked for; spellings differ in what stands before them.
const PHONE_DIGITS: usize = 10;

/// A customer's card.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Card {
    pub(crate) id: u64,
    pub(crate) name: Private,
    /// As the card has them, for writing them back.
    pub(crate) phones: Vec<Private>,
    pub(crate) emails: Vec<Private>,
}

impl Card {
    /// Reads one row of the list of customers; one without an id is nobody's.
    pub(crate) fn read(row: &Object) -> Option<Self> {
        let private = |key: &str| {
            wire::texts(row.get(key))
                .into_iter()
                .map(Private::new)
                .collect()
        };
        Some(Self {
            id: wire::id(row.get("id"))?,
            name: normalise::name(&wire::text(row.get("name")).unwrap_or_default()),
            phones: private("phone"),
            emails: private("email"),
        })
    }

    fn has_phone(&self, phone: &Private, country: &str) -> bool {
        self.phones
            .iter()
            .any(|own| normalise::phone(own.expose(), country).as_ref() == Some(phone))
    }

    fn has_email(&self, email: &str) -> bool {
        let key = normalise::email_key(email);
        self.emails
            .iter()
            .any(|own| normalise::email_key(own.expose()) == key)
    }
}

/// What the account says about clients.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) branch: u64,
    pub(crate) page_size: u32,
    pub(crate) country: String,
    pub(crate) contacts: Contacts,
    pub(crate) busy_name: String,
}

impl Terms {
    /// The client of a card. A sink's contacts are nobody's, and a name that only stands in for a missing one is none.
    pub(crate) fn client(&self, card: &Card) -> Client {
        let phones = card
            .phones
            .iter()
            .filter_map(|phone| normalise::phone(phone.expose(), &self.country));
        let emails = card
            .emails
            .iter()
            .filter_map(|email| normalise::email(email.expose()));
        let (phone, email) = match &self.contacts {
            Contacts::Real => (phones.take(1).next(), emails.take(1).next()),
            Contacts::Sink { phone, email } => {
                let phone = normalise::phone(phone.expose(), &self.country);
                let email = normalise::email_key(email.expose());
                (
                    phones
                        .filter(|own| Some(own) != phone.as_ref())
                        .take(1)
                        .next(),
                    emails
                        .filter(|own| normalise::email_key(own.expose()) != email)
                        .take(1)
                        .next(),
                )
            }
        };
        let nameless = (phone.is_none() && email.is_none() && card.name.expose() == self.busy_name)
            || [&phone, &email]
                .into_iter()
                .flatten()
                .any(|contact| card_name(contact.expose()) == card.name.expose());
        Client {
            name: if nameless {
                Private::default()
            } else {
                card.name.clone()
            },
            phone,
            email,
        }
    }

    /// What a client's card shows: the sink's contacts where one stands in, and never an empty name.
    pub(crate) fn shown(&self, client: &Client) -> Client {
        let (phone, email) = match &self.contacts {
            Contacts::Real => (client.phone.clone(), client.email.clone()),
            Contacts::Sink { phone, email } => (
                normalise::phone(phone.expose(), &self.country),
                Some(email.clone()),
            ),
        };
        let filled = |text: Option<Private>| text.filter(|text| !text.is_blank());
        let (phone, email) = (filled(phone), filled(email));
        let mut name = card_name(client.name.expose());
        if name.is_empty() {
            let contact = filled(client.phone.clone()).or_else(|| filled(client.email.clone()));
            let contact = contact.filter(|_| self.contacts == Contacts::Real);
            name = contact.map_or_else(
                || self.busy_name.clone(),
                |contact| card_name(contact.expose()),
            );
        }
        Client {
            name: Private::new(name),
            phone,
            email,
        }
    }

    /// The client of a block: a placeholder.
    pub(crate) fn placeholder(&self) -> Client {
        Client {
            name: Private::new(self.busy_name.clone()),
            ..Client::default()
        }
    }

    /// Whether a card is that of a client, found by the given trait.
    pub(crate) fn is_match(&self, card: &Card, client: &Client, by: By) -> bool {
        let same_name =
            normalise::name_key(card.name.expose()) == normalise::name_key(client.name.expose());
        let found = match (by, &client.phone, &client.email) {
            (By::Phone, Some(phone), _) => card.has_phone(phone, &self.country),
            (By::Email, _, Some(email)) => card.has_email(email.expose()),
            (By::Name, _, _) => same_name && card.phones.is_empty() && card.emails.is_empty(),
            _ => false,
        };
        // All cards of a sink have its contacts: only their names tell them apart.
        found && (self.contacts == Contacts::Real || same_name)
    }
}

/// By what a card is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Phone,
    Email,
    Name,
}

/// What the client should be: what the edit names, and what the card shows otherwise. An empty value means that it is
/// not known elsewhere, and changes nothing.
pub(crate) fn wanted(shown: &Client, desired: &Client, edit: &Edit) -> Client {
    let changes = |field| edit.fields.contains(&field);
    let filled = |text: &Option<Private>| text.clone().filter(|text| !text.is_blank());
    Client {
        name: if changes(Field::ClientName) && !desired.name.is_blank() {
            desired.name.clone()
        } else {
            shown.name.clone()
        },
        phone: filled(&desired.phone)
            .filter(|_| changes(Field::ClientPhone))
            .or_else(|| shown.phone.clone()),
        email: filled(&desired.email)
            .filter(|_| changes(Field::ClientEmail))
            .or_else(|| shown.email.clone()),
    }
}

/// A card as it would be with this client on it.
pub(crate) fn as_card(card: &Card, client: &Client) -> Card {
    Card {
        id: card.id,
        name: client.name.clone(),
        phones: client.phone.iter().cloned().collect(),
        emails: client.email.iter().cloned().collect(),
    }
}

/// Of several cards that match, the one with the client's name, else one that may well be the same person's, else the
/// oldest.
pub(crate) fn best(cards: Vec<Card>, client: &Client) -> Option<Card> {
    let name = client.name.expose();
    let rank = |card: &Card| {
        let own = card.name.expose();
        if normalise::name_key(own) == normalise::name_key(name) {
            0
        } else if normalise::same_person(own, name) {
            1
        } else {
            2
        }
    };
    cards.into_iter().min_by_key(|card| (rank(card), card.id))
}

/// The last digits of a phone, by which the platform finds it in any spelling; all of it where it has no digits.
pub(crate) fn needle(phone: &Private) -> String {
    let digits: Vec<char> = phone
        .expose()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    if digits.is_empty() {
        return phone.expose().trim().to_owned();
    }
    digits
        .iter()
        .skip(digits.len().saturating_sub(PHONE_DIGITS))
        .collect()
}

/// The contact, and behind it what was there, without repeating it.
pub(crate) fn put_first(
    contact: &Private,
    old: &[Private],
    is_it: impl Fn(&Private) -> bool,
) -> Value {
    let mut all = vec![contact.expose().trim().to_owned()];
    all.extend(
        old.iter()
            .filter(|own| !is_it(own))
            .map(|own| own.expose().to_owned()),
    );
    json!(all)
}
