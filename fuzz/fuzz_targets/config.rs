//! The values of the config: durations, quotas, zones, addresses; and the file as TOML.
//!
//! How the tables are read is tried by property tests of the binary, which this workspace leaves out for SQLite's sake.
#![no_main]

#[path = "../../crates/slotbridge/src/config/value.rs"]
#[allow(dead_code, unreachable_pub, reason = "it is a module of the binary")]
mod value;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let refusals = [
        value::duration(text).err(),
        value::positive_duration(text).err(),
        value::quota(text).err(),
        value::zone(text).err(),
        value::country(text).err(),
        value::base_url(text).err(),
        value::target_url(text).err(),
        value::public_url(text).err(),
        value::email(text).err(),
        value::listen(text).err(),
    ];
    assert!(refusals.iter().flatten().all(|why| !why.is_empty()));
    drop(value::nearest(text, ["platform", "bridge", "store"]));
    let (_document, mistakes) = toml::de::DeTable::parse_recoverable(text);
    for mistake in &mistakes {
        let place = mistake.span().unwrap_or(0..0);
        assert!(place.start <= text.len() && !mistake.message().is_empty());
    }
});
