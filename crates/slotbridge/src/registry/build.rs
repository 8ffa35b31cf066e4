//! From a config to platforms and bridges that the engine can run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::Context as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use slotbridge_core::mapping::Mapping;
use slotbridge_core::model::PlatformName;
use slotbridge_engine::bridge::{Bridge, Member};
use slotbridge_platform::capabilities::Quota;
use slotbridge_platform::client::{Api, ApiParts};
use slotbridge_platform::gate::{CallLog, CallLogError, Gate, GateSettings};
use slotbridge_platform::seam::Seam;
use slotbridge_platform::transport::Transport;
use slotbridge_platform::{Account, Platform};
use slotbridge_store::{CallJournal, Store};

use super::counted::{CallListener, Counted};
use crate::cli::report::Failure;
use crate::config::problem::{ConfigError, Problem};
use crate::config::{BridgeConfig, Config, PlatformConfig};

/// Platforms by their names.
pub(crate) type Platforms = BTreeMap<PlatformName, Built>;

/// A platform that is ready to be called.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    /// The platform.
    pub(crate) platform: Arc<dyn Platform>,
    /// Calls made to it so far.
    calls: Arc<AtomicU64>,
}

/// What every platform of a process shares.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    /// Clock, waiting and random numbers.
    pub(crate) seam: Arc<dyn Seam>,
    /// What carries exchanges.
    pub(crate) transport: Arc<dyn Transport>,
    /// The durable record of calls.
    pub(crate) calls: Arc<CallJournal>,
    /// Who hears how each call came out.
    pub(crate) listener: Option<Arc<dyn CallListener>>,
}

/// The call journal as the gate wants it.
#[derive(Debug)]
struct Journal(Arc<CallJournal>);

impl CallLog for Journal {
    fn load(&self, scope: &str, since: Timestamp) -> Result<Option<Vec<Timestamp>>, CallLogError> {
        self.0.load(scope, since).map_err(CallLogError::new)
    }

    fn note(&self, scope: &str, at: Timestamp) -> Result<(), CallLogError> {
        self.0.note(scope, at).map_err(CallLogError::new)
    }
}

/// Builds the platforms of these bridges; each account once, and one gate for each quota that accounts share.
pub(crate) fn platforms(config: &Config, parts: &Parts) -> Result<Platforms, Failure> {
    let used: BTreeSet<&PlatformName> = config
        .bridges
        .iter()
        .flat_map(|bridge| &bridge.members)
        .map(|member| &member.platform)
        .collect();
    let accounts: Vec<&PlatformConfig> = config
        .platforms
        .iter()
        .filter(|platform| used.contains(&platform.name))
        .collect();
    let gates = gates(&accounts, parts)?;
    let mut platforms = Platforms::new();
    let mut problems = Vec::new();
    for platform in accounts {
        let scope = platform.settings.quota_scope(&platform.base_url);
        let Some(gate) = gates.get(&scope) else {
            continue;
        };
        let calls = Arc::new(AtomicU64::new(0));
        let account = account(platform, Arc::clone(gate), &calls, parts);
        let mappings: Vec<&Mapping> = config
            .bridges
            .iter()
            .flat_map(|bridge| &bridge.members)
            .filter(|member| member.platform == platform.name)
            .map(|member| &member.mapping)
            .collect();
        match platform.settings.build(account, &mappings) {
            Ok(built) => {
                let built = Built {
                    platform: built,
                    calls,
                };
                platforms.insert(platform.name.clone(), built);
            }
            Err(error) => problems.push(Problem {
                place: Some(platform.place),
                key: format!("platform.{}.{}", platform.name, error.key),
                message: error.message,
            }),
        }
    }
    if problems.is_empty() {
        Ok(platforms)
    } else {
        Err(Failure::Config(ConfigError {
            file: config.file.clone(),
            problems,
        }))
    }
}

