#![no_main]

#[path = "../../tests/it/fuzz/journal.rs"]
mod journal;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| journal::run(bytes));
