//! Where a link leads: a stored URL with macros, never anything from the request but encoded values.
//!
//! A [`Template`] is compiled once; rendering copies the URL, fills macros with percent-encoded values and adds the
//! click token as `clk=`. The host always comes from the stored URL: macros stand behind the authority only.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use url::Url;

/// The query parameter that carries the click token. A `clk` in the stored URL is removed.
pub const TOKEN_PARAMETER: &str = "clk";
/// Longer destinations do not fit every browser and proxy.
pub const MAX_BYTES: usize = 2048;
/// How many sub-ids an affiliate may hang on a link.
pub const SUBS: usize = 5;

/// What a sub-id is called in a query.
const SUB_PARAMETERS: [&str; SUBS] = ["sub1", "sub2", "sub3", "sub4", "sub5"];
/// How a template places a sub-id.
const SUB_MACROS: [&str; SUBS] = ["{sub1}", "{sub2}", "{sub3}", "{sub4}", "{sub5}"];

/// What a value keeps as it is. RFC 3986 calls these unreserved.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A placeholder in a destination, written `{name}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Macro {
    /// `{click_id}`: the click token.
    ClickId,
    /// `{link_code}`: the link's code.
    LinkCode,
    /// `{vendor_id}`: the vendor's number.
    VendorId,
    /// `{affiliate_id}`: the affiliate's number.
    AffiliateId,
    /// `{product_id}`: the product's number.
    ProductId,
    /// `{sub1}` to `{sub5}`, here 0 to 4.
    Sub(usize),
    /// `{source}`: the channel's name.
    Source,
    /// `{country}`: two letters.
    Country,
    /// `{device}`: the device's name.
    Device,
    /// `{browser}`: the browser's name.
    Browser,
    /// `{os}`: the operating system's name.
    Os,
    /// `{timestamp}`: seconds since 1970.
    Timestamp,
}

impl Macro {
    /// The macro with this name. Names are case-sensitive.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "click_id" => Self::ClickId,
            "link_code" => Self::LinkCode,
            "vendor_id" => Self::VendorId,
            "affiliate_id" => Self::AffiliateId,
            "product_id" => Self::ProductId,
            "sub1" => Self::Sub(0),
            "sub2" => Self::Sub(1),
            "sub3" => Self::Sub(2),
            "sub4" => Self::Sub(3),
            "sub5" => Self::Sub(4),
            "source" => Self::Source,
            "country" => Self::Country,
            "device" => Self::Device,
            "browser" => Self::Browser,
            "os" => Self::Os,
            "timestamp" => Self::Timestamp,
            _ => return None,
        })
    }
}

/// Why a URL cannot be a destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDestination {
    /// Longer than [`MAX_BYTES`].
    #[error("the destination is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// Spaces, control characters, backslashes or anything outside ASCII, as written.
    #[error("the destination holds a character that must be percent-encoded")]
    Character,
    /// Not an absolute URL.
    #[error("the destination is not an absolute URL: {0}")]
    Syntax(String),
    /// Neither https nor http.
    #[error("the destination must begin with https:// or http://")]
    Scheme,
    /// `user:password@`: used to disguise a host.
    #[error("the destination must not hold a user name or password")]
    UserInfo,
    /// `{` without a known name and `}`.
    #[error("unknown macro {{{0}}} in the destination")]
    UnknownMacro(String),
    /// A macro in the scheme, host or port.
    #[error("a macro may stand in the path, query or fragment only")]
    MacroInHost,
}

/// A compiled destination.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    /// The URL with its macros, without any `clk` parameter.
    url: Text,
    /// Where the fragment begins, or the length.
    fragment_at: u16,
    has_query: bool,
    has_macros: bool,
}

/// A URL, inside the template if it is short: an edge holds millions, and each pointer followed is a trip to memory.
#[derive(Clone, PartialEq, Eq)]
enum Text {
    Inline { len: u8, bytes: [u8; Self::INLINE] },
    Boxed(Box<str>),
}

impl Text {
    /// Most URLs are shorter. Chosen so that an edge's entry is three cache lines.
    const INLINE: usize = 86;

    fn new(url: String) -> Self {
        if url.len() > Self::INLINE {
            return Self::Boxed(url.into_boxed_str());
        }
        let mut bytes = [0; Self::INLINE];
        bytes[..url.len()].copy_from_slice(url.as_bytes());
        Self::Inline { len: url.len() as u8, bytes }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Self::Boxed(url) => url.as_bytes(),
        }
    }
}

/// The values of one click. Text is given raw and encoded here.
pub struct Values<'a> {
    /// The token, 64 characters that need no encoding. `None`: untracked, nothing is added.
    pub token: Option<&'a [u8]>,
    /// The sub-ids, decoded; empty = not given.
    pub subs: &'a [&'a [u8]; SUBS],
    /// Writes the value of any macro but `{click_id}` and the sub-ids. Called for templates with macros only.
    pub other: &'a dyn Fn(Macro, &mut Vec<u8>),
}