/// One gate per quota scope. Where accounts of one scope name different quotas, all of them hold.
fn gates(
    accounts: &[&PlatformConfig],
    parts: &Parts,
) -> Result<BTreeMap<String, Arc<Gate>>, Failure> {
    let mut settings: BTreeMap<String, GateSettings> = BTreeMap::new();
    for platform in accounts {
        let scope = platform.settings.quota_scope(&platform.base_url);
        let capabilities = platform.settings.capabilities();
        let quotas: Vec<Quota> = platform
            .quota
            .clone()
            .unwrap_or_else(|| capabilities.quotas.to_vec());
        let parallel = platform.parallel.unwrap_or(capabilities.parallel);
        let shared = settings
            .entry(scope.clone())
            .or_insert_with(|| GateSettings {
                scope,
                quotas: Vec::new(),
                parallel,
            });
        shared.parallel = shared.parallel.min(parallel);
        for quota in quotas {
            if !shared.quotas.contains(&quota) {
                shared.quotas.push(quota);
            }
        }
    }
    let mut gates = BTreeMap::new();
    for (scope, settings) in settings {
        let log = Arc::new(Journal(Arc::clone(&parts.calls)));
        let gate = Gate::open(settings, Arc::clone(&parts.seam), log)
            .context("cannot read the log of calls")?;
        gates.insert(scope, gate);
    }
    Ok(gates)
}

fn account(
    platform: &PlatformConfig,
    gate: Arc<Gate>,
    calls: &Arc<AtomicU64>,
    parts: &Parts,
) -> Account {
    let mut secrets = platform.settings.secrets();
    secrets.extend(platform.webhook_token.clone());
    Account {
        name: platform.name.clone(),
        api: Arc::new(Api::new(ApiParts {
            platform: platform.name.clone(),
            transport: Arc::new(Counted {
                inner: Arc::clone(&parts.transport),
                platform: platform.name.clone(),
                calls: Arc::clone(calls),
                listener: parts.listener.clone(),
            }),
            gate,
            seam: Arc::clone(&parts.seam),
            base_url: platform.base_url.clone(),
            timeout: platform.timeout,
            headers: platform.headers.clone(),
            secrets,
        })),
        time_zone: platform.time_zone.clone(),
        default_country: platform.default_country.clone(),
        contacts: platform.contacts.clone(),
        busy_name: platform.busy_name.clone(),
    }
}

/// Builds the bridges over these platforms.
pub(crate) async fn bridges(
    config: &Config,
    platforms: &Platforms,
    store: &Store,
) -> Result<Vec<Bridge>, Failure> {
    let mut bridges = Vec::with_capacity(config.bridges.len());
    for bridge in &config.bridges {
        bridges.push(build_bridge(config, bridge, platforms, store).await?);
    }
    Ok(bridges)
}

async fn build_bridge(
    config: &Config,
    bridge: &BridgeConfig,
    platforms: &Platforms,
    store: &Store,
) -> Result<Bridge, Failure> {
    let mut members = Vec::with_capacity(bridge.members.len());
    for member in &bridge.members {
        let (Some(built), Some(account)) = (
            platforms.get(&member.platform),
            config.platform(member.platform.as_str()),
        ) else {
            continue;
        };
        members.push(Member {
            platform: Arc::clone(&built.platform),
            mapping: member.mapping.clone(),
            direction: member.direction,
            time_zone: zone(account, built.platform.as_ref(), store).await?,
            lead_time: account.settings.lead_time(),
            known_records: account.settings.known_records(),
            chooses_block_service: account.settings.chooses_block_service(),
            calls: Arc::clone(&built.calls),
        });
    }
    Ok(Bridge {
        name: bridge.name.clone(),
        members,
        policy: bridge.policy.clone(),
        window_past: bridge.window_past,
        window_future: bridge.window_future,
        limits: bridge.limits.clone(),
        on_overlap: bridge.on_overlap,
        on_removal: bridge.on_removal,
        share: bridge.share,
    })
}

/// The zone of an account: the config's, else what the platform says now, so that a move to another zone is noticed;
/// else what it said last. A platform that was never heard of is in UTC for this run; it cannot be read either.
async fn zone(
    account: &PlatformConfig,
    platform: &dyn Platform,
    store: &Store,
) -> Result<TimeZone, Failure> {
    if let Some(zone) = &account.time_zone {
        return Ok(zone.clone());
    }
    let told = match platform.catalogue().await {
        Ok(catalogue) => catalogue.time_zone,
        Err(error) => {
            tracing::warn!(platform = %account.name, kind = ?error.kind, "The platform did not tell its zone.");
            store.platform_state(&account.name).await?.time_zone
        }
    };
    Ok(told
        .and_then(|name| TimeZone::get(&name).ok())
        .unwrap_or(TimeZone::UTC))
}
