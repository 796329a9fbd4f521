#![no_main]

#[path = "../../tests/it/fuzz/sketch.rs"]
mod sketch;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sketch::run(bytes));
