//! What holds whatever the catalogues are.

use proptest::prelude::*;

use super::super::likeness::{Reading, compare};
use super::*;

/// Spellings of few people, so that everything that can collide does.
const TITLES: [&str; 18] = [
    "Анна Иванова",
    "Anna Ivanova",
    "Ivanova A.",
    "Иванова А.",
    "A. Ivanova",
    "Anna I.",
    "Алина Иванова",
    "Alina Ivanova",
    "Анна",
    "Anna Ivonova",
    "Мария Иванова",
    "Marina Ivanova",
    "Стрижка",
    "Haircut",
    "Стрижка мужская",
    "Массаж 30",
    "",
    "…",
];

fn any_entry() -> impl Strategy<Value = Entry> {
    let minutes = prop_oneof![Just(None), Just(Some(30)), Just(Some(60))];
    let price = prop_oneof![Just(None), Just(Some(1000)), Just(Some(2000))];
    let active = prop::bool::weighted(0.85);
    (
        1_u32..9,
        prop::sample::select(&TITLES[..]),
        minutes,
        price,
        active,
    )
        .prop_map(|(key, title, minutes, price_minor, active)| Entry {
            duration: minutes.map(SignedDuration::from_mins),
            price_minor,
            active,
            ..entry(key, title)
        })
}

/// Up to four platforms, each id once.
fn any_offers() -> impl Strategy<Value = Vec<Offer>> {
    prop::collection::vec(prop::collection::vec(any_entry(), 0..6), 1..5).prop_map(|all| {
        all.into_iter()
            .zip(["salon", "site", "world", "school"])
            .map(|(entries, name)| {
                let by_key: BTreeMap<String, Entry> = entries
                    .into_iter()
                    .map(|entry| (entry.key.clone(), entry))
                    .collect();
                offer(name, by_key.into_values())
            })
            .collect()
    })
}

/// A row of the config for the first entries of some platforms, whatever they are.
fn first_ones(offers: &[Offer], number: usize) -> Vec<Known> {
    let keys: BTreeMap<PlatformName, String> = offers
        .iter()
        .take(number)
        .filter_map(|offer| Some((offer.platform.clone(), offer.entries.first()?.key.clone())))
        .collect();
    vec![Known {
        name: "anna-ivanova".to_owned(),
        keys,
    }]
}

fn any_what() -> impl Strategy<Value = What> {
    prop_oneof![Just(What::Resource), Just(What::Service)]
}

