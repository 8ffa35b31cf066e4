//! The report as text for a person, with colours for a terminal.

use anstyle::{AnsiColor, Style};
use slotbridge_engine::report::{OutcomeWord, Report};

use super::json::Totals;
use super::sections::Section;
use super::view::{self, BridgeView, Mark, Mood, OperationView, Piece};
use super::words::put;
use super::{Showing, words};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();

/// Writes a report.
pub(crate) fn report(report: &Report, showing: &Showing) -> String {
    let mut out = String::new();
    for bridge in &report.bridges {
        let view = view::bridge(bridge, report.dry_run, showing);
        push_bridge(&mut out, &view);
    }
    out.push_str(&summary(report));
    out.push('\n');
    let wrote = report
        .bridges
        .iter()
        .flat_map(|bridge| &bridge.operations)
        .any(|operation| operation.outcome == OutcomeWord::Applied);
    if wrote && !report.dry_run {
        put!(
            &mut out,
            "To take it back: slotbridge undo {}\n",
            report.run
        );
    }
    out
}

/// Puts a style around a text.
pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// The style of a mood.
pub(crate) fn mood_style(mood: Mood) -> Style {
    match mood {
        Mood::Good => GREEN,
        Mood::Open => YELLOW,
        Mood::Bad => RED,
    }
}

fn push_bridge(out: &mut String, view: &BridgeView) {
    out.push_str(&styled(BOLD, &format!("Bridge {}", view.name)));
    out.push_str(&styled(DIM, &format!("  times in {}", view.zone)));
    out.push('\n');
    for day in &view.days {
        put!(out, "\n  {}\n", styled(BOLD, &day.heading));
        for operation in &day.operations {
            push_operation(out, operation);
        }
    }
    for section in &view.sections {
        push_section(out, section);
    }
    push_platforms(out, view);
    out.push('\n');
}

fn push_operation(out: &mut String, operation: &OperationView) {
    let (mark, style) = match operation.mark {
        Mark::Create => ("+", GREEN),
        Mark::Update => ("~", YELLOW),
        Mark::Remove => ("-", RED),
    };
    put!(
        out,
        "    {}  {}  {}\n",
        styled(style, &format!("{mark} {}", operation.what)),
        operation.place,
        styled(mood_style(operation.mood), &operation.outcome)
    );
    for change in &operation.changes {
        let pieces: String = change
            .pieces
            .iter()
            .map(|one| piece(one, change.woven))
            .collect();
        put!(out, "        {}: {pieces}\n", change.field);
    }
    if let Some(why) = &operation.why {
        put!(out, "        {}\n", styled(DIM, why));
    }
}

/// Woven words stay apart by marks where there is no colour too.
fn piece(piece: &Piece, woven: bool) -> String {
    match (piece, woven) {
        (Piece::Same(text), _) => text.clone(),
        (Piece::Old(text), true) => styled(RED, &format!("[-{text}-]")),
        (Piece::New(text), true) => styled(GREEN, &format!("{{+{text}+}}")),
        (Piece::Old(text), false) => styled(RED, text),
        (Piece::New(text), false) => styled(GREEN, text),
    }
}

fn push_section(out: &mut String, section: &Section) {
    let title = format!("{} ({})", section.title, section.number);
    put!(
        out,
        "\n  {}\n",
        styled(mood_style(section.mood).bold(), &title)
    );
    for item in &section.items {
        put!(out, "    {}\n", item.text);
        for detail in &item.details {
            put!(out, "        {detail}\n");
        }
    }
    if let Some(advice) = &section.advice {
        put!(out, "    {}\n", styled(DIM, &format!("→ {advice}")));
    }
}

fn push_platforms(out: &mut String, view: &BridgeView) {
    let rows = view.platforms.iter().map(|row| {
        [
            row.name.clone(),
            row.records.clone(),
            row.coverage.clone(),
            row.calls.clone(),
        ]
    });
    let head = ["platform", "records", "coverage", "calls"].map(str::to_owned);
    out.push('\n');
    let troubles = std::iter::once(&None).chain(view.platforms.iter().map(|row| &row.trouble));
    for (number, (line, trouble)) in table(std::iter::once(head).chain(rows))
        .iter()
        .zip(troubles)
        .enumerate()
    {
        let line = if number == 0 {
            styled(DIM, line)
        } else {
            line.clone()
        };
        let trouble = trouble
            .as_ref()
            .map_or_else(String::new, |trouble| format!("  {}", styled(RED, trouble)));
        put!(out, "  {line}{trouble}\n");
    }
}

/// Rows with their columns under each other; the second and later columns that hold numbers only go to the right.
pub(crate) fn table<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> Vec<String> {
    let rows: Vec<[String; N]> = rows.collect();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    rows.iter()
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| {
                    let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
                    let number = !cell.is_empty() && cell.chars().all(|c| c.is_ascii_digit());
                    if number {
                        format!("{pad}{cell}")
                    } else {
                        format!("{cell}{pad}")
                    }
                })
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect()
}

/// The last line: what came of it all.
fn summary(report: &Report) -> String {
    let totals = Totals::of(report);
    let (creates, updates, removes) = (
        totals.get("create"),
        totals.get("update"),
        totals.get("remove"),
    );
    let operations = creates + updates + removes;
    let split = format!("{creates} to create, {updates} to update, {removes} to remove");
    let mut parts = Vec::new();
    if operations == 0 {
        parts.push("nothing to write".to_owned());
    } else if report.dry_run {
        parts.push(split);
    } else {
        let applied: u64 = report
            .bridges
            .iter()
            .flat_map(|bridge| &bridge.operations)
            .map(|operation| u64::from(operation.outcome == OutcomeWord::Applied))
            .sum();
        parts.push(format!(
            "{applied} of {} done ({split})",
            words::count(operations, "write", "writes")
        ));
    }
    for (number, what) in [
        (totals.get("refused"), "refused"),
        (totals.get("failed"), "failed"),
        (totals.get("unknown"), "of unknown outcome"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    let adopted = totals.get("adopted");
    if adopted > 0 {
        let linked = if report.dry_run {
            "to link without a write"
        } else {
            "linked without a write"
        };
        parts.push(format!(
            "{} {linked}",
            words::count(adopted, "booking", "bookings")
        ));
    }
    let head = match (report.dry_run, report.cancelled) {
        (true, false) if operations == 0 => "Dry run",
        (true, false) => "Dry run, nothing was written",
        (true, true) => "Dry run stopped before its end, nothing was written",
        (false, false) => "Run finished",
        (false, true) => "Run stopped before its end",
    };
    format!("{}: {}.", styled(BOLD, head), parts.join(", "))
}
