//! What `check` and the catalogue say of an account.

use slotbridge_platform::platform::Level;
use slotbridge_platform::{Contacts, Platform as _};
use slotbridge_sim::alfacrm::Options;

use super::bench::SimBench;
use super::support::moscow;

#[tokio::test(start_paused = true)]
async fn check_names_each_closed_section_and_a_wrong_branch_or_room() {
    let problems = async |bench: &SimBench| -> Vec<(Level, String)> {
        let findings = bench.platform.check().await.unwrap();
        let bad = findings
            .into_iter()
            .filter(|finding| finding.what == "rights" && finding.level != Level::Fine);
        bad.map(|finding| (finding.level, finding.message))
            .collect()
    };
    for (section, level) in [
        ("lesson", Level::Problem),
        ("customer", Level::Problem),
        ("teacher", Level::Notice),
        ("regular-lesson", Level::Notice),
    ] {
        let bench = SimBench::usual();
        bench.sim.close_section(section);
        let found = problems(&bench).await;
        assert!(
            !found.is_empty() && found.iter().all(|(bad, _)| *bad == level),
            "{section}: {found:?}"
        );
    }
    let key = || "demo-alfacrm-key".to_owned().into();
    let wrong = [
        (
            crate::AlfacrmConfig::new(77, "sync@example.com", key()),
            "does not see branch 77",
        ),
        (
            crate::AlfacrmConfig {
                room_id: Some(50),
                ..crate::AlfacrmConfig::new(2, "sync@example.com", key())
            },
            "no room 50; there are 5 \"Малый зал\"",
        ),
    ];
    for (config, said) in wrong {
        let bench = SimBench::configured(&moscow(), Contacts::Real, &Options::default(), config);
        let found = problems(&bench).await;
        assert!(
            found
                .iter()
                .any(|(level, message)| *level == Level::Problem && message.contains(said)),
            "{found:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_catalogue_has_those_who_left_and_no_groups() {
    let bench = SimBench::usual();
    bench.sim.add_teacher(19, "Ушедшая");
    bench.sim.archive_teacher(19);
    bench.sim.add_lesson_type(4, "Парный", 1);
    bench.sim.add_lesson_type(5, "Хор", 2);
    let catalogue = bench.platform.catalogue().await.unwrap();
    let teachers: Vec<_> = catalogue
        .resources
        .iter()
        .map(|entry| (entry.key.as_str(), entry.active))
        .collect();
    assert_eq!(teachers, [("17", true), ("18", true), ("19", false)]);
    let services: Vec<_> = catalogue
        .services
        .iter()
        .filter(|entry| entry.key.ends_with("subject_id=6"))
        .collect();
    let keys: Vec<_> = services.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "lesson_type_id=1;subject_id=6",
            "lesson_type_id=3;subject_id=6",
            "lesson_type_id=4;subject_id=6"
        ]
    );
    assert_eq!(services[0].title, "Фортепиано (Индивидуальный)");
    assert_eq!(bench.platform.rooms().await.unwrap()[0].title, "Малый зал");
    // Where the dictionary of types is closed, the one for a single client is still offered.
    bench.sim.close_section("lesson-type");
    let catalogue = bench.platform.catalogue().await.unwrap();
    assert_eq!(
        catalogue
            .services
            .iter()
            .map(|entry| entry.key.as_str())
            .next(),
        Some("lesson_type_id=1;subject_id=6")
    );
}
