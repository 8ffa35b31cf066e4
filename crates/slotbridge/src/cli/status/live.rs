//! What only a running daemon knows of the platforms: how often it looks at them, and which cannot be used.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::{age_of_text, push_table};
use crate::control::rows::{PlatformStatus, Status};
use crate::render::words::{clean, put};

/// Stands where no daemon says anything.
const NO_DAEMON: &str =
    "No daemon runs on this database: changes are noticed by `slotbridge reconcile` only.\n";

const HEAD: [&str; 5] = [
    "platform",
    "next days looked at",
    "whole window",
    "a change is noticed",
    "state",
];

/// Adds the daemon's part to the text.
pub(super) fn text(out: &mut String, daemon: Option<&Status>, now: Timestamp) {
    let Some(daemon) = daemon else {
        out.push_str(NO_DAEMON);
        out.push('\n');
        return;
    };
    let rows = daemon.platforms.iter().map(|platform| cells(platform, now));
    push_table(out, std::iter::once(HEAD.map(str::to_owned)).chain(rows));
}

/// Adds the daemon's part to the markdown.
pub(super) fn markdown(out: &mut String, daemon: Option<&Status>, now: Timestamp) {
    out.push('\n');
    let Some(daemon) = daemon else {
        out.push_str(NO_DAEMON);
        return;
    };
    put!(
        out,
        "| {} |\n| --- | --- | --- | --- | --- |\n",
        HEAD.join(" | ")
    );
    for platform in &daemon.platforms {
        let cells = cells(platform, now).map(|cell| cell.replace('|', "\\|"));
        put!(out, "| {} |\n", cells.join(" | "));
    }
}

fn cells(platform: &PlatformStatus, now: Timestamp) -> [String; 5] {
    let [near, far, notice] = match &platform.polling {
        Some(polling) => [
            format!("every {}", span(polling.near_ms)),
            format!("every {}", span(polling.far_ms)),
            format!("after about {}", span(polling.notice_ms)),
        ],
        None => ["not planned yet"; 3].map(str::to_owned),
    };
    let state = match &platform.down {
        Some(down) => format!(
            "down, {}: {}",
            age_of_text(now, &down.since),
            clean(&down.why)
        ),
        None if platform.read_at.is_some() => "in reach".to_owned(),
        None => "not read yet".to_owned(),
    };
    [platform.name.clone(), near, far, notice, state]
}

/// A duration in the largest unit that says enough.
fn span(millis: u64) -> String {
    let duration = Duration::from_millis(millis);
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{} s", seconds_with_tenths(millis)),
        10..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

fn seconds_with_tenths(millis: u64) -> String {
    match (millis / 1_000, millis % 1_000 / 100) {
        (whole, 0) => whole.to_string(),
        (whole, tenths) => format!("{whole}.{tenths}"),
    }
}

/// The daemon's part of a platform's JSON row; every value is null where no daemon says it.
#[derive(Debug, Default, Serialize)]
pub(super) struct LiveRow {
    down_since: Option<String>,
    down_why: Option<String>,
    poll_near_ms: Option<u64>,
    poll_far_ms: Option<u64>,
    notice_ms: Option<u64>,
    calls_waiting: Option<u64>,
}

impl LiveRow {
    pub(super) fn of(daemon: Option<&Status>, name: &str) -> Self {
        let platform = daemon.and_then(|daemon| {
            daemon
                .platforms
                .iter()
                .find(|platform| platform.name == name)
        });
        let Some(platform) = platform else {
            return Self::default();
        };
        let (down, polling) = (platform.down.as_ref(), platform.polling.as_ref());
        Self {
            down_since: down.map(|down| down.since.clone()),
            down_why: down.map(|down| clean(&down.why)),
            poll_near_ms: polling.map(|polling| polling.near_ms),
            poll_far_ms: polling.map(|polling| polling.far_ms),
            notice_ms: polling.map(|polling| polling.notice_ms),
            calls_waiting: Some(platform.calls_waiting),
        }
    }
}
