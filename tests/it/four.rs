//! `check` on all four platforms: it proves credentials and ids with reads only, and names what stands nearest to a
//! wrong id.

use std::time::Duration;

use slotbridge_sim::world::{Addresses4, World4, demo_week_of_four};
use slotbridge_sim::{Served, SimClock, serve};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::{Ran, binary, write_private};

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
        let file = self.folder.path().join("config.toml");
        write_private(&file, config.as_bytes());
        let arguments = ["check", "--config", file.to_str().unwrap()];
        Ran::from(binary().args(arguments).output().unwrap())
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
