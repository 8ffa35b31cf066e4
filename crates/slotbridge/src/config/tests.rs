//! What the config reader takes, what it refuses, and with which words.

mod hostile;
mod kinds;
mod problems;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::ExposeSecret as _;
use slotbridge_core::merge::{ConflictPolicy, RemovedAndEdited};
use slotbridge_core::model::{ResourceKey, ServiceName};
use slotbridge_engine::bridge::{Direction, OnOverlap, OnRemoval, Share};
use slotbridge_platform::Contacts;

use super::secret::{Surroundings, trim_one_newline};
use super::*;

/// A whole small config, to be changed at one place by each test.
pub(crate) const SMALL: &str = r#"[store]
path = "/var/lib/slotbridge/slotbridge.db"

[platform.salon]
kind = "yclients"
company_id = 4564
partner_token = "planted-partner"
user_token = { env = "SALON_USER" }

[platform.site]
kind = "rubitime"
branch_id = 1013
api_key = "planted-key"
time_zone = "Europe/Moscow"

[[bridge]]
name = "main"
platforms = ["salon", "site"]

[[bridge.resource]]
name = "anna"
salon = 8886
site = 1702

[[bridge.service]]
name = "haircut"
duration = "60m"
salon = 331
site = 3925
"#;

pub(crate) fn surroundings(variables: &[(&str, &str)]) -> Surroundings {
    let variables: Vec<(String, OsString)> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), OsString::from(value)))
        .collect();
    Surroundings {
        env: Box::new(move |name| {
            let found = variables.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        }),
        folder: PathBuf::from("/etc/slotbridge"),
    }
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    let surroundings = surroundings(&[("SALON_USER", "planted-user\n")]);
    Config::parse(Path::new("test.toml"), text, &surroundings)
}

/// The small config, read.
pub(crate) fn small() -> Config {
    parse(SMALL).unwrap()
}

fn small_with(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from), "{from:?} is not in the small config");
    SMALL.replacen(from, to, 1)
}

/// The messages for the small config with one change.
fn messages(from: &str, to: &str) -> Vec<String> {
    match parse(&small_with(from, to)) {
        Ok(_) => Vec::new(),
        Err(error) => error.lines().collect(),
    }
}

#[test]
fn the_small_config_becomes_what_it_says_with_every_default() {
    let config = parse(SMALL).unwrap();
    assert_eq!(config.store, Path::new("/var/lib/slotbridge/slotbridge.db"));
    assert_eq!(config.http, None);
    let [salon, site] = &*config.platforms else {
        panic!("two platforms")
    };
    assert_eq!(
        (salon.name.as_str(), salon.kind.name),
        ("salon", "yclients")
    );
    assert_eq!(salon.base_url, "https://api.yclients.com");
    assert_eq!(site.base_url, "https://rubitime.ru");
    assert_eq!(salon.timeout, Duration::from_secs(30));
    assert_eq!(salon.default_country, "RU");
    assert_eq!(salon.contacts, Contacts::Real);
    assert_eq!(salon.busy_name, "Busy");
    assert!(salon.time_zone.is_none() && salon.quota.is_none() && salon.headers.is_empty());
    assert_eq!(
        site.time_zone.as_ref().and_then(|zone| zone.iana_name()),
        Some("Europe/Moscow")
    );
    let [bridge] = &*config.bridges else {
        panic!("one bridge")
    };
    assert_eq!(bridge.policy.conflict, ConflictPolicy::Newest);
    assert_eq!(bridge.policy.on_removed_and_edited, RemovedAndEdited::Ask);
    assert_eq!(
        (bridge.share, bridge.on_overlap, bridge.on_removal),
        (Share::Full, OnOverlap::Hold, OnRemoval::Propagate)
    );
    assert_eq!(bridge.window_past.as_hours(), 24);
    assert_eq!(bridge.window_future.as_hours(), 60 * 24);
    assert_eq!(bridge.limits, Limits::default());
    let [first, second] = &*bridge.members else {
        panic!("two members")
    };
    assert_eq!(
        (first.platform.as_str(), second.platform.as_str()),
        ("salon", "site")
    );
    assert_eq!(
        (first.direction, second.direction),
        (Direction::Both, Direction::Both)
    );
    assert_eq!(
        first
            .mapping
            .resource_name(&ResourceKey::new("8886"))
            .unwrap()
            .as_str(),
        "anna"
    );
    let haircut = ServiceName::new("haircut").unwrap();
    assert_eq!(
        second.mapping.service_key(&haircut).unwrap().as_str(),
        "3925"
    );
    assert_eq!(second.mapping.duration(&[haircut]).unwrap().as_mins(), 60);
}

