//! What each simulated platform calls the methods that matter here.

use slotbridge_sim::world::Place;

/// The methods that make, change or end a booking.
pub(super) fn writes_of(place: Place) -> &'static [&'static str] {
    match place {
        Place::Yclients => &["records.create", "record.update", "record.delete"],
        Place::Rubitime => &["create-record", "update-record", "remove-record"],
        Place::Simplybook => &["admin.book", "admin.editBook", "admin.cancelBooking"],
        Place::Alfacrm => &["lesson.create", "lesson.update", "lesson.cancel"],
    }
}

/// The method that makes a booking.
pub(super) fn create_of(place: Place) -> &'static str {
    writes_of(place)[0]
}

/// The method that reads one record.
pub(super) fn read_of(place: Place) -> &'static str {
    match place {
        Place::Yclients => "record.get",
        Place::Rubitime => "get-record",
        Place::Simplybook => "admin.getBookingDetails",
        Place::Alfacrm => "lesson.read",
    }
}

/// The methods that show many records or times at once.
pub(super) fn listings_of(place: Place) -> &'static [&'static str] {
    match place {
        Place::Yclients => &["records.list"],
        Place::Rubitime => &["get-schedule"],
        Place::Simplybook => &["admin.getBookings"],
        Place::Alfacrm => &["lesson.index", "regular-lesson.index"],
    }
}
