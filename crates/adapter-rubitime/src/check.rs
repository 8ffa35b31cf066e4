//! What `slotbridge check` says of an account: what one read proves, and what only a person can look after.

use jiff::SignedDuration;
use slotbridge_core::model::{ResourceKey, ServiceKey};
use slotbridge_platform::platform::{Finding, Level, Priority};
use slotbridge_platform::{ErrorKind, Platform as _, PlatformError};

use crate::RubitimePlatform;

impl RubitimePlatform {
    /// Everything that can be found out; costs one read, or none where nothing is mapped.
    pub(crate) async fn findings(&self) -> Result<Vec<Finding>, PlatformError> {
        let credentials = match &self.probe {
            Some((resource, service)) => self.try_key(resource, service).await?,
            None => finding(
                Level::Notice,
                "credentials",
                "the key was not tried: Rubitime reads nothing without ids; map a resource and a service first",
            ),
        };
        let zone = self.terms.zone.iana_name().unwrap_or("the configured zone");
        let name = &self.account.name;
        Ok(vec![
            credentials,
            finding(
                Level::Notice,
                "zone",
                format!(
                    "times are read as {zone}; Rubitime does not tell its zone, so compare it with the branch's clock"
                ),
            ),
            finding(
                Level::Notice,
                "silence",
                "records are made without a reminder, and reminders that the owner sets stay; notices about every new \
                 or changed record that the account itself is set to send cannot be turned off from here",
            ),
            finding(
                Level::Notice,
                "webhook",
                format!(
                    "Rubitime lists no records, so its webhook must reach us: in the cabinet, Settings, step 5, API, \
                     enter as the webhook URL the public_url of [http] followed by /webhooks/{name}/ and the \
                     webhook_token"
                ),
            ),
        ])
    }

    /// Proves the key and a mapped pair of ids with one read.
    async fn try_key(
        &self,
        resource: &ResourceKey,
        service: &ServiceKey,
    ) -> Result<Finding, PlatformError> {
        let ids = format!(
            "branch {}, resource {resource} and service {service}",
            self.terms.branch_id
        );
        let error = match self
            .occupancy(resource, service, SignedDuration::ZERO, Priority::Poll)
            .await
        {
            Ok(grid) if grid.cells.is_empty() => {
                return Ok(finding(
                    Level::Notice,
                    "credentials",
                    format!(
                        "the key works, but the schedule of {ids} is empty: compare the ids and the opening hours with \
                         the cabinet"
                    ),
                ));
            }
            Ok(grid) => {
                return Ok(finding(
                    Level::Fine,
                    "credentials",
                    format!(
                        "the key works, and {ids} have {} start times in the schedule",
                        grid.cells.len()
                    ),
                ));
            }
            Err(error) => error,
        };
        match error.kind {
            ErrorKind::Unauthenticated => Ok(finding(Level::Problem, "credentials", error.message)),
            ErrorKind::Refused | ErrorKind::NotFound | ErrorKind::Unrepresentable => Ok(finding(
                Level::Problem,
                "rights",
                format!(
                    "the schedule of {ids} was not given out ({}): compare the ids with the cabinet",
                    error.message
                ),
            )),
            _ => Err(error),
        }
    }
}

fn finding(level: Level, what: &'static str, message: impl Into<String>) -> Finding {
    Finding {
        level,
        what,
        message: message.into(),
    }
}
