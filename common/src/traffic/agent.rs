//! What a user agent says it is.
//!
//! Devices, browsers and systems are told apart by ordered tables of tokens, first match wins. General parsers
//! find versions and models by hundreds of expressions; three vocabularies of a dozen words need neither those nor
//! the start-up time. Programs are told from people by the vendored list in `data/`, which others keep current, and
//! by the words that programs use of themselves. An answer costs microseconds: an edge keeps it for each agent.

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::bytes::{Regex, RegexBuilder};

use super::{Browser, Device, Os};

/// Regular expressions of known programs, one a line after the comment at the top.
const CRAWLERS: &str = include_str!("../../data/crawler-user-agents.txt");

/// What programs call themselves, in any case. Not the telephones by the name of Cubot.
const SELF_NAMED: &str =
    r"(?i:(?:^u?|[^u]|[^c]u)bot|crawl|spider|scrap[ey]|curl|wget|python-requests|headless)";

/// Longer agents are read up to here: browsers stay far below, and time must not grow with what a stranger sends.
const READ_BYTES: usize = 512;

/// What a user agent says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agent {
    /// The kind of device.
    pub device: Device,
    /// The browser, or the app around it.
    pub browser: Browser,
    /// The operating system.
    pub os: Os,
    /// A program, not a person.
    pub bot: bool,
}

/// Reads user agents. Made once for each process: making it costs milliseconds.
#[derive(Debug, Clone)]
pub struct Classifier {
    /// Programs known by a text in their agent.
    named: AhoCorasick,
    /// Programs known by an expression.
    shaped: Regex,
    systems: Table<Os>,
    devices: Table<Device>,
    browsers: Table<Browser>,
}

impl Classifier {
    /// Compiles the list of programs.
    pub fn new() -> Self {
        let lines = || CRAWLERS.lines().filter(|line| !line.starts_with('#'));
        let expressions: Vec<&str> =
            lines().filter(|line| literal(line).is_none()).chain([SELF_NAMED]).collect();
        let shaped = RegexBuilder::new(&expressions.join("|")).unicode(false).build();
        Self {
            named: search_for(lines().filter_map(literal)),
            shaped: shaped.expect("the vendored expressions compile, as the tests show"),
            systems: Table::new(SYSTEMS),
            devices: Table::new(DEVICES),
            browsers: Table::new(BROWSERS),
        }
    }

    /// What this `User-Agent` header says. Without one (empty), a program asks.
    pub fn classify(&self, ua: &[u8]) -> Agent {
        let ua = &ua[..ua.len().min(READ_BYTES)];
        if ua.trim_ascii().is_empty() {
            return Agent { device: Device::Unknown, browser: Browser::Unknown, os: Os::Unknown, bot: true };
        }
        let os = self.systems.first(ua).unwrap_or(Os::Other);
        let device = self.devices.first(ua).unwrap_or_else(|| device_of_system(ua, os));
        let browser = self.browsers.first(ua).unwrap_or_else(|| browser_of_system(ua, os));
        Agent { device, browser, os, bot: self.named.is_match(ua) || self.shaped.is_match(ua) }
    }
}

impl Default for Classifier {
    fn default() -> Self {
        Self::new()
    }
}

/// The text an expression stands for, if it stands for one only.
fn literal(expression: &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = expression.chars();
    while let Some(character) = characters.next() {
        text.push(match character {
            '\\' => characters.next().filter(char::is_ascii_punctuation)?,
            '.' | '*' | '+' | '?' | '|' | '^' | '$' | '(' | ')' | '[' | ']' | '{' | '}' => return None,
            plain => plain,
        });
    }
    Some(text)
}

/// One automaton for all texts, made whole at once. An expression of so many alternatives would be made while it
/// is used, at a millisecond for each browser it has not seen.
fn search_for(texts: impl IntoIterator<Item: AsRef<[u8]>>) -> AhoCorasick {
    let small = Some(AhoCorasickKind::ContiguousNFA);
    AhoCorasick::builder().kind(small).build(texts).expect("a few thousand short texts are within its limits")
}

/// Tokens and what they mean, in order. All are searched for in one pass.
#[derive(Debug, Clone)]
struct Table<T: 'static> {
    tokens: AhoCorasick,
    rows: &'static [(&'static str, T)],
}

