//! All four platforms with a week of invented bookings, and the config of one bridge between them.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::time::Duration;

use jiff::civil::{Time, time};

use super::{
    BRANCH_ID, COMPANY, COMPANY_ID, RESOURCES, Resource, SCHOOL_BRANCH_ID, SERVICES, Service,
    TIME_ZONE, WEEK, World, empty_week, start, zone,
};
use crate::alfacrm::{self, AlfacrmSim};
use crate::clock::SimClock;
use crate::person::{Booking, Hand, Inspect};
use crate::quota::Limit;
use crate::simplybook::{self, SimplybookSim};

/// One of the four platforms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// YCLIENTS, the platform `salon` of the config.
    Yclients,
    /// Rubitime, the platform `site`.
    Rubitime,
    /// SimplyBook.me, the platform `world`.
    Simplybook,
    /// AlfaCRM, the platform `school`.
    Alfacrm,
}

use Place::{Alfacrm, Rubitime, Simplybook, Yclients};

/// The four platforms in the order of the config.
pub const PLACES: [Place; 4] = [Yclients, Rubitime, Simplybook, Alfacrm];

impl Place {
    /// The platform's name in the config.
    pub const fn name(self) -> &'static str {
        match self {
            Yclients => "salon",
            Rubitime => "site",
            Simplybook => "world",
            Alfacrm => "school",
        }
    }

    /// The vendor's name.
    pub const fn title(self) -> &'static str {
        match self {
            Yclients => "YCLIENTS",
            Rubitime => "Rubitime",
            Simplybook => "SimplyBook.me",
            Alfacrm => "AlfaCRM",
        }
    }

    /// The id that a member of staff has there.
    pub const fn staff(self, of: &Resource) -> u64 {
        match self {
            Yclients => of.yclients,
            Rubitime => of.rubitime,
            Simplybook => of.simplybook,
            Alfacrm => of.alfacrm,
        }
    }

    /// The id that a service has there.
    pub const fn service(self, of: &Service) -> u64 {
        match self {
            Yclients => of.yclients,
            Rubitime => of.rubitime,
            Simplybook => of.simplybook,
            Alfacrm => of.alfacrm,
        }
    }
}

/// One platform of a world: which one, a person's hand on it, and the view inside.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// Which platform it is.
    pub place: Place,
    /// A person's hand on it.
    pub hand: &'a dyn Hand,
    /// The view inside.
    pub view: &'a dyn Inspect,
}

impl std::fmt::Debug for Side<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.place.name())
    }
}

/// Four simulated platforms, and which of their records are one booking.
#[derive(Debug, Clone)]
pub struct World4 {
    /// The clock of all of them.
    pub clock: SimClock,
    /// The branch on YCLIENTS and the account on Rubitime; its lists of records stay empty.
    pub two: World,
    /// The company on SimplyBook.me.
    pub simplybook: SimplybookSim,
    /// The branch on AlfaCRM.
    pub alfacrm: AlfacrmSim,
    /// The bookings of the week: where each stands, with the record's id there.
    pub bookings: Vec<Vec<(Place, u64)>>,
}

impl World4 {
    /// The platforms, to be looped over.
    pub fn sides(&self) -> [Side<'_>; 4] {
        PLACES.map(|place| self.side(place))
    }

    /// One platform.
    pub fn side(&self, place: Place) -> Side<'_> {
        let (hand, view): (&dyn Hand, &dyn Inspect) = match place {
            Yclients => (&self.two.yclients, &self.two.yclients),
            Rubitime => (&self.two.rubitime, &self.two.rubitime),
            Simplybook => (&self.simplybook, &self.simplybook),
            Alfacrm => (&self.alfacrm, &self.alfacrm),
        };
        Side { place, hand, view }
    }

    /// Scales the quotas so that nobody waits: none but Rubitime's gap, which becomes `gap`.
    pub fn hurry(&self, gap: Duration) {
        self.two.yclients.quota().set([], false);
        self.two.rubitime.quota().set([Limit::new(1, gap)], true);
        self.simplybook.quota().set([], false);
        self.alfacrm.quota().set([], false);
    }

    /// Forgets the webhooks so far: those of the time before a bridge was there reached nobody.
    fn drop_webhooks(&self) {
        drop(self.two.yclients.take_webhooks());
        drop(self.two.rubitime.take_webhooks());
        drop(self.simplybook.take_webhooks());
        drop(self.alfacrm.take_webhooks());
    }
}

/// Where a booking of [`WEEK`] stands, row by row.
const STANDS: [&[Place]; WEEK.len()] = [
    &[Yclients, Rubitime],
    &[Yclients],
    &[Rubitime],
    &[Simplybook, Alfacrm],
    &[Alfacrm],
    &[Yclients, Simplybook],
    &[Simplybook],
    &[Rubitime],
    &[Yclients, Rubitime, Simplybook],
    &[Yclients],
    &[Rubitime, Alfacrm],
    &[Alfacrm],
    &[Simplybook],
    &[Yclients, Alfacrm],
    &[Alfacrm],
    &[Yclients, Rubitime, Alfacrm],
    &[Simplybook],
    &[Rubitime],
    &[Yclients],
    &[Rubitime, Simplybook],
    &[Alfacrm],
    &[Yclients, Simplybook, Alfacrm],
    &[Simplybook],
    &[Rubitime],
    &[Yclients],
    &[Simplybook, Alfacrm],
    &[Alfacrm],
    &[Yclients, Rubitime],
];

