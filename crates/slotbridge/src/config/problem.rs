//! What is wrong with a config file: one message per problem, with its key, file, line and column.
//!
//! A message may name keys, environment variables and files. It never holds the value of a secret, and source lines are
//! not quoted, because a secret may stand on them.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A line and a column, both counted from 1; columns are characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    /// The place of a byte offset in a text.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
        Self { line, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where in the file, unless it is the file as a whole.
    pub(crate) place: Option<Place>,
    /// The path of the key, such as `platform.salon.company_id`; empty when none is to blame.
    pub(crate) key: String,
    /// What is wrong and what was expected.
    pub(crate) message: String,
}

/// Everything that is wrong with one config file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigError {
    /// The file.
    pub(crate) file: PathBuf,
    /// At least one problem, in the order of the file.
    pub(crate) problems: Vec<Problem>,
}

impl ConfigError {
    /// A problem of the file as a whole.
    pub(crate) fn of_file(file: &Path, message: String) -> Self {
        Self {
            file: file.to_owned(),
            problems: vec![Problem {
                place: None,
                key: String::new(),
                message,
            }],
        }
    }

    /// One line per problem.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        self.problems
            .iter()
            .map(|problem| located(&self.file, problem.place, &problem.key, &problem.message))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, line) in self.lines().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&line)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// `file:line:column: key: message`, without the parts that are not known.
pub(crate) fn located(file: &Path, place: Option<Place>, key: &str, message: &str) -> String {
    let mut line = file.display().to_string();
    if let Some(place) = place {
        line.push(':');
        line.push_str(&place.to_string());
    }
    line.push_str(": ");
    if !key.is_empty() {
        line.push_str(key);
        line.push_str(": ");
    }
    line.push_str(message);
    line
}

/// Collects problems while a file is read, so that one look tells all of them.
#[derive(Debug)]
pub(crate) struct Log<'t> {
    text: &'t str,
    problems: std::cell::RefCell<Vec<Problem>>,
}

impl<'t> Log<'t> {
    /// Starts without a problem.
    pub(crate) fn new(text: &'t str) -> Self {
        Self {
            text,
            problems: std::cell::RefCell::default(),
        }
    }

    /// The place of a span's first character.
    pub(crate) fn place(&self, span: &Range<usize>) -> Place {
        Place::of(self.text, span.start)
    }

    /// Notes a problem.
    pub(crate) fn add(&self, span: &Range<usize>, key: &str, message: impl Into<String>) {
        let problem = Problem {
            place: Some(self.place(span)),
            key: key.to_owned(),
            message: message.into(),
        };
        let mut problems = self.problems.borrow_mut();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    /// Whether nothing was wrong so far.
    pub(crate) fn is_clean(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// The problems in the order of the file.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.place);
        problems
    }
}
