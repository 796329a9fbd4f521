//! Whether a shop sent it: signatures over the bytes that came, before anything in them is read.
//!
//! While a secret is replaced two are good, and a sender may sign with both: every pair is compared, in constant time.

use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit as _, Mac as _};
use runtime::Secret;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// How far a signed time may be from ours, both ends included. Longer would let a captured call be played again.
const TOLERANCE_S: u64 = 300;

/// Signatures looked at: a sender has two secrets at most while it replaces one.
const MAX_SIGNATURES: usize = 8;

/// How a secret of Standard Webhooks begins; base64 of the key follows.
pub(crate) const STANDARD_PREFIX: &str = "whsec_";

const UNTIMELY: &str = "the signed time is more than 300 seconds from ours: check the clocks, and do not send a call again later";
const UNSIGNED: &str = "a signature header is missing, stands there twice or cannot be read";
const UNMATCHED: &str =
    "no signature matches: check the endpoint's secret, and that the body is signed and sent byte for byte";

/// Why a call is not believed.
type Refusal = &'static str;

/// Standard Webhooks: `webhook-signature: v1,<base64>` over `id.timestamp.body`.
pub(super) fn standard(
    secrets: &[Secret],
    [id, timestamp, signatures]: [Option<&str>; 3],
    body: &[u8],
    now_s: u64,
) -> Result<(), Refusal> {
    let (Some(id), Some(timestamp), Some(signatures)) = (id, timestamp, signatures) else {
        return Err(UNSIGNED);
    };
    timely(timestamp, now_s)?;
    let given =
        signatures.split(' ').filter_map(|signature| signature.strip_prefix("v1,")).filter_map(base64);
    let given: Vec<Vec<u8>> = given.take(MAX_SIGNATURES).collect();
    let keys: Vec<Vec<u8>> = secrets.iter().filter_map(|secret| standard_key(secret.expose())).collect();
    matches(&keys, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body], &given)
}

/// The key that a Standard Webhooks secret is.
pub(crate) fn standard_key(secret: &str) -> Option<Vec<u8>> {
    base64(secret.strip_prefix(STANDARD_PREFIX).unwrap_or(secret))
}

/// Stripe: `t=<seconds>,v1=<hex>[,v1=<hex>]` over `t.body`.
pub(super) fn stripe(
    secrets: &[Secret],
    header: Option<&str>,
    body: &[u8],
    now_s: u64,
) -> Result<(), Refusal> {
    let pairs = || header.unwrap_or_default().split(',').filter_map(|pair| pair.trim().split_once('='));
    let mut times = pairs().filter(|(name, _)| *name == "t").map(|(_, value)| value);
    let (Some(timestamp), None) = (times.next(), times.next()) else { return Err(UNSIGNED) };
    timely(timestamp, now_s)?;
    let given = pairs().filter(|(name, _)| *name == "v1");
    let given = given.filter_map(|(_, value)| HEXLOWER_PERMISSIVE.decode(value.as_bytes()).ok());
    let given: Vec<Vec<u8>> = given.take(MAX_SIGNATURES).collect();
    matches(&as_they_are(secrets), &[timestamp.as_bytes(), b".", body], &given)
}

/// Shopify and `WooCommerce`: base64 over the body alone.
pub(super) fn of_body(secrets: &[Secret], header: Option<&str>, body: &[u8]) -> Result<(), Refusal> {
    let given = header.and_then(base64).ok_or(UNSIGNED)?;
    matches(&as_they_are(secrets), &[body], &[given])
}

/// A secret that is sent as it is: hashed first, so that not even its length can be timed.
pub(super) fn shared(secrets: &[Secret], given: Option<&str>) -> Result<(), Refusal> {
    let hash = |text: &str| crate::auth::secret_hash(text);
    let given = hash(
        given
            .ok_or("the shared secret is missing: send it as `secret` or in the header X-Postback-Secret")?,
    );
    let is_one =
        secrets.iter().fold(false, |is_one, secret| is_one | bool::from(hash(secret.expose()).ct_eq(&given)));
    if is_one { Ok(()) } else { Err("the shared secret is not the endpoint's") }
}

fn timely(timestamp: &str, now_s: u64) -> Result<(), Refusal> {
    let seconds: u64 = timestamp.parse().map_err(|_| UNSIGNED)?;
    if seconds.abs_diff(now_s) <= TOLERANCE_S { Ok(()) } else { Err(UNTIMELY) }
}

fn matches(keys: &[Vec<u8>], signed: &[&[u8]], given: &[Vec<u8>]) -> Result<(), Refusal> {
    let mut is_one = false;
    for key in keys {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        for part in signed {
            mac.update(part);
        }
        let expected = mac.finalize().into_bytes();
        for signature in given {
            is_one |= bool::from(expected.as_slice().ct_eq(signature));
        }
    }
    if is_one { Ok(()) } else { Err(UNMATCHED) }
}

fn as_they_are(secrets: &[Secret]) -> Vec<Vec<u8>> {
    secrets.iter().map(|secret| secret.expose().as_bytes().to_vec()).collect()
}

