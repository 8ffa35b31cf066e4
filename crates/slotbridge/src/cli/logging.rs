//! Log lines on standard error, for people or as JSON, without tearing a progress bar.

use std::io::{self, Write};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::output::Output;
use super::progress::Bars;
use super::{Global, LogFormat};

/// Starts logging. Only our own crates speak: what a library logs at a low level could hold a request.
pub(crate) fn start(global: &Global, output: &Output) {
    let level = match global.verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let ours = ["slotbridge", "adapter_"];
    let filter = Targets::new()
        .with_default(LevelFilter::ERROR)
        .with_targets(ours.map(|target| (target, level)));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(AroundBars(output.bars().clone()))
        .with_ansi(output.colours_on_stderr());
    let registry = tracing_subscriber::registry().with(filter);
    // Fails only when logging was started before, by a test in the same process.
    let started = match global.log_format {
        LogFormat::Text => registry.with(lines.with_target(false)).try_init(),
        LogFormat::Json => registry.with(lines.json()).try_init(),
    };
    drop(started);
}

#[derive(Debug, Clone)]
struct AroundBars(Bars);

impl<'a> MakeWriter<'a> for AroundBars {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line {
            bars: self.0.clone(),
            text: Vec::new(),
        }
    }
}

/// One log line, which is written when it is complete.
#[derive(Debug)]
struct Line {
    bars: Bars,
    text: Vec<u8>,
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let text = std::mem::take(&mut self.text);
        self.bars.suspend(|| io::stderr().write_all(&text))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // Without standard error nobody can be told.
        if self.flush().is_err() {}
    }
}