#[test]
fn everything_that_can_be_said_of_a_platform_is_understood() {
    let text = small_with(
        "time_zone = \"Europe/Moscow\"\n",
        r#"time_zone = "europe/moscow"
base_url = "http://127.0.0.1:18082/"
webhook_token = "abc-DEF_123"
quota = ["1/200ms", "200/60s"]
parallel = 2
poll_every = "30s"
timeout = "500ms"
default_country = "KZ"
contacts = "sink"
sink_email = "sink@example.com"
sink_phone = "+79000000000"
busy_name = "Занято"
headers = { X-Partner-Id = "77", X-Trace = { env = "SALON_USER" } }
marker_field = "custom_field3"
lead_time = "2h"
known_records = [7000123, "7000124"]
busy_service = 3925
"#,
    );
    let config = parse(&text).unwrap();
    let site = config.platform("site").unwrap();
    assert_eq!(site.base_url, "http://127.0.0.1:18082");
    assert_eq!(
        site.webhook_token.as_ref().unwrap().expose_secret(),
        "abc-DEF_123"
    );
    let quota: Vec<(u32, u64)> = site
        .quota
        .as_ref()
        .unwrap()
        .iter()
        .map(|quota| (quota.calls, u64::try_from(quota.per.as_millis()).unwrap()))
        .collect();
    assert_eq!(quota, [(1, 200), (200, 60_000)]);
    assert_eq!(
        (site.parallel, site.timeout),
        (Some(2), Duration::from_millis(500))
    );
    assert_eq!(site.default_country, "KZ");
    assert!(
        matches!(&site.contacts, Contacts::Sink { email, .. } if email.expose() == "sink@example.com")
    );
    assert_eq!(site.busy_name, "Занято");
    assert_eq!(site.headers["x-partner-id"], "77");
    assert_eq!(site.headers["x-trace"], "planted-user");
    assert_eq!(site.settings.lead_time().unwrap().as_hours(), 2);
    let known: Vec<String> = site
        .settings
        .known_records()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(known, ["7000123", "7000124"]);
}

#[test]
fn everything_that_can_be_said_of_a_bridge_is_understood() {
    let text = small_with(
        "platforms = [\"salon\", \"site\"]\n",
        r#"platforms = ["site", "salon"]
window_past = "0s"
window_future = "12h"
conflict = { prefer = ["site", "salon"] }
on_removed_and_edited = "keep"
share = "busy"
overlap = "push"
removals = "hold"

[bridge.direction]
site = "from"

[bridge.guard]
removals_max = 3
creates_max_day = 7
"#,
    );
    let text = format!("{text}\n[guard]\nremovals_max = 5\nupdates_max = 9\n");
    let config = parse(&text).unwrap();
    let [bridge] = &*config.bridges else {
        panic!("one bridge")
    };
    assert!(
        matches!(&bridge.policy.conflict, ConflictPolicy::Prefer(order) if order[0].as_str() == "site")
    );
    assert_eq!(bridge.policy.on_removed_and_edited, RemovedAndEdited::Keep);
    assert_eq!(
        (bridge.share, bridge.on_overlap, bridge.on_removal),
        (Share::Busy, OnOverlap::Push, OnRemoval::Hold)
    );
    assert_eq!(bridge.members[0].platform.as_str(), "site");
    assert_eq!(bridge.members[0].direction, Direction::From);
    assert_eq!(bridge.limits.removals_max, 3);
    assert_eq!(bridge.limits.updates_max, 9);
    assert_eq!(bridge.limits.creates_max_day, 7);
    assert_eq!(
        bridge.limits.removals_max_day,
        Limits::default().removals_max_day
    );
}

