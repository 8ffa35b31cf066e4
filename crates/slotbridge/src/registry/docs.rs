//! `docs/platforms/capabilities.md` is made from what the adapters say of themselves; this test fails when the two differ.

use std::fmt::Write as _;

use slotbridge_core::model::Status;
use slotbridge_core::projection::{Projection, ServicesHeld, TextHeld};
use slotbridge_platform::Capabilities;
use slotbridge_platform::capabilities::{
    BusyWrites, ChangeFeed, CreateSettled, Discovery, OccupancyView, Quota, Removal, Silence,
    Updates, Webhooks,
};

use super::KINDS;

const INTRODUCTION: &str = "\
# What each platform can do

This page is made from the adapters' own tables; do not edit it by hand.
To renew it: `SLOTBRIDGE_UPDATE_DOCS=1 cargo test -p slotbridge capabilities_page`.

slotbridge works around what a platform cannot do; the engine knows platforms by this table only, never by their names.
Each platform's own page says what that means in practice: [YCLIENTS](yclients.md), [Rubitime](rubitime.md), [SimplyBook.me](simplybook.md), [AlfaCRM](alfacrm.md).

";

/// One column: a kind, or one mode of it.
struct Column {
    heading: &'static str,
    kind: &'static str,
    capabilities: &'static Capabilities,
    projection: Projection,
}

fn columns() -> [Column; 5] {
    let column = |heading, kind, capabilities, projection: &Projection| Column {
        heading,
        kind,
        capabilities,
        projection: projection.clone(),
    };
    [
        column(
            "`yclients`",
            super::yclients::KIND.name,
            &adapter_yclients::CAPABILITIES,
            &adapter_yclients::PROJECTION,
        ),
        column(
            "`rubitime`",
            super::rubitime::KIND.name,
            &adapter_rubitime::CAPABILITIES,
            &adapter_rubitime::PROJECTION,
        ),
        column(
            "`simplybook`, `admin`",
            super::simplybook::KIND.name,
            &adapter_simplybook::CAPABILITIES_ADMIN,
            &adapter_simplybook::PROJECTION_ADMIN,
        ),
        column(
            "`simplybook`, `public`",
            super::simplybook::KIND.name,
            &adapter_simplybook::CAPABILITIES_PUBLIC,
            &adapter_simplybook::PROJECTION_PUBLIC,
        ),
        column(
            "`alfacrm`",
            super::alfacrm::KIND.name,
            &adapter_alfacrm::CAPABILITIES,
            &adapter_alfacrm::PROJECTION,
        ),
    ]
}

type Cell = fn(&Column) -> String;

