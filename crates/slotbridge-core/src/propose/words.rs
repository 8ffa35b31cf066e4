//! Titles as words that can be compared: one alphabet, one spelling of every sound, no punctuation.
//!
//! A Cyrillic title is first written in Latin letters, the plain way; then Cyrillic and Latin titles go through the same
//! fold, in which the usual ways to spell one Russian letter meet (`Yuliya`, `Iuliia`, `Julia`). The fold is for
//! comparison only: nobody ever sees its words.

use super::What;

/// One word of a title.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Word {
    /// The folded spelling.
    pub(super) folded: String,
    /// Whether it may stand for a longer word: a single letter, or letters with a full stop.
    pub(super) short: bool,
}

impl Word {
    /// How many letters are left of it.
    pub(super) fn len(&self) -> usize {
        self.folded.chars().count()
    }

    /// Whether it names somebody's father, in the Russian way.
    pub(super) fn patronymic(&self) -> bool {
        self.len() > 4
            && ["vna", "ichna", "ich"]
                .iter()
                .any(|end| self.folded.ends_with(end))
    }

    /// Whether a digit is in it: such words are the same or they are not.
    pub(super) fn numeric(&self) -> bool {
        self.folded.chars().any(|c| c.is_ascii_digit())
    }
}

/// A title, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Title {
    /// Its words in order of their spelling: the order in which a platform shows them says nothing.
    pub(super) words: Vec<Word>,
    /// The alphabet of its letters.
    pub(super) script: Script,
}

/// Which letters a title is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    /// Cyrillic only.
    Cyrillic,
    /// Latin only.
    Latin,
    /// Both, another one, or none.
    Other,
}

/// Words that join others and carry nothing.
const JOINING: [&str; 7] = ["и", "с", "and", "with", "the", "of", "для"];

/// Reads a title. In the names of people no word joins others: a single letter is an initial.
pub(super) fn read(what: What, title: &str) -> Title {
    let title = composed(title);
    let mut words = Vec::new();
    let mut rest = title.chars().peekable();
    let mut word = String::new();
    loop {
        let next = rest.next();
        match next {
            Some(letter) if letter.is_alphanumeric() => word.push(letter),
            Some(mark) if is_apostrophe(mark) => {}
            other => {
                let dotted = other == Some('.');
                let joining = what == What::Service && JOINING.contains(&&*word);
                words.extend(
                    Some(to_word(&word, dotted)).filter(|word| !joining && !word.folded.is_empty()),
                );
                word.clear();
            }
        }
        if next.is_none() {
            break;
        }
    }
    words.sort();
    Title {
        words,
        script: script(&title),
    }
}

fn to_word(raw: &str, dotted: bool) -> Word {
    let single = raw.chars().count() == 1 && raw.chars().all(char::is_alphabetic);
    Word {
        folded: fold(&latin(raw)),
        short: single || dotted,
    }
}

fn script(title: &str) -> Script {
    let cyrillic = title.chars().any(is_cyrillic);
    let foreign = title
        .chars()
        .any(|c| c.is_alphabetic() && !is_cyrillic(c) && plain(c).is_none());
    let latin = title
        .chars()
        .any(|c| !is_cyrillic(c) && c.is_alphabetic() && plain(c).is_some());
    match (cyrillic, latin, foreign) {
        (true, false, false) => Script::Cyrillic,
        (false, true, false) => Script::Latin,
        _ => Script::Other,
    }
}

/// A name for a mapping row: small Latin letters, digits and hyphens, at most 40 of them; empty if nothing is left.
pub(super) fn slug(title: &str) -> String {
    let title = composed(title);
    let words = title
        .split(|c: char| !c.is_alphanumeric() && !is_apostrophe(c))
        .map(|word| {
            latin(word)
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .collect::<String>()
        })
        .filter(|word| !word.is_empty());
    let mut slug = String::new();
    for word in words {
        let room = 40_usize.saturating_sub(slug.len() + 1);
        if slug.is_empty() {
            slug = word.chars().take(40).collect();
        } else if word.len() <= room {
            slug.push('-');
            slug.push_str(&word);
        } else {
            break;
        }
    }
    slug
}

/// Small letters, each as one character.
fn composed(title: &str) -> String {
    let mut out = String::with_capacity(title.len());
    for letter in title.to_lowercase().chars() {
        match (letter, out.chars().next_back()) {
            ('\u{306}', Some('и')) => {
                out.pop();
                out.push('й');
            }
            // Accents apart from their letters, and the two dots of a ё: it is read as е everywhere.
            ('\u{300}'..='\u{36f}', _) => {}
            (letter, _) => out.push(letter),
        }
    }
    out
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | '‘' | 'ʼ' | 'ʹ' | '`' | '´')
}

fn is_cyrillic(c: char) -> bool {
    ('\u{400}'..='\u{52f}').contains(&c)
}

/// The letters of a word in Latin, the plain way.
fn latin(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    for letter in word.chars() {
        match cyrillic(letter).or_else(|| plain(letter)) {
            Some(text) => out.push_str(text),
            None if is_apostrophe(letter) => {}
            None => out.push(letter),
        }
    }
    out
}

