//! What people said about one field of one booking, and what each of them knew when saying it.

use std::collections::BTreeSet;

use crate::world::Place;

/// One thing that somebody said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// The value.
    pub(crate) value: String,
    /// Everything said before that whoever said this has seen taken in.
    pub(crate) knew: BTreeSet<usize>,
    /// Whether a run was at work at that moment: it may have read before and written after, and nobody can tell.
    pub(crate) racy: bool,
    /// Whether it only brings back what the last run has seen there, so that for anybody else nothing was said at all. Of
    /// what was said into a run nobody can tell whether it was seen.
    pub(crate) taken_back: bool,
    /// Whether whoever said this saw what had been written there without an answer: nobody can tell whether it was there
    /// by then, and what was answered may pass for a rival.
    pub(crate) doubtful: bool,
    /// The word that whoever said this has seen.
    seen: Option<usize>,
    /// Where it was said.
    pub(crate) place: Place,
    /// The run that was last when it was said; until the next one nobody elsewhere can know of it.
    pub(crate) run: u64,
}

/// Everything that was said about one field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct History {
    words: Vec<Word>,
}

impl History {
    /// Notes a value said by somebody who saw the word `seen`, if that can be told.
    pub(crate) fn say(
        &mut self,
        (place, run): (Place, u64),
        value: String,
        seen: Option<usize>,
        racy: bool,
    ) {
        let knew = self.known_with(seen);
        let taken_back = !racy && self.before(place, run, seen) == Some(value.as_str());
        self.words.push(Word {
            value,
            knew,
            racy,
            taken_back,
            doubtful: false,
            seen,
            place,
            run,
        });
    }

    /// What was last said, if it was said there and then, was said while a run was still at work.
    pub(crate) fn was_overtaken(&mut self, (place, run): (Place, u64)) {
        let last = self.words.last_mut();
        if let Some(word) = last.filter(|word| word.place == place && word.run == run) {
            word.racy = true;
        }
    }

    /// What was last said was said to what had been written without an answer.
    pub(crate) fn doubt_last(&mut self) {
        if let Some(word) = self.words.last_mut() {
            word.doubtful = true;
        }
    }

    /// What the last run has seen at a place, if something else was said there since by somebody who saw `seen`.
    fn before(&self, place: Place, run: u64, seen: Option<usize>) -> Option<&str> {
        let unseen = |word: &Word| word.place == place && word.run == run;
        let mut word = self.words.get(seen?).filter(|word| unseen(word))?;
        while unseen(word) {
            word = self.words.get(word.seen?)?;
        }
        Some(&word.value)
    }

    /// A word and everything behind it.
    pub(crate) fn known_with(&self, seen: Option<usize>) -> BTreeSet<usize> {
        let mut known = seen
            .and_then(|at| self.words.get(at))
            .map(|word| word.knew.clone())
            .unwrap_or_default();
        known.extend(seen);
        known
    }

    /// The latest word of which `shows` holds.
    pub(crate) fn latest(&self, shows: impl Fn(&str) -> bool) -> Option<usize> {
        self.words.iter().rposition(|word| shows(&word.value))
    }

    /// The same of the words that can have come to a place by then: what was said elsewhere since the last run cannot.
    pub(crate) fn latest_there(
        &self,
        (place, run): (Place, u64),
        shows: impl Fn(&str) -> bool,
    ) -> Option<usize> {
        let known = |word: &Word| word.place == place || word.run != run || word.racy;
        let there = self
            .words
            .iter()
            .rposition(|word| known(word) && shows(&word.value));
        there.or_else(|| self.latest(shows))
    }

    /// Everything that was said.
    pub(crate) fn words(&self) -> &[Word] {
        &self.words
    }

    /// The words that nobody has answered: one of them must stand in the end.
    pub(crate) fn standing(&self) -> Vec<&Word> {
        // Who answers a value answers it whoever said it.
        self.unanswered(|_| true, |_, _| true)
    }