impl Template {
    /// Compiles a stored URL. Everything that would be unsafe or broken in a `Location` is refused.
    pub fn compile(url: &str) -> Result<Self, BadDestination> {
        if url.len() > MAX_BYTES {
            return Err(BadDestination::TooLong);
        }
        if !url
            .bytes()
            .all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'"' | b'<' | b'>' | b'^' | b'`'))
        {
            return Err(BadDestination::Character);
        }
        let parsed = Url::parse(url).map_err(|e| BadDestination::Syntax(e.to_string()))?;
        if !matches!(parsed.scheme(), "https" | "http") || !url.contains("://") {
            return Err(BadDestination::Scheme);
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(BadDestination::UserInfo);
        }
        let url = without_token(url);
        let authority = url.find("://").map_or(0, |at| at + 3);
        let path_at = url[authority..].find(['/', '?', '#']).map_or(url.len(), |at| authority + at);
        if url[..path_at].contains('@') {
            return Err(BadDestination::UserInfo);
        }
        if url[..path_at].contains('{') {
            return Err(BadDestination::MacroInHost);
        }
        let mut has_macros = false;
        for piece in pieces(&url) {
            if let Piece::Macro(name) = piece {
                has_macros = true;
                Macro::parse(name).ok_or_else(|| BadDestination::UnknownMacro(name.to_owned()))?;
            }
        }
        let fragment_at = url.find('#').unwrap_or(url.len());
        let has_query = url[..fragment_at].contains('?');
        Ok(Self { fragment_at: fragment_at as u16, has_query, has_macros, url: Text::new(url) })
    }

    /// The stored URL with its macros.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("a URL is ASCII by construction")
    }

    /// The same as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.url.as_bytes()
    }

    /// The bytes it takes outside of itself.
    pub fn boxed_bytes(&self) -> usize {
        match &self.url {
            Text::Inline { .. } => 0,
            Text::Boxed(url) => url.len(),
        }
    }

    /// Writes the URL for one click into `out` (appended).
    ///
    /// Sub-ids that the template does not place itself are added as `sub1=` … behind the token.
    pub fn render(&self, values: &Values<'_>, out: &mut Vec<u8>) {
        let (before, fragment) = self.as_bytes().split_at(usize::from(self.fragment_at));
        let mut placed = [false; SUBS];
        self.fill(before, values, &mut placed, out);
        let mut separator = if self.has_query { b'&' } else { b'?' };
        let mut parameter = |name: &[u8], value: &[u8], out: &mut Vec<u8>| {
            out.push(separator);
            separator = b'&';
            out.extend_from_slice(name);
            out.push(b'=');
            out.extend_from_slice(value);
        };
        if let Some(token) = values.token {
            parameter(TOKEN_PARAMETER.as_bytes(), token, out);
        }
        for (i, sub) in values.subs.iter().enumerate().filter(|(_, sub)| !sub.is_empty()) {
            if !placed[i] && !places(fragment, i) {
                parameter(SUB_PARAMETERS[i].as_bytes(), encoded(sub).as_bytes(), out);
            }
        }
        self.fill(fragment, values, &mut placed, out);
    }

    fn fill(&self, text: &[u8], values: &Values<'_>, placed: &mut [bool; SUBS], out: &mut Vec<u8>) {
        if !self.has_macros {
            out.extend_from_slice(text);
            return;
        }
        let text = std::str::from_utf8(text).expect("a URL is ASCII by construction");
        for piece in pieces(text) {
            let name = match piece {
                Piece::Text(text) => {
                    out.extend_from_slice(text.as_bytes());
                    continue;
                }
                Piece::Macro(name) => name,
            };
            match Macro::parse(name) {
                Some(Macro::ClickId) => out.extend_from_slice(values.token.unwrap_or_default()),
                Some(Macro::Sub(i)) => {
                    placed[i] = true;
                    out.extend_from_slice(encoded(values.subs[i]).as_bytes());
                }
                Some(other) => {
                    let mut value = Vec::new();
                    (values.other)(other, &mut value);
                    out.extend_from_slice(encoded(&value).as_bytes());
                }
                None => unreachable!("compile refuses unknown macros"),
            }
        }
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({})", self.as_str())
    }
}

/// Whether a text places sub-id `i` itself.
fn places(text: &[u8], i: usize) -> bool {
    let name = SUB_MACROS[i].as_bytes();
    text.windows(name.len()).any(|window| window == name)
}

fn encoded(value: &[u8]) -> String {
    percent_encode(value, VALUE).to_string()
}

enum Piece<'a> {
    Text(&'a str),
    Macro(&'a str),
}

/// Splits at `{name}`. An opening brace without a closing one is a macro whose name is the rest, brace
/// and all: no macro has that name.
fn pieces(mut rest: &str) -> impl Iterator<Item = Piece<'_>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        match rest.find('{') {
            Some(0) => {
                let Some((name, tail)) = rest[1..].split_once('}') else {
                    return Some(Piece::Macro(std::mem::take(&mut rest)));
                };
                rest = tail;
                Some(Piece::Macro(name))
            }
            at => {
                let (text, tail) = rest.split_at(at.unwrap_or(rest.len()));
                rest = tail;
                Some(Piece::Text(text))
            }
        }
    })
}

