//! A backfill of 200 bookings over four platforms is taken back: every platform shows what it showed before, except what
//! people have changed since, and that is listed.

use std::collections::BTreeMap;

use slotbridge_engine::report::Report;
use slotbridge_engine::undo::Ask;
use slotbridge_store::RunId;

use super::trial::{Trial, options};
use crate::person::{Edit, Seen};
use crate::simulation::cast;
use crate::simulation::scenario::Simplybook;
use crate::world::{PLACES, Place};

struct Yes;

impl Ask for Yes {
    fn go_on(&self, plan: &Report) -> bool {
        assert!(plan.dry_run);
        true
    }
}

/// What a person sees of a record.
type Sight = (u64, i64, i64, Vec<u64>, String, String, String, String, i64);

fn sight(seen: &Seen) -> Sight {
    let comment = seen
        .comment
        .lines()
        .filter(|line| !line.contains("[sb"))
        .collect::<Vec<_>>()
        .join("\n");
    (
        seen.staff,
        seen.start.as_second(),
        seen.end.as_second(),
        seen.services.clone(),
        seen.name.clone(),
        seen.phone.clone(),
        seen.email.clone(),
        comment,
        seen.status,
    )
}

/// What a platform shows, by client.
fn shown(trial: &Trial, place: Place) -> BTreeMap<u64, Vec<Sight>> {
    let mut shown: BTreeMap<u64, Vec<Sight>> = BTreeMap::new();
    for seen in trial.view(place).live() {
        let client = cast::client_of(&seen.name).unwrap();
        shown.entry(client).or_default().push(sight(&seen));
    }
    shown
}

/// Fifty bookings on each platform, each in a lane of its own.
fn filled(trial: &mut Trial) -> BTreeMap<u64, (Place, u64)> {
    let mut made = BTreeMap::new();
    for (lane, place) in PLACES.into_iter().enumerate() {
        for number in 0..50 {
            let (day, place_in_day) = (2 + number / 2, i8::try_from(number % 2).unwrap());
            let lane = i8::try_from(lane).unwrap();
            let start = trial.at(day, 9 + lane * 2 + place_in_day, 0);
            let (record, client) = trial.book(place, 0, start);
            made.insert(client, (place, record));
        }
    }
    made
}

async fn undo(trial: &Trial, run: RunId) -> Report {
    tokio::time::sleep(std::time::Duration::from_mins(1)).await;
    let process = trial.process();
    process.fate.arm(None, &process.store);
    let bridges = std::slice::from_ref(&process.bridge);
    let report = process.engine.undo(bridges, run, &options(), &Yes).await;
    let report = report.unwrap();
    if report.exit_code() == 3 {
        trial.approve(&process).await;
    }
    report
}

#[tokio::test(start_paused = true)]
async fn a_backfill_of_200_bookings_over_four_platforms_is_taken_back() {
    let mut trial = Trial::new(&PLACES, Simplybook::WithMarkerField);
    let made = filled(&mut trial);
    let before = PLACES.map(|place| shown(&trial, place));
    assert_eq!(before.iter().map(BTreeMap::len).sum::<usize>(), 200);

    let report = trial.pass(None).await.unwrap();
    assert_eq!(report.exit_code(), 0, "{:?}", report.totals());
    let run: RunId = report.run.parse().unwrap();
    for place in PLACES {
        assert_eq!(shown(&trial, place).len(), 200, "{place:?}");
    }

    // People go on with some of them: a copy is moved, a copy's comment is changed, an original is moved. Where a copy is
    // cancelled its platform shows what it showed before, and so will the others.
    let changed: Vec<u64> = made
        .iter()
        .filter(|(_, (place, _))| *place == Place::Yclients)
        .map(|(client, _)| *client)
        .take(4)
        .collect();
    let (cancelled, changed) = (changed[3], &changed[..3]);
    let copy = |place, client| trial.live(place, client)[0].id;
    trial.move_to(
        Place::Rubitime,
        copy(Place::Rubitime, changed[0]),
        trial.at(40, 12, 0),
    );
    let edit = Edit {
        comment: Some("звонить заранее".to_owned()),
        ..Edit::default()
    };
    trial
        .hand(Place::Alfacrm)
        .edit(copy(Place::Alfacrm, changed[1]), &edit)
        .unwrap();
    trial.move_to(Place::Yclients, made[&changed[2]].1, trial.at(41, 12, 0));
    trial
        .hand(Place::Simplybook)
        .cancel(copy(Place::Simplybook, cancelled))
        .unwrap();
    let as_changed = PLACES.map(|place| shown(&trial, place));

    // The guards want a person's word for so many removals.
    let held = undo(&trial, run).await;
    assert_eq!(held.exit_code(), 3);
    for (place, shows) in PLACES.into_iter().zip(&as_changed) {
        assert_eq!(
            &shown(&trial, place),
            shows,
            "{place:?} before the approval"
        );
    }
    let report = undo(&trial, run).await;
    assert_eq!(report.exit_code(), 4, "{:?}", report.totals());

    for (at, place) in PLACES.into_iter().enumerate() {
        let mut wanted = before[at].clone();
        for client in changed {
            match as_changed[at].get(client) {
                Some(shows) => wanted.insert(*client, shows.clone()),
                None => wanted.remove(client),
            };
        }
        assert_eq!(shown(&trial, place), wanted, "{place:?}");
    }
    // Every one of them is listed, and nobody else.
    let listed: std::collections::BTreeSet<String> = report.bridges[0]
        .waiting
        .iter()
        .map(|one| one.booking.to_string())
        .collect();
    assert_eq!(listed.len(), changed.len(), "{listed:?}");
}
