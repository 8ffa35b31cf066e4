//! From a config to platforms and bridges that the engine can run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use slotbridge_core::mapping::Mapping;
use slotbridge_core::model::PlatformName;
use slotbridge_engine::bridge::{Bridge, Member};
use slotbridge_engine::daemon::PlatformQuota;
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
    /// What its calls have to keep to.
    quota: PlatformQuota,
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
        let account = account(platform, Arc::clone(gate), parts);
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
                    quota: PlatformQuota {
                        quotas: quotas_of(platform),
                        scope,
                        poll_every: platform.poll_every,
                        gate: Some(Arc::clone(gate)),
                    },
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
        let quotas = quotas_of(platform);
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

/// The limits of an account: the config's, else those of its kind.
fn quotas_of(platform: &PlatformConfig) -> Vec<Quota> {
    platform
        .quota
        .clone()
        .unwrap_or_else(|| platform.settings.capabilities().quotas.to_vec())
}

/// What each platform's calls have to keep to.
pub(crate) fn quotas(platforms: &Platforms) -> BTreeMap<PlatformName, PlatformQuota> {
    platforms
        .iter()
        .map(|(name, built)| (name.clone(), built.quota.clone()))
        .collect()
}

fn account(platform: &PlatformConfig, gate: Arc<Gate>, parts: &Parts) -> Account {
    let mut secrets = platform.settings.secrets();
    secrets.extend(platform.webhook_token.clone());
    Account {
        name: platform.name.clone(),
        api: Arc::new(Api::new(ApiParts {
            platform: platform.name.clone(),
            transport: Arc::new(Counted {
                inner: Arc::clone(&parts.transport),
                platform: platform.name.clone(),
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

/// How long a start waits for a platform that is asked for its zone.
const TELLS_WITHIN: Duration = Duration::from_secs(5);

/// When a platform is asked for its zone.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AskZone<'a> {
    /// Whenever the config does not say it, so that a move to another zone is noticed.
    Always,
    /// Only if it never said it, and not for long: a start must not wait for a platform that is down.
    IfUnknown(&'a dyn Seam),
}

/// The zones of the accounts, each found out once; those that nobody knows are left out.
pub(crate) async fn zones(
    config: &Config,
    platforms: &Platforms,
    store: &Store,
    ask: AskZone<'_>,
) -> Result<BTreeMap<PlatformName, TimeZone>, Failure> {
    let mut zones = BTreeMap::new();
    for (name, built) in platforms {
        if let Some(account) = config.platform(name.as_str())
            && let Some(zone) = zone(account, built.platform.as_ref(), store, ask).await?
        {
            zones.insert(name.clone(), zone);
        }
    }
    Ok(zones)
}

/// Builds the bridges over these platforms. An account whose zone nobody knows yet cannot be read either.
pub(crate) fn bridges(
    config: &Config,
    platforms: &Platforms,
    zones: &BTreeMap<PlatformName, TimeZone>,
) -> Vec<Bridge> {
    config
        .bridges
        .iter()
        .map(|bridge| build_bridge(config, bridge, platforms, zones))
        .collect()
}

fn build_bridge(
    config: &Config,
    bridge: &BridgeConfig,
    platforms: &Platforms,
    zones: &BTreeMap<PlatformName, TimeZone>,
) -> Bridge {
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
            time_zone: zones
                .get(&member.platform)
                .cloned()
                .unwrap_or_else(TimeZone::unknown),
            lead_time: account.settings.lead_time(),
            known_records: account.settings.known_records(),
            chooses_block_service: account.settings.chooses_block_service(),
        });
    }
    Bridge {
        name: bridge.name.clone(),
        members,
        policy: bridge.policy.clone(),
        window_past: bridge.window_past,
        window_future: bridge.window_future,
        limits: bridge.limits.clone(),
        on_overlap: bridge.on_overlap,
        on_removal: bridge.on_removal,
        share: bridge.share,
    }
}

/// The zone of an account: the config's, else what the platform says now, else what it said last.
async fn zone(
    account: &PlatformConfig,
    platform: &dyn Platform,
    store: &Store,
    ask: AskZone<'_>,
) -> Result<Option<TimeZone>, Failure> {
    if let Some(zone) = &account.time_zone {
        return Ok(Some(zone.clone()));
    }
    let before = store.platform_state(&account.name).await?.time_zone;
    let before = before.and_then(|name| TimeZone::get(&name).ok());
    Ok(match ask {
        AskZone::Always => told(platform).await.or(before),
        AskZone::IfUnknown(_) if before.is_some() => before,
        AskZone::IfUnknown(seam) => told_soon(platform, seam).await,
    })
}

/// The zone as the platform tells it, if it does so soon.
pub(crate) async fn told_soon(platform: &dyn Platform, seam: &dyn Seam) -> Option<TimeZone> {
    tokio::select! {
        told = told(platform) => told,
        () = seam.sleep(TELLS_WITHIN) => {
            tracing::warn!(platform = %platform.name(), "The platform did not tell its zone in time.");
            None
        }
    }
}

async fn told(platform: &dyn Platform) -> Option<TimeZone> {
    match platform.catalogue().await {
        Ok(catalogue) => catalogue
            .time_zone
            .and_then(|name| TimeZone::get(&name).ok()),
        Err(error) => {
            tracing::warn!(platform = %platform.name(), kind = ?error.kind, "The platform did not tell its zone.");
            None
        }
    }
}
