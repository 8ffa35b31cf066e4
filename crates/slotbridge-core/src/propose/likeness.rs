//! How alike two entries of two catalogues are. Symmetric, in whole numbers, and without a view of any third entry.

use jiff::SignedDuration;

use super::words::{self, Script, Title, Word};
use super::{Doubt, Entry, What};

/// What two entries have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Likeness {
    /// More is more alike; only good for comparing with others of the same entry.
    pub(super) rank: u32,
    /// What speaks against taking the two for one without asking.
    pub(super) doubts: Vec<Doubt>,
}

impl Likeness {
    /// Whether only length and price speak for it; two such likenesses cancel each other out.
    pub(super) fn is_faint(&self) -> bool {
        self.doubts.contains(&Doubt::Language)
    }
}

/// All words are the same.
const SAME: u32 = 1000;
/// A letter stands for a word.
const INITIAL: u32 = 20;
/// A wrong letter.
const TYPO: u32 = 60;
/// A word that the other name has not got.
const EXTRA: u32 = 80;
/// Nothing but length and price is the same.
const FAINT: u32 = 100;
/// No sum of the above goes below this.
const LEAST: u32 = 400;
/// Less for an entry that cannot be booked: it must not stand in the way of one that can.
const INACTIVE: u32 = 300;

/// An entry with its title read.
#[derive(Debug, Clone)]
pub(super) struct Reading<'a> {
    pub(super) entry: &'a Entry,
    pub(super) title: Title,
}

impl<'a> Reading<'a> {
    /// Reads an entry. A platform that has no title shows the id: that is no name.
    pub(super) fn of(what: What, entry: &'a Entry) -> Self {
        let title = if entry.title.trim() == entry.key {
            ""
        } else {
            &entry.title
        };
        Self {
            entry,
            title: words::read(what, title),
        }
    }
}

/// Compares two entries of different platforms; `None` when they are not alike.
pub(super) fn compare(what: What, one: &Reading<'_>, other: &Reading<'_>) -> Option<Likeness> {
    let inactive = !one.entry.active || !other.entry.active;
    if !one.entry.active && !other.entry.active {
        return None;
    }
    let mut found = match names(what, &one.title, &other.title) {
        Some(likeness) => likeness,
        None => faint(what, one, other)?,
    };
    if what == What::Service && !found.is_faint() {
        weigh_details(&mut found, one.entry, other.entry);
    }
    if inactive {
        found.rank = found.rank.saturating_sub(INACTIVE).max(1);
        found.doubts.push(Doubt::Inactive);
    }
    Some(found)
}

/// Titles in two alphabets cannot be compared when they are translations; length and price can.
fn faint(what: What, one: &Reading<'_>, other: &Reading<'_>) -> Option<Likeness> {
    let scripts = [one.title.script, other.title.script];
    let apart = scripts == [Script::Cyrillic, Script::Latin]
        || scripts == [Script::Latin, Script::Cyrillic];
    let same = length(one.entry).is_some()
        && length(one.entry) == length(other.entry)
        && one.entry.price_minor.is_some_and(|price| price > 0)
        && one.entry.price_minor == other.entry.price_minor;
    (what == What::Service && apart && same).then(|| Likeness {
        rank: FAINT,
        doubts: vec![Doubt::Language],
    })
}

fn length(entry: &Entry) -> Option<SignedDuration> {
    entry.duration.filter(SignedDuration::is_positive)
}

fn weigh_details(found: &mut Likeness, one: &Entry, other: &Entry) {
    let lengths = length(one).zip(length(other));
    match lengths {
        Some((one, other)) if one == other => found.rank += 40,
        Some(_) => {
            found.rank = found.rank.saturating_sub(200);
            found.doubts.push(Doubt::Duration);
        }
        None => {}
    }
    match one.price_minor.zip(other.price_minor) {
        Some((one, other)) if one == other => found.rank += 20,
        Some(_) => {
            found.rank = found.rank.saturating_sub(10);
            // Prices of two platforms often differ; without a length nothing else confirms the name.
            if lengths.is_none() {
                found.doubts.push(Doubt::Price);
            }
        }
        None => {}
    }
}

