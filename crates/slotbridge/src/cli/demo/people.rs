//! What the simulated people do in the middle of the demo, and how it is told.

use anyhow::{Context as _, Result};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use slotbridge_sim::Booking;
use slotbridge_sim::world::{
    PLACES, Place, RESOURCES, Resource, SERVICES, Service, Side, TIME_ZONE, World4,
};

use crate::render::words;

/// Books, moves and cancels on these platforms, and says who did what.
pub(super) fn act(world: &World4, places: [Place; 2]) -> Result<String> {
    let mut told = String::new();
    for place in places {
        let scene = Scene {
            world,
            side: world.side(place),
        };
        for line in [scene.book()?, scene.move_one()?, scene.cancel_one()?] {
            told.push_str("  ");
            told.push_str(place.name());
            told.push_str(": ");
            told.push_str(&line);
            told.push('\n');
        }
    }
    told.push('\n');
    Ok(told)
}

/// Who is new on a platform: name, phone.
const fn newcomer(place: Place) -> (&'static str, &'static str) {
    match place {
        Place::Yclients => ("Новикова Рада", "+79000000201"),
        Place::Rubitime => ("Гостев Клим", "8 900 000-02-02"),
        Place::Simplybook => ("Nora Newcomer", "+79000000203"),
        Place::Alfacrm => ("Ученик Тит", "+79000000204"),
    }
}

/// A platform's number in the config; what its people do differs by it.
fn number(place: Place) -> usize {
    PLACES.iter().take_while(|other| **other != place).count()
}

/// What happens on one platform.
struct Scene<'a> {
    world: &'a World4,
    side: Side<'a>,
}

impl Scene<'_> {
    fn book(&self) -> Result<String> {
        let place = self.side.place;
        let number = number(place);
        let (staff, service) = pair(number % RESOURCES.len())?;
        let start = self.free(&staff, 3 + i64::try_from(number)?, service.minutes)?;
        let (name, phone) = newcomer(place);
        let booking = Booking::new(
            place.staff(&staff),
            place.service(&service),
            start,
            service.minutes,
        );
        self.side.hand.book(&booking.client(name, phone));
        Ok(format!(
            "{name} books {} with {} for {}",
            service.name,
            staff.name,
            told(start)
        ))
    }

    fn move_one(&self) -> Result<String> {
        let id = self.own().next().context("no booking to move")?;
        let before = self.side.view.seen(id).context("no such booking")?;
        let staff = RESOURCES
            .into_iter()
            .find(|staff| self.side.place.staff(staff) == before.staff)
            .context("no such member of staff")?;
        let minutes = before.end.duration_since(before.start).as_mins();
        let start = self.free(&staff, 2, minutes)?;
        self.side.hand.move_to(id, start)?;
        Ok(format!(
            "{} moves from {} to {}",
            before.name,
            told(before.start),
            told(start)
        ))
    }

    fn cancel_one(&self) -> Result<String> {
        let id = self.own().last().context("no booking to cancel")?;
        let before = self.side.view.seen(id).context("no such booking")?;
        self.side.hand.cancel(id)?;
        Ok(format!("{} cancels {}", before.name, told(before.start)))
    }

    /// The bookings of the week that stand on this platform first, so that no two platforms' people act on one.
    /// Who also booked on SimplyBook.me acts there only: it would write to them about a change from elsewhere.
    fn own(&self) -> impl Iterator<Item = u64> {
        let place = self.side.place;
        self.world.bookings.iter().filter_map(move |records| {
            let (made_on, id) = *records.first()?;
            let elsewhere = place != Place::Simplybook
                && records.iter().any(|(other, _)| *other == Place::Simplybook);
            (made_on == place && !elsewhere).then_some(id)
        })
    }

    /// The first full hour of a day, counted from tomorrow, at which the person is free on all platforms.
    fn free(&self, staff: &Resource, day: i64, minutes: i64) -> Result<Timestamp> {
        let zone = zone()?;
        let date: Date = zone
            .to_datetime(self.world.clock.now())
            .date()
            .checked_add((day + 1).days())?;
        for hour in 9..=17 {
            let start = date.at(hour, 0, 0, 0).to_zoned(zone.clone())?.timestamp();
            let mut sides = self.world.sides().into_iter();
            if sides.all(|side| side.hand.is_free(side.place.staff(staff), start, minutes)) {
                return Ok(start);
            }
        }
        anyhow::bail!("{} has no free hour", staff.name)
    }
}

fn pair(staff: usize) -> Result<(Resource, Service)> {
    let staff = RESOURCES.get(staff).context("no such member of staff")?;
    let service = SERVICES.first().context("no such service")?;
    Ok((*staff, *service))
}

fn zone() -> Result<TimeZone> {
    TimeZone::get(TIME_ZONE).context("no zone database")
}

fn told(at: Timestamp) -> String {
    words::moment(at, &zone().unwrap_or(TimeZone::UTC))
}
