//! Spellings of names, phones, e-mails and texts, and what they become.

use proptest::prelude::*;

use super::*;

fn phone_text(raw: &str, country: &str) -> Option<String> {
    phone(raw, country).map(|phone| phone.expose().to_owned())
}

#[test]
fn phones_come_out_in_one_spelling() {
    for (raw, country, expected) in [
        // However people write a Russian number.
        ("8 900 000-00-01", "RU", "+79000000001"),
        ("89000000001", "RU", "+79000000001"),
        ("79000000001", "RU", "+79000000001"),
        ("9000000001", "RU", "+79000000001"),
        ("+7 (900) 000 00 01", "RU", "+79000000001"),
        ("+8 900 000 00 01", "RU", "+79000000001"),
        ("  +7-900-000-00-01\n", "ru", "+79000000001"),
        ("8 (495) 000-00-01", "RU", "+74950000001"),
        ("+7 900 000 00 01 доб. 12", "RU", "+79000000001"),
        // Foreign numbers in a Russian account, with and without the plus.
        ("+49 30 901820", "RU", "+4930901820"),
        ("380 50 123 4567", "RU", "+380501234567"),
        // Other countries.
        ("030 901820", "DE", "+4930901820"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("79000000001", "US", "+79000000001"),
        ("(201) 555-0123", "US", "+12015550123"),
        ("02 1234 5678", "IT", "+390212345678"),
        // Only the length can be checked: numbering plans grow.
        ("+7 000 000 00 01", "RU", "+70000000001"),
    ] {
        assert_eq!(
            phone_text(raw, country).as_deref(),
            Some(expected),
            "{raw} in {country}"
        );
        assert!(is_e164(&Private::new(expected)), "{expected}");
    }
}

#[test]
fn a_phone_that_is_not_shown_is_unknown() {
    for raw in ["", "  ", "\t\n", "+7 900 ***-**-01", "*", "••••"] {
        assert_eq!(phone_text(raw, "RU"), None, "{raw:?}");
    }
}

#[test]
fn what_is_no_phone_is_kept_as_it_was_written() {
    for raw in ["нет телефона", "8900", "89000000001, 89000000002", "-", "0"] {
        let kept = phone(&format!(" {raw} "), "RU").unwrap();
        assert_eq!(kept.expose(), raw);
        assert!(!is_e164(&kept), "{raw}");
    }
    assert_eq!(
        phone_text("8 900 000 00 01", "nowhere").as_deref(),
        Some("8 900 000 00 01")
    );
}

#[test]
fn emails_are_trimmed_and_compared_without_case() {
    for (raw, expected) in [
        (" Vera@Example.com ", Some("Vera@Example.com")),
        ("", None),
        (" \n", None),
        ("v***@example.com", None),
    ] {
        assert_eq!(
            email(raw).as_ref().map(Private::expose),
            expected,
            "{raw:?}"
        );
    }
    assert_eq!(
        email_key(" Vera@Example.COM"),
        email_key("vera@example.com\n")
    );
    assert_ne!(email_key("vera@example.com"), email_key("very@example.com"));
}

#[test]
fn names_are_compared_by_their_letters_alone() {
    for (one, other) in [
        ("Пётр  Пробный", "петр пробный"),
        ("ПЁТР ПРОБНЫЙ", "Пе\u{308}тр Пробныи\u{306}"),
        (" Anna\tTest ", "anna test"),
    ] {
        assert_eq!(name_key(one), name_key(other), "{one} {other}");
    }
    for (one, other) in [
        ("Пробный Пётр", "Пётр Пробный"),
        ("Анна", "Анна П."),
        ("Анна", "Яна"),
    ] {
        assert_ne!(name_key(one), name_key(other), "{one} {other}");
    }
}

#[test]
fn a_person_is_recognised_by_the_same_words_or_clear_initials() {
    for (one, other, same) in [
        ("Вера Пробная", "Пробная Вера", true),
        ("Вера Пробная", "вера  ПРОБНАЯ", true),
        ("Пробная В.", "Вера Пробная", true),
        ("Пробный П.П.", "Пробный Пётр Петрович", true),
        ("Пётр А. Пробный", "П. Андреевич Пробный", true),
        ("Пробный П. А.", "Пробный Анна Пётр", false),
        ("Пробная Вера", "Пробная Вика", false),
        ("В. П.", "Вера Пробная", false),
        ("Вера", "Вера Пробная", false),
        ("Вера", "Вика", false),
        ("Вер. Пробная", "Вера Пробная", false),
        ("", "", false),
        (".", ".", false),
    ] {
        assert_eq!(same_person(one, other), same, "{one:?} {other:?}");
        assert_eq!(same_person(other, one), same, "{other:?} {one:?}");
    }
}

#[test]
fn text_has_one_kind_of_line_end_and_nothing_behind_it() {
    assert_eq!(
        text("  one \r\ntwo\t\rthree\n\n").expose(),
        "  one\ntwo\nthree"
    );
    assert_eq!(text(" \n ").expose(), "");
    assert_eq!(name("  Вера \n Пробная ").expose(), "Вера Пробная");
}

proptest! {
    #[test]
    fn normalising_twice_changes_nothing_more(raw in any::<String>(), digits in "[+0-9 ()*-]{0,20}") {
        for raw in [&raw, &digits] {
            let once = text(raw);
            prop_assert_eq!(&text(once.expose()), &once);
            let once = name(raw);
            prop_assert_eq!(&name(once.expose()), &once);
            let once = name_key(raw);
            prop_assert_eq!(&name_key(&once), &once);
            let once = email_key(raw);
            prop_assert_eq!(&email_key(&once), &once);
            for country in ["RU", "DE", "US", "IT", "", "??"] {
                let Some(once) = phone(raw, country) else { continue };
                prop_assert_eq!(phone(once.expose(), country), Some(once.clone()), "{:?} in {}", once.expose(), country);
            }
        }
    }

    #[test]
    fn every_russian_spelling_of_a_mobile_number_is_the_same_number(number in 9_000_000_000_u64..=9_009_999_999) {
        let e164 = Some(Private::new(format!("+7{number}")));
        for spelling in [format!("8{number}"), format!("7{number}"), format!("+7{number}"), number.to_string()] {
            prop_assert_eq!(phone(&spelling, "RU"), e164.clone());
        }
    }
}

#[test]
fn a_phone_in_its_normal_form_is_its_own_whatever_was_typed() {
    for country in ["RU", "DE", "JP", "??"] {
        for text in [
            "+  81010804910)",
            "+8 (400(49909000",
            "+81010804910",
            "81010804910",
            "+7 (8) 9160000000",
            "+0049 30 123456",
            "00380 50 123 45 67",
        ] {
            let Some(once) = phone(text, country) else {
                panic!("{text} is nothing")
            };
            let again = phone(once.expose(), country).unwrap();
            assert_eq!(again.expose(), once.expose(), "{text} in {country}");
        }
    }
}