/// The URL without `clk` parameters: there must be exactly one, and it is ours.
fn without_token(url: &str) -> String {
    let (before, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
    let Some((path, query)) = before.split_once('?') else { return url.to_owned() };
    let is_token = |parameter: &&str| parameter.split('=').next() == Some(TOKEN_PARAMETER);
    if !query.split('&').any(|parameter| is_token(&parameter)) {
        return url.to_owned();
    }
    let kept: Vec<&str> = query.split('&').filter(|parameter| !is_token(parameter)).collect();
    let mark = if kept.is_empty() { "" } else { "?" };
    format!("{path}{mark}{}{fragment}", kept.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(url: &str, subs: [&[u8]; SUBS]) -> String {
        let template = Template::compile(url).expect(url);
        let other = |name: Macro, out: &mut Vec<u8>| match name {
            Macro::Country => out.extend_from_slice(b"SE"),
            Macro::LinkCode => out.extend_from_slice(b"de mo"),
            _ => {}
        };
        let mut out = Vec::new();
        template.render(&Values { token: Some(b"TOKEN"), subs: &subs, other: &other }, &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    const NONE: [&[u8]; SUBS] = [b""; SUBS];

    #[test]
    fn the_token_is_added_once_before_the_fragment() {
        for (url, expect) in [
            ("https://shop.example.com/p", "https://shop.example.com/p?clk=TOKEN"),
            ("https://shop.example.com", "https://shop.example.com?clk=TOKEN"),
            ("https://shop.example.com/p?a=1", "https://shop.example.com/p?a=1&clk=TOKEN"),
            ("https://shop.example.com/p#top", "https://shop.example.com/p?clk=TOKEN#top"),
            ("https://shop.example.com/p#a?b", "https://shop.example.com/p?clk=TOKEN#a?b"),
            (
                "https://shop.example.com/p?clk=old&a=1&clk=x#top",
                "https://shop.example.com/p?a=1&clk=TOKEN#top",
            ),
            ("https://shop.example.com/p?clk=old", "https://shop.example.com/p?clk=TOKEN"),
        ] {
            assert_eq!(render(url, NONE), expect);
        }
    }

    #[test]
    fn macros_are_filled_with_encoded_values() {
        let subs: [&[u8]; SUBS] = [b"a b&c=d", b"", "\r\nå".as_bytes(), b"", b"five"];
        assert_eq!(
            render("https://shop.example.com/{country}/p?x={sub1}&c={click_id}&n={link_code}&y={sub2}", subs),
            "https://shop.example.com/SE/p?x=a%20b%26c%3Dd&c=TOKEN&n=de%20mo&y=&clk=TOKEN&sub3=%0D%0A%C3%A5&sub5=five"
        );
        assert_eq!(
            render("https://shop.example.com/#{sub5}", subs),
            "https://shop.example.com/?clk=TOKEN&sub1=a%20b%26c%3Dd&sub3=%0D%0A%C3%A5#five"
        );
    }

    #[test]
    fn urls_of_every_length_come_back() {
        for n in [1, Text::INLINE - 30, Text::INLINE - 24, Text::INLINE - 23, Text::INLINE, 1_000] {
            let url = format!("https://shop.example.com/{}", "x".repeat(n));
            let template = Template::compile(&url).expect("good");
            assert_eq!(
                (template.as_str(), template.boxed_bytes() > 0),
                (url.as_str(), url.len() > Text::INLINE)
            );
            assert_eq!(render(&url, NONE), format!("{url}?clk=TOKEN"));
        }
    }

    #[test]
    fn an_untracked_redirect_carries_no_token() {
        let template = Template::compile("https://shop.example.com/p?c={click_id}").expect("good");
        let mut out = Vec::new();
        template.render(&Values { token: None, subs: &NONE, other: &|_, _| {} }, &mut out);
        assert_eq!(out, b"https://shop.example.com/p?c=");
    }

    #[test]
    fn bad_destinations_are_refused() {
        let long = format!("https://shop.example.com/{}", "x".repeat(MAX_BYTES));
        for bad in [
            "",
            "shop.example.com",
            "/p",
            "//evil.example.com/p",
            "https:\\\\evil.example.com",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://shop.example.com/",
            "https://user@shop.example.com/",
            "https://u:p@shop.example.com/",
            "https://@evil.example.com/",
            "https://shop.example.com/\n",
            "https://shop.example.com/a b",
            "https://shop.example.com/\t",
            "https://shöp.example.com/",
            "https://{sub1}.example.com/",
            "https://shop.example.com:{sub1}/",
            "https://shop.example.com{sub1}",
            "https://shop.example.com/{unknown}",
            "https://shop.example.com/{sub1",
            "https://shop.example.com/{Sub1}",
            "https:shop.example.com",
            "http:///",
            "https://",
            "https://?x",
            "https://shop.example.com:99999/",
            long.as_str(),
        ] {
            assert!(Template::compile(bad).is_err(), "{bad:?}");
        }
    }
}
