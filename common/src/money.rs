//! Money: an integer of a currency's smallest unit. No fraction is ever stored, and no float is ever money.
//!
//! Text becomes an amount exactly or not at all: nothing is rounded on its way in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The largest amount that is taken in, for a line or an order: ten thousand million euros. A thousand times more
/// than any order, and small enough that sums over millions of orders stay far inside an `i64`.
pub const MAX_MINOR: i64 = 1_000_000_000_000;

/// Currencies whose smallest unit is the hundredth. ISO 4217, without funds, metals and codes for tests.
const HUNDREDTHS: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN \
    BZD CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL \
    HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR \
    MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE \
    SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG";
/// Currencies without a smaller unit.
const WHOLE: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
/// Currencies whose smallest unit is the thousandth.
const THOUSANDTHS: &str = "BHD IQD JOD KWD LYD OMR TND";

/// How many digits behind the point a code's currency has. The table is ours, not a library's: under amounts that
/// are already booked an exponent may never change.
fn exponent_of(code: &str) -> Option<u8> {
    let has = |list: &str| list.split(' ').any(|known| known == code);
    [(HUNDREDTHS, 2), (WHOLE, 0), (THOUSANDTHS, 3)]
        .into_iter()
        .find_map(|(list, exponent)| has(list).then_some(exponent))
}

/// A currency of ISO 4217, as its three capitals. Only known ones exist.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// Why a text names no currency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a currency: give its three capitals from ISO 4217, such as EUR")]
pub struct BadCurrency(String);

impl Currency {
    /// Digits behind the point: JPY 0, EUR 2, KWD 3.
    pub fn exponent(self) -> u8 {
        exponent_of(self.as_str()).expect("only known currencies exist")
    }

    /// The three capitals.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("the codes are ASCII")
    }
}

impl FromStr for Currency {
    type Err = BadCurrency;

    fn from_str(text: &str) -> Result<Self, BadCurrency> {
        let code = text.as_bytes().try_into().ok().filter(|_| exponent_of(text).is_some());
        code.map(Self).ok_or_else(|| BadCurrency(text.chars().take(20).collect()))
    }
}

impl TryFrom<String> for Currency {
    type Error = BadCurrency;

    fn try_from(text: String) -> Result<Self, BadCurrency> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAmount {
    /// A sign, an exponent, a thousands mark, nothing at all …
    #[error("an amount consists of digits, and may have a point with digits on both sides, such as 12.50")]
    Notation,
    /// It would have to be rounded.
    #[error("{0} has {digits} digits behind the point, so this amount cannot be told exactly", digits = .0.exponent())]
    Digits(Currency),
    /// Beyond [`MAX_MINOR`].
    #[error("an amount is at most {MAX_MINOR} of the currency's smallest unit")]
    TooLarge,
}

/// Reads `12.50` as 1250, exactly. Zeros beyond the currency's digits say nothing and are allowed.
pub fn parse_decimal(text: &str, currency: Currency) -> Result<i64, BadAmount> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !fraction.is_none_or(is_number) {
        return Err(BadAmount::Notation);
    }
    let exponent = usize::from(currency.exponent());
    let fraction = fraction.unwrap_or_default().as_bytes();
    let (kept, beyond) = fraction.split_at(exponent.min(fraction.len()));
    if beyond.iter().any(|b| *b != b'0') {
        return Err(BadAmount::Digits(currency));
    }
    let missing = std::iter::repeat_n(&b'0', exponent - kept.len());
    let mut minor = 0_i64;
    for digit in whole.as_bytes().iter().chain(kept).chain(missing) {
        minor = minor * 10 + i64::from(digit - b'0');
        if minor > MAX_MINOR {
            return Err(BadAmount::TooLarge);
        }
    }
    Ok(minor)
}