/// How the words of two titles pair up.
#[derive(Debug, Default)]
struct Pairing {
    /// Words that are the same and have more than one letter.
    whole: usize,
    /// Words that are the same.
    same: usize,
    initials: u32,
    typos: u32,
    wrong_letters: u32,
    /// Words that only one of the titles has.
    extra: usize,
    /// Whether these may be left out of a person's name: a patronymic, an initial.
    optional: bool,
}

fn names(what: What, one: &Title, other: &Title) -> Option<Likeness> {
    let found = pair(what, &one.words, &other.words)?;
    let identical = found.extra == 0 && found.initials == 0 && found.typos == 0 && found.same > 0;
    let named = found.whole > 0 || (found.typos > 0 && found.extra == 0) || identical;
    let lettered = one.words.iter().any(|word| !word.numeric());
    if !named || !lettered {
        return None;
    }
    let mut doubts = Vec::new();
    let matched = found.same + usize::try_from(found.initials + found.typos).unwrap_or(usize::MAX);
    // First and last name are enough for a person.
    let enough = what == What::Resource && matched >= 2 && found.extra == 1 && found.optional;
    if found.extra > 0 && !enough {
        doubts.push(Doubt::Partial);
    }
    if found.typos > 0 || (what == What::Service && found.initials > 0) {
        doubts.push(Doubt::Spelling);
    }
    let extra = u32::try_from(found.extra).unwrap_or(u32::MAX);
    let less = [
        (INITIAL, found.initials),
        (TYPO, found.wrong_letters),
        (EXTRA, extra),
    ]
    .into_iter()
    .fold(0_u32, |sum, (each, number)| {
        sum.saturating_add(each.saturating_mul(number))
    });
    Some(Likeness {
        rank: SAME.saturating_sub(less).max(LEAST),
        doubts,
    })
}

/// Pairs words; `None` when each title has a word of its own, for then they speak of different things.
fn pair(what: What, one: &[Word], other: &[Word]) -> Option<Pairing> {
    let (mut one, mut other) = (one.to_vec(), other.to_vec());
    let mut found = Pairing::default();
    one.retain(|word| {
        let Some(at) = other.iter().position(|known| known.folded == word.folded) else {
            return true;
        };
        other.remove(at);
        found.same += 1;
        found.whole += usize::from(word.len() > 1 && !word.numeric());
        false
    });
    if one.iter().any(Word::numeric) && other.iter().any(Word::numeric) {
        return None;
    }
    found.initials += abbreviations(what, &mut one, &mut other);
    found.initials += abbreviations(what, &mut other, &mut one);
    pair_typos(&mut found, &mut one, &mut other);
    found.extra = one.len() + other.len();
    found.optional = one
        .iter()
        .chain(&other)
        .all(|word| word.short || word.patronymic());
    (one.is_empty() || other.is_empty()).then_some(found)
}

/// Takes out the short words of one side that begin a word of the other.
fn abbreviations(what: What, shorts: &mut Vec<Word>, longs: &mut Vec<Word>) -> u32 {
    let mut number = 0;
    shorts.retain(|short| {
        // `Массаж А` and `Массаж Ароматический` are two services.
        let stands_for_more =
            short.short && !short.numeric() && (what == What::Resource || short.len() > 1);
        let at = longs.iter().position(|long| {
            stands_for_more && !long.numeric() && long.folded.starts_with(&short.folded)
        });
        if let Some(at) = at {
            longs.remove(at);
            number += 1;
        }
        at.is_none()
    });
    number
}

fn pair_typos(found: &mut Pairing, one: &mut Vec<Word>, other: &mut Vec<Word>) {
    loop {
        // The nearest pair first; among equals the first in order of spelling, seen from either side.
        let nearest = one
            .iter()
            .enumerate()
            .flat_map(|(i, a)| other.iter().enumerate().map(move |(j, b)| (i, j, a, b)))
            .filter_map(|(i, j, a, b)| {
                let ends = if a <= b { (a, b) } else { (b, a) };
                Some((misspelled(a, b)?, ends, i, j))
            })
            .min();
        let Some((letters, _, i, j)) = nearest else {
            return;
        };
        one.remove(i);
        other.remove(j);
        found.typos += 1;
        found.wrong_letters += letters;
    }
}

