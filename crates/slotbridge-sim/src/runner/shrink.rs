//! The shortest beginning of a life that still breaks the same promise.

use super::{Outcome, Settings, live};

/// Lives ever longer beginnings of a seed's life until one breaks a promise; gives its length and what it broke.
///
/// # Errors
/// When a life could not be set up.
pub fn shortest(
    seed: u64,
    settings: &Settings,
    steps: usize,
) -> anyhow::Result<Option<(usize, Outcome)>> {
    for prefix in 0..=steps {
        let settings = Settings {
            prefix: Some(prefix),
            keep: None,
            ..settings.clone()
        };
        let outcome = live(seed, &settings)?;
        if !outcome.violations.is_empty() {
            return Ok(Some((prefix, outcome)));
        }
    }
    Ok(None)
}
