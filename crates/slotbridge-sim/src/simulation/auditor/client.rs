//! One client's booking as people made it.

use std::collections::{BTreeMap, BTreeSet};

use crate::person::Seen;
use crate::world::Place;

use super::history::History;
use super::holds::{Field, fits, held, shown, slot_times};

/// A run, and how many whole lists of a platform it had been given.
pub(crate) type Moment = (u64, usize);

/// In what circumstances a person changes something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circumstances {
    /// Whether a run is at work.
    pub(crate) racy: bool,
    /// Whether a write there had no answer, and no run has looked since.
    pub(crate) unheard: bool,
    /// Whether nothing comes from one platform to another but by the runs that are counted.
    pub(crate) by_runs: bool,
}

/// A cancellation by a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cancel {
    /// Where.
    pub(crate) place: Place,
    /// Whether it was of a copy that no later run than the one which made it has seen, where a copy that waits to be
    /// confirmed cannot be told from one that was cancelled.
    fresh: bool,
    /// What of each field whoever cancelled had seen taken in.
    knew: BTreeMap<Field, BTreeSet<usize>>,
}

/// One client and the one booking that the client has.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// Where it was booked.
    pub(crate) origin: Place,
    /// Whether no bridge can know of its record there.
    pub(crate) unlisted: bool,
    /// Whether the client cancelled once and booked again.
    pub(crate) booked_again: bool,
    pub(crate) fields: BTreeMap<Field, History>,
    pub(crate) cancels: Vec<Cancel>,
    /// Where a live record was seen last.
    pub(crate) lives_on: BTreeSet<Place>,
    /// In which run a copy was made last, and how many lists that run had been given by then.
    born: BTreeMap<Place, Moment>,
    /// The run that was at work, or the last one, when nothing of a cancelled booking lived any more.
    dead_since: Option<u64>,
    /// Contacts of a copy that was made after they had changed: it may stand on the card that the client had there before.
    pub(crate) old_card: BTreeSet<(Place, Field)>,
    /// Where a copy was made without anybody having heard of it for certain.
    pub(crate) cut: BTreeSet<Place>,
}

impl Client {
    pub(crate) fn new(origin: Place, seen: &Seen, unlisted: bool) -> Self {
        let mut fields: BTreeMap<Field, History> = BTreeMap::new();
        for field in Field::ALL {
            let history = fields.entry(field).or_default();
            history.say((origin, 0), shown(origin, field, seen), None, false);
        }
        Self {
            origin,
            unlisted,
            booked_again: false,
            fields,
            cancels: Vec::new(),
            lives_on: BTreeSet::from([origin]),
            born: BTreeMap::new(),
            dead_since: None,
            old_card: BTreeSet::new(),
            cut: BTreeSet::new(),
        }
    }

    /// The client, who had cancelled, books again. What was said before is over, unless it is said again.
    pub(crate) fn books_again(&mut self, (place, run): (Place, u64), seen: &Seen, sink: bool) {
        for (field, history) in &mut self.fields {
            let value = shown(place, *field, seen);
            let last = history.words().len().checked_sub(1);
            let same = |word: &super::history::Word| fits(place, *field, &word.value, &value, sink);
            let Some(before) = history.words().last().filter(|word| same(word)) else {
                history.say((place, run), value, last, false);
                continue;
            };
            // Where the platform cannot hold all of what was said before, nobody can tell whether it was said again.
            if before.value != value {
                history.say((place, run), value, last, true);
            }
        }
        self.booked_again = true;
        self.cancels.clear();
        self.dead_since = None;
        self.lives_on.insert(place);
    }

    /// The word that a platform shows of a field.
    fn word(&self, place: Place, field: Field, seen: &Seen, sink: bool) -> Option<usize> {
        let text = shown(place, field, seen);
        let history = self.fields.get(&field)?;
        history.latest(|value| fits(place, field, value, &text, sink))
    }

    pub(crate) fn edited(
        &mut self,
        (place, run): (Place, u64),
        before: &Seen,
        after: &Seen,
        how: Circumstances,
        sink: bool,
    ) {
        for field in Field::ALL {
            let value = shown(place, field, after);
            if value == shown(place, field, before) || held(place, field, &value, sink).is_none() {
                continue;
            }
            let Some(history) = self.fields.get_mut(&field) else {
                continue;
            };
            let text = shown(place, field, before);
            let shows = |value: &str| fits(place, field, value, &text, sink);
            let seen = if how.by_runs {
                history.latest_there((place, run), shows)
            } else {
                history.latest(shows)
            };
            let from_elsewhere = seen
                .and_then(|at| history.words().get(at))
                .is_some_and(|word| word.place != place);
            history.say((place, run), value, seen, how.racy);
            if how.unheard && from_elsewhere {
                history.doubt_last();
            }
        }
    }

    /// Whether it was moved there while a run was at work, which may have read the record before, and the times after.
    pub(crate) fn was_moved_into_a_run(&self, place: Place) -> bool {
        let moves = [Field::Slot, Field::Staff];
        let said = moves.iter().filter_map(|field| self.fields.get(field));
        said.flat_map(History::words)
            .any(|word| word.racy && word.place == place)
    }