impl<T: Copy> Table<T> {
    fn new(rows: &'static [(&'static str, T)]) -> Self {
        Self { tokens: search_for(rows.iter().map(|(token, _)| token)), rows }
    }

    /// The word of the first row whose token is there.
    fn first(&self, ua: &[u8]) -> Option<T> {
        let rows = self.tokens.find_overlapping_iter(ua).map(|found| found.pattern().as_usize());
        rows.min().map(|row| self.rows[row].1)
    }
}

/// Narrow before wide: nearly everything that is not Apple's or Microsoft's says `Linux` as well.
const SYSTEMS: &[(&str, Os)] = &[
    ("Windows Phone", Os::Other),
    ("Windows", Os::Windows),
    ("Xbox", Os::Windows),
    ("CrOS", Os::ChromeOs),
    ("Tizen", Os::Tizen),
    ("Web0S", Os::Webos),
    ("webOS", Os::Webos),
    ("KAIOS", Os::KaiOs),
    ("HarmonyOS", Os::Harmony),
    ("Android", Os::Android),
    ("iPhone", Os::Ios),
    ("iPad", Os::Ios),
    ("iPod", Os::Ios),
    ("AppleTV", Os::Other),
    ("Apple TV", Os::Other),
    ("PlayStation", Os::Other),
    ("Nintendo", Os::Other),
    ("Roku", Os::Other),
    ("Silk/", Os::Android),
    ("Macintosh", Os::Macos),
    ("Linux", Os::Linux),
    ("X11", Os::Linux),
];

/// Devices that are named, whatever system they run.
const DEVICES: &[(&str, Device)] = &[
    ("PlayStation", Device::Console),
    ("Xbox", Device::Console),
    ("Nintendo", Device::Console),
    ("AppleTV", Device::Tv),
    ("Apple TV", Device::Tv),
    ("Android TV", Device::Tv),
    ("GoogleTV", Device::Tv),
    ("SmartTV", Device::Tv),
    ("Smart TV", Device::Tv),
    ("SMART-TV", Device::Tv),
    ("SmartHub", Device::Tv),
    ("HbbTV", Device::Tv),
    ("BRAVIA", Device::Tv),
    ("CrKey", Device::Tv),
    ("Roku", Device::Tv),
    (" AFT", Device::Tv),
    ("; TV", Device::Tv),
    (" TV ", Device::Tv),
    ("TV Safari", Device::Tv),
    ("Web0S", Device::Tv),
    ("iPad", Device::Tablet),
    ("iPhone", Device::Mobile),
    ("iPod", Device::Mobile),
];

fn device_of_system(ua: &[u8], os: Os) -> Device {
    match os {
        // Windows says `Tablet PC` of every computer with a touch screen.
        Os::Windows | Os::Macos | Os::ChromeOs | Os::Linux => Device::Desktop,
        Os::Tizen | Os::Webos if !has(ua, "Mobi") => Device::Tv,
        Os::Android | Os::Harmony if has(ua, "Tablet") || !has(ua, "Mobi") => Device::Tablet,
        _ if has(ua, "Mobi") || has(ua, "Opera Mini") || has(ua, "Phone") => Device::Mobile,
        _ => Device::Other,
    }
}