/// Sets all four platforms up with a week of invented bookings that begins tomorrow.
pub fn demo_week_of_four(clock: &SimClock) -> World4 {
    let mut world = empty_week_of_four(clock);
    for ((day, hour, minute, staff, service, name, phone, _), places) in
        WEEK.into_iter().zip(STANDS)
    {
        let (Some(staff), Some(service)) = (RESOURCES.get(staff), SERVICES.get(service)) else {
            continue;
        };
        let start = start(clock, day, hour, minute);
        let book = |place: Place| {
            // Rubitime keeps phones as they were typed.
            let phone = match place {
                Rubitime => format!("8 (900) 000-{phone}"),
                Yclients | Simplybook | Alfacrm => format!("+7900000{phone}"),
            };
            let (staff, event) = (place.staff(staff), place.service(service));
            let booking = Booking::new(staff, event, start, service.minutes).client(name, &phone);
            (place, world.side(place).hand.book(&booking))
        };
        let records = places.iter().copied().map(book).collect();
        world.bookings.push(records);
    }
    world.drop_webhooks();
    world
}

/// Sets all four platforms up with staff and services, and without a booking.
pub fn empty_week_of_four(clock: &SimClock) -> World4 {
    let (open, close) = (time(9, 0, 0, 0), time(20, 0, 0, 0));
    let simplybook = SimplybookSim::new(
        COMPANY,
        zone(),
        clock.clone(),
        simplybook::Options::default(),
    );
    let alfacrm = AlfacrmSim::new(
        SCHOOL_BRANCH_ID,
        zone(),
        clock.clone(),
        alfacrm::Options::default(),
    );
    let breaks: [(Time, Time); 0] = [];
    for staff in &RESOURCES {
        simplybook.add_unit(staff.simplybook, staff.title, open, close, &breaks);
        alfacrm.add_teacher(staff.alfacrm, staff.title);
    }
    for Service {
        title,
        minutes,
        price,
        simplybook: event,
        alfacrm: subject,
        ..
    } in SERVICES
    {
        simplybook.add_event(event, title, minutes, price);
        alfacrm.add_subject(subject, title);
    }
    World4 {
        clock: clock.clone(),
        two: empty_week(clock),
        simplybook,
        alfacrm,
        bookings: Vec::new(),
    }
}

/// Where a bridge finds the four served platforms.
#[derive(Debug, Clone)]
pub struct Addresses4<'a> {
    /// The base URL of the simulated YCLIENTS.
    pub yclients: &'a str,
    /// The base URL of the simulated Rubitime.
    pub rubitime: &'a str,
    /// The base URL of the simulated SimplyBook.me.
    pub simplybook: &'a str,
    /// The base URL of the simulated AlfaCRM.
    pub alfacrm: &'a str,
    /// Where the bridge keeps its database.
    pub store: &'a str,
    /// The gap between two calls, if it isn't Rubitime's own.
    pub rubitime_gap: Option<Duration>,
    /// Whether the other platforms' quotas are scaled as [`World4::hurry`] does it.
    pub hurry: bool,
}

impl World4 {
    /// Writes the TOML config of a bridge of all four platforms.
    ///
    /// SimplyBook.me gets the clients' real contacts here: its messages reach nobody.
    pub fn config(&self, addresses: &Addresses4<'_>) -> String {
        let Addresses4 {
            yclients,
            rubitime,
            simplybook,
            alfacrm,
            store,
            ..
        } = addresses;
        let gap = addresses.rubitime_gap.map_or_else(String::new, |gap| {
            format!("quota = [\"1/{}ms\"]\n", gap.as_millis())
        });
        let quota = if addresses.hurry {
            "quota = [\"1000/1s\"]\n"
        } else {
            ""
        };
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
{quota}
[platform.site]
kind = "rubitime"
base_url = "{rubitime}"
branch_id = {BRANCH_ID}
api_key = "demo-rubitime-key"
time_zone = "{TIME_ZONE}"
webhook_token = "demo-webhook-token"
{gap}
[platform.world]
kind = "simplybook"
mode = "admin"
base_url = "{simplybook}"
company = "{COMPANY}"
user = "sync@example.com"
password = "demo-password"
contacts = "real"
{quota}
[platform.school]
kind = "alfacrm"
base_url = "{alfacrm}"
branch_id = {SCHOOL_BRANCH_ID}
email = "sync@example.com"
api_key = "demo-alfacrm-key"
time_zone = "{TIME_ZONE}"
{quota}
[[bridge]]
name = "main"
platforms = ["salon", "site", "world", "school"]
"#
        );
        mapping(&mut toml);
        toml
    }
}

/// Adds the staff and services with their ids on every platform.
fn mapping(toml: &mut String) {
    let mut say = |line: std::fmt::Arguments<'_>| {
        toml.write_fmt(line).expect("a string takes any text");
    };
    for staff in &RESOURCES {
        say(format_args!(
            "\n[[bridge.resource]]\nname = \"{}\"\n",
            staff.name
        ));
        for place in PLACES {
            say(format_args!("{} = {}\n", place.name(), place.staff(staff)));
        }
    }
    for service in &SERVICES {
        let (name, minutes) = (service.name, service.minutes);
        say(format_args!(
            "\n[[bridge.service]]\nname = \"{name}\"\nduration = \"{minutes}m\"\n"
        ));
        for place in PLACES {
            let (platform, id) = (place.name(), place.service(service));
            match place {
                Alfacrm => say(format_args!(
                    "{platform} = {{ subject_id = {id}, lesson_type_id = 1 }}\n"
                )),
                Yclients | Rubitime | Simplybook => say(format_args!("{platform} = {id}\n")),
            }
        }
    }
}