/// Cyrillic letters in Latin. Russian first, then what its neighbours add.
fn cyrillic(letter: char) -> Option<&'static str> {
    Some(match letter {
        'а' | 'ә' => "a",
        'б' => "b",
        'в' => "v",
        'г' | 'ґ' | 'ғ' => "g",
        'д' => "d",
        'е' | 'ё' | 'э' => "e",
        'ж' => "zh",
        'з' => "z",
        'и' | 'і' => "i",
        'й' | 'ы' => "y",
        'к' | 'қ' => "k",
        'л' => "l",
        'м' => "m",
        'н' | 'ң' => "n",
        'о' | 'ө' => "o",
        'п' => "p",
        'р' => "r",
        'с' => "s",
        'т' => "t",
        'у' | 'ў' | 'ұ' | 'ү' => "u",
        'ф' => "f",
        'х' => "kh",
        'һ' => "h",
        'ц' => "ts",
        'ч' => "ch",
        'ш' => "sh",
        'щ' => "shch",
        'ъ' | 'ь' => "",
        'ю' => "yu",
        'я' => "ya",
        'є' => "ye",
        'ї' => "yi",
        _ => return None,
    })
}

/// Latin letters without their marks; those of scholarly transliteration as the sound that they stand for.
fn plain(letter: char) -> Option<&'static str> {
    const ASCII: &str = "abcdefghijklmnopqrstuvwxyz";
    if letter.is_ascii_lowercase() {
        let at = usize::from(u8::try_from(letter).ok()? - b'a');
        return ASCII.get(at..=at);
    }
    Some(match letter {
        'á' | 'à' | 'ä' | 'ã' | 'å' | 'ą' => "a",
        'â' => "ya",
        'ç' | 'č' | 'ć' => "ch",
        'é' | 'è' | 'ê' | 'ë' | 'ė' | 'ę' | 'ě' => "e",
        'í' | 'ì' | 'î' | 'ï' | 'ı' | 'ī' => "i",
        'ł' => "l",
        'ñ' | 'ń' => "n",
        'ó' | 'ò' | 'ô' | 'ö' | 'õ' | 'ø' => "o",
        'ř' => "r",
        'š' | 'ś' | 'ş' => "sh",
        'ŝ' => "shch",
        'ú' | 'ù' | 'ü' | 'ů' => "u",
        'û' => "yu",
        'ý' | 'ÿ' => "y",
        'ž' | 'ź' | 'ż' => "zh",
        'ß' => "ss",
        'ğ' => "g",
        _ => return None,
    })
}

/// What stands for what in the fold; the first that fits is taken, so longer ones come first.
const RULES: [(&str, &str); 22] = [
    ("shch", "sh"),
    ("sch", "sh"),
    ("sh", "sh"),
    ("zh", "zh"),
    ("ch", "ch"),
    ("kh", "h"),
    ("ph", "f"),
    ("th", "t"),
    ("ts", "c"),
    ("tz", "c"),
    ("ck", "k"),
    ("ye", "e"),
    ("je", "e"),
    ("ie", "e"),
    ("yo", "e"),
    ("jo", "e"),
    ("x", "ks"),
    ("q", "k"),
    ("w", "v"),
    ("y", "i"),
    ("j", "i"),
    ("'", ""),
];

