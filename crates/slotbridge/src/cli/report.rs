//! The only place that turns what happened into words, hints and an exit code.

use std::fmt;
use std::path::Path;

use slotbridge_engine::EngineError;
use slotbridge_engine::report::Report;
use slotbridge_store::StoreError;

use crate::config::problem::ConfigError;

/// What the process exits with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// In step, or everything was applied.
    InStep,
    /// Some operation failed or was refused, or a platform or the database could not be used.
    Trouble,
    /// Wrong usage or config.
    Usage,
    /// A guard stopped it.
    Guard,
    /// Something waits for a person.
    Person,
    /// A dry run found changes.
    Pending,
}

impl Exit {
    /// The number that the shell gets.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::InStep => 0,
            Self::Trouble => 1,
            Self::Usage => 2,
            Self::Guard => 3,
            Self::Person => 4,
            Self::Pending => 5,
        }
    }

    /// The one that counts when several hold: the first of 2, 3, 1, 4, 5.
    pub(crate) fn first_of(exits: impl IntoIterator<Item = Self>) -> Self {
        const ORDER: [Exit; 5] = [
            Exit::Usage,
            Exit::Guard,
            Exit::Trouble,
            Exit::Person,
            Exit::Pending,
        ];
        let exits: Vec<Self> = exits.into_iter().collect();
        ORDER
            .into_iter()
            .find(|exit| exits.contains(exit))
            .unwrap_or(Self::InStep)
    }

    /// What a report comes to: the engine's own verdict, which it also stores with the run.
    pub(crate) fn of(report: &Report) -> Self {
        match report.exit_code() {
            0 => Self::InStep,
            3 => Self::Guard,
            4 => Self::Person,
            5 => Self::Pending,
            _ => Self::Trouble,
        }
    }
}

/// Why a command ended without doing its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line makes no sense.
    Usage(clap::Error),
    /// The config is wrong.
    Config(ConfigError),
    /// The database cannot be used.
    Store(StoreError),
    /// The machine does not play along: no runtime, no standard output, no log of calls.
    Machine(anyhow::Error),
    /// Something else that the user can do something about.
    Plain {
        /// What happened.
        message: String,
        /// The way out.
        hint: Option<String>,
        /// What the process exits with.
        exit: Exit,
    },
}

impl Failure {
    /// The report could not be written where it was asked for.
    pub(crate) fn output(path: &Path, error: &std::io::Error) -> Self {
        Self::Plain {
            message: format!("cannot write the report to {}: {error}", path.display()),
            hint: Some("the work of this run is done; only its report is missing".to_owned()),
            exit: Exit::Trouble,
        }
    }

    /// What the process exits with.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Config(_) => Exit::Usage,
            Self::Store(_) | Self::Machine(_) => Exit::Trouble,
            Self::Plain { exit, .. } => *exit,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(error) => write!(f, "{error}"),
            Self::Config(error) => write!(f, "{error}"),
            Self::Store(error) => f.write_str(&chain(error)),
            Self::Machine(error) => write!(f, "{error:#}"),
            Self::Plain { message, hint, .. } => {
                f.write_str(message)?;
                match hint {
                    Some(hint) => write!(f, "\n  hint: {hint}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Machine(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Store(error) => Self::Store(error),
            broken @ EngineError::Broken => Self::Machine(broken.into()),
        }
    }
}

/// An error with what is underneath, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
