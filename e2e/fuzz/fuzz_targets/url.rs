#![no_main]

#[path = "../../tests/it/fuzz/url.rs"]
mod url;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| url::run(bytes));