const ROWS: [(&str, Cell); 20] = [
    ("bookings are found by", |column| {
        match column.capabilities.discovery {
            Discovery::List => "a listing that can be proven complete",
            Discovery::ReadKnown => "their known ids, one by one",
        }
        .to_owned()
    }),
    ("changes since the last look", |column| {
        match column.capabilities.change_feed {
            ChangeFeed::None => "no",
            ChangeFeed::SinceCursor => "yes, removals included",
        }
        .to_owned()
    }),
    ("free and busy times", |column| {
        match column.capabilities.occupancy {
            OccupancyView::None => "not needed",
            OccupancyView::Grid => "a grid of starts per resource",
        }
        .to_owned()
    }),
    ("webhooks carry", |column| {
        match column.capabilities.webhooks {
            Webhooks::None => "there are none",
            Webhooks::Hint => "the id of what changed",
            Webhooks::Whole => "the whole booking",
        }
        .to_owned()
    }),
    ("a booking that is gone", |column| {
        match column.capabilities.removal {
            Removal::Marked => "stays readable, marked",
            Removal::MarkedOrVanishes => "is marked, or no longer there",
        }
        .to_owned()
    }),
    ("a booking is changed", |column| {
        match column.capabilities.updates {
            Updates::InPlace => "in place",
            Updates::CancelAndRebook => "by cancelling it and booking anew: another id",
        }
        .to_owned()
    }),
    ("a create whose reply was lost is settled by", |column| {
        match column.capabilities.create_settled {
            CreateSettled::ByMarkerInListing => "the marker, in the listing",
            CreateSettled::ByOccupancy => "the time being taken; the id comes with a webhook",
        }
        .to_owned()
    }),
    ("a write to a time that is taken", |column| {
        match column.capabilities.busy_writes {
            BusyWrites::RefusedUnlessForced => "is refused",
            BusyWrites::Accepted => "is taken without a look",
        }
        .to_owned()
    }),
    ("clients hear of what is written", |column| {
        match column.capabilities.silence {
            Silence::Full => "no",
            Silence::Impossible => "yes; `contacts = \"sink\"` by default",
        }
        .to_owned()
    }),
    ("calls", |column| quotas(column.capabilities.quotas)),
    ("calls at the same time", |column| {
        column.capabilities.parallel.to_string()
    }),
    ("services of a booking", |column| {
        match column.projection.services {
            ServicesHeld::Many => "any number",
            ServicesHeld::One => "the first",
            ServicesHeld::Not => "none",
        }
        .to_owned()
    }),
    ("starts and lengths are multiples of", |column| {
        length(column.projection.slot_step.unsigned_abs().as_secs())
    }),
    ("client's name", |column| text(column.projection.name)),
    ("client's phone", |column| text(column.projection.phone)),
    ("client's e-mail", |column| text(column.projection.email)),
    ("comment", |column| text(column.projection.comment)),
    ("confirmed becomes", |column| {
        status(&column.projection, Status::Confirmed)
    }),
    ("arrived becomes", |column| {
        status(&column.projection, Status::Arrived)
    }),
    ("no-show becomes", |column| {
        status(&column.projection, Status::NoShow)
    }),
];

fn quotas(quotas: &[Quota]) -> String {
    let each = quotas
        .iter()
        .map(|quota| format!("{} in {}", quota.calls, length(quota.per.as_secs())));
    each.collect::<Vec<_>>().join(", ")
}

fn length(seconds: u64) -> String {
    match seconds {
        86_400 => "a day".to_owned(),
        60 => "a minute".to_owned(),
        1 => "a second".to_owned(),
        _ => format!("{seconds} seconds"),
    }
}

fn text(held: TextHeld) -> String {
    match held {
        TextHeld::Whole => "kept".to_owned(),
        TextHeld::Cut { chars_max } => format!("up to {chars_max} characters"),
        TextHeld::Not => "not kept".to_owned(),
    }
}

fn status(projection: &Projection, of: Status) -> String {
    let at = Status::ALL.iter().position(|status| *status == of).unwrap();
    match projection.statuses[at] {
        Status::Booked => "booked",
        Status::Confirmed => "confirmed",
        Status::Arrived => "arrived",
        Status::NoShow => "no-show",
        Status::Cancelled => "cancelled",
    }
    .to_owned()
}

fn page() -> String {
    let columns = columns();
    let mut page = String::from(INTRODUCTION);
    page.push('|');
    for column in &columns {
        write!(page, " | {}", column.heading).unwrap();
    }
    writeln!(page, " |\n|{}", " --- |".repeat(columns.len() + 1)).unwrap();
    for (what, cell) in ROWS {
        write!(page, "| {what}").unwrap();
        for column in &columns {
            write!(page, " | {}", cell(column)).unwrap();
        }
        page.push_str(" |\n");
    }
    page.push_str(
        "\nWith `contacts = \"sink\"` phone and e-mail are not kept: the sink's stand there.\n\
         With `share = \"busy\"` no platform gets a name, a contact or a comment.\n",
    );
    page
}

#[test]
fn the_capabilities_page_is_made_from_the_adapters_and_has_every_kind() {
    for kind in KINDS {
        let shown = columns().iter().any(|column| column.kind == kind.name);
        assert!(shown, "{} has no column", kind.name);
    }
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/platforms/capabilities.md"
    );
    let page = page();
    if std::env::var_os("SLOTBRIDGE_UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == page,
        "docs/platforms/capabilities.md is out of date; run \
         SLOTBRIDGE_UPDATE_DOCS=1 cargo test -p slotbridge capabilities_page"
    );
}
