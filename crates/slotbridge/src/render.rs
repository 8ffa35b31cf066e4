//! Reports for people and programs, made from the engine's plain data.
//!
//! Nothing of a client is shown unless it was asked for, and control characters in what a platform said are replaced
//! before they reach a terminal.

pub(crate) mod json;
pub(crate) mod markdown;
pub(crate) mod proposal;
pub(crate) mod sections;
pub(crate) mod text;
pub(crate) mod view;
pub(crate) mod words;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;

use clap::ValueEnum;
use jiff::tz::TimeZone;
use slotbridge_core::model::BridgeName;
use slotbridge_engine::report::Report;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For a person
    #[default]
    Text,
    /// For a program, one object
    Json,
    /// For a page or a ticket
    Markdown,
}

/// What a report is shown with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Showing {
    /// Whether clients' names, phones, e-mails and comments are shown.
    pub(crate) clients: bool,
    /// In which zone the times of each bridge are shown; UTC where none is named.
    pub(crate) zones: BTreeMap<BridgeName, TimeZone>,
}

impl Showing {
    /// The zone of a bridge's times.
    pub(crate) fn zone(&self, bridge: &BridgeName) -> TimeZone {
        self.zones.get(bridge).cloned().unwrap_or(TimeZone::UTC)
    }
}

/// Writes a report; text comes with colours, which the output takes out where there is no terminal.
pub(crate) fn report(report: &Report, format: Format, showing: &Showing) -> String {
    match format {
        Format::Text => text::report(report, showing),
        Format::Json => json::report(report, showing),
        Format::Markdown => markdown::report(report, showing),
    }
}
