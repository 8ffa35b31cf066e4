//! Markers in comments and fields, and what else people type: phones and texts.
#![no_main]

use slotbridge_core::marker::Marker;
use slotbridge_core::normalise;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (rest, marker) = Marker::take_from(text);
    assert_eq!(Marker::take_from(&rest), (rest.clone(), None), "a marker is left");
    if let Some(marker) = marker {
        let written = marker.append_to(&rest);
        assert_eq!(Marker::take_from(&written), (rest, Some(marker)), "it does not read back");
    }
    if let Some(marker) = Marker::from_text(text) {
        assert_eq!(Marker::from_text(&marker.to_text()), Some(marker));
    }
    for country in ["RU", "DE", "??"] {
        if let Some(phone) = normalise::phone(text, country) {
            let again = normalise::phone(phone.expose(), country);
            assert_eq!(again.as_ref(), Some(&phone), "a normal phone is another one");
        }
    }
    let once = normalise::text(text);
    assert_eq!(normalise::text(once.expose()), once);
    drop(normalise::email_key(text));
});
