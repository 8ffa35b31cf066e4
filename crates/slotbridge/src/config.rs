//! The config file: what it may hold, how it is read, and what it becomes.
//!
//! Reading resolves everything: zones are zones, secrets are in memory, names are checked against each other. A file
//! with a problem gives no config at all, but all of its problems at once.
//! This is the only place that reads the environment.

mod bridge;
mod guard;
pub(crate) mod keys;
mod mapping;
mod notices;
mod platform;
pub(crate) mod problem;
mod schedule;
pub(crate) mod secret;
pub(crate) mod table;
pub(crate) mod value;

#[cfg(test)]
mod docs;
#[cfg(test)]
mod example;
#[cfg(test)]
pub(crate) mod tests;

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use slotbridge_core::guard::Limits;
use toml::de::DeTable;

pub(crate) use bridge::BridgeConfig;
pub(crate) use mapping::{Mapped, MappedId};
pub(crate) use notices::NoticesConfig;
pub(crate) use platform::PlatformConfig;
use problem::{ConfigError, Log, Problem};
pub(crate) use schedule::ScheduleConfig;
use secret::{Origin, Secrets, Surroundings};
use table::Table;

/// Where the config is looked for when nobody says otherwise.
pub(crate) const DEFAULT_PATH: &str = "/etc/slotbridge/config.toml";

/// The longest config file; thousands of mappings fit.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A config without a problem.
#[derive(Debug)]
pub(crate) struct Config {
    /// The file it came from.
    pub(crate) file: PathBuf,
    /// The database.
    pub(crate) store: PathBuf,
    /// Where webhooks arrive; `None` when the file has no `[http]`.
    pub(crate) http: Option<Http>,
    /// Who is told what.
    pub(crate) notices: NoticesConfig,
    /// What is done at which hour.
    pub(crate) schedule: ScheduleConfig,
    /// The accounts, in the order of the file.
    pub(crate) platforms: Vec<PlatformConfig>,
    /// What is kept in step, in the order of the file.
    pub(crate) bridges: Vec<BridgeConfig>,
    /// Where the secrets came from.
    pub(crate) secrets: Vec<Origin>,
}

/// `[http]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Http {
    /// Where webhooks are listened for.
    pub(crate) listen: SocketAddr,
    /// The address under which the platforms reach it.
    pub(crate) public_url: Option<String>,
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = read_text(file).map_err(|error| {
            let hint = if error.kind() == std::io::ErrorKind::NotFound {
                "; name another file with --config or $SLOTBRIDGE_CONFIG, or start from config.example.toml"
            } else {
                ""
            };
            ConfigError::of_file(file, format!("cannot read the config: {error}{hint}"))
        })?;
        Self::parse(file, &text, &Surroundings::of_process(file))
    }

    /// Reads a text as if it stood in `file`.
    pub(crate) fn parse(
        file: &Path,
        text: &str,
        surroundings: &Surroundings,
    ) -> Result<Self, ConfigError> {
        let (document, mistakes) = DeTable::parse_recoverable(text);
        let log = Log::new(text);
        // The parser's own message only: its display quotes the line, and a secret may stand there.
        for mistake in &mistakes {
            log.add(&mistake.span().unwrap_or(0..0), "", mistake.message());
        }
        let secrets = Secrets::new(file, surroundings);
        let config = if mistakes.is_empty() {
            read(file, document.get_ref(), &secrets, &log)
        } else {
            None
        };
        let origins = secrets.into_origins();
        match config {
            Some(config) if log.is_clean() => Ok(Self {
                secrets: origins,
                ..config
            }),
            _ => Err(ConfigError {
                file: file.to_owned(),
                problems: problems(log),
            }),
        }
    }

    /// The platform of this name; bridges only name platforms that are there.
    pub(crate) fn platform(&self, name: &str) -> Option<&PlatformConfig> {
        self.platforms
            .iter()
            .find(|platform| platform.name.as_str() == name)
    }
}

/// Reads a config file as far as one can be long, whatever it says of its size.
fn read_text(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(file)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|size| size > FILE_BYTES_MAX) {
        return Err(std::io::Error::other(format!(
            "it is longer than {FILE_BYTES_MAX} bytes"
        )));
    }
    Ok(text)
}

fn problems(log: Log<'_>) -> Vec<Problem> {
    let problems = log.into_problems();
    debug_assert!(!problems.is_empty(), "no config and no problem");
    problems
}

fn read<'t>(
    file: &Path,
    document: &'t DeTable<'t>,
    secrets: &Secrets<'_>,
    log: &'t Log<'t>,
) -> Option<Config> {
    let root = Table::root(document, &[keys::ROOT], log);
    let store = root.need("store").and_then(|field| {
        let table = field.table(&[keys::STORE])?;
        let path = table.parse("path", |text| {
            if text.is_empty() || text.ends_with('/') {
                return Err(format!("{text:?} is not the path of a file"));
            }
            Ok(secrets.path(text))
        });
        let keep_clients = table.parse("keep_clients", schedule::keep_clients);
        table.finish(|_| None);
        Some((path?, keep_clients?))
    });
    let http = root.get("http").and_then(|field| {
        let table = field.table(&[keys::HTTP])?;
        let listen = table.parse("listen", value::listen);
        let public_url = table.parse("public_url", value::public_url);
        table.finish(|_| None);
        Some(Http {
            listen: listen?,
            public_url,
        })
    });
    let notices = notices::read(root.get("notices"), secrets);
    let schedule = schedule::read(root.get("schedule"));
    let limits = guard::read(root.get("guard"), &Limits::default());
    let platforms = platform::read_all(&root, secrets);
    let bridges = bridge::read_all(&root, &platforms, &limits);
    root.finish(|_| None);
    let (store, keep_clients) = store?;
    Some(Config {
        file: file.to_owned(),
        store,
        http,
        notices: notices?,
        schedule: ScheduleConfig {
            keep_clients,
            ..schedule?
        },
        platforms: platforms.read,
        bridges,
        secrets: Vec::new(),
    })
}