    /// The words that may stand in the end: those that nobody has answered, those that only a racy one answers or
    /// rivals, or only a doubtful one answers, and values said anew that only somebody answers who knew them from before.
    pub(crate) fn possible(&self) -> Vec<&Word> {
        let mut words = self.standing();
        let racy = self.unanswered(|word| !word.racy, |_, _| true);
        let doubtful = self.unanswered(|word| !word.doubtful, |_, _| true);
        let anew = self.unanswered(|_| true, |known, at| known >= at);
        for word in racy.into_iter().chain(doubtful).chain(anew) {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        words
    }

    /// The words to which none of those that count is an answer by somebody who knew them, or another word of the same
    /// value that `may_stand_for` them.
    fn unanswered(
        &self,
        counts: impl Fn(&Word) -> bool,
        may_stand_for: impl Fn(usize, usize) -> bool,
    ) -> Vec<&Word> {
        let is_answered = |at: usize, word: &Word| {
            self.words.iter().enumerate().any(|(later, answer)| {
                counts(answer)
                    && later > at
                    && answer.knew.iter().any(|known| {
                        let same = self.words.get(*known);
                        *known == at
                            || may_stand_for(*known, at)
                                && same.is_some_and(|other| other.value == word.value)
                    })
            })
        };
        self.words
            .iter()
            .enumerate()
            .filter(|(at, word)| counts(word) && !is_answered(*at, word))
            .map(|(_, word)| word)
            .collect()
    }

    /// Whether everything has been answered but one word.
    pub(crate) fn undisputed(&self) -> bool {
        self.standing().len() <= 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(words: &[&Word]) -> Vec<String> {
        words.iter().map(|word| word.value.clone()).collect()
    }

    #[test]
    fn what_was_answered_stands_no_more_and_rivals_stand_both() {
        let mut history = History::default();
        history.say((Place::Yclients, 0), "a".to_owned(), None, false);
        history.say((Place::Yclients, 0), "b".to_owned(), Some(0), false);
        assert_eq!(values(&history.standing()), ["b"]);
        // Somebody who still saw the first word.
        history.say((Place::Yclients, 0), "c".to_owned(), Some(0), false);
        assert_eq!(values(&history.standing()), ["b", "c"]);
        // Somebody who saw the third.
        history.say((Place::Yclients, 0), "d".to_owned(), Some(2), false);
        assert_eq!(values(&history.standing()), ["b", "d"]);
        assert!(!history.undisputed());
    }

    #[test]
    fn a_word_that_is_taken_back_before_anybody_could_look_was_never_said() {
        let said_at = |second: (Place, u64), third: (Place, u64), racy: bool| {
            let mut history = History::default();
            history.say((Place::Yclients, 0), "a".to_owned(), None, false);
            history.say(second, "b".to_owned(), Some(0), racy);
            history.say(third, "a".to_owned(), Some(1), false);
            history.words()[2].taken_back
        };
        let here = |run| (Place::Yclients, run);
        assert!(said_at(here(1), here(1), false));
        // Said into a run, it may not have been seen either.
        assert!(said_at(here(1), here(1), true));
        // A run has seen it meanwhile, or it came from elsewhere.
        assert!(!said_at(here(1), here(2), false));
        assert!(!said_at((Place::Alfacrm, 1), here(1), false));
    }

    #[test]
    fn a_word_said_into_a_run_may_be_lost_but_need_not() {
        let mut history = History::default();
        history.say((Place::Yclients, 0), "a".to_owned(), None, false);
        history.say((Place::Yclients, 0), "b".to_owned(), Some(0), true);
        assert_eq!(values(&history.standing()), ["b"]);
        assert_eq!(values(&history.possible()), ["b", "a"]);
    }

    #[test]
    fn a_word_to_what_was_written_without_an_answer_answers_it_or_rivals_it() {
        let mut history = History::default();
        history.say((Place::Yclients, 0), "a".to_owned(), None, false);
        history.say((Place::Yclients, 0), "b".to_owned(), Some(0), false);
        history.say((Place::Rubitime, 1), "c".to_owned(), Some(1), false);
        assert_eq!(values(&history.possible()), ["c"]);
        history.doubt_last();
        assert_eq!(values(&history.possible()), ["c", "b"]);
    }

    #[test]
    fn what_was_said_elsewhere_since_the_last_run_was_seen_by_nobody_here() {
        let mut history = History::default();
        history.say((Place::Yclients, 0), "a".to_owned(), None, false);
        history.say((Place::Yclients, 1), "b".to_owned(), Some(0), false);
        // Both look alike there.
        let alike = |_: &str| true;
        assert_eq!(history.latest_there((Place::Rubitime, 1), alike), Some(0));
        assert_eq!(history.latest_there((Place::Rubitime, 2), alike), Some(1));
        assert_eq!(history.latest_there((Place::Yclients, 1), alike), Some(1));
        // It is there all the same.
        let only = |value: &str| value == "b";
        assert_eq!(history.latest_there((Place::Rubitime, 1), only), Some(1));
    }

    #[test]
    fn a_value_said_anew_may_win_over_somebody_who_knew_it_only_from_before() {
        let mut history = History::default();
        history.say((Place::Yclients, 0), "a".to_owned(), None, false);
        history.say((Place::Yclients, 1), "b".to_owned(), Some(0), false);
        history.say((Place::Alfacrm, 2), "a".to_owned(), Some(1), false);
        history.say((Place::Yclients, 2), "c".to_owned(), Some(1), false);
        assert_eq!(values(&history.standing()), ["c"]);
        assert_eq!(values(&history.possible()), ["c", "a"]);
        // Whoever knew that it was said anew has answered it.
        history.say((Place::Alfacrm, 3), "d".to_owned(), Some(2), false);
        assert_eq!(values(&history.possible()), ["c", "d"]);
    }
}
