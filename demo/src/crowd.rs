//! The people who follow links. Nobody is kept: who somebody is follows from an affiliate and a number, so the same
//! person comes back with the same address, browser and country.

use std::net::{IpAddr, Ipv6Addr};

use common::traffic::{Browser, Channel, Country, Device, Os};
use common::visitor::Keys;

use crate::cast::Link;
use crate::dice::{Dice, mix};

/// What people hold, and how many of 100 do.
const HELD: [(Device, Browser, Os, f64); 12] = [
    (Device::Mobile, Browser::Safari, Os::Ios, 24.0),
    (Device::Mobile, Browser::Chrome, Os::Android, 22.0),
    (Device::Desktop, Browser::Chrome, Os::Windows, 15.0),
    (Device::Mobile, Browser::InstagramApp, Os::Ios, 8.0),
    (Device::Desktop, Browser::Safari, Os::Macos, 7.0),
    (Device::Desktop, Browser::Firefox, Os::Windows, 5.0),
    (Device::Desktop, Browser::Edge, Os::Windows, 5.0),
    (Device::Mobile, Browser::SamsungInternet, Os::Android, 4.0),
    (Device::Tablet, Browser::Safari, Os::Ios, 4.0),
    (Device::Desktop, Browser::Firefox, Os::Linux, 2.5),
    (Device::Mobile, Browser::FacebookApp, Os::Android, 2.0),
    (Device::Tablet, Browser::Chrome, Os::Android, 1.5),
];
/// Where people live who do not live where the affiliate does.
const ABROAD: [(&str, f64); 12] = [
    ("DE", 26.0),
    ("AT", 10.0),
    ("FR", 10.0),
    ("NL", 9.0),
    ("CH", 8.0),
    ("GB", 8.0),
    ("US", 7.0),
    ("ES", 6.0),
    ("IT", 6.0),
    ("SE", 4.0),
    ("PL", 4.0),
    ("JP", 2.0),
];
/// How many live where the affiliate does.
const AT_HOME: f64 = 0.58;
/// Where people come from: what kinds of affiliates there are, and how often.
const WAYS: [Channel; 8] = [
    Channel::Direct,
    Channel::Search,
    Channel::Social,
    Channel::Email,
    Channel::Video,
    Channel::Messaging,
    Channel::Referral,
    Channel::Assistant,
];
const KINDS: [[f64; 8]; 4] = [
    // a blog, a video channel, a social account, a newsletter
    [18.0, 46.0, 9.0, 4.0, 1.0, 3.0, 15.0, 4.0],
    [20.0, 12.0, 11.0, 1.0, 48.0, 5.0, 2.0, 1.0],
    [16.0, 6.0, 61.0, 1.0, 6.0, 9.0, 1.0, 0.0],
    [14.0, 9.0, 5.0, 63.0, 0.0, 6.0, 2.0, 1.0],
];
/// Addresses for documentation: nobody has them.
const NETWORK: u16 = 0x2001;
const DOCUMENTATION: u16 = 0x0db8;
/// Followers of an affiliate, for each click on a usual day.
const FOLLOWERS: f64 = 14.0;

/// Somebody.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person {
    pub(crate) held: (Device, Browser, Os),
    pub(crate) country: Country,
    number: u64,
    agent: u64,
}

impl Person {
    /// Somebody who follows this link's affiliate. Some follow everything, most look once.
    pub(crate) fn behind(link: &Link, dice: &mut Dice) -> Self {
        let followers = FOLLOWERS * link.draw() * 4.0;
        let nth = (dice.unit().powf(1.7) * followers) as u64;
        let mut own = Dice::of(link.affiliate_id.cast_unsigned(), nth);
        let number = own.roll();
        let weights = HELD.map(|(.., weight)| weight);
        let agent = own.weighted(&weights);
        let (device, browser, os, _) = HELD[agent];
        let lives =
            if own.chance(AT_HOME) { &link.country } else { ABROAD[own.weighted(&ABROAD.map(|(_, n)| n))].0 };
        let country = Country::parse(lives).unwrap_or(Country::UNKNOWN);
        Self { held: (device, browser, os), country, number, agent: agent as u64 }
    }

    /// The visitor an edge would have seen, with the keys of the month.
    pub(crate) fn visitor(&self, keys: &Keys) -> u64 {
        let words = |shift: u32| (self.number >> shift) as u16;
        let address = Ipv6Addr::new(NETWORK, DOCUMENTATION, words(0), words(16), words(32), words(48), 0, 1);
        keys.visitor(IpAddr::V6(address), keys.ua_hash(&self.agent.to_le_bytes()), b"")
    }
}

/// How somebody came to a link.
pub(crate) fn channel(link: &Link, dice: &mut Dice) -> Channel {
    let kind = mix(link.affiliate_id.cast_unsigned()) as usize % KINDS.len();
    WAYS[dice.weighted(&KINDS[kind])]
}
