//! The suite that every adapter must pass, against the simulated SimplyBook.me in both modes and several moods.

use async_trait::async_trait;
use jiff::tz::TimeZone;
use serde::Deserialize;
use slotbridge_platform::Contacts;
use slotbridge_platform::conformance::{self, Bench, Deviation, Subject};
use slotbridge_sim::simplybook::{ClientDedup, LimitShape, Options, SecondCancel};

use super::bench::SimBench;
use super::support::{COMPANY, MARKER_FIELD, admin, public, sink, zone};
use crate::{Mode, SimplybookConfig};

struct Simulated {
    mode: Mode,
    marker_field: Option<&'static str>,
    contacts: Contacts,
    options: Options,
    loopback: bool,
}

/// One entry of the adapter's `profile.toml`.
#[derive(Deserialize)]
struct Entry {
    case: String,
    #[serde(rename = "in")]
    set_ups: Vec<String>,
    reason: String,
}

#[derive(Deserialize)]
struct Profile {
    deviation: Vec<Entry>,
}

impl Simulated {
    /// The word by which the profile knows it.
    fn set_up(&self) -> &'static str {
        match (&self.mode, self.marker_field) {
            (Mode::Admin { .. }, Some(_)) => "admin",
            (Mode::Admin { .. }, None) => "admin-comment",
            (Mode::Public { .. }, Some(_)) => "public",
            (Mode::Public { .. }, None) => "public-bare",
        }
    }
}

#[async_trait]
impl Subject for Simulated {
    fn name(&self) -> &'static str {
        match self.mode {
            Mode::Admin { .. } => "simplybook, admin",
            Mode::Public { .. } => "simplybook, public",
        }
    }

    fn profile(&self) -> Vec<Deviation> {
        if self.loopback {
            // Only a few cases are played there.
            return Vec::new();
        }
        let profile: Profile = toml::from_str(include_str!("../../profile.toml")).unwrap();
        let here = profile
            .deviation
            .into_iter()
            .filter(|entry| entry.set_ups.iter().any(|word| word == self.set_up()));
        here.map(|entry| Deviation {
            case: entry.case,
            reason: entry.reason,
        })
        .collect()
    }

    fn renews_tokens(&self) -> bool {
        true
    }

    async fn bench(&self, wanted: Option<&TimeZone>) -> Option<Box<dyn Bench>> {
        let zone = wanted.cloned().unwrap_or_else(|| zone("Europe/London"));
        let mut config = SimplybookConfig::new(COMPANY, self.mode.clone());
        config.marker_field = self.marker_field.map(str::to_owned);
        Some(Box::new(if self.loopback {
            SimBench::on_loopback(&zone, self.contacts.clone(), config, &self.options).await
        } else {
            SimBench::in_process(&zone, self.contacts.clone(), config, &self.options)
        }))
    }
}

async fn conforms(subject: Simulated) {
    let report = conformance::run(&subject).await;
    println!("{report}");
    assert!(report.is_good(), "{report}");
}

#[tokio::test(start_paused = true)]
async fn the_admin_mode_conforms() {
    conforms(Simulated {
        mode: admin(),
        marker_field: Some(MARKER_FIELD),
        contacts: sink(),
        options: Options::default(),
        loopback: false,
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_admin_mode_conforms_with_real_contacts_and_other_spellings() {
    let options = Options {
        null_members: true,
        odd_spellings: true,
        limit_shape: LimitShape::Error,
        second_cancel: SecondCancel::False,
        client_dedup: ClientDedup::Error,
        details_have_comment: true,
        date_to_excluded: true,
        hash_changes: true,
        zone_spelling: None,
        ..Options::default()
    };
    conforms(Simulated {
        mode: admin(),
        marker_field: Some(MARKER_FIELD),
        contacts: Contacts::Real,
        options,
        loopback: false,
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_admin_mode_conforms_with_the_marker_in_the_comment() {
    let options = Options {
        client_dedup: ClientDedup::Exact,
        second_cancel: SecondCancel::NotFound,
        limit_shape: LimitShape::Status403,
        ..Options::default()
    };
    conforms(Simulated {
        mode: admin(),
        marker_field: None,
        contacts: sink(),
        options,
        loopback: false,
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_public_mode_conforms() {
    conforms(Simulated {
        mode: public(),
        marker_field: Some(MARKER_FIELD),
        contacts: sink(),
        options: Options::default(),
        loopback: false,
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_public_mode_conforms_with_real_contacts_and_other_spellings() {
    let options = Options {
        null_members: true,
        odd_spellings: true,
        second_cancel: SecondCancel::True,
        ..Options::default()
    };
    conforms(Simulated {
        mode: public(),
        marker_field: Some(MARKER_FIELD),
        contacts: Contacts::Real,
        options,
        loopback: false,
    })
    .await;
}

/// Over a real socket: what needs no waiting, and among it ways to lose a connection.
#[tokio::test]
async fn both_modes_conform_over_a_socket() {
    const WANTED: [&str; 7] = [
        "check_finds_no_problem_with_a_sound_account",
        "the_catalogue_names_what_can_be_booked",
        "a_created_record_shows_its_draft",
        "a_removed_record_is_gone",
        "an_update_leaves_what_only_the_owner_sets",
        "a_create_whose_reply_is_lost_lands_once_and_says_that_it_may_have",
        "an_expired_token_is_renewed_or_told",
    ];
    for mode in [admin(), public()] {
        let subject = Simulated {
            mode,
            marker_field: Some(MARKER_FIELD),
            contacts: sink(),
            options: Options::default(),
            loopback: true,
        };
        let report = conformance::run_some(&subject, |name| WANTED.contains(&name)).await;
        println!("{report}");
        assert!(report.is_good(), "{report}");
        assert_eq!(report.ran(), WANTED.len(), "{report}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_public_mode_conforms_without_a_marker() {
    conforms(Simulated {
        mode: public(),
        marker_field: None,
        contacts: sink(),
        options: Options::default(),
        loopback: false,
    })
    .await;
}
