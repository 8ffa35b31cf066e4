//! Killed with a webhook answered and not yet acted on, or anywhere after: the next start acts on it, once.

use std::time::Duration;

use slotbridge_sim::world::{PLACES, Place};
use slotbridge_sim::{Fault, Which};

use super::rig::{NEVER, Rig, create_of, hour, read_of, writes_of};
use crate::support::wait_until;

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

/// A person books, moves and cancels on one platform, and each time the daemon is killed and started again.
fn killed_each_time(source: Place, moment: Moment) {
    let rig = Rig::empty(NEVER);
    let mut daemon = rig.start_with_webhooks();
    rig.wait_at_rest(&daemon);
    let hand = rig.world.side(source).hand;
    let mut id = 0;
    for (act, live) in [("book", 1), ("move", 1), ("cancel", 0)] {
        let what = format!("{act} on {}, killed when {moment:?}", source.title());
        let (place, methods, fault) = match moment {
            Moment::Answered => (source, &[][..], None),
            Moment::Reading => {
                let delay = Duration::from_secs(3);
                (
                    source,
                    std::slice::from_ref(
                        &READS[PLACES.iter().position(|one| *one == source).unwrap()],
                    ),
                    Some(Fault::SlowAnswer { delay }),
                )
            }
            Moment::Writing(place) => {
                let delay = Duration::from_millis(700);
                (place, writes_of(place), Some(Fault::Slow { delay }))
            }
            Moment::Written(place) => {
                let delay = Duration::from_secs(3);
                (place, writes_of(place), Some(Fault::SlowAnswer { delay }))
            }
        };
        let view = rig.world.side(place).view;
        if let Some(fault) = fault {
            for method in methods {
                rig.fault(place, "held", method, Which::Every, fault.clone());
            }
        }
        let held = || {
            methods
                .iter()
                .map(|method| view.count(method))
                .sum::<usize>()
        };
        let (answered, seen) = (daemon.statuses(source).len(), held());
        match act {
            "book" => id = rig.book(source, hour(1, 10)),
            "move" => hand.move_to(id, hour(1, 15)).unwrap(),
            _ => hand.cancel(id).unwrap(),
        }
        wait_until(&what, || {
            daemon.assert_runs();
            match moment {
                Moment::Answered => daemon.statuses(source).len() > answered,
                _ => held() > seen,
            }
        });
        assert_eq!(
            daemon.statuses(source).get(answered),
            Some(&Some(200)),
            "{what}"
        );
        daemon.kill();
        // Whatever was sent until now went to the one that is dead.
        for place in PLACES {
            rig.sent(place);
        }
        if !methods.is_empty() {
            assert!(
                view.faults().fired("held") > Some(0),
                "{what}: nothing was held"
            );
        }
        view.faults().clear();
        daemon = rig.start();
        let mut missed = Vec::new();
        if let Moment::Writing(place) | Moment::Written(place) = moment {
            // What was on its way has landed; platforms send again what nobody has taken.
            let landed = || {
                let calls = view.calls().into_iter();
                let mut writes = calls.filter(|call| methods.contains(&call.method));
                writes.all(|call| call.landed)
            };
            wait_until(&what, landed);
            missed = rig.outbox(place).take();
        }
        rig.send_webhooks(&mut daemon);
        rig.send_again(&daemon, place, &missed);
        rig.wait_in_step(&mut daemon, &what, live);
        rig.wait_at_rest(&daemon);
        rig.wait_in_step(&mut daemon, &what, live);
        let start = if act == "book" {
            hour(1, 10)
        } else {
            hour(1, 15)
        };
        for place in PLACES.into_iter().filter(|_| live > 0) {
            // Rubitime lists nothing: without the webhook nobody would know whose time it is.
            let seen = rig
                .at(place, start)
                .unwrap_or_else(|| panic!("{what}: not on {}", place.title()));
            assert!(
                seen.phone.contains("9000000101"),
                "{what}: {}",
                place.title()
            );
        }
    }
    for place in PLACES.into_iter().filter(|place| *place != source) {
        let created = rig.world.side(place).view.count(create_of(place));
        assert_eq!(
            created,
            1,
            "{moment:?}: created {created} times on {}",
            place.title()
        );
    }
    daemon.stop();
}

/// The method that reads one record, in the order of the places.
const READS: [&str; 4] = [
    "record.get",
    "get-record",
    "admin.getBookingDetails",
    "lesson.read",
];

#[test]
fn what_was_answered_is_acted_on_after_a_kill_and_nothing_is_doubled() {
    for (place, read) in PLACES.into_iter().zip(READS) {
        assert_eq!(read_of(place), read);
    }
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
