//! `config.example.toml` is complete, right as it stands, and right with everything uncommented.

use std::path::Path;

use super::keys::{self, Key, Presence};
use super::tests::surroundings;
use super::*;
use crate::registry::KINDS;

pub(crate) const EXAMPLE: &str = include_str!("../../../../config.example.toml");

fn parse(text: &str) -> Config {
    let surroundings = surroundings(&[
        ("SALON_PARTNER_TOKEN", "example-partner"),
        ("SALON_USER_TOKEN", "example-user"),
        ("SALON_WEBHOOK_TOKEN", "example-hook"),
        ("SITE_API_KEY", "example-key"),
        ("SITE_WEBHOOK_TOKEN", "example-hook"),
        ("WORLD_PASSWORD", "example-password"),
        ("WORLD_WEBHOOK_TOKEN", "example-hook"),
        ("SCHOOL_API_KEY", "example-key"),
        ("SCHOOL_APP_KEY", "example-app"),
        ("SCHOOL_WEBHOOK_TOKEN", "example-hook"),
        (
            "TELEGRAM_URL",
            "https://api.telegram.org/botexample/sendMessage",
        ),
        ("TICKETS_AUTHORIZATION", "Bearer example"),
    ]);
    let parsed = Config::parse(Path::new("config.example.toml"), text, &surroundings);
    parsed.unwrap_or_else(|error| panic!("{error}"))
}

/// The example with every commented key switched on.
fn uncommented() -> String {
    let lines = EXAMPLE.lines().map(|line| match line.strip_prefix("# ") {
        Some(rest) if key_of(rest).is_some() || is_heading(rest) => rest,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn key_of(line: &str) -> Option<&str> {
    let (key, _) = line.split_once(" = ")?;
    let word = |c: char| c.is_ascii_lowercase() || c == '_';
    (!key.is_empty() && key.chars().all(word)).then_some(key)
}

fn is_heading(line: &str) -> bool {
    line.starts_with('[') && line.ends_with(']')
}

#[test]
fn the_example_is_right_as_it_stands_and_with_everything_uncommented() {
    let config = parse(EXAMPLE);
    assert_eq!(config.bridges.len(), 1);
    let full = parse(&uncommented());
    assert_eq!(
        full.bridges[0].limits, config.bridges[0].limits,
        "a commented limit is not the default"
    );
    assert_eq!(full.http.unwrap().listen, config.http.unwrap().listen);
    let (shown, silent) = (&full.bridges[0], &config.bridges[0]);
    assert_eq!(
        (shown.window_past, shown.window_future),
        (silent.window_past, silent.window_future)
    );
    assert_eq!(
        (shown.share, shown.on_overlap, shown.on_removal),
        (silent.share, silent.on_overlap, silent.on_removal)
    );
    assert_eq!(full.notices.targets.len(), 4);
    assert_eq!(config.notices.targets.len(), 0);
    assert_eq!(
        (
            full.notices.down_after,
            full.notices.silent_after,
            full.notices.remind_after
        ),
        (
            config.notices.down_after,
            config.notices.silent_after,
            config.notices.remind_after
        )
    );
    let (shown, silent) = (&full.schedule, &config.schedule);
    assert_eq!(
        (&shown.sweep, &shown.retention, &shown.upkeep),
        (&silent.sweep, &silent.retention, &silent.upkeep)
    );
    assert_eq!((shown.jitter, shown.keep), (silent.jitter, silent.keep));
    for (shown, silent) in full.platforms.iter().zip(&config.platforms) {
        assert_eq!(
            (&shown.base_url, shown.timeout),
            (&silent.base_url, silent.timeout)
        );
        assert_eq!(
            (&shown.contacts, &shown.busy_name),
            (&silent.contacts, &silent.busy_name)
        );
    }
}

#[test]
fn the_example_has_a_section_for_every_kind_and_shows_every_key() {
    let config = parse(EXAMPLE);
    for kind in KINDS {
        assert!(
            config
                .platforms
                .iter()
                .any(|platform| platform.kind.name == kind.name),
            "{}",
            kind.name
        );
    }
    let tables = [
        keys::STORE,
        keys::HTTP,
        keys::GUARD,
        keys::NOTICES,
        keys::TARGET,
        keys::COMMAND,
        keys::WEBHOOK,
        keys::MESSAGE,
        keys::SCHEDULE,
        keys::PLATFORM,
        keys::RESOURCE,
        keys::SERVICE,
    ];
    let kinds = KINDS.iter().map(|kind| kind.keys);
    let tables = tables.into_iter().chain(kinds).chain([keys::BRIDGE]);
    for key in tables.flatten() {
        let shown = [
            format!("{} = ", key.name),
            format!("[bridge.{}]", key.name),
            format!("[notices.{}.", key.name),
        ];
        assert!(
            shown.iter().any(|text| EXAMPLE.contains(text)),
            "{} is not in the example",
            key.name
        );
    }
}

/// A key that is commented out in the example shows the default where there is one.
#[test]
fn commented_defaults_are_those_of_the_code() {
    let all: Vec<&Key> = [
        keys::HTTP,
        keys::GUARD,
        keys::PLATFORM,
        keys::BRIDGE,
        keys::NOTICES,
        keys::SCHEDULE,
    ]
    .into_iter()
    .chain(KINDS.map(|kind| kind.keys))
    .flatten()
    .collect();
    let mut compared = 0;
    for line in EXAMPLE.lines().filter_map(|line| line.strip_prefix("# ")) {
        let Some(name) = key_of(line) else { continue };
        let Some(Presence::Default(default)) = all
            .iter()
            .find(|key| key.name == name)
            .map(|key| key.presence)
        else {
            continue;
        };
        // Only here another value than the default says more.
        if name == "conflict" {
            continue;
        }
        let (_, value) = line.split_once(" = ").unwrap();
        assert_eq!(value.trim_matches('"'), default, "{name}");
        compared += 1;
    }
    assert!(compared > 15, "only {compared} defaults were compared");
}
