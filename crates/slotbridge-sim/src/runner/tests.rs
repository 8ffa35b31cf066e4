//! A fixed set of seeds passes, one seed lives the same life twice, and every canary is caught.

mod lost;
mod taken_back;
mod trial;

use super::*;
use crate::simulation::FaultMix;
use crate::world::Place;

/// A life short enough for an everyday test.
fn short(places: &[Place]) -> Settings {
    Settings {
        choices: Choices {
            places: Some(places.to_vec()),
            size: Some(4),
            steps: Some(4),
            faults: Some(FaultMix::Mix),
        },
        ..Settings::default()
    }
}

fn assert_fine(seed: u64, settings: &Settings) {
    let outcome = live(seed, settings).unwrap();
    assert_eq!(
        outcome.violations,
        [],
        "seed {seed}, {}\n{:#?}",
        outcome.scenario,
        outcome.diary
    );
    assert!(outcome.counts.passes > 3, "{:?}", outcome.counts);
}

#[test]
fn a_few_seeds_keep_all_promises() {
    for (seed, places) in [
        (1, [Place::Yclients, Place::Alfacrm]),
        (2, [Place::Simplybook, Place::Yclients]),
        (3, [Place::Rubitime, Place::Yclients]),
        (4, [Place::Alfacrm, Place::Rubitime]),
        (5, [Place::Simplybook, Place::Alfacrm]),
    ] {
        assert_fine(seed, &short(&places));
    }
}

#[test]
fn one_seed_is_one_life() {
    let settings = Settings {
        trace: true,
        ..short(&[Place::Yclients, Place::Rubitime, Place::Alfacrm])
    };
    let (one, other) = (live(7, &settings).unwrap(), live(7, &settings).unwrap());
    assert_eq!(one.lines, other.lines);
    assert_eq!(one.hash, other.hash);
    assert_ne!(live(8, &settings).unwrap().hash, one.hash);
}

#[test]
fn a_prefix_is_the_beginning_of_the_same_life() {
    let settings = short(&[Place::Yclients, Place::Alfacrm]);
    let whole = live(9, &settings).unwrap();
    let prefix = Settings {
        prefix: Some(2),
        ..settings
    };
    let beginning = live(9, &prefix).unwrap();
    assert_eq!(beginning.counts.steps, 2);
    assert!(beginning.diary.len() < whole.diary.len());
    assert_eq!(beginning.diary, whole.diary[..beginning.diary.len()]);
}

#[test]
fn people_do_nothing_any_more_at_the_quiet_end_of_a_life_that_is_always_on() {
    let settings = Settings {
        always_on: Some(true),
        prefix: Some(0),
        ..short(&[Place::Yclients, Place::Alfacrm])
    };
    for seed in 1..5 {
        let outcome = live(seed, &settings).unwrap();
        assert!(outcome.counts.passes > 3, "{:?}", outcome.counts);
        let first = |line: &String| line.split(' ').next().map(str::to_owned);
        let times: std::collections::BTreeSet<_> = outcome.diary.iter().map(first).collect();
        assert_eq!(times.len(), 1, "seed {seed}: {times:?}");
    }
}

/// Lives lives with a broken bridge until it is caught, by the promise that it is known to break and by no other. The
/// same life with a bridge that is whole breaks none: what is caught is the canary, not the life.
fn assert_caught(canary: Canary, places: &[Place]) {
    let mut settings = short(places);
    settings.choices.faults = Some(FaultMix::All);
    for seed in 1..30 {
        settings.canary = Some(canary);
        let found = live(seed, &settings).unwrap().violations;
        let Some(first) = found.first() else {
            continue;
        };
        if canary.breaks_besides() == Some(first.invariant) {
            continue;
        }
        assert_eq!(
            first.invariant,
            canary.breaks(),
            "{canary:?}, seed {seed}: {found:?}"
        );
        settings.canary = None;
        assert_fine(seed, &settings);
        return;
    }
    panic!("{canary:?} lives on");
}

#[test]
fn there_is_one_canary_for_each_promise() {
    let mut broken: Vec<_> = Canary::ALL.map(Canary::breaks).to_vec();
    broken.sort();
    assert_eq!(broken, crate::simulation::Invariant::ALL);
}

#[test]
fn a_bridge_that_never_updates_is_caught() {
    assert_caught(Canary::NeverUpdates, &[Place::Yclients, Place::Alfacrm]);
}

#[test]
fn a_bridge_that_repeats_writes_is_caught() {
    assert_caught(Canary::RepeatsWrites, &[Place::Simplybook, Place::Alfacrm]);
}

#[test]
fn a_bridge_that_invents_removals_is_caught() {
    assert_caught(Canary::InventsRemovals, &[Place::Yclients, Place::Alfacrm]);
}

#[test]
fn a_bridge_that_resurrects_is_caught() {
    assert_caught(Canary::Resurrects, &[Place::Yclients, Place::Alfacrm]);
}

#[test]
fn a_bridge_that_ignores_quotas_is_caught() {
    assert_caught(Canary::IgnoresQuotas, &[Place::Rubitime, Place::Yclients]);
}

#[test]
fn a_bridge_that_writes_in_a_dry_run_is_caught() {
    assert_caught(Canary::WritesInDryRun, &[Place::Yclients, Place::Alfacrm]);
}

#[test]
fn a_bridge_that_keeps_its_lock_when_killed_is_caught() {
    assert_caught(Canary::KeepsTheLock, &[Place::Yclients, Place::Alfacrm]);
}

#[test]
fn a_bridge_that_logs_names_is_caught() {
    assert_caught(Canary::LogsNames, &[Place::Yclients, Place::Alfacrm]);
}
