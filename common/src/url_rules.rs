//! What people may make a link lead to, judged when they write it down. The edge follows stored destinations only, so
//! what gets past here is where shoppers land.
//!
//! A URL is read twice and must mean the same both times: once as text, letter by letter, and once by the parser that
//! browsers' behaviour is written down in. What leaves here has an ASCII host that is on the vendor's list, and is a
//! destination that [`Template`] compiles.

mod hosts;

use url::{Host, Url};

pub use self::hosts::{AllowedHost, BadHost};
use crate::destination::{BadDestination, MAX_BYTES, Template};

/// Which schemes a vendor's links may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schemes {
    /// https and nothing else.
    Https,
    /// http too: a shop without TLS, agreed on by an operator.
    HttpToo,
}

/// What a destination is held to.
#[derive(Debug, Clone)]
pub struct Rules<'a> {
    /// The vendor's hosts. Empty: nothing is allowed.
    pub allowed_hosts: &'a [AllowedHost],
    /// What the vendor's links may begin with.
    pub schemes: Schemes,
    /// Where links are opened: a link must not lead back there.
    pub redirect_url: &'a str,
}

/// Why a URL may not be what it is wanted for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// Nothing at all.
    #[error("is empty; write it as https://shop.example.com/page")]
    Empty,
    /// Longer than [`MAX_BYTES`].
    #[error("is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// A space, a control character, a backslash, or another character that readers of URLs disagree about.
    #[error("holds the character {0:?}, which must be percent-encoded or left out")]
    Character(char),
    /// Does not begin with an allowed scheme and `://`.
    #[error("must begin with {0}")]
    Scheme(&'static str),
    /// `user:password@`: used to disguise a host.
    #[error("must not hold a user name, a password or an `@` before its path")]
    UserInfo,
    /// No host, or none that could be one.
    #[error("has no usable host: {0}")]
    Host(String),
    /// A port that nothing listens on.
    #[error("must not have the port 0")]
    Port,
    /// `%` without two hexadecimal digits.
    #[error("holds a `%` that is not followed by two hexadecimal digits; write it as %25")]
    Percent,
    /// Not a URL to the parser.
    #[error("is not an absolute URL: {0}")]
    Syntax(String),
    /// A host that is not the vendor's.
    #[error("leads to {0}, which is not one of the vendor's hosts")]
    ForeignHost(String),
    /// Our own redirect host.
    #[error("leads to {0}, where links are opened: it would lead back to itself")]
    Loop(String),
    /// Its macros.
    #[error("cannot be followed: {0}")]
    Template(BadDestination),
    /// A macro, where nothing fills one in.
    #[error("must not hold `{{` or `}}`: macros are filled in destinations only")]
    Macro,
}

impl BadUrl {
    /// For programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ForeignHost(_) => "host_not_allowed",
            Self::Loop(_) => "redirect_loop",
            Self::Template(BadDestination::UnknownMacro(_)) => "unknown_macro",
            _ => "invalid_url",
        }
    }
}

/// A destination as it is stored: host in ASCII, anything else outside ASCII percent-encoded, macros untouched, no `clk`.
pub fn destination(text: &str, rules: &Rules<'_>) -> Result<String, BadUrl> {
    let read = Read::of(text, rules.schemes)?;
    check_host(&read, rules)?;
    Template::compile(&read.url).map(|template| template.as_str().to_owned()).map_err(BadUrl::Template)
}

/// Where shoppers go, untracked, while a link is off: a destination of the vendor without macros.
pub fn fallback(text: &str, rules: &Rules<'_>) -> Result<String, BadUrl> {
    let read = Read::of(text, rules.schemes)?;
    check_host(&read, rules)?;
    without_macros(read)
}

/// A page that somebody calls theirs: shown as a link, never followed by us.
pub fn website(text: &str) -> Result<String, BadUrl> {
    without_macros(Read::of(text, Schemes::HttpToo)?)
}

fn without_macros(read: Read) -> Result<String, BadUrl> {
    if read.url.contains(['{', '}']) { Err(BadUrl::Macro) } else { Ok(read.url) }
}

fn check_host(read: &Read, rules: &Rules<'_>) -> Result<(), BadUrl> {
    if leads_back(read, rules.redirect_url) {
        return Err(BadUrl::Loop(read.host.clone()));
    }
    if rules.allowed_hosts.iter().any(|allowed| allowed.covers(&read.host)) {
        Ok(())
    } else {
        Err(BadUrl::ForeignHost(read.host.clone()))
    }
}

