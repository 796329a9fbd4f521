//! Keys of the demo's people: a shop that reports orders, and two treasurers, because nobody approves what they asked
//! for.

use anyhow::Context as _;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::files;
use crate::folder::DataFolder;
use crate::servers::random_hex;

/// Bytes of a key's public half, sixteen hexadecimal digits: it names the key in logs and in `api_key`.
const ID_BYTES: usize = 8;
/// Bytes of its secret half, as the console gives them out.
const SECRET_BYTES: usize = 32;

/// The demo's keys, as they stand after `Bearer`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Keys {
    /// Reports orders for every vendor.
    pub(crate) shop: String,
    /// Asks for payouts, and reads.
    pub(crate) asker: String,
    /// Approves them, and reads.
    pub(crate) approver: String,
}

impl Keys {
    /// New random ones.
    pub(crate) fn random() -> anyhow::Result<Self> {
        Ok(Self { shop: key()?, asker: key()?, approver: key()? })
    }

    /// Makes the keys valid, and writes those that a person may want to try into the folder, as header lines.
    pub(crate) async fn install(
        &self,
        database: &mut PgConnection,
        folder: &DataFolder,
    ) -> anyhow::Result<()> {
        let keys: [(&str, &str, &[&str]); 3] = [
            ("Demo checkout", &self.shop, &["orders:write"]),
            ("Tilda Treasurer", &self.asker, &["reports:read", "payouts:write", "holds:review"]),
            ("Otto Overseer", &self.approver, &["reports:read", "payouts:approve", "holds:review"]),
        ];
        for (name, key, scopes) in keys {
            let (id, secret) = halves(key).context("a key in onebox.json is damaged")?;
            sqlx::query(include_str!("key.sql"))
                .bind(id)
                .bind(name)
                .bind(secret)
                .bind(scopes)
                .execute(&mut *database)
                .await
                .with_context(|| format!("cannot make the key of {name}"))?;
        }
        for (name, key) in [("shop", &self.shop), ("operator", &self.asker)] {
            files::write_private(&folder.header(name), format!("Authorization: Bearer {key}\n").as_bytes())?;
        }
        Ok(())
    }
}

fn key() -> anyhow::Result<String> {
    let mut secret = [0; SECRET_BYTES];
    getrandom::fill(&mut secret).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    Ok(format!("llk_{}_{}", random_hex(ID_BYTES)?, BASE64URL_NOPAD.encode(&secret)))
}

/// The public and the secret half. The secret may hold a `_` of its own.
fn halves(key: &str) -> Option<(&str, &str)> {
    key.strip_prefix("llk_")?.split_once('_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_what_the_console_reads() {
        let keys = Keys::random().expect("random numbers");
        assert_ne!(keys.shop, keys.asker);
        let (id, secret) = halves(&keys.approver).expect("two halves");
        assert!(id.len() == 16 && id.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()), "{id}");
        assert_eq!(secret.len(), 43);
        assert_eq!(halves("llk_0011_a_b"), Some(("0011", "a_b")));
    }
}
