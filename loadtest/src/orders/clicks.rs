//! Real clicks: some orders come with tokens that the edge itself gave out.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use common::time::Millis;
use runtime::clock;

use super::client::Client;
use super::make::REAL_EVERY;
use super::purse::Purse;
use super::world::{Link, World};
use crate::chaos::house::House;

/// Enough that tokens are seldom shared, few enough that they are collected within seconds.
const MOST: u64 = 5_000;
/// How long the edge may take to know every link.
const KNOWN_LIMIT: Duration = Duration::from_mins(2);
/// Between two looks.
const POLL: Duration = Duration::from_millis(50);
/// A browser, so that clicks are people's.
const BROWSER: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

/// Clicks the links that are tracked now, one after the other, and keeps the tokens.
pub(super) async fn collect(
    house: &House,
    world: &World,
    purse: &mut Purse,
    orders: u64,
) -> anyhow::Result<()> {
    let now = Millis(clock::now_ms());
    let good: Vec<&Link> = world.links.iter().filter(|link| is_tracked(world, link, now)).collect();
    ensure!(!good.is_empty(), "no link of this seed is tracked");
    let (mut client, begun) = (Client::of(house.edge()?), clock::monotonic());
    for number in 0..(orders / REAL_EVERY + 1).min(MOST) {
        let link = good[number as usize % good.len()];
        let token = loop {
            if let Some(token) = click(&mut client, link) {
                break token;
            }
            waited(begun, link)?;
            tokio::time::sleep(POLL).await;
        };
        purse.add(link.vendor, token)?;
    }
    Ok(())
}

fn is_tracked(world: &World, link: &Link, now: Millis) -> bool {
    let standings = world.standings(link, now);
    let switches = [
        standings.link_active,
        standings.vendor_active,
        standings.affiliate_approved,
        standings.affiliate_active,
    ];
    let lasts = standings.link_expires.is_none_or(|at| at > now.plus(KNOWN_LIMIT));
    switches.iter().all(|on| *on) && standings.partnership_active && lasts
}

/// The token of one click. `None` while the edge does not know the link.
fn click(client: &mut Client, link: &Link) -> Option<String> {
    let request =
        format!("GET /{} HTTP/1.1\r\nhost: go.example.com\r\nuser-agent: {BROWSER}\r\n\r\n", link.code);
    let location = client.send(request.as_bytes()).ok()?.location?;
    let (_, token) = location.split_once("clk=")?;
    Some(token.split(['&', '#']).next().unwrap_or(token).to_owned())
}

fn waited(begun: Instant, link: &Link) -> anyhow::Result<()> {
    (begun.elapsed() < KNOWN_LIMIT)
        .then_some(())
        .with_context(|| format!("the edge does not redirect {} after {KNOWN_LIMIT:?}", link.code))
}
