//! What the adapter makes of replies and webhooks that nobody promised: the way in for property tests and fuzz targets.

use secrecy::SecretString;
use slotbridge_core::model::ServiceKey;
use slotbridge_platform::testing::hostile::{self, Parrot, Said};

use crate::{RubitimeConfig, RubitimePlatform};

/// Asks a platform for everything that answers with what the input holds, and gives the input to it as a webhook.
///
/// # Panics
/// Where something fails without saying where or why.
pub async fn said(input: &[u8]) -> Said {
    let config = RubitimeConfig {
        branch_id: 1013,
        api_key: SecretString::from("an-api-key"),
        marker_field: "custom_field3".parse().ok(),
        probe: None,
        busy_service: None,
    };
    let account = hostile::account(Parrot::new(input, dress));
    let platform = RubitimePlatform::new(account, config).expect("settings that fit");
    let draft = hostile::draft("1702", ServiceKey::new("3925"));
    let mut said = hostile::round(&platform, &draft).await;
    said.texts.extend(hostile::webhook(&platform, input).texts);
    said
}

/// Nothing needs to be right for everything to be asked.
fn dress(_request: &http::Request<bytes::Bytes>, body: &[u8]) -> Vec<u8> {
    body.to_vec()
}
