//! Numbers and days in decimal, written for every counter of every click: the standard formatter takes ten times as
//! long.

use crate::time::{Day, Hour};

/// `00` to `99`, so that a division gives two digits.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

/// Appends `n` to `out`.
pub(crate) fn push(mut n: u64, out: &mut Vec<u8>) {
    const LONGEST: usize = 20;
    let mut digits = [0; LONGEST];
    let mut at = LONGEST;
    while n >= 100 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[(n % 100) as usize]);
        n /= 100;
    }
    if n >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[n as usize]);
    } else {
        at -= 1;
        digits[at] = b'0' + n as u8;
    }
    out.extend_from_slice(&digits[at..]);
}

/// Writes days and hours. Nearly all that are written one after the other are of one day, so the last one is kept as
/// text.
#[derive(Debug, Clone, Default)]
pub struct Stamps {
    day: Option<Day>,
    text: [u8; 8],
}

impl Stamps {
    /// Appends `yyyymmdd`.
    pub(super) fn push_day(&mut self, day: Day, out: &mut Vec<u8>) {
        if self.day != Some(day) {
            let mut stamp = day.stamp();
            for pair in self.text.rchunks_exact_mut(2) {
                pair.copy_from_slice(&PAIRS[(stamp % 100) as usize]);
                stamp /= 100;
            }
            self.day = Some(day);
        }
        out.extend_from_slice(&self.text);
    }

    /// Appends `yyyymmddhh`.
    pub(super) fn push_hour(&mut self, hour: Hour, out: &mut Vec<u8>) {
        self.push_day(hour.day(), out);
        out.extend_from_slice(&PAIRS[(hour.0 % 24) as usize]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_written_as_numbers_are() {
        let mut stamps = Stamps::default();
        for hour in (0..24 * 25_000).step_by(7).map(Hour) {
            let (mut day, mut whole) = (Vec::new(), Vec::new());
            stamps.push_day(hour.day(), &mut day);
            stamps.push_hour(hour, &mut whole);
            assert_eq!(day, hour.day().stamp().to_string().into_bytes());
            assert_eq!(whole, hour.stamp().to_string().into_bytes());
        }
    }

    #[test]
    fn numbers_are_written_as_the_formatter_writes_them() {
        for n in
            [0, 1, 9, 10, 99, 100, 101, 999, 1_000, 12_345, 1_000_000, 4_294_967_296, u64::MAX - 1, u64::MAX]
        {
            let mut out = b"n=".to_vec();
            push(n, &mut out);
            assert_eq!(out, format!("n={n}").into_bytes());
        }
    }
}
