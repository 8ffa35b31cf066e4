//! Teachers, subjects with lesson types, and rooms, as a mapping needs them.

use std::collections::BTreeMap;

use serde_json::Value;
use slotbridge_platform::platform::{CatalogueEntry, Priority};
use slotbridge_platform::{ErrorKind, PlatformError};

use crate::convert::{GROUP, INDIVIDUAL, service_key};
use crate::listing::{self, Rows};
use crate::request::{self, Ask, Part};
use crate::session::Session;
use crate::wire;

/// The catalogue of one branch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) session: &'a Session,
    pub(crate) branch: u64,
    pub(crate) page_size: u32,
}

impl Reader<'_> {
    async fn rows(&self, ask: impl Fn(Part) -> Ask) -> Result<Rows, PlatformError> {
        let operation = ask(Part::ONE).operation;
        listing::rows(self.session, ask, self.page_size, Priority::Poll)
            .await?
            .proven(operation)
    }

    /// The teachers; those who left stay in it, because old lessons keep pointing at them.
    pub(crate) async fn teachers(&self) -> Result<Vec<CatalogueEntry>, PlatformError> {
        let mut found = BTreeMap::new();
        for left in [false, true] {
            let rows = self
                .rows(|part| request::list_teachers(self.branch, left, part))
                .await?;
            for (id, row) in rows.by_id {
                // Where the platform does not know the filter, both lists are the same.
                found
                    .entry(id)
                    .or_insert_with(|| entry(id.to_string(), title(&row, id), !left));
            }
        }
        Ok(found.into_values().collect())
    }

    /// Every subject with every lesson type that one client alone can take.
    pub(crate) async fn services(&self) -> Result<Vec<CatalogueEntry>, PlatformError> {
        let subjects = self
            .rows(|part| request::list_subjects(self.branch, part))
            .await?;
        let types = match self
            .rows(|part| request::list_lesson_types(self.branch, part))
            .await
        {
            Ok(types) => types.by_id,
            // Dictionaries may be closed to a role to which lessons are open (alfacrm contract, 11.18).
            Err(error) if error.kind == ErrorKind::Forbidden => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        let mut types: Vec<(u64, String, bool)> = types
            .into_iter()
            .filter(|(id, row)| {
                let behaviour = wire::id(row.get("type")).unwrap_or(*id);
                *id != GROUP && behaviour != GROUP
            })
            .map(|(id, row)| {
                let active = wire::flag(row.get("is_active")).unwrap_or(true);
                (id, title(&row, id), active)
            })
            .collect();
        if types.is_empty() {
            types.push((INDIVIDUAL, "individual".to_owned(), true));
        }
        let mut services = Vec::new();
        for (subject, row) in &subjects.by_id {
            let subject_title = title(row, *subject);
            for (lesson_type, type_title, active) in &types {
                services.push(entry(
                    service_key(*subject, *lesson_type).as_str().to_owned(),
                    format!("{subject_title} ({type_title})"),
                    *active,
                ));
            }
        }
        Ok(services)
    }

    /// The rooms.
    pub(crate) async fn rooms(&self) -> Result<Vec<CatalogueEntry>, PlatformError> {
        let rows = self
            .rows(|part| request::list_rooms(self.branch, part))
            .await?;
        Ok(rows
            .by_id
            .iter()
            .filter(|(_, row)| {
                wire::id(row.get("branch_id")).is_none_or(|branch| branch == self.branch)
            })
            .map(|(id, row)| {
                let enabled = wire::flag(row.get("is_enabled")).unwrap_or(true);
                entry(id.to_string(), title(row, *id), enabled)
            })
            .collect())
    }

    /// The branches that the user sees, with whether they are active.
    pub(crate) async fn branches(&self) -> Result<BTreeMap<u64, (String, bool)>, PlatformError> {
        let rows = self.rows(request::list_branches).await?;
        Ok(rows
            .by_id
            .iter()
            .map(|(id, row)| {
                let active = wire::flag(row.get("is_active")).unwrap_or(true);
                (*id, (title(row, *id), active))
            })
            .collect())
    }
}

fn entry(key: String, title: String, active: bool) -> CatalogueEntry {
    CatalogueEntry {
        key,
        title,
        duration: None,
        price_minor: None,
        active,
    }
}

fn title(row: &Value, id: u64) -> String {
    wire::filled(row.get("name")).unwrap_or_else(|| id.to_string())
}
