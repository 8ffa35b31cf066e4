//! One process of slotbridge in the simulation: the real store on a real file, the real adapters, the real engine.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use adapter_alfacrm::{AlfacrmConfig, AlfacrmPlatform};
use adapter_rubitime::{RubitimeConfig, RubitimePlatform};
use adapter_simplybook::{Mode as SimplybookMode, SimplybookConfig, SimplybookPlatform};
use adapter_yclients::{UserAuth, YclientsConfig, YclientsPlatform};
use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use slotbridge_core::guard::Limits;
use slotbridge_core::mapping::Mapping;
use slotbridge_core::merge::{ConflictPolicy, Policy, RemovedAndEdited};
use slotbridge_core::model::{
    BridgeName, PlatformName, Private, RemoteId, ResourceKey, ResourceName, ServiceKey, ServiceName,
};
use slotbridge_engine::Engine;
use slotbridge_engine::bridge::{Bridge, Direction, Member, OnOverlap, OnRemoval, Share};
use slotbridge_engine::daemon::PlatformQuota;
use slotbridge_platform::client::{Api, ApiParts};
use slotbridge_platform::gate::{CallLog, CallLogError, Gate, GateSettings};
use slotbridge_platform::seam::Seam;
use slotbridge_platform::{Account, Capabilities, Contacts, Platform};
use slotbridge_store::{CallJournal, OpenOptions, Store, StoreError};

use super::canary::{Broken, Canary};
use super::fate::Fate;
use super::seam::{Machine, MortalSeam};
use super::wire::{Network, Wire};
use crate::simulation::scenario::{Removed, Simplybook, Winner};
use crate::simulation::{Scenario, cast, stage};
use crate::world::{BRANCH_ID, COMPANY, COMPANY_ID, Place, SCHOOL_BRANCH_ID, SERVICES};

/// The secrets of the accounts.
pub(crate) const SECRETS: [&str; 9] = [
    "demo-partner-token",
    "demo-user-token",
    "demo-rubitime-key",
    "demo-password",
    "demo-simplybook-key",
    "demo-simplybook-secret",
    "demo-alfacrm-key",
    "sync@example.com",
    "sink@example.com",
];

/// A process.
pub(crate) struct Process {
    /// When it dies.
    pub(crate) fate: Arc<Fate>,
    /// The database.
    pub(crate) store: Store,
    /// What drives the core.
    pub(crate) engine: Engine,
    /// The one bridge.
    pub(crate) bridge: Bridge,
    /// Clock, waits and random numbers.
    pub(crate) seam: Arc<dyn Seam>,
    /// What the calls of each platform have to keep to.
    pub(crate) quotas: BTreeMap<PlatformName, PlatformQuota>,
}

/// What a process is made of.
pub(crate) struct Host<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) network: &'a Network,
    pub(crate) machine: &'a Machine,
    pub(crate) canary: Option<Canary>,
    /// Where the database is.
    pub(crate) database: PathBuf,
    /// What the owner has named in the config of records on a platform without a listing.
    pub(crate) named: Vec<u64>,
    /// Whether the platforms' quotas are kept to.
    pub(crate) quotas: bool,
}

/// The call journal as the gate wants it.
#[derive(Debug)]
struct Journal(CallJournal);

impl CallLog for Journal {
    fn load(&self, scope: &str, since: Timestamp) -> Result<Option<Vec<Timestamp>>, CallLogError> {
        self.0.load(scope, since).map_err(CallLogError::new)
    }

    fn note(&self, scope: &str, at: Timestamp) -> Result<(), CallLogError> {
        self.0.note(scope, at).map_err(CallLogError::new)
    }
}

/// Opens the database for writing.
pub(crate) fn open(database: &Path) -> Result<Store, StoreError> {
    let options = OpenOptions {
        lock_wait: Duration::ZERO,
        holder: "slotbridge simulation".to_owned(),
    };
    Store::open_inline(database, &options)
}

