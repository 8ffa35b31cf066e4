//! Everything that is printed goes through here: reports to standard output or a file, failures to standard error.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use anyhow::Context as _;

use super::logging::Priority;
use super::progress::Bars;
use super::report::Failure;
use super::{Color, Global};
use crate::render::text::styled;
use crate::systemd;

/// Where things go.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    color: Color,
    file: Option<PathBuf>,
    bars: Bars,
    journal: bool,
}

impl Output {
    /// As the command line wants it.
    pub(crate) fn new(global: &Global) -> Self {
        let terminal = io::stderr().is_terminal();
        Self {
            color: global.color,
            file: global.output.clone(),
            bars: Bars::new(terminal),
            journal: systemd::journal_reads_stderr(),
        }
    }

    /// The progress bars, which log lines and messages must not tear.
    pub(crate) fn bars(&self) -> &Bars {
        &self.bars
    }

    /// Whether standard error goes straight to the journal.
    pub(crate) fn is_journal(&self) -> bool {
        self.journal
    }

    /// Whether reports are read by a person as they come, and kept nowhere.
    pub(crate) fn is_screen(&self) -> bool {
        self.file.is_none() && io::stdout().is_terminal()
    }

    /// Whether standard error gets colours.
    pub(crate) fn colours_on_stderr(&self) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => AutoStream::choice(&io::stderr()) != ColorChoice::Never,
        }
    }

    /// Writes a report: to the file that was asked for, whole or not at all, else to standard output.
    pub(crate) fn report(&self, text: &str) -> Result<(), Failure> {
        match &self.file {
            Some(path) => {
                let plain = anstream::adapter::strip_str(text).to_string();
                write_whole(path, plain.as_bytes()).map_err(|error| Failure::output(path, &error))
            }
            None => self.say(text),
        }
    }

    /// Writes to standard output.
    pub(crate) fn say(&self, text: &str) -> Result<(), Failure> {
        self.bars.suspend(|| {
            let mut out = AutoStream::new(io::stdout(), self.choice(&io::stdout()));
            match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                // Whoever reads has seen enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                written => Ok(written.context("cannot write to standard output")?),
            }
        })
    }

    /// Says on standard error why a command ended.
    pub(crate) fn failure(&self, failure: &Failure) {
        if let Failure::Usage(error) = failure {
            self.bars.suspend(|| print_usage(error));
            return;
        }
        if self.journal {
            let lines = Priority::Error.before_lines(&format!("error: {failure}"));
            self.note(lines.trim_end());
            return;
        }
        let style = anstyle::AnsiColor::Red.on_default().bold();
        self.note(&format!("{} {failure}", styled(style, "error:")));
    }

    /// Says something on standard error.
    pub(crate) fn note(&self, text: &str) {
        self.bars.suspend(|| {
            let mut err = AutoStream::new(io::stderr(), self.choice(&io::stderr()));
            // Without standard error nobody can be told.
            if writeln!(err, "{text}").is_err() {}
        });
    }

    fn choice(&self, stream: &impl anstream::stream::RawStream) -> ColorChoice {
        match self.color {
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
            Color::Auto => AutoStream::choice(stream),
        }
    }
}

/// Shows help, version, or what is wrong with the command line.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    print_usage(error);
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

fn print_usage(error: &clap::Error) {
    // Without a stream to write to nobody can be told.
    if error.print().is_err() {}
}

/// Writes a file next to its final place and then moves it there, so that nobody ever reads half of it. Only its owner
/// can read it: a report may hold clients' data.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "it is not the path of a file")
    })?;
    let mut draft = std::ffi::OsString::from(".");
    draft.push(name);
    draft.push(format!(".{}.tmp", std::process::id()));
    let draft = path.with_file_name(draft);
    let written = write_draft(&draft, bytes).and_then(|()| std::fs::rename(&draft, path));
    if written.is_err() && draft.exists() {
        std::fs::remove_file(&draft)?;
    }
    written
}

fn write_draft(draft: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)?;
    file.write_all(bytes)?;
    file.sync_all()
}
