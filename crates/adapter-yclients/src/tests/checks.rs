//! What `check` says, and the catalogue.

use jiff::SignedDuration;
use slotbridge_platform::platform::{CatalogueEntry, Finding, Level};
use slotbridge_platform::testing::Scene;
use slotbridge_platform::transport::TransportFailure;
use slotbridge_platform::{ErrorKind, Platform};

use super::support::{Setup, answer, page, replies, sink, zone};

fn listing() -> Scene {
    answer(200, page(&[], 0))
}

fn company() -> Scene {
    replies(200, "replies/company.json")
}

async fn check(setup: Setup, scenes: Vec<Scene>) -> Vec<Finding> {
    let scripted = setup.play(scenes);
    let findings = scripted.platform.check().await.unwrap();
    assert!(
        scripted
            .asked()
            .iter()
            .all(|line| line.starts_with("GET ") || line == "POST /auth"),
        "{:?}",
        scripted.asked()
    );
    assert_eq!(scripted.transport.scenes_left(), 0);
    findings
}

fn of<'a>(findings: &'a [Finding], what: &str) -> Vec<&'a Finding> {
    findings
        .iter()
        .filter(|finding| finding.what == what)
        .collect()
}

fn problems(findings: &[Finding]) -> Vec<&str> {
    findings
        .iter()
        .filter(|finding| finding.level == Level::Problem)
        .map(|finding| finding.message.as_str())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn an_account_in_order_has_a_word_on_everything_and_no_problem() {
    let findings = check(
        Setup::default(),
        vec![
            replies(200, "replies/permissions.json"),
            company(),
            listing(),
        ],
    )
    .await;
    assert_eq!(problems(&findings), Vec::<&str>::new());
    for what in [
        "credentials",
        "rights",
        "zone",
        "reachability",
        "silence",
        "webhook",
    ] {
        assert_eq!(of(&findings, what).len(), 1, "{what}");
    }
    assert!(of(&findings, "silence")[0].message.contains("no message"));
    assert!(of(&findings, "webhook")[0].message.contains("Webhooks"));
}

#[tokio::test(start_paused = true)]
async fn every_right_that_is_lacking_is_named_with_its_consequence() {
    let findings = check(
        Setup::default(),
        vec![
            replies(200, "replies/permissions_poor.json"),
            company(),
            listing(),
        ],
    )
    .await;
    let rights = of(&findings, "rights");
    for (key, level) in [
        ("create_records_access", Level::Problem),
        ("edit_records_access", Level::Problem),
        ("delete_records_access", Level::Problem),
        ("timetable_transferring_record_access", Level::Problem),
        ("timetable_phones_access", Level::Problem),
        ("master_id", Level::Problem),
        ("clients_phones_email_access", Level::Notice),
        ("clients_access", Level::Notice),
        ("edit_records_attendance_access", Level::Notice),
        ("record_edit_full_paid_access", Level::Notice),
        ("delete_customer_came_records_access", Level::Notice),
        ("last_days_count", Level::Notice),
    ] {
        let named: Vec<Level> = rights
            .iter()
            .filter(|finding| finding.message.contains(key))
            .map(|finding| finding.level)
            .collect();
        assert_eq!(named, [level], "{key}");
    }
    assert!(
        rights
            .iter()
            .any(|finding| finding.message.contains("listed addresses"))
    );
    assert!(!rights.iter().any(|finding| finding.level == Level::Fine));
    assert!(
        !rights
            .iter()
            .any(|finding| finding.message.contains("(timetable_access)"))
    );
}

#[tokio::test(start_paused = true)]
async fn rights_that_are_not_told_are_a_notice() {
    let findings = check(
        Setup::default(),
        vec![
            replies(200, "replies/permissions_silent.json"),
            company(),
            listing(),
        ],
    )
    .await;
    assert_eq!(
        of(&findings, "rights")
            .iter()
            .map(|finding| finding.level)
            .collect::<Vec<_>>(),
        [Level::Notice]
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_credential_is_a_finding_with_the_way_out() {
    let findings = check(Setup::default(), vec![replies(401, "errors/401.json")]).await;
    let [finding] = findings.as_slice() else {
        panic!("{findings:?}")
    };
    assert_eq!(
        (finding.level, finding.what),
        (Level::Problem, "credentials")
    );
    assert!(
        finding.message.contains("check partner_token"),
        "{}",
        finding.message
    );
    let findings = check(
        Setup::logging_in(),
        vec![replies(200, "replies/auth_second_factor.json")],
    )
    .await;
    let [finding] = findings.as_slice() else {
        panic!("{findings:?}")
    };
    assert!(
        finding.message.contains("system user"),
        "{}",
        finding.message
    );
}

#[tokio::test(start_paused = true)]
async fn a_licence_that_has_run_out_and_a_closed_journal_are_problems() {
    let findings = check(
        Setup::default(),
        vec![
            replies(200, "replies/permissions.json"),
            company(),
            replies(402, "errors/402_licence.json"),
        ],
    )
    .await;
    let problems = problems(&findings);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("licence"), "{problems:?}");
    let findings = check(
        Setup::default(),
        vec![
            replies(403, "errors/403_rights.json"),
            replies(404, "errors/404_company.json"),
            replies(403, "errors/403_rights.json"),
        ],
    )
    .await;
    assert_eq!(
        findings
            .iter()
            .filter(|finding| finding.level == Level::Problem)
            .count(),
        3
    );
}

#[tokio::test(start_paused = true)]
async fn the_zone_is_held_against_the_branchs_own() {
    let zoned = async |configured: Option<&str>, path: &str| {
        let setup = Setup {
            zone: configured.map(zone),
            ..Setup::default()
        };
        let scenes = vec![
            replies(200, "replies/permissions.json"),
            replies(200, path),
            listing(),
        ];
        let findings = check(setup, scenes).await;
        let finding = of(&findings, "zone")[0].clone();
        (finding.level, finding.message)
    };
    let told = |name: &'static str, (level, message): (Level, String), expected| {
        assert_eq!(level, expected, "{message}");
        assert!(message.contains(name), "{message}");
    };
    told(
        "Europe/Moscow",
        zoned(None, "replies/company.json").await,
        Level::Fine,
    );
    told(
        "Asia/Dubai",
        zoned(None, "replies/company_old_zone.json").await,
        Level::Fine,
    );
    told(
        "set time_zone",
        zoned(None, "replies/company_unknown_zone.json").await,
        Level::Problem,
    );
    told(
        "set time_zone",
        zoned(None, "replies/company_without_zone.json").await,
        Level::Problem,
    );
    told(
        "Europe/Moscow",
        zoned(Some("Europe/Moscow"), "replies/company.json").await,
        Level::Fine,
    );
    told(
        "Asia/Dubai",
        zoned(Some("Asia/Dubai"), "replies/company.json").await,
        Level::Notice,
    );
    told(
        "taken from the config",
        zoned(Some("Asia/Dubai"), "replies/company_without_zone.json").await,
        Level::Fine,
    );
}

#[tokio::test(start_paused = true)]
async fn behind_a_sink_the_check_says_so() {
    let setup = Setup {
        contacts: sink(),
        ..Setup::default()
    };
    let findings = check(
        setup,
        vec![
            replies(200, "replies/permissions.json"),
            company(),
            listing(),
        ],
    )
    .await;
    let silence = &of(&findings, "silence")[0].message;
    assert!(silence.contains("sink"), "{silence}");
    assert!(!silence.contains("sink@example.com"), "{silence}");
}

#[tokio::test(start_paused = true)]
async fn a_platform_out_of_reach_shows_nothing_about_the_account() {
    let scenes = (0..8).map(|_| Scene::Failure(TransportFailure::NotSent));
    let error = Setup::default()
        .play(scenes)
        .platform
        .check()
        .await
        .expect_err("out of reach");
    assert_eq!(error.kind, ErrorKind::Transport);
}

#[tokio::test(start_paused = true)]
async fn the_catalogue_lists_staff_services_and_the_zone() {
    let scripted = Setup::default().play([
        replies(200, "replies/staff.json"),
        replies(200, "replies/services.json"),
        company(),
    ]);
    let catalogue = scripted.platform.catalogue().await.unwrap();
    let entry =
        |key: &str, title: &str, minutes: Option<i64>, price_minor, active| CatalogueEntry {
            key: key.to_owned(),
            title: title.to_owned(),
            duration: minutes.map(SignedDuration::from_mins),
            price_minor,
            active,
        };
    assert_eq!(
        catalogue.resources,
        [
            entry("310", "Лида", None, None, true),
            entry("311", "Вера", None, None, true),
            entry("312", "Ушедшая", None, None, false),
            entry("313", "Удалённая", None, None, false),
        ]
    );
    assert_eq!(
        catalogue.services,
        [
            entry("42", "Стрижка", Some(60), Some(250_000), true),
            entry("43", "Укладка", Some(30), Some(130_050), true),
            entry("44", "Старое", None, Some(5), false),
            entry("45", "45", None, None, true),
        ]
    );
    assert_eq!(catalogue.time_zone.as_deref(), Some("Europe/Moscow"));
    assert_eq!(
        scripted.asked(),
        [
            "GET /company/7001/staff/",
            "GET /company/7001/services/",
            "GET /company/7001/"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_catalogue_that_is_no_list_is_a_bad_reply() {
    let scripted = Setup::default().play([
        replies(200, "replies/garbage.json"),
        replies(200, "replies/services.json"),
        company(),
    ]);
    assert_eq!(
        scripted
            .platform
            .catalogue()
            .await
            .expect_err("no list")
            .kind,
        ErrorKind::BadReply
    );
}

#[tokio::test(start_paused = true)]
async fn free_and_busy_times_are_not_read_here() {
    let scripted = Setup::default().play([]);
    let (resource, service) = (
        slotbridge_core::model::ResourceKey::new("310"),
        slotbridge_core::model::ServiceKey::new("42"),
    );
    let hour = SignedDuration::from_hours(1);
    let occupancy = scripted.platform.occupancy(
        &resource,
        &service,
        hour,
        slotbridge_platform::platform::Priority::Poll,
    );
    assert_eq!(
        occupancy.await.expect_err("no grid").kind,
        ErrorKind::Unsupported
    );
    assert!(scripted.asked().is_empty());
}