/// Writes 1250 as `12.50`. The inverse of [`parse_decimal`], for any `i64`.
pub fn format_decimal(minor: i64, currency: Currency) -> String {
    let exponent = usize::from(currency.exponent());
    let sign = if minor < 0 { "-" } else { "" };
    if exponent == 0 {
        return minor.to_string();
    }
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = exponent + 1);
    let (whole, fraction) = digits.split_at(digits.len() - exponent);
    format!("{sign}{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().expect(code)
    }

    #[test]
    fn currencies_are_three_known_capitals() {
        for (code, exponent) in [("JPY", 0), ("EUR", 2), ("USD", 2), ("KWD", 3), ("ISK", 0), ("TND", 3)] {
            assert_eq!(currency(code).exponent(), exponent, "{code}");
            assert_eq!(currency(code).to_string(), code);
            assert_eq!(format!("{:?}", currency(code)), code);
        }
        for bad in ["", "EU", "eur", "EURO", "EUR ", "XXX", "XAU", "ABC", "€€€", "é€", "R A"] {
            assert!(bad.parse::<Currency>().is_err(), "{bad}");
        }
        assert!(
            !format!("{}", "X".repeat(9_999).parse::<Currency>().expect_err("long"))
                .contains(&"X".repeat(21))
        );
    }

    #[test]
    fn the_table_has_every_code_once() {
        let mut codes: Vec<&str> =
            [HUNDREDTHS, WHOLE, THOUSANDTHS].iter().flat_map(|l| l.split(' ')).collect();
        let all = codes.len();
        assert!(codes.iter().all(|c| c.len() == 3 && c.bytes().all(|b| b.is_ascii_uppercase())), "{codes:?}");
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }

    #[test]
    fn a_currency_is_a_string_in_json() {
        assert_eq!(serde_json::to_string(&currency("EUR")).expect("JSON"), "\"EUR\"");
        assert_eq!(serde_json::from_str::<Currency>("\"KWD\"").expect("a currency"), currency("KWD"));
        assert!(serde_json::from_str::<Currency>("\"kwd\"").is_err());
    }

    #[test]
    fn decimals_are_read_exactly() {
        for (text, code, expect) in [
            ("12.50", "EUR", 1250),
            ("12.5", "EUR", 1250),
            ("12", "EUR", 1200),
            ("0.01", "EUR", 1),
            ("0", "EUR", 0),
            ("007.00", "EUR", 700),
            ("12.500000", "EUR", 1250),
            ("1250", "JPY", 1250),
            ("1250.00", "JPY", 1250),
            ("1.234", "KWD", 1234),
            ("1.2340", "KWD", 1234),
            ("10000000000.00", "EUR", MAX_MINOR),
            ("1000000000000", "JPY", MAX_MINOR),
            ("1000000000.000", "KWD", MAX_MINOR),
        ] {
            assert_eq!(parse_decimal(text, currency(code)), Ok(expect), "{text} {code}");
        }
    }

    #[test]
    fn what_is_not_exactly_an_amount_is_refused() {
        let (eur, jpy, kwd) = (currency("EUR"), currency("JPY"), currency("KWD"));
        for text in
            ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,000", "1.2.3", " 1", "1 ", "0x1", "١", "NaN", "1_0"]
        {
            assert_eq!(parse_decimal(text, eur), Err(BadAmount::Notation), "{text:?}");
        }
        for (text, of) in [("12.505", eur), ("0.001", eur), ("1250.5", jpy), ("1.2345", kwd)] {
            assert_eq!(parse_decimal(text, of), Err(BadAmount::Digits(of)), "{text}");
        }
        let huge = "9".repeat(400);
        for (text, of) in
            [("10000000000.01", eur), ("1000000000001", jpy), ("1000000000.001", kwd), (&huge, eur)]
        {
            assert_eq!(parse_decimal(text, of), Err(BadAmount::TooLarge), "{text}");
        }
    }

    #[test]
    fn amounts_are_written_with_their_currencys_digits() {
        for (minor, code, expect) in [
            (1250, "EUR", "12.50"),
            (5, "EUR", "0.05"),
            (-5, "EUR", "-0.05"),
            (0, "KWD", "0.000"),
            (-1234, "KWD", "-1.234"),
            (-7, "JPY", "-7"),
            (i64::MIN, "EUR", "-92233720368547758.08"),
            (i64::MAX, "KWD", "9223372036854775.807"),
        ] {
            assert_eq!(format_decimal(minor, currency(code)), expect);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(minor in 0..=MAX_MINOR, code in "EUR|JPY|KWD") {
            let currency = currency(&code);
            prop_assert_eq!(parse_decimal(&format_decimal(minor, currency), currency), Ok(minor));
        }

        #[test]
        fn no_text_is_a_panic(text in "[0-9.]{0,30}|.{0,12}", minor: i64) {
            for code in ["EUR", "JPY", "KWD"] {
                let amount = parse_decimal(&text, currency(code));
                prop_assert!(amount.is_err() || (0..=MAX_MINOR).contains(&amount.unwrap_or(-1)));
                let _ = format_decimal(minor, currency(code));
            }
        }
    }
}
