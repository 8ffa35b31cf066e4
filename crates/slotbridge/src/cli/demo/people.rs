//! What the simulated people do in the middle of the demo, and how it is told.

use anyhow::{Context as _, Result};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use slotbridge_sim::world::{RESOURCES, Resource, SERVICES, Service, TIME_ZONE};
use slotbridge_sim::{Booking, Hand, Inspect, World};

use crate::render::words;

/// Books, moves and cancels on each platform, and says who did what.
pub(super) fn act(world: &World) -> Result<String> {
    let mut told = String::new();
    for line in [on_yclients(world)?, on_rubitime(world)?].concat() {
        told.push_str("  ");
        told.push_str(&line);
        told.push('\n');
    }
    told.push('\n');
    Ok(told)
}

fn on_yclients(world: &World) -> Result<[String; 3]> {
    let (staff, service) = pair(0, 0)?;
    let start = free(world, staff, 4, service.minutes)?;
    let booking = Booking::new(staff.yclients, service.yclients, start, service.minutes);
    world
        .yclients
        .book(&booking.client("Новикова Рада", "+79000000201"));
    let booked = format!(
        "salon: Новикова Рада books {} with {} for {}",
        service.name,
        staff.name,
        told(start)
    );

    let (moved, _) = *world.both.first().context("no booking to move")?;
    let before = world.yclients.seen(moved).context("no such booking")?;
    let start = free(
        world,
        of_yclients(before.staff)?,
        2,
        minutes(before.start, before.end),
    )?;
    world.yclients.move_to(moved, start)?;
    let told_move = format!(
        "salon: {} moves from {} to {}",
        before.name,
        told(before.start),
        told(start)
    );

    let gone = *world.only_yclients.last().context("no booking to cancel")?;
    let before = world.yclients.seen(gone).context("no such booking")?;
    world.yclients.cancel(gone)?;
    Ok([
        booked,
        told_move,
        format!("salon: {} cancels {}", before.name, told(before.start)),
    ])
}

fn on_rubitime(world: &World) -> Result<[String; 3]> {
    let (_, moved) = *world.both.last().context("no booking to move")?;
    let before = world.rubitime.seen(moved).context("no such booking")?;
    let start = free(
        world,
        of_rubitime(before.staff)?,
        3,
        minutes(before.start, before.end),
    )?;
    world.rubitime.move_to(moved, start)?;
    let told_move = format!(
        "site: {} moves from {} to {}",
        before.name,
        told(before.start),
        told(start)
    );

    let gone = *world
        .only_rubitime
        .first()
        .context("no booking to cancel")?;
    let before = world.rubitime.seen(gone).context("no such booking")?;
    world.rubitime.cancel(gone)?;
    let cancels = format!("site: {} cancels {}", before.name, told(before.start));

    let (staff, service) = pair(1, 0)?;
    let start = free(world, staff, 5, service.minutes)?;
    let booking = Booking::new(staff.rubitime, service.rubitime, start, service.minutes);
    world
        .rubitime
        .book(&booking.client("Гостев Клим", "8 900 000-02-02"));
    let booked = format!(
        "site: Гостев Клим books {} with {} for {}",
        service.name,
        staff.name,
        told(start)
    );
    Ok([told_move, cancels, booked])
}

fn pair(staff: usize, service: usize) -> Result<(Resource, Service)> {
    let staff = RESOURCES.get(staff).context("no such member of staff")?;
    let service = SERVICES.get(service).context("no such service")?;
    Ok((*staff, *service))
}

fn of_yclients(id: u64) -> Result<Resource> {
    let staff = RESOURCES.into_iter().find(|staff| staff.yclients == id);
    staff.context("no such member of staff")
}

fn of_rubitime(id: u64) -> Result<Resource> {
    let staff = RESOURCES.into_iter().find(|staff| staff.rubitime == id);
    staff.context("no such member of staff")
}

fn minutes(start: Timestamp, end: Timestamp) -> i64 {
    end.duration_since(start).as_mins()
}

/// The first full hour of a day, counted from tomorrow, at which the person is free on both platforms.
fn free(world: &World, staff: Resource, day: i64, minutes: i64) -> Result<Timestamp> {
    let zone = zone()?;
    let date: Date = zone
        .to_datetime(world.clock.now())
        .date()
        .checked_add((day + 1).days())?;
    for hour in 9..=17 {
        let start = date.at(hour, 0, 0, 0).to_zoned(zone.clone())?.timestamp();
        let free = world.yclients.is_free(staff.yclients, start, minutes)
            && world.rubitime.is_free(staff.rubitime, start, minutes);
        if free {
            return Ok(start);
        }
    }
    anyhow::bail!("{} has no free hour", staff.name)
}

fn zone() -> Result<TimeZone> {
    TimeZone::get(TIME_ZONE).context("no zone database")
}

fn told(at: Timestamp) -> String {
    words::moment(at, &zone().unwrap_or(TimeZone::UTC))
}
