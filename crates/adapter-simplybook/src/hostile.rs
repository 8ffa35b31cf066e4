//! What the adapter makes of replies and webhooks that nobody promised: the way in for property tests and fuzz targets.

use secrecy::SecretString;
use serde_json::{Value, json};
use slotbridge_core::model::ServiceKey;
use slotbridge_platform::testing::hostile::{self, Parrot, Said};

use crate::{Mode, SimplybookConfig, SimplybookPlatform};

/// Asks a platform for everything that answers with what the input holds, and gives the input to it as a webhook.
///
/// # Panics
/// Where something fails without saying where or why.
pub async fn said(input: &[u8]) -> Said {
    let modes = [
        Mode::Admin {
            user: "sync@example.com".to_owned(),
            password: SecretString::from("a-password"),
        },
        Mode::Public {
            api_key: SecretString::from("an-api-key"),
            secret_key: SecretString::from("a-secret-key"),
        },
    ];
    let draft = hostile::draft("2", ServiceKey::new("4"));
    let mut all = Said::default();
    for mode in modes {
        let account = hostile::account(Parrot::new(input, dress));
        let config = SimplybookConfig::new("acme", mode);
        let platform = SimplybookPlatform::new(account, config).expect("settings that fit");
        let said = hostile::round(&platform, &draft).await;
        all.texts.extend(said.texts);
        all.texts.extend(hostile::webhook(&platform, input).texts);
    }
    all
}

/// Logins are granted, and what is no reply of the protocol is the result of one, to the call that was made.
fn dress(request: &http::Request<bytes::Bytes>, body: &[u8]) -> Vec<u8> {
    let asked: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let field = |name: &str| asked.get(name).cloned().unwrap_or_default();
    let method = field("method");
    let login = ["getToken", "getUserToken"]
        .into_iter()
        .any(|name| method == name);
    let result = if login {
        json!("a-token")
    } else {
        match serde_json::from_slice::<Value>(body) {
            Ok(Value::Object(mut reply))
                if reply.contains_key("result") || reply.contains_key("error") =>
            {
                reply.insert("id".to_owned(), field("id"));
                return Value::Object(reply).to_string().into_bytes();
            }
            Ok(result) => result,
            Err(_) => return body.to_vec(),
        }
    };
    json!({"jsonrpc": "2.0", "id": field("id"), "result": result})
        .to_string()
        .into_bytes()
}
