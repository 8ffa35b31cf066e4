//! Reading lessons: the census of a window, one lesson by its id, and whether a teacher is free.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;
use jiff::civil::Date;
use slotbridge_core::model::{Client, RemoteId, Slot};
use slotbridge_core::record::{Coverage, Listing, Reading, Record, Unreadable, Window};
use slotbridge_core::zone;
use slotbridge_platform::platform::Priority;
use slotbridge_platform::{ErrorKind, PlatformError};

use crate::convert::{self, Foreign, Lesson, Reader};
use crate::customers::Customers;
use crate::form::Times;
use crate::listing::{self, PLANNED, Rows, STATUSES};
use crate::request::{self, LessonFilter, Part};
use crate::rules::{self, Rule, RuleDay};
use crate::session::Session;
use crate::watched::{Last, Watched};

/// How far behind a day the first lesson of a rule is looked for that shows that the day was made into lessons.
const RULE_DAYS_AHEAD: i64 = 62;

/// What lessons are read with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Census<'a> {
    pub(crate) session: &'a Session,
    pub(crate) customers: &'a Customers,
    pub(crate) reader: &'a Reader,
    pub(crate) page_size: u32,
    /// Whether rules are read too.
    pub(crate) rules: bool,
    pub(crate) priority: Priority,
}

/// A row of the lesson list, read.
type Read = Result<Lesson, Foreign>;

/// What a listing has gathered.
#[derive(Debug, Default)]
struct Gathered {
    lessons: BTreeMap<u64, Lesson>,
    unreadable: BTreeMap<u64, Unreadable>,
    nameless: Vec<Unreadable>,
    records: Vec<Record>,
    doubts: Vec<String>,
}

impl Gathered {
    fn take(&mut self, status: u8, rows: Rows<Read>) {
        if let Some(why) = rows.doubt {
            self.doubts.push(format!("status {status}: {why}"));
        }
        for (id, row) in rows.by_id {
            // A lesson that changed its status meanwhile: the later list is right.
            self.lessons.remove(&id);
            self.unreadable.remove(&id);
            match row {
                Ok(lesson) => {
                    if lesson.status != status {
                        self.doubts
                            .push(format!("the list of status {status} shows another status"));
                    }
                    self.lessons.insert(id, lesson);
                }
                Err(Foreign::Branch) => {}
                Err(Foreign::Unreadable(row)) => drop(self.unreadable.insert(id, row)),
            }
        }
        for row in rows.nameless {
            if let Err(Foreign::Unreadable(row)) = row {
                self.nameless.push(row);
            }
        }
    }
}

