//! What one seed decides: which platforms, in which zones, how many bookings, which policies, what goes wrong.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::dice::Dice;
use crate::world::{PLACES, Place};

/// Which faults the platforms have while people are busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultMix {
    /// None at all.
    None,
    /// Some rules, drawn for every step.
    Mix,
    /// Every kind of fault, on every method, all the time.
    All,
}

impl FromStr for FaultMix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            "mix" => Ok(Self::Mix),
            "all" => Ok(Self::All),
            _ => Err("want none, mix or all".to_owned()),
        }
    }
}

/// Who wins where two platforms changed the same field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Winner {
    /// The latest change.
    Newest,
    /// The first platform of the bridge that made one.
    First,
    /// Nobody until a person decides.
    Ask,
}

/// What happens to a booking that one platform removed and another edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// It goes.
    Remove,
    /// It stays.
    Keep,
    /// A person decides.
    Ask,
}

/// How `SimplyBook.me` is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Simplybook {
    /// As a user of the back office; the marker stands in the comment.
    Admin,
    /// As a user of the back office, with an intake field that is set aside for the marker.
    WithMarkerField,
    /// As the company's own web site: nothing can be listed.
    Public,
}

/// What a tester fixes; what is none is left to the seed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices {
    /// Which platforms.
    pub places: Option<Vec<Place>>,
    /// How many bookings there are at the beginning.
    pub size: Option<usize>,
    /// How many steps people take.
    pub steps: Option<usize>,
    /// What goes wrong with calls.
    pub faults: Option<FaultMix>,
}

/// One seed's world.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent choice"
)]
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The seed itself.
    pub seed: u64,
    /// The platforms of the bridge, in its order.
    pub places: Vec<Place>,
    /// The zone of each place, in the order of [`PLACES`].
    pub zones: [&'static str; 4],
    /// When the life begins.
    pub start: Timestamp,
    /// The first and the last hour of a working day.
    pub hours: (i8, i8),
    /// Bookings at the beginning.
    pub size: usize,
    /// Steps.
    pub steps: usize,
    /// Staff.
    pub staff: usize,
    /// Faults.
    pub faults: FaultMix,
    /// Whether `SimplyBook.me` gets a sink's contacts instead of the clients'.
    pub sink: bool,
    /// Whether the owner names every record that a person makes on a platform without a listing.
    pub named: bool,
    /// Conflicting changes.
    pub winner: Winner,
    /// Removals against edits.
    pub removed: Removed,
    /// Whether the guards have their usual limits; else none.
    pub guards: bool,
    /// How far ahead bookings are kept in step.
    pub window: SignedDuration,
    /// Of a thousand runs so many are killed.
    pub crash_permille: u64,
    /// Whether people act while runs are at work.
    pub meanwhile: bool,
    /// Whether our own clock is set now and then.
    pub clock_steps: bool,
    /// Whether the engine that is always on does the work, with webhooks; else one pass after another.
    pub always_on: bool,
    /// How `SimplyBook.me` is used.
    pub simplybook: Simplybook,
}

impl Scenario {
    /// Lets a seed decide what the tester left open.
    pub fn new(seed: u64, choices: &Choices) -> Self {
        let mut dice = Dice::new(seed ^ 0x5ce0_a210);
        // Everything is drawn, whatever is chosen, so that a choice changes nothing else.
        let drawn = draw_places(&mut dice);
        let night = dice.below(5) == 0;
        let zones = draw_zones(&mut dice, night);
        let start = draw_start(&mut dice, night);
        let (size, steps) = match dice.below(20) {
            0..12 => (dice.below(9), 4 + dice.below(9)),
            12..18 => (10 + dice.below(40), 4 + dice.below(6)),
            _ => (60 + dice.below(140), 3 + dice.below(4)),
        };
        let faults = match dice.below(10) {
            0..2 => FaultMix::None,
            2..8 => FaultMix::Mix,
            _ => FaultMix::All,
        };
        let scenario = Self {
            seed,
            places: drawn,
            zones,
            start,
            hours: if night { (0, 24) } else { (8, 21) },
            size: usize::try_from(size).unwrap_or(0),
            steps: usize::try_from(steps).unwrap_or(0),
            staff: 2,
            faults,
            sink: dice.coin(),
            named: dice.below(3) > 0,
            winner: match dice.below(8) {
                0 => Winner::Ask,
                1 | 2 => Winner::First,
                _ => Winner::Newest,
            },
            removed: match dice.below(4) {
                0 => Removed::Ask,
                1 => Removed::Keep,
                _ => Removed::Remove,
            },
            guards: dice.coin(),
            window: SignedDuration::from_hours(if dice.below(3) == 0 { 14 * 24 } else { 60 * 24 }),
            crash_permille: [0, 100, 350].get(dice.index(3)).copied().unwrap_or(0),
            meanwhile: dice.below(3) == 0,
            clock_steps: dice.below(6) == 0,
            always_on: false,
            simplybook: Simplybook::Admin,
        };
        scenario.chosen(choices)
    }

