//! A platform over a transport that follows a script, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use slotbridge_core::model::{Field, PlatformName, RemoteId};
use slotbridge_core::record::Record;
use slotbridge_platform::client::{Api, ApiParts};
use slotbridge_platform::gate::{Gate, GateSettings};
use slotbridge_platform::platform::Edit;
use slotbridge_platform::seam::Seam;
use slotbridge_platform::testing::{MemoryCallLog, Scene, ScriptedTransport, VirtualSeam};
use slotbridge_platform::transport::Transport;
use slotbridge_platform::{Account, Contacts};

use super::{BOOKING, at, draft, fixture};
use crate::{QUOTAS, RubitimeConfig, RubitimePlatform};

pub(super) const KEY: &str = "a-planted-api-key";

pub(super) fn config() -> RubitimeConfig {
    RubitimeConfig {
        branch_id: 1013,
        api_key: SecretString::from(KEY),
        marker_field: None,
        probe: None,
        busy_service: None,
    }
}

pub(super) fn account(
    transport: Arc<dyn Transport>,
    seam: Arc<dyn Seam>,
    base_url: &str,
) -> Account {
    let settings = GateSettings {
        scope: "key".to_owned(),
        quotas: QUOTAS.to_vec(),
        parallel: 1,
    };
    let gate = Gate::open(
        settings,
        Arc::clone(&seam),
        Arc::new(MemoryCallLog::knowing("key")),
    )
    .unwrap();
    let name = PlatformName::new("site").unwrap();
    Account {
        name: name.clone(),
        api: Arc::new(Api::new(ApiParts {
            platform: name,
            transport,
            gate,
            seam,
            base_url: base_url.to_owned(),
            timeout: Duration::from_secs(30),
            headers: http::HeaderMap::new(),
            secrets: Vec::new(),
        })),
        time_zone: Some(TimeZone::get("Europe/Moscow").unwrap()),
        default_country: "RU".to_owned(),
        contacts: Contacts::Real,
        busy_name: "Занято".to_owned(),
    }
}

pub(super) struct Bench {
    pub(super) transport: Arc<ScriptedTransport>,
    pub(super) account: Account,
    pub(super) config: RubitimeConfig,
}

/// Plays fixtures, or whatever else a scene is.
pub(super) fn bench(scenes: impl IntoIterator<Item = Scene>) -> Bench {
    let transport = ScriptedTransport::lasting(Duration::from_secs(1), scenes);
    let seam = Arc::new(VirtualSeam::new(at("2031-05-01T00:00:00Z"), 7));
    let carrier: Arc<dyn Transport> = Arc::<ScriptedTransport>::clone(&transport);
    Bench {
        account: account(carrier, seam, "https://rubitime.example"),
        transport,
        config: config(),
    }
}

pub(super) fn reply(path: &str) -> Scene {
    Scene::Response(http::Response::new(Bytes::from(fixture(path))))
}

impl Bench {
    pub(super) fn platform(&self) -> RubitimePlatform {
        RubitimePlatform::new(self.account.clone(), self.config.clone()).unwrap()
    }

    /// Method and body of every request, the key taken out.
    pub(super) fn sent(&self) -> Vec<String> {
        assert_eq!(self.transport.scenes_left(), 0, "every scene was played");
        let requests = self.transport.requests();
        let text = |request: &http::Request<Bytes>| {
            let body = String::from_utf8(request.body().to_vec()).unwrap();
            let method = request.uri().path().trim_start_matches("/api2/").to_owned();
            format!(
                "{method} {}",
                body.replace(&format!(r#""rk":"{KEY}","#), "")
            )
        };
        requests.iter().map(text).collect()
    }
}

pub(super) fn id() -> RemoteId {
    RemoteId::new("7000123")
}

pub(super) fn edit(fields: &[Field], expected: Option<Record>) -> Edit {
    Edit {
        desired: draft(),
        fields: fields.iter().copied().collect(),
        expected: expected.map(Box::new),
    }
}

pub(super) fn marked(record: Record) -> Record {
    Record {
        marker: Some(BOOKING),
        ..record
    }
}
