//! The suite that every adapter must pass, against the simulated AlfaCRM in several of its moods.

use async_trait::async_trait;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::Deserialize;
use slotbridge_platform::Contacts;
use slotbridge_platform::conformance::{self, Bench, Deviation, Outcome, Subject};
use slotbridge_sim::Inspect as _;
use slotbridge_sim::alfacrm::{DateKey, Options, Times};

use super::bench::SimBench;
use super::support::{moscow, sink};

struct Simulated {
    options: Options,
    contacts: Contacts,
    loopback: bool,
}

/// The adapter's `profile.toml`.
#[derive(Deserialize)]
struct Profile {
    #[serde(default)]
    deviation: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    case: String,
    reason: String,
}

#[async_trait]
impl Subject for Simulated {
    fn name(&self) -> &'static str {
        "alfacrm"
    }

    fn profile(&self) -> Vec<Deviation> {
        let profile: Profile = toml::from_str(include_str!("../../profile.toml")).unwrap();
        let entries = profile.deviation.into_iter();
        entries
            .map(|Entry { case, reason }| Deviation { case, reason })
            .collect()
    }

    fn renews_tokens(&self) -> bool {
        true
    }

    async fn bench(&self, zone: Option<&TimeZone>) -> Option<Box<dyn Bench>> {
        let zone = zone.cloned().unwrap_or_else(moscow);
        Some(Box::new(if self.loopback {
            SimBench::on_loopback(&zone, &self.options).await
        } else {
            SimBench::in_process(&zone, self.contacts.clone(), &self.options)
        }))
    }
}

/// What a platform without occupancy and without a change feed has no cases for.
const SKIPPED: [&str; 2] = [
    "a_booked_start_shows_as_taken",
    "an_incremental_listing_shows_edits_moves_and_removals",
];

async fn conforms(options: Options, contacts: Contacts) {
    let subject = Simulated {
        options,
        contacts,
        loopback: false,
    };
    let report = conformance::run(&subject).await;
    println!("{report}");
    assert!(report.is_good(), "{report}");
    let skipped = report
        .cases
        .iter()
        .filter(|case| matches!(case.outcome, Outcome::Skipped(_)));
    let mut skipped: Vec<_> = skipped.map(|case| case.name).collect();
    skipped.sort_unstable();
    assert_eq!(skipped, SKIPPED);
}

#[tokio::test(start_paused = true)]
async fn the_adapter_conforms() {
    conforms(Options::default(), Contacts::Real).await;
}

#[tokio::test(start_paused = true)]
async fn the_adapter_conforms_where_everything_is_spelled_differently() {
    let options = Options {
        app_key: Some("demo-app-key".to_owned()),
        token_ttl: SignedDuration::from_hours(1),
        login_refusal: 403,
        expired_status: 403,
        page_max: 3,
        last_page_again: true,
        date_key: DateKey::LessonDate,
        times: Times::Bare,
        stamps: true,
        custom_keys: true,
        people_in_details: true,
        formatted_phones: true,
        odd_spellings: Some(11),
        refusal_status: 422,
        unknown_status: 200,
        refuse_busy_people: false,
        ..Options::default()
    };
    // Where an expired token is told as 403, one that no login renews is told as forbidden.
    let expected = "an_unreadable_reply_never_reads_as_missing";
    let subject = Simulated {
        options,
        contacts: Contacts::Real,
        loopback: false,
    };
    let report = conformance::run_some(&subject, |name| name != expected).await;
    println!("{report}");
    assert!(report.is_good(), "{report}");
}

#[tokio::test(start_paused = true)]
async fn the_adapter_conforms_where_only_the_times_tell_the_day() {
    let options = Options {
        date_key: DateKey::Absent,
        times: Times::FullWithT,
        extra_second: false,
        odd_spellings: Some(5),
        refusal_status: 400,
        ..Options::default()
    };
    conforms(options, Contacts::Real).await;
}

#[tokio::test(start_paused = true)]
async fn the_adapter_conforms_behind_a_sink() {
    conforms(Options::default(), sink()).await;
}

/// Over a real socket: what needs no waiting, and among it every way to lose a connection.
#[tokio::test]
async fn the_adapter_conforms_over_a_socket() {
    const WANTED: [&str; 10] = [
        "check_finds_no_problem_with_a_sound_account",
        "a_created_record_shows_its_draft",
        "reading_twice_shows_the_same_as_the_write_returned",
        "a_removed_record_is_gone",
        "an_update_leaves_what_only_the_owner_sets",
        "a_listing_of_several_pages_is_whole",
        "a_block_carries_no_client",
        "a_create_whose_reply_is_lost_lands_once_and_says_that_it_may_have",
        "a_create_answered_with_half_a_reply_may_have_landed",
        "an_expired_token_is_renewed_or_told",
    ];
    let subject = Simulated {
        options: Options::default(),
        contacts: Contacts::Real,
        loopback: true,
    };
    let report = conformance::run_some(&subject, |name| WANTED.contains(&name)).await;
    println!("{report}");
    assert!(report.is_good(), "{report}");
    assert_eq!(report.ran(), WANTED.len(), "{report}");
}

#[tokio::test(start_paused = true)]
async fn check_and_catalogue_write_nothing_at_all() {
    use slotbridge_platform::Platform as _;

    let bench = SimBench::usual();
    let before = bench.sim.fingerprint();
    bench.platform.check().await.unwrap();
    bench.platform.catalogue().await.unwrap();
    bench.platform.rooms().await.unwrap();
    assert_eq!(bench.sim.fingerprint(), before);
    assert!(bench.sim.calls().iter().all(|call| !call.landed));
}
