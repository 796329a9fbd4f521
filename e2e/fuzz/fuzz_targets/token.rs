#![no_main]

#[path = "../../tests/it/fuzz/token.rs"]
mod token;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| token::run(bytes));
