//! Every page that a role can reach is sound: no barrier, nothing wider than the window, no complaint of the browser,
//! nothing asked of anybody else, and light enough to be there at once.

use std::collections::{BTreeMap, VecDeque};

use anyhow::{Result, ensure};

use super::chromium::Chromium;
use super::roles::{Role, come_in};
use super::window::{Heard, LOOKS, Look, Window};

/// Bytes of a page with all it loads, as they come over the wire: a second on a slow phone line.
const MAX_LOAD: u64 = 150 * 1024;
/// A role has some thirty kinds of pages. Far fewer: the pages were not found.
const MIN_KINDS: usize = 8;

/// How much is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thoroughness {
    /// One page of each kind, the looks in turn.
    OneLook,
    /// Three pages of each kind, each in every look.
    EveryLook,
}

impl Thoroughness {
    fn pages_of_a_kind(self) -> usize {
        if self == Self::OneLook { 1 } else { 3 }
    }

    fn looks(self, nth: usize) -> Vec<Look> {
        if self == Self::OneLook { vec![LOOKS[nth % LOOKS.len()]] } else { LOOKS.to_vec() }
    }
}

/// Every page of every role.
pub(super) fn every_page_is_sound(chromium: &Chromium, base: &str, how: Thoroughness) -> Result<()> {
    let mut faults = Vec::new();
    for role in Role::ALL {
        let began = runtime::clock::monotonic();
        let window = come_in(chromium, base, role)?;
        let (mut pages, mut heaviest) = (0, (0, String::new()));
        let mut judge = |path: &str| -> Result<()> {
            let found = faults_of(&window, base, path, &how.looks(pages))?;
            pages += 1;
            heaviest = heaviest.clone().max((found.bytes, path.to_owned()));
            faults.extend(found.faults.into_iter().map(|fault| format!("{role:?} {path}: {fault}")));
            Ok(())
        };
        let kinds = each_page(&window, role, how.pages_of_a_kind(), &mut judge)?;
        eprintln!(
            "{role:?}: {pages} pages of {kinds} kinds in {:.1} s; {} bytes at most, on {}",
            began.elapsed().as_secs_f64(),
            heaviest.0,
            heaviest.1
        );
        ensure!(kinds >= MIN_KINDS || role == Role::Nobody, "{role:?} has {kinds} kinds of pages");
    }
    ensure!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    Ok(())
}

/// Goes to the pages that a role can reach, nearest first, and to no more than so many of a kind. Answers how many kinds
/// there are.
pub(super) fn each_page(
    window: &Window<'_>,
    role: Role,
    of_a_kind: usize,
    visit: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<usize> {
    let mut waiting: VecDeque<String> = role.begins().iter().map(|&path| path.to_owned()).collect();
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    while let Some(path) = waiting.pop_front() {
        let of_kind = seen.entry(kind(&path)).or_default();
        if of_kind.len() >= of_a_kind || of_kind.contains(&path) {
            continue;
        }
        of_kind.push(path.clone());
        visit(&path)?;
        waiting.extend(leads_to(window)?);
    }
    Ok(seen.len())
}

/// What an address is an example of: `/affiliates/aff_1` and `/affiliates/aff_2` are one kind.
fn kind(path: &str) -> String {
    let plain = path.split(['?', '#']).next().unwrap_or_default();
    let is_word = |part: &str| part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let parts = plain.split('/').enumerate().map(|(at, part)| {
        // Codes of links are words too.
        let is_code = at == 2 && plain.starts_with("/links/") && !["new", "import"].contains(&part);
        if is_word(part) && !is_code { part } else { "*" }
    });
    parts.collect::<Vec<_>>().join("/")
}

/// Where the links of a page lead inside the console, files left out.
fn leads_to(window: &Window<'_>) -> Result<Vec<String>> {
    let script = "Array.from(document.querySelectorAll('a[href]'))
        .filter((a) => a.origin === location.origin && !a.hasAttribute('download'))
        .map((a) => a.pathname + a.search)";
    let addresses: Vec<String> = serde_json::from_value(window.ask(script)?)?;
    let is_page = |path: &String| {
        let plain = path.split('?').next().unwrap_or_default();
        !plain.starts_with("/v1")
            && !plain.contains('.')
            && !plain.ends_with("/csv")
            && !plain.contains("/doc_")
    };
    Ok(addresses.into_iter().filter(is_page).collect())
}

struct Found {
    bytes: u64,
    faults: Vec<String>,
}

/// What is wrong with a page.
fn faults_of(window: &Window<'_>, base: &str, path: &str, looks: &[Look]) -> Result<Found> {
    window.look(looks[0])?;
    window.go(path)?;
    let Heard { complaints, dialogs, asked, bytes, .. } = window.heard()?;
    let mut faults: Vec<String> = complaints.into_iter().filter(|said| !is_meant(path, said)).collect();
    faults.extend(dialogs.into_iter().map(|said| format!("asks {said:?}")));
    let ours = |address: &&String| address.starts_with(base) || address.starts_with("data:");
    faults.extend(asked.values().filter(|address| !ours(address)).map(|address| format!("loads {address}")));
    if bytes > MAX_LOAD {
        faults.push(format!("{bytes} bytes to load"));
    }
    for &look in looks {
        window.look(look)?;
        let wide = window.ask(&format!("{TOO_WIDE}({})", look.width))?;
        if wide != "" {
            faults.push(format!("{look:?}: wider than the window: {wide}"));
        }
        faults.extend(window.barriers()?.into_iter().map(|barrier| format!("{look:?}: {barrier}")));
    }
    Ok(Found { bytes, faults })
}

/// A page that is not there, or not for this role, is loaded with that status, and the browser minds.
fn is_meant(path: &str, said: &str) -> bool {
    let status = |code: &str| said.contains(&format!("status of {code}"));
    match path {
        "/no-such-page" => status("404"),
        "/team" | "/join?token=made-up" => status("403") || status("404") || status("410") || status("422"),
        _ => false,
    }
}

/// Names what reaches over the edge, if anything makes the page wider than its window.
const TOO_WIDE: &str = "((width) => {
    const wide = document.documentElement.scrollWidth;
    if (wide <= width) return '';
    const over = [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > width + 1);
    return `${wide} px: ` + over.slice(0, 4).map((e) => `${e.tagName.toLowerCase()}.${e.className}`).join(', ');
})";

#[test]
fn addresses_of_one_kind_are_one() {
    for (path, expect) in [
        ("/", "/"),
        ("/affiliates/aff_01/sales?status=Paid", "/affiliates/*/sales"),
        ("/links/tea-time", "/links/*"),
        ("/links/new", "/links/new"),
        ("/set-password?token=x", "/set-password"),
    ] {
        assert_eq!(kind(path), expect);
    }
}
