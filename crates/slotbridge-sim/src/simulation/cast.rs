//! Who works there and what is done: the same on every platform, under other ids; and the invented clients.

use jiff::Timestamp;

use crate::dice::Dice;
use crate::person::Booking;
use crate::world::{Place, SERVICES, Service};

/// What every invented name begins with, so that a name anywhere gives itself away.
pub const NAME: &str = "Небылица";
/// What every invented e-mail ends with.
pub const EMAIL_HOST: &str = "nebylitsa.example";
/// What every invented comment begins with.
pub const COMMENT: &str = "Тайна";
/// What every invented phone begins with, as digits.
pub const PHONE: &str = "7900";

/// The id of a member of staff on a platform.
pub const fn staff_id(place: Place, number: usize) -> u64 {
    let base = match place {
        Place::Yclients => 8000,
        Place::Rubitime => 1700,
        Place::Simplybook => 30,
        Place::Alfacrm => 170,
    };
    base + number as u64
}

/// Which member of staff has this id on a platform.
pub fn staff_number(place: Place, id: u64) -> Option<usize> {
    usize::try_from(id.checked_sub(staff_id(place, 0))?).ok()
}

/// The bridge's name of a member of staff.
pub fn staff_name(number: usize) -> String {
    format!("staff-{number}")
}

/// The bridge's name of a service by its id on a platform.
pub fn service_name(place: Place, id: u64) -> Option<&'static str> {
    SERVICES
        .iter()
        .find(|service| place.service(service) == id)
        .map(|service| service.name)
}

/// Which client a name belongs to; none for a name that people here did not invent.
pub fn client_of(name: &str) -> Option<u64> {
    let rest = name.strip_prefix(NAME)?;
    rest.rsplit('-').next()?.trim().parse().ok()
}

/// The invented name of a client.
pub fn client_name(client: u64) -> String {
    format!("{NAME} Ё-{client}")
}

/// A phone of a client; `version` tells apart those that the client had one after another.
pub fn phone(client: u64, version: u64) -> String {
    format!("+{PHONE}{:07}", (client * 10 + version % 10) % 10_000_000)
}

/// An e-mail of a client.
pub fn email(client: u64, version: u64) -> String {
    format!("k{client}.{version}@{EMAIL_HOST}")
}

/// A comment that nobody wrote before.
pub fn comment(client: u64, version: u64, long: bool) -> String {
    let words = if long {
        " и ещё".repeat(40)
    } else {
        String::new()
    };
    format!("{COMMENT} {client}.{version} код домофона{words}")
}

/// What a new client books.
pub fn booking(
    place: Place,
    client: u64,
    staff: usize,
    service: &Service,
    start: Timestamp,
    dice: &mut Dice,
) -> Booking {
    let mut booking = Booking::new(
        staff_id(place, staff),
        place.service(service),
        start,
        service.minutes,
    );
    booking.name = client_name(client);
    // Some walk in and leave nothing but their name.
    if dice.below(10) > 0 {
        booking.phone = spelled(&phone(client, 0), dice);
        if dice.coin() {
            booking.email = email(client, 0);
        }
    }
    if dice.below(3) == 0 {
        booking.comment = comment(client, 0, false);
    }
    booking
}

/// A phone as people type it.
pub(crate) fn spelled(phone: &str, dice: &mut Dice) -> String {
    let Some(rest) = phone.strip_prefix("+7") else {
        return phone.to_owned();
    };
    match dice.below(3) {
        0 => format!("8{rest}"),
        1 => format!("+7 {rest}"),
        _ => phone.to_owned(),
    }
}
