//! Log lines on standard error, for people, for the journal or as JSON, without tearing a progress bar.

use std::io::{self, Write};

use tracing::Metadata;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::output::Output;
use super::progress::Bars;
use super::{Global, LogFormat};
use crate::render::words::put;

/// What is logged when nobody asks for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usual {
    /// What went wrong; for commands, which show their result in a report.
    Warnings,
    /// What was done as well; for the daemon, which has only its log.
    Steps,
}

/// Starts logging. Only our own crates speak: what a library logs at a low level could hold a request.
pub(crate) fn start(global: &Global, usual: Usual, output: &Output) {
    let ours = ["slotbridge", "adapter_"];
    let level = level(usual, global.verbose);
    let filter = Targets::new()
        .with_default(LevelFilter::ERROR)
        .with_targets(ours.map(|target| (target, level)));
    let to_journal = output.is_journal() && global.log_format == LogFormat::Text;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(AroundBars {
            bars: output.bars().clone(),
            to_journal,
        })
        .with_ansi(output.colours_on_stderr());
    let registry = tracing_subscriber::registry().with(filter);
    // Fails only when logging was started before, by a test in the same process.
    let started = match global.log_format {
        LogFormat::Json => registry.with(lines.json()).try_init(),
        LogFormat::Text if to_journal => {
            // The journal knows when a line came, and shows its priority as a colour.
            let lines = lines.without_time().with_ansi(false).with_target(false);
            registry.with(lines).try_init()
        }
        LogFormat::Text => registry.with(lines.with_target(false)).try_init(),
    };
    drop(started);
}

fn level(usual: Usual, verbose: u8) -> LevelFilter {
    let levels = [
        LevelFilter::WARN,
        LevelFilter::INFO,
        LevelFilter::DEBUG,
        LevelFilter::TRACE,
    ];
    let first = match usual {
        Usual::Warnings => 0,
        Usual::Steps => 1,
    };
    let asked = usize::from(verbose) + first;
    levels.get(asked).copied().unwrap_or(LevelFilter::TRACE)
}

/// How syslog numbers what is serious; the journal reads it in front of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    Error = 3,
    Warning = 4,
    Info = 6,
    Debug = 7,
}

impl Priority {
    fn of(level: tracing::Level) -> Self {
        match level {
            tracing::Level::ERROR => Self::Error,
            tracing::Level::WARN => Self::Warning,
            tracing::Level::INFO => Self::Info,
            tracing::Level::DEBUG | tracing::Level::TRACE => Self::Debug,
        }
    }

    /// Puts the number in front of every line: each becomes an entry of its own.
    pub(crate) fn before_lines(self, text: &str) -> String {
        let mut lines = String::new();
        for line in text.lines() {
            put!(&mut lines, "<{}>{line}\n", self as u8);
        }
        lines
    }
}

#[derive(Debug, Clone)]
struct AroundBars {
    bars: Bars,
    to_journal: bool,
}

impl AroundBars {
    fn line(&self, priority: Priority) -> Line {
        Line {
            bars: self.bars.clone(),
            priority: self.to_journal.then_some(priority),
            text: Vec::new(),
        }
    }
}

impl<'a> MakeWriter<'a> for AroundBars {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        self.line(Priority::Info)
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Line {
        self.line(Priority::of(*event.level()))
    }
}

/// One log line, which is written when it is complete.
#[derive(Debug)]
struct Line {
    bars: Bars,
    priority: Option<Priority>,
    text: Vec<u8>,
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut text = std::mem::take(&mut self.text);
        if let Some(priority) = self.priority {
            text = priority
                .before_lines(&String::from_utf8_lossy(&text))
                .into_bytes();
        }
        self.bars.suspend(|| io::stderr().write_all(&text))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // Without standard error nobody can be told.
        if self.flush().is_err() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_v_asks_for_one_level_more_than_usual() {
        for (usual, verbose, expected) in [
            (Usual::Warnings, 0, LevelFilter::WARN),
            (Usual::Warnings, 1, LevelFilter::INFO),
            (Usual::Warnings, 2, LevelFilter::DEBUG),
            (Usual::Warnings, 3, LevelFilter::TRACE),
            (Usual::Warnings, 255, LevelFilter::TRACE),
            (Usual::Steps, 0, LevelFilter::INFO),
            (Usual::Steps, 1, LevelFilter::DEBUG),
            (Usual::Steps, 2, LevelFilter::TRACE),
            (Usual::Steps, 255, LevelFilter::TRACE),
        ] {
            assert_eq!(level(usual, verbose), expected, "{usual:?} {verbose}");
        }
    }

    #[test]
    fn the_journal_gets_the_priority_of_every_line_as_syslog_numbers_it() {
        for (level, number) in [
            (tracing::Level::ERROR, 3),
            (tracing::Level::WARN, 4),
            (tracing::Level::INFO, 6),
            (tracing::Level::DEBUG, 7),
            (tracing::Level::TRACE, 7),
        ] {
            let text = Priority::of(level).before_lines("one\ntwo\n");
            assert_eq!(text, format!("<{number}>one\n<{number}>two\n"), "{level}");
        }
    }
}
