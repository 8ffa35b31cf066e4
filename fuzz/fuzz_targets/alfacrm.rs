//! Every reply and every webhook of AlfaCRM.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    slotbridge_fuzz::in_virtual_time(adapter_alfacrm::hostile::said(input));
});
