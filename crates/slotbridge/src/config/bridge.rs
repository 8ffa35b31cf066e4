//! `[[bridge]]`: a set of platforms kept in step, with its mappings and policies.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use slotbridge_core::guard::Limits;
use slotbridge_core::mapping::Mapping;
use slotbridge_core::merge::{ConflictPolicy, Policy, RemovedAndEdited};
use slotbridge_core::model::{BridgeName, PlatformName};
use slotbridge_engine::bridge::{Direction, OnOverlap, OnRemoval, Share};
use toml::de::DeValue;

use super::guard;
use super::keys;
use super::mapping::{MappedId, Rows};
use super::platform::Platforms;
use super::table::{Field, Table};
use super::value;

/// One bridge, with everything resolved.
#[derive(Debug)]
pub(crate) struct BridgeConfig {
    /// Its name.
    pub(crate) name: BridgeName,
    /// Its platforms, in the order of the file.
    pub(crate) members: Vec<MemberConfig>,
    /// Who wins.
    pub(crate) policy: Policy,
    /// How far back.
    pub(crate) window_past: SignedDuration,
    /// How far ahead.
    pub(crate) window_future: SignedDuration,
    /// What needs a person's approval.
    pub(crate) limits: Limits,
    /// Double bookings.
    pub(crate) on_overlap: OnOverlap,
    /// Removals.
    pub(crate) on_removal: OnRemoval,
    /// What copies carry.
    pub(crate) share: Share,
}

/// One platform of a bridge.
#[derive(Debug)]
pub(crate) struct MemberConfig {
    /// The account's name.
    pub(crate) platform: PlatformName,
    /// Its ids in the bridge's words.
    pub(crate) mapping: Mapping,
    /// The same ids with where they stand in the file, for `check`.
    pub(crate) ids: Vec<MappedId>,
    /// Which way changes go.
    pub(crate) direction: Direction,
}

/// Who writes which resource of which account: account, resource id → bridge and platform.
type Writers = BTreeMap<(String, String), String>;

/// Reads every `[[bridge]]`.
pub(crate) fn read_all(
    root: &Table<'_>,
    platforms: &Platforms,
    limits: &Limits,
) -> Vec<BridgeConfig> {
    let Some(items) = root
        .need("bridge")
        .and_then(|field| field.list("tables [[bridge]]"))
    else {
        return Vec::new();
    };
    let mut names = BTreeSet::new();
    let mut writers = Writers::new();
    items
        .iter()
        .enumerate()
        .filter_map(|(number, item)| {
            let name = item
                .own_name()
                .map_or_else(|| format!("#{}", number + 1), str::to_owned);
            let item = item.clone().renamed(format!("bridge.{name}"));
            if !names.insert(name) {
                item.problem("a bridge of this name is there already");
            }
            read_one(&item, platforms, limits, &mut writers)
        })
        .collect()
}

fn read_one(
    item: &Field<'_>,
    platforms: &Platforms,
    limits: &Limits,
    writers: &mut Writers,
) -> Option<BridgeConfig> {
    let table = item.table(&[keys::BRIDGE])?;
    let name = table.parse("name", |text| {
        BridgeName::new(text).map_err(|error| error.to_string())
    });
    let members = read_members(&table, platforms);
    let names: Vec<&str> = members.iter().map(PlatformName::as_str).collect();
    let directions = read_directions(&table, &names);
    let window_past = table.parse("window_past", |text| within(text, "0s", "366d"));
    let window_future = table.parse("window_future", |text| within(text, "1h", "732d"));
    let conflict = read_conflict(&table, &names);
    let on_removed_and_edited = table.parse("on_removed_and_edited", |text| {
        one_of(
            text,
            [
                ("ask", RemovedAndEdited::Ask),
                ("remove", RemovedAndEdited::Remove),
                ("keep", RemovedAndEdited::Keep),
            ],
        )
    });
    let share = table.parse("share", |text| {
        one_of(text, [("full", Share::Full), ("busy", Share::Busy)])
    });
    let on_overlap = table.parse("overlap", |text| {
        one_of(text, [("hold", OnOverlap::Hold), ("push", OnOverlap::Push)])
    });
    let on_removal = table.parse("removals", |text| {
        one_of(
            text,
            [
                ("propagate", OnRemoval::Propagate),
                ("hold", OnRemoval::Hold),
            ],
        )
    });
    let limits = guard::read(table.get("guard"), limits);
    let mut mapped = Rows::new(&members, platforms);
    mapped.read_resources(&table);
    mapped.read_services(&table);
    let members: Vec<MemberConfig> = members
        .iter()
        .map(|platform| {
            let row = mapped.take(platform);
            MemberConfig {
                platform: platform.clone(),
                mapping: row.mapping,
                ids: row.ids,
                direction: directions
                    .get(platform.as_str())
                    .copied()
                    .unwrap_or(Direction::Both),
            }
        })
        .collect();
    check_directions(&table, &members);
    claim_resources(&table, &members, platforms, writers);
    table.finish(|_| None);
    Some(BridgeConfig {
        name: name?,
        members,
        policy: Policy {
            conflict: conflict?,
            on_removed_and_edited: on_removed_and_edited?,
        },
        window_past: window_past?,
        window_future: window_future?,
        limits,
        on_overlap: on_overlap?,
        on_removal: on_removal?,
        share: share?,
    })
}

