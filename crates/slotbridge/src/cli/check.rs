//! `slotbridge check`: looks at everything that a run rests on, with reads only; one line per finding. Offline, at what
//! is on this machine only.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use slotbridge_engine::bridge::Mode;
use slotbridge_platform::platform::{CatalogueEntry, Level};
use slotbridge_platform::{ErrorKind, Platform};
use slotbridge_store::Store;

use super::Global;
use super::output::Output;
use super::report::{Exit, Failure, chain};
use crate::config::problem::located;
use crate::config::secret::exposed;
use crate::config::{BridgeConfig, Config, Mapped, MappedId, PlatformConfig};
use crate::registry::{self, Platforms};
use crate::render::text::{mood_style, styled};
use crate::render::view::Mood;
use crate::render::words::{clean, put};
use crate::render::{Format, json};

/// How many entries of a catalogue stand in a message.
const NEAREST: usize = 5;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    level: Level,
    /// What a problem makes of the exit code.
    exit: Exit,
    /// What was looked at: `config`, `database`, `platform salon: zone`.
    what: String,
    message: String,
}

impl Line {
    fn new(level: Level, exit: Exit, what: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            level,
            exit,
            what: what.into(),
            message: message.into(),
        }
    }
}

/// Looks at everything and shows what it found.
pub(crate) async fn run(
    global: &Global,
    offline: bool,
    show_webhooks: bool,
    output: &Output,
) -> Result<Exit, Failure> {
    let lines = match super::load(global) {
        // What a person sees on the screen is ready to paste; a journal, a pipe or a file gets no token unasked.
        Ok(config) => look(&config, offline, show_webhooks || output.is_screen()).await?,
        Err(Failure::Config(error)) => error
            .lines()
            .map(|line| Line::new(Level::Problem, Exit::Usage, "config", line))
            .collect(),
        Err(other) => return Err(other),
    };
    output.report(&match global.format {
        Format::Text => text(&lines),
        Format::Json => json::to_text(&rows(&lines)),
        Format::Markdown => markdown(&lines),
    })?;
    let problems = lines.iter().filter(|line| line.level == Level::Problem);
    Ok(Exit::first_of(problems.map(|line| line.exit)))
}

async fn look(config: &Config, offline: bool, show_webhooks: bool) -> Result<Vec<Line>, Failure> {
    let mut lines = vec![Line::new(
        Level::Fine,
        Exit::Usage,
        "config",
        format!("{} is complete", config.file.display()),
    )];
    lines.extend(
        exposed(config)
            .into_iter()
            .map(|message| Line::new(Level::Problem, Exit::Usage, "secrets", message)),
    );
    lines.extend(config.bridges.iter().filter_map(of_bridge));
    lines.push(of_notices(config));
    lines.push(of_database(config).await?);
    let parts = super::reconcile::parts(&config.store, Mode::DryRun)?;
    let platforms = match registry::platforms(config, &parts) {
        Ok(platforms) => platforms,
        Err(Failure::Config(error)) => {
            lines.extend(
                error
                    .lines()
                    .map(|line| Line::new(Level::Problem, Exit::Usage, "config", line)),
            );
            return Ok(lines);
        }
        Err(other) => return Err(other),
    };
    if offline {
        lines.push(Line::new(
            Level::Notice,
            Exit::Usage,
            "platforms",
            "none was asked; `slotbridge check` without --offline tries the accounts",
        ));
    } else {
        lines.extend(of_platforms(config, &platforms, show_webhooks).await?);
    }
    Ok(lines)
}

fn of_bridge(bridge: &BridgeConfig) -> Option<Line> {
    let mapped = bridge
        .members
        .iter()
        .filter(|member| member.mapping.resources().next().is_some())
        .count();
    (mapped < 2).then(|| {
        Line::new(
            Level::Notice,
            Exit::Usage,
            format!("bridge {}", bridge.name),
            "no [[bridge.resource]] row joins two platforms, so nothing is kept in step",
        )
    })
}

/// Who is told when something needs a person.
fn of_notices(config: &Config) -> Line {
    let targets: Vec<String> = config
        .notices
        .targets
        .iter()
        .map(|target| format!("{} ({})", target.name, target.shown()))
        .collect();
    let (level, message) = if targets.is_empty() {
        let nobody = "nobody is told of double bookings, conflicts, guards and failures; add a [notices.target.NAME]";
        (Level::Notice, nobody.to_owned())
    } else {
        let told = format!(
            "go to {}; `slotbridge notice test` tries them",
            targets.join(", ")
        );
        (Level::Fine, told)
    };
    Line::new(level, Exit::Usage, "notices", message)
}

