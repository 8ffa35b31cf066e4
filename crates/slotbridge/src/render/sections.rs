//! What a bridge's report lists besides its operations: guards, conflicts, double bookings, what waits and what was left
//! alone, each in plain words with the way out.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use slotbridge_core::merge::{Choice, Claim, Subject};
use slotbridge_core::model::{FieldValue, RemoteId, ResourceName, Slot};
use slotbridge_engine::report::{
    AmbiguousReport, BridgeReport, ConflictReport, GuardReport, LeftAloneReport, OverlapReport,
    PersonReport,
};

use super::json;
use super::view::{Mood, record};
use super::words::{self, clean};

/// A list of findings with the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) mood: Mood,
    pub(crate) advice: Option<String>,
    /// How many things it is about; more than there are items where alike ones are told together.
    pub(crate) number: usize,
    pub(crate) items: Vec<Item>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) text: String,
    /// What it is about, where that is told apart.
    pub(crate) details: Vec<String>,
}

impl Section {
    fn new(title: &str, mood: Mood, advice: Option<String>, items: Vec<String>) -> Self {
        Self {
            title: title.to_owned(),
            mood,
            advice,
            number: items.len(),
            items: items
                .into_iter()
                .map(|text| Item {
                    text,
                    details: Vec::new(),
                })
                .collect(),
        }
    }

    /// Findings that say the same are told once, with all that they are about.
    fn grouped(
        title: &str,
        mood: Mood,
        advice: Option<String>,
        findings: Vec<(String, Option<String>)>,
    ) -> Self {
        let number = findings.len();
        let mut items: Vec<Item> = Vec::new();
        for (text, detail) in findings {
            match items.iter_mut().find(|item| item.text == text) {
                Some(item) => item.details.extend(detail),
                None => items.push(Item {
                    text,
                    details: detail.into_iter().collect(),
                }),
            }
        }
        Self {
            title: title.to_owned(),
            mood,
            advice,
            number,
            items,
        }
    }
}

/// Everything that a bridge's report lists, without what is empty.
pub(crate) fn sections(report: &BridgeReport, clients: bool, zone: &TimeZone) -> Vec<Section> {
    let conflicts = report.conflicts.iter();
    let overlaps = report.overlaps.iter();
    let unmapped = "add a [[bridge.resource]] or [[bridge.service]] row to bring them in";
    let decide = "see `slotbridge conflicts` and decide with `slotbridge conflicts resolve`, make the platforms agree by \
                  hand, or choose another `conflict` policy for the bridge";
    let mut sections = vec![
        guards(report),
        Section::new(
            "Conflicts",
            Mood::Open,
            undecided(report).then(|| decide.to_owned()),
            conflicts
                .map(|conflict| conflict_words(conflict, clients, zone))
                .collect(),
        ),
        Section::new(
            "Double bookings",
            Mood::Bad,
            Some("move or cancel one of them on the platform where it was made".to_owned()),
            overlaps
                .map(|overlap| overlap_words(overlap, zone))
                .collect(),
        ),
        Section::new(
            "Not told apart, left alone",
            Mood::Open,
            None,
            report.ambiguous.iter().map(ambiguous_words).collect(),
        ),
        waiting("Waiting for you", Mood::Bad, report, true, zone),
        waiting("Waiting", Mood::Open, report, false, zone),
        Section::new(
            "Not mapped",
            Mood::Open,
            Some(unmapped.to_owned()),
            self::unmapped(report),
        ),
        Section::grouped(
            "Left as they are",
            Mood::Good,
            None,
            left_alone(&report.unsupported),
        ),
        Section::grouped(
            "Not readable, left alone",
            Mood::Bad,
            Some("look at the record on the platform; it is never taken for removed".to_owned()),
            left_alone(&report.unreadable),
        ),
    ];
    sections.retain(|section| section.number > 0);
    sections
}

fn ambiguous_words(ambiguous: &AmbiguousReport) -> String {
    let who = match &ambiguous.remote_id {
        Some(id) => format!("{} {}", ambiguous.platform, clean(id.as_str())),
        None => ambiguous.platform.to_string(),
    };
    let candidates: Vec<String> = ambiguous.candidates.iter().map(record).collect();
    format!(
        "{who}: {} ({})",
        clean(&ambiguous.why),
        candidates.join(", ")
    )
}

fn left_alone(list: &[LeftAloneReport]) -> Vec<(String, Option<String>)> {
    list.iter()
        .map(|left| {
            let id = left.remote_id.as_ref().filter(|id| !is_busy_time(id));
            let id = id.map(|id| format!("{} {}", left.platform, clean(id.as_str())));
            (format!("{}: {}", left.platform, clean(&left.why)), id)
        })
        .collect()
}

/// Whether the id is the engine's own for a time that is taken on a platform without a list, not a record's.
pub(crate) fn is_busy_time(id: &RemoteId) -> bool {
    id.as_str().starts_with("busy:")
}

fn undecided(report: &BridgeReport) -> bool {
    report.conflicts.iter().any(ConflictReport::is_open)
}

