//! Killed with a webhook answered and not yet acted on, or anywhere after: the next start acts on it, once.

use std::time::{Duration, Instant};

use slotbridge_sim::world::{PLACES, Place};
use slotbridge_sim::{Fault, Which};

use super::methods::{create_of, read_of, writes_of};
use super::process::Daemon;
use super::rig::{NEVER, Rig, hour};
use crate::support::wait_until;

/// After so long, a write that was on its way has landed or never will.
const LANDED_BY: Duration = Duration::from_secs(3);

/// When the daemon is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// As soon as the webhook is answered.
    Answered,
    /// While the record is read.
    Reading,
    /// While a write is on its way, which lands after the death.
    Writing(Place),
    /// When a write has landed, and its answer is on its way.
    Written(Place),
}

/// What a person does to one booking, one after the other, and how many are live afterwards.
const ACTS: [(&str, usize); 3] = [("book", 1), ("move", 1), ("cancel", 0)];

struct Case {
    rig: Rig,
    source: Place,
    moment: Moment,
    id: u64,
}

impl Case {
    /// Where something is held, and which methods.
    fn held(&self) -> (Place, Vec<&'static str>, Option<Fault>) {
        let long = Duration::from_secs(3);
        match self.moment {
            Moment::Answered => (self.source, vec![], None),
            Moment::Reading => {
                let fault = Fault::SlowAnswer { delay: long };
                (self.source, vec![read_of(self.source)], Some(fault))
            }
            Moment::Writing(place) => {
                let delay = Duration::from_millis(700);
                (
                    place,
                    writes_of(place).to_vec(),
                    Some(Fault::Slow { delay }),
                )
            }
            Moment::Written(place) => {
                let fault = Fault::SlowAnswer { delay: long };
                (place, writes_of(place).to_vec(), Some(fault))
            }
        }
    }

    /// A person acts, and the daemon is killed at the moment.
    fn act_and_kill(&mut self, daemon: Daemon, act: &str) {
        let (rig, source) = (&self.rig, self.source);
        let (place, methods, fault) = self.held();
        let view = rig.world.side(place).view;
        for method in methods.iter().filter(|_| fault.is_some()) {
            let fault = fault.clone().unwrap();
            rig.fault(place, "held", method, Which::Every, fault);
        }
        let under_way = || {
            methods
                .iter()
                .map(|method| view.count(method))
                .sum::<usize>()
        };
        let (answered, seen) = (daemon.statuses(source).len(), under_way());
        let hand = rig.world.side(source).hand;
        match act {
            "book" => self.id = rig.book(source, hour(1, 10)),
            "move" => hand.move_to(self.id, hour(1, 15)).unwrap(),
            _ => hand.cancel(self.id).unwrap(),
        }
        let mut daemon = daemon;
        wait_until(act, || {
            daemon.assert_runs();
            daemon.statuses(source).len() > answered && (methods.is_empty() || under_way() > seen)
        });
        let status = daemon.statuses(source)[answered];
        assert_eq!(status, Some(200), "{act}");
        daemon.kill();
        let fired = view.faults().fired("held");
        assert!(methods.is_empty() || fired > Some(0), "nothing was held");
        view.faults().clear();
    }

    /// Starts the daemon again, and sends it what nobody has taken meanwhile, as platforms do.
    fn start_again(&self) -> Daemon {
        let rig = &self.rig;
        let (place, methods, _) = self.held();
        for place in PLACES {
            // Whatever was sent until now went to the one that is dead.
            rig.sent(place);
        }
        let mut daemon = rig.start();
        let mut missed = Vec::new();
        if matches!(self.moment, Moment::Writing(_) | Moment::Written(_)) {
            // A call whose connection ended before the platform took it up never lands; after several times the longest
            // delay nothing is on its way any more.
            let began = Instant::now();
            wait_until("what was on its way has landed", || {
                let calls = rig.world.side(place).view.calls().into_iter();
                let mut writes = calls.filter(|call| methods.contains(&call.method));
                writes.all(|call| call.landed) || began.elapsed() > LANDED_BY
            });
            missed = rig.outbox(place).take();
        }
        rig.send_webhooks(&mut daemon);
        daemon.hear_again(place, &missed);
        daemon
    }