/// Whether the database could be used; it is only read.
async fn of_database(config: &Config) -> Result<Line, Failure> {
    let path = config.store.clone();
    let opened = tokio::task::spawn_blocking(move || Store::open_copy(&path).map(drop))
        .await
        .context("reading the database broke off")?;
    let shown = config.store.display();
    Ok(match opened {
        // A pass by hand as another user leaves such a file behind; the daemon would stumble over it.
        Ok(()) if config.store.exists() && !can_be_written(&config.store) => Line::new(
            Level::Problem,
            Exit::Trouble,
            "database",
            format!("{shown} can be read, but not written by this user"),
        ),
        Ok(()) if config.store.exists() => Line::new(
            Level::Fine,
            Exit::Trouble,
            "database",
            format!("{shown} can be read"),
        ),
        Ok(()) => Line::new(
            Level::Notice,
            Exit::Trouble,
            "database",
            format!("{shown} is not there yet; the first run makes it"),
        ),
        Err(error) => Line::new(Level::Problem, Exit::Trouble, "database", chain(&error)),
    })
}

/// Whether this process may write a file. It is opened for it, and left as it is.
fn can_be_written(path: &std::path::Path) -> bool {
    std::fs::OpenOptions::new().append(true).open(path).is_ok()
}

/// Asks every platform, side by side.
async fn of_platforms(
    config: &Config,
    platforms: &Platforms,
    show_webhooks: bool,
) -> Result<Vec<Line>, Failure> {
    let mut tasks = Vec::new();
    for account in &config.platforms {
        let Some(platform) = platforms.get(&account.name) else {
            let what = format!("platform {}", account.name);
            let unused = "no bridge names it";
            tasks.push(tokio::spawn(std::future::ready(vec![Line::new(
                Level::Notice,
                Exit::Usage,
                what,
                unused,
            )])));
            continue;
        };
        let ids = mapped_ids(config, account);
        let webhook = of_webhook(config, account, show_webhooks);
        let (platform, file) = (Arc::clone(&platform.platform), config.file.clone());
        tasks.push(tokio::spawn(async move {
            let mut lines = of_platform(platform.as_ref()).await;
            lines.extend(of_catalogue(platform.as_ref(), &ids, &file).await);
            lines.push(webhook);
            lines
        }));
    }
    let mut lines = Vec::new();
    for task in tasks {
        lines.extend(task.await.context("asking a platform broke off")?);
    }
    Ok(lines)
}

/// The ids of an account in all bridges, each once.
fn mapped_ids(config: &Config, account: &PlatformConfig) -> Vec<MappedId> {
    let mut ids: BTreeMap<(Mapped, String), MappedId> = BTreeMap::new();
    let members = config.bridges.iter().flat_map(|bridge| &bridge.members);
    for member in members.filter(|member| member.platform == account.name) {
        for id in &member.ids {
            ids.entry((id.what, id.id.clone()))
                .or_insert_with(|| id.clone());
        }
    }
    ids.into_values().collect()
}

async fn of_platform(platform: &dyn Platform) -> Vec<Line> {
    let name = platform.name();
    match platform.check().await {
        Ok(findings) => findings
            .into_iter()
            .map(|finding| {
                Line::new(
                    finding.level,
                    Exit::Trouble,
                    format!("platform {name}: {}", finding.what),
                    clean(&finding.message),
                )
            })
            .collect(),
        Err(error) => vec![Line::new(
            Level::Problem,
            Exit::Trouble,
            format!("platform {name}: reachability"),
            clean(&error.to_string()),
        )],
    }
}

/// Whether the mapped ids are there.
async fn of_catalogue(
    platform: &dyn Platform,
    ids: &[MappedId],
    file: &std::path::Path,
) -> Vec<Line> {
    let what = format!("platform {}: mapping", platform.name());
    let catalogue = match platform.catalogue().await {
        Ok(catalogue) => catalogue,
        Err(error) if error.kind == ErrorKind::Unsupported => {
            return vec![Line::new(
                Level::Notice,
                Exit::Trouble,
                what,
                "the platform lists no resources and services; compare the ids with its own pages",
            )];
        }
        Err(error) => {
            let message = format!(
                "the ids could not be compared: {}",
                clean(&error.to_string())
            );
            return vec![Line::new(Level::Problem, Exit::Trouble, what, message)];
        }
    };
    let mut lines = Vec::new();
    for id in ids {
        let entries = match id.what {
            Mapped::Resource => &catalogue.resources,
            Mapped::Service => &catalogue.services,
        };
        lines.extend(
            of_id(id, entries, file)
                .map(|(level, message)| Line::new(level, Exit::Usage, &*what, message)),
        );
    }
    if lines.is_empty() {
        let message = format!("all {} mapped ids are there", ids.len());
        lines.push(Line::new(Level::Fine, Exit::Usage, what, message));
    }
    lines
}

