//! How many calls one-shot passes take, against the fewest that any right program could do with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use slotbridge_engine::bridge::{Mode, NoProgress, RunOptions};
use tokio_util::sync::CancellationToken;

use super::figures::{count, ratio};
use super::{Figures, folder, is_main_write, scenario};
use crate::person::Booking;
use crate::runner::process::{Host, Process};
use crate::runner::seam::Machine;
use crate::runner::trace::Trace;
use crate::runner::wire::Network;
use crate::simulation::{Auditor, Stage, cast};
use crate::world::{PLACES, Place, SERVICES};

/// How many bookings there are at first, and how many are moved, edited and cancelled.
const FIRST: usize = 40;
const CHANGED: usize = 8;

/// One case: what people did before the pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    First,
    Nothing,
    Booked,
    Moved,
    Cancelled,
}

impl Case {
    const ALL: [Self; 5] = [
        Self::First,
        Self::Nothing,
        Self::Booked,
        Self::Moved,
        Self::Cancelled,
    ];

    fn word(self) -> String {
        match self {
            Self::First => format!("first sync of {FIRST}"),
            Self::Nothing => "nothing changed".to_owned(),
            Self::Booked => format!("{CHANGED} booked"),
            Self::Moved => format!("{CHANGED} moved"),
            Self::Cancelled => format!("{CHANGED} cancelled"),
        }
    }

    /// How many records have to be written on the other platform.
    const fn writes(self) -> usize {
        match self {
            Self::First => FIRST,
            Self::Nothing => 0,
            Self::Booked | Self::Moved | Self::Cancelled => CHANGED,
        }
    }
}

/// Two platforms, and what people made on the first.
struct Pair {
    stage: Stage,
    from: Place,
    made: Vec<u64>,
    clients: u64,
    next_day: i64,
}

impl Pair {
    /// The next client books, on a day of its own.
    fn book(&mut self) -> u64 {
        self.clients += 1;
        self.next_day += 1;
        let day = self.stage.clock.now().as_second().div_euclid(86_400) + 2 + self.next_day;
        let service = &SERVICES[0];
        // Eleven in the morning in Moscow.
        let start = jiff::Timestamp::from_second(day * 86_400 + 8 * 3600).unwrap_or_default();
        let staff = cast::staff_id(self.from, 0);
        let mut booking = Booking::new(staff, self.from.service(service), start, service.minutes);
        booking.name = cast::client_name(self.clients);
        booking.phone = cast::phone(self.clients, 0);
        let id = self.stage.side(self.from).hand.book(&booking);
        self.made.push(id);
        id
    }

    fn act(&mut self, case: Case) -> anyhow::Result<()> {
        let count = case.writes();
        match case {
            Case::Nothing => {}
            Case::First | Case::Booked => {
                for _ in 0..count {
                    self.book();
                }
            }
            Case::Moved => {
                for id in self.made.iter().take(count) {
                    let side = self.stage.side(self.from);
                    let start = side.view.seen(*id).context("no such record")?.start;
                    let later = start + jiff::SignedDuration::from_hours(2);
                    side.hand.move_to(*id, later)?;
                }
            }
            Case::Cancelled => {
                for id in self.made.iter().skip(count).take(count) {
                    self.stage.side(self.from).hand.cancel(*id)?;
                }
            }
        }
        Ok(())
    }
}