fn guards(report: &BridgeReport) -> Section {
    let words = |guard: &GuardReport| {
        let what = words::guard(&guard.what, guard.limit, guard.planned);
        format!("{}: {what}; nothing of that was written", guard.platform)
    };
    let advice = format!(
        "look at what is held; if it is meant, run `slotbridge approve {}` and then reconcile again",
        report.name
    );
    let items = report.guards.iter().map(words).collect();
    Section::new("Held by a guard", Mood::Bad, Some(advice), items)
}

fn conflict_words(report: &ConflictReport, clients: bool, zone: &TimeZone) -> String {
    let conflict = &report.conflict;
    let values: Vec<String> = conflict
        .claims
        .iter()
        .map(|claim| claim_words(claim, conflict.subject, clients, zone))
        .collect();
    let decided = match (&report.person, &conflict.decided) {
        (Some(PersonReport::Applied(choice)), _) => {
            format!("you decided: {}", choice_words(choice))
        }
        (_, Some(platform)) => format!("{platform} wins by the bridge's policy"),
        (Some(PersonReport::Void), None) => {
            "your decision no longer fits, the values have changed since; decide again".to_owned()
        }
        (None, None) => "nobody wins until you decide".to_owned(),
    };
    let decided = match (&report.id, report.is_open()) {
        (Some(id), true) => format!("{decided} (conflict {id})"),
        _ => decided,
    };
    format!(
        "{}{}: {}; {decided}",
        place_words(report.place.as_ref(), zone),
        conflict.subject.as_str(),
        values.join(", ")
    )
}

/// What a person chose, without a client's data.
pub(crate) fn choice_words(choice: &Choice) -> String {
    match choice {
        Choice::Take(platform) => format!("as {platform} has it"),
        Choice::Set(_) => "a value of your own".to_owned(),
        Choice::Keep => "as the bridge has it".to_owned(),
    }
}

fn claim_words(claim: &Claim, subject: Subject, clients: bool, zone: &TimeZone) -> String {
    let value = match (subject, &claim.value) {
        (Subject::Removal, None) => "removed it".to_owned(),
        (Subject::Removal, Some(_)) => "edited it".to_owned(),
        (Subject::Field(_), Some(FieldValue::Slot(slot))) => {
            format!(
                "has {} {}",
                words::day(slot.start(), zone),
                words::times(*slot, zone)
            )
        }
        (Subject::Field(_), _) => match json::claimed(claim, subject, clients) {
            Some(value) => format!("has {}", clean(&value)),
            None => "has nothing".to_owned(),
        },
    };
    format!(
        "{} {value} since {}",
        claim.platform,
        words::moment(claim.changed_at, zone)
    )
}

fn overlap_words(overlap: &OverlapReport, zone: &TimeZone) -> String {
    let bookings: Vec<String> = overlap
        .bookings
        .iter()
        .map(|entry| {
            format!(
                "{} {} (first seen on {}, {})",
                words::day(entry.slot.start(), zone),
                words::times(entry.slot, zone),
                entry.platform,
                words::moment(entry.at, zone)
            )
        })
        .collect();
    format!("{}: {}", overlap.resource, bookings.join(" and "))
}

fn place_words(place: Option<&(ResourceName, Slot)>, zone: &TimeZone) -> String {
    place.map_or_else(String::new, |(resource, slot)| {
        format!(
            "{} {} {resource}, ",
            words::day(slot.start(), zone),
            words::times(*slot, zone)
        )
    })
}

/// What waits for a person, or what waits by itself.
fn waiting(
    title: &str,
    mood: Mood,
    report: &BridgeReport,
    needs_person: bool,
    zone: &TimeZone,
) -> Section {
    let findings = report
        .waiting
        .iter()
        .filter(|waiting| waiting.needs_person == needs_person)
        .map(|waiting| {
            let place = waiting.place.as_ref();
            let place = place.map(|(resource, slot)| {
                format!(
                    "{} {}  {resource}",
                    words::day(slot.start(), zone),
                    words::times(*slot, zone)
                )
            });
            (
                format!("{}: {}", waiting.platform, clean(&waiting.why)),
                place,
            )
        });
    Section::grouped(title, mood, None, findings.collect())
}

/// One line per id, with how many records it concerns.
fn unmapped(report: &BridgeReport) -> Vec<String> {
    let mut counted: BTreeMap<(String, &str, String, Option<String>), u64> = BTreeMap::new();
    for unmapped in &report.unmapped {
        let key = (
            unmapped.platform.to_string(),
            unmapped.what,
            unmapped.id.clone(),
            unmapped.title.clone(),
        );
        *counted.entry(key).or_default() += 1;
    }
    counted
        .into_iter()
        .map(|((platform, what, id, title), number)| {
            let title = title.map_or_else(String::new, |title| format!(" ({})", clean(&title)));
            format!(
                "{platform}: {what} {}{title}, {}",
                clean(&id),
                words::count(number, "booking", "bookings")
            )
        })
        .collect()
}
