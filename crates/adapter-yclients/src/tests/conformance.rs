//! The suite that every adapter must pass, against the simulated YCLIENTS in several of its moods.

use async_trait::async_trait;
use jiff::tz::TimeZone;
use slotbridge_platform::Contacts;
use slotbridge_platform::conformance::{self, Bench, Deviation, Outcome, Subject};
use slotbridge_sim::yclients::{
    AuthReply, ClientCard, CreateReply, DeletedGet, Options, UnauthorizedForm,
};

use super::bench::{SimBench, moscow};
use super::support::sink;

struct Simulated {
    options: Options,
    contacts: Contacts,
    loopback: bool,
}

#[async_trait]
impl Subject for Simulated {
    fn name(&self) -> &'static str {
        "yclients"
    }

    fn profile(&self) -> Vec<Deviation> {
        Vec::new()
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

async fn conforms(subject: Simulated) {
    let report = conformance::run(&subject).await;
    println!("{report}");
    assert!(report.is_good(), "{report}");
    let skipped = report
        .cases
        .iter()
        .filter(|case| matches!(case.outcome, Outcome::Skipped(_)));
    // There is no occupancy to read here, and nothing else may be left out.
    assert_eq!(
        skipped.map(|case| case.name).collect::<Vec<_>>(),
        ["a_booked_start_shows_as_taken"]
    );
}

#[tokio::test(start_paused = true)]
async fn the_adapter_conforms() {
    conforms(Simulated {
        options: Options::default(),
        contacts: Contacts::Real,
        loopback: false,
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_adapter_conforms_where_everything_is_spelled_differently() {
    let options = Options {
        auth_reply: AuthReply::InData,
        auth_status: 200,
        page_max: 3,
        create_reply: CreateReply::Reduced,
        put_status: 200,
        busy_status: 409,
        unknown_status: 422,
        deleted_get: DeletedGet::Shown,
        unauthorized: UnauthorizedForm::Errors,
        retry_after: true,
        odd_spellings: Some(11),
        comment_trim: true,
        ..Options::default()
    };
    conforms(Simulated {
        options,
        contacts: Contacts::Real,
        loopback: false,
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_adapter_conforms_behind_a_sink() {
    let options = Options {
        create_reply: CreateReply::ReducedArray,
        unauthorized: UnauthorizedForm::WithoutData,
        ..Options::default()
    };
    conforms(Simulated {
        options,
        contacts: sink(),
        loopback: false,
    })
    .await;
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
        "an_incremental_listing_shows_edits_moves_and_removals",
        "a_create_whose_reply_is_lost_lands_once_and_says_that_it_may_have",
        "a_create_answered_with_half_a_reply_may_have_landed",
        "an_expired_token_is_renewed_or_told",
    ];
    let options = Options {
        client_card: ClientCard::Overwritten,
        ..Options::default()
    };
    let subject = Simulated {
        options,
        contacts: Contacts::Real,
        loopback: true,
    };
    let report = conformance::run_some(&subject, |name| WANTED.contains(&name)).await;
    println!("{report}");
    assert!(report.is_good(), "{report}");
    assert_eq!(report.ran(), WANTED.len(), "{report}");
}
