//! Numbers in decimal, written for every counter of every click: the standard formatter takes ten times as long.

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
pub(super) fn push(mut n: u64, out: &mut Vec<u8>) {
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

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_written_as_the_formatter_writes_them() {
        for n in
            [0, 1, 9, 10, 99, 100, 101, 999, 1_000, 12_345, 1_000_000, 4_294_967_296, u64::MAX - 1, u64::MAX]
        {
            let mut out = b"n=".to_vec();
            super::push(n, &mut out);
            assert_eq!(out, format!("n={n}").into_bytes());
        }
    }
}
