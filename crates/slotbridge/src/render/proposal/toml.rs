//! The proposed mapping as TOML. All that is not certain is a comment, so that the whole can be pasted as it is.

use slotbridge_core::model::PlatformName;
use slotbridge_core::propose::{Cell, Certainty, Entry, Known, Maybe, Row, What};

use super::{
    Listed, Mapped, Source, Survey, details, duration, how_to_learn, label, place, reasons,
};
use crate::render::text::table;
use crate::render::words::{clean, count, put};

/// What stands where somebody has to type an id.
const GAP: &str = "…";

/// Everything about one bridge.
pub(super) fn survey(survey: &Survey) -> String {
    let mut out = String::new();
    for line in catalogues(survey) {
        comment(&mut out, &line);
    }
    put!(&mut out, "\n{}\n", rows(survey).trim_end());
    out
}

/// The rows alone.
pub(super) fn rows(survey: &Survey) -> String {
    let mut out = String::new();
    for mapped in [&survey.resources, &survey.services] {
        push_rows(&mut out, survey, mapped);
    }
    if !out.contains("[[") {
        comment(&mut out, "There is no new row to propose.");
        return out;
    }
    let mut head = String::new();
    comment(
        &mut head,
        &format!(
            "Put what follows below the [[bridge]] table named \"{}\", before the next one. Change the names as you like.",
            survey.bridge
        ),
    );
    format!("{head}\n{out}")
}

fn comment(out: &mut String, line: &str) {
    put!(out, "{}\n", format!("# {line}").trim_end());
}

/// What each platform has, line by line.
fn catalogues(survey: &Survey) -> Vec<String> {
    let mut lines = vec![format!("Bridge {}", survey.bridge)];
    for listed in &survey.platforms {
        lines.push(String::new());
        lines.extend(wrapped(&heading(listed)));
        let rows = [&survey.resources, &survey.services]
            .into_iter()
            .flat_map(|mapped| {
                let entries = listed.entries(mapped.what).iter();
                entries.map(|entry| line(listed, mapped, entry))
            });
        lines.extend(table(rows).into_iter().map(|line| format!("  {line}")));
    }
    lines
}

/// A text in lines of a length that can be read; what follows the first is set in.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let full = |line: &String| line.chars().count() + word.chars().count() > 110;
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if !full(line) => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("  {word}")),
        }
    }
    lines
}

fn line(listed: &Listed, mapped: &Mapped, entry: &Entry) -> [String; 5] {
    let row = mapped.row_of(&listed.name, &entry.key);
    [
        mapped.what.as_str().to_owned(),
        clean(&entry.key),
        clean(entry.title.trim()),
        details(entry).join(", "),
        row.map_or_else(String::new, |row| format!("= {}", row.name)),
    ]
}

/// Where a platform's lists come from, with the way to more.
pub(super) fn heading(listed: &Listed) -> String {
    let head = format!("{} ({})", listed.name, listed.title);
    let numbers = || {
        format!(
            "{}, {}",
            count(number(&listed.resources), "resource", "resources"),
            count(number(&listed.services), "service", "services")
        )
    };
    match &listed.source {
        Source::Catalogue => format!("{head}: {}", numbers()),
        Source::Records(0) => format!(
            "{head}: it has no catalogue, and no record of it has been seen yet; {}",
            how_to_learn(listed, &key_text(listed.name.as_str()))
        ),
        Source::Records(records) => format!(
            "{head}: it has no catalogue; {} learned from {}, there may be more",
            numbers(),
            count(*records, "record", "records")
        ),
        Source::Failed(why) => format!("{head}: its catalogue could not be read: {why}"),
    }
}

fn number<T>(list: &[T]) -> u64 {
    u64::try_from(list.len()).unwrap_or(u64::MAX)
}

fn push_rows(out: &mut String, survey: &Survey, mapped: &Mapped) {
    let (mut alone, mut knots) = (Vec::new(), Vec::new());
    for row in &mapped.proposal.rows {
        let missing = survey.missing(row, None);
        match row.cells.first() {
            None => knots.push(row),
            Some(only) if row.certainty() == Certainty::Alone && missing.is_empty() => {
                alone.push(only);
            }
            Some(_) => push_row(out, survey, mapped.what, row, &missing),
        }
    }
    push_additions(out, survey, mapped);
    for knot in knots {
        comment(
            out,
            &format!(
                "These {}s fit in more than one way; write their rows by hand:",
                mapped.what.as_str()
            ),
        );
        for maybe in survey.maybes(knot) {
            comment(
                out,
                &format!("  {}: {}", place(&maybe.cell), reasons(&maybe.doubts)),
            );
        }
        out.push('\n');
    }
    if !alone.is_empty() {
        let what = mapped.what.as_str();
        comment(
            out,
            &format!("Nothing like these {what}s was found on another platform:"),
        );
        for cell in alone {
            comment(
                out,
                &format!(
                    "  {} {}  {}",
                    cell.platform,
                    clean(&cell.entry.key),
                    label(&cell.entry)
                ),
            );
        }
        out.push('\n');
    }
}

/// One line of a row: key, value, and what to say of it.
struct Line {
    live: bool,
    text: String,
    remark: String,
}

