//! Blocks: times that are taken elsewhere by nobody knows whom, and so without a service.

use std::collections::BTreeSet;

use slotbridge_core::model::{Client, Field, Kind, Private, ServiceKey};
use slotbridge_platform::platform::{Draft, Edit};
use slotbridge_platform::{ErrorKind, Platform as _};
use slotbridge_sim::Inspect as _;
use slotbridge_sim::simplybook::Options;

use super::bench::SimBench;
use super::support::{COMPANY, admin, draft, public, sink, zone};
use crate::{Mode, SimplybookConfig};

fn bench(mode: Mode, busy_service: Option<&str>) -> SimBench {
    let config = SimplybookConfig {
        busy_service: busy_service.map(ServiceKey::new),
        ..SimplybookConfig::new(COMPANY, mode)
    };
    SimBench::in_process(&zone("Europe/London"), sink(), config, &Options::default())
}

fn block() -> Draft {
    Draft {
        services: Vec::new(),
        client: Client::default(),
        comment: Private::new(""),
        kind: Kind::Block,
        ..draft()
    }
}

fn services(bench: &SimBench) -> Vec<Vec<u64>> {
    let live = bench.sim.live();
    live.into_iter().map(|seen| seen.services).collect()
}

#[tokio::test(start_paused = true)]
async fn a_block_is_booked_under_the_busy_service_and_an_appointment_never_is() {
    for mode in [admin(), public()] {
        let bench = bench(mode, Some("5"));
        bench.platform.create(&block()).await.unwrap();
        assert_eq!(services(&bench), [[5]]);
        let nameless = Draft {
            kind: Kind::Appointment,
            ..block()
        };
        let refused = bench.platform.create(&nameless).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Refused);
        assert_eq!(services(&bench), [[5]]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_block_keeps_its_service_when_it_changes_and_is_refused_without_one() {
    let bench = bench(admin(), Some("5"));
    let made = bench.platform.create(&block()).await.unwrap();
    let edit = Edit {
        desired: block(),
        fields: BTreeSet::from([Field::Services]),
        expected: None,
    };
    bench.platform.update(&made.id, &edit).await.unwrap();
    assert_eq!(services(&bench), [[5]]);

    let without = self::bench(admin(), None);
    let refused = without.platform.create(&block()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Refused);
    assert!(without.sim.live().is_empty());
}
