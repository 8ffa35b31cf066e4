//! `[guard]` and `[bridge.guard]`: limits that stop a run before it does damage.

use slotbridge_core::guard::Limits;

use super::keys;
use super::table::{Field, Table};

/// Reads a guard table; absent keys are as in `base`.
pub(crate) fn read(field: Option<Field<'_>>, base: &Limits) -> Limits {
    let Some(table) = field.and_then(|field| field.table(&[keys::GUARD])) else {
        return base.clone();
    };
    let limits = Limits {
        removals_max: count(&table, "removals_max", base.removals_max),
        removals_max_percent: percent(&table, "removals_max_percent", base.removals_max_percent),
        removals_max_day: count(&table, "removals_max_day", base.removals_max_day),
        updates_max: count(&table, "updates_max", base.updates_max),
        updates_max_percent: percent(&table, "updates_max_percent", base.updates_max_percent),
        updates_max_day: count(&table, "updates_max_day", base.updates_max_day),
        creates_max: count(&table, "creates_max", base.creates_max),
        creates_max_percent: percent(&table, "creates_max_percent", base.creates_max_percent),
        creates_max_day: count(&table, "creates_max_day", base.creates_max_day),
    };
    table.finish(|_| None);
    limits
}

fn count(table: &Table<'_>, key: &'static str, base: u64) -> u64 {
    within(table, key, 1_000_001, base)
}

fn percent(table: &Table<'_>, key: &'static str, base: u64) -> u64 {
    within(table, key, 101, base)
}

fn within(table: &Table<'_>, key: &'static str, end: u64, base: u64) -> u64 {
    table
        .get(key)
        .and_then(|field| field.number(0..end))
        .unwrap_or(base)
}
