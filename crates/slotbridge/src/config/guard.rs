//! `[guard]` and `[bridge.guard]`: limits that stop a run before it does damage.

use super::keys;
use super::table::{Field, Table};

/// The limits of one bridge, per platform and direction; 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GuardLimits {
    pub(crate) removals: KindLimits,
    pub(crate) updates: KindLimits,
    pub(crate) creates: KindLimits,
}

/// The limits of one kind of operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KindLimits {
    /// In one run.
    pub(crate) max: u64,
    /// In one run, of the live mirrored records.
    pub(crate) max_percent: u64,
    /// Over a rolling day.
    pub(crate) max_day: u64,
}

impl GuardLimits {
    /// What holds without a `[guard]`; a test compares it with the list of keys.
    pub(crate) const DEFAULT: Self = Self {
        removals: KindLimits {
            max: 20,
            max_percent: 10,
            max_day: 60,
        },
        updates: KindLimits {
            max: 0,
            max_percent: 50,
            max_day: 0,
        },
        creates: KindLimits {
            max: 0,
            max_percent: 0,
            max_day: 0,
        },
    };
}

/// Reads a guard table; absent keys are as in `base`.
pub(crate) fn read(field: Option<Field<'_>>, base: &GuardLimits) -> GuardLimits {
    let Some(table) = field.and_then(|field| field.table(&[keys::GUARD])) else {
        return *base;
    };
    let limits = GuardLimits {
        removals: KindLimits {
            max: count(&table, "removals_max", base.removals.max),
            max_percent: percent(&table, "removals_max_percent", base.removals.max_percent),
            max_day: count(&table, "removals_max_day", base.removals.max_day),
        },
        updates: KindLimits {
            max: count(&table, "updates_max", base.updates.max),
            max_percent: percent(&table, "updates_max_percent", base.updates.max_percent),
            max_day: count(&table, "updates_max_day", base.updates.max_day),
        },
        creates: KindLimits {
            max: count(&table, "creates_max", base.creates.max),
            max_percent: percent(&table, "creates_max_percent", base.creates.max_percent),
            max_day: count(&table, "creates_max_day", base.creates.max_day),
        },
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
