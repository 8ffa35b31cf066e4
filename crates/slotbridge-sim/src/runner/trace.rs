//! The trace of a life: a hash that tells whether two lives were the same, and the counts for the report.

use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::Hasher as _;
use std::sync::{Arc, Mutex};

use crate::locked;

/// A trace; clones write to the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    hasher: DefaultHasher,
    lines: Option<Vec<String>>,
}

impl Trace {
    /// A trace that keeps its lines to be shown.
    pub(crate) fn kept() -> Self {
        Self(Arc::new(Mutex::new(Inner {
            hasher: DefaultHasher::new(),
            lines: Some(Vec::new()),
        })))
    }

    /// Adds a line.
    pub(crate) fn add(&self, line: fmt::Arguments<'_>) {
        let line = line.to_string();
        let mut inner = locked(&self.0);
        inner.hasher.write(line.as_bytes());
        if let Some(lines) = &mut inner.lines {
            lines.push(line);
        }
    }

    /// The hash of all lines so far.
    pub(crate) fn hash(&self) -> u64 {
        locked(&self.0).hasher.finish()
    }

    /// The lines, if they were kept.
    pub(crate) fn lines(&self) -> Vec<String> {
        locked(&self.0).lines.clone().unwrap_or_default()
    }
}
