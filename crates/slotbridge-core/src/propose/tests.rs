//! What is proposed for whole catalogues.

mod properties;

use super::*;

fn platform(name: &str) -> PlatformName {
    PlatformName::new(name).unwrap()
}

fn entry(key: u32, title: &str) -> Entry {
    Entry {
        key: key.to_string(),
        title: title.to_owned(),
        duration: None,
        price_minor: None,
        active: true,
    }
}

fn service(key: u32, title: &str, minutes: i64, price: i64) -> Entry {
    Entry {
        duration: Some(SignedDuration::from_mins(minutes)),
        price_minor: Some(price * 100),
        ..entry(key, title)
    }
}

fn offer(name: &str, entries: impl IntoIterator<Item = Entry>) -> Offer {
    Offer {
        platform: platform(name),
        entries: entries.into_iter().collect(),
    }
}

/// People by number and name.
fn people(name: &str, people: &[(u32, &str)]) -> Offer {
    offer(name, people.iter().map(|(key, title)| entry(*key, title)))
}

fn cell(cell: &Cell) -> String {
    format!("{}/{}", cell.platform, cell.entry.key)
}

fn cells(all: &[Cell]) -> String {
    all.iter().map(cell).collect::<Vec<_>>().join("+")
}

/// `name: a/1+b/2 ?c/3(spelling)`
fn row(row: &Row) -> String {
    let maybes = row.maybes.iter().map(|maybe| {
        let doubts: Vec<String> = maybe.doubts.iter().map(doubt).collect();
        format!(" ?{}({})", cell(&maybe.cell), doubts.join(","))
    });
    let maybes: String = maybes.collect();
    format!("{}: {}{maybes}", row.name, cells(&row.cells))
}

fn doubt(doubt: &Doubt) -> String {
    match doubt.rivals() {
        [] => doubt.as_str().to_owned(),
        rivals => format!("{} {}", doubt.as_str(), cells(rivals)),
    }
}

fn check(what: What, offers: &[Offer], rows: &[&str]) {
    let found: Vec<String> = propose(what, offers, &[]).rows.iter().map(row).collect();
    assert_eq!(found, rows);
}

#[test]
fn the_same_people_on_three_platforms_become_rows_whatever_the_spelling() {
    let offers = [
        people(
            "salon",
            &[(1, "Анна Иванова"), (2, "Щербаков Юрий"), (3, "Фёдор")],
        ),
        people(
            "world",
            &[
                (11, "Anna Ivanova"),
                (12, "Yuriy Shcherbakov"),
                (13, "Fedor"),
            ],
        ),
        people(
            "school",
            &[(21, "Ivanova A."), (22, "Ю. Щербаков"), (23, "Федор")],
        ),
    ];
    let rows = [
        "anna-ivanova: salon/1+school/21+world/11",
        "fedor: salon/3+school/23+world/13",
        "yuriy-shcherbakov: salon/2+school/22+world/12",
    ];
    check(What::Resource, &offers, &rows);
    let proposal = propose(What::Resource, &offers, &[]);
    assert!(
        proposal
            .rows
            .iter()
            .all(|row| row.certainty() == Certainty::Sure)
    );
}

#[test]
fn two_equally_good_candidates_are_both_named_and_neither_is_taken() {
    check(
        What::Resource,
        &[
            people("salon", &[(1, "Анна Иванова")]),
            people("world", &[(11, "Ivanova A."), (12, "A. Ivanova")]),
        ],
        &["anna-ivanova: salon/1 ?world/11(several world/12) ?world/12(several world/11)"],
    );
    check(
        What::Resource,
        &[
            people("salon", &[(1, "Анна Иванова"), (2, "Алина Иванова")]),
            people("world", &[(11, "Ivanova A.")]),
        ],
        &["ivanova-a: world/11 ?salon/1(several salon/2) ?salon/2(several salon/1)"],
    );
    let two = [(1, "Стрижка"), (2, "Стрижка")];
    check(
        What::Service,
        &[people("salon", &two), people("world", &two)],
        &[
            "strizhka:  ?salon/1(several world/1+world/2) ?salon/2(several world/1+world/2) \
           ?world/1(several salon/1+salon/2) ?world/2(several salon/1+salon/2)",
        ],
    );
}

#[test]
fn one_who_fits_two_rows_is_in_none_of_them() {
    check(
        What::Resource,
        &[
            people("salon", &[(1, "Анна Иванова"), (2, "Алина Иванова")]),
            people("world", &[(11, "Anna Ivanova"), (12, "Alina Ivanova")]),
            people("school", &[(21, "Иванова А.")]),
        ],
        &[
            "alina-ivanova: salon/2+world/12",
            "anna-ivanova: salon/1+world/11",
            "ivanova-a:  ?school/21(several salon/1+world/11+salon/2+world/12)",
        ],
    );
}

#[test]
fn the_better_match_wins_and_what_is_left_over_is_a_maybe() {
    check(
        What::Resource,
        &[
            people("salon", &[(1, "Мария Иванова"), (2, "Алина Иванова")]),
            people(
                "world",
                &[
                    (11, "Maria Ivanova"),
                    (12, "Ivanova A."),
                    (13, "Marina Ivanova"),
                ],
            ),
        ],
        &[
            "alina-ivanova: salon/2+world/12",
            "maria-ivanova: salon/1+world/11",
            "marina-ivanova: world/13",
        ],
    );
    check(
        What::Resource,
        &[
            people("salon", &[(1, "Анна Иванова"), (2, "Алина Иванова")]),
            people("world", &[(11, "Anna Ivanova"), (12, "Ivanova A.")]),
        ],
        &[
            "alina-ivanova: salon/2 ?world/12(leftover)",
            "anna-ivanova: salon/1+world/11",
        ],
    );
}

