//! Watches that no marker ever stands on two live records of one platform.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

/// A moment at which two live records carried one marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// The platform's wall clock.
    pub at: Timestamp,
    /// The marker.
    pub marker: String,
    /// The live records that carried it.
    pub ids: Vec<u64>,
}

/// Finds a marker in a text that a person could also have written in.
#[derive(Clone)]
pub struct MarkerFormat(Arc<Finder>);

type Finder = dyn Fn(&str) -> Option<String> + Send + Sync;

impl MarkerFormat {
    /// Finds markers with a function of the tester's own.
    pub fn new(find: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(find))
    }

    pub(crate) fn find(&self, text: &str) -> Option<String> {
        (self.0)(text)
    }
}

impl Default for MarkerFormat {
    /// Finds `sb:` and the letters a to z, digits and hyphens that follow it; the marker is what follows.
    fn default() -> Self {
        Self::new(|text| {
            text.split("sb:").skip(1).find_map(|rest| {
                let token: String = rest
                    .chars()
                    .take_while(|c| matches!(c, '0'..='9' | 'a'..='z' | '-'))
                    .collect();
                (!token.is_empty()).then_some(token)
            })
        })
    }
}

impl fmt::Debug for MarkerFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MarkerFormat")
    }
}

/// The markers of the live records, and the times when one stood twice.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    of: BTreeMap<u64, String>,
    on: BTreeMap<String, BTreeSet<u64>>,
    found: Vec<Duplicate>,
}

impl Watch {
    /// Notes which marker a record carries now, if it is live; `by_api` also judges it.
    pub(crate) fn note(&mut self, id: u64, marker: Option<String>, at: Timestamp, by_api: bool) {
        if let Some(old) = self.of.remove(&id)
            && let Some(ids) = self.on.get_mut(&old)
        {
            ids.remove(&id);
        }
        let Some(marker) = marker else { return };
        let ids = self.on.entry(marker.clone()).or_default();
        ids.insert(id);
        let ids: Vec<u64> = ids.iter().copied().collect();
        self.of.insert(id, marker.clone());
        let known = self
            .found
            .iter()
            .any(|duplicate| duplicate.marker == marker && duplicate.ids == ids);
        if by_api && ids.len() > 1 && !known {
            self.found.push(Duplicate { at, marker, ids });
        }
    }

    pub(crate) fn found(&self) -> &[Duplicate] {
        &self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_found_wherever_it_stands_in_a_comment() {
        let format = MarkerFormat::default();
        for (text, marker) in [
            ("позвонить\nsb:018f-ab", Some("018f-ab")),
            ("[sb:018f] позже", Some("018f")),
            ("sb: 018f", None),
            ("sb:?sb:7", Some("7")),
            ("018f", None),
        ] {
            assert_eq!(format.find(text).as_deref(), marker, "{text}");
        }
    }

    #[test]
    fn a_marker_is_a_duplicate_only_while_two_records_live() {
        let mut watch = Watch::default();
        let at = Timestamp::UNIX_EPOCH;
        let marker = || Some("018f".to_owned());
        watch.note(1, marker(), at, true);
        watch.note(1, marker(), at, true);
        watch.note(1, None, at, true);
        watch.note(2, marker(), at, true);
        assert_eq!(watch.found(), []);
        watch.note(3, marker(), at, false);
        assert_eq!(watch.found(), [], "a person may copy a comment");
        watch.note(4, marker(), at, true);
        watch.note(2, None, at, true);
        assert_eq!(watch.found().len(), 1);
        assert_eq!(watch.found()[0].ids, [2, 3, 4]);
    }
}
