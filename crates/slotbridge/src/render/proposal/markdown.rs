//! The proposed mapping as markdown: the lists as tables, the rows as a block of TOML.

use slotbridge_core::propose::Entry;

use super::{Listed, Mapped, Survey, details, toml};
use crate::render::markdown::escape;
use crate::render::words::{clean, put};

/// Everything about one bridge.
pub(super) fn survey(survey: &Survey) -> String {
    let mut out = format!("# Bridge {}\n", escape(survey.bridge.as_str()));
    for listed in &survey.platforms {
        put!(
            &mut out,
            "\n## {}\n\n{}\n",
            escape(listed.name.as_str()),
            escape(&toml::heading(listed))
        );
        if listed.resources.is_empty() && listed.services.is_empty() {
            continue;
        }
        out.push_str("\n| what | id | title | details | row |\n| --- | --- | --- | --- | --- |\n");
        for mapped in [&survey.resources, &survey.services] {
            for entry in listed.entries(mapped.what) {
                push_entry(&mut out, listed, mapped, entry);
            }
        }
    }
    put!(
        &mut out,
        "\n## Proposed rows\n\n```toml\n{}\n```\n",
        toml::rows(survey).trim_end()
    );
    out
}

fn push_entry(out: &mut String, listed: &Listed, mapped: &Mapped, entry: &Entry) {
    let row = mapped.row_of(&listed.name, &entry.key);
    put!(
        out,
        "| {} | {} | {} | {} | {} |\n",
        mapped.what.as_str(),
        escape(&clean(&entry.key)),
        escape(&clean(entry.title.trim())),
        details(entry).join(", "),
        escape(row.map_or("", |row| &row.name))
    );
}
