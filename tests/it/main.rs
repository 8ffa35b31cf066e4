//! Black-box tests of the built binary against simulated platforms over loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of tests stop at the first surprise; the configured exceptions cover test functions only"
)]

mod apply;
mod backup;
mod cli;
mod config;
mod contract;
mod daemon;
mod database;
mod decide;
mod demo;
mod exits;
mod explain;
mod forget;
mod four;
mod guards;
mod hostile;
mod kill;
mod kill_four;
mod lessons;
mod mapping;
mod matrix;
mod notices;
mod package;
mod privacy;
mod purge;
mod reconcile;
mod signals;
mod support;
mod tidy;
mod trouble;
mod undo;

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_file_of_this_folder_is_declared_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/it");
    let declared: BTreeSet<String> = std::fs::read_to_string(folder.join("main.rs"))
        .unwrap()
        .lines()
        .filter_map(|line| Some(line.strip_prefix("mod ")?.strip_suffix(';')?.to_owned()))
        .collect();
    let files: BTreeSet<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "main")
        .collect();
    assert_eq!(files, declared);
}