/// The common spelling of all the ways to write a word in Latin letters.
fn fold(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(letter) = rest.chars().next() {
        let (length, text) = step(rest, letter, &out);
        match text {
            Some(text) => out.push_str(text),
            None => out.push(letter),
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    let mut single = String::with_capacity(out.len());
    for letter in out.chars() {
        // `Anna` and `Ana`, `Mariia` and `Maria`; a number keeps its zeros.
        if letter.is_ascii_digit() || !single.ends_with(letter) {
            single.push(letter);
        }
    }
    match single.strip_suffix("nder") {
        Some(stem) => format!("{stem}ndr"),
        None => single,
    }
}

/// How much of `rest` is read next, and what it becomes; `None` for itself.
fn step(rest: &str, letter: char, out: &str) -> (usize, Option<&'static str>) {
    let after_vowel = out
        .chars()
        .next_back()
        .is_none_or(|last| matches!(last, 'a' | 'e' | 'i' | 'o' | 'u'));
    // `Maiorov` is `Mayorov`, but `Mario` is not `Mare`.
    if after_vowel && rest.starts_with("io") {
        return (2, Some("e"));
    }
    if let Some((from, to)) = RULES.iter().find(|(from, _)| rest.starts_with(from)) {
        return (from.len(), Some(to));
    }
    if letter == 'c' {
        // `Victor` has a k, `Kuznecov` a ц.
        let hard = match rest.chars().nth(1) {
            Some('t' | 'l' | 'r' | 's') | None => true,
            Some('a' | 'o' | 'u') => out.is_empty(),
            Some(_) => false,
        };
        return (1, Some(if hard { "k" } else { "c" }));
    }
    (letter.len_utf8(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(title: &str) -> Vec<String> {
        read(What::Service, title)
            .words
            .into_iter()
            .map(|word| word.folded)
            .collect()
    }

    #[test]
    fn the_usual_latin_spellings_of_a_russian_word_fold_to_the_same() {
        for spellings in [
            &["Анна", "Anna", "ANNA", "Ana", "анна"][..],
            &[
                "Юлия", "Yuliya", "Yulia", "Iuliia", "Julia", "Julija", "Ûliâ",
            ],
            &[
                "Фёдор",
                "Федор",
                "Fedor",
                "Fyodor",
                "Fjodor",
                "Фе\u{308}дор",
            ],
            &[
                "Дмитрий",
                "Dmitry",
                "Dmitriy",
                "Dmitrii",
                "Dmitri",
                "Dmitrij",
            ],
            &[
                "Сергей",
                "Sergey",
                "Sergei",
                "Sergej",
                "Серге\u{438}\u{306}",
            ],
            &["Щербаков", "Shcherbakov", "Scherbakov", "Ŝerbakov"],
            &["Хабаров", "Khabarov", "Habarov"],
            &["Кузнецов", "Kuznetsov", "Kuznecov", "Kuznetzov"],
            &["Цветкова", "Tsvetkova", "Cvetkova"],
            &[
                "Александр",
                "Alexander",
                "Aleksandr",
                "Alexandr",
                "Aleksander",
            ],
            &["Ксения", "Kseniya", "Ksenia", "Kseniia", "Xenia"],
            &[
                "Соловьёв",
                "Соловьев",
                "Solovyov",
                "Solovyev",
                "Soloviev",
                "Solovjev",
                "Solov'ev",
            ],
            &["Наталья", "Natalya", "Natalia", "Natal’ya", "Nataliia"],
            &["Евгений", "Evgeny", "Yevgeniy", "Evgenii"],
            &["Майоров", "Mayorov", "Maiorov", "Majorov"],
            &["Жукова", "Zhukova", "Žukova"],
            &["Виктор", "Victor", "Viktor"],
            &["Чайкин", "Chaykin", "Chaikin", "Čajkin"],
            &["Вячеслав", "Vyacheslav", "Viacheslav", "Vjacheslav"],
        ] {
            let first = folded(spellings[0]);
            for spelling in spellings {
                assert_eq!(
                    folded(spelling),
                    first,
                    "{spelling} against {}",
                    spellings[0]
                );
            }
        }
    }

    #[test]
    fn names_that_differ_stay_different() {
        for (one, other) in [
            ("Мария", "Марина"),
            ("Mario", "Marie"),
            ("Александр", "Александра"),
            ("Царёв", "Карев"),
            ("Анна", "Инна"),
            ("Валерий", "Валерия"),
            ("30", "300"),
            ("Массаж 10", "Массаж 100"),
        ] {
            assert_ne!(folded(one), folded(other), "{one} {other}");
        }
    }

    #[test]
    fn order_case_punctuation_and_joining_words_say_nothing() {
        let same = folded("Стрижка и борода");
        for title in [
            "борода, стрижка",
            "СТРИЖКА + БОРОДА",
            "  Стрижка/борода ",
            "«Стрижка» (Борода)",
        ] {
            assert_eq!(folded(title), same, "{title}");
        }
        assert_eq!(folded(""), Vec::<String>::new());
        assert_eq!(folded(" — !"), Vec::<String>::new());
    }

    #[test]
    fn letters_with_a_full_stop_and_single_letters_may_stand_for_more() {
        for (title, short) in [
            ("Ю.", true),
            ("Yu.", true),
            ("Ю", true),
            ("муж.", true),
            ("Yu", false),
            ("Ян", false),
            ("1", false),
        ] {
            assert_eq!(
                read(What::Resource, title)
                    .words
                    .iter()
                    .map(|word| word.short)
                    .collect::<Vec<_>>(),
                [short],
                "{title}"
            );
        }
        assert_eq!(read(What::Resource, "Иванова И С").words.len(), 3);
    }

    #[test]
    fn a_row_gets_a_name_in_plain_letters() {
        for (title, name) in [
            ("Анна Иванова", "anna-ivanova"),
            ("Стрижка + борода (60 мин.)", "strizhka-boroda-60-min"),
            ("Щербаков Юрий", "shcherbakov-yuriy"),
            ("Men’s haircut", "mens-haircut"),
            ("Zoë", "zoe"),
            ("理髪", ""),
            ("", ""),
            (
                "Очень длинное название услуги, которое никто не прочитает",
                "ochen-dlinnoe-nazvanie-uslugi-kotoroe",
            ),
        ] {
            assert_eq!(slug(title), name);
        }
    }

    #[test]
    fn the_alphabet_of_a_title_is_known() {
        for (title, script) in [
            ("Стрижка", Script::Cyrillic),
            ("Стрижка 60", Script::Cyrillic),
            ("Haircut", Script::Latin),
            ("Zoë", Script::Latin),
            ("SPA уход", Script::Other),
            ("理髪", Script::Other),
            ("60", Script::Other),
        ] {
            assert_eq!(read(What::Service, title).script, script, "{title}");
        }
    }
}