fn base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.as_bytes()).or_else(|_| BASE64_NOPAD.decode(text.as_bytes())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_000_000;
    const BODY: &[u8] = br#"{"event_id":"e1"}"#;

    fn secrets(texts: &[&str]) -> Vec<Secret> {
        texts.iter().map(|text| Secret::new(*text)).collect()
    }

    fn mac(key: &[u8], signed: &[u8]) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
        mac.update(signed);
        mac.finalize().into_bytes().to_vec()
    }

    fn standard_at(secret: &str, at: u64) -> String {
        let signed = [b"e1.", at.to_string().as_bytes(), b".", BODY].concat();
        format!("v1,{}", BASE64.encode(&mac(&standard_key(secret).expect("a key"), &signed)))
    }

    fn standard_with(known: &[&str], signature: &str, at: u64) -> Result<(), Refusal> {
        let at = at.to_string();
        standard(&secrets(known), [Some("e1"), Some(&at), Some(signature)], BODY, NOW)
    }

    const OLD: &str = "whsec_b2xkLW1hZGUtdXAtc2VjcmV0LW9mLWEtdGVzdA==";
    const NEW: &str = "whsec_bmV3LW1hZGUtdXAtc2VjcmV0LW9mLWEtdGVzdA==";

    #[test]
    fn the_example_of_the_specification_is_good() {
        let at = "1614265330";
        let headers = [
            Some("msg_p5jXN8AQM9LWM0D4loKWxJek"),
            Some(at),
            Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ];
        let known = secrets(&["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]);
        assert_eq!(standard(&known, headers, br#"{"test": 2432232314}"#, 1_614_265_330), Ok(()));
    }

    #[test]
    fn a_signed_time_is_good_for_300_seconds_both_ways() {
        for (at, expect) in [
            (NOW - 301, Err(UNTIMELY)),
            (NOW - 300, Ok(())),
            (NOW - 299, Ok(())),
            (NOW + 299, Ok(())),
            (NOW + 300, Ok(())),
            (NOW + 301, Err(UNTIMELY)),
        ] {
            assert_eq!(standard_with(&[OLD], &standard_at(OLD, at), at), expect, "standard {at}");
            let signed = [at.to_string().as_bytes(), b".", BODY].concat();
            let header = format!("t={at},v1={}", HEXLOWER_PERMISSIVE.encode(&mac(b"whsec_stripe", &signed)));
            assert_eq!(stripe(&secrets(&["whsec_stripe"]), Some(&header), BODY, NOW), expect, "stripe {at}");
        }
        let moved = standard_with(&[OLD], &standard_at(OLD, NOW - 301), NOW);
        assert_eq!(moved, Err(UNMATCHED), "the time is signed");
    }

    #[test]
    fn any_valid_secret_and_any_signature_will_do() {
        let (old, new) = (standard_at(OLD, NOW), standard_at(NEW, NOW));
        assert_eq!(standard_with(&[OLD, NEW], &old, NOW), Ok(()));
        assert_eq!(standard_with(&[OLD, NEW], &new, NOW), Ok(()));
        assert_eq!(standard_with(&[NEW], &format!("v1a,zzzz {old} v1,AAAA {new}"), NOW), Ok(()));
        assert_eq!(standard_with(&[NEW], &old, NOW), Err(UNMATCHED));
        assert_eq!(standard_with(&[], &old, NOW), Err(UNMATCHED));
        for bad in ["", "v1,", "v1", "v2,AAAA", &old[3..], &old[..old.len() - 6]] {
            assert_eq!(standard_with(&[OLD], bad, NOW), Err(UNMATCHED), "{bad:?}");
        }
        let at = NOW.to_string();
        assert_eq!(standard(&secrets(&[OLD]), [None, Some(&at), Some(&old)], BODY, NOW), Err(UNSIGNED));
        assert_eq!(
            standard(&secrets(&[OLD]), [Some("e2"), Some(&at), Some(&old)], BODY, NOW),
            Err(UNMATCHED)
        );
    }

    #[test]
    fn stripes_header_is_read_carefully() {
        let signed = [NOW.to_string().as_bytes(), b".", BODY].concat();
        let good = HEXLOWER_PERMISSIVE.encode(&mac(b"whsec_stripe", &signed));
        let verdict = |header: &str| stripe(&secrets(&["whsec_stripe"]), Some(header), BODY, NOW);
        assert_eq!(verdict(&format!("t={NOW},v1={},v1={good},v0=00", "0".repeat(64))), Ok(()));
        assert_eq!(verdict(&format!("t={NOW},v0={good}")), Err(UNMATCHED), "an older scheme");
        for bad in [
            "",
            "t=",
            &format!("v1={good}"),
            &format!("t={NOW},t={NOW},v1={good}"),
            &format!("t=-5,v1={good}"),
        ] {
            assert_eq!(verdict(bad), Err(UNSIGNED), "{bad}");
        }
        assert_eq!(stripe(&secrets(&["whsec_stripe"]), None, BODY, NOW), Err(UNSIGNED));
    }

    #[test]
    fn bodies_are_compared_byte_for_byte() {
        let header = BASE64.encode(&mac(b"client-secret", BODY));
        let known = secrets(&["client-secret"]);
        assert_eq!(of_body(&known, Some(&header), BODY), Ok(()));
        assert_eq!(of_body(&known, Some(&header), br#"{"event_id": "e1"}"#), Err(UNMATCHED), "written again");
        assert_eq!(of_body(&secrets(&["another"]), Some(&header), BODY), Err(UNMATCHED));
        assert_eq!(of_body(&known, Some("not base64!"), BODY), Err(UNSIGNED));
        assert!(shared(&secrets(&["a", "b"]), Some("b")).is_ok());
        assert!(shared(&secrets(&["a", "b"]), Some("c")).is_err() && shared(&secrets(&["a"]), None).is_err());
    }
}
