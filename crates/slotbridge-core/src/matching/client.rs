//! Whether two clients are one person, by what the platforms show of them.

use crate::model::{Client, Private};
use crate::normalise;

/// What can be told of two clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SameClient {
    /// They are one.
    Yes,
    /// They are not.
    No,
    /// Only the names can be compared, and they may be one person's.
    Alike,
    /// There is nothing that both of them show.
    Untold,
}

/// Compares two clients by the strongest key that both of them show: phone, then e-mail, then name.
///
/// A phone that could not be read as one is no key.
pub fn same_client(one: &Client, other: &Client) -> SameClient {
    ClientKeys::of(one).compare(&ClientKeys::of(other))
}

/// The keys of a client, worked out once for many comparisons.
#[derive(Debug)]
pub(crate) struct ClientKeys<'a> {
    pub(crate) phone: Option<&'a str>,
    pub(crate) email: Option<Private>,
    pub(crate) name: Option<Private>,
}

impl<'a> ClientKeys<'a> {
    pub(crate) fn of(client: &'a Client) -> Self {
        let key = |text: String| (!text.is_empty()).then(|| Private::new(text));
        Self {
            phone: client
                .phone
                .as_ref()
                .filter(|phone| normalise::is_e164(phone))
                .map(Private::expose),
            email: client
                .email
                .as_ref()
                .and_then(|email| key(normalise::email_key(email.expose()))),
            name: key(normalise::name_key(client.name.expose())),
        }
    }

    pub(crate) fn is_blank(&self) -> bool {
        self.phone.is_none() && self.email.is_none() && self.name.is_none()
    }

    pub(crate) fn compare(&self, other: &Self) -> SameClient {
        let sure = |same| {
            if same {
                SameClient::Yes
            } else {
                SameClient::No
            }
        };
        if let (Some(one), Some(other)) = (self.phone, other.phone) {
            return sure(one == other);
        }
        if let (Some(one), Some(other)) = (&self.email, &other.email) {
            return sure(one == other);
        }
        let (Some(one), Some(other)) = (&self.name, &other.name) else {
            return SameClient::Untold;
        };
        if one == other {
            SameClient::Yes
        } else if normalise::same_person(one.expose(), other.expose()) {
            SameClient::Alike
        } else {
            SameClient::No
        }
    }
}
