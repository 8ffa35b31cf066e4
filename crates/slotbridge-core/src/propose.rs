//! Which resources and services of several platforms are the same: a proposal for the mapping.
//!
//! # Flow
//! Every entry is compared with every entry of every other platform ([`likeness`]). Two entries that are each other's
//! only best match, with nothing to doubt, are taken for one; a row grows as long as all of its entries are such pairs.
//! What is left is offered to the rows and to each other as a maybe, with the reason.
//!
//! # Guarantees
//! - An id is in one row at most, and in none that the config has already.
//! - Every entry that can be booked and is not mapped yet is in exactly one row.
//! - A doubt is told, never guessed away: of two equally good candidates both are named and neither is taken.
//! - The order of the input makes no difference.

mod likeness;
mod table;
#[cfg(test)]
mod tests;
mod words;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use crate::model::PlatformName;
use table::{Draft, Table};

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// People and rooms: names with initials, in any order.
    Resource,
    /// Services: words, length and price.
    Service,
}

impl What {
    /// The word used in the config and in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Service => "service",
        }
    }
}

/// One entry of a platform's catalogue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The platform's id, as a mapping spells it.
    pub key: String,
    /// The platform's title.
    pub title: String,
    /// How long a service takes.
    pub duration: Option<SignedDuration>,
    /// What a service costs, in minor units.
    pub price_minor: Option<i64>,
    /// Whether it can be booked now.
    pub active: bool,
}

/// What one platform has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Whose.
    pub platform: PlatformName,
    /// Its entries.
    pub entries: Vec<Entry>,
}

/// A row that the config has already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// Its ids.
    pub keys: BTreeMap<PlatformName, String>,
}

/// One id in a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// Where.
    pub platform: PlatformName,
    /// What stands there.
    pub entry: Entry,
}

/// An id that may belong into a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maybe {
    /// The id.
    pub cell: Cell,
    /// Why it is not taken without asking; at least one.
    pub doubts: Vec<Doubt>,
}

/// Why an id is not taken without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// The names differ in a few letters.
    Spelling,
    /// One name has words that the other has not.
    Partial,
    /// The services do not last equally long.
    Duration,
    /// The prices differ, and no length confirms the name.
    Price,
    /// The names are in two languages; only length and price are the same.
    Language,
    /// One of the two cannot be booked now.
    Inactive,
    /// It is like some entries of the row, but not like all.
    Loose,
    /// Others fit equally well.
    Several(Vec<Cell>),
    /// What fits better is taken already.
    Leftover,
}

impl Doubt {
    /// The others that fit equally well.
    pub fn rivals(&self) -> &[Cell] {
        match self {
            Self::Several(rivals) => rivals,
            Self::Spelling
            | Self::Partial
            | Self::Duration
            | Self::Price
            | Self::Language
            | Self::Inactive
            | Self::Loose
            | Self::Leftover => &[],
        }
    }

    /// The word used in reports for programs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Spelling => "spelling",
            Self::Partial => "partial",
            Self::Duration => "duration",
            Self::Price => "price",
            Self::Language => "language",
            Self::Inactive => "inactive",
            Self::Loose => "loose",
            Self::Several(_) => "several",
            Self::Leftover => "leftover",
        }
    }
}

/// How certain a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// Its ids belong together, and nothing else may.
    Sure,
    /// Something in it is a maybe.
    Unsure,
    /// Nothing like it is anywhere else.
    Alone,
}

impl Certainty {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sure => "sure",
            Self::Unsure => "unsure",
            Self::Alone => "alone",
        }
    }
}

/// A proposed row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name, which no other row has.
    pub name: String,
    /// The ids that belong together; of a row that the config has, those that are new. Empty where all fit each other in
    /// more than one way.
    pub cells: Vec<Cell>,
    /// The ids that may belong to them.
    pub maybes: Vec<Maybe>,
}