proptest! {
    #[test]
    fn the_order_of_the_input_makes_no_difference(
        what in any_what(),
        (offers, shuffled) in any_offers().prop_flat_map(|offers| {
            let entries: Vec<_> = offers.iter().map(|offer| Just(offer.entries.clone()).prop_shuffle()).collect();
            let names: Vec<_> = offers.iter().map(|offer| offer.platform.clone()).collect();
            let shuffled = entries.prop_map(move |entries| {
                names.iter().cloned().zip(entries).map(|(platform, entries)| Offer { platform, entries }).collect::<Vec<_>>()
            });
            (Just(offers), shuffled.prop_flat_map(|offers| Just(offers).prop_shuffle()))
        }),
        number in 0_usize..3,
    ) {
        let known = first_ones(&offers, number);
        prop_assert_eq!(propose(what, &offers, &known), propose(what, &shuffled, &known));
    }

    #[test]
    fn every_id_that_can_be_booked_and_is_not_mapped_is_in_exactly_one_row(
        what in any_what(),
        offers in any_offers(),
        number in 0_usize..3,
    ) {
        let known = first_ones(&offers, number);
        let proposal = propose(what, &offers, &known);
        let mut named = BTreeMap::new();
        for row in proposal.rows.iter().chain(&proposal.additions) {
            for cell in row.cells.iter().chain(row.maybes.iter().map(|maybe| &maybe.cell)) {
                *named.entry((cell.platform.clone(), cell.entry.key.clone())).or_insert(0) += 1;
            }
        }
        for offer in &offers {
            for entry in &offer.entries {
                let is_known = known[0].keys.get(&offer.platform) == Some(&entry.key);
                let found = named.remove(&(offer.platform.clone(), entry.key.clone())).unwrap_or(0);
                if is_known {
                    prop_assert_eq!(found, 0);
                } else if entry.active {
                    prop_assert_eq!(found, 1, "{:?}", entry);
                } else {
                    prop_assert!(found <= 1);
                }
            }
        }
        prop_assert!(named.is_empty());
    }

    #[test]
    fn a_row_has_one_id_of_a_platform_and_every_maybe_has_a_reason(
        what in any_what(),
        offers in any_offers(),
        number in 0_usize..3,
    ) {
        let known = first_ones(&offers, number);
        let proposal = propose(what, &offers, &known);
        let mut names = BTreeSet::from(["anna-ivanova".to_owned()]);
        for row in &proposal.rows {
            prop_assert!(names.insert(row.name.clone()), "{} twice", row.name);
            prop_assert!(crate::model::ResourceName::new(row.name.clone()).is_ok() && row.name.is_ascii());
            let platforms: BTreeSet<_> = row.cells.iter().map(|cell| &cell.platform).collect();
            prop_assert_eq!(platforms.len(), row.cells.len());
            prop_assert!(!row.cells.is_empty() || !row.maybes.is_empty());
            prop_assert!(row.maybes.iter().all(|maybe| !maybe.doubts.is_empty()));
            let lengths: BTreeSet<_> = row.cells.iter().filter_map(|cell| cell.entry.duration).collect();
            prop_assert!(what == What::Resource || lengths.len() <= 1, "{:?}", row);
        }
        for row in &proposal.additions {
            prop_assert_eq!(&row.name, "anna-ivanova");
            prop_assert!(row.cells.iter().all(|cell| !known[0].keys.contains_key(&cell.platform)));
        }
    }

    #[test]
    fn whatever_is_joined_without_a_doubt_is_each_others_only_best(what in any_what(), offers in any_offers()) {
        let rank = |one: &Entry, other: &Entry| compare(what, &Reading::of(what, one), &Reading::of(what, other));
        for row in propose(what, &offers, &[]).rows {
            for one in &row.cells {
                for other in row.cells.iter().filter(|other| other.platform != one.platform) {
                    let here = rank(&one.entry, &other.entry).expect("joined entries are alike");
                    prop_assert!(here.doubts.is_empty(), "{:?} {:?}", one, other);
                    let there = offers.iter().find(|offer| offer.platform == other.platform).unwrap();
                    for rival in there.entries.iter().filter(|rival| rival.key != other.entry.key) {
                        let rivals = rank(&one.entry, rival).map_or(0, |likeness| likeness.rank);
                        prop_assert!(rivals < here.rank, "{:?} is as good as {:?} for {:?}", rival, other, one);
                    }
                }
            }
        }
    }

    #[test]
    fn any_mixture_of_the_usual_spellings_is_the_same_name(
        name in prop::sample::select(&[
            "юлия", "фёдор", "дмитрий", "щукина", "хабаров", "цапля", "ксения", "алёна", "соловьёв", "наталья",
            "жуков", "яна", "майоров", "чайкин", "вячеслав", "илья", "зыкова", "крыжановский", "юрьев", "ещенко",
        ][..]),
        choices in prop::collection::vec(0_usize..3, 16),
    ) {
        let spelled: String = name
            .chars()
            .zip(choices)
            .map(|(letter, choice)| {
                let ways: &[&str] = match letter {
                    'ю' => &["yu", "iu", "ju"],
                    'я' => &["ya", "ia", "ja"],
                    'й' => &["y", "i", "j"],
                    'ё' => &["e", "yo", "jo"],
                    'х' => &["kh", "h"],
                    'ц' => &["ts", "tz"],
                    'щ' => &["shch", "sch"],
                    'ы' => &["y", "i"],
                    'ь' => &["", "'", "’"],
                    other => return words::slug(&other.to_string()),
                };
                ways[choice % ways.len()].to_owned()
            })
            .collect();
        let (one, other) = (words::read(What::Resource, name), words::read(What::Resource, &spelled));
        prop_assert_eq!(one.words, other.words, "{} {}", name, spelled);
    }
}
