//! A ready world: two platforms, or all four, with a week of invented bookings, and the config of a bridge between them.

mod four;

use std::fmt::Write as _;
use std::time::Duration;

use jiff::civil::{Time, time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::clock::SimClock;
use crate::person::{Booking, Hand};
use crate::rubitime::{self, RubitimeSim};
use crate::yclients::{self, YclientsSim};

pub use four::{Addresses4, PLACES, Place, Side, World4, demo_week_of_four, empty_week_of_four};

/// The YCLIENTS branch of the demo week.
pub const COMPANY_ID: u64 = 4564;
/// The Rubitime branch of the demo week.
pub const BRANCH_ID: u64 = 1013;
/// The SimplyBook.me company of the demo week.
pub const COMPANY: &str = "acme";
/// The AlfaCRM branch of the demo week.
pub const SCHOOL_BRANCH_ID: u64 = 2;
/// The zone that all of them live in.
pub const TIME_ZONE: &str = "Europe/Moscow";

/// A member of staff on every platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// The name in a bridge's config.
    pub name: &'static str,
    /// The name that clients see.
    pub title: &'static str,
    /// The YCLIENTS staff id.
    pub yclients: u64,
    /// The Rubitime cooperator id.
    pub rubitime: u64,
    /// The SimplyBook.me unit id.
    pub simplybook: u64,
    /// The AlfaCRM teacher id.
    pub alfacrm: u64,
}

/// A service on every platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// The name in a bridge's config.
    pub name: &'static str,
    /// The title that clients see.
    pub title: &'static str,
    /// How long it takes.
    pub minutes: i64,
    /// The price in whole roubles.
    pub price: i64,
    /// The YCLIENTS service id.
    pub yclients: u64,
    /// The Rubitime service id.
    pub rubitime: u64,
    /// The SimplyBook.me event id.
    pub simplybook: u64,
    /// The AlfaCRM subject id; its lessons are individual ones.
    pub alfacrm: u64,
}

/// Who works in the demo week.
pub const RESOURCES: [Resource; 2] = [
    Resource {
        name: "anna",
        title: "Анна Вымышленная",
        yclients: 8886,
        rubitime: 1702,
        simplybook: 3,
        alfacrm: 17,
    },
    Resource {
        name: "boris",
        title: "Борис Примеров",
        yclients: 8887,
        rubitime: 1703,
        simplybook: 4,
        alfacrm: 18,
    },
];

/// What can be booked in the demo week.
pub const SERVICES: [Service; 3] = [
    Service {
        name: "haircut",
        title: "Стрижка",
        minutes: 60,
        price: 1800,
        yclients: 331,
        rubitime: 3925,
        simplybook: 7,
        alfacrm: 6,
    },
    Service {
        name: "colouring",
        title: "Окрашивание",
        minutes: 120,
        price: 4500,
        yclients: 332,
        rubitime: 3926,
        simplybook: 8,
        alfacrm: 7,
    },
    Service {
        name: "beard",
        title: "Борода",
        minutes: 30,
        price: 900,
        yclients: 333,
        rubitime: 3927,
        simplybook: 9,
        alfacrm: 8,
    },
];

/// Both simulated platforms, and which of their records are what.
#[derive(Debug, Clone)]
pub struct World {
    /// The clock of both.
    pub clock: SimClock,
    /// The branch on YCLIENTS.
    pub yclients: YclientsSim,
    /// The account on Rubitime.
    pub rubitime: RubitimeSim,
    /// Bookings that both hold: the YCLIENTS id, the Rubitime id.
    pub both: Vec<(u64, u64)>,
    /// Records that only YCLIENTS holds.
    pub only_yclients: Vec<u64>,
    /// Records that only Rubitime holds.
    pub only_rubitime: Vec<u64>,
}

#[derive(Clone, Copy)]
enum Where {
    Both,
    Yclients,
    Rubitime,
}

/// Day from tomorrow, hour, minute, staff, service, client, last four digits of the phone, where.
type Row = (i64, i8, i8, usize, usize, &'static str, &'static str, Where);

