//! The simulated platforms of one scenario, each with its staff and services.

use std::fmt;

use axum::Router;
use jiff::civil::{Time, time};
use serde_json::Value;

use crate::clock::SimClock;
use crate::person::{Hand, Inspect};
use crate::quota::Quota;
use crate::world::{BRANCH_ID, COMPANY, COMPANY_ID, Place, SCHOOL_BRANCH_ID, SERVICES, Side};
use crate::{AlfacrmSim, RubitimeSim, SimplybookSim, YclientsSim};
use crate::{alfacrm, rubitime, simplybook, yclients};

use super::cast::{staff_id, staff_name};
use super::scenario::{Scenario, Simplybook};

/// The intake field of `SimplyBook.me` that an owner may set aside for the marker.
pub const MARKER_FIELD: &str = "slotbridge_marker";

/// The platforms.
#[derive(Clone)]
pub struct Stage {
    /// The true time; the platforms' clocks show it.
    pub clock: SimClock,
    /// Which of them are on the bridge.
    pub places: Vec<Place>,
    yclients: YclientsSim,
    rubitime: RubitimeSim,
    simplybook: SimplybookSim,
    alfacrm: AlfacrmSim,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage")
            .field("places", &self.places)
            .finish_non_exhaustive()
    }
}

impl Stage {
    /// Sets the platforms up. Must be called inside a runtime whose time the clock follows.
    pub fn new(scenario: &Scenario) -> Self {
        let clock = SimClock::new(scenario.start);
        let zone = |place| scenario.zone(place);
        let yclients = YclientsSim::new(
            COMPANY_ID,
            zone(Place::Yclients),
            clock.clone(),
            yclients::Options::default(),
        );
        let rubitime = RubitimeSim::new(
            BRANCH_ID,
            zone(Place::Rubitime),
            clock.clone(),
            rubitime::Options::default(),
        );
        let simplybook = SimplybookSim::new(
            COMPANY,
            zone(Place::Simplybook),
            clock.clone(),
            // By address, one card would stand for every client of it, with the phone that it had first.
            simplybook::Options {
                client_dedup: simplybook::ClientDedup::Exact,
                ..simplybook::Options::default()
            },
        );
        let alfacrm = AlfacrmSim::new(
            SCHOOL_BRANCH_ID,
            zone(Place::Alfacrm),
            clock.clone(),
            alfacrm::Options::default(),
        );
        let stage = Self {
            clock,
            places: scenario.places.clone(),
            yclients,
            rubitime,
            simplybook,
            alfacrm,
        };
        stage.people_work(scenario);
        if scenario.simplybook == Simplybook::WithMarkerField {
            stage
                .simplybook
                .add_intake_field(MARKER_FIELD, "slotbridge", false);
        }
        stage
    }

    fn people_work(&self, scenario: &Scenario) {
        let (open, close) = match scenario.hours {
            (0, 24) => (Time::MIN, time(23, 59, 59, 0)),
            (open, close) => (time(open, 0, 0, 0), time(close, 0, 0, 0)),
        };
        for number in 0..scenario.staff {
            let title = format!("Мастер {}", staff_name(number));
            let id = |place| staff_id(place, number);
            self.yclients
                .add_staff(id(Place::Yclients), &title, Some((open, close)));
            self.rubitime
                .add_cooperator(id(Place::Rubitime), &title, open, close, &[]);
            self.simplybook
                .add_unit(id(Place::Simplybook), &title, open, close, &[]);
            self.alfacrm.add_teacher(id(Place::Alfacrm), &title);
        }
        for service in &SERVICES {
            let (title, minutes, price) = (service.title, service.minutes, service.price);
            self.yclients
                .add_service(service.yclients, title, minutes, price);
            self.rubitime
                .add_service(service.rubitime, title, minutes, 30, price);
            self.simplybook
                .add_event(service.simplybook, title, minutes, price);
            self.alfacrm.add_subject(service.alfacrm, title);
        }
    }

    /// The platforms of the bridge.
    pub fn sides(&self) -> Vec<Side<'_>> {
        self.places.iter().map(|place| self.side(*place)).collect()
    }

    /// One platform.
    pub fn side(&self, place: Place) -> Side<'_> {
        let (hand, view): (&dyn Hand, &dyn Inspect) = match place {
            Place::Yclients => (&self.yclients, &self.yclients),
            Place::Rubitime => (&self.rubitime, &self.rubitime),
            Place::Simplybook => (&self.simplybook, &self.simplybook),
            Place::Alfacrm => (&self.alfacrm, &self.alfacrm),
        };
        Side { place, hand, view }
    }

    /// A platform's API.
    pub fn router(&self, place: Place) -> Router {
        match place {
            Place::Yclients => self.yclients.router(),
            Place::Rubitime => self.rubitime.router(),
            Place::Simplybook => self.simplybook.router(),
            Place::Alfacrm => self.alfacrm.router(),
        }
    }

    /// A platform's quota.
    pub fn quota(&self, place: Place) -> &Quota {
        match place {
            Place::Yclients => self.yclients.quota(),
            Place::Rubitime => self.rubitime.quota(),
            Place::Simplybook => self.simplybook.quota(),
            Place::Alfacrm => self.alfacrm.quota(),
        }
    }

    /// Takes the webhooks that a platform would have sent.
    pub fn take_webhooks(&self, place: Place) -> Vec<Value> {
        match place {
            Place::Yclients => self.yclients.take_webhooks(),
            Place::Rubitime => self.rubitime.take_webhooks(),
            Place::Simplybook => self.simplybook.take_webhooks(),
            Place::Alfacrm => self.alfacrm.take_webhooks(),
        }
    }

    /// The methods of a platform that fault rules know.
    pub const fn methods(place: Place) -> &'static [&'static str] {
        match place {
            Place::Yclients => yclients::METHODS,
            Place::Rubitime => rubitime::METHODS,
            Place::Simplybook => simplybook::METHODS,
            Place::Alfacrm => alfacrm::METHODS,
        }
    }
}
