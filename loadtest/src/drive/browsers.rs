//! What browsers send with a navigation: header blocks like those of browsers in use, in their order and size.

use crate::dice::Dice;

/// A family of browsers on one platform.
struct Browser {
    agent: &'static str,
    accept: &'static str,
    encodings: &'static str,
    hints: Hints,
}

/// Whether the browser describes itself in `sec-ch-ua` headers.
enum Hints {
    /// Safari and Firefox do not.
    None,
    /// Chrome and its kin do: brand list, mobile mark, platform.
    Sent { brands: &'static str, mobile: &'static str, platform: &'static str },
}

const CHROMIUM_ACCEPT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7";
const PLAIN_ACCEPT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const CHROME: &str = r#""Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99""#;
const EDGE: &str = r#""Chromium";v="142", "Microsoft Edge";v="142", "Not_A Brand";v="99""#;
const ZSTD: &str = "gzip, deflate, br, zstd";
const BROTLI: &str = "gzip, deflate, br";

const BROWSERS: &[Browser] = &[
    Browser {
        agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        accept: CHROMIUM_ACCEPT,
        encodings: ZSTD,
        hints: Hints::Sent { brands: CHROME, mobile: "?0", platform: "\"Windows\"" },
    },
    Browser {
        agent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        accept: CHROMIUM_ACCEPT,
        encodings: ZSTD,
        hints: Hints::Sent { brands: CHROME, mobile: "?0", platform: "\"macOS\"" },
    },
    Browser {
        agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        accept: CHROMIUM_ACCEPT,
        encodings: ZSTD,
        hints: Hints::Sent { brands: CHROME, mobile: "?0", platform: "\"Linux\"" },
    },
    Browser {
        agent: "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
        accept: CHROMIUM_ACCEPT,
        encodings: ZSTD,
        hints: Hints::Sent { brands: CHROME, mobile: "?1", platform: "\"Android\"" },
    },
    Browser {
        agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
        accept: CHROMIUM_ACCEPT,
        encodings: ZSTD,
        hints: Hints::Sent { brands: EDGE, mobile: "?0", platform: "\"Windows\"" },
    },
    Browser {
        agent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1",
        accept: PLAIN_ACCEPT,
        encodings: BROTLI,
        hints: Hints::None,
    },
    Browser {
        agent: "Mozilla/5.0 (iPad; CPU OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1",
        accept: PLAIN_ACCEPT,
        encodings: BROTLI,
        hints: Hints::None,
    },
    Browser {
        agent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15",
        accept: PLAIN_ACCEPT,
        encodings: BROTLI,
        hints: Hints::None,
    },
    Browser {
        agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0",
        accept: PLAIN_ACCEPT,
        encodings: ZSTD,
        hints: Hints::None,
    },
    Browser {
        agent: "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
        accept: PLAIN_ACCEPT,
        encodings: ZSTD,
        hints: Hints::None,
    },
    Browser {
        agent: "Mozilla/5.0 (Android 15; Mobile; rv:144.0) Gecko/144.0 Firefox/144.0",
        accept: PLAIN_ACCEPT,
        encodings: ZSTD,
        hints: Hints::None,
    },
];

const LANGUAGES: &[&str] = &[
    "en-US,en;q=0.9",
    "en-GB,en;q=0.9",
    "de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7",
    "fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7",
    "sv-SE,sv;q=0.9,en-US;q=0.8,en;q=0.7",
    "es-ES,es;q=0.9,en;q=0.8",
    "pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7",
    "ja-JP,ja;q=0.9,en-US;q=0.8,en;q=0.7",
];

/// Empty: the link was typed or opened from an application.
const REFERERS: &[&str] = &[
    "",
    "https://www.google.com/",
    "https://www.bing.com/",
    "https://www.instagram.com/",
    "https://www.facebook.com/",
    "https://www.youtube.com/",
    "https://www.reddit.com/",
    "https://reviews.example.com/the-ten-best-kettles-of-the-year",
    "https://blog.example.com/gift-guide",
];

const BOTS: &[&str] = &[
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Googlebot/2.1; +http://www.google.com/bot.html) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/136.0.0.0 Safari/537.36",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Twitterbot/1.0",
    "curl/8.5.0",
    "python-requests/2.32.3",
];

/// A browser's header block, from `User-Agent` on, in a language and from a page chosen by `dice`.
///
/// With the request line, `Host` and `Connection` a Chrome sends 14 or 15 headers, Safari and Firefox 11 or 12.
pub fn browser_headers(dice: Dice, number: u64) -> String {
    let pick = |purpose: u64, count: usize| dice.below(number * 4 + purpose, count as u64) as usize;
    let browser = &BROWSERS[pick(0, BROWSERS.len())];
    let (language, referer) = (LANGUAGES[pick(1, LANGUAGES.len())], REFERERS[pick(2, REFERERS.len())]);
    let mut block = String::with_capacity(900);
    let mut header = |name: &str, value: &str| {
        for piece in [name, ": ", value, "\r\n"] {
            block.push_str(piece);
        }
    };
    if let Hints::Sent { brands, mobile, platform } = browser.hints {
        header("sec-ch-ua", brands);
        header("sec-ch-ua-mobile", mobile);
        header("sec-ch-ua-platform", platform);
    }
    header("Upgrade-Insecure-Requests", "1");
    header("User-Agent", browser.agent);
    header("Accept", browser.accept);
    header("Sec-Fetch-Site", if referer.is_empty() { "none" } else { "cross-site" });
    header("Sec-Fetch-Mode", "navigate");
    header("Sec-Fetch-User", "?1");
    header("Sec-Fetch-Dest", "document");
    if !referer.is_empty() {
        header("Referer", referer);
    }
    header("Accept-Encoding", browser.encodings);
    header("Accept-Language", language);
    block
}

/// A program's header block: short, as programs send them.
pub fn bot_headers(dice: Dice, number: u64) -> String {
    let agent = BOTS[dice.below(number, BOTS.len() as u64) as usize];
    format!("User-Agent: {agent}\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_whole_header_lines_of_a_browsers_size() {
        let dice = Dice::new(1, "headers");
        for number in 0..500 {
            let block = browser_headers(dice, number);
            assert!(block.ends_with("\r\n") && !block.contains("\r\n\r\n"));
            let count = block.lines().count();
            assert!((9..=13).contains(&count), "{count} headers beside Host and Connection");
            assert!((350..1_000).contains(&block.len()), "{} bytes", block.len());
            assert!(block.lines().all(|line| line.contains(": ")));
            assert!(bot_headers(dice, number).lines().all(|line| line.contains(": ")));
        }
    }
}
