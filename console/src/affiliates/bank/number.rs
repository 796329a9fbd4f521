//! Account numbers as people write them, and as they are compared.

use std::fmt;

/// Characters of an account number. The longest IBAN has 34.
const LENGTHS: std::ops::RangeInclusive<usize> = 4..=34;

/// Characters of an IBAN: the shortest is Norway's.
const IBAN_LENGTHS: std::ops::RangeInclusive<usize> = 15..=34;

/// Characters that stay readable at the end.
const SHOWN: usize = 4;

/// An account number without the spaces that people put into it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AccountNumber(String);

impl fmt::Debug for AccountNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// Why a text is no account number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadNumber {
    /// Other characters, too few, or too many.
    Shape,
    /// An IBAN with a slip of the pen in it.
    Checksum,
}

impl AccountNumber {
    /// Reads a number; what looks like an IBAN must be a good one.
    pub(crate) fn parse(text: &str) -> Result<Self, BadNumber> {
        let number: String = text
            .chars()
            .filter(|c| !matches!(c, ' ' | '-' | '.' | '/'))
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let is_number =
            LENGTHS.contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_number || !number.bytes().any(|byte| byte.is_ascii_digit()) {
            return Err(BadNumber::Shape);
        }
        if looks_like_iban(&number) && remainder(&number) != 1 {
            Err(BadNumber::Checksum)
        } else {
            Ok(Self(number))
        }
    }

    /// As it is sealed and compared.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// As everybody sees it: the last four characters, and never more than half.
    pub(crate) fn masked(&self) -> String {
        let shown = SHOWN.min(self.0.len() / 2);
        format!("••••{}", &self.0[self.0.len() - shown..])
    }
}

/// Two letters, two digits, and the rest.
fn looks_like_iban(number: &str) -> bool {
    let bytes = number.as_bytes();
    IBAN_LENGTHS.contains(&bytes.len())
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes[2..4].iter().all(u8::is_ascii_digit)
}

/// ISO 7064: the first four characters moved to the end, letters read as 10 to 35, modulo 97.
fn remainder(iban: &str) -> u32 {
    let moved = iban[4..].chars().chain(iban[..4].chars());
    moved.filter_map(|c| c.to_digit(36)).fold(0, |rest, value| {
        let shifted = if value > 9 { rest * 100 } else { rest * 10 };
        (shifted + value) % 97
    })
}

/// A bank's SWIFT/BIC: four characters for the bank, a country, a place, and perhaps a branch.
pub(crate) fn bic(text: &str) -> Option<String> {
    let code = text.trim().to_ascii_uppercase();
    let bytes = code.as_bytes();
    let is_code = matches!(bytes.len(), 8 | 11)
        && bytes.iter().all(u8::is_ascii_alphanumeric)
        && bytes[4..6].iter().all(u8::is_ascii_uppercase);
    is_code.then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, number) in [
            ("DE75 5121 0800 1245 1261 99", "DE75512108001245126199"),
            ("no83 3000 1234 567", "NO8330001234567"),
            ("GB33BUKB20201555555555", "GB33BUKB20201555555555"),
            ("12345-678", "12345678"),
            ("AB12 3456", "AB123456"),
        ] {
            assert_eq!(AccountNumber::parse(text).as_ref().map(AccountNumber::as_str), Ok(number), "{text}");
        }
        for slip in ["DE75 5121 0800 1245 1261 98", "DE57 5121 0800 1245 1261 99", "GB33BUKB20201555555556"] {
            assert_eq!(AccountNumber::parse(slip), Err(BadNumber::Checksum), "{slip}");
        }
        for bad in ["", "123", "12 3", "ABCDEFG", "1234\0", "1234,5", "١٢٣٤٥٦", &"1".repeat(35)] {
            assert_eq!(AccountNumber::parse(bad), Err(BadNumber::Shape), "{bad:?}");
        }
    }

    #[test]
    fn only_the_end_stays_readable() {
        for (text, masked) in
            [("DE75512108001245126199", "••••6199"), ("12345678", "••••5678"), ("1234", "••••34")]
        {
            let number = AccountNumber::parse(text).expect(text);
            assert_eq!((number.masked().as_str(), format!("{number:?}").as_str()), (masked, masked));
        }
    }

    #[test]
    fn bank_codes_have_a_country_in_them() {
        for good in ["DEUTDEFF", "deutdeff500", " NEDSZAJJXXX "] {
            assert!(bic(good).is_some(), "{good}");
        }
        for bad in ["", "DEUTDEF", "DEUTDEFF5", "DEUT1EFF", "DEUTDEFF50!", "DEUT-DEFF"] {
            assert_eq!(bic(bad), None, "{bad}");
        }
    }
}