/// One host and port is one server; with both ports left to the schemes, http and https are one server too.
fn leads_back(read: &Read, redirect_url: &str) -> bool {
    let Ok(redirect) = Url::parse(redirect_url) else { return false };
    let is_port = redirect.port_or_known_default() == Some(read.port)
        || redirect.port().is_none() && read.is_usual_port;
    redirect.host_str() == Some(&*read.host) && is_port
}

/// A URL that text and parser agree about.
struct Read {
    /// In ASCII, with macros as they were written.
    url: String,
    /// In ASCII and lower case; an IPv6 address in brackets.
    host: String,
    port: u16,
    is_usual_port: bool,
}

impl Read {
    fn of(text: &str, schemes: Schemes) -> Result<Self, BadUrl> {
        if text.is_empty() {
            return Err(BadUrl::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(BadUrl::TooLong);
        }
        if let Some(bad) = text.chars().find(|c| is_ambiguous(*c)) {
            return Err(BadUrl::Character(bad));
        }
        let (scheme, rest) = without_scheme(text, schemes)?;
        let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        check_authority(authority)?;
        check_percents(tail)?;
        let parsed = Url::parse(&format!("{scheme}://{authority}/"))
            .map_err(|error| BadUrl::Syntax(error.to_string()))?;
        let host = host_of(&parsed)?;
        if parsed.port() == Some(0) {
            return Err(BadUrl::Port);
        }
        let port = parsed.port().map(|port| format!(":{port}")).unwrap_or_default();
        let url = format!("{scheme}://{host}{port}{}", in_ascii(tail));
        if url.len() > MAX_BYTES {
            return Err(BadUrl::TooLong);
        }
        let whole = Url::parse(&url).map_err(|error| BadUrl::Syntax(error.to_string()))?;
        if whole.host_str() != Some(&*host) || whole.port() != parsed.port() {
            return Err(BadUrl::Host("it reads differently in its place".to_owned()));
        }
        let port = whole.port_or_known_default().unwrap_or_default();
        Ok(Self { url, host, port, is_usual_port: whole.port().is_none() })
    }
}

/// Characters that some reader drops, and some takes for another: what a URL is read as would depend on who reads it.
fn is_ambiguous(c: char) -> bool {
    let is_invisible = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    c.is_control() || c.is_whitespace() || is_invisible || matches!(c, '\\' | '"' | '<' | '>' | '^' | '`')
}

fn without_scheme(text: &str, schemes: Schemes) -> Result<(&'static str, &str), BadUrl> {
    let after = |scheme: &str| {
        let is_it = text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        is_it.then(|| &text[scheme.len()..])
    };
    match (after("https://"), after("http://"), schemes) {
        (Some(rest), _, _) => Ok(("https", rest)),
        (None, Some(rest), Schemes::HttpToo) => Ok(("http", rest)),
        (None, _, Schemes::HttpToo) => Err(BadUrl::Scheme("https:// or http://")),
        (None, _, Schemes::Https) => Err(BadUrl::Scheme("https://")),
    }
}

fn check_authority(authority: &str) -> Result<(), BadUrl> {
    if authority.contains('@') {
        return Err(BadUrl::UserInfo);
    }
    if authority.contains(['{', '}']) {
        return Err(BadUrl::Template(BadDestination::MacroInHost));
    }
    // A parser would decode it and go to another host than the one that is read.
    if authority.is_empty() || authority.contains('%') {
        return Err(BadUrl::Host("write its name plainly behind ://".to_owned()));
    }
    Ok(())
}

fn check_percents(tail: &str) -> Result<(), BadUrl> {
    let is_hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let bytes = tail.as_bytes();
    let is_good = |at: usize| bytes[at] != b'%' || is_hex(bytes.get(at + 1)) && is_hex(bytes.get(at + 2));
    if (0..bytes.len()).all(is_good) { Ok(()) } else { Err(BadUrl::Percent) }
}

fn host_of(parsed: &Url) -> Result<String, BadUrl> {
    /// What DNS can name.
    const MAX_NAME: usize = 253;
    const MAX_LABEL: usize = 63;
    if let Some(Host::Domain(name)) = parsed.host() {
        let is_label = |label: &str| !label.is_empty() && label.len() <= MAX_LABEL;
        if name.len() > MAX_NAME || !name.split('.').all(is_label) {
            return Err(BadUrl::Host(format!("{name:?} is not a name of DNS, written without a final dot")));
        }
    }
    parsed.host_str().map(str::to_owned).ok_or_else(|| BadUrl::Host("there is none".to_owned()))
}

/// Letters outside ASCII as their percent-encoded UTF-8, which is what browsers send for them.
fn in_ascii(tail: &str) -> String {
    percent_encoding::utf8_percent_encode(tail, percent_encoding::CONTROLS).to_string()
}

#[cfg(test)]
mod tests;
