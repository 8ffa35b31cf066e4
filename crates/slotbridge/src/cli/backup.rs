//! `slotbridge backup FILE`: a whole copy of the database while anything may write it, and `--verify`, which looks
//! through one.

use std::path::Path;

use anyhow::Context as _;
use jiff::Timestamp;
use serde::Serialize;
use slotbridge_platform::seam::Seam as _;
use slotbridge_platform::system_seam::SystemSeam;
use slotbridge_store::{Backup, StoreError};

use super::output::Output;
use super::report::{Exit, Failure};
use super::{Global, status};
use crate::render::{Format, json};

/// Writes a backup and says what it holds.
pub(crate) async fn make(global: &Global, file: &Path, output: &Output) -> Result<Exit, Failure> {
    let config = super::load(global)?;
    let database = config.store.clone();
    let to = file.to_path_buf();
    told(global, file, "written and checked", output, move || {
        slotbridge_store::backup(&database, &to)
    })
    .await
}

/// Looks through a backup and says what it holds.
pub(crate) async fn verify(global: &Global, file: &Path, output: &Output) -> Result<Exit, Failure> {
    let looked_at = file.to_path_buf();
    told(global, file, "checked, all is well", output, move || {
        slotbridge_store::verify(&looked_at)
    })
    .await
}

async fn told(
    global: &Global,
    file: &Path,
    done: &'static str,
    output: &Output,
    work: impl FnOnce() -> Result<Backup, StoreError> + Send + 'static,
) -> Result<Exit, Failure> {
    let seam = SystemSeam::new();
    let began = seam.elapsed();
    let backup = tokio::task::spawn_blocking(work)
        .await
        .context("the backup broke off")??;
    let took = seam.elapsed().saturating_sub(began).as_millis();
    let row = BackupRow {
        schema: 1,
        file: file.display().to_string(),
        bytes: backup.bytes,
        database_schema: backup.schema,
        last_run_at: backup.last_run_at.map(|at| at.to_string()),
        took_ms: u64::try_from(took).unwrap_or(u64::MAX),
    };
    let text = match global.format {
        Format::Json => json::to_text(&row),
        Format::Text | Format::Markdown => text(&row, done, backup.last_run_at, seam.now()),
    };
    output.report(&text)?;
    Ok(Exit::InStep)
}

#[derive(Debug, Serialize)]
struct BackupRow {
    schema: u32,
    file: String,
    bytes: u64,
    database_schema: u32,
    last_run_at: Option<String>,
    took_ms: u64,
}

fn text(row: &BackupRow, done: &str, last_run: Option<Timestamp>, now: Timestamp) -> String {
    let run = last_run.map_or_else(
        || "it knows of no run".to_owned(),
        |at| format!("its last run began {}", status::age(now, at)),
    );
    format!(
        "{}: {done}: {} in {}.{} s; {run}.\n",
        row.file,
        size(row.bytes),
        row.took_ms / 1_000,
        row.took_ms % 1_000 / 100
    )
}

/// Bytes in the largest unit that says enough.
fn size(bytes: u64) -> String {
    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;
    let (unit, name) = match bytes {
        ..KIB => return format!("{bytes} bytes"),
        KIB..MIB => (KIB, "KiB"),
        MIB..GIB => (MIB, "MiB"),
        GIB.. => (GIB, "GiB"),
    };
    format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_largest_unit_that_says_enough() {
        for (bytes, told) in [
            (0, "0 bytes"),
            (1_023, "1023 bytes"),
            (1_024, "1.0 KiB"),
            (1_536, "1.5 KiB"),
            (1_048_575, "1023.9 KiB"),
            (1_048_576, "1.0 MiB"),
            (5_905_580_032, "5.5 GiB"),
        ] {
            assert_eq!(size(bytes), told);
        }
    }
}