/// What is wrong with one id, if anything.
fn of_id(
    id: &MappedId,
    entries: &[CatalogueEntry],
    file: &std::path::Path,
) -> Option<(Level, String)> {
    let (kind, place) = (id.what.as_str(), Some(id.place));
    match entries.iter().find(|entry| entry.key == id.id) {
        Some(entry) if entry.active => None,
        Some(entry) => {
            let message = format!(
                "{kind} {} ({}) cannot be booked there now",
                id.id,
                clean(&entry.title)
            );
            Some((Level::Notice, located(file, place, &id.key, &message)))
        }
        None => {
            let mut near: Vec<&CatalogueEntry> =
                entries.iter().filter(|entry| entry.active).collect();
            near.sort_by_key(|entry| strsim::damerau_levenshtein(&entry.key, &id.id));
            let near: Vec<String> = near
                .into_iter()
                .take(NEAREST)
                .map(|entry| format!("{} ({})", entry.key, clean(&entry.title)))
                .collect();
            let near = if near.is_empty() {
                "none".to_owned()
            } else {
                near.join(", ")
            };
            let message = format!("there is no {kind} {}; nearest: {near}", id.id);
            Some((Level::Problem, located(file, place, &id.key, &message)))
        }
    }
}

/// Where the platform is to send its webhooks. The token is a secret and stays out of the report unless it is asked for.
fn of_webhook(config: &Config, account: &PlatformConfig, show: bool) -> Line {
    let name = &account.name;
    let public_url = config
        .http
        .as_ref()
        .and_then(|http| http.public_url.as_deref());
    let message = match (public_url, &account.webhook_token) {
        (Some(url), Some(token)) => {
            let place = account.kind.webhook_place;
            let (token, more) = if show {
                (token.expose_secret(), "")
            } else {
                (
                    "TOKEN",
                    "; `slotbridge check --show-webhooks` puts the token in",
                )
            };
            format!("paste {url}/webhooks/{name}/{token} in {place}{more}")
        }
        (None, Some(_)) => {
            "no [http] public_url is set, so the platform cannot reach slotbridge".to_owned()
        }
        (_, None) => "no webhook_token is set; changes are found by polling only".to_owned(),
    };
    Line::new(
        Level::Notice,
        Exit::Usage,
        format!("platform {name}: webhook address"),
        message,
    )
}

fn mark(level: Level) -> (&'static str, Mood) {
    match level {
        Level::Fine => ("ok", Mood::Good),
        Level::Notice => ("note", Mood::Open),
        Level::Problem => ("problem", Mood::Bad),
    }
}

fn text(lines: &[Line]) -> String {
    let mut out = String::new();
    for line in lines {
        let (word, mood) = mark(line.level);
        let mark = styled(mood_style(mood), &format!("{word:<7}"));
        put!(&mut out, "{mark}  {}: {}\n", line.what, line.message);
    }
    out
}

fn markdown(lines: &[Line]) -> String {
    let mut out = String::new();
    for line in lines {
        let (word, _) = mark(line.level);
        put!(&mut out, "- **{word}** {}: {}\n", line.what, line.message);
    }
    out
}

#[derive(Debug, Serialize)]
struct CheckRow {
    schema: u32,
    findings: Vec<FindingRow>,
}

#[derive(Debug, Serialize)]
struct FindingRow {
    level: &'static str,
    what: String,
    message: String,
}

fn rows(lines: &[Line]) -> CheckRow {
    let findings = lines.iter().map(|line| FindingRow {
        level: mark(line.level).0,
        what: line.what.clone(),
        message: line.message.clone(),
    });
    CheckRow {
        schema: 1,
        findings: findings.collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::tests::{SMALL, surroundings};

    fn message(show: bool, http: &str) -> String {
        let text = SMALL.replace(
            "branch_id = 1013",
            "branch_id = 1013\nwebhook_token = \"planted-hook\"",
        );
        let surroundings = surroundings(&[("SALON_USER", "planted-user")]);
        let config = Config::parse(Path::new("test.toml"), &(text + http), &surroundings).unwrap();
        let site = config.platform("site").unwrap();
        of_webhook(&config, site, show).message
    }

    const HTTP: &str = "\n[http]\npublic_url = \"https://sync.example.com\"\n";

    #[test]
    fn the_webhook_address_is_ready_to_paste_and_its_token_is_shown_only_when_asked_for() {
        let hidden = message(false, HTTP);
        assert!(
            hidden.contains("https://sync.example.com/webhooks/site/TOKEN in Settings, step 5"),
            "{hidden}"
        );
        assert!(!hidden.contains("planted-hook"), "{hidden}");
        let shown = message(true, HTTP);
        assert!(
            shown.contains(
                "paste https://sync.example.com/webhooks/site/planted-hook in Settings, step 5"
            ),
            "{shown}"
        );
        assert!(message(true, "").contains("public_url"));
    }

    #[test]
    fn whether_a_file_can_be_written_is_tried_without_changing_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("database");
        std::fs::write(&file, "as it was").unwrap();
        assert!(can_be_written(&file));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "as it was");
        // Permissions would stop only those who are not root; these stop everybody.
        assert!(!can_be_written(folder.path()));
        let gone = folder.path().join("gone");
        assert!(!can_be_written(&gone));
        assert!(!gone.exists());
    }
}
