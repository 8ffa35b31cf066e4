//! What a run has to tell besides its operations: what the platforms showed, what was left alone, and what is still open.

use std::collections::BTreeMap;

use slotbridge_core::merge::Shown;
use slotbridge_core::model::{PlatformName, RemoteId};
use slotbridge_core::record::{Coverage, Support};
use slotbridge_platform::capabilities::Updates;
use slotbridge_store::JournalRow;

use crate::bridge::Bridge;
use crate::report::{BridgeReport, LeftAloneReport, OutcomeWord, PlatformReport, UnmappedReport};
use crate::steps::operation_report;
use crate::view::View;

/// A report that says nothing yet.
pub(crate) fn empty_report(bridge: &Bridge) -> BridgeReport {
    BridgeReport {
        name: bridge.name.clone(),
        plan: String::new(),
        guards: Vec::new(),
        platforms: Vec::new(),
        operations: Vec::new(),
        adopted: 0,
        conflicts: Vec::new(),
        overlaps: Vec::new(),
        ambiguous: Vec::new(),
        unmapped: Vec::new(),
        unsupported: Vec::new(),
        unreadable: Vec::new(),
        waiting: Vec::new(),
    }
}

/// Operations of earlier runs that are still open, unless this run has said something newer about them.
pub(crate) fn report_unsettled(view: &View<'_>, open: &[JournalRow], report: &mut BridgeReport) {
    for row in open {
        let create = (row.operation.booking, row.operation.platform.clone());
        if !view.unsettled.contains_key(&create) {
            continue;
        }
        let mut shown = operation_report(&row.operation, OutcomeWord::Unknown);
        let said = row
            .error
            .clone()
            .unwrap_or_else(|| "slotbridge was stopped before the answer came".to_owned());
        shown.remote_id = view.cancelled_copies.get(&create).cloned();
        let known = if shown.remote_id.is_some() {
            "a record of the same client at the same time has come since, and is cancelled or not confirmed; if it was \
             cancelled, cancel the booking on the other platforms too, else confirm it, or book it there by hand"
        } else {
            "it may or may not have had an effect, and is not repeated until that is known"
        };
        shown.error = Some(format!("{said}; {known}"));
        report.operations.push(shown);
    }
}

/// Says of updates which of them cancel and book again, because the platform cannot edit.
pub(crate) fn report_rebooking(view: &View<'_>, report: &mut BridgeReport) {
    for one in report
        .operations
        .iter_mut()
        .filter(|one| one.op == "update")
    {
        one.rebooks = view.member(&one.platform).is_some_and(|member| {
            member.member.platform.capabilities().updates == Updates::CancelAndRebook
        });
    }
}

/// What the platforms showed, and which of their records were left alone.
pub(crate) fn report_rows(
    view: &View<'_>,
    calls: &BTreeMap<PlatformName, u64>,
    report: &mut BridgeReport,
) {
    for member in &view.members {
        let observed = &member.observed;
        let calls = calls.get(member.name()).copied().unwrap_or(0);
        report.platforms.push(PlatformReport {
            name: member.name().clone(),
            records: member.live,
            coverage: observed.coverage.as_str(),
            partial_because: match &observed.coverage {
                Coverage::Partial { why } => Some(why.clone()),
                Coverage::Complete(_) | Coverage::Incremental | Coverage::None => None,
            },
            requests: calls.saturating_add(observed.calls),
            error: observed.error.clone(),
        });
        for row in member.rows.values() {
            if !view.focus.has_record(member.name(), &row.record.id) {
                continue;
            }
            let (platform, remote_id) = (member.name().clone(), Some(row.record.id.clone()));
            if let Some(unmapped) = &row.unmapped {
                report.unmapped.push(unmapped_report(
                    platform.clone(),
                    remote_id.clone(),
                    unmapped,
                ));
            }
            if let (Support::Occupancy { why }, Shown::Live(_)) = (row.record.support, &row.shown) {
                report.unsupported.push(LeftAloneReport {
                    platform,
                    remote_id,
                    why: why.to_owned(),
                });
            }
        }
        report
            .unreadable
            .extend(observed.unreadable.iter().map(|row| LeftAloneReport {
                platform: member.name().clone(),
                remote_id: row.id.clone(),
                why: row.why.clone(),
            }));
    }
}

fn unmapped_report(
    platform: PlatformName,
    remote_id: Option<RemoteId>,
    unmapped: &slotbridge_core::mapping::Unmapped,
) -> UnmappedReport {
    use slotbridge_core::mapping::Unmapped;
    match unmapped {
        Unmapped::Resource { key, title } => UnmappedReport {
            platform,
            remote_id,
            what: "resource",
            id: key.as_str().to_owned(),
            title: title.clone(),
        },
        Unmapped::Service { key, title } => UnmappedReport {
            platform,
            remote_id,
            what: "service",
            id: key.as_str().to_owned(),
            title: title.clone(),
        },
        Unmapped::NoLength => UnmappedReport {
            platform,
            remote_id,
            what: "service",
            id: "without a duration".to_owned(),
            title: None,
        },
    }
}