    /// Lets the seed also decide how slotbridge is run and set up; `always_on` is the tester's word on that.
    #[must_use]
    pub fn with_setup(mut self, always_on: Option<bool>) -> Self {
        let mut dice = Dice::new(self.seed ^ 0x0a11_0015);
        // Such a life takes far longer to live than the others.
        let drawn = dice.below(8) == 0;
        if dice.coin() {
            self.simplybook = Simplybook::WithMarkerField;
        }
        self.always_on = always_on.unwrap_or(drawn);
        self
    }

    fn chosen(mut self, choices: &Choices) -> Self {
        if let Some(places) = &choices.places {
            self.places.clone_from(places);
        }
        self.size = choices.size.unwrap_or(self.size);
        self.steps = choices.steps.unwrap_or(self.steps);
        self.faults = choices.faults.unwrap_or(self.faults);
        self.staff = 2 + self.size / 40;
        self
    }

    /// The zone of a place.
    ///
    /// # Panics
    /// Never: the zone database is built in.
    pub fn zone(&self, place: Place) -> TimeZone {
        let name = PLACES
            .iter()
            .position(|other| *other == place)
            .and_then(|at| self.zones.get(at))
            .copied()
            .unwrap_or("UTC");
        TimeZone::get(name).expect("the zone database is built in")
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<&str> = self.places.iter().map(|place| place.title()).collect();
        write!(
            f,
            "{}{} from {} with {} bookings and {} steps, faults {:?}, {:?}/{:?}",
            if self.always_on { "always on, " } else { "" },
            places.join(" + "),
            self.start,
            self.size,
            self.steps,
            self.faults,
            self.winner,
            self.removed,
        )
    }
}

fn draw_places(dice: &mut Dice) -> Vec<Place> {
    let mut places = PLACES.to_vec();
    let mut drawn = Vec::new();
    let count = match dice.below(10) {
        0..5 => 2,
        5..8 => 3,
        _ => 4,
    };
    while drawn.len() < count && !places.is_empty() {
        let at = dice.index(places.len());
        drawn.push(places.remove(at));
    }
    drawn
}

/// The clocks of Europe change for the summer, those of Moscow do not; most businesses have one zone.
fn draw_zones(dice: &mut Dice, night: bool) -> [&'static str; 4] {
    let one = if night {
        "Europe/Berlin"
    } else {
        "Europe/Moscow"
    };
    let mut zones = [one; 4];
    if dice.below(4) == 0 {
        for zone in &mut zones {
            if dice.coin() {
                *zone = ["Europe/Berlin", "Europe/Moscow", "Asia/Kolkata"]
                    .get(dice.index(3))
                    .copied()
                    .unwrap_or(one);
            }
        }
    }
    zones
}

fn draw_start(dice: &mut Dice, night: bool) -> Timestamp {
    // Some days before the clocks of Europe go forward (2031-03-30) or back (2031-10-26), or any time of the year.
    let day = match (night, dice.coin()) {
        (true, true) => "2031-03-27T06:00:00Z",
        (true, false) => "2031-10-23T06:00:00Z",
        (false, _) => "2031-05-05T06:00:00Z",
    };
    let base: Timestamp = day.parse().expect("a timestamp");
    let minutes = i64::try_from(dice.below(24 * 60)).unwrap_or(0);
    base.saturating_add(SignedDuration::from_mins(minutes))
        .unwrap_or(base)
}
