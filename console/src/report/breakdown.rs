//! What people held and where they came from over a span, for one link or all.

use std::collections::BTreeMap;

use common::traffic::{Browser, Channel, Country, Device, Os};
use sqlx::PgConnection;

use super::{Range, Span, count};

/// One way to split clicks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// By traffic source.
    Source,
    /// By country.
    Country,
    /// By kind of device.
    Device,
    /// By browser family.
    Browser,
    /// By operating system.
    System,
}

impl Split {
    /// Each of them.
    pub const ALL: [Self; 5] = [Self::Source, Self::Country, Self::Device, Self::Browser, Self::System];

    /// Its name in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Country => "country",
            Self::Device => "device",
            Self::Browser => "browser",
            Self::System => "system",
        }
    }
}

/// Human clicks of one link, split five ways. Each split adds up to the same total.
#[derive(Debug, Clone, Default)]
pub struct Breakdown {
    /// Phone, tablet, desktop, …
    pub devices: Vec<Share>,
    /// By browser family.
    pub browsers: Vec<Share>,
    /// By operating system.
    pub systems: Vec<Share>,
    /// By country, as two letters.
    pub countries: Vec<Share>,
    /// By traffic source.
    pub channels: Vec<Share>,
}

/// One part of a split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// What people call it.
    pub name: String,
    /// Human clicks.
    pub human: u64,
}

/// Splits the human clicks of a link on the days of `range`.
pub async fn of(conn: &mut PgConnection, link_id: i64, range: &Range) -> sqlx::Result<Breakdown> {
    let (from, to) = range.days();
    let platforms = sqlx::query_file_as!(Platform, "src/report/platforms.sql", link_id, from, to)
        .fetch_all(&mut *conn)
        .await?;
    let origins =
        sqlx::query_file_as!(Origin, "src/report/origins.sql", link_id, from, to).fetch_all(conn).await?;
    Ok(Breakdown::new(&platforms, &origins))
}

/// Splits the human clicks of all that the caller sees on the days of `span`.
pub async fn of_programme(conn: &mut PgConnection, span: &Span) -> sqlx::Result<Breakdown> {
    let (from, to) = span.days();
    let open = &span.clicks;
    let rows = sqlx::query_file_as!(
        Part,
        "src/report/splits.sql",
        from,
        to,
        span.is_own,
        span.vendor_id,
        &open.days,
        open.begins,
        open.ends,
        open.is_one
    )
    .fetch_all(conn)
    .await?;
    let by = |name: &str, word| {
        let parts = rows.iter().filter(|part| part.split == name);
        split(parts.map(|part| (part.code, count(part.human_clicks))), word)
    };
    Ok(Breakdown {
        devices: by("device", name_of_device),
        browsers: by("browser", name_of_browser),
        systems: by("os", name_of_os),
        countries: by("country", name_of_country),
        channels: by("channel", name_of_channel),
    })
}

/// Clicks with one code of one split.
struct Part {
    split: String,
    code: i16,
    human_clicks: i64,
}

/// Clicks with one kind of device, browser and system.
struct Platform {
    device: i16,
    browser: i16,
    os: i16,
    human_clicks: i64,
}

/// Clicks from one country by one traffic source.
struct Origin {
    country: i16,
    channel: i16,
    human_clicks: i64,
}

impl Breakdown {
    /// The parts of one split, the largest first.
    pub fn shares(&self, by: Split) -> &[Share] {
        match by {
            Split::Source => &self.channels,
            Split::Country => &self.countries,
            Split::Device => &self.devices,
            Split::Browser => &self.browsers,
            Split::System => &self.systems,
        }
    }

    fn new(platforms: &[Platform], origins: &[Origin]) -> Self {
        let by_platform = |code: fn(&Platform) -> i16, name| {
            split(platforms.iter().map(|row| (code(row), count(row.human_clicks))), name)
        };
        let by_origin = |code: fn(&Origin) -> i16, name| {
            split(origins.iter().map(|row| (code(row), count(row.human_clicks))), name)
        };
        Self {
            devices: by_platform(|row| row.device, name_of_device),
            browsers: by_platform(|row| row.browser, name_of_browser),
            systems: by_platform(|row| row.os, name_of_os),
            countries: by_origin(|row| row.country, name_of_country),
            channels: by_origin(|row| row.channel, name_of_channel),
        }
    }
}

/// Adds up the clicks of each code; the largest part first, equal ones by name.
fn split(rows: impl Iterator<Item = (i16, u64)>, name: fn(i16) -> String) -> Vec<Share> {
    let mut parts = BTreeMap::<i16, u64>::new();
    for (code, human) in rows {
        *parts.entry(code).or_default() += human;
    }
    let mut shares: Vec<Share> =
        parts.into_iter().map(|(code, human)| Share { name: name(code), human }).collect();
    shares.sort_by(|a, b| b.human.cmp(&a.human).then_with(|| a.name.cmp(&b.name)));
    shares
}

fn name_of_device(code: i16) -> String {
    word(code, |code| Device::from_code(code).map(Device::name))
}

fn name_of_browser(code: i16) -> String {
    word(code, |code| Browser::from_code(code).map(Browser::name))
}

fn name_of_os(code: i16) -> String {
    word(code, |code| Os::from_code(code).map(Os::name))
}

/// The name of a traffic source.
pub fn name_of_channel(code: i16) -> String {
    word(code, |code| Channel::from_code(code).map(Channel::name))
}

fn name_of_country(code: i16) -> String {
    let country = u16::try_from(code).ok().and_then(Country::from_code);
    country.map_or_else(|| unnamed(code), |country| country.to_string())
}

fn word(code: i16, name: impl Fn(u8) -> Option<&'static str>) -> String {
    u8::try_from(code).ok().and_then(name).map_or_else(|| unnamed(code), str::to_owned)
}

/// A code of a newer aggregator: its clicks must not vanish from the split.
fn unnamed(code: i16) -> String {
    format!("unnamed_{code}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_and_the_largest_is_first() {
        let shares = split([(1, 5), (2, 7), (1, 4), (99, 1)].into_iter(), name_of_device);
        let seen: Vec<(&str, u64)> = shares.iter().map(|share| (share.name.as_str(), share.human)).collect();
        assert_eq!(seen, [("desktop", 9), ("mobile", 7), ("unnamed_99", 1)]);
    }

    #[test]
    fn countries_are_two_letters() {
        let swedish = Country::parse("SE").expect("two letters").code();
        assert_eq!(name_of_country(swedish as i16), "SE");
        assert_eq!(name_of_country(-1), "unnamed_-1");
    }
}
