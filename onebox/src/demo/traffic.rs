//! Gentle clicks on the demo's links, so that the pages of a fresh installation live.

use std::net::SocketAddr;
use std::time::Duration;

use runtime::Shutdown;
use tracing::debug;

use crate::http;

/// About two clicks a second: visible, and nothing to a laptop.
const PAUSE: Duration = Duration::from_millis(500);
/// One visitor in this many is a program.
const BOT_EVERY: u64 = 8;

const BROWSERS: [&str; 6] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
];
const BOTS: [&str; 2] =
    ["Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "curl/8.14.1"];
const LANGUAGES: [&str; 5] =
    ["en-GB,en;q=0.9", "de-DE,de;q=0.8,en;q=0.5", "fr-FR,fr;q=0.9", "ja-JP", "es-ES,es;q=0.7"];
const REFERRERS: [&str; 4] = [
    "https://www.google.com/",
    "https://www.instagram.com/",
    "https://blog.example.com/ten-teas",
    "https://mail.example.com/",
];

/// Clicks one of `codes` after the other, in an order that `seed` decides, until the soft stop.
///
/// A click that fails is forgotten: the redirector may be restarting, and this is scenery.
pub(crate) async fn click(redirector: SocketAddr, codes: Vec<String>, seed: u64, shutdown: Shutdown) {
    let mut dice = Dice(seed | 1);
    while !codes.is_empty() && shutdown.sleep(PAUSE).await {
        let path = format!("/{}", dice.pick(&codes));
        let agent =
            if dice.roll().is_multiple_of(BOT_EVERY) { dice.pick(&BOTS) } else { dice.pick(&BROWSERS) };
        let headers = [
            ("user-agent", *agent),
            ("accept-language", *dice.pick(&LANGUAGES)),
            ("referer", *dice.pick(&REFERRERS)),
            ("accept", "text/html"),
        ];
        if let Err(error) = http::ask(redirector, "GET", &path, &headers).await {
            debug!("a demo click failed: {error:#}");
        }
    }
}

/// A xorshift generator: enough to look busy.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[(self.roll() % from.len() as u64) as usize]
    }
}