/// How many letters are wrong, if few enough for the length of the words.
fn misspelled(one: &Word, other: &Word) -> Option<u32> {
    if one.numeric() || other.numeric() {
        return None;
    }
    let allowed = match one.len().min(other.len()) {
        ..5 => return None,
        5..9 => 1,
        _ => 2,
    };
    let wrong = strsim::osa_distance(&one.folded, &other.folded);
    (wrong <= allowed).then(|| u32::try_from(wrong).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(title: &str) -> Entry {
        Entry {
            key: "1".to_owned(),
            title: title.to_owned(),
            duration: None,
            price_minor: None,
            active: true,
        }
    }

    fn lasting(title: &str, minutes: i64, price: i64) -> Entry {
        Entry {
            duration: Some(SignedDuration::from_mins(minutes)),
            price_minor: Some(price),
            ..entry(title)
        }
    }

    fn compared(what: What, one: &Entry, other: &Entry) -> Option<Likeness> {
        let there = compare(what, &Reading::of(what, one), &Reading::of(what, other));
        let back = compare(what, &Reading::of(what, other), &Reading::of(what, one));
        assert_eq!(there, back, "{one:?} {other:?}");
        there
    }

    /// What speaks against it; `None` when the two are not alike.
    fn doubts(what: What, one: &str, other: &str) -> Option<Vec<Doubt>> {
        compared(what, &entry(one), &entry(other)).map(|likeness| likeness.doubts)
    }

    #[test]
    fn people_are_known_by_their_names() {
        let sure = Some(vec![]);
        let unsure = |doubt| Some(vec![doubt]);
        for (one, other, expected) in [
            ("Анна Иванова", "Anna Ivanova", sure.clone()),
            ("Анна Иванова", "Иванова Анна", sure.clone()),
            ("Анна Иванова", "Ivanova A.", sure.clone()),
            ("Анна Иванова", "ИВАНОВА А", sure.clone()),
            ("Anna Ivanova", "Ivanova A.", sure.clone()),
            ("Юлия Щербакова", "Scherbakova Yu.", sure.clone()),
            ("Анна Иванова", "Anna I.", sure.clone()),
            ("Фёдор", "Федор", sure.clone()),
            ("Анна Иванова", "Иванова Анна Петровна", sure.clone()),
            ("Анна Иванова", "Иванова А.П.", sure.clone()),
            ("Анна Иванова", "Анна", unsure(Doubt::Partial)),
            (
                "Анна Иванова",
                "Анна Иванова, мастер",
                unsure(Doubt::Partial),
            ),
            ("Мастер Анна", "Мастер Анна Иванова", unsure(Doubt::Partial)),
            (
                "Кабинет массажа",
                "Кабинет массажа 2",
                unsure(Doubt::Partial),
            ),
            ("Анна Иванова", "Anna Ivonova", unsure(Doubt::Spelling)),
            ("Мария Иванова", "Marina Ivanova", unsure(Doubt::Spelling)),
            ("Анна Иванова", "Ivanvoa A.", unsure(Doubt::Spelling)),
            ("Анна Иванова", "Анна Петрова", None),
            ("Анна Иванова", "Борис Иванов", None),
            ("Анна Иванова", "Иванова Б.", None),
            ("Олег", "Олегг", sure),
            ("Иван", "Иваш", None),
            ("Анна Иванова", "A.", None),
            ("Анна Иванова", "", None),
            ("Комната 1", "Комната 2", None),
            ("17", "17", None),
        ] {
            assert_eq!(
                doubts(What::Resource, one, other),
                expected,
                "{one} / {other}"
            );
        }
    }

    #[test]
    fn services_are_known_by_their_words() {
        let sure = Some(vec![]);
        let unsure = |doubt| Some(vec![doubt]);
        for (one, other, expected) in [
            ("Мужская стрижка", "Стрижка мужская", sure.clone()),
            ("Стрижка + борода", "Стрижка и борода", sure.clone()),
            ("Strizhka", "Стрижка", sure),
            ("Стрижка", "Стрижка мужская", unsure(Doubt::Partial)),
            ("Стрижка муж.", "Стрижка мужская", unsure(Doubt::Spelling)),
            ("Окрашивание", "Окрошивание", unsure(Doubt::Spelling)),
            ("Стрижка мужская", "Стрижка женская", None),
            ("Массаж 30 мин", "Массаж 60 мин", None),
            ("Массаж А", "Массаж ароматический", None),
            ("Маникюр", "Педикюр", None),
        ] {
            assert_eq!(
                doubts(What::Service, one, other),
                expected,
                "{one} / {other}"
            );
        }
    }

    #[test]
    fn length_and_price_confirm_a_name_or_cast_doubt_on_it() {
        let name = "Стрижка";
        let doubts = |one: Entry, other: Entry| {
            compared(What::Service, &one, &other).map(|found| found.doubts)
        };
        assert_eq!(
            doubts(lasting(name, 60, 1800), lasting(name, 60, 1800)),
            Some(vec![])
        );
        assert_eq!(
            doubts(lasting(name, 60, 1800), lasting(name, 60, 2000)),
            Some(vec![])
        );
        assert_eq!(
            doubts(lasting(name, 60, 1800), lasting(name, 90, 1800)),
            Some(vec![Doubt::Duration])
        );
        assert_eq!(doubts(lasting(name, 60, 1800), entry(name)), Some(vec![]));
        let priced = Entry {
            duration: None,
            ..lasting(name, 60, 2000)
        };
        assert_eq!(
            doubts(lasting(name, 60, 1800), priced),
            Some(vec![Doubt::Price])
        );
        // A length of nothing is no length.
        assert_eq!(
            doubts(lasting(name, 0, 1800), lasting(name, 90, 1800)),
            Some(vec![])
        );
        let rank = |one: &Entry, other: &Entry| compared(What::Service, one, other).unwrap().rank;
        let wanted = lasting(name, 60, 1800);
        assert!(rank(&wanted, &lasting(name, 60, 1800)) > rank(&wanted, &lasting(name, 60, 1)));
        assert!(rank(&wanted, &lasting(name, 60, 1)) > rank(&wanted, &lasting(name, 30, 1800)));
    }

    #[test]
    fn a_translation_is_guessed_from_length_and_price_only_across_alphabets() {
        let found = |one: &Entry, other: &Entry| {
            compared(What::Service, one, other).map(|found| found.doubts)
        };
        let cut = lasting("Haircut", 60, 1800);
        assert_eq!(
            found(&lasting("Стрижка", 60, 1800), &cut),
            Some(vec![Doubt::Language])
        );
        assert_eq!(found(&lasting("Стрижка", 60, 1900), &cut), None);
        assert_eq!(found(&lasting("Стрижка", 90, 1800), &cut), None);
        assert_eq!(
            found(&lasting("Стрижка", 60, 0), &lasting("Haircut", 60, 0)),
            None
        );
        assert_eq!(found(&lasting("Shave", 60, 1800), &cut), None);
        assert_eq!(
            compared(
                What::Resource,
                &lasting("Зал", 60, 1800),
                &lasting("Hall", 60, 1800)
            ),
            None
        );
    }

    #[test]
    fn who_cannot_be_booked_is_never_sure_and_never_better() {
        let anna = entry("Анна Иванова");
        let left = Entry {
            active: false,
            ..entry("Anna Ivanova")
        };
        let found = compared(What::Resource, &anna, &left).unwrap();
        assert_eq!(found.doubts, [Doubt::Inactive]);
        let worse = compared(What::Resource, &anna, &entry("Anna Ivonova")).unwrap();
        assert!(found.rank < worse.rank);
        let also_left = Entry {
            active: false,
            ..anna
        };
        assert_eq!(compared(What::Resource, &also_left, &left), None);
    }

    #[test]
    fn a_title_that_is_only_the_id_is_no_name() {
        let bare = Entry {
            key: "abc".to_owned(),
            ..entry("abc")
        };
        assert_eq!(compared(What::Resource, &bare, &bare.clone()), None);
    }
}
