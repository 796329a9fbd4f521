//! API keys: `Authorization: Bearer llk_<id>_<secret>`.
//!
//! Only the secret's hash is stored. What is wrong with a key is never said, and a key that does not exist costs the
//! same comparison as one that does.

use axum::http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;
use subtle::ConstantTimeEq as _;

use super::{Caller, Scope, Tenant, Via};
use crate::problem::Failure;

/// How every key begins, so that a leaked one is recognised where it lies.
pub const KEY_PREFIX: &str = "llk_";

/// A key longer than this is none: id and secret have 32 and 43 characters at most.
const MAX_KEY_CHARS: usize = 100;

/// The SHA-256 of a key's secret, as it is stored.
pub fn secret_hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Who sent this key.
pub(super) async fn caller(pool: &PgPool, headers: &HeaderMap) -> Result<Caller, Failure> {
    let (key_id, secret) = presented(headers).ok_or(Failure::NoKey)?;
    let stored = sqlx::query!(
        "select vendor_id, name, secret_sha256, scopes, revoked_at is null as \"is_good!\" from api_key where api_key_id = $1",
        key_id
    )
    .fetch_optional(pool)
    .await
    .map_err(Failure::writing)?;
    let expected = stored.as_ref().map_or(&[0; 32][..], |row| &row.secret_sha256);
    let is_same: bool = secret_hash(secret).ct_eq(expected).into();
    match stored {
        Some(row) if is_same && row.is_good => Ok(Caller {
            via: Via::Key(key_id.to_owned()),
            name: row.name,
            tenant: row.vendor_id.map_or(Tenant::Programme, Tenant::Vendor),
            scopes: row.scopes.iter().filter_map(|name| Scope::from_name(name)).collect(),
        }),
        _ => Err(Failure::NoKey),
    }
}

/// Id and secret as they were sent, if there is exactly one well-formed key.
fn presented(headers: &HeaderMap) -> Option<(&str, &str)> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
    let key = key.trim_start().strip_prefix(KEY_PREFIX)?;
    let is_key = scheme.eq_ignore_ascii_case("bearer") && key.len() <= MAX_KEY_CHARS;
    key.split_once('_').filter(|(id, secret)| is_key && !id.is_empty() && !secret.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_well_formed_key_is_looked_at() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().expect("a header value"));
            }
            presented(&headers).map(|(id, secret)| format!("{id}/{secret}"))
        };
        assert_eq!(read(&["Bearer llk_ab12cd34_s_e-cret"]).as_deref(), Some("ab12cd34/s_e-cret"));
        assert_eq!(read(&["bearer  llk_ab12cd34_x"]).as_deref(), Some("ab12cd34/x"));
        let long = format!("Bearer llk_a_{}", "x".repeat(MAX_KEY_CHARS));
        for bad in [
            "",
            "Bearer",
            "Bearer llk_",
            "Bearer llk_a",
            "Bearer llk__b",
            "Bearer llk_a_",
            "Basic llk_a_b",
            &long,
        ] {
            assert_eq!(read(&[bad]), None, "{bad:?}");
        }
        assert_eq!(read(&["Bearer llk_a_b", "Bearer llk_a_b"]), None, "two keys are none");
        assert_eq!(read(&[]), None);
    }
}
