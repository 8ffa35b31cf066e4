//! Booking ids in free text, and texts that only look like them.

use proptest::prelude::*;

use super::*;
use crate::model::BookingId;

const ID: &str = "018f2a6e-7b1c-7000-8000-00000000002a";
const OTHER: &str = "018f2a6e-7b1c-7000-8000-00000000002b";

fn marker(id: &str, block: bool) -> Marker {
    Marker {
        booking: id.parse().unwrap(),
        block,
    }
}

#[test]
fn a_field_of_its_own_holds_the_marker_and_nothing_else() {
    for (value, expected) in [
        (format!("sb:{ID}"), Some(marker(ID, false))),
        (format!("sb-busy:{ID}"), Some(marker(ID, true))),
        (format!(" sb:{ID}\n"), Some(marker(ID, false))),
        (format!("SB:{}", ID.to_uppercase()), Some(marker(ID, false))),
        (format!("[sb:{ID}]"), None),
        (format!("sb:{ID}x"), None),
        (format!("sb: {ID}"), None),
        (format!("busy:{ID}"), None),
        (format!("sb:{}", ID.replace('-', "")), None),
        (ID.to_owned(), None),
        ("sb:".to_owned(), None),
        (String::new(), None),
    ] {
        assert_eq!(Marker::from_text(&value), expected, "{value}");
    }
}

#[test]
fn a_marker_is_the_last_line_of_a_comment() {
    assert_eq!(marker(ID, false).append_to(""), format!("[sb:{ID}]"));
    assert_eq!(
        marker(ID, true).append_to("у окна"),
        format!("у окна\n[sb-busy:{ID}]")
    );
    let moved = format!("[sb:{OTHER}]\nу окна");
    assert_eq!(
        marker(ID, false).append_to(&moved),
        format!("у окна\n[sb:{ID}]")
    );
    let longest = marker(ID, true).append_to("x");
    assert_eq!(longest.chars().count(), 1 + Marker::APPENDED_CHARS_MAX);
}

#[test]
fn a_marker_is_found_wherever_it_was_moved() {
    for (comment, text) in [
        (format!("у окна\n[sb:{ID}]"), "у окна"),
        (format!("[sb:{ID}]"), ""),
        (format!("[sb:{ID}]\nу окна"), "у окна"),
        (format!("у [sb:{ID}] окна"), "у окна"),
        (format!("у окна[sb:{ID}]позвонить"), "у окна позвонить"),
        (format!("  у окна [sb:{ID}]"), "  у окна"),
        (format!("sb:{ID} у окна"), "у окна"),
        (format!("у окна [ sb:{ID} ]"), "у окна"),
        (format!("(sb:{ID})"), "( )"),
        (format!("[SB:{}] у окна", ID.to_uppercase()), "у окна"),
        (format!("раз\r\n[sb:{ID}]\r\nдва"), "раз\nдва"),
        (format!("раз\n\n[sb:{ID}]\n\n\n"), "раз"),
        // Copies of ours; the last is ours, and all are taken out.
        (format!("[sb:{ID}] [sb:{ID}]\nу окна"), "у окна"),
        (format!("[sb-busy:{OTHER}]у окна[sb:{ID}]"), "у окна"),
    ] {
        assert_eq!(
            Marker::take_from(&comment),
            (text.to_owned(), Some(marker(ID, false))),
            "{comment}"
        );
    }
}

#[test]
fn what_only_resembles_a_marker_is_text() {
    for comment in [
        "sb:".to_owned(),
        "[sb:]".to_owned(),
        format!("[sb:{}]", ID.replace('-', "")),
        format!("usb:{ID}"),
        format!("sb:{ID}0"),
        format!("sb:{ID}-2"),
        format!("sb: {ID}"),
        format!("sb:{}", "я".repeat(36)),
        format!("sb:{}", "я".repeat(18)),
        "sb-busy:sb-busy:".to_owned(),
    ] {
        assert_eq!(Marker::take_from(&comment), (comment.clone(), None));
    }
}

/// Text in which markers, halves of markers and people's words meet in every order.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => Just(format!("sb:{ID}")),
        2 => Just(format!("sb-busy:{OTHER}")),
        2 => prop::sample::select(vec!["[", "]", " ", "\n", "\r", "sb", "sb:", "-", "x", "ſ", "я", "\u{301}", "7"])
            .prop_map(str::to_owned),
        1 => Just(ID.to_owned()),
        1 => any::<String>(),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn taking_out_what_was_appended_gives_the_comment_back(comment in hostile(), id in any::<u128>(), block: bool) {
        let marker = Marker { booking: BookingId::from_u128(id), block };
        let (clean, _) = Marker::take_from(&comment);
        prop_assert_eq!(Marker::take_from(&marker.append_to(&clean)), (clean, Some(marker)));
    }

    #[test]
    fn a_comment_without_a_marker_only_comes_into_normal_form(comment in "[а-яs:b \\[\\]\r\n-]{0,60}") {
        let normal = normalise::text(&comment).expose().to_owned();
        prop_assert_eq!(Marker::take_from(&comment), (normal, None));
    }

    #[test]
    fn no_marker_is_left_after_taking(comment in hostile()) {
        let (clean, _) = Marker::take_from(&comment);
        prop_assert_eq!(Marker::take_from(&clean), (clean.clone(), None));
    }

    #[test]
    fn a_marker_in_a_field_is_read_back(id in any::<u128>(), block: bool) {
        let marker = Marker { booking: BookingId::from_u128(id), block };
        prop_assert_eq!(Marker::from_text(&marker.to_text()), Some(marker));
    }
}
