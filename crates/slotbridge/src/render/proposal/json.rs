//! The proposed mapping as one JSON object. Its keys are stable; new ones may be added.

use serde::Serialize;
use slotbridge_core::propose::{Cell, Doubt, Entry, Known, Row, What};

use super::{Listed, Mapped, Source, Survey, duration, reason};
use crate::render::json::to_text;

#[derive(Debug, Serialize)]
struct MapRow<'a> {
    schema: u32,
    bridges: Vec<BridgeRow<'a>>,
}

#[derive(Debug, Serialize)]
struct BridgeRow<'a> {
    name: &'a str,
    platforms: Vec<PlatformRow<'a>>,
    resources: Vec<ProposedRow<'a>>,
    services: Vec<ProposedRow<'a>>,
}

#[derive(Debug, Serialize)]
struct PlatformRow<'a> {
    name: &'a str,
    /// `catalogue`, `records` or `none`
    source: &'static str,
    records: Option<u64>,
    error: Option<&'a str>,
    resources: Vec<EntryRow<'a>>,
    services: Vec<EntryRow<'a>>,
}

#[derive(Debug, Serialize)]
struct EntryRow<'a> {
    id: &'a str,
    title: &'a str,
    duration: Option<String>,
    price_minor: Option<i64>,
    active: bool,
    /// The row of the config that has it.
    row: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct ProposedRow<'a> {
    name: &'a str,
    /// Whether the config has a row of this name, which is to be completed.
    in_config: bool,
    certainty: &'static str,
    duration: Option<String>,
    ids: Vec<CellRow<'a>>,
    unsure: Vec<MaybeRow<'a>>,
    /// Platforms whose id somebody has to type.
    by_hand: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct CellRow<'a> {
    platform: &'a str,
    id: &'a str,
    title: &'a str,
}

#[derive(Debug, Serialize)]
struct MaybeRow<'a> {
    #[serde(flatten)]
    cell: CellRow<'a>,
    reasons: Vec<ReasonRow<'a>>,
}

#[derive(Debug, Serialize)]
struct ReasonRow<'a> {
    code: &'static str,
    message: String,
    rivals: Vec<CellRow<'a>>,
}

/// All bridges.
pub(super) fn surveys(surveys: &[Survey]) -> String {
    to_text(&MapRow {
        schema: 1,
        bridges: surveys.iter().map(bridge).collect(),
    })
}

fn bridge(survey: &Survey) -> BridgeRow<'_> {
    BridgeRow {
        name: survey.bridge.as_str(),
        platforms: survey
            .platforms
            .iter()
            .map(|listed| platform(survey, listed))
            .collect(),
        resources: rows(survey, &survey.resources),
        services: rows(survey, &survey.services),
    }
}

fn platform<'a>(survey: &'a Survey, listed: &'a Listed) -> PlatformRow<'a> {
    let entries = |mapped: &'a Mapped| {
        let entries = listed.entries(mapped.what).iter();
        entries
            .map(|entry| entry_row(listed, mapped, entry))
            .collect()
    };
    let (source, records, error) = match &listed.source {
        Source::Catalogue => ("catalogue", None, None),
        Source::Records(number) => ("records", Some(*number), None),
        Source::Failed(why) => ("none", None, Some(why.as_str())),
    };
    PlatformRow {
        name: listed.name.as_str(),
        source,
        records,
        error,
        resources: entries(&survey.resources),
        services: entries(&survey.services),
    }
}

fn entry_row<'a>(listed: &Listed, mapped: &'a Mapped, entry: &'a Entry) -> EntryRow<'a> {
    EntryRow {
        id: &entry.key,
        title: &entry.title,
        duration: entry.duration.and_then(duration),
        price_minor: entry.price_minor,
        active: entry.active,
        row: mapped
            .row_of(&listed.name, &entry.key)
            .map(|row| row.name.as_str()),
    }
}

fn rows<'a>(survey: &'a Survey, mapped: &'a Mapped) -> Vec<ProposedRow<'a>> {
    let proposal = &mapped.proposal;
    let additions = proposal
        .additions
        .iter()
        .map(|found| row(survey, mapped.what, found, mapped.known_row(&found.name)));
    let new = proposal
        .rows
        .iter()
        .map(|found| row(survey, mapped.what, found, None));
    additions.chain(new).collect()
}

fn row<'a>(survey: &'a Survey, what: What, row: &'a Row, known: Option<&Known>) -> ProposedRow<'a> {
    let missing = survey.missing(row, known).into_iter();
    let length = if what == What::Service {
        row.duration()
    } else {
        None
    };
    // An id that completes a row of the config is certain by itself.
    let certainty = match known {
        Some(_) if row.maybes.is_empty() => "sure",
        _ => row.certainty().as_str(),
    };
    ProposedRow {
        name: &row.name,
        in_config: known.is_some(),
        certainty,
        duration: length.and_then(duration),
        ids: survey.cells(row).into_iter().map(cell).collect(),
        unsure: survey
            .maybes(row)
            .into_iter()
            .map(|maybe| MaybeRow {
                cell: cell(&maybe.cell),
                reasons: maybe.doubts.iter().map(reason_row).collect(),
            })
            .collect(),
        by_hand: missing.map(|listed| listed.name.as_str()).collect(),
    }
}

fn cell(cell: &Cell) -> CellRow<'_> {
    CellRow {
        platform: cell.platform.as_str(),
        id: &cell.entry.key,
        title: &cell.entry.title,
    }
}

fn reason_row(doubt: &Doubt) -> ReasonRow<'_> {
    ReasonRow {
        code: doubt.as_str(),
        message: reason(doubt),
        rivals: doubt.rivals().iter().map(cell).collect(),
    }
}