/// Apps first, for they name the browser they contain; then browsers that also call themselves Chrome or Safari.
const BROWSERS: &[(&str, Browser)] = &[
    ("Instagram", Browser::InstagramApp),
    ("Barcelona ", Browser::InstagramApp),
    ("FBAN/", Browser::FacebookApp),
    ("FBAV/", Browser::FacebookApp),
    ("FB_IAB", Browser::FacebookApp),
    ("musical_ly", Browser::TiktokApp),
    ("BytedanceWebview", Browser::TiktokApp),
    ("ByteLocale", Browser::TiktokApp),
    ("TikTok", Browser::TiktokApp),
    ("Snapchat", Browser::SnapchatApp),
    ("Pinterest", Browser::PinterestApp),
    ("LinkedInApp", Browser::LinkedinApp),
    ("Twitter", Browser::XApp),
    ("MicroMessenger", Browser::WechatApp),
    (" Line/", Browser::LineApp),
    ("GSA/", Browser::GoogleApp),
    ("KAKAOTALK", Browser::OtherApp),
    ("DuckDuckGo/", Browser::DuckDuckGo),
    ("Ddg/", Browser::DuckDuckGo),
    ("EdgA/", Browser::Edge),
    ("EdgiOS/", Browser::Edge),
    ("Edg/", Browser::Edge),
    ("Edge/", Browser::Edge),
    ("OPR/", Browser::Opera),
    ("OPT/", Browser::Opera),
    ("OPX/", Browser::Opera),
    ("Opera", Browser::Opera),
    ("SamsungBrowser/", Browser::SamsungInternet),
    ("YaBrowser/", Browser::Yandex),
    ("Vivaldi/", Browser::Vivaldi),
    ("UCBrowser/", Browser::Uc),
    ("MiuiBrowser/", Browser::Miui),
    ("HuaweiBrowser/", Browser::Huawei),
    ("Silk/", Browser::Silk),
    ("FxiOS/", Browser::Firefox),
    ("Firefox/", Browser::Firefox),
    ("Focus/", Browser::Firefox),
    ("MSIE ", Browser::InternetExplorer),
    ("Trident/", Browser::InternetExplorer),
    ("CriOS/", Browser::Chrome),
    ("; wv)", Browser::OtherApp),
    ("PlayStation", Browser::Other),
    ("Nintendo", Browser::Other),
    ("Chrome/", Browser::Chrome),
    ("Chromium/", Browser::Chrome),
];

fn browser_of_system(ua: &[u8], os: Os) -> Browser {
    match os {
        Os::Ios | Os::Macos if has(ua, "Version/") && has(ua, "Safari/") => Browser::Safari,
        // Apple's web view leaves out both.
        Os::Ios if has(ua, "AppleWebKit/") => Browser::OtherApp,
        _ => Browser::Other,
    }
}

fn has(ua: &[u8], token: &str) -> bool {
    let token = token.as_bytes();
    ua.windows(token.len()).any(|part| part == token)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    static CLASSIFIER: LazyLock<Classifier> = LazyLock::new(Classifier::new);

    /// One agent of each known program, by the list's own samples.
    const PROGRAMS: &str = include_str!("../../data/test/programs.txt");
    /// Browsers and apps of people: device, browser, system, agent, between tabs.
    const PEOPLE: &str = include_str!("../../data/test/people.tsv");

    #[test]
    fn known_programs_are_programs() {
        let programs: Vec<&str> = PROGRAMS.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(programs.len() > 1000);
        let missed: Vec<&&str> =
            programs.iter().filter(|ua| !CLASSIFIER.classify(ua.as_bytes()).bot).collect();
        assert!(missed.is_empty(), "{missed:#?}");
    }

    #[test]
    fn programs_name_themselves() {
        for ua in [
            "",
            "  ",
            "acmeBot/1.0",
            "bot",
            "ubot",
            "MyCrawler",
            "curl/8.9.1",
            "Wget/1.21",
            "HeadlessChrome/131",
            "scrapy",
        ] {
            assert!(CLASSIFIER.classify(ua.as_bytes()).bot, "{ua:?}");
        }
    }

    #[test]
    fn people_are_people_and_their_agents_are_understood() {
        let mut wrong = Vec::new();
        for line in PEOPLE.lines().filter(|line| !line.starts_with('#')) {
            let (expect, ua) = line.rsplit_once('\t').expect(line);
            let agent = CLASSIFIER.classify(ua.as_bytes());
            let bot = if agent.bot { " bot!" } else { "" };
            let got = format!("{}\t{}\t{}{bot}", agent.device.name(), agent.browser.name(), agent.os.name());
            if got != expect {
                wrong.push(format!("{ua}\n  is {expect}\n not {got}"));
            }
        }
        assert!(PEOPLE.lines().count() > 40);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn any_bytes_are_an_agent() {
        for ua in [&[0xff; 2000][..], b"\0", "é".as_bytes(), &[b'A'; READ_BYTES + 1]] {
            assert_eq!(CLASSIFIER.classify(ua).os, Os::Other);
        }
    }
}