/// No two of one member of staff overlap, wherever they stand.
const WEEK: [Row; 28] = [
    (0, 9, 0, 0, 0, "Пробная Вера", "0101", Where::Both),
    (0, 10, 30, 0, 1, "Тестов Иван", "0102", Where::Yclients),
    (0, 14, 0, 0, 0, "Jane Sample", "0103", Where::Rubitime),
    (0, 9, 30, 1, 2, "Образцов Пётр", "0104", Where::Both),
    (0, 12, 0, 1, 0, "Мнимая Ольга", "0105", Where::Rubitime),
    (1, 9, 0, 0, 1, "Выдумкина Алёна", "0106", Where::Both),
    (1, 12, 0, 0, 0, "John Placeholder", "0107", Where::Yclients),
    (1, 16, 30, 0, 2, "Пробная Вера", "0101", Where::Rubitime),
    (1, 10, 0, 1, 0, "Макетов Семён", "0108", Where::Both),
    (1, 15, 0, 1, 1, "Эталонова Юлия", "0109", Where::Yclients),
    (2, 11, 0, 0, 0, "Заглушкин Фёдор", "0110", Where::Both),
    (2, 13, 0, 0, 1, "Тестов Иван", "0102", Where::Both),
    (2, 9, 0, 1, 2, "Max Mockup", "0111", Where::Rubitime),
    (2, 17, 0, 1, 0, "Примерная Анна", "0112", Where::Yclients),
    (3, 9, 0, 0, 2, "Черновик Лев", "0113", Where::Yclients),
    (3, 10, 0, 0, 0, "Jane Sample", "0103", Where::Both),
    (3, 12, 30, 1, 1, "Условная Нина", "0114", Where::Both),
    (3, 18, 0, 1, 0, "Образцов Пётр", "0104", Where::Rubitime),
    (4, 9, 30, 0, 0, "Небылицын Олег", "0115", Where::Both),
    (4, 15, 0, 0, 1, "Fiona Fixture", "0116", Where::Rubitime),
    (4, 10, 0, 1, 0, "Мнимая Ольга", "0105", Where::Yclients),
    (4, 13, 30, 1, 2, "Шаблонов Яков", "0117", Where::Both),
    (5, 10, 0, 0, 0, "Эскизова Майя", "0118", Where::Both),
    (5, 12, 0, 0, 0, "Макетов Семён", "0108", Where::Rubitime),
    (5, 11, 0, 1, 1, "Заглушкин Фёдор", "0110", Where::Yclients),
    (6, 10, 0, 0, 1, "Вымыслов Глеб", "0119", Where::Both),
    (6, 13, 0, 1, 0, "John Placeholder", "0107", Where::Both),
    (6, 19, 0, 1, 0, "Выдумкина Алёна", "0106", Where::Yclients),
];

/// Sets both platforms up with a week of invented bookings that begins tomorrow.
pub fn demo_week(clock: &SimClock) -> World {
    let mut world = empty_week(clock);
    for (day, hour, minute, staff, service, name, phone, place) in WEEK {
        let (Some(staff), Some(service)) = (RESOURCES.get(staff), SERVICES.get(service)) else {
            continue;
        };
        let start = start(clock, day, hour, minute);
        let on_yclients = || {
            let booking = Booking::new(staff.yclients, service.yclients, start, service.minutes);
            world
                .yclients
                .book(&booking.client(name, &format!("+7900000{phone}")))
        };
        // Rubitime keeps phones as they were typed.
        let on_rubitime = || {
            let booking = Booking::new(staff.rubitime, service.rubitime, start, service.minutes);
            world
                .rubitime
                .book(&booking.client(name, &format!("8 (900) 000-{phone}")))
        };
        match place {
            Where::Both => world.both.push((on_yclients(), on_rubitime())),
            Where::Yclients => world.only_yclients.push(on_yclients()),
            Where::Rubitime => world.only_rubitime.push(on_rubitime()),
        }
    }
    // The webhooks of the time before a bridge was there reached nobody.
    drop(world.yclients.take_webhooks());
    drop(world.rubitime.take_webhooks());
    world
}

/// Sets both platforms up with staff and services, and without a booking.
pub fn empty_week(clock: &SimClock) -> World {
    let (open, close) = (time(9, 0, 0, 0), time(20, 0, 0, 0));
    let yclients = YclientsSim::new(
        COMPANY_ID,
        zone(),
        clock.clone(),
        yclients::Options::default(),
    );
    let rubitime = RubitimeSim::new(
        BRANCH_ID,
        zone(),
        clock.clone(),
        rubitime::Options::default(),
    );
    let breaks: [(Time, Time); 0] = [];
    for staff in RESOURCES {
        yclients.add_staff(staff.yclients, staff.title, Some((open, close)));
        rubitime.add_cooperator(staff.rubitime, staff.title, open, close, &breaks);
    }
    for service in SERVICES {
        yclients.add_service(
            service.yclients,
            service.title,
            service.minutes,
            service.price,
        );
        rubitime.add_service(
            service.rubitime,
            service.title,
            service.minutes,
            30,
            service.price,
        );
    }
    yclients.add_label("67345", "Постоянный клиент");
    World {
        clock: clock.clone(),
        yclients,
        rubitime,
        both: Vec::new(),
        only_yclients: Vec::new(),
        only_rubitime: Vec::new(),
    }
}

/// A time of a day counted from tomorrow.
fn start(clock: &SimClock, day: i64, hour: i8, minute: i8) -> Timestamp {
    let zone = zone();
    let tomorrow = zone.to_datetime(clock.now()).date().saturating_add(1.day());
    let local = tomorrow
        .saturating_add(day.days())
        .to_datetime(time(hour, minute, 0, 0));
    zone.to_ambiguous_timestamp(local)
        .compatible()
        .unwrap_or(Timestamp::MAX)
}

