//! Whether a PDF is one: looked at from its end, as readers do, without unpacking anything in it. A full parser would
//! unpack streams that a stranger wrote; nobody here needs their content.

use super::kind::{Kind, has};
use super::unfit::Unfit;

/// How far from the end readers look for the place of the table of contents.
const NEAR_END: usize = 1024;

/// What makes a PDF more than paper. Names may be written in other ways inside packed streams; that is for the reader's
/// sandbox.
const ACTIVE: [&[u8]; 2] = [b"/JavaScript", b"/Launch"];

/// Refuses what is not a whole PDF from its first byte to its last.
pub(super) fn check(content: &[u8]) -> Result<(), Unfit> {
    let is_whole = is_versioned(content) && table(content).is_some_and(is_table);
    if !is_whole {
        return Err(Unfit::Damaged(Kind::Pdf));
    }
    if ACTIVE.iter().any(|name| has(content, name)) { Err(Unfit::Active) } else { Ok(()) }
}

/// `%PDF-1.7` at the very beginning.
fn is_versioned(content: &[u8]) -> bool {
    matches!(content, [b'%', b'P', b'D', b'F', b'-', b'1'..=b'2', b'.', b'0'..=b'9', ..])
}

/// What stands where the end says that the table of contents begins.
fn table(content: &[u8]) -> Option<&[u8]> {
    let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    let length = content.iter().rposition(|byte| !is_space(byte))? + 1;
    let body = content[..length].strip_suffix(b"%%EOF")?;
    let end = &body[body.len().saturating_sub(NEAR_END)..];
    let word = b"startxref";
    let at = end.windows(word.len()).rposition(|part| part == word)? + word.len();
    let place: usize = std::str::from_utf8(&end[at..]).ok()?.trim().parse().ok()?;
    content.get(place..length).filter(|_| place > 0)
}

/// A table (`xref …`) or the stream that replaces it (`12 0 obj …`), and with it the root of the pages.
fn is_table(table: &[u8]) -> bool {
    let mut words = table.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let is_number = |word: Option<&[u8]>| word.is_some_and(|word| word.iter().all(u8::is_ascii_digit));
    let is_stream = || {
        let mut words = table.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let is_numbered = is_number(words.next()) && is_number(words.next());
        is_numbered && words.next().is_some_and(|word| word.starts_with(b"obj"))
    };
    (words.next() == Some(b"xref") || is_stream()) && has(table, b"/Root")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(body: &str, table: &str) -> String {
        let place = "%PDF-1.7\n".len() + body.len();
        format!("%PDF-1.7\n{body}{table}\nstartxref\n{place}\n%%EOF\n")
    }

    #[test]
    fn whole_files_pass_and_others_do_not() {
        let (body, table) = ("1 0 obj<</Type/Catalog>>endobj\n", "xref\n0 1\ntrailer <</Root 1 0 R>>");
        let stream = "7 0 obj <</Type/XRef/Root 1 0 R>> stream endstream endobj";
        for good in [pages(body, table), pages(body, stream), pages(body, table) + "\0\r\n"] {
            assert_eq!(check(good.as_bytes()), Ok(()), "{good}");
        }
        let whole = pages(body, table);
        for bad in [
            whole.replace("%PDF-1.7", "%PDF-x.7"),
            whole.replace("/Root", "/Boot"),
            whole.replace("xref\n0", "nref\n0"),
            whole.replace("startxref\n4", "startxref\n9"),
            whole.replace("startxref\n4", "startxref\n-4"),
            whole.replace("%%EOF", ""),
            whole.clone() + "<script>",
            format!(" {whole}"),
            "%PDF-1.7\n%%EOF".to_owned(),
            "%PDF-1.7\nstartxref\n0\n%%EOF".to_owned(),
        ] {
            assert_eq!(check(bad.as_bytes()), Err(Unfit::Damaged(Kind::Pdf)), "{bad}");
        }
        for active in ["<</S/JavaScript/JS(app.alert(1))>>", "<</S /Launch>>"] {
            assert_eq!(check(pages(active, table).as_bytes()), Err(Unfit::Active));
        }
    }
}