impl Row {
    /// How certain it is.
    pub fn certainty(&self) -> Certainty {
        match (self.cells.len(), self.maybes.is_empty()) {
            (_, false) => Certainty::Unsure,
            (2.., true) => Certainty::Sure,
            (_, true) => Certainty::Alone,
        }
    }

    /// How long its service takes, where a platform says so.
    pub fn duration(&self) -> Option<SignedDuration> {
        // All that are known are the same, or they would not be in one row.
        self.cells
            .iter()
            .filter_map(|cell| cell.entry.duration)
            .find(SignedDuration::is_positive)
    }
}

/// What came of the comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proposal {
    /// New rows, in order of their names.
    pub rows: Vec<Row>,
    /// What rows of the config lack, in order of their names. A cell in one of these is certain by itself.
    pub additions: Vec<Row>,
}

/// Proposes rows for what `known` does not map yet.
pub fn propose(what: What, offers: &[Offer], known: &[Known]) -> Proposal {
    let cells: BTreeSet<Cell> = offers
        .iter()
        .flat_map(|offer| {
            offer.entries.iter().map(|entry| Cell {
                platform: offer.platform.clone(),
                entry: entry.clone(),
            })
        })
        .collect();
    let mut cells: Vec<Cell> = cells.into_iter().collect();
    cells.dedup_by(|later, first| {
        (&later.platform, &later.entry.key) == (&first.platform, &first.entry.key)
    });
    let mut table = Table::new(what, &cells, known);
    table.join_sure();
    let drafts = table.settle();
    name_rows(what, drafts, known)
}

/// Gives every new row a name of its own, and puts all in order.
fn name_rows(what: What, drafts: Vec<Draft<'_>>, known: &[Known]) -> Proposal {
    let mut proposal = Proposal::default();
    let mut taken: BTreeSet<String> = known.iter().map(|row| row.name.clone()).collect();
    let mut unnamed = Vec::new();
    for draft in drafts {
        match draft.known {
            Some(_) if draft.cells.is_empty() && draft.maybes.is_empty() => {}
            Some(known) => proposal.additions.push(Row {
                name: known.name.clone(),
                cells: draft.cells,
                maybes: draft.maybes,
            }),
            None => unnamed.push((base_name(what, &draft), draft.cells, draft.maybes)),
        }
    }
    let first = |cells: &[Cell], maybes: &[Maybe]| {
        let cell = cells
            .first()
            .or_else(|| maybes.first().map(|maybe| &maybe.cell));
        cell.map(|cell| (cell.platform.clone(), cell.entry.key.clone()))
    };
    unnamed.sort_by_cached_key(|(base, cells, maybes)| (base.clone(), first(cells, maybes)));
    for (base, cells, maybes) in unnamed {
        let mut name = base.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{base}-{number}");
            number += 1;
        }
        proposal.rows.push(Row {
            name,
            cells,
            maybes,
        });
    }
    proposal
        .rows
        .sort_by(|one, other| one.name.cmp(&other.name));
    proposal
        .additions
        .sort_by(|one, other| one.name.cmp(&other.name));
    proposal
}

/// A name from the title that says most: without initials before with, as the owner spelled it in Latin before as we
/// would, the longer before the shorter.
fn base_name(what: What, draft: &Draft<'_>) -> String {
    let maybes = draft.maybes.iter().map(|maybe| &maybe.cell);
    let named_by: Vec<&Cell> = if draft.cells.is_empty() {
        maybes.collect()
    } else {
        draft.cells.iter().collect()
    };
    named_by
        .into_iter()
        .filter_map(|cell| {
            let slug = words::slug(&cell.entry.title);
            let title = words::read(what, &cell.entry.title);
            let initials = title.words.iter().filter(|word| word.short).count();
            let latin = title.script == words::Script::Latin;
            (!slug.is_empty()).then(|| (initials, !latin, Reverse(slug.len().min(24)), slug))
        })
        .min()
        .map_or_else(|| what.as_str().to_owned(), |(_, _, _, slug)| slug)
}
