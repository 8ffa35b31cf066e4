//! What `slotbridge check` says of an account, found out with reads only.

use jiff::tz::TimeZone;
use slotbridge_platform::platform::{Finding, Level, Priority};
use slotbridge_platform::{Contacts, ErrorKind, PlatformError};

use crate::catalogue;
use crate::config::AlfacrmConfig;
use crate::request::{self, Ask, CustomerFilter, LessonFilter, Part};
use crate::session::Session;

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Check<'a> {
    pub(crate) name: &'a str,
    pub(crate) session: &'a Session,
    pub(crate) config: &'a AlfacrmConfig,
    pub(crate) zone: &'a TimeZone,
    pub(crate) contacts: &'a Contacts,
}

impl Check<'_> {
    /// Every finding; a refused login is the only one then.
    pub(crate) async fn run(&self) -> Result<Vec<Finding>, PlatformError> {
        let reader = catalogue::Reader {
            session: self.session,
            branch: self.config.branch_id,
            page_size: self.config.page_size,
        };
        let mut findings = match reader.branches().await {
            Ok(branches) => vec![
                finding(Level::Fine, "credentials", "the login works"),
                self.branch(&branches),
            ],
            Err(error) if error.kind == ErrorKind::Unauthenticated => {
                return Ok(vec![finding(
                    Level::Problem,
                    "credentials",
                    format!(
                        "{}: compare email and api_key with the user's card in AlfaCRM",
                        error.message
                    ),
                )]);
            }
            Err(error) if error.kind == ErrorKind::Forbidden => vec![finding(
                Level::Problem,
                "rights",
                "the login works, but everything else is refused: open the module v2api to the role of the API's user",
            )],
            Err(error) => return Err(error),
        };
        findings.extend(self.rights().await?);
        findings.extend(self.room(reader).await?);
        findings.extend(self.words());
        Ok(findings)
    }

    fn branch(&self, branches: &std::collections::BTreeMap<u64, (String, bool)>) -> Finding {
        let id = self.config.branch_id;
        let seen = || {
            let all: Vec<String> = branches
                .iter()
                .map(|(id, (title, _))| format!("{id} {title:?}"))
                .collect();
            all.join(", ")
        };
        match branches.get(&id) {
            Some((title, true)) => finding(
                Level::Fine,
                "rights",
                format!("the user sees branch {id} {title:?}"),
            ),
            Some((title, false)) => finding(
                Level::Problem,
                "rights",
                format!("branch {id} {title:?} is switched off"),
            ),
            None => finding(
                Level::Problem,
                "rights",
                format!(
                    "the user does not see branch {id}, only {}: correct branch_id, or add the branch to the user",
                    seen()
                ),
            ),
        }
    }

    /// Whether every section that is read is open.
    async fn rights(&self) -> Result<Vec<Finding>, PlatformError> {
        let branch = self.config.branch_id;
        let part = Part {
            page: 0,
            page_size: 1,
        };
        let lessons = LessonFilter {
            status: 1,
            days: None,
            teacher: None,
            id: None,
        };
        let mut sections: Vec<(&str, Level, Ask)> = vec![
            (
                "lessons",
                Level::Problem,
                request::list_lessons(branch, lessons, part),
            ),
            (
                "clients",
                Level::Problem,
                request::list_customers(branch, &CustomerFilter::Everyone, true, part),
            ),
            (
                "leads",
                Level::Problem,
                request::list_customers(branch, &CustomerFilter::Everyone, false, part),
            ),
            (
                "teachers",
                Level::Notice,
                request::list_teachers(branch, false, part),
            ),
            (
                "subjects",
                Level::Notice,
                request::list_subjects(branch, part),
            ),
        ];
        if self.config.regular_lessons {
            sections.push((
                "recurring rules",
                Level::Notice,
                request::list_rules(branch, None, part),
            ));
        }
        let mut findings = Vec::new();
        let mut open = Vec::new();
        for (section, level, ask) in sections {
            match self.session.call(&ask, Priority::Poll).await {
                Ok(_) => open.push(section),
                Err(error) if matches!(error.kind, ErrorKind::Forbidden | ErrorKind::NotFound) => {
                    let message = format!(
                        "{section} cannot be read ({}): open the section to the role of the API's user",
                        error.message
                    );
                    findings.push(finding(level, "rights", message));
                }
                Err(error) => return Err(error),
            }
        }
        if !open.is_empty() {
            let message = format!(
                "the user may read {}; whether it may also write cannot be found out without writing",
                open.join(", ")
            );
            findings.push(finding(Level::Fine, "rights", message));
        }
        Ok(findings)
    }

    /// Whether the configured room exists.
    async fn room(&self, reader: catalogue::Reader<'_>) -> Result<Option<Finding>, PlatformError> {
        let Some(room) = self.config.room_id else {
            return Ok(None);
        };
        let rooms = match reader.rooms().await {
            Ok(rooms) => rooms,
            Err(error) if error.kind == ErrorKind::Forbidden => {
                return Ok(Some(finding(
                    Level::Notice,
                    "rights",
                    format!("rooms cannot be read, so room_id {room} was not looked up"),
                )));
            }
            Err(error) => return Err(error),
        };
        let found = rooms.iter().find(|entry| entry.key == room.to_string());
        Ok(Some(match found {
            Some(entry) if entry.active => finding(
                Level::Fine,
                "rights",
                format!("lessons are made in room {room} {:?}", entry.title),
            ),
            Some(entry) => finding(
                Level::Problem,
                "rights",
                format!("room {room} {:?} is switched off", entry.title),
            ),
            None => {
                let all: Vec<String> = rooms
                    .iter()
                    .map(|entry| format!("{} {:?}", entry.key, entry.title))
                    .collect();
                finding(
                    Level::Problem,
                    "rights",
                    format!("there is no room {room}; there are {}", all.join(", ")),
                )
            }
        }))
    }

    /// What no call tells.
    fn words(&self) -> Vec<Finding> {
        let zone = self.zone.iana_name().unwrap_or("the configured zone");
        let silence = match self.contacts {
            Contacts::Real => {
                "AlfaCRM itself writes to nobody because of a lesson of ours, but the account's own triggers and \
                 mailings may: look through them, or set contacts = \"sink\""
            }
            Contacts::Sink { .. } => {
                "clients cannot be reached through cards of ours: they hold the sink's contacts"
            }
        };
        vec![
            finding(
                Level::Notice,
                "zone",
                format!(
                    "times are read as {zone}; AlfaCRM does not tell its zone, so compare it with the branch's clock"
                ),
            ),
            finding(Level::Notice, "silence", silence),
            finding(
                Level::Notice,
                "webhook",
                format!(
                    "for changes within seconds, add a trigger for lessons with the action webhook and the public_url of \
                     [http] followed by /webhooks/{}/ and the webhook_token",
                    self.name
                ),
            ),
        ]
    }
}

fn finding(level: Level, what: &'static str, message: impl Into<String>) -> Finding {
    Finding {
        level,
        what,
        message: message.into(),
    }
}