impl Process {
    /// Starts over this database; `store` is the copy that a dry run works on, or none to open the real one.
    pub(crate) fn start(host: &Host<'_>, copy: Option<Store>) -> anyhow::Result<Self> {
        let fate = Arc::new(Fate::default());
        let seam: Arc<dyn Seam> =
            Arc::new(MortalSeam::new(host.machine.clone(), Arc::clone(&fate)));
        let calls = if copy.is_some() {
            CallJournal::open_existing_or_memory(&host.database)?
        } else {
            CallJournal::open(&host.database)?
        };
        let store = match copy {
            Some(copy) => copy,
            None => open(&host.database)?,
        };
        let journal: Arc<dyn CallLog> = Arc::new(Journal(calls));
        let mut members = Vec::new();
        let mut quotas = BTreeMap::new();
        for place in &host.scenario.places {
            let (member, quota) = member(host, *place, &fate, &seam, &journal)?;
            quotas.insert(member.platform.name().clone(), quota);
            members.push(member);
        }
        let bridge = bridge(host.scenario, members)?;
        let engine = Engine::new(store.clone(), Arc::clone(&seam));
        Ok(Self {
            fate,
            store,
            engine,
            bridge,
            seam,
            quotas,
        })
    }
}

fn bridge(scenario: &Scenario, members: Vec<Member>) -> anyhow::Result<Bridge> {
    let names: Vec<PlatformName> = members
        .iter()
        .map(|member| member.platform.name().clone())
        .collect();
    let limits = if scenario.guards {
        Limits::default()
    } else {
        Limits {
            removals_max: 0,
            removals_max_percent: 0,
            removals_max_day: 0,
            updates_max_percent: 0,
            ..Limits::default()
        }
    };
    Ok(Bridge {
        name: BridgeName::new("main").context("the bridge's name")?,
        members,
        policy: Policy {
            conflict: match scenario.winner {
                Winner::Newest => ConflictPolicy::Newest,
                Winner::First => ConflictPolicy::Prefer(names),
                Winner::Ask => ConflictPolicy::Ask,
            },
            on_removed_and_edited: match scenario.removed {
                Removed::Remove => RemovedAndEdited::Remove,
                Removed::Keep => RemovedAndEdited::Keep,
                Removed::Ask => RemovedAndEdited::Ask,
            },
        },
        window_past: SignedDuration::from_hours(24),
        window_future: scenario.window,
        limits,
        on_overlap: OnOverlap::Hold,
        on_removal: OnRemoval::Propagate,
        share: Share::Full,
    })
}

fn capabilities(scenario: &Scenario, place: Place) -> &'static Capabilities {
    match (place, scenario.simplybook) {
        (Place::Yclients, _) => &adapter_yclients::CAPABILITIES,
        (Place::Rubitime, _) => &adapter_rubitime::CAPABILITIES,
        (Place::Simplybook, Simplybook::Public) => &adapter_simplybook::CAPABILITIES_PUBLIC,
        (Place::Simplybook, _) => &adapter_simplybook::CAPABILITIES_ADMIN,
        (Place::Alfacrm, _) => &adapter_alfacrm::CAPABILITIES,
    }
}

fn member(
    host: &Host<'_>,
    place: Place,
    fate: &Arc<Fate>,
    seam: &Arc<dyn Seam>,
    journal: &Arc<dyn CallLog>,
) -> anyhow::Result<(Member, PlatformQuota)> {
    let name = PlatformName::new(place.name()).context("a platform's name")?;
    let capabilities = capabilities(host.scenario, place);
    let mut quotas = capabilities.quotas.to_vec();
    let mut parallel = capabilities.parallel;
    if !host.quotas || host.canary == Some(Canary::IgnoresQuotas) {
        quotas.clear();
        parallel = 100;
    }
    let settings = GateSettings {
        scope: place.title().to_owned(),
        quotas,
        parallel,
    };
    let quotas = settings.quotas.clone();
    let gate = Gate::open(settings, Arc::clone(seam), Arc::clone(journal))?;
    let quota = PlatformQuota {
        scope: place.title().to_owned(),
        quotas,
        poll_every: None,
        gate: Some(Arc::clone(&gate)),
    };
    let wire = Wire {
        network: host.network.clone(),
        place,
        fate: Arc::clone(fate),
        canary: host.canary,
    };
    let zone = host.scenario.zone(place);
    let account = Account {
        name: name.clone(),
        api: Arc::new(Api::new(ApiParts {
            platform: name.clone(),
            transport: Arc::new(wire),
            gate,
            seam: Arc::clone(seam),
            base_url: format!("http://{}.invalid", place.name()),
            timeout: Duration::from_secs(30),
            headers: http::HeaderMap::new(),
            secrets: SECRETS.map(SecretString::from).to_vec(),
        })),
        time_zone: Some(zone.clone()),
        default_country: "RU".to_owned(),
        contacts: contacts(host.scenario, place),
        busy_name: "Busy".to_owned(),
    };
    let mapping = mapping(0..host.scenario.staff, place, &name)?;
    let platform = adapter(host.scenario, place, account, &mapping)?;
    let known_records = match place {
        Place::Rubitime => host
            .named
            .iter()
            .map(|id| RemoteId::new(id.to_string()))
            .collect(),
        Place::Yclients | Place::Simplybook | Place::Alfacrm => Vec::new(),
    };
    let member = Member {
        platform: Broken::wrap(platform, host.canary),
        mapping,
        direction: Direction::Both,
        time_zone: zone,
        // The owner says that times can be booked to the last minute: else a busy time before the first free one
        // looks like one that it is too late for.
        lead_time: Some(SignedDuration::ZERO),
        known_records,
        chooses_block_service: false,
    };
    Ok((member, quota))
}