impl Census<'_> {
    /// Lists everything that starts inside the window.
    pub(crate) async fn list(&self, window: Window) -> Result<Listing, PlatformError> {
        let days = zone::window_days(window, &self.reader.zone);
        let planned = self.lessons(PLANNED, days, None).await?;
        let gathered = self.gather(window, days, planned).await;
        Ok(self
            .listing(window, gathered, Coverage::Complete(window))
            .await)
    }

    /// Lists what is planned inside the window, and everything only where that is not enough to tell what changed.
    pub(crate) async fn watch(
        &self,
        window: Window,
        watched: &Watched,
    ) -> Result<Listing, PlatformError> {
        let days = zone::window_days(window, &self.reader.zone);
        let now = self.session.now();
        let planned = self.lessons(PLANNED, days, None).await?;
        let ids: BTreeSet<u64> = planned.by_id.keys().copied().collect();
        let enough = watched
            .is_enough(days, &ids, now)
            .filter(|_| planned.doubt.is_none());
        let (gathered, coverage) = if enough.is_some() {
            let mut gathered = Gathered::default();
            gathered.take(PLANNED, planned);
            (gathered, Coverage::Incremental)
        } else {
            let gathered = self.gather(window, days, planned).await;
            (gathered, Coverage::Complete(window))
        };
        let last = Last {
            days,
            planned: ids,
            whole_at: enough.unwrap_or(now),
        };
        watched.note(gathered.doubts.is_empty().then_some(last));
        Ok(self.listing(window, gathered, coverage).await)
    }

    /// Everything of these days, with the planned lessons that were listed already.
    async fn gather(&self, window: Window, days: (Date, Date), planned: Rows<Read>) -> Gathered {
        let mut gathered = Gathered::default();
        gathered.take(PLANNED, planned);
        for status in STATUSES.into_iter().filter(|status| *status != PLANNED) {
            match self.lessons(status, days, None).await {
                Ok(rows) => gathered.take(status, rows),
                Err(error) => gathered
                    .doubts
                    .push(format!("status {status} was not read: {error}")),
            }
        }
        if self.rules {
            self.add_rules(window, &mut gathered).await;
        }
        gathered
    }

    /// What was gathered as a listing; of this coverage unless there are doubts.
    async fn listing(&self, window: Window, mut gathered: Gathered, coverage: Coverage) -> Listing {
        gathered
            .lessons
            .retain(|_, lesson| window.contains(lesson.record.start));
        self.add_clients(&mut gathered).await;
        let mut records: Vec<Record> = gathered
            .lessons
            .into_values()
            .flat_map(Lesson::records)
            .collect();
        records.append(&mut gathered.records);
        gathered.doubts.dedup();
        Listing {
            records,
            unreadable: gathered
                .unreadable
                .into_values()
                .chain(gathered.nameless)
                .collect(),
            coverage: if gathered.doubts.is_empty() {
                coverage
            } else {
                Coverage::Partial {
                    why: gathered.doubts.join("; "),
                }
            },
            cursor: None,
        }
    }

    async fn lessons(
        &self,
        status: u8,
        days: (Date, Date),
        teacher: Option<u64>,
    ) -> Result<Rows<Read>, PlatformError> {
        let filter = LessonFilter {
            status,
            days: Some(days),
            teacher,
            id: None,
        };
        let ask = |part| request::list_lessons(self.reader.branch, filter, part);
        let read = |row| self.reader.lesson(&row);
        listing::rows_as(self.session, ask, self.page_size, self.priority, read).await
    }

    /// Adds what rules promise behind their last lesson.
    async fn add_rules(&self, window: Window, gathered: &mut Gathered) {
        let ask = |part| request::list_rules(self.reader.branch, None, part);
        let rows = match listing::rows(self.session, ask, self.page_size, self.priority).await {
            Ok(rows) => rows,
            // The section is closed to the role, or the account has none: `check` says so.
            Err(error) if matches!(error.kind, ErrorKind::Forbidden | ErrorKind::NotFound) => {
                return;
            }
            Err(error) => {
                gathered
                    .doubts
                    .push(format!("the recurring rules were not read: {error}"));
                return;
            }
        };
        if let Some(why) = &rows.doubt {
            gathered.doubts.push(format!("the recurring rules: {why}"));
        }
        let last = rules::last_lessons(gathered.lessons.values());
        for (id, row) in rows.by_id {
            match Rule::read(self.reader.branch, &row) {
                Ok(Some(rule)) => {
                    gathered
                        .records
                        .extend(rule.records(window, &last, &self.reader.zone));
                }
                Ok(None) => {}
                Err(why) => gathered.nameless.push(Unreadable {
                    id: None,
                    why: format!("rule {id}: {why}"),
                }),
            }
        }
    }

    /// Reads the cards behind the lessons. Lessons whose cards cannot be read are left alone, and the listing proves nothing:
    /// one of them may be the very lesson that somebody is about to make.
    async fn add_clients(&self, gathered: &mut Gathered) {
        let wanted: BTreeSet<u64> = gathered.lessons.values().filter_map(needs_card).collect();
        if wanted.is_empty() {
            return;
        }
        match self
            .customers
            .cards(self.session, &wanted, self.priority)
            .await
        {
            Ok(cards) => {
                for lesson in gathered.lessons.values_mut() {
                    if let Some(Some(card)) = needs_card(lesson).map(|id| cards.get(&id)) {
                        lesson.record.client = card
                            .as_ref()
                            .map_or_else(Client::default, |card| self.customers.terms.client(card));
                    }
                }
            }
            Err(error) => {
                let why = format!("the customer's card was not read: {error}");
                let lost: Vec<u64> = gathered
                    .lessons
                    .values()
                    .filter(|lesson| needs_card(lesson).is_some())
                    .map(|lesson| lesson.id)
                    .collect();
                for id in lost {
                    gathered.lessons.remove(&id);
                    let row = Unreadable {
                        id: Some(RemoteId::new(id.to_string())),
                        why: why.clone(),
                    };
                    gathered.unreadable.insert(id, row);
                }
                gathered.doubts.push(why);
            }
        }
    }

    /// Reads one record.
    pub(crate) async fn read(&self, id: &RemoteId) -> Result<Reading, PlatformError> {
        if let Some(day) = RuleDay::parse(id) {
            return self.read_rule(day).await;
        }
        let Some((number, teacher)) = convert::parse_id(id) else {
            // No record has an id of another shape.
            return Ok(Reading::Missing);
        };
        let lesson = match self.fetch(number).await? {
            Fetched::Found(lesson) => self.with_client(*lesson).await?,
            Fetched::Missing => return Ok(Reading::Missing),
            Fetched::Unreadable(row) => {
                return Ok(Reading::Unreadable(Unreadable {
                    id: Some(id.clone()),
                    ..row
                }));
            }
        };
        Ok(match lesson.record_of(teacher) {
            Some(record) => Reading::Found(Box::new(record)),
            None => Reading::Missing,
        })
    }

    /// The lesson with its client.
    pub(crate) async fn with_client(&self, mut lesson: Lesson) -> Result<Lesson, PlatformError> {
        if let Some(customer) = needs_card(&lesson) {
            let wanted = BTreeSet::from([customer]);
            let cards = self
                .customers
                .cards(self.session, &wanted, self.priority)
                .await?;
            if let Some(card) = cards.into_values().flatten().next() {
                lesson.record.client = self.customers.terms.client(&card);
            }
        }
        Ok(lesson)
    }

    /// Looks for a lesson under each status. Planned ones are looked for twice, in case that a cancellation was undone
    /// meanwhile.
    pub(crate) async fn fetch(&self, id: u64) -> Result<Fetched, PlatformError> {
        for status in [1, 2, 3, 1] {
            let filter = LessonFilter {
                status,
                days: None,
                teacher: None,
                id: Some(id),
            };
            let ask = |part| request::list_lessons(self.reader.branch, filter, part);
            let size = Part::ONE.page_size;
            let rows = listing::rows(self.session, ask, size, self.priority).await?;
            if let Some(row) = rows.by_id.get(&id) {
                return Ok(match self.reader.lesson(row) {
                    Ok(lesson) => Fetched::Found(Box::new(lesson)),
                    Err(Foreign::Branch) => Fetched::Missing,
                    Err(Foreign::Unreadable(row)) => Fetched::Unreadable(row),
                });
            }
            // Absence means something only where the whole list was seen.
            rows.proven("lessons.read")?;
        }
        Ok(Fetched::Missing)
    }

    async fn read_rule(&self, day: RuleDay) -> Result<Reading, PlatformError> {
        let ask = |part| request::list_rules(self.reader.branch, Some(day.rule), part);
        let rows = listing::rows(self.session, ask, self.page_size, self.priority).await?;
        let Some(row) = rows.by_id.get(&day.rule).cloned() else {
            rows.proven("regular-lessons.list")?;
            return Ok(Reading::Missing);
        };
        let record = match Rule::read(self.reader.branch, &row) {
            Ok(rule) => rule.and_then(|rule| rule.record(day, &self.reader.zone)),
            Err(why) => {
                return Ok(Reading::Unreadable(Unreadable {
                    id: Some(day.id()),
                    why: why.to_owned(),
                }));
            }
        };
        let Some(record) = record else {
            return Ok(Reading::Missing);
        };
        // As in the census: a rule speaks only for what lies behind its last lesson.
        let to = day.date.saturating_add(RULE_DAYS_AHEAD.days());
        for status in STATUSES {
            let rows = self.lessons(status, (day.date, to), None).await?;
            let rows = rows.proven("lessons.list")?;
            let is_made = |row: Read| {
                row.is_ok_and(|lesson| lesson.rule == Some(day.rule) && lesson.date >= day.date)
            };
            if rows.into_values().any(is_made) {
                return Ok(Reading::Missing);
            }
        }
        Ok(Reading::Found(Box::new(record)))
    }

    /// A lesson that is in the way of a time, other than `except`.
    ///
    /// The platform looks after rooms only (alfacrm contract, 6.4). What was held already counts where it may still be
    /// going on.
    pub(crate) async fn in_the_way(
        &self,
        teacher: u64,
        slot: Slot,
        times: Times,
        except: Option<u64>,
    ) -> Result<Option<u64>, PlatformError> {
        let now = self.session.api().seam().now();
        let near = slot.start() < now.saturating_add(24.hours()).unwrap_or(now);
        for status in if near { &[1, 3][..] } else { &[1][..] } {
            let rows = self.lessons(*status, times.days(), Some(teacher)).await?;
            let rows = rows.proven("lessons.list")?;
            let hit = rows.into_values().find_map(|row| {
                let lesson = row.ok()?;
                let end = lesson.record.end.unwrap_or(lesson.record.start);
                let other = Slot::new(lesson.record.start, end).ok()?;
                let hits = lesson.status == *status
                    && lesson.teachers.contains(&teacher)
                    && Some(lesson.id) != except
                    && other.intersects(slot);
                hits.then_some(lesson.id)
            });
            if hit.is_some() {
                return Ok(hit);
            }
        }
        Ok(None)
    }
}

/// The customer whose card a record needs. A cancelled one needs none: it frees its time, whoever it was for.
fn needs_card(lesson: &Lesson) -> Option<u64> {
    lesson.customer.filter(|_| lesson.status != 2)
}

/// What looking for one lesson brought.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// It, without its client.
    Found(Box<Lesson>),
    /// The platform knows no such lesson in this branch.
    Missing,
    /// It is there, but cannot be read.
    Unreadable(Unreadable),
}
