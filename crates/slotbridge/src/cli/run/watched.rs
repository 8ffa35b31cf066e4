//! What a daemon that writes nothing would do, told once for each thing that it would do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use jiff::tz::TimeZone;
use slotbridge_core::model::BridgeName;
use slotbridge_engine::event::{Event, Listener};
use slotbridge_engine::report::{BridgeReport, OperationReport, Report};

use crate::cli::Global;
use crate::cli::output::Output;
use crate::render::{self, Format, Showing};

/// Shows planned operations as they come up.
#[derive(Debug)]
pub(super) struct Watched {
    format: Format,
    showing: Showing,
    output: Output,
    /// What was shown, by bridge.
    told: Mutex<BTreeMap<BridgeName, BTreeSet<String>>>,
}

impl Watched {
    pub(super) fn new(
        global: &Global,
        output: &Output,
        zones: BTreeMap<BridgeName, TimeZone>,
    ) -> Self {
        Self {
            format: global.format,
            showing: Showing {
                clients: global.show_clients,
                zones,
            },
            output: output.clone(),
            told: Mutex::default(),
        }
    }

    /// The report with only what was not shown before; `None` when nothing is left.
    fn news(&self, report: &BridgeReport) -> Option<BridgeReport> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let told = told.entry(report.name.clone()).or_default();
        let mut news = report.clone();
        news.operations.retain(|one| told.insert(key(one)));
        (!news.operations.is_empty()).then_some(news)
    }
}

impl Listener for Watched {
    fn hear(&self, event: &Event) {
        let Event::Ran { at, report, .. } = event else {
            return;
        };
        let Some(news) = self.news(report) else {
            return;
        };
        let report = Report {
            run: String::new(),
            generated_at: *at,
            dry_run: true,
            cancelled: false,
            bridges: vec![news],
        };
        let text = render::report(&report, self.format, &self.showing);
        if let Err(failure) = self.output.say(&text) {
            tracing::error!("A report could not be shown: {failure}");
        }
    }
}

/// What makes an operation the same as one that was shown: everything that it would do.
fn key(one: &OperationReport) -> String {
    format!(
        "{} {} {} {:?} {:?} {:?}",
        one.op,
        one.platform,
        one.booking,
        one.remote_id,
        one.place(),
        one.fields
    )
}
