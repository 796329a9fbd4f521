//! The address that a link is to lead to, as somebody typed it.

use std::sync::LazyLock;

use common::destination::{Macro, Template, Values};
use common::url_rules::{AllowedHost, Rules, Schemes, destination, fallback, website};

static HOSTS: LazyLock<Vec<AllowedHost>> = LazyLock::new(|| {
    ["shop.example.com", ".shops.example.com"].map(|host| host.parse().expect("a host")).into()
});

/// Whatever is accepted leads to the vendor's hosts over https, reads the same when it is read again, and fits into one
/// header, however its macros are filled in.
pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let rules =
        Rules { allowed_hosts: &HOSTS, schemes: Schemes::Https, redirect_url: "https://go.example.com" };
    if let Ok(url) = destination(text, &rules) {
        is_at_home(&url);
        assert_eq!(destination(&url, &rules).as_ref(), Ok(&url), "it stays as it is stored");
        let template = Template::compile(&url).expect("it was accepted");
        let fill = |_: Macro, out: &mut Vec<u8>| out.extend_from_slice(b"42");
        let subs: [&[u8]; 5] = [b"a\r\nX: y", b"//evil.example.net", b"\"<>", b"\xff", b""];
        let values = Values { token: Some(&[b'x'; 64]), subs: &subs, other: &fill };
        let mut rendered = Vec::new();
        template.render(&values, &mut rendered);
        assert!(rendered.iter().all(|byte| (0x21..0x7f).contains(byte)), "{url} → {rendered:?}");
        is_at_home(std::str::from_utf8(&rendered).expect("ASCII"));
    }
    if let Ok(url) = fallback(text, &rules) {
        is_at_home(&url);
    }
    if let Ok(url) = website(text) {
        assert!(url.starts_with("https://") || url.starts_with("http://"), "{url}");
        assert!(url.bytes().all(|byte| (0x21..0x7f).contains(&byte)), "{url}");
    }
}

/// As the simplest of readers sees it: what stands between `//` and the next `/`, `?` or `#`.
fn is_at_home(url: &str) {
    let rest = url.strip_prefix("https://").unwrap_or_else(|| panic!("{url}"));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    assert!(name == "shop.example.com" || name.ends_with(".shops.example.com"), "{url} leads to {host}");
    assert!(!url.contains(['\\', '@', ' ', '\r', '\n']) || !host.contains('@'), "{url}");
}
