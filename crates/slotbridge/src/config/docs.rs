//! `docs/configuration.md` is made from the list of keys; this test fails when the two differ.

use std::fmt::Write as _;

use super::keys::{self, Key, Presence};
use crate::registry::{Home, KINDS};

const INTRODUCTION: &str = "\
# Configuration

This page is made from the list of keys in the code; do not edit it by hand.
To renew it: `SLOTBRIDGE_UPDATE_DOCS=1 cargo test -p slotbridge configuration_page`.

The config is a TOML file, `/etc/slotbridge/config.toml` unless `--config` or `$SLOTBRIDGE_CONFIG` says otherwise.
A key that is not listed here is refused, and the message names the nearest one that is.
A complete example is `config.example.toml`.

- **Durations** are a whole number and a unit: `500ms`, `90s`, `30m`, `12h`, `60d`.
- **Names** of platforms, bridges, resources and services are yours: letters, digits, `-`, `_` and `.`, at most 64.
- **Secrets** are `{ env = \"NAME\" }`, `{ file = \"PATH\" }`, `{ credential = \"NAME\" }` (systemd's `LoadCredential=`), or a plain string. \
One newline at the end of a file is cut off. `slotbridge check` refuses a secret in a file that everybody on the machine can read.
- **Paths** that are relative start at the config file's folder.
- **Ids** of platforms may be numbers or strings; where an id has two parts it is a table, such as `{ subject_id = 6, lesson_type_id = 1 }` for a service on AlfaCRM.
";

fn page() -> String {
    let mut page = String::from(INTRODUCTION);
    section(&mut page, "[store]", "", &[keys::STORE]);
    section(
        &mut page,
        "[http]",
        "Where the daemon answers: webhooks, `/healthz`, `/readyz` and `/metrics` (docs/operations).",
        &[keys::HTTP],
    );
    section(
        &mut page,
        "[guard]",
        "Limits per platform and direction. What is over a limit is held before its first write, and waits for `slotbridge approve BRIDGE`.",
        &[keys::GUARD],
    );
    section(
        &mut page,
        "[notices]",
        "Who is told when something needs a person; see [notices](operations/notices.md).",
        &[keys::NOTICES],
    );
    section(
        &mut page,
        "[notices.target.NAME]",
        "Where notices go. These keys are for every kind of target.",
        &[keys::TARGET],
    );
    for (kind, keys) in [
        ("command", keys::COMMAND),
        ("webhook", keys::WEBHOOK),
        ("message", keys::MESSAGE),
    ] {
        let heading = format!("[notices.target.NAME] with kind = \"{kind}\"");
        section(&mut page, &heading, "", &[keys]);
    }
    section(
        &mut page,
        "[schedule]",
        "What is done at which hour; see [schedules](operations/schedules.md).",
        &[keys::SCHEDULE],
    );
    section(
        &mut page,
        "[platform.NAME]",
        "One account on a booking system. These keys are for every kind; `name` and `duration` cannot be names of platforms.",
        &[keys::PLATFORM],
    );
    for kind in KINDS {
        let heading = format!("[platform.NAME] with kind = \"{}\"", kind.name);
        let intro = match kind.home {
            Home::At(url) => format!("{}, by default at <{url}>.", kind.title),
            Home::Own(what) => {
                format!("{}; `base_url` is required: {what}.", kind.title)
            }
        };
        section(&mut page, &heading, &intro, &[kind.keys]);
    }
    section(
        &mut page,
        "[[bridge]]",
        "A set of platforms kept in step.",
        &[keys::BRIDGE],
    );
    section(
        &mut page,
        "[[bridge.resource]]",
        "Besides `name`, one key per platform of the bridge: the id that the person or room has there. \
         A resource that has no id on a platform is not written there.",
        &[keys::RESOURCE],
    );
    section(
        &mut page,
        "[[bridge.service]]",
        "Besides these, one key per platform of the bridge: the id that the service has there.",
        &[keys::SERVICE],
    );
    page
}

fn section(page: &mut String, heading: &str, introduction: &str, tables: &[&[Key]]) {
    write!(page, "\n## `{heading}`\n\n").unwrap();
    if !introduction.is_empty() {
        write!(page, "{introduction}\n\n").unwrap();
    }
    page.push_str("| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
    for key in tables.iter().copied().flatten() {
        let default = match key.presence {
            Presence::Required => "required".to_owned(),
            Presence::Optional => String::new(),
            Presence::Default(value) => format!("`{value}`"),
        };
        let cell = |text: &str| text.replace('|', "\\|");
        writeln!(
            page,
            "| `{}` | {} | {default} | {} |",
            key.name,
            cell(key.expects),
            cell(key.doc)
        )
        .unwrap();
    }
}

#[test]
fn the_configuration_page_is_made_from_the_list_of_keys() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let page = page();
    if std::env::var_os("SLOTBRIDGE_UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == page,
        "docs/configuration.md is out of date; run SLOTBRIDGE_UPDATE_DOCS=1 cargo test -p slotbridge configuration_page"
    );
}