    /// What was last said at a place was said while a write was on its way there.
    pub(crate) fn was_overtaken(&mut self, here: (Place, u64)) {
        for history in self.fields.values_mut() {
            history.was_overtaken(here);
        }
    }

    pub(crate) fn cancelled(
        &mut self,
        (place, run, looked): (Place, u64, Moment),
        before: &Seen,
        others: &[(Place, Seen)],
        sink: bool,
    ) {
        let mut knew = BTreeMap::new();
        for (field, history) in &self.fields {
            let blind = |value: &str| held(place, *field, value, sink).as_deref() != Some(value);
            let words = history.words();
            let known: BTreeSet<usize> = if words.iter().any(|word| blind(&word.value)) {
                // What this platform cannot show, or not whole, is known once a third one shows it.
                let carried = |at: usize, source: Place| {
                    others.iter().any(|(other, seen)| {
                        *other != source
                            && held(*other, *field, "", sink).is_some()
                            && self.word(*other, *field, seen, sink) >= Some(at)
                    })
                };
                let known = words.iter().enumerate();
                known
                    .filter(|(at, word)| *at == 0 || carried(*at, word.place))
                    .map(|(at, _)| at)
                    .collect()
            } else {
                history.known_with(self.word(place, *field, before, sink))
            };
            let told = |at: &usize| {
                words
                    .get(*at)
                    .is_some_and(|word| word.place == place || word.run < run || *at == 0)
            };
            knew.insert(*field, known.into_iter().filter(told).collect());
        }
        let unseen = |born: &Moment| born.0 == run || *born >= looked;
        let fresh = place == Place::Simplybook && self.born.get(&place).is_some_and(unseen);
        self.cancels.push(Cancel { place, fresh, knew });
        self.lives_on.remove(&place);
    }

    /// A copy was made. Platforms with cards put it on the client's card, with the contacts of that card.
    pub(crate) fn note_birth(&mut self, place: Place, moment: Moment) {
        self.born.insert(place, moment);
        if !matches!(place, Place::Simplybook | Place::Alfacrm) {
            return;
        }
        for field in [Field::Phone, Field::Email] {
            let changed = self
                .fields
                .get(&field)
                .is_some_and(|history| history.words().len() > 1);
            if changed {
                self.old_card.insert((place, field));
            }
        }
    }

    /// The bridge has taken the last record away: it knows of the cancellation.
    pub(crate) fn note_death(&mut self, run: u64) {
        if self.lives_on.is_empty() && !self.cancels.is_empty() {
            self.dead_since.get_or_insert(run);
        }
    }

    /// Whether the booking was cancelled for certain and gone everywhere before that run began.
    pub(crate) fn is_dead_since_before(&self, run: u64) -> bool {
        self.must_be_gone() && self.dead_since.is_some_and(|dead| dead < run)
    }

    /// Whether a person cancelled, and nobody said anything that this person did not know.
    pub(crate) fn must_be_gone(&self) -> bool {
        self.cancels.iter().any(|cancel| {
            self.fields.iter().all(|(field, history)| {
                let knew = cancel.knew.get(field);
                (0..history.words().len()).all(|at| knew.is_some_and(|knew| knew.contains(&at)))
            })
        })
    }

    /// Where it was cancelled, if all that was cancelled are copies that nobody can know to have stood.
    pub(crate) fn only_fresh_cancels(&self) -> Option<Vec<Place>> {
        let fresh = self.cancels.iter().all(|cancel| cancel.fresh);
        fresh.then(|| self.cancels.iter().map(|cancel| cancel.place).collect())
    }

    /// Whether nobody cancelled.
    pub(crate) fn must_live(&self) -> bool {
        self.cancels.is_empty()
    }

    pub(crate) fn is_undisputed(&self) -> bool {
        self.fields.values().all(History::undisputed)
    }

    /// Whether a record shows what stands of every field.
    pub(crate) fn shows_all(&self, place: Place, seen: &Seen, sink: bool) -> bool {
        self.fields.iter().all(|(field, history)| {
            let text = shown(place, *field, seen);
            history
                .standing()
                .iter()
                .all(|word| fits(place, *field, &word.value, &text, sink))
        })
    }

    /// Every slot that anybody ever said, with the staff that anybody ever said.
    pub(crate) fn times(&self) -> Vec<(String, i64, i64)> {
        let said = |field| {
            self.fields
                .get(&field)
                .map(|history| history.words().to_vec())
                .unwrap_or_default()
        };
        let slots = said(Field::Slot);
        said(Field::Staff)
            .iter()
            .flat_map(|staff| {
                slots.iter().filter_map(|slot| {
                    let (from, to) = slot_times(&slot.value)?;
                    Some((staff.value.clone(), from, to))
                })
            })
            .collect()
    }

    /// The times that may stand in the end.
    pub(crate) fn possible_times(&self) -> Vec<(String, i64, i64)> {
        let possible = |field: Field| -> Vec<String> {
            self.fields
                .get(&field)
                .map(|history| {
                    let words = history.possible();
                    words.iter().map(|word| word.value.clone()).collect()
                })
                .unwrap_or_default()
        };
        let slots = possible(Field::Slot);
        possible(Field::Staff)
            .into_iter()
            .flat_map(|staff| {
                slots
                    .iter()
                    .filter_map(|slot| slot_times(slot))
                    .map(|(from, to)| (staff.clone(), from, to))
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}
