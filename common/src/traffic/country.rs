//! Countries as two letters packed in a number.

use std::fmt;

/// An ISO 3166 alpha-2 country: `1 + 26 × first letter + second letter`, A = 0. 0: unknown.
///
/// Which pairs of letters are countries is the address database's business: 676 bound the number of counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Country(u16);

impl Country {
    /// No database, or the address is not in it.
    pub const UNKNOWN: Self = Self(0);
    const LAST: u16 = 26 * 26;

    /// The country with these two letters, of either case.
    pub fn parse(letters: &str) -> Option<Self> {
        let &[first, second] = letters.as_bytes() else { return None };
        let place = |b: u8| b.is_ascii_alphabetic().then(|| u16::from(b.to_ascii_uppercase() - b'A'));
        Some(Self(1 + place(first)? * 26 + place(second)?))
    }

    /// The number in journals, Redis and Postgres.
    pub const fn code(self) -> u16 {
        self.0
    }

    /// The country with this number. `None`: damaged.
    pub fn from_code(code: u16) -> Option<Self> {
        (code <= Self::LAST).then_some(Self(code))
    }
}

impl fmt::Display for Country {
    /// Two capitals, or `unknown`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(place) = self.0.checked_sub(1) else { return f.write_str("unknown") };
        let letter = |n: u16| char::from(b'A' + n as u8);
        write!(f, "{}{}", letter(place / 26), letter(place % 26))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_two_letters() {
        for (text, code) in [("AA", 1), ("AZ", 26), ("BA", 27), ("SE", 473), ("ZZ", 676)] {
            let country = Country::parse(text).expect(text);
            assert_eq!((country.code(), country.to_string().as_str()), (code, text));
            assert_eq!(Country::from_code(code), Some(country));
            assert_eq!(Country::parse(&text.to_lowercase()), Some(country));
        }
        assert_eq!(Country::UNKNOWN.to_string(), "unknown");
        assert_eq!(Country::from_code(0), Some(Country::UNKNOWN));
        assert_eq!(Country::from_code(677), None);
        for bad in ["", "S", "SWE", "S1", "é", "[A"] {
            assert_eq!(Country::parse(bad), None, "{bad}");
        }
    }
}
