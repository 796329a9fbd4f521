#![no_main]

#[path = "../../tests/it/fuzz/journal.rs"]
mod journal;
#[path = "../../tests/it/fuzz/request.rs"]
mod request;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| request::run(bytes));