fn zone() -> TimeZone {
    TimeZone::get(TIME_ZONE).expect("the zone database is built in")
}

/// Where a bridge finds the served platforms.
#[derive(Debug, Clone)]
pub struct Addresses<'a> {
    /// The base URL of the simulated YCLIENTS.
    pub yclients: &'a str,
    /// The base URL of the simulated Rubitime.
    pub rubitime: &'a str,
    /// Where the bridge keeps its database.
    pub store: &'a str,
    /// The gap between two calls, if it isn't Rubitime's own.
    pub rubitime_gap: Option<Duration>,
}

impl World {
    /// Writes the TOML config of a bridge between both platforms.
    pub fn config(&self, addresses: &Addresses<'_>) -> String {
        let quota = addresses.rubitime_gap.map_or_else(String::new, |gap| {
            format!("quota = [\"1/{}ms\"]\n", gap.as_millis())
        });
        let mut toml = format!(
            r#"[store]
path = "{store}"

[platform.salon]
kind = "yclients"
base_url = "{yclients}"
company_id = {COMPANY_ID}
partner_token = "demo-partner-token"
user_token = "demo-user-token"
time_zone = "{TIME_ZONE}"

[platform.site]
kind = "rubitime"
base_url = "{rubitime}"
branch_id = {BRANCH_ID}
api_key = "demo-rubitime-key"
time_zone = "{TIME_ZONE}"
webhook_token = "demo-webhook-token"
{quota}
[[bridge]]
name = "main"
platforms = ["salon", "site"]
"#,
            store = addresses.store,
            yclients = addresses.yclients,
            rubitime = addresses.rubitime,
        );
        for staff in RESOURCES {
            let Resource {
                name,
                yclients,
                rubitime,
                ..
            } = staff;
            write!(
                toml,
                "\n[[bridge.resource]]\nname = \"{name}\"\nsalon = {yclients}\nsite = {rubitime}\n"
            )
            .expect("a string takes any text");
        }
        for service in SERVICES {
            let Service {
                name,
                minutes,
                yclients,
                rubitime,
                ..
            } = service;
            write!(
                toml,
                "\n[[bridge.service]]\nname = \"{name}\"\nduration = \"{minutes}m\"\nsalon = {yclients}\nsite = {rubitime}\n"
            )
            .expect("a string takes any text");
        }
        toml
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::Inspect;

    fn week() -> World {
        demo_week(&SimClock::new("2031-05-05T21:30:00Z".parse().unwrap()))
    }

    #[test]
    fn the_demo_week_begins_tomorrow_in_moscow_and_books_nobody_twice() {
        let world = week();
        assert_eq!(
            world.both.len() + world.only_yclients.len() + world.only_rubitime.len(),
            WEEK.len()
        );
        assert_eq!(world.yclients.double_bookings(), []);
        assert_eq!(world.rubitime.double_bookings(), []);
        let first = world.yclients.seen(world.both[0].0).unwrap();
        assert_eq!(first.start.to_string(), "2031-05-07T06:00:00Z");
        // Across both: what only Rubitime holds is free on YCLIENTS.
        for id in &world.only_rubitime {
            let seen = world.rubitime.seen(*id).unwrap();
            let staff = RESOURCES
                .iter()
                .find(|staff| staff.rubitime == seen.staff)
                .unwrap();
            let minutes = seen.end.duration_since(seen.start).as_mins();
            assert!(
                world.yclients.is_free(staff.yclients, seen.start, minutes),
                "{seen:?}"
            );
        }
    }

    #[test]
    fn a_pair_on_both_is_the_same_booking_and_all_of_them_fall_into_hours() {
        let world = week();
        for (yclients, rubitime) in &world.both {
            let (one, other) = (
                world.yclients.seen(*yclients).unwrap(),
                world.rubitime.seen(*rubitime).unwrap(),
            );
            assert_eq!(
                (one.start, one.end, &one.name),
                (other.start, other.end, &other.name)
            );
        }
        for seen in world.yclients.all().into_iter().chain(world.rubitime.all()) {
            let day = |at: Timestamp| at.to_zoned(zone()).datetime();
            assert!(day(seen.start).hour() >= 9);
            assert!(day(seen.end).time() <= time(20, 0, 0, 0));
            assert_eq!(day(seen.start).date(), day(seen.end).date());
        }
    }

    #[test]
    fn the_config_is_toml_and_names_every_id() {
        let config = week().config(&Addresses {
            yclients: "http://127.0.0.1:1",
            rubitime: "http://127.0.0.1:2",
            store: "/tmp/x.db",
            rubitime_gap: Some(Duration::from_millis(200)),
        });
        let table: toml::Table = config.parse().unwrap();
        let site = &table["platform"]["site"];
        assert_eq!(site["quota"][0].as_str(), Some("1/200ms"));
        let bridge = &table["bridge"][0];
        assert_eq!(bridge["resource"].as_array().map(Vec::len), Some(2));
        assert_eq!(bridge["service"][2]["site"].as_integer(), Some(3927));
    }
}
