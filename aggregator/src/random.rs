//! Names that are never given twice.

use anyhow::Context as _;
use data_encoding::HEXLOWER;

/// 128 random bits as text: no two are ever alike, whoever draws them.
pub(crate) fn random_id() -> anyhow::Result<String> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).context("cannot draw a random id")?;
    Ok(HEXLOWER.encode(&id))
}