/// What a pass called: by platform and method.
type Called = BTreeMap<(Place, &'static str), usize>;

/// First sync, a pass without changes, and passes over few changes, for each ordered pair of kinds.
///
/// # Errors
/// Only when the bench itself cannot go on.
pub async fn thrift(seed: u64) -> anyhow::Result<Figures> {
    let columns = ["writes", "fewest", "ratio", "calls", "fewest", "ratio"];
    let title = "thrift: one-shot passes, writes and calls against the fewest possible";
    let mut figures = Figures::new(title, &columns);
    for from in PLACES {
        for to in PLACES.into_iter().filter(|to| *to != from) {
            pair(seed, from, to, &mut figures).await?;
        }
    }
    Ok(figures)
}

async fn pair(seed: u64, from: Place, to: Place, figures: &mut Figures) -> anyhow::Result<()> {
    let mut scenario = scenario(seed, 1, &[from, to]);
    scenario.named = true;
    let stage = Stage::new(&scenario);
    let auditor = Arc::new(Mutex::new(Auditor::new(&scenario)));
    let network = Network::new(&stage, auditor, Trace::default(), seed, 0).at_hand();
    let machine = Machine::new(stage.clock.clone(), seed);
    let folder = folder(false)?;
    let mut pair = Pair {
        stage,
        from,
        made: Vec::new(),
        clients: 0,
        next_day: 0,
    };
    for case in Case::ALL {
        pair.act(case)?;
        tokio::time::sleep(Duration::from_hours(1)).await;
        let before: BTreeMap<Place, usize> = [from, to]
            .map(|place| (place, pair.stage.side(place).view.call_count()))
            .into();
        let host = Host {
            scenario: &scenario,
            network: &network,
            machine: &machine,
            canary: None,
            database: folder.path().join("slotbridge.db"),
            named: if from == Place::Rubitime {
                pair.made.clone()
            } else {
                Vec::new()
            },
            quotas: true,
        };
        let process = Process::start(&host, None)?;
        let options = RunOptions {
            mode: Mode::Apply,
            cancel: CancellationToken::new(),
            progress: Arc::new(NoProgress),
        };
        let bridges = std::slice::from_ref(&process.bridge);
        let report = process.engine.reconcile(bridges, &options).await?;
        anyhow::ensure!(
            report.exit_code() == 0,
            "{} to {}, {}: exit code {}",
            from.title(),
            to.title(),
            case.word(),
            report.exit_code()
        );
        let Process { store, engine, .. } = process;
        drop(engine);
        store.close().await?;
        let mut called = Called::new();
        let mut writes = 0;
        for (place, since) in before {
            for call in pair.stage.side(place).view.calls_from(since) {
                *called.entry((place, call.method)).or_default() += 1;
                writes += usize::from(call.landed && is_main_write(call.method));
            }
        }
        let calls: usize = called.values().sum();
        let fewest = fewest(from, to, case, pair.made.len());
        let numbers = [
            count(writes),
            count(case.writes()),
            ratio(count(writes), count(case.writes())),
            count(calls),
            count(fewest),
            ratio(count(calls), count(fewest)),
        ];
        let what = format!("{} to {}, {}", from.title(), to.title(), case.word());
        if calls != fewest {
            let spelled: Vec<String> = called
                .iter()
                .map(|((place, method), count)| format!("{} {method} {count}", place.name()))
                .collect();
            figures.note(format!("{what}: {}", spelled.join(", ")));
        }
        figures.row(what, numbers);
    }
    Ok(())
}

/// The fewest calls of a case: those of a pass over both platforms that finds nothing, and those of each write.
fn fewest(from: Place, to: Place, case: Case, made: usize) -> usize {
    // What is mirrored on the other platform when the pass begins.
    let copies = if case == Case::Booked || case == Case::First {
        made - case.writes()
    } else {
        made
    };
    let of_writes = case.writes()
        * match case {
            Case::First | Case::Booked => create(to),
            Case::Nothing => 0,
            Case::Moved => update(to),
            Case::Cancelled => remove(to),
        };
    pass(from, made) + pass(to, copies) + of_writes
}

/// The calls of a one-shot pass that finds nothing to do, with so many records there, all in one page.
const fn pass(place: Place, records: usize) -> usize {
    match place {
        // One page of the window's records.
        Place::Yclients => 1,
        // Nothing is listed: every known record is read, and the free times of the one member of staff (contract, 2).
        Place::Rubitime => records + 1,
        // A token, the company's zone, the user's role (a narrow one sees less than everything), one page of bookings.
        Place::Simplybook => 4,
        // A token, one page each of planned, cancelled and held lessons and of recurring rules, one of the clients'
        // cards, which lessons only name by number (contract, 6.1 and 8).
        Place::Alfacrm => 5 + if records > 0 { 1 } else { 0 },
    }
}

/// The calls of making a record for a new client.
const fn create(place: Place) -> usize {
    match place {
        // The answer shows the whole record.
        Place::Yclients => 1,
        // The answer shows its number only, so what was kept is read (contract, 3).
        Place::Rubitime => 2,
        // The client's card is looked for and made, the booking made, its comment written; what was kept of both is read
        // (contract, 6.3 and 6.4).
        Place::Simplybook => 6,
        // The client's card is looked for among clients and leads, and made; whether the teacher is free is looked up,
        // because the platform does not; the lesson is made; what was kept of it and of the card is read (contract, 6.4
        // and 8).
        Place::Alfacrm => 7,
    }
}

/// The calls of moving a record.
const fn update(place: Place) -> usize {
    match place {
        // What is left out of a change is reset, so the record is read first; the answer shows the whole record.
        Place::Yclients => 2,
        // Read, because nothing else tells whether a person has changed it meanwhile; changed; and as the answer is nothing
        // to rely on, what was kept is read (contract, 3).
        Place::Rubitime => 3,
        // SimplyBook.me: a change replaces everything, so booking and comment are read first, and what was kept of the
        // booking afterwards (contract, 6.5). AlfaCRM: the lesson is read, because it may have been held meanwhile, and
        // whether the teacher is free; what was kept is read (contract, 6.4).
        Place::Simplybook | Place::Alfacrm => 4,
    }
}

/// The calls of taking a record away.
const fn remove(place: Place) -> usize {
    match place {
        Place::Yclients | Place::Rubitime | Place::Simplybook => 1,
        // A held lesson must not be cancelled, so its status is read first.
        Place::Alfacrm => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_pass_makes_a_write_too_many_and_next_to_no_call() {
        let figures = thrift(1).await.unwrap();
        assert_eq!(figures.rows.len(), 12 * Case::ALL.len());
        let wasteful: Vec<&(String, Vec<f64>)> = figures
            .rows
            .iter()
            .filter(|(what, numbers)| {
                // Reading Rubitime's records takes minutes at its pace, after which the cards of clients on AlfaCRM are
                // read again before they count as what was kept.
                let slow = what.starts_with("Rubitime to AlfaCRM") && what.ends_with("moved");
                let limit = if slow { 1.1 } else { 1.05 };
                numbers[2] > 1.0 || numbers[5] > limit
            })
            .collect();
        assert!(wasteful.is_empty(), "{wasteful:#?}\n{:#?}", figures.notes);
    }
}
