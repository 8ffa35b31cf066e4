//! Every reply and every webhook of SimplyBook.me.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    slotbridge_fuzz::in_virtual_time(adapter_simplybook::hostile::said(input));
});
