//! What goes wrong with calls: fault rules drawn from a seed.

use std::time::Duration;

use crate::dice::Dice;
use crate::faults::{Fault, Which};
use crate::world::Place;

use super::scenario::FaultMix;
use super::stage::Stage;

/// Replaces the fault rules of every platform by newly drawn ones.
pub fn brew(stage: &Stage, mix: FaultMix, dice: &mut Dice) {
    for side in stage.sides() {
        let faults = side.view.faults();
        faults.clear();
        match mix {
            FaultMix::None => {}
            FaultMix::Mix => {
                for _ in 0..dice.below(4) {
                    let fault = draw(side.place, dice);
                    let method = if dice.below(3) == 0 {
                        "*"
                    } else {
                        dice.pick(Stage::methods(side.place))
                            .copied()
                            .unwrap_or("*")
                    };
                    let method = only(side.place, &fault).unwrap_or(method);
                    let which = match dice.below(3) {
                        0 => Which::Nth(1 + dice.below(4)),
                        1 => Which::Next(1 + dice.below(3)),
                        _ => Which::Chance {
                            permille: u16::try_from(20 + dice.below(250)).unwrap_or(20),
                            seed: dice.roll(),
                        },
                    };
                    faults.add(name(&fault), method, which, fault);
                }
            }
            FaultMix::All => {
                for _ in 0..12 {
                    let fault = draw(side.place, dice);
                    let which = Which::Chance {
                        permille: 15,
                        seed: dice.roll(),
                    };
                    let method = only(side.place, &fault).unwrap_or("*");
                    faults.add(name(&fault), method, which, fault);
                }
            }
        }
    }
}

/// Ends all faults.
pub fn calm(stage: &Stage) {
    for side in stage.sides() {
        side.view.faults().clear();
    }
}

/// Every name that a rule of [`brew`] can have.
pub const NAMES: [&str; 13] = [
    "reply lost",
    "dropped before",
    "error before",
    "error after",
    "too many requests",
    "slow",
    "slow answer",
    "truncated",
    "listing cut",
    "empty listing",
    "page for people",
    "expired token",
    "garbage",
];

fn draw(place: Place, dice: &mut Dice) -> Fault {
    // Rubitime's own kind of error, with status 200, is a refusal in words of its own, and a refusal is for good; what
    // passes is told by a status.
    let status = |dice: &mut Dice| [500, 502, 503].get(dice.index(3)).copied().unwrap_or(500);
    match dice.below(13) {
        0 => Fault::ReplyLost,
        1 => Fault::DropBefore,
        2 => Fault::ErrorBefore {
            status: status(dice),
        },
        3 => Fault::ErrorAfter {
            status: status(dice),
        },
        4 => Fault::TooManyRequests {
            retry_after: dice.coin().then(|| Duration::from_secs(1 + dice.below(20))),
        },
        // A request that was cut off lands soon or never: that is what the engine is promised.
        5 => Fault::Slow {
            delay: Duration::from_millis(100 + dice.below(1000)),
        },
        // Longer than slotbridge waits, but where the platform counts what it works on at the same time: nobody outside
        // can know when it has ended what it was not waited for.
        6 => Fault::SlowAnswer {
            delay: Duration::from_secs(
                1 + dice.below(if place == Place::Simplybook { 25 } else { 60 }),
            ),
        },
        7 => Fault::Truncated,
        8 => Fault::ListingCut {
            keep: dice.index(4),
        },
        9 => Fault::EmptyListing,
        10 => Fault::HtmlError {
            status: [200, 403, 502].get(dice.index(3)).copied().unwrap_or(502),
        },
        11 => Fault::ExpiredToken,
        _ => Fault::Garbage,
    }
}

/// What claims to be a whole listing and is none concerns the listing of bookings alone: there slotbridge has something to
/// compare it with. A list of clients, or a role, that is empty and says so is believed.
const fn only(place: Place, fault: &Fault) -> Option<&'static str> {
    match (fault, place) {
        (Fault::EmptyListing, Place::Yclients) => Some("records.list"),
        (Fault::EmptyListing, Place::Rubitime) => Some("get-schedule"),
        (Fault::EmptyListing, Place::Simplybook) => Some("admin.getBookings"),
        (Fault::EmptyListing, Place::Alfacrm) => Some("lesson.index"),
        _ => None,
    }
}

/// The name of a fault in the call log.
pub const fn name(fault: &Fault) -> &'static str {
    match fault {
        Fault::ReplyLost => "reply lost",
        Fault::DropBefore => "dropped before",
        Fault::ErrorBefore { .. } => "error before",
        Fault::ErrorAfter { .. } => "error after",
        Fault::TooManyRequests { .. } => "too many requests",
        Fault::Slow { .. } => "slow",
        Fault::SlowAnswer { .. } => "slow answer",
        Fault::Truncated => "truncated",
        Fault::ListingCut { .. } => "listing cut",
        Fault::EmptyListing => "empty listing",
        Fault::HtmlError { .. } => "page for people",
        Fault::ExpiredToken => "expired token",
        Fault::Garbage => "garbage",
    }
}
