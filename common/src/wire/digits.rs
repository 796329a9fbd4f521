//! Numbers in decimal, written for every counter of every click: the standard formatter takes ten times as long.

/// Appends `n` to `out`.
pub(super) fn push(mut n: u64, out: &mut Vec<u8>) {
    const LONGEST: usize = 20;
    let mut digits = [0; LONGEST];
    let mut at = LONGEST;
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_written_as_the_formatter_writes_them() {
        for n in [0, 1, 9, 10, 99, 100, 12_345, 4_294_967_296, u64::MAX - 1, u64::MAX] {
            let mut out = b"n=".to_vec();
            super::push(n, &mut out);
            assert_eq!(out, format!("n={n}").into_bytes());
        }
    }
}