#[test]
fn a_doubtful_third_does_not_spoil_a_sure_pair() {
    check(
        What::Resource,
        &[
            people("salon", &[(1, "Мария Иванова")]),
            people("school", &[(21, "Марина Иванова")]),
            people("world", &[(11, "Maria Ivanova")]),
        ],
        &["maria-ivanova: salon/1+world/11 ?school/21(spelling)"],
    );
    // Each is like Anna Ivanova, but nothing says that the two short names are one person.
    check(
        What::Resource,
        &[
            people("salon", &[(1, "Anna I.")]),
            people("school", &[(21, "A. Ivanova")]),
            people("world", &[(11, "Anna Ivanova")]),
        ],
        &["anna-ivanova: salon/1+world/11 ?school/21(loose)"],
    );
}

#[test]
fn equal_titles_are_told_apart_by_length_and_price() {
    check(
        What::Service,
        &[
            offer(
                "salon",
                [
                    service(1, "Массаж", 30, 1000),
                    service(2, "Массаж", 60, 1800),
                ],
            ),
            offer(
                "world",
                [
                    service(11, "Massazh", 60, 1800),
                    service(12, "Massazh", 30, 1000),
                ],
            ),
        ],
        &["massazh: salon/1+world/12", "massazh-2: salon/2+world/11"],
    );
    check(
        What::Service,
        &[
            offer("salon", [service(1, "Стрижка", 60, 1800)]),
            offer("world", [service(11, "Стрижка", 90, 1800)]),
        ],
        &["strizhka: salon/1 ?world/11(duration)"],
    );
}

#[test]
fn translations_are_offered_only_when_length_and_price_single_them_out() {
    let salon = || {
        offer(
            "salon",
            [
                service(1, "Стрижка", 60, 1800),
                service(2, "Борода", 30, 900),
            ],
        )
    };
    check(
        What::Service,
        &[
            salon(),
            offer(
                "world",
                [
                    service(11, "Haircut", 60, 1800),
                    service(12, "Beard", 30, 950),
                ],
            ),
        ],
        &[
            "beard: world/12",
            "boroda: salon/2",
            "strizhka: salon/1 ?world/11(language)",
        ],
    );
    check(
        What::Service,
        &[
            salon(),
            offer(
                "world",
                [
                    service(11, "Haircut", 60, 1800),
                    service(12, "Wash", 60, 1800),
                ],
            ),
        ],
        &[
            "boroda: salon/2",
            "haircut: world/11",
            "strizhka: salon/1",
            "wash: world/12",
        ],
    );
}

#[test]
fn who_left_is_offered_as_a_maybe_and_never_makes_a_row() {
    let left = |key, title| Entry {
        active: false,
        ..entry(key, title)
    };
    check(
        What::Resource,
        &[
            people("salon", &[(1, "Анна Иванова"), (2, "Борис Примеров")]),
            offer(
                "world",
                [
                    left(11, "Anna Ivanova"),
                    left(12, "Olga"),
                    left(13, "Boris Primerov"),
                    entry(14, "Boris Primerov"),
                ],
            ),
        ],
        &[
            "anna-ivanova: salon/1 ?world/11(inactive)",
            "boris-primerov: salon/2+world/14",
        ],
    );
}

#[test]
fn rows_of_the_config_are_completed_and_not_proposed_again() {
    let row_of = |name: &str, keys: &[(&str, &str)]| Known {
        name: name.to_owned(),
        keys: keys
            .iter()
            .map(|(on, key)| (platform(on), (*key).to_owned()))
            .collect(),
    };
    let offers = [
        people(
            "salon",
            &[
                (1, "Анна Иванова"),
                (2, "Борис Примеров"),
                (3, "Вера Пробная"),
            ],
        ),
        people(
            "world",
            &[
                (11, "Anna Ivanova"),
                (12, "Boris Primerov"),
                (13, "Vera Probnaia"),
            ],
        ),
        people(
            "school",
            &[
                (21, "Anna Ivanova"),
                (22, "Boris Primerow"),
                (23, "Vera Prubnaya"),
            ],
        ),
    ];
    let known = [
        row_of(
            "anna-ivanova",
            &[("salon", "1"), ("world", "11"), ("school", "21")],
        ),
        row_of("boris", &[("salon", "2"), ("world", "12")]),
        row_of("vera-probnaya", &[("world", "99")]),
    ];
    let proposal = propose(What::Resource, &offers, &known);
    let shown = |rows: &[Row]| rows.iter().map(row).collect::<Vec<_>>();
    assert_eq!(shown(&proposal.additions), ["boris: school/22"]);
    assert_eq!(
        shown(&proposal.rows),
        ["vera-probnaia: salon/3+world/13 ?school/23(spelling)"]
    );
    // A name that is taken is not proposed.
    let offers = [people("salon", &[(5, "Anna Ivanova")])];
    assert_eq!(
        shown(&propose(What::Resource, &offers, &known).rows),
        ["anna-ivanova-2: salon/5"]
    );
}

#[test]
fn the_length_of_a_row_is_that_of_the_platform_that_tells_it() {
    let offers = [
        offer("salon", [entry(1, "Стрижка")]),
        offer("world", [service(11, "Strizhka", 45, 900)]),
    ];
    let proposal = propose(What::Service, &offers, &[]);
    assert_eq!(proposal.rows[0].cells.len(), 2);
    assert_eq!(
        proposal.rows[0].duration(),
        Some(SignedDuration::from_mins(45))
    );
}