    fn assert_in_step(&self, daemon: &mut Daemon, act: &str, live: usize) {
        let (rig, source, moment) = (&self.rig, self.source, self.moment);
        let what = format!("{act} on {}, killed when {moment:?}", source.title());
        rig.wait_in_step(daemon, &what, live);
        rig.wait_at_rest(daemon);
        rig.wait_in_step(daemon, &what, live);
        let start = if act == "book" {
            hour(1, 10)
        } else {
            hour(1, 15)
        };
        for place in PLACES.into_iter().filter(|_| live > 0) {
            let seen = rig.at(place, start);
            let seen = seen.unwrap_or_else(|| panic!("{what}: not on {}", place.title()));
            // Rubitime lists nothing: without its webhook nobody would know whose time it is.
            assert!(
                seen.phone.contains("9000000101"),
                "{what}: {}",
                place.title()
            );
        }
    }
}

/// A person books, moves and cancels on one platform, and each time the daemon is killed and started again.
fn killed_each_time(source: Place, moment: Moment) {
    let rig = Rig::empty(NEVER);
    let mut daemon = rig.start_with_webhooks();
    rig.wait_at_rest(&daemon);
    let mut case = Case {
        rig,
        source,
        moment,
        id: 0,
    };
    for (act, live) in ACTS {
        case.act_and_kill(daemon, act);
        daemon = case.start_again();
        case.assert_in_step(&mut daemon, act, live);
    }
    for place in PLACES.into_iter().filter(|place| *place != source) {
        let created = case.rig.world.side(place).view.count(create_of(place));
        let what = format!("{moment:?}: {created} times on {}", place.title());
        assert_eq!(created, 1, "{what}");
    }
    daemon.stop();
}

#[test]
fn what_was_answered_is_acted_on_after_a_kill_and_nothing_is_doubled() {
    let cases = [
        (Place::Rubitime, Moment::Answered),
        (Place::Yclients, Moment::Answered),
        (Place::Simplybook, Moment::Reading),
        (Place::Alfacrm, Moment::Reading),
        (Place::Yclients, Moment::Writing(Place::Rubitime)),
        (Place::Rubitime, Moment::Writing(Place::Yclients)),
        (Place::Alfacrm, Moment::Written(Place::Simplybook)),
        (Place::Simplybook, Moment::Written(Place::Alfacrm)),
    ];
    // They mostly wait.
    std::thread::scope(|scope| {
        for (source, moment) in cases {
            scope.spawn(move || killed_each_time(source, moment));
        }
    });
}

#[test]
fn a_webhook_that_comes_while_its_record_is_read_is_kept_until_it_was_read_again() {
    let rig = Rig::empty(NEVER);
    let daemon = rig.start_with_webhooks();
    rig.wait_at_rest(&daemon);
    let salon = rig.world.side(Place::Yclients);
    for (nth, seconds) in [(1, 1), (2, 4)] {
        let delay = Duration::from_secs(seconds);
        let fault = Fault::SlowAnswer { delay };
        rig.fault(
            Place::Yclients,
            "held",
            "record.get",
            Which::Nth(nth),
            fault,
        );
    }
    let id = rig.book(Place::Yclients, hour(1, 10));
    wait_until("the record is read", || salon.view.count("record.get") == 1);
    salon.hand.move_to(id, hour(1, 15)).unwrap();
    wait_until("the move is answered", || {
        daemon.statuses(Place::Yclients) == [Some(200); 2]
    });
    wait_until("the record is read again", || {
        salon.view.count("record.get") == 2
    });
    // What the first reading told is done: a kill in the middle of that is another test's.
    wait_until("the copies are made", || {
        let copied = |place| place == Place::Yclients || rig.at(place, hour(1, 10)).is_some();
        let running = daemon.figures("slotbridge_running_since_timestamp_seconds{");
        PLACES.into_iter().all(copied) && running.iter().all(|since| *since < 1.0)
    });
    let waiting = daemon.figures("slotbridge_inbox_waiting{platform=\"salon\"}");
    assert_eq!(waiting, [1.0]);
    daemon.kill();
    let mut daemon = rig.start_with_webhooks();
    rig.wait_in_step(&mut daemon, "after the kill", 1);
    for place in PLACES {
        assert!(rig.at(place, hour(1, 15)).is_some(), "{}", place.title());
    }
    daemon.stop();
}
