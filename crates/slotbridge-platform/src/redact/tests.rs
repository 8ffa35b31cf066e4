//! What is kept of a foreign text and what is not.

use super::{CHARS_MAX, Redactor, without_quoted};

fn scrub(text: &str) -> String {
    Redactor::default().scrub(text, &[], CHARS_MAX)
}

#[test]
fn what_looks_private_is_replaced_and_the_rest_stays() {
    let rows = [
        // Kept as it is.
        ("the record is locked", "the record is locked"),
        ("error 422 on page 3 of 17", "error 422 on page 3 of 17"),
        ("record 123456 is gone", "record 123456 is gone"),
        ("2026-12-01 10:00 is taken", "2026-12-01 10:00 is taken"),
        ("2026-12-01T10:00:00+03:00", "2026-12-01T10:00:00+03:00"),
        ("от 01.12.2026 до 02.12.2026", "от 01.12.2026 до 02.12.2026"),
        (
            "validation_error_in_custom_field3",
            "validation_error_in_custom_field3",
        ),
        (
            "недействительныйпользователь",
            "недействительныйпользователь",
        ),
        ("InvalidAuthenticationToken", "InvalidAuthenticationToken"),
        ("mail @ noon", "mail @ noon"),
        // Phones.
        ("call +79000000001 now", "call ‹phone› now"),
        ("call 8 (900) 000-00-01 now", "call ‹phone› now"),
        ("79000000001,79000000002", "‹phone›,‹phone›"),
        ("id 1234567", "id ‹phone›"),
        ("٠١٢٣٤٥٦٧٨٩", "‹phone›"),
        ("2026-12-01-79000000001", "‹phone›"),
        ("12 +7 900 000 00 01", "‹phone›"),
        // Addresses.
        (
            "anna.petrova+x@mail.example.com is known",
            "‹e-mail› is known",
        ),
        ("<анна@пример.рф>", "<‹e-mail›>"),
        // Tokens.
        ("token a1b2c3d4e5f6a7b8 is wrong", "token ‹token› is wrong"),
        ("gtcwf654agufy25gsadh", "‹token›"),
        ("018f3b1c-4b1e-7cc3-9d2a-0123456789ab", "‹token›"),
        ("QmFzZTY0VGV4dE9mQVNlY3JldEtleQ==", "‹token›"),
        ("aVeRyRaNdOmToKeNOfLeTtErS", "‹token›"),
        // One line of visible text.
        (
            "two\r\n lines\tand\u{0}a\u{1b}[31mcolour",
            "two lines anda[31mcolour",
        ),
        ("  a\u{202e}b\u{200b}c  ", "abc"),
        ("", ""),
    ];
    for (text, expected) in rows {
        assert_eq!(scrub(text), expected, "{text:?}");
    }
}

#[test]
fn known_secrets_are_replaced_in_every_spelling() {
    let redactor = Redactor::default();
    for secret in ["p@ss/word+1", "p@ss/word+1 and more", "quo\"ted", "ab", ""] {
        redactor.add_secret(secret);
    }
    let rows = [
        ("wrong p@ss/word+1", "wrong ‹secret›"),
        ("wrong p@ss/word+1 and more", "wrong ‹secret›"),
        ("?key=p%40ss%2Fword%2B1&x", "?key=‹secret›&x"),
        ("p%40ss%2Fword%2B1%20and%20more", "‹secret›"),
        (r#"{"key":"quo\"ted"}"#, r#"{"key":"‹secret›"}"#),
        ("p@ss/\u{200b}word+1", "‹secret›"),
        // Too short to be looked for.
        ("about nothing", "about nothing"),
    ];
    for (text, expected) in rows {
        assert_eq!(redactor.scrub(text, &[], CHARS_MAX), expected, "{text:?}");
    }
}

#[test]
fn what_the_request_carried_is_replaced_as_whole_words() {
    let private = [
        "Анна Петрова".to_owned(),
        "Петрова".to_owned(),
        "Анна".to_owned(),
        "ann".to_owned(),
    ];
    let rows = [
        (
            "клиент «АННА петрова» не найден",
            "клиент «‹private›» не найден",
        ),
        ("Петрова, Анна", "‹private›, ‹private›"),
        ("it cannot be", "it cannot be"),
        ("ann-marie", "‹private›-marie"),
    ];
    for (text, expected) in rows {
        assert_eq!(
            Redactor::default().scrub(text, &private, CHARS_MAX),
            expected,
            "{text:?}"
        );
    }
}

#[test]
fn a_long_text_is_cut_after_it_was_cleaned() {
    let secret = "s3cretsecret";
    let redactor = Redactor::default();
    redactor.add_secret(secret);
    let text = format!("{}{secret}", "ы".repeat(CHARS_MAX - 4));
    let scrubbed = redactor.scrub(&text, &[], CHARS_MAX);
    assert_eq!(scrubbed.chars().count(), CHARS_MAX + 1);
    assert!(scrubbed.ends_with("ы‹sec…"), "{scrubbed}");
    assert_eq!(scrub(&"w ".repeat(1000)).chars().count(), CHARS_MAX + 1);
}

#[test]
fn what_a_parser_quotes_is_left_out() {
    let rows = [
        (
            r#"invalid type: string "Anna", expected u64"#,
            "invalid type: string …, expected u64",
        ),
        (
            r#"invalid value: string "a \"b\" c" at 1"#,
            "invalid value: string … at 1",
        ),
        (
            "unknown field `secret`, expected `id`",
            "unknown field …, expected …",
        ),
        (r#"never "closed"#, "never …"),
    ];
    for (text, expected) in rows {
        assert_eq!(without_quoted(text), expected);
    }
}
