//! The body of a webhook, as a shop system sends it: the first line names the system and the topic.

use console::intake::judge;

/// It is refused or it is read, twice alike. (That nothing is paid twice for it is the ledger's business.)
pub(crate) fn run(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (line, body) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
    let line = String::from_utf8_lossy(line);
    let (source, topic) = line.split_once(' ').unwrap_or((&line, ""));
    assert_eq!(judge(source, topic, body), judge(source, topic, body));
}
