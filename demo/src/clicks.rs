//! The clicks of a day, in the order in which they came.

use chrono::{DateTime, Utc};
use common::time;
use common::traffic::{Browser, Channel, Country, Device, Os};
use common::visitor::Keys;

use crate::calendar::{self, Day};
use crate::cast::{Cast, Link};
use crate::crowd::{self, Person};
use crate::dice::Dice;

/// Programs follow links too: a share of the people's number, and some that come however few people do.
const PROGRAMS: (f64, f64) = (0.09, 0.6);
/// The vendor with the campaign, and how much the others feel of it.
const CAMPAIGN_VENDOR: i64 = 0;
const CAMPAIGN_ELSEWHERE: f64 = 0.08;
/// The link that everybody followed for an hour: the best known one of the campaign's vendor. More than an hour may have
/// without being a wave.
const WAVE_CLICKS: u64 = 410;
const MS_AN_HOUR: u64 = 3_600_000;

/// One click.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Click {
    pub(crate) ts_ms: u64,
    /// The link's place in the cast.
    pub(crate) link: usize,
    pub(crate) who: Who,
}

/// Who clicked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who {
    Program,
    Person { visitor: u64, channel: Channel, country: Country, held: (Device, Browser, Os) },
}

/// Every click of the day until `now`.
pub(crate) fn of_day(day: Day, now: DateTime<Utc>, cast: &Cast, keys: &Keys, seed: u64) -> Vec<Click> {
    let mut clicks = Vec::new();
    let wave = day.wave().and_then(|hour| Some((hour, cast.links.iter().position(is_of_campaign)?)));
    for (place, link) in cast.links.iter().enumerate() {
        let mut dice = Dice::of(seed ^ u64::from(day.nth), link.id.cast_unsigned());
        let mean = link.draw() * day.busy() * campaign(link, day) * dice.between(0.75, 1.25);
        for _ in 0..dice.times(mean) {
            let hour = dice.weighted(calendar::hours_of_people());
            clicks.push(person(place, link, keys, moment(day, hour as u64, &mut dice), &mut dice));
        }
        for _ in 0..dice.times(mean * PROGRAMS.0 + PROGRAMS.1) {
            let hour = dice.weighted(calendar::hours_of_programs());
            let ts_ms = moment(day, hour as u64, &mut dice);
            clicks.push(Click { ts_ms, link: place, who: Who::Program });
        }
        if let Some((hour, _)) = wave.filter(|(_, of)| *of == place) {
            for _ in 0..WAVE_CLICKS {
                clicks.push(person(place, link, keys, moment(day, u64::from(hour), &mut dice), &mut dice));
            }
        }
    }
    let now_ms = now.timestamp_millis().cast_unsigned();
    clicks.retain(|click| click.ts_ms < now_ms && cast.links[click.link].is_tracked(at(click.ts_ms)));
    clicks.sort_by_key(|click| (click.ts_ms, click.link));
    clicks
}

fn person(place: usize, link: &Link, keys: &Keys, ts_ms: u64, dice: &mut Dice) -> Click {
    let person = Person::behind(link, dice);
    let (country, held) = (person.country, person.held);
    let who =
        Who::Person { visitor: person.visitor(keys), channel: crowd::channel(link, dice), country, held };
    Click { ts_ms, link: place, who }
}

fn campaign(link: &Link, day: Day) -> f64 {
    if is_of_campaign(link) { day.campaign() } else { 1.0 + (day.campaign() - 1.0) * CAMPAIGN_ELSEWHERE }
}

fn is_of_campaign(link: &Link) -> bool {
    link.vendor_nth == CAMPAIGN_VENDOR
}

fn moment(day: Day, hour: u64, dice: &mut Dice) -> u64 {
    day.start().timestamp_millis().cast_unsigned() + hour * MS_AN_HOUR + dice.roll() % MS_AN_HOUR
}

/// The keys of the month that the day lies in.
pub(crate) fn keys_of(day: Day, master: &common::secret::Master) -> Option<Keys> {
    Some(Keys::for_month(master, time::Day::from_date(day.date)?.year_month()))
}

/// A moment that a click or order says.
pub(crate) fn at(ms: u64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms.cast_signed()).unwrap_or_default()
}
