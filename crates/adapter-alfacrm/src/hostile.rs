//! What the adapter makes of replies and webhooks that nobody promised: the way in for property tests and fuzz targets.

use secrecy::SecretString;
use slotbridge_platform::testing::hostile::{self, Parrot, Said};

use crate::{AlfacrmConfig, AlfacrmPlatform, service_key};

/// Asks a platform for everything that answers with what the input holds, and gives the input to it as a webhook.
///
/// # Panics
/// Where something fails without saying where or why.
pub async fn said(input: &[u8]) -> Said {
    let account = hostile::account(Parrot::new(input, dress));
    let config = AlfacrmConfig::new(2, "sync@example.com", SecretString::from("an-api-key"));
    let platform = AlfacrmPlatform::new(account, config).expect("settings that fit");
    let draft = hostile::draft("17", service_key(6, 1));
    let mut said = hostile::round(&platform, &draft).await;
    said.texts.extend(hostile::webhook(&platform, input).texts);
    said
}

/// Logins are granted.
fn dress(request: &http::Request<bytes::Bytes>, body: &[u8]) -> Vec<u8> {
    if request.uri().path().ends_with("/auth/login") {
        br#"{"token":"0123456789abcdef0123456789abcdef"}"#.to_vec()
    } else {
        body.to_vec()
    }
}
