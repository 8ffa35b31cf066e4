//! What holds for every matching.

use proptest::prelude::*;

use super::*;

/// Few values each, so that everything meets.
fn any_candidate() -> impl Strategy<Value = (usize, Candidate)> {
    let clients = vec![
        VERA,
        BLANK,
        ("Вера Пробная", "", ""),
        ("Пробная Вера", "", ""),
        ("", "+79000000001", ""),
        ("Вика", "+79000000002", "vera@example.com"),
    ];
    (
        0..3_usize,
        prop::sample::select(clients),
        prop::sample::select(vec![(0, 60), (0, 60), (0, 90), (60, 120)]),
        prop::option::weighted(0.3, 1..5_u128),
        prop::bool::weighted(0.1),
        0..4_i64,
    )
        .prop_map(|(on, who, (from, to), marker, block, seen)| {
            let mut candidate = during(from, to, record(["a", "b", "c"][on], "0", who));
            candidate.marker = marker.map(id);
            candidate.first_seen = at(seen);
            if block {
                candidate.booking.kind = Kind::Block;
            }
            (on, candidate)
        })
}

fn any_candidates() -> impl Strategy<Value = Vec<Candidate>> {
    prop::collection::vec(any_candidate(), 0..12).prop_map(|candidates| {
        let numbered = candidates.into_iter().enumerate();
        numbered
            .map(|(number, (_, candidate))| Candidate {
                remote_id: remote(&number.to_string()),
                ..candidate
            })
            .collect()
    })
}

fn any_open() -> impl Strategy<Value = Vec<Open>> {
    let one = (
        any_candidate(),
        prop::sample::subsequence(vec!["a", "b", "c"], 0..3),
    );
    prop::collection::vec(one, 0..3).prop_map(|open| {
        let numbered = open.into_iter().zip(1..);
        numbered
            .map(|(((_, shown), has), number)| super::open(number, &has, &shown))
            .collect()
    })
}

fn run(candidates: &[Candidate], open: &[Open]) -> Matching {
    // Id 3 is known, but complete; 4 nobody knows.
    let known = open
        .iter()
        .map(|open| open.booking)
        .chain([id(3)])
        .collect();
    matching(candidates, open, &known)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_record_has_one_place(candidates in any_candidates(), open in any_open()) {
        let matching = run(&candidates, &open);
        let adopted = matching.adopt.iter().flat_map(|adoption| adoption.records.clone());
        let doubtful =
            matching.ambiguous.iter().map(|doubt| (doubt.platform.clone(), doubt.remote_id.clone()));
        let mut places: Vec<_> = adopted.chain(matching.new.clone()).chain(doubtful).collect();
        places.sort();
        let mut all: Vec<_> = candidates.iter().map(named).collect();
        all.sort();
        prop_assert_eq!(places, all);
    }

    #[test]
    fn no_booking_gets_two_records_of_one_platform(candidates in any_candidates(), open in any_open()) {
        let matching = run(&candidates, &open);
        let mut given = BTreeSet::new();
        for adoption in &matching.adopt {
            let mut platforms: BTreeSet<&PlatformName> = BTreeSet::new();
            if let Some(open) = open.iter().find(|open| Some(open.booking) == adoption.booking) {
                platforms.extend(&open.has);
            }
            for (platform, _) in &adoption.records {
                prop_assert!(platforms.insert(platform), "{:?}", adoption);
            }
            prop_assert!(adoption.booking.is_none_or(|id| given.insert(id)), "{:?}", adoption);
        }
    }

    #[test]
    fn the_order_of_the_input_does_not_matter(candidates in any_candidates(), open in any_open()) {
        let mut reversed = candidates.clone();
        reversed.reverse();
        let mut open_reversed = open.clone();
        open_reversed.reverse();
        prop_assert_eq!(run(&reversed, &open_reversed), run(&candidates, &open));
    }

    #[test]
    fn without_markers_only_one_clients_records_of_one_time_are_joined(candidates in any_candidates(), open in any_open()) {
        let candidates: Vec<Candidate> =
            candidates.into_iter().map(|candidate| Candidate { marker: None, ..candidate }).collect();
        for adoption in run(&candidates, &open).adopt {
            let open = open.iter().find(|open| Some(open.booking) == adoption.booking);
            let records = candidates.iter().filter(|candidate| adoption.records.contains(&named(candidate)));
            let shown: Vec<&Booking> =
                records.map(|record| &record.booking).chain(open.map(|open| &open.canonical)).collect();
            for one in &shown {
                let mut agrees = false;
                for other in shown.iter().filter(|other| !std::ptr::eq(**other, *one)) {
                    prop_assert_eq!((&one.resource, one.slot), (&other.resource, other.slot));
                    let same = same_client(&one.client, &other.client);
                    prop_assert!(same != SameClient::No);
                    agrees |= same == SameClient::Yes;
                }
                prop_assert!(agrees, "{:?}", adoption);
                prop_assert_eq!(one.kind, Kind::Appointment);
            }
        }
    }
}
