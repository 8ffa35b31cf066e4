//! The report as markdown, for a page or a ticket.

use slotbridge_engine::report::Report;

use super::Showing;
use super::json::Totals;
use super::sections::Section;
use super::view::{self, BridgeView, OperationView, Piece};
use super::words::put;

/// Writes a report.
pub(crate) fn report(report: &Report, showing: &Showing) -> String {
    let totals = Totals::of(report);
    let kind = if report.dry_run { "Dry run" } else { "Run" };
    let mut out = format!(
        "# {kind} {}\n\n{} to create, {} to update, {} to remove; {} linked without a write; {} refused, {} failed, {} unknown.\n",
        escape(&report.run),
        totals.get("create"),
        totals.get("update"),
        totals.get("remove"),
        totals.get("adopted"),
        totals.get("refused"),
        totals.get("failed"),
        totals.get("unknown")
    );
    if report.cancelled {
        out.push_str("\nIt was stopped before its end.\n");
    }
    for bridge in &report.bridges {
        push_bridge(&mut out, &view::bridge(bridge, report.dry_run, showing));
    }
    out
}

fn push_bridge(out: &mut String, view: &BridgeView) {
    put!(
        out,
        "\n## Bridge {}\n\nTimes in {}.\n",
        escape(&view.name),
        escape(&view.zone)
    );
    for day in &view.days {
        put!(out, "\n### {}\n\n", day.heading);
        for operation in &day.operations {
            push_operation(out, operation);
        }
    }
    for section in &view.sections {
        push_section(out, section);
    }
    out.push_str("\n| platform | records | coverage | calls | trouble |\n| --- | ---: | --- | ---: | --- |\n");
    for row in &view.platforms {
        put!(
            out,
            "| {} | {} | {} | {} | {} |\n",
            escape(&row.name),
            row.records,
            row.coverage,
            row.calls,
            escape(row.trouble.as_deref().unwrap_or_default())
        );
    }
}

fn push_operation(out: &mut String, operation: &OperationView) {
    put!(
        out,
        "- **{}** {}: {}\n",
        escape(&operation.what),
        escape(&operation.place),
        escape(&operation.outcome)
    );
    for change in &operation.changes {
        let pieces: String = change.pieces.iter().map(piece).collect();
        put!(out, "  - {}: {pieces}\n", change.field);
    }
    if let Some(why) = &operation.why {
        put!(out, "  - {}\n", escape(why));
    }
}

fn piece(piece: &Piece) -> String {
    match piece {
        Piece::Same(text) => escape(text),
        Piece::Old(text) => format!("~~{}~~", escape(text)),
        Piece::New(text) => format!("**{}**", escape(text)),
    }
}

fn push_section(out: &mut String, section: &Section) {
    put!(out, "\n### {}\n\n", section.title);
    for item in &section.items {
        put!(out, "- {}\n", escape(&item.text));
        for detail in &item.details {
            put!(out, "  - {}\n", escape(detail));
        }
    }
    if let Some(advice) = &section.advice {
        put!(out, "\n{}\n", escape(advice));
    }
}

/// Takes the meaning out of characters that markdown or HTML would act on.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(
            character,
            '\\' | '`' | '*' | '_' | '|' | '<' | '>' | '[' | ']' | '#' | '~'
        ) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
