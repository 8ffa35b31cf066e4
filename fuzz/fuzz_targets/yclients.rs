//! Every reply and every webhook of YCLIENTS.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    slotbridge_fuzz::in_virtual_time(adapter_yclients::hostile::said(input));
});
