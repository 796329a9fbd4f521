//! The binary's settings: what cannot be used is refused before a port is bound.

use std::process::Command;

#[test]
fn an_address_that_others_can_reach_is_refused() {
    let run = Command::new(env!("CARGO_BIN_EXE_console"))
        .args([
            "--database-url",
            "postgres://localhost/linkledger",
            "--listen",
            "0.0.0.0:0",
            "--admin-listen",
            "x",
        ])
        .env_clear()
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{said}");
    for words in [
        "--listen (environment CONSOLE_LISTEN)",
        "passwords would travel readable",
        "SSH tunnel",
        "--admin-listen",
    ] {
        assert!(said.contains(words), "{words:?} is not in {said}");
    }
}