fn push_row(out: &mut String, survey: &Survey, what: What, row: &Row, missing: &[&Listed]) {
    let length = row.duration().and_then(duration);
    let mut lines = vec![Line {
        live: true,
        text: format!("name = {}", quoted(&row.name)),
        remark: String::new(),
    }];
    if what == What::Service {
        lines.extend(duration_line(survey, length.as_deref()));
    }
    let lacks_length = what == What::Service && length.is_none();
    for cell in survey.cells(row) {
        let needs = survey
            .listed(&cell.platform)
            .is_some_and(|listed| listed.needs_durations);
        lines.push(if lacks_length && needs {
            Line {
                live: false,
                text: assignment(cell),
                remark: format!("{}; once the duration stands there", label(&cell.entry)),
            }
        } else {
            Line {
                live: true,
                text: assignment(cell),
                remark: label(&cell.entry),
            }
        });
    }
    lines.extend(open_lines(survey, row, missing));
    put!(out, "[[bridge.{}]]\n", what.as_str());
    push_lines(out, &lines);
    out.push('\n');
}

fn duration_line(survey: &Survey, length: Option<&str>) -> Option<Line> {
    if let Some(length) = length {
        return Some(Line {
            live: true,
            text: format!("duration = {}", quoted(length)),
            remark: String::new(),
        });
    }
    let needs = survey
        .platforms
        .iter()
        .find(|listed| listed.needs_durations)?;
    Some(Line {
        live: false,
        text: format!("duration = \"{GAP}\""),
        remark: format!(
            "by hand: no platform says how long it takes, and {} needs it",
            needs.name
        ),
    })
}

/// What may be in a row, and what somebody has to type.
fn open_lines(survey: &Survey, row: &Row, missing: &[&Listed]) -> Vec<Line> {
    let unsure = survey.maybes(row).into_iter().map(|maybe: &Maybe| Line {
        live: false,
        text: assignment(&maybe.cell),
        remark: format!(
            "unsure: {}: {}",
            label(&maybe.cell.entry),
            reasons(&maybe.doubts)
        ),
    });
    let by_hand = missing.iter().map(|listed| Line {
        live: false,
        text: format!("{} = {GAP}", key_text(listed.name.as_str())),
        remark: format!("by hand: its id on {}", listed.title),
    });
    unsure.chain(by_hand).collect()
}

/// Writes lines with their remarks under each other.
fn push_lines(out: &mut String, lines: &[Line]) {
    let width = |line: &Line| line.text.chars().count() + if line.live { 0 } else { 2 };
    let remarked = lines.iter().filter(|line| !line.remark.is_empty());
    let widest = remarked.map(width).max().unwrap_or(0);
    for line in lines {
        let mark = if line.live { "" } else { "# " };
        if line.remark.is_empty() {
            put!(out, "{mark}{}\n", line.text);
        } else {
            let pad = " ".repeat(widest - width(line));
            put!(out, "{mark}{}{pad}  # {}\n", line.text, line.remark);
        }
    }
}

/// What rows of the config lack: they cannot be pasted, for a row stands in the file once.
fn push_additions(out: &mut String, survey: &Survey, mapped: &Mapped) {
    for known in &mapped.known {
        let found = mapped
            .proposal
            .additions
            .iter()
            .find(|row| row.name == known.name);
        let row = found.cloned().unwrap_or_else(|| nothing_for(known));
        let missing = survey.missing(&row, Some(known));
        let certain = survey.cells(&row).into_iter().map(|cell| Line {
            live: false,
            text: assignment(cell),
            remark: label(&cell.entry),
        });
        let mut lines: Vec<Line> = certain.collect();
        lines.extend(open_lines(survey, &row, &missing));
        if !lines.is_empty() {
            comment(
                out,
                &format!(
                    "To the {} \"{}\" that is in the config add:",
                    mapped.what.as_str(),
                    known.name
                ),
            );
            push_lines(out, &lines);
            out.push('\n');
        }
    }
}

fn nothing_for(known: &Known) -> Row {
    Row {
        name: known.name.clone(),
        cells: Vec::new(),
        maybes: Vec::new(),
    }
}

fn assignment(cell: &Cell) -> String {
    format!("{} = {}", platform_key(&cell.platform), id(&cell.entry.key))
}

fn platform_key(name: &PlatformName) -> String {
    key_text(name.as_str())
}

/// A key, in quotes where it needs them.
pub(super) fn key_text(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// An id as the config reads it: a number, a text, or a table of them for `name=id;name=id`.
pub(super) fn id(key: &str) -> String {
    let parts: Option<Vec<(&str, &str)>> =
        key.split(';').map(|part| part.split_once('=')).collect();
    match parts {
        Some(parts) => {
            let parts: Vec<String> = parts
                .into_iter()
                .map(|(name, id)| format!("{} = {}", key_text(name), scalar(id)))
                .collect();
            format!("{{ {} }}", parts.join(", "))
        }
        None => scalar(key),
    }
}

fn scalar(id: &str) -> String {
    let number = id
        .parse::<i64>()
        .is_ok_and(|number| number >= 0 && number.to_string() == id);
    if number { id.to_owned() } else { quoted(id) }
}

/// A text in quotes.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => put!(&mut quoted, "\\u{:04X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
