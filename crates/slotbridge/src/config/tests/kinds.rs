//! What only some kinds have: modes, a sink by default, an address of one's own, ids of two parts, quota scopes.

use slotbridge_core::model::ServiceName;
use slotbridge_platform::Contacts;
use slotbridge_platform::capabilities::{Discovery, Updates};

use super::{SMALL, parse};

/// A company and a branch, with nothing but what they must have.
const INTERNATIONAL: &str = r#"[store]
path = "slotbridge.db"

[platform.world]
kind = "simplybook"
mode = "public"
company = "acme"
api_key = "planted-key"
secret_key = "planted-secret"
sink_email = "sync@example.com"
sink_phone = "+79000000099"

[platform.school]
kind = "alfacrm"
base_url = "https://demo.s20.online/"
branch_id = 2
email = "sync@example.com"
api_key = "planted-key"
time_zone = "Europe/Moscow"

[[bridge]]
name = "main"
platforms = ["world", "school"]

[[bridge.resource]]
name = "anna"
world = 3
school = 17

[[bridge.service]]
name = "piano"
world = 7
school = { subject_id = 6, lesson_type_id = 1 }
"#;

// R43
#[test]
fn simplybook_gets_a_sink_unless_told_otherwise_and_alfacrm_a_service_of_two_ids() {
    let config = parse(INTERNATIONAL).unwrap();
    let [world, school] = &*config.platforms else {
        panic!("two platforms")
    };
    assert_eq!(world.base_url, "https://user-api.simplybook.me");
    assert!(
        matches!(&world.contacts, Contacts::Sink { phone, .. } if phone.expose() == "+79000000099")
    );
    assert_eq!(school.base_url, "https://demo.s20.online");
    assert_eq!(school.contacts, Contacts::Real);
    let piano = ServiceName::new("piano").unwrap();
    assert_eq!(
        config.bridges[0].members[1]
            .mapping
            .service_key(&piano)
            .unwrap()
            .as_str(),
        adapter_alfacrm::service_key(6, 1).as_str()
    );
    let real = INTERNATIONAL
        .replace(
            "sink_email = \"sync@example.com\"\n",
            "contacts = \"real\"\n",
        )
        .replace("sink_phone = \"+79000000099\"\n", "");
    assert_eq!(parse(&real).unwrap().platforms[0].contacts, Contacts::Real);
}

#[test]
fn accounts_of_one_quota_share_a_scope_and_no_scope_shows_a_key() {
    let scope = |text: &str, name: &str| {
        let config = parse(text).unwrap();
        let platform = config.platform(name).unwrap();
        platform.settings.quota_scope(&platform.base_url)
    };
    assert_eq!(
        scope(INTERNATIONAL, "world"),
        "simplybook user-api.simplybook.me acme"
    );
    assert_eq!(scope(INTERNATIONAL, "school"), "alfacrm demo.s20.online");
    let admin = INTERNATIONAL
        .replace("mode = \"public\"", "mode = \"admin\"")
        .replace(
            "api_key = \"planted-key\"\nsecret_key",
            "user = \"sync\"\npassword",
        );
    assert_eq!(scope(&admin, "world"), scope(INTERNATIONAL, "world"));
    let updates = |text: &str| {
        let config = parse(text).unwrap();
        let capabilities = config.platforms[0].settings.capabilities();
        (capabilities.discovery, capabilities.updates)
    };
    assert_eq!(
        updates(INTERNATIONAL),
        (Discovery::ReadKnown, Updates::CancelAndRebook)
    );
    assert_eq!(updates(&admin), (Discovery::List, Updates::InPlace));
    for (text, name) in [
        (SMALL, "salon"),
        (SMALL, "site"),
        (INTERNATIONAL, "world"),
        (&admin, "world"),
    ] {
        assert!(!scope(text, name).contains("planted"), "{name}");
    }
}
