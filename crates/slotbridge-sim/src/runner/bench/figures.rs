//! Tables of figures, for people and as JSON.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

/// A table: what was measured, and what the numbers are.
#[derive(Debug, Clone)]
pub struct Figures {
    /// What was measured.
    pub title: String,
    /// What each row's numbers are.
    pub columns: Vec<&'static str>,
    /// The rows: what each is about, and its numbers.
    pub rows: Vec<(String, Vec<f64>)>,
    /// What else has to be known.
    pub notes: Vec<String>,
}

impl Figures {
    pub(super) fn new(title: impl Into<String>, columns: &[&'static str]) -> Self {
        Self {
            title: title.into(),
            columns: columns.to_vec(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn row(&mut self, what: impl Into<String>, numbers: impl Into<Vec<f64>>) {
        self.rows.push((what.into(), numbers.into()));
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// As one object.
    pub fn json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|(what, numbers)| {
                let mut row = serde_json::Map::new();
                row.insert("what".to_owned(), json!(what));
                for (column, number) in self.columns.iter().zip(numbers) {
                    row.insert((*column).to_owned(), json!(number));
                }
                Value::Object(row)
            })
            .collect();
        json!({"title": self.title, "rows": rows, "notes": self.notes})
    }

    /// As lines of text.
    pub fn text(&self) -> String {
        let first = self.rows.iter().map(|(what, _)| what.chars().count());
        let first = first.max().unwrap_or(0).max(12);
        let width = |column: &str| column.chars().count().max(8) + 2;
        let head = self.columns.iter();
        let head = head.map(|column| format!("{column:>width$}", width = width(column)));
        let mut lines = vec![
            self.title.clone(),
            format!("{:first$}{}", "", head.collect::<String>()),
        ];
        for (what, numbers) in &self.rows {
            let cells = self.columns.iter().zip(numbers).map(|(column, number)| {
                let digits = if number.fract() == 0.0 { 0 } else { 3 };
                format!("{number:>width$.digits$}", width = width(column))
            });
            lines.push(format!("{what:first$}{}", cells.collect::<String>()));
        }
        lines.extend(self.notes.iter().cloned());
        lines.push(String::new());
        lines.join("\n")
    }
}

/// One number as a multiple of another; nothing is a right multiple of nothing.
#[expect(clippy::float_arithmetic, reason = "a ratio is only shown")]
pub(super) fn ratio(of: f64, to: f64) -> f64 {
    if of <= 0.0 && to <= 0.0 { 1.0 } else { of / to }
}

/// A count as one of a table's numbers.
pub(super) fn count(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Durations of one kind.
#[derive(Debug, Default)]
pub(super) struct Samples(pub(super) Vec<Duration>);

impl Samples {
    pub(super) fn quantile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(at).copied().unwrap_or_default().as_secs_f64()
    }

    pub(super) fn mean(&self) -> f64 {
        let count = u32::try_from(self.0.len()).unwrap_or(u32::MAX).max(1);
        (self.0.iter().sum::<Duration>() / count).as_secs_f64()
    }

    /// The middle one, the one that 99 of 100 are not above, and the longest.
    pub(super) fn spread(&self) -> [f64; 3] {
        [50, 99, 100].map(|percent| self.quantile(percent))
    }
}

/// Looks of one kind at one platform.
#[derive(Debug, Clone, Default)]
pub(super) struct Looks {
    pub(super) count: u64,
    pub(super) calls: u64,
    last: Option<Instant>,
    /// From the first to the last, in seconds.
    whole: f64,
    /// The sum of the squares of the times between two of them.
    squares: f64,
}

#[expect(
    clippy::float_arithmetic,
    reason = "figures of a bench, which only people read"
)]
impl Looks {
    /// One is over.
    pub(super) fn add(&mut self, calls: u64) {
        self.count += 1;
        self.calls += calls;
        let now = Instant::now();
        if let Some(last) = self.last.replace(now) {
            let apart = now.duration_since(last).as_secs_f64();
            self.whole += apart;
            self.squares += apart * apart;
        }
    }

    /// How long a change waits for the next look, if it comes at any time: in seconds, on average.
    pub(super) fn mean_wait(&self) -> f64 {
        ratio(self.squares / 2.0, self.whole)
    }
}