/// Reads the list of platforms; unknown ones are told here, and platforms with a problem of their own are left out
/// without a word.
fn read_members(table: &Table<'_>, platforms: &Platforms) -> Vec<PlatformName> {
    let Some(field) = table.need("platforms") else {
        return Vec::new();
    };
    let Some(items) = field.list("a list of platform names") else {
        return Vec::new();
    };
    if items.len() < 2 {
        field.problem("a bridge keeps at least two platforms in step");
    }
    let mut members: Vec<PlatformName> = Vec::new();
    for item in items {
        let Some(name) = item.text() else { continue };
        if members.iter().any(|member| member.as_str() == name) {
            item.problem(format!("the platform {name:?} is named twice"));
        } else if platforms.names.iter().any(|known| known == name) {
            members.extend(PlatformName::new(name));
        } else {
            item.problem(unknown_platform(
                name,
                platforms.names.iter().map(String::as_str),
            ));
        }
    }
    members
}

fn unknown_platform<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match value::nearest(name, known.clone()) {
        Some(near) => format!("there is no platform {name:?}; did you mean {near:?}?"),
        None => format!(
            "there is no platform {name:?}; known here: {}",
            known.collect::<Vec<_>>().join(", ")
        ),
    }
}

fn read_directions<'t>(table: &Table<'t>, members: &[&str]) -> BTreeMap<&'t str, Direction> {
    let Some(table) = table.get("direction").and_then(|field| field.table(&[])) else {
        return BTreeMap::new();
    };
    let mut directions = BTreeMap::new();
    for (name, field) in table.named() {
        let direction = field.parse(|text| {
            one_of(
                text,
                [
                    ("both", Direction::Both),
                    ("from", Direction::From),
                    ("to", Direction::To),
                ],
            )
        });
        directions.extend(direction.map(|direction| (name, direction)));
    }
    table
        .allow(members)
        .finish(|name| Some(not_in_bridge(name, members)));
    directions
}

/// What to say of a name that is no platform of the bridge.
pub(super) fn not_in_bridge(name: &str, members: &[&str]) -> String {
    match value::nearest(name, members.iter().copied()) {
        Some(near) => format!("{name:?} is not a platform of this bridge; did you mean {near:?}?"),
        None => format!(
            "{name:?} is not a platform of this bridge; known here: {}",
            members.join(", ")
        ),
    }
}

fn check_directions(table: &Table<'_>, members: &[MemberConfig]) {
    if members.len() < 2 {
        return;
    }
    if !members.iter().any(|member| member.direction.heard()) {
        table.problem("no platform is read: every direction is \"to\"");
    }
    if !members.iter().any(|member| member.direction.written()) {
        table.problem("no platform is written: every direction is \"from\"");
    }
}

fn read_conflict(table: &Table<'_>, members: &[&str]) -> Option<ConflictPolicy> {
    let field = table.get("conflict");
    let Some(field) = field.filter(|field| matches!(field.value(), DeValue::Table(_))) else {
        return table.parse("conflict", |text| {
            one_of(
                text,
                [
                    ("newest", ConflictPolicy::Newest),
                    ("ask", ConflictPolicy::Ask),
                ],
            )
            .map_err(|message| format!("{message}, or {{ prefer = [\"PLATFORM\", …] }}"))
        });
    };
    let inner = field.table(&[keys::PREFER])?;
    let items = inner
        .need("prefer")
        .and_then(|field| field.list("a list of platform names"));
    inner.finish(|_| None);
    let mut order = Vec::new();
    for item in items? {
        let name = item.text()?;
        if members.contains(&name) {
            order.extend(PlatformName::new(name));
        } else {
            item.problem(not_in_bridge(name, members));
        }
    }
    Some(ConflictPolicy::Prefer(order))
}

fn within(text: &str, shortest: &str, longest: &str) -> Result<SignedDuration, String> {
    let bound = |text| value::duration(text).expect("bounds are valid durations");
    let duration = value::duration(text)?;
    if duration < bound(shortest) || duration > bound(longest) {
        return Err(format!(
            "{text:?} is out of range; expected from {shortest:?} to {longest:?}"
        ));
    }
    SignedDuration::try_from(duration).map_err(|error| error.to_string())
}

fn one_of<T, const N: usize>(text: &str, words: [(&'static str, T); N]) -> Result<T, String> {
    let names = words.each_ref().map(|(word, _)| *word);
    if let Some((_, value)) = words.into_iter().find(|(word, _)| *word == text) {
        return Ok(value);
    }
    let expected = names.map(|word| format!("{word:?}"));
    let hint = value::nearest(text, names)
        .map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
    Err(format!(
        "{text:?} is not known; expected {}{hint}",
        expected.join(" or ")
    ))
}

/// Two bridges that write one resource of one account would undo each other's work without end; so would two names for
/// one account inside a bridge.
fn claim_resources(
    table: &Table<'_>,
    members: &[MemberConfig],
    platforms: &Platforms,
    writers: &mut Writers,
) {
    for member in members.iter().filter(|member| member.direction.written()) {
        let Some(platform) = platforms.get(member.platform.as_str()) else {
            continue;
        };
        let account = platform.account();
        for (_, key) in member.mapping.resources() {
            let this = format!("{} ({})", table.path(), member.platform);
            let resource = (account.clone(), key.as_str().to_owned());
            if let Some(other) = writers.insert(resource, this) {
                table.problem(format!(
                    "resource {key} of platform {} is written by {other} already: it is the same account",
                    member.platform
                ));
            }
        }
    }
}