#[test]
fn one_look_tells_every_problem_in_the_order_of_the_file_with_line_and_column() {
    let text = SMALL
        .replace("company_id = 4564", "company_id = \"4564\"")
        .replace(
            "time_zone = \"Europe/Moscow\"",
            "time_zone = \"Europe/Moskow\"",
        )
        .replace("duration = \"60m\"", "duraton = \"60m\"");
    let error = parse(&text).unwrap_err();
    let lines: Vec<String> = error.lines().collect();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(
        lines[0].starts_with("test.toml:6:14: platform.salon.company_id: expected a whole number"),
        "{lines:#?}"
    );
    assert!(
        lines[1].starts_with("test.toml:14:13: platform.site.time_zone: "),
        "{lines:#?}"
    );
    assert!(
        lines[1].contains("did you mean \"Europe/Moscow\"?"),
        "{lines:#?}"
    );
    assert!(
        lines[2].starts_with("test.toml:25:1: bridge.main.service.haircut.duration: is missing"),
        "{lines:#?}"
    );
    assert_eq!(
        lines[3],
        "test.toml:27:1: bridge.main.service.haircut.duraton: unknown key; did you mean `duration`?"
    );
}

#[test]
fn each_problem_names_its_key_its_line_and_what_was_expected() {
    for (from, to, expected) in problems::ROWS {
        let messages = messages(from, to);
        let all = messages.join("\n");
        for part in *expected {
            assert!(
                all.contains(part),
                "{from:?} → {to:?}: expected {part:?} in\n{all}"
            );
        }
        assert!(!all.contains("planted"), "a secret is in {all}");
        assert!(
            messages.iter().all(|line| line.starts_with("test.toml:")),
            "{all}"
        );
    }
}

#[test]
fn a_syntax_error_names_its_line_and_quotes_no_source() {
    let error = parse(&small_with("\"planted-partner\"", "\"planted-partner")).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("test.toml:7:"), "{text}");
    assert!(!text.contains("planted"), "{text}");
}

// R20
#[test]
fn two_bridges_may_not_write_the_same_resource_of_the_same_account() {
    let second = r#"
[platform.again]
kind = "rubitime"
branch_id = 1013
api_key = "planted-key"
time_zone = "Europe/Moscow"

[[bridge]]
name = "second"
platforms = ["again", "salon"]

[bridge.direction]
salon = "SALON"

[[bridge.resource]]
name = "anna"
again = 1702
salon = 8886
"#;
    let both = format!("{SMALL}{}", second.replace("SALON", "from"));
    let text = parse(&both).unwrap_err().to_string();
    assert!(text.contains("bridge.second: resource 1702 of platform again is written by bridge.main (site) already"), "{text}");
    assert!(
        !text.contains("8886"),
        "reading what another bridge writes is fine: {text}"
    );
    let other_resource = both.replace("again = 1702", "again = 1703");
    parse(&other_resource).unwrap();
}

static ID: &[keys::Key] = &[keys::optional("id", "an id", "")];

#[test]
fn an_id_of_several_parts_becomes_one_key_in_the_order_of_its_names() {
    let text = "id = { subject_id = 6, lesson_type_id = \"1\" }";
    let log = Log::new(text);
    let (document, _) = DeTable::parse_recoverable(text);
    let table = Table::root(document.get_ref(), &[ID], &log);
    let id = table.get("id").unwrap().id(|_| Ok(()));
    assert_eq!(id.as_deref(), Some("lesson_type_id=1;subject_id=6"));
    assert!(log.is_clean());
}

#[test]
fn exactly_one_newline_is_cut_off_a_secret() {
    for (raw, trimmed) in [
        ("key", "key"),
        ("key\n", "key"),
        ("key\r\n", "key"),
        ("key\n\n", "key\n"),
        ("key\r", "key\r"),
        (" key \n", " key "),
    ] {
        assert_eq!(trim_one_newline(raw), trimmed, "{raw:?}");
    }
}

#[test]
fn a_secret_comes_from_a_file_or_a_credential_and_a_readable_file_is_told() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str, mode: u32| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    write("open.key", "planted-open\n", 0o644);
    write("closed", "planted-closed\n", 0o600);
    write("twolines", "planted\nplanted\n", 0o600);
    let parse = |text: &str| {
        let mut surroundings =
            surroundings(&[("CREDENTIALS_DIRECTORY", folder.path().to_str().unwrap())]);
        surroundings.folder = folder.path().to_owned();
        Config::parse(Path::new("/nowhere/test.toml"), text, &surroundings)
    };
    let text = small_with("{ env = \"SALON_USER\" }", "{ credential = \"closed\" }")
        .replace("\"planted-key\"", "{ file = \"open.key\" }");
    let config = parse(&text).unwrap();
    let site = config.platform("site").unwrap();
    assert_eq!(site.settings.secrets()[0].expose_secret(), "planted-open");
    let salon = config.platform("salon").unwrap();
    assert!(
        salon
            .settings
            .secrets()
            .iter()
            .any(|secret| secret.expose_secret() == "planted-closed")
    );
    let exposed = secret::exposed(&config);
    assert_eq!(exposed.len(), 1, "{exposed:#?}");
    assert!(
        exposed[0].contains("platform.site.api_key") && exposed[0].contains("mode 644"),
        "{exposed:#?}"
    );
    let two_lines = text.replace("open.key", "twolines");
    let message = parse(&two_lines).unwrap_err().to_string();
    assert!(
        message.contains("more than one line") && !message.contains("planted"),
        "{message}"
    );
}

