//! The proposal as it is shown, and what the config reader makes of it when it is pasted.

use std::collections::BTreeMap;
use std::path::Path;

use slotbridge_core::propose::{Offer, propose};

use super::*;
use crate::config::tests::{SMALL, surroundings};
use crate::config::{Config, Mapped as MappedWhat};

fn platform(name: &str) -> PlatformName {
    PlatformName::new(name).unwrap()
}

fn entry(key: &str, title: &str) -> Entry {
    Entry {
        key: key.to_owned(),
        title: title.to_owned(),
        duration: None,
        price_minor: None,
        active: true,
    }
}

fn service(key: &str, title: &str, minutes: i64, price: i64) -> Entry {
    Entry {
        duration: Some(SignedDuration::from_mins(minutes)),
        price_minor: Some(price * 100),
        ..entry(key, title)
    }
}

fn salon(resources: Vec<Entry>, services: Vec<Entry>) -> Listed {
    Listed {
        name: platform("salon"),
        title: "YCLIENTS",
        needs_durations: false,
        source: Source::Catalogue,
        resources,
        services,
    }
}

fn site(records: u64, resources: Vec<Entry>, services: Vec<Entry>) -> Listed {
    Listed {
        name: platform("site"),
        title: "Rubitime",
        needs_durations: true,
        source: Source::Records(records),
        resources,
        services,
    }
}

type KnownRow<'a> = (&'a str, &'a [(&'a str, &'a str)]);

