//! All four platforms: `check` proves credentials and ids with reads only and names what stands nearest to a wrong id,
//! and nothing of a client or a secret is in what is said of any of them.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use slotbridge_sim::world::{Addresses4, Place, RESOURCES, SERVICES, World4, demo_week_of_four};
use slotbridge_sim::{Booking, Edit, Fault, Served, SimClock, Which, serve};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::{Ran, at, binary, write_private};

/// How far apart the simulated Rubitime wants two calls.
const GAP: Duration = Duration::from_millis(10);

struct Four {
    world: World4,
    folder: TempDir,
    text: String,
    // The platforms are served as long as these are there; the runtime goes last.
    _served: [Served; 4],
    _runtime: Runtime,
}

impl Four {
    fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let world = demo_week_of_four(&SimClock::system());
        world.hurry(GAP);
        let served = runtime.block_on(async {
            [
                serve(world.two.yclients.router()).await.unwrap(),
                serve(world.two.rubitime.router()).await.unwrap(),
                serve(world.simplybook.router()).await.unwrap(),
                serve(world.alfacrm.router()).await.unwrap(),
            ]
        });
        let [salon, site, world_url, school] = &served;
        let text = world.config(&Addresses4 {
            yclients: &salon.url,
            rubitime: &site.url,
            simplybook: &world_url.url,
            alfacrm: &school.url,
            store: "slotbridge.db",
            rubitime_gap: Some(GAP),
            hurry: true,
        });
        Self {
            world,
            folder: tempfile::tempdir().unwrap(),
            text,
            _served: served,
            _runtime: runtime,
        }
    }

    /// The config with this replaced, all of which must be there.
    fn with(&self, changes: &[(&str, &str)]) -> String {
        let mut text = self.text.clone();
        for (from, to) in changes {
            assert!(text.contains(from), "{from:?} is not in\n{text}");
            text = text.replacen(from, to, 1);
        }
        text
    }

    fn check(&self, config: &str) -> Ran {
        self.run(config, &["check"])
    }

    fn run(&self, config: &str, arguments: &[&str]) -> Ran {
        let file = self.folder.path().join("config.toml");
        write_private(&file, config.as_bytes());
        let mut command = binary();
        command.arg("--config").arg(file).args(arguments);
        Ran::from(command.output().unwrap())
    }

    /// Everything that tells who a client is, and the secrets of the config.
    fn forbidden(&self) -> BTreeSet<String> {
        let mut texts = BTreeSet::new();
        for seen in self.world.sides().iter().flat_map(|side| side.view.all()) {
            let digits: String = seen.phone.chars().filter(char::is_ascii_digit).collect();
            texts.extend([seen.name, seen.phone, seen.email, digits]);
            // A comment may carry our marker, which is no secret.
            texts.extend(seen.comment.split('\n').next().map(str::to_owned));
        }
        texts.retain(|text| text.trim().chars().count() > 3 && text != "Busy");
        texts.extend(
            [
                "demo-password",
                "demo-alfacrm-key",
                "demo-simplybook-key",
                "demo-simplybook-secret",
                // Whom the calls are made as, and the sink.
                "sync@example.com",
                "79000000099",
            ]
            .map(str::to_owned),
        );
        texts
    }

    fn assert_silent(&self, what: &str, ran: &Ran) {
        for text in self.forbidden() {
            for said in [&ran.stdout, &ran.stderr] {
                assert!(!said.contains(&text), "{what}: {text} in\n{said}");
            }
        }
    }

    /// A person tells something private on SimplyBook.me and on AlfaCRM.
    fn person(&self) {
        for place in [Place::Simplybook, Place::Alfacrm] {
            let side = self.world.side(place);
            let edit = Edit {
                name: Some(format!("Скрытная {}", place.title())),
                email: Some(format!("planted.{}@example.com", place.name())),
                comment: Some(format!("код домофона {}", place.name())),
                ..Edit::default()
            };
            let id = side.view.live()[0].id;
            side.hand.edit(id, &edit).unwrap();
        }
    }

    fn fingerprints(&self) -> [u64; 4] {
        self.world.sides().map(|side| side.view.fingerprint())
    }
}

/// What turns the company's config into one of the public service.
const PUBLIC: [(&str, &str); 3] = [
    ("mode = \"admin\"", "mode = \"public\""),
    (
        "user = \"sync@example.com\"\npassword = \"demo-password\"",
        "api_key = \"demo-simplybook-key\"",
    ),
    (
        "contacts = \"real\"",
        "secret_key = \"demo-simplybook-secret\"\nsink_email = \"sync@example.com\"\nsink_phone = \"+79000000099\"",
    ),
];

fn assert_says(ran: &Ran, code: i32, parts: &[&str]) {
    assert_eq!(ran.code, Some(code), "{}\n{}", ran.stdout, ran.stderr);
    for part in parts {
        assert!(
            ran.stdout.contains(part),
            "{part:?} is not in\n{}",
            ran.stdout
        );
    }
}

#[test]
fn check_is_content_with_all_four_in_both_modes_and_writes_nothing() {
    let four = Four::open();
    let before = four.fingerprints();
    for config in [four.text.clone(), four.with(&PUBLIC)] {
        let ran = four.check(&config);
        assert_says(
            &ran,
            0,
            &[
                "platform salon: mapping: all 5 mapped ids are there",
                "platform world: mapping: all 5 mapped ids are there",
                "platform school: mapping: all 5 mapped ids are there",
                "platform site: mapping: the platform lists no resources",
            ],
        );
    }
    assert_eq!(four.fingerprints(), before);
    assert!(!four.folder.path().join("slotbridge.db").exists());
}

