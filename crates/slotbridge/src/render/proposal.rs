//! The proposed mapping: what each platform has, and the rows that follow from it.
//!
//! The text is TOML that can be put below the bridge's table as it is: what is certain stands as keys, everything else
//! as comments.

mod json;
mod markdown;
#[cfg(test)]
mod tests;
mod toml;

use jiff::SignedDuration;
use slotbridge_core::model::{BridgeName, PlatformName};
use slotbridge_core::propose::{Cell, Doubt, Entry, Known, Maybe, Proposal, Row, What};

use super::Format;
use super::words::clean;

/// What one bridge has and could have.
#[derive(Debug, Clone)]
pub(crate) struct Survey {
    /// The bridge.
    pub(crate) bridge: BridgeName,
    /// Its platforms, in the order of the config.
    pub(crate) platforms: Vec<Listed>,
    /// People and rooms.
    pub(crate) resources: Mapped,
    /// Services.
    pub(crate) services: Mapped,
}

/// What one platform has.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    /// Whose.
    pub(crate) name: PlatformName,
    /// The vendor's spelling of the kind.
    pub(crate) title: &'static str,
    /// Whether services need a duration in the config.
    pub(crate) needs_durations: bool,
    /// Where the lists come from.
    pub(crate) source: Source,
    /// People and rooms.
    pub(crate) resources: Vec<Entry>,
    /// Services.
    pub(crate) services: Vec<Entry>,
}

/// Where the lists of a platform come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The platform told them.
    Catalogue,
    /// It cannot; they are those of so many records that were seen.
    Records(u64),
    /// It can, but did not.
    Failed(String),
}

/// The rows of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Mapped {
    /// Resources or services.
    pub(crate) what: What,
    /// What the config has.
    pub(crate) known: Vec<Known>,
    /// What it could have.
    pub(crate) proposal: Proposal,
}

impl Listed {
    /// Its entries of one kind.
    pub(crate) fn entries(&self, what: What) -> &[Entry] {
        match what {
            What::Resource => &self.resources,
            What::Service => &self.services,
        }
    }

    /// Whether ids that are not listed may be there: somebody has to type them.
    fn by_hand(&self) -> bool {
        matches!(self.source, Source::Records(_))
    }
}

impl Mapped {
    /// The row of the config that has this id.
    fn row_of(&self, platform: &PlatformName, key: &str) -> Option<&Known> {
        self.known
            .iter()
            .find(|row| row.keys.get(platform).is_some_and(|known| known == key))
    }

    fn known_row(&self, name: &str) -> Option<&Known> {
        self.known.iter().find(|row| row.name == name)
    }
}

impl Survey {
    fn listed(&self, platform: &PlatformName) -> Option<&Listed> {
        self.platforms
            .iter()
            .find(|listed| listed.name == *platform)
    }

    /// The platforms that have no id in a row and whose ids somebody has to type.
    fn missing(&self, row: &Row, known: Option<&Known>) -> Vec<&Listed> {
        let has = |platform: &PlatformName| {
            let named = row
                .cells
                .iter()
                .chain(row.maybes.iter().map(|maybe| &maybe.cell));
            known.is_some_and(|known| known.keys.contains_key(platform))
                || named.into_iter().any(|cell| cell.platform == *platform)
        };
        self.platforms
            .iter()
            .filter(|listed| listed.by_hand() && !has(&listed.name))
            .collect()
    }

    /// Cells in the order in which the config names the platforms.
    fn sorted<'a, T>(&self, cells: &'a [T], platform: impl Fn(&T) -> &PlatformName) -> Vec<&'a T> {
        let mut sorted: Vec<&T> = cells.iter().collect();
        sorted.sort_by_key(|cell| {
            self.platforms
                .iter()
                .position(|listed| listed.name == *platform(cell))
        });
        sorted
    }

    fn cells<'a>(&self, row: &'a Row) -> Vec<&'a Cell> {
        self.sorted(&row.cells, |cell| &cell.platform)
    }

    fn maybes<'a>(&self, row: &'a Row) -> Vec<&'a Maybe> {
        self.sorted(&row.maybes, |maybe| &maybe.cell.platform)
    }
}

/// Writes the surveys of all bridges.
pub(crate) fn report(surveys: &[Survey], format: Format) -> String {
    match format {
        Format::Text => surveys
            .iter()
            .map(toml::survey)
            .collect::<Vec<_>>()
            .join("\n"),
        Format::Json => json::surveys(surveys),
        Format::Markdown => surveys
            .iter()
            .map(markdown::survey)
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

/// `90m`, as the config spells it; nothing for what it would refuse.
fn duration(duration: SignedDuration) -> Option<String> {
    let seconds = duration.as_secs();
    let day = 24 * 60 * 60;
    if duration.subsec_nanos() != 0 || !(1..=day).contains(&seconds) {
        return None;
    }
    Some(if seconds % 60 == 0 {
        format!("{}m", seconds / 60)
    } else {
        format!("{seconds}s")
    })
}

/// `1800.00`
fn price(minor: i64) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let minor = minor.unsigned_abs();
    format!("{sign}{}.{:02}", minor / 100, minor % 100)
}

/// What an entry is called, with what tells it from others of the name.
fn label(entry: &Entry) -> String {
    let mut label = clean(entry.title.trim());
    if label.is_empty() {
        "without a title".clone_into(&mut label);
    }
    for detail in details(entry) {
        label.push_str(", ");
        label.push_str(&detail);
    }
    label
}

fn details(entry: &Entry) -> Vec<String> {
    let mut details = Vec::new();
    details.extend(entry.duration.and_then(duration));
    details.extend(entry.price_minor.filter(|minor| *minor != 0).map(price));
    if !entry.active {
        details.push("cannot be booked now".to_owned());
    }
    details
}

/// Why an id is not simply taken.
fn reasons(doubts: &[Doubt]) -> String {
    let words: Vec<String> = doubts.iter().map(reason).collect();
    words.join("; ")
}

fn reason(doubt: &Doubt) -> String {
    let plain = match doubt {
        Doubt::Spelling => "the names are spelled differently",
        Doubt::Partial => "one name has words that the other has not",
        Doubt::Duration => "one takes longer than the other",
        Doubt::Price => "the prices differ, and no length confirms the name",
        Doubt::Language => "the names are in two languages; only length and price are the same",
        Doubt::Inactive => "one of the two cannot be booked now",
        Doubt::Loose => "it is like a part of the row only",
        Doubt::Leftover => "what fits better is in another row",
        Doubt::Several(rivals) => {
            let rivals: Vec<String> = rivals.iter().map(place).collect();
            return format!("fits equally well: {}", rivals.join(", "));
        }
    };
    plain.to_owned()
}

/// `world 12 (A. Ivanova)`
fn place(cell: &Cell) -> String {
    format!(
        "{} {} ({})",
        cell.platform,
        clean(&cell.entry.key),
        clean(cell.entry.title.trim())
    )
}

/// How to learn the ids of a platform that does not list them.
fn how_to_learn(listed: &Listed, toml_key: &str) -> String {
    format!(
        "take its ids from its own pages; or name a few of its records in [platform.{toml_key}] known_records, run \
         `slotbridge --reconcile` and then `slotbridge map` again: what no row maps yet is only read, and the titles of \
         the {} records show what is what",
        listed.title
    )
}
