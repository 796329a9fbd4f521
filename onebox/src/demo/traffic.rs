//! Gentle clicks on the demo's links, so that the pages of a fresh installation live.

use std::net::SocketAddr;
use std::time::Duration;

use runtime::Shutdown;
use tracing::debug;

use super::Link;
use super::dice::Dice;
use super::shop::{Find, Shop};
use crate::http;

/// About two clicks a second: visible, and nothing to a laptop …
const PAUSE: Duration = Duration::from_millis(500);
/// … for as long as somebody who has just started it may be looking. Then as many as the demo's history had, or one
/// day would dwarf the ninety before it.
const WELCOME: Duration = Duration::from_mins(10);
const CALM_PAUSE: Duration = Duration::from_secs(15);
/// One visitor in this many is a program.
const BOT_EVERY: u64 = 8;
/// One click of a person in this many becomes an order …
const ORDER_EVERY: u64 = 10;
/// … but more of the first ones: somebody who has just started it is looking; and fewer once it is calm.
const FIRST_CLICKS: u64 = 48;
const FIRST_EVERY: u64 = 3;
const CALM_EVERY: u64 = 40;
/// What carries the click token to the shop.
const TOKEN: &str = "clk=";

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

/// Clicks one of `links` after the other, in an order that `seed` decides, until the soft stop. Now and then a shopper
/// buys what the link was for.
///
/// A click that fails is forgotten: the redirector may be restarting, and this is scenery.
pub(super) async fn click(
    redirector: SocketAddr,
    links: Vec<Link>,
    mut shop: Shop,
    seed: u64,
    shutdown: Shutdown,
) {
    let (mut dice, mut people) = (Dice::new(seed), 0_u64);
    let begun = runtime::clock::monotonic();
    let mut pause = PAUSE;
    while !links.is_empty() && shutdown.sleep(pause).await {
        let is_calm = begun.elapsed() > WELCOME;
        pause = if is_calm { CALM_PAUSE } else { PAUSE };
        let link = dice.pick(&links);
        let is_bot = dice.roll().is_multiple_of(BOT_EVERY);
        let agent = if is_bot { dice.pick(&BOTS) } else { dice.pick(&BROWSERS) };
        let headers = [
            ("user-agent", *agent),
            ("accept-language", *dice.pick(&LANGUAGES)),
            ("referer", *dice.pick(&REFERRERS)),
            ("accept", "text/html"),
        ];
        match http::ask(redirector, "GET", &format!("/{}", link.code), &headers).await {
            Ok(answer) if !is_bot => {
                let token = answer.location.as_deref().and_then(token_in);
                let every = match people {
                    _ if is_calm => CALM_EVERY,
                    ..FIRST_CLICKS => FIRST_EVERY,
                    _ => ORDER_EVERY,
                };
                if let Some(token) = token.filter(|_| people.is_multiple_of(every)) {
                    shop.visit(Find { token: token.to_owned(), link: link.clone() });
                }
                people += 1;
            }
            Ok(_) => {}
            Err(error) => debug!("a demo click failed: {error:#}"),
        }
    }
}

/// The click token in a location. Nobody goes there: the shops are made up.
fn token_in(location: &str) -> Option<&str> {
    let (_, rest) = location.split_once(TOKEN)?;
    rest.split(['&', '#']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_wherever_it_stands() {
        for location in ["https://a.example.com/?clk=T", "https://a.example.com/?a=1&clk=T&sub1=x#top"] {
            assert_eq!(token_in(location), Some("T"), "{location}");
        }
        assert_eq!(token_in("https://a.example.com/"), None);
    }
}
