//! The fields of a bucket: a closed vocabulary, so that their number is bounded by design.

use super::digits::{self, Stamps};
use crate::ids::LinkId;
use crate::time::{Day, Hour};
use crate::traffic::{Browser, Channel, Country, Device, Os};

/// One counter of a bucket.
///
/// Every human click raises three: its hour, its platform and its origin. A filtered click raises its hour only.
/// Device, browser and system stand together, as do country and channel: a third of the writes, and still at most
/// a few thousand fields a link and day. Flushing takes them apart again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Count {
    /// Clicks of people in an hour: `<link>:<yyyymmddhh>:h`.
    Human(LinkId, Hour),
    /// Clicks of programs in an hour: `<link>:<yyyymmddhh>:f`.
    Filtered(LinkId, Hour),
    /// Clicks of people in a day by what they hold: `<link>:<yyyymmdd>:p<device>.<browser>.<os>`.
    Platform(LinkId, Day, Device, Browser, Os),
    /// Clicks of people in a day by where they come from: `<link>:<yyyymmdd>:o<country>.<channel>`.
    Origin(LinkId, Day, Country, Channel),
}

impl Count {
    /// The link that is counted.
    pub fn link(&self) -> LinkId {
        match *self {
            Self::Human(link, ..)
            | Self::Filtered(link, ..)
            | Self::Platform(link, ..)
            | Self::Origin(link, ..) => link,
        }
    }

    /// The count as one number, but for its link.
    pub fn pack(&self) -> u64 {
        let (time, kind, rest) = match *self {
            Self::Human(_, hour) => (hour.0, 0, [0; 3]),
            Self::Filtered(_, hour) => (hour.0, 1, [0; 3]),
            Self::Platform(_, day, device, browser, os) => {
                (day.0, 2, [device.code(), browser.code(), os.code()])
            }
            Self::Origin(_, day, country, channel) => {
                let [high, low] = country.code().to_be_bytes();
                (day.0, 3, [high, low, channel.code()])
            }
        };
        u64::from(time) << 32 | u64::from(u32::from_be_bytes([kind, rest[0], rest[1], rest[2]]))
    }

    /// The inverse of [`Self::pack`], for numbers it made.
    pub fn unpack(link: LinkId, packed: u64) -> Self {
        const OURS: &str = "packed from the vocabulary";
        let time = (packed >> 32) as u32;
        let [kind, a, b, c] = (packed as u32).to_be_bytes();
        match kind {
            0 => Self::Human(link, Hour(time)),
            1 => Self::Filtered(link, Hour(time)),
            2 => Self::Platform(
                link,
                Day(time),
                Device::from_code(a).expect(OURS),
                Browser::from_code(b).expect(OURS),
                Os::from_code(c).expect(OURS),
            ),
            _ => Self::Origin(
                link,
                Day(time),
                Country::from_code(u16::from_be_bytes([a, b])).expect(OURS),
                Channel::from_code(c).expect(OURS),
            ),
        }
    }

    /// Writes the field's name into `out` (cleared first).
    pub fn write(&self, stamps: &mut Stamps, out: &mut Vec<u8>) {
        out.clear();
        digits::push(self.link().0, out);
        out.push(b':');
        match *self {
            Self::Human(_, hour) => {
                stamps.push_hour(hour, out);
                out.extend_from_slice(b":h");
            }
            Self::Filtered(_, hour) => {
                stamps.push_hour(hour, out);
                out.extend_from_slice(b":f");
            }
            Self::Platform(_, day, device, browser, os) => {
                stamps.push_day(day, out);
                out.extend_from_slice(b":p");
                digits::push(u64::from(device.code()), out);
                out.push(b'.');
                digits::push(u64::from(browser.code()), out);
                out.push(b'.');
                digits::push(u64::from(os.code()), out);
            }
            Self::Origin(_, day, country, channel) => {
                stamps.push_day(day, out);
                out.extend_from_slice(b":o");
                digits::push(u64::from(country.code()), out);
                out.push(b'.');
                digits::push(u64::from(channel.code()), out);
            }
        }
    }

    /// The field with this name. `None` when it is not one: somebody else wrote into our hash.
    pub fn parse(name: &[u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(name).ok()?.splitn(3, ':');
        let link = LinkId(parts.next()?.parse().ok()?);
        let stamp: u32 = parts.next()?.parse().ok()?;
        let kind = parts.next()?;
        match kind.as_bytes().first()? {
            b'h' if kind.len() == 1 => Some(Self::Human(link, Hour::from_stamp(stamp)?)),
            b'f' if kind.len() == 1 => Some(Self::Filtered(link, Hour::from_stamp(stamp)?)),
            b'p' => {
                let mut codes = kind[1..].split('.').map(str::parse::<u8>);
                let mut next = || codes.next()?.ok();
                let (device, browser, os) = (next()?, next()?, next()?);
                codes.next().is_none().then_some(())?;
                Some(Self::Platform(
                    link,
                    Day::from_stamp(stamp)?,
                    Device::from_code(device)?,
                    Browser::from_code(browser)?,
                    Os::from_code(os)?,
                ))
            }
            b'o' => {
                let (country, channel) = kind[1..].split_once('.')?;
                Some(Self::Origin(
                    link,
                    Day::from_stamp(stamp)?,
                    Country::from_code(country.parse().ok()?)?,
                    Channel::from_code(channel.parse().ok()?)?,
                ))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_pinned_and_come_back() {
        let (link, hour, day) = (LinkId(77), Hour(20_777 * 24 + 5), Day(20_777));
        let sweden = Country::parse("SE").expect("a country");
        let cases = [
            (Count::Human(link, hour), "77:2026112005:h".to_owned()),
            (Count::Filtered(link, hour), "77:2026112005:f".to_owned()),
            (
                Count::Platform(link, day, Device::Mobile, Browser::Safari, Os::Ios),
                format!(
                    "77:20261120:p{}.{}.{}",
                    Device::Mobile.code(),
                    Browser::Safari.code(),
                    Os::Ios.code()
                ),
            ),
            (
                Count::Origin(link, day, sweden, Channel::Social),
                format!("77:20261120:o{}.{}", sweden.code(), Channel::Social.code()),
            ),
        ];
        for (count, name) in cases {
            let mut out = b"left over".to_vec();
            count.write(&mut Stamps::default(), &mut out);
            assert_eq!(String::from_utf8(out).expect("ASCII"), name);
            assert_eq!(Count::parse(name.as_bytes()), Some(count));
            assert_eq!(Count::unpack(link, count.pack()), count);
        }
    }

    #[test]
    fn foreign_fields_are_refused() {
        for bad in [
            "",
            "77",
            "77:2026112005",
            "77:2026112024:h",
            "77:2026112005:hh",
            "x:2026112005:h",
            "77:20261120:p1.2",
            "77:20261120:p1.2.3.4",
            "77:20261120:p99.2.3",
            "77:20261120:o1",
            "77:20261120:q",
        ] {
            assert_eq!(Count::parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(Count::parse(&[0xff]), None);
    }
}
