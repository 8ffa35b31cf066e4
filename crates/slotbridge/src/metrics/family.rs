//! Metrics with labels: counters, gauges and histograms of durations, made from their definition.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter;
use prometheus_client::metrics::family;
use prometheus_client::metrics::gauge;
use prometheus_client::metrics::histogram;
use prometheus_client::registry::Registry;

use super::table::Definition;

/// From the wait for one lock to the age of a change that waited for a platform's return.
const BUCKETS: [f64; 15] = [
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0,
];

type Labels = Vec<(&'static str, String)>;

fn labels(names: &'static [&'static str], values: &[&str]) -> Labels {
    debug_assert_eq!(names.len(), values.len(), "the labels are {names:?}");
    let values = values.iter().map(|value| (*value).to_owned());
    names.iter().copied().zip(values).collect()
}

/// Only grows.
#[derive(Debug)]
pub(super) struct Counter {
    names: &'static [&'static str],
    family: family::Family<Labels, counter::Counter>,
}

impl Counter {
    pub(super) fn register(registry: &mut Registry, definition: &Definition) -> Self {
        let family = family::Family::default();
        registry.register(definition.name, definition.help, family.clone());
        Self {
            names: definition.labels,
            family,
        }
    }

    pub(super) fn add(&self, values: &[&str], by: u64) {
        self.family
            .get_or_create(&labels(self.names, values))
            .inc_by(by);
    }
}

/// How something stands.
#[derive(Debug)]
pub(super) struct Gauge {
    names: &'static [&'static str],
    family: family::Family<Labels, gauge::Gauge<f64, AtomicU64>>,
}

impl Gauge {
    pub(super) fn register(registry: &mut Registry, definition: &Definition) -> Self {
        let family = family::Family::default();
        registry.register(definition.name, definition.help, family.clone());
        Self {
            names: definition.labels,
            family,
        }
    }

    pub(super) fn set(&self, values: &[&str], to: f64) {
        self.family
            .get_or_create(&labels(self.names, values))
            .set(to);
    }

    /// Forgets every series.
    pub(super) fn clear(&self) {
        self.family.clear();
    }
}

/// How long things took.
#[derive(Debug)]
pub(super) struct Histogram {
    names: &'static [&'static str],
    family: family::Family<Labels, histogram::Histogram, fn() -> histogram::Histogram>,
}

impl Histogram {
    pub(super) fn register(registry: &mut Registry, definition: &Definition) -> Self {
        let make: fn() -> histogram::Histogram = || histogram::Histogram::new(BUCKETS);
        let family = family::Family::new_with_constructor(make);
        registry.register(definition.name, definition.help, family.clone());
        Self {
            names: definition.labels,
            family,
        }
    }

    pub(super) fn observe(&self, values: &[&str], seconds: f64) {
        self.family
            .get_or_create(&labels(self.names, values))
            .observe(seconds);
    }
}
