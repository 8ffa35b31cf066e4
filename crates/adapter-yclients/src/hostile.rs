//! What the adapter makes of replies and webhooks that nobody promised: the way in for property tests and fuzz targets.

use secrecy::SecretString;
use slotbridge_core::model::ServiceKey;
use slotbridge_platform::testing::hostile::{self, Parrot, Said};

use crate::{UserAuth, YclientsConfig, YclientsPlatform};

/// Asks a platform for everything that answers with what the input holds, and gives the input to it as a webhook.
///
/// # Panics
/// Where something fails without saying where or why.
pub async fn said(input: &[u8]) -> Said {
    let account = hostile::account(Parrot::new(input, dress));
    let auth = UserAuth::Token(SecretString::from("a-user-token"));
    let config = YclientsConfig::new(7001, SecretString::from("a-partner-token"), auth);
    let platform = YclientsPlatform::new(account, config).expect("settings that fit");
    let draft = hostile::draft("310", ServiceKey::new("42"));
    let mut said = hostile::round(&platform, &draft).await;
    said.texts.extend(hostile::webhook(&platform, input).texts);
    said
}

/// Nothing needs to be right for everything to be asked.
fn dress(_request: &http::Request<bytes::Bytes>, body: &[u8]) -> Vec<u8> {
    body.to_vec()
}