fn contacts(scenario: &Scenario, place: Place) -> Contacts {
    if place == Place::Simplybook && scenario.sink {
        Contacts::Sink {
            email: Private::new("sink@example.com"),
            phone: Private::new("+79990000099"),
        }
    } else {
        Contacts::Real
    }
}

fn service_key(place: Place, service: &crate::world::Service) -> ServiceKey {
    match place {
        Place::Alfacrm => adapter_alfacrm::service_key(service.alfacrm, 1),
        Place::Yclients | Place::Rubitime | Place::Simplybook => {
            ServiceKey::new(place.service(service).to_string())
        }
    }
}

/// The words of a bridge for these members of staff and all services.
pub(crate) fn mapping(
    staff: Range<usize>,
    place: Place,
    name: &PlatformName,
) -> anyhow::Result<Mapping> {
    let mut mapping = Mapping::default();
    for number in staff {
        let resource = ResourceName::new(cast::staff_name(number)).context("a resource's name")?;
        let key = ResourceKey::new(cast::staff_id(place, number).to_string());
        mapping.add_resource(name, &resource, key)?;
    }
    for service in &SERVICES {
        let length = SignedDuration::from_mins(service.minutes);
        let word = ServiceName::new(service.name).context("a service's name")?;
        mapping.add_service(name, &word, service_key(place, service), Some(length))?;
    }
    Ok(mapping)
}

fn adapter(
    scenario: &Scenario,
    place: Place,
    account: Account,
    mapping: &Mapping,
) -> anyhow::Result<Arc<dyn Platform>> {
    let secret = |text: &str| SecretString::from(text);
    Ok(match place {
        Place::Yclients => {
            let auth = UserAuth::Token(secret("demo-user-token"));
            let config = YclientsConfig::new(COMPANY_ID, secret("demo-partner-token"), auth);
            Arc::new(YclientsPlatform::new(account, config)?)
        }
        Place::Rubitime => {
            let service = mapping.services().next().map(|(_, key, _)| key.clone());
            let config = RubitimeConfig {
                branch_id: BRANCH_ID,
                api_key: secret("demo-rubitime-key"),
                marker_field: None,
                probe: None,
                busy_service: service,
            };
            Arc::new(RubitimePlatform::new(account, config)?)
        }
        Place::Simplybook => {
            let mode = match scenario.simplybook {
                Simplybook::Admin | Simplybook::WithMarkerField => SimplybookMode::Admin {
                    user: "sync@example.com".to_owned(),
                    password: secret("demo-password"),
                },
                Simplybook::Public => SimplybookMode::Public {
                    api_key: secret("demo-simplybook-key"),
                    secret_key: secret("demo-simplybook-secret"),
                },
            };
            let has_field = scenario.simplybook == Simplybook::WithMarkerField;
            let config = SimplybookConfig {
                timeframe: Some(30),
                marker_field: has_field.then(|| stage::MARKER_FIELD.to_owned()),
                ..SimplybookConfig::new(COMPANY, mode)
            };
            Arc::new(SimplybookPlatform::new(account, config)?)
        }
        Place::Alfacrm => {
            let key = secret("demo-alfacrm-key");
            let config = AlfacrmConfig {
                busy_subject_id: Some(SERVICES[0].alfacrm),
                ..AlfacrmConfig::new(SCHOOL_BRANCH_ID, "sync@example.com", key)
            };
            Arc::new(AlfacrmPlatform::new(account, config)?)
        }
    })
}
