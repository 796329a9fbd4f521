//! Signatures by the rules of Standard Webhooks: `v1,<base64>` over `id.timestamp.body`.

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::intake::signature::{STANDARD_PREFIX, standard_key};
use crate::problem::Failure;

/// Bytes of a secret: as many as the signature has.
const SECRET_BYTES: usize = 32;

/// A new secret, as its owner will see it once.
pub(super) fn new_secret() -> Result<String, Failure> {
    let mut random = [0; SECRET_BYTES];
    getrandom::fill(&mut random).map_err(|error| Failure::Fault(format!("no random numbers: {error}")))?;
    Ok(format!("{STANDARD_PREFIX}{}", BASE64.encode(&random)))
}

/// The header for these secrets: two while one is replaced, so that either is good.
pub(super) fn header(secrets: &[String], id: &str, timestamp: i64, body: &[u8]) -> String {
    let signed = |secret: &String| {
        let key = standard_key(secret)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        Some(format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes())))
    };
    secrets.iter().filter_map(signed).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_comes_out() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned();
        let signed =
            header(&[secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn both_secrets_sign_while_one_is_replaced() {
        let secrets = [new_secret().expect("random"), new_secret().expect("random")];
        assert_ne!(secrets[0], secrets[1]);
        let both = header(&secrets, "m", 1, b"{}");
        let one = |i: usize| header(&secrets[i..=i], "m", 1, b"{}");
        assert_eq!(both, format!("{} {}", one(0), one(1)));
    }
}
