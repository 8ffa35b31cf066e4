//! What the account is told, and that it keeps its secrets.

use std::sync::Arc;

use secrecy::SecretString;
use slotbridge_platform::testing::{ScriptedTransport, VirtualSeam};
use slotbridge_platform::{Account, Platform as _};

use super::support::{API_KEY, EMAIL, NOW, account, at, config, scripted};
use crate::{AlfacrmConfig, AlfacrmPlatform};

/// Makes a setting unusable.
type Spoil = fn(&mut AlfacrmConfig, &mut Account);

fn plain_account() -> Account {
    let seam = Arc::new(VirtualSeam::new(at(NOW), 7));
    account(
        ScriptedTransport::new([]),
        seam,
        "https://school.example",
        false,
    )
}

#[test]
fn each_setting_that_cannot_work_is_named() {
    let table: [(&str, Spoil); 9] = [
        ("branch_id", |config, _| config.branch_id = 0),
        ("email", |config, _| config.email = "sync".to_owned()),
        ("api_key", |config, _| {
            config.api_key = SecretString::from(" ");
        }),
        ("app_key", |config, _| {
            config.app_key = Some(SecretString::from("a\nb"));
        }),
        ("room_id", |config, _| config.room_id = Some(0)),
        ("busy_subject_id", |config, _| {
            config.busy_subject_id = Some(0);
        }),
        ("page_size", |config, _| config.page_size = 501),
        ("page_size", |config, _| config.page_size = 0),
        ("time_zone", |_, account| account.time_zone = None),
    ];
    for (key, spoil) in table {
        let (mut config, mut account) = (config(), plain_account());
        spoil(&mut config, &mut account);
        let error = AlfacrmPlatform::new(account, config).unwrap_err();
        assert_eq!(error.key, key);
        assert!(!error.message.contains(API_KEY), "{error}");
    }
    assert!(AlfacrmPlatform::new(plain_account(), config()).is_ok());
}

#[test]
fn no_debug_output_shows_a_secret() {
    let (platform, _) = scripted([]);
    let shown = format!("{:?} {platform:?} {:?}", config(), platform.capabilities());
    assert!(
        !shown.contains(API_KEY) && !shown.contains(EMAIL),
        "{shown}"
    );
    assert_eq!(platform.kind(), crate::KIND);
}

#[test]
fn the_quota_leaves_room_below_the_documented_one() {
    // Five a second per address, all methods together (alfacrm contract, 4).
    let [quota] = crate::QUOTAS;
    let per_second = f64::from(quota.calls) / quota.per.as_secs_f64();
    assert!(per_second < 5.0 && crate::CAPABILITIES.parallel < 15);
}
