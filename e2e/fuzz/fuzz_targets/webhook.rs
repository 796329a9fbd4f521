#![no_main]

#[path = "../../tests/it/fuzz/webhook.rs"]
mod webhook;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| webhook::run(bytes));