#[test]
fn no_secret_is_in_the_debug_output_of_a_config() {
    let text = small_with(
        "branch_id = 1013",
        "branch_id = 1013\nwebhook_token = \"planted-hook\"\nheaders = { X-Key = \"planted-header\" }",
    )
    .replace(
        "user_token = { env = \"SALON_USER\" }",
        "login = \"planted-login\"\npassword = \"planted-password\"",
    );
    let shown = format!("{:#?}", parse(&text).unwrap());
    assert!(shown.contains("site"), "{shown}");
    assert!(!shown.contains("planted"), "{shown}");
}

#[test]
fn the_defaults_of_the_guard_are_those_of_the_list_of_keys() {
    let written: String = keys::GUARD
        .iter()
        .map(|key| match key.presence {
            keys::Presence::Default(value) => format!("{} = {value}\n", key.name),
            other => panic!("{} has no default: {other:?}", key.name),
        })
        .collect();
    // Another set beneath, so that every key has to be read.
    let config = parse(&format!("{SMALL}\n[guard]\n{written}")).unwrap();
    assert_eq!(config.bridges[0].limits, Limits::default());
    // Other values, each its own, so that every key has to be read into its own place.
    let own: Vec<String> = (1..)
        .zip(keys::GUARD)
        .map(|(number, key)| format!("{} = {number}\n", key.name))
        .collect();
    let limits = parse(&format!("{SMALL}\n[guard]\n{}", own.concat()))
        .unwrap()
        .bridges
        .remove(0)
        .limits;
    let expected = Limits {
        removals_max: 1,
        removals_max_percent: 2,
        removals_max_day: 3,
        updates_max: 4,
        updates_max_percent: 5,
        updates_max_day: 6,
        creates_max: 7,
        creates_max_percent: 8,
        creates_max_day: 9,
    };
    assert_eq!(limits, expected);
}

#[test]
fn durations_are_whole_numbers_with_a_unit() {
    for (text, millis) in [
        ("500ms", 500),
        ("90s", 90_000),
        ("30m", 1_800_000),
        ("12h", 43_200_000),
        ("60d", 5_184_000_000),
    ] {
        assert_eq!(
            value::duration(text),
            Ok(Duration::from_millis(millis)),
            "{text}"
        );
    }
    for text in [
        "",
        "5",
        "s",
        "1.5h",
        "-1s",
        "1 h",
        "1H",
        "1w",
        "99999999999999999999d",
        "4000d",
    ] {
        assert!(value::duration(text).is_err(), "{text}");
    }
}

#[test]
fn the_nearest_known_word_is_named_and_a_far_one_is_not() {
    let known = ["base_url", "time_zone", "user_token", "company_id", "name"];
    for (word, near) in [
        ("baseurl", Some("base_url")),
        ("timezone", Some("time_zone")),
        ("Time-Zone", Some("time_zone")),
        ("token", Some("user_token")),
        ("compny_id", Some("company_id")),
        ("nmae", Some("name")),
        ("password", None),
        ("x", None),
    ] {
        assert_eq!(value::nearest(word, known), near, "{word}");
    }
}

#[test]
fn only_loopback_may_go_without_encryption() {
    for url in [
        "http://127.0.0.1:8080",
        "http://localhost:1",
        "http://[::1]:2",
        "https://api.example.com",
        "https://api.example.com:8443/",
    ] {
        assert!(value::base_url(url).is_ok(), "{url}");
    }
    for url in [
        "http://10.0.0.1",
        "http://localhost.example.com",
        "ftp://api.example.com",
        "https://",
        "https://a.example/b",
        "https://a.example?x=1",
    ] {
        assert!(value::base_url(url).is_err(), "{url}");
    }
}