#[test]
fn check_names_what_stands_nearest_to_an_id_that_is_not_there() {
    let four = Four::open();
    let wrong = [
        ("world = 4\n", "world = 44\n"),
        ("school = 17\n", "school = 117\n"),
        ("subject_id = 8,", "subject_id = 88,"),
    ];
    let parts = [
        "bridge.main.resource.boris.world: there is no resource 44; nearest: 4 (Борис Примеров)",
        "bridge.main.resource.anna.school: there is no resource 117; nearest: 17 (Анна Вымышленная)",
        "bridge.main.service.beard.school: there is no service lesson_type_id=1;subject_id=88; nearest: lesson_type_id=1;subject_id=8 (",
    ];
    assert_says(&four.check(&four.with(&wrong)), 2, &parts);
    let public = [&PUBLIC[..], &wrong[..1]].concat();
    assert_says(&four.check(&four.with(&public)), 2, &parts[..1]);
}

// R33
#[test]
fn check_tells_whose_credentials_are_wrong_and_shows_none() {
    let four = Four::open();
    for (changes, part) in [
        (
            vec![("demo-password", "planted-password")],
            "platform world: ",
        ),
        (
            vec![("demo-alfacrm-key", "planted-key")],
            "platform school: ",
        ),
        (
            [&PUBLIC[..], &[("demo-simplybook-key", "planted-key")]].concat(),
            "platform world: ",
        ),
    ] {
        let ran = four.check(&four.with(&changes));
        assert_says(&ran, 1, &[]);
        let problems: Vec<&str> = ran
            .stdout
            .lines()
            .filter(|line| line.starts_with("problem"))
            .collect();
        assert!(!problems.is_empty());
        assert!(
            problems.iter().all(|line| line.contains(part)),
            "{problems:#?}"
        );
        assert!(!format!("{ran:?}").contains("planted"), "{ran:?}");
    }
}

#[test]
fn logs_of_every_level_keep_clients_and_secrets_of_all_four_to_themselves() {
    let four = Four::open();
    four.person();
    for config in [four.text.clone(), four.with(&PUBLIC)] {
        for arguments in [
            &["check", "-vvv"][..],
            &["reconcile", "--dry-run", "-vvv", "--log-format", "json"],
            &["map", "-vvv"],
        ] {
            four.assert_silent(&arguments.join(" "), &four.run(&config, arguments));
        }
    }
    for format in ["text", "json", "markdown"] {
        let ran = four.run(&four.text, &["reconcile", "-vvv", "--format", format]);
        four.assert_silent(format, &ran);
    }
    // The platforms were really spoken to at that level.
    let ran = four.run(&four.text, &["reconcile", "-vvv"]);
    for operation in ["platform=world", "platform=school"] {
        assert!(ran.stderr.contains(operation), "{}", ran.stderr);
    }
}

#[test]
fn errors_of_simplybook_and_alfacrm_quote_neither_what_was_sent_nor_what_came_back() {
    for fault in [
        Fault::Garbage,
        Fault::ErrorAfter { status: 500 },
        Fault::Truncated,
        Fault::HtmlError { status: 500 },
    ] {
        let four = Four::open();
        four.person();
        let sides = [
            (Place::Simplybook, ["admin.book", "admin.addClient"]),
            (Place::Alfacrm, ["lesson.create", "customer.create"]),
        ];
        for (place, [write, card]) in sides {
            let faults = four.world.side(place).view.faults();
            faults.add("write", write, Which::Every, fault.clone());
            // Some of the cards are made, or no booking would be tried.
            faults.add("card", card, Which::Nth(2), fault.clone());
        }
        let what = format!("{fault:?}");
        let ran = four.run(&four.text, &["reconcile", "-vvv"]);
        assert_eq!(ran.code, Some(1), "{what}: {ran:?}");
        four.assert_silent(&what, &ran);
        for (place, _) in sides {
            let fired = four.world.side(place).view.faults().fired("write");
            assert!(fired > Some(0), "{what} never struck {place:?}");
        }
    }
}

#[test]
fn a_time_taken_on_rubitime_is_protected_as_long_as_it_is_in_public_mode_too() {
    let four = Four::open();
    let known: Vec<String> = four
        .world
        .side(Place::Rubitime)
        .view
        .live()
        .iter()
        .map(|seen| seen.id.to_string())
        .collect();
    let known = format!("branch_id = 1013\nknown_records = [{}]\n", known.join(", "));
    let config = four.with(&PUBLIC).replacen("branch_id = 1013\n", &known, 1);
    let (start, boris) = (at(3, 13), &RESOURCES[1]);
    let booking = Booking::new(boris.rubitime, SERVICES[0].rubitime, start, 60);
    let side = four.world.side(Place::Rubitime);
    side.hand.book(&booking.client("Гость", "+79000000999"));
    // A busy time is protected once it was seen twice; the third pass finds nothing to do.
    for pass in 1..=3 {
        let ran = four.run(&config, &["reconcile"]);
        assert_eq!(ran.code, Some(0), "pass {pass}: {}", ran.stdout);
    }
    for side in four.world.sides() {
        let staff = side.place.staff(boris);
        let taken: Vec<(Timestamp, Timestamp)> = side
            .view
            .live()
            .iter()
            .filter(|seen| seen.staff == staff && seen.start == start)
            .map(|seen| (seen.start, seen.end))
            .collect();
        let whole = (start, start + SignedDuration::from_hours(1));
        assert_eq!(taken, [whole], "{}", side.place.title());
    }
}
