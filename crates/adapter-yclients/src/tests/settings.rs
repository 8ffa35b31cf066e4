//! Settings that cannot work, and secrets that must not print.

use std::sync::Arc;

use secrecy::SecretString;
use slotbridge_core::projection::{Projection, TextHeld};
use slotbridge_platform::Platform;
use slotbridge_platform::testing::ScriptedTransport;

use super::support::{COMPANY, PARTNER, PASSWORD, Setup, USER, sink};
use crate::{CAPABILITIES, KIND, UserAuth, YclientsConfig, YclientsPlatform};

fn usual() -> YclientsConfig {
    YclientsConfig::new(
        COMPANY,
        SecretString::from(PARTNER),
        UserAuth::Token(SecretString::from(USER)),
    )
}

fn login(login: &str, password: &str) -> UserAuth {
    UserAuth::Login {
        login: login.to_owned(),
        password: SecretString::from(password),
    }
}

#[tokio::test(start_paused = true)]
async fn a_setting_that_cannot_work_is_named() {
    let token = |text: &str| SecretString::from(text);
    let table: [(YclientsConfig, &str); 10] = [
        (
            YclientsConfig {
                company_id: 0,
                ..usual()
            },
            "company_id",
        ),
        (
            YclientsConfig {
                page_size: 0,
                ..usual()
            },
            "page_size",
        ),
        (
            YclientsConfig {
                page_size: 1001,
                ..usual()
            },
            "page_size",
        ),
        (
            YclientsConfig {
                partner_token: token(""),
                ..usual()
            },
            "partner_token",
        ),
        (
            YclientsConfig {
                partner_token: token("secret, User x"),
                ..usual()
            },
            "partner_token",
        ),
        (
            YclientsConfig {
                auth: UserAuth::Token(token("")),
                ..usual()
            },
            "user_token",
        ),
        (
            YclientsConfig {
                auth: UserAuth::Token(token("secret\n")),
                ..usual()
            },
            "user_token",
        ),
        (
            YclientsConfig {
                auth: UserAuth::Token(token("Bearer secret")),
                ..usual()
            },
            "user_token",
        ),
        (
            YclientsConfig {
                auth: login(" ", "secret"),
                ..usual()
            },
            "login",
        ),
        (
            YclientsConfig {
                auth: login("sync@example.com", ""),
                ..usual()
            },
            "password",
        ),
    ];
    for (config, key) in table {
        let account =
            Setup::default().account(ScriptedTransport::new([]), "https://api.example.com");
        let error = YclientsPlatform::new(account, config).expect_err(key);
        assert_eq!(error.key, key);
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let account = Setup::default().account(ScriptedTransport::new([]), "https://api.example com");
    assert_eq!(
        YclientsPlatform::new(account, usual())
            .expect_err("a URL with a space")
            .key,
        "base_url"
    );
}

#[tokio::test(start_paused = true)]
async fn a_usual_account_connects_without_a_call() {
    let scripted = Setup::default().play([]);
    let platform: Arc<dyn Platform> = Arc::new(scripted.platform);
    assert_eq!((platform.name().as_str(), platform.kind()), ("salon", KIND));
    assert_eq!(platform.capabilities(), &CAPABILITIES);
    assert_eq!(platform.projection(), &Projection::WHOLE);
    assert!(scripted.transport.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn behind_a_sink_no_contacts_are_held() {
    let scripted = Setup {
        contacts: sink(),
        ..Setup::default()
    }
    .play([]);
    let projection = scripted.platform.projection();
    assert_eq!(
        (projection.phone, projection.email),
        (TextHeld::Not, TextHeld::Not)
    );
    assert_eq!(projection.name, TextHeld::Whole);
}

#[tokio::test(start_paused = true)]
async fn no_secret_prints() {
    let config = YclientsConfig {
        auth: login("sync@example.com", PASSWORD),
        ..usual()
    };
    let platform = Setup::logging_in().play([]).platform;
    for printed in [
        format!("{config:?}"),
        format!("{:?}", usual()),
        format!("{platform:?}"),
    ] {
        for secret in [PARTNER, USER, PASSWORD, "sync@example.com"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }
}
