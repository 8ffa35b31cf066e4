//! A write whose answer is lost, or denied, or dies with the process: for every kind of write on every platform, by the real
//! adapters over a real database file, there is exactly one live record in the end, and none of what was cancelled.

use super::trial::Trial;
use crate::faults::{Fault, Which};
use crate::runner::fate::Death;
use crate::simulation::Invariant;
use crate::simulation::scenario::Simplybook;
use crate::world::Place;

/// A platform, how it is used, and the calls by which a booking is made, moved and cancelled there.
struct Target {
    place: Place,
    simplybook: Simplybook,
    create: &'static [&'static str],
    update: &'static [&'static str],
    remove: &'static [&'static str],
}

const YCLIENTS: Target = Target {
    place: Place::Yclients,
    simplybook: Simplybook::Admin,
    create: &["records.create"],
    update: &["record.update"],
    remove: &["record.delete"],
};
const RUBITIME: Target = Target {
    place: Place::Rubitime,
    simplybook: Simplybook::Admin,
    create: &["create-record"],
    update: &["update-record"],
    remove: &["update-record"],
};
const SIMPLYBOOK: Target = Target {
    place: Place::Simplybook,
    simplybook: Simplybook::Admin,
    create: &["admin.addClient", "admin.book", "admin.setBookingComment"],
    update: &["admin.editBook"],
    remove: &["admin.cancelBooking"],
};
const SIMPLYBOOK_WITH_FIELD: Target = Target {
    place: Place::Simplybook,
    simplybook: Simplybook::WithMarkerField,
    create: &["admin.addClient", "admin.book", "admin.setBookingComment"],
    update: &["admin.editBook"],
    remove: &["admin.cancelBooking"],
};
const SIMPLYBOOK_PUBLIC: Target = Target {
    place: Place::Simplybook,
    simplybook: Simplybook::Public,
    create: &["public.book"],
    update: &["public.cancelBooking", "public.book"],
    remove: &["public.cancelBooking"],
};
const ALFACRM: Target = Target {
    place: Place::Alfacrm,
    simplybook: Simplybook::Admin,
    create: &["customer.create", "lesson.create"],
    update: &["lesson.update"],
    remove: &["lesson.cancel"],
};

/// What is done to the copy on the target, because a person does it to the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    Create,
    Update,
    Remove,
}

const WRITES: [Write; 3] = [Write::Create, Write::Update, Write::Remove];

/// What becomes of the answer to one call of the write.
const ANSWERS: [(&str, Fault); 5] = [
    ("the reply is lost", Fault::ReplyLost),
    ("an error 500 after it", Fault::ErrorAfter { status: 500 }),
    ("a reply of a senseless shape", Fault::Garbage),
    ("nothing happens and nobody says so", Fault::DropBefore),
    (
        "nothing happens, and a page for people says that all is well",
        Fault::HtmlError { status: 200 },
    ),
];

struct Scene {
    trial: Trial,
    source: Place,
    record: u64,
    client: u64,
    wanted: jiff::Timestamp,
}

impl Scene {
    /// Everything up to the write, which is wanted and not done yet.
    async fn before(target: &Target, write: Write) -> Self {
        let source = if target.place == Place::Yclients {
            Place::Alfacrm
        } else {
            Place::Yclients
        };
        let mut trial = Trial::new(&[source, target.place], target.simplybook);
        let first = trial.at(2, 10, 0);
        let (record, client) = trial.book(source, 0, first);
        let wanted = match write {
            Write::Create => first,
            Write::Update | Write::Remove => trial.at(3, 12, 30),
        };
        if write != Write::Create {
            trial.settle().await;
            assert_eq!(trial.live(target.place, client).len(), 1);
        }
        match write {
            Write::Create => {}
            Write::Update => trial.move_to(source, record, wanted),
            Write::Remove => trial.cancel(source, record),
        }
        Self {
            trial,
            source,
            record,
            client,
            wanted,
        }
    }

    /// Exactly one live record where it is wanted, or none, and nothing was ever doubled or brought back.
    async fn assert_ends_well(self, target: &Target, write: Write, what: &str) {
        let what = format!(
            "{:?} ({:?}), {write:?}, {what}",
            target.place, target.simplybook
        );
        let report = self.trial.settle().await;
        assert_eq!(report.exit_code(), 0, "{what}: {report:#?}");
        for place in [self.source, target.place] {
            let starts: Vec<_> = self
                .trial
                .live(place, self.client)
                .iter()
                .map(|seen| seen.start)
                .collect();
            let wanted = match write {
                Write::Create | Write::Update => vec![self.wanted],
                Write::Remove => vec![],
            };
            assert_eq!(starts, wanted, "{what}, on {place:?}, of {}", self.record);
        }
        // Where a change means cancelling and booking again, there is a moment in between.
        let rebooks = target.simplybook == Simplybook::Public && write == Write::Update;
        let mut violations = self.trial.violations();
        violations.retain(|one| !(rebooks && one.invariant == Invariant::NothingLost));
        assert_eq!(violations, [], "{what}");
    }
}

async fn with_a_fault(target: &Target, write: Write) {
    let calls = match write {
        Write::Create => target.create,
        Write::Update => target.update,
        Write::Remove => target.remove,
    };
    for call in calls {
        for (name, fault) in &ANSWERS {
            let scene = Scene::before(target, write).await;
            let what = format!("{call}: {name}");
            let faults = scene.trial.view(target.place).faults();
            faults.add("lost", call, Which::Nth(1), fault.clone());
            scene.trial.pass(None).await;
            assert_eq!(faults.fired("lost"), Some(1), "{what} was not struck");
            scene.assert_ends_well(target, write, &what).await;
        }
    }
}

/// Killed after each landing and before each call of the write, until a pass lives through it.
async fn with_a_kill(target: &Target, write: Write) {
    let deaths: [fn(u64) -> Death; 3] = [
        Death::AfterLanding,
        Death::BeforeExchange,
        Death::AfterCommit,
    ];
    for death in deaths {
        let mut killed = 0;
        for number in 1..60 {
            let scene = Scene::before(target, write).await;
            let death = death(number);
            let lived = scene.trial.pass(Some(death)).await.is_some();
            scene
                .assert_ends_well(target, write, &format!("{death:?}"))
                .await;
            if lived {
                break;
            }
            killed += 1;
        }
        assert!(killed > 0, "{write:?} was never killed");
    }
}

async fn ends_with_one(target: &Target) {
    for write in WRITES {
        with_a_fault(target, write).await;
        with_a_kill(target, write).await;
    }
}

#[tokio::test(start_paused = true)]
async fn on_yclients() {
    ends_with_one(&YCLIENTS).await;
}

#[tokio::test(start_paused = true)]
async fn on_rubitime() {
    ends_with_one(&RUBITIME).await;
}

#[tokio::test(start_paused = true)]
async fn on_simplybook_as_a_user() {
    ends_with_one(&SIMPLYBOOK).await;
}

#[tokio::test(start_paused = true)]
async fn on_simplybook_as_a_user_with_a_field_for_the_marker() {
    ends_with_one(&SIMPLYBOOK_WITH_FIELD).await;
}

#[tokio::test(start_paused = true)]
async fn on_simplybook_as_a_web_site() {
    ends_with_one(&SIMPLYBOOK_PUBLIC).await;
}

#[tokio::test(start_paused = true)]
async fn on_alfacrm() {
    ends_with_one(&ALFACRM).await;
}