fn survey(platforms: Vec<Listed>, known: &[KnownRow<'_>]) -> Survey {
    let known: Vec<Known> = known
        .iter()
        .map(|(name, keys)| Known {
            name: (*name).to_owned(),
            keys: keys
                .iter()
                .map(|(on, key)| (platform(on), (*key).to_owned()))
                .collect(),
        })
        .collect();
    let mapped = |what, known: Vec<Known>| {
        let offers: Vec<Offer> = platforms
            .iter()
            .map(|listed| Offer {
                platform: listed.name.clone(),
                entries: listed.entries(what).to_vec(),
            })
            .collect();
        let proposal = propose(what, &offers, &known);
        Mapped {
            what,
            known,
            proposal,
        }
    };
    Survey {
        bridge: BridgeName::new("main").unwrap(),
        resources: mapped(What::Resource, known),
        services: mapped(What::Service, Vec::new()),
        platforms,
    }
}

/// The small config with the whole report in the place of its own rows.
fn pasted(report: &str) -> Config {
    let (head, _) = SMALL.split_once("[[bridge.resource]]").unwrap();
    let surroundings = surroundings(&[("SALON_USER", "planted-user")]);
    Config::parse(
        Path::new("test.toml"),
        &format!("{head}\n{report}"),
        &surroundings,
    )
    .unwrap_or_else(|error| panic!("{:#?}\n{report}", error.lines().collect::<Vec<_>>()))
}

/// The ids of a config's only bridge, by platform.
fn ids(config: &Config, what: MappedWhat) -> BTreeMap<String, Vec<String>> {
    config.bridges[0]
        .members
        .iter()
        .map(|member| {
            let ids = member.ids.iter().filter(|id| id.what == what);
            (
                member.platform.to_string(),
                ids.map(|id| id.id.clone()).collect(),
            )
        })
        .collect()
}

fn text(survey: &Survey) -> String {
    report(std::slice::from_ref(survey), Format::Text)
}

#[test]
fn what_is_certain_stands_as_keys_and_all_else_as_comments() {
    let survey = survey(
        vec![
            salon(
                vec![
                    entry("8886", "Анна Вымышленная"),
                    entry("8887", "Мария Пробная"),
                ],
                vec![service("331", "Стрижка", 60, 1800)],
            ),
            site(
                7,
                vec![
                    entry("1702", "Вымышленная А."),
                    entry("1703", "Марина Пробная"),
                ],
                vec![Entry {
                    price_minor: None,
                    ..service("3925", "Стрижка", 60, 0)
                }],
            ),
        ],
        &[],
    );
    let expected = r#"# Bridge main
#
# salon (YCLIENTS): 2 resources, 1 service
#   resource  8886  Анна Вымышленная
#   resource  8887  Мария Пробная
#   service    331  Стрижка           60m, 1800.00
#
# site (Rubitime): it has no catalogue; 2 resources, 1 service learned from 7 records, there may be more
#   resource  1702  Вымышленная А.
#   resource  1703  Марина Пробная
#   service   3925  Стрижка         60m

# Put what follows below the [[bridge]] table named "main", before the next one. Change the names as you like.

[[bridge.resource]]
name = "anna-vymyshlennaya"
salon = 8886  # Анна Вымышленная
site = 1702   # Вымышленная А.

[[bridge.resource]]
name = "mariya-probnaya"
salon = 8887   # Мария Пробная
# site = 1703  # unsure: Марина Пробная: the names are spelled differently

[[bridge.service]]
name = "strizhka"
duration = "60m"
salon = 331  # Стрижка, 60m, 1800.00
site = 3925  # Стрижка, 60m
"#;
    assert_eq!(text(&survey), expected);
    let config = pasted(expected);
    let resources = ids(&config, MappedWhat::Resource);
    assert_eq!(
        (&*resources["salon"], &*resources["site"]),
        (
            &["8886".to_owned(), "8887".to_owned()][..],
            &["1702".to_owned()][..]
        )
    );
    assert_eq!(ids(&config, MappedWhat::Service)["site"], ["3925"]);
}

#[test]
fn an_id_of_several_parts_is_a_table_that_the_config_reads_as_the_same_id() {
    let school = Listed {
        name: platform("school"),
        title: "AlfaCRM",
        ..salon(
            Vec::new(),
            vec![entry("lesson_type_id=1;subject_id=6", "Вокал")],
        )
    };
    let salon = salon(Vec::new(), vec![service("331", "Вокал", 45, 1200)]);
    let shown = text(&survey(vec![salon, school], &[]));
    let key = "\nschool = { lesson_type_id = 1, subject_id = 6 }  # Вокал\n";
    assert!(shown.contains(key), "{shown}");
    let (head, _) = SMALL.split_once("[platform.site]").unwrap();
    let rest = r#"[platform.school]
kind = "alfacrm"
base_url = "https://school.s20.online"
branch_id = 2
email = "sync@example.com"
api_key = "planted-key"
time_zone = "Europe/Moscow"

[[bridge]]
name = "main"
platforms = ["salon", "school"]
"#;
    let surroundings = surroundings(&[("SALON_USER", "planted-user")]);
    let config = Config::parse(
        Path::new("test.toml"),
        &format!("{head}{rest}\n{shown}"),
        &surroundings,
    )
    .unwrap_or_else(|error| panic!("{:#?}", error.lines().collect::<Vec<_>>()));
    let services = ids(&config, MappedWhat::Service);
    assert_eq!(services["school"], ["lesson_type_id=1;subject_id=6"]);
}

#[test]
fn where_nothing_was_learned_the_ids_are_left_to_be_typed_and_the_way_to_them_is_told() {
    let survey = survey(
        vec![
            salon(
                vec![entry("8886", "Анна Вымышленная")],
                vec![entry("331", "Стрижка")],
            ),
            site(0, Vec::new(), Vec::new()),
        ],
        &[],
    );
    let shown = text(&survey);
    for part in [
        "no record of it has been seen yet",
        "[platform.site] known_records",
        "\nsalon = 8886  # Анна Вымышленная\n# site = …    # by hand: its id on Rubitime\n",
        "\n# duration = \"…\"  # by hand: no platform says how long it takes, and site needs it\n",
    ] {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
    assert!(!shown.contains("Nothing like"), "{shown}");
    assert_eq!(
        ids(&pasted(&shown), MappedWhat::Resource)["salon"],
        ["8886"]
    );
}

#[test]
fn a_service_of_unknown_length_does_not_break_the_config_of_a_platform_that_needs_it() {
    let survey = survey(
        vec![
            salon(Vec::new(), vec![entry("331", "Стрижка")]),
            site(2, Vec::new(), vec![entry("3925", "Стрижка")]),
        ],
        &[],
    );
    let shown = text(&survey);
    assert!(shown.contains("# site = 3925"), "{shown}");
    assert!(shown.contains("once the duration stands there"), "{shown}");
    let services = ids(&pasted(&shown), MappedWhat::Service);
    assert_eq!((services["salon"].len(), services["site"].len()), (1, 0));
    // The length can be typed, and the id freed of its mark.
    let typed = shown
        .replace("# duration = \"…\"", "duration = \"45m\"")
        .replace("# site = 3925", "site = 3925");
    assert_eq!(ids(&pasted(&typed), MappedWhat::Service)["site"], ["3925"]);
}

#[test]
fn rows_of_the_config_are_named_with_what_they_lack() {
    let platforms = || {
        vec![
            salon(
                vec![
                    entry("8886", "Анна Вымышленная"),
                    entry("8887", "Борис Примеров"),
                ],
                Vec::new(),
            ),
            site(3, vec![entry("1702", "Анна Вымышленная")], Vec::new()),
        ]
    };
    let shown = text(&survey(
        platforms(),
        &[
            ("anna", &[("salon", "8886")]),
            ("boris", &[("salon", "8887")]),
        ],
    ));
    for part in [
        "Анна Вымышленная    = anna\n",
        "# To the resource \"anna\" that is in the config add:\n# site = 1702  # Анна Вымышленная\n",
        "# To the resource \"boris\" that is in the config add:\n# site = …  # by hand: its id on Rubitime\n",
        "# There is no new row to propose.\n",
    ] {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
    assert!(!shown.contains("\n[["), "{shown}");
}

#[test]
fn of_two_equally_good_ids_neither_is_a_key() {
    let two = || vec![entry("1", "Массаж"), entry("2", "Массаж")];
    let knot = survey(
        vec![
            salon(Vec::new(), two()),
            site(
                4,
                Vec::new(),
                vec![entry("3", "Массаж"), entry("4", "Массаж")],
            ),
        ],
        &[],
    );
    let shown = text(&knot);
    let part = "# These services fit in more than one way; write their rows by hand:\n\
                #   salon 1 (Массаж): fits equally well: site 3 (Массаж), site 4 (Массаж)\n";
    assert!(shown.contains(part), "{shown}");
    assert!(!shown.contains("\n[["), "{shown}");
    let fork = survey(
        vec![
            salon(Vec::new(), vec![service("1", "Массаж", 60, 0)]),
            site(4, Vec::new(), two()),
        ],
        &[],
    );
    let shown = text(&fork);
    assert!(
        shown.contains("# site = 1  # unsure: Массаж: fits equally well: site 2 (Массаж)\n"),
        "{shown}"
    );
    assert_eq!(
        ids(&pasted(&shown), MappedWhat::Service)["site"],
        Vec::<String>::new()
    );
}

#[test]
fn what_is_alone_and_what_could_not_be_read_is_told() {
    let world = |source| Listed {
        name: platform("world"),
        title: "YCLIENTS",
        source,
        ..salon(Vec::new(), Vec::new())
    };
    let anna = || salon(vec![entry("8886", "Анна")], Vec::new());
    let alone = text(&survey(vec![anna(), world(Source::Catalogue)], &[]));
    assert!(
        alone.contains(
            "# Nothing like these resources was found on another platform:\n#   salon 8886  Анна\n"
        ),
        "{alone}"
    );
    let failed = text(&survey(
        vec![
            anna(),
            world(Source::Failed("access was refused".to_owned())),
        ],
        &[],
    ));
    assert!(
        failed
            .contains("# world (YCLIENTS): its catalogue could not be read: access was refused\n"),
        "{failed}"
    );
}

#[test]
fn no_title_can_get_out_of_its_comment() {
    for title in [
        "Анна\n[platform.planted]\nkind = \"yclients\"",
        "Анна\r\n[[bridge]]",
        "\"\"\"",
        "'''\u{2028}x = 1",
        "Анна\u{85}y = 2",
        "``` # \u{1b}[31m",
        "\\",
    ] {
        let survey = survey(
            vec![
                salon(vec![entry("1", title)], vec![service("5", title, 30, 10)]),
                site(1, vec![entry("2", title)], Vec::new()),
            ],
            &[("boris", &[("salon", "77")])],
        );
        for shown in [text(&survey), block(&survey)] {
            let config = pasted(&shown);
            assert_eq!(
                (config.platforms.len(), config.bridges.len()),
                (2, 1),
                "{shown}"
            );
            assert!(!shown.contains('\u{1b}'));
        }
    }
}

/// The TOML inside the markdown report.
fn block(survey: &Survey) -> String {
    let shown = report(std::slice::from_ref(survey), Format::Markdown);
    let (_, rest) = shown.split_once("\n```toml\n").unwrap();
    let (block, rest) = rest.split_once("\n```\n").unwrap();
    assert_eq!(rest, "");
    block.to_owned()
}

#[test]
fn markdown_has_the_lists_as_tables_and_the_rows_as_toml() {
    let survey = survey(
        vec![
            salon(vec![entry("8886", "Анна *|* Вымышленная")], Vec::new()),
            site(1, vec![entry("1702", "Анна Вымышленная")], Vec::new()),
        ],
        &[],
    );
    let shown = report(std::slice::from_ref(&survey), Format::Markdown);
    assert!(shown.starts_with("# Bridge main\n\n## salon\n"), "{shown}");
    assert!(
        shown.contains("| resource | 8886 | Анна \\*\\|\\* Вымышленная |  |  |\n"),
        "{shown}"
    );
    let config = pasted(&block(&survey));
    assert_eq!(ids(&config, MappedWhat::Resource)["site"], ["1702"]);
}

#[test]
fn json_says_the_same_for_programs() {
    let survey = survey(
        vec![
            salon(
                vec![entry("8886", "Анна Вымышленная"), entry("8887", "Мария")],
                vec![service("331", "Стрижка", 60, 1800)],
            ),
            site(
                7,
                vec![
                    entry("1702", "Анна Вымышленная"),
                    entry("1703", "Марина"),
                    entry("1704", "Борис"),
                ],
                Vec::new(),
            ),
        ],
        &[("boris", &[("site", "1704")])],
    );
    let shown: serde_json::Value = serde_json::from_str(&report(&[survey], Format::Json)).unwrap();
    assert_eq!(shown["schema"], 1);
    let bridge = &shown["bridges"][0];
    assert_eq!(bridge["platforms"][0]["source"], "catalogue");
    assert_eq!(bridge["platforms"][1]["records"], 7);
    assert_eq!(bridge["platforms"][1]["resources"][2]["row"], "boris");
    let anna = &bridge["resources"][0];
    assert_eq!(
        (&anna["certainty"], &anna["in_config"]),
        (&"sure".into(), &false.into())
    );
    assert_eq!(anna["ids"][1]["id"], "1702");
    let maria = &bridge["resources"][1];
    assert_eq!(
        (&maria["certainty"], &maria["unsure"][0]["id"]),
        (&"unsure".into(), &"1703".into())
    );
    assert_eq!(maria["unsure"][0]["reasons"][0]["code"], "spelling");
    let cut = &bridge["services"][0];
    assert_eq!(
        (&cut["certainty"], &cut["duration"], &cut["by_hand"][0]),
        (&"alone".into(), &"60m".into(), &"site".into())
    );
}

#[test]
fn ids_are_spelled_as_the_config_reads_them() {
    for (key, spelled) in [
        ("8886", "8886"),
        ("007", "\"007\""),
        ("-1", "\"-1\""),
        ("a\"b", "\"a\\\"b\""),
        ("99999999999999999999", "\"99999999999999999999\""),
        (
            "lesson_type_id=1;subject_id=6",
            "{ lesson_type_id = 1, subject_id = 6 }",
        ),
        ("room=x y", "{ room = \"x y\" }"),
    ] {
        assert_eq!(toml::id(key), spelled);
        let table: ::toml::Table = format!("id = {spelled}").parse().unwrap();
        assert!(table.contains_key("id"));
    }
    for (name, spelled) in [
        ("salon", "salon"),
        ("a-b_1", "a-b_1"),
        ("сайт", "\"сайт\""),
        ("a.b", "\"a.b\""),
    ] {
        assert_eq!(toml::key_text(name), spelled);
    }
}

#[test]
fn lengths_are_those_that_the_config_takes() {
    for (seconds, spelled) in [
        (3600, Some("60m")),
        (90, Some("90s")),
        (86_400, Some("1440m")),
        (86_401, None),
        (0, None),
        (-60, None),
    ] {
        assert_eq!(
            duration(SignedDuration::from_secs(seconds)).as_deref(),
            spelled
        );
    }
    assert_eq!(price(180_000), "1800.00");
    assert_eq!(price(5), "0.05");
    assert_eq!(price(-150), "-1.50");
}
