//! `docs/operations/metrics.md` is made from the table; alerts and dashboard name only what is in it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::table::{Kind, TABLE};

const INTRODUCTION: &str = "\
# Metrics

This page is made from the table in the code; do not edit it by hand.
To renew it: `SLOTBRIDGE_UPDATE_DOCS=1 cargo test -p slotbridge metrics_page`.

The daemon serves them at `/metrics` of `[http] listen`, as OpenMetrics text.
Labels hold your names of platforms and bridges and fixed words; never an id of a booking or record, never anything of a client.
A histogram has the series `_bucket`, `_sum` and `_count`; times are Unix seconds, so that an age is `time() - x`.
What is not known is absent rather than 0.

| metric | kind | labels | meaning |
| --- | --- | --- | --- |
";

fn page() -> String {
    let mut page = String::from(INTRODUCTION);
    for definition in TABLE {
        let labels: Vec<String> = definition
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        let (suffix, kind) = match definition.kind {
            Kind::Counter => ("_total", "counter"),
            Kind::Gauge => ("", "gauge"),
            Kind::Histogram => ("", "histogram"),
        };
        writeln!(
            page,
            "| `{}{suffix}` | {kind} | {} | {} |",
            definition.name,
            labels.join(", "),
            definition.help
        )
        .unwrap();
    }
    page
}

fn operations(file: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations/");
    let path = format!("{folder}{file}");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_metrics_page_is_made_from_the_table() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/operations/metrics.md"
    );
    let page = page();
    if std::env::var_os("SLOTBRIDGE_UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    assert!(
        operations("metrics.md") == page,
        "docs/operations/metrics.md is out of date; run SLOTBRIDGE_UPDATE_DOCS=1 cargo test -p slotbridge metrics_page"
    );
}

/// The series that Prometheus knows.
fn series() -> BTreeSet<String> {
    TABLE
        .iter()
        .flat_map(|definition| {
            let suffixes: &[&str] = match definition.kind {
                Kind::Counter => &["_total"],
                Kind::Gauge => &[""],
                Kind::Histogram => &["_bucket", "_sum", "_count"],
            };
            suffixes
                .iter()
                .map(move |suffix| format!("{}{suffix}", definition.name))
        })
        .collect()
}

/// The names of ours in a text.
fn named(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("slotbridge_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

/// The labels by which a text groups or selects: what stands in `by (…)`, and before `=` inside braces.
fn labels(text: &str) -> BTreeSet<String> {
    let grouped = text
        .split("by (")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .flat_map(|(inside, _)| inside.split(','));
    let selected = text
        .split("_total{")
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .flat_map(|(inside, _)| inside.split(','))
        .filter_map(|pair| pair.split(['=', '!']).next());
    grouped
        .chain(selected)
        .map(|label| label.trim().to_owned())
        .collect()
}

#[test]
fn alerts_and_dashboard_name_only_metrics_and_labels_that_are_there() {
    let known = series();
    let mut words: BTreeSet<String> = TABLE
        .iter()
        .flat_map(|definition| definition.labels)
        .map(|label| (*label).to_owned())
        .collect();
    words.extend(["le", "job", "instance"].map(str::to_owned));
    for file in ["alerts.yml", "grafana-dashboard.json"] {
        let text = operations(file);
        let named = named(&text);
        assert!(named.len() > 5, "{file}: {named:?}");
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{file} names {unknown:?}");
        let labels = labels(&text);
        assert!(!labels.is_empty(), "{file}");
        let unknown: Vec<_> = labels.difference(&words).collect();
        assert!(unknown.is_empty(), "{file} names the labels {unknown:?}");
    }
}

#[test]
fn every_metric_but_those_of_detail_is_on_the_dashboard() {
    let named = named(&operations("grafana-dashboard.json"));
    for definition in TABLE {
        let shown = named.iter().any(|name| name.starts_with(definition.name));
        assert!(shown, "{} is on no panel", definition.name);
    }
}

#[test]
fn the_dashboard_is_json_whose_panels_each_ask_for_something() {
    let dashboard: serde_json::Value =
        serde_json::from_str(&operations("grafana-dashboard.json")).unwrap();
    assert!(dashboard["title"].is_string());
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        assert!(
            panel["title"].is_string() && panel["gridPos"]["w"].is_u64(),
            "{panel}"
        );
        if panel["type"] != "row" {
            let targets = panel["targets"].as_array().unwrap();
            assert!(!targets.is_empty(), "{panel}");
            for target in targets {
                assert!(!target["expr"].as_str().unwrap().is_empty(), "{panel}");
            }
        }
    }
}
