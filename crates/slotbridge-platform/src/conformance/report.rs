//! What came of a suite.

use std::fmt;

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The adapter did what was expected.
    Passed,
    /// It did not.
    Failed(String),
    /// The case needs something that this server or platform does not have.
    Skipped(String),
    /// It failed, as the profile says it would.
    Deviates {
        /// What failed.
        why: String,
        /// What the profile says.
        reason: String,
    },
    /// The profile says that it fails, but it passed or was skipped: the profile is out of date.
    Recovered {
        /// What the profile says.
        reason: String,
    },
}

/// One case and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseResult {
    /// The case's name, a sentence.
    pub name: &'static str,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The subject's name.
    pub subject: String,
    /// Every case, in the order of the suite.
    pub cases: Vec<CaseResult>,
    /// Entries of the profile that name no case.
    pub unknown_deviations: Vec<String>,
}

impl Report {
    /// Whether at least one case ran, none failed, and the profile is up to date.
    pub fn is_good(&self) -> bool {
        let is_bad = |case: &CaseResult| {
            matches!(case.outcome, Outcome::Failed(_) | Outcome::Recovered { .. })
        };
        self.ran() > 0 && self.unknown_deviations.is_empty() && !self.cases.iter().any(is_bad)
    }

    /// How many cases ran, whatever came of them.
    pub fn ran(&self) -> usize {
        self.cases
            .iter()
            .filter(|case| !matches!(case.outcome, Outcome::Skipped(_)))
            .count()
    }

    /// What came of a case.
    pub fn outcome(&self, name: &str) -> Option<&Outcome> {
        self.cases
            .iter()
            .find(|case| case.name == name)
            .map(|case| &case.outcome)
    }

    /// The names of the cases that failed although they should not have.
    pub fn failed(&self) -> Vec<&'static str> {
        self.cases
            .iter()
            .filter(|case| matches!(case.outcome, Outcome::Failed(_)))
            .map(|case| case.name)
            .collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for CaseResult { name, outcome } in &self.cases {
            match outcome {
                Outcome::Passed => writeln!(f, "ok       {name}")?,
                Outcome::Failed(why) => writeln!(f, "FAILED   {name}: {why}")?,
                Outcome::Skipped(why) => writeln!(f, "skipped  {name}: {why}")?,
                Outcome::Deviates { why, reason } => {
                    writeln!(f, "deviates {name}: {why} (known: {reason})")?;
                }
                Outcome::Recovered { reason } => writeln!(
                    f,
                    "STALE    {name}: does not fail any more (profile: {reason})"
                )?,
            }
        }
        for name in &self.unknown_deviations {
            writeln!(f, "STALE    the profile names {name}, which is no case")?;
        }
        let skipped = self.cases.len() - self.ran();
        write!(
            f,
            "{}: {} cases ran, {skipped} skipped, {} failed",
            self.subject,
            self.ran(),
            self.failed().len()
        )?;
        if self.ran() == 0 {
            write!(f, "; nothing was shown")?;
        }
        Ok(())
    }
}
