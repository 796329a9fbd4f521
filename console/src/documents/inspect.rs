//! From what came to what is stored: kind, name and media type must agree, a decoder must read it, and pictures are saved
//! anew.

use sha2::{Digest as _, Sha256};

use super::kind::Kind;
use super::received::Received;
use super::unfit::Unfit;
use super::{Cabinet, pdf, picture};
use crate::problem::Failure;

/// A file that is fit to be stored.
#[derive(Debug)]
pub(super) struct Fit {
    pub(super) kind: Kind,
    pub(super) content: Vec<u8>,
    pub(super) sha256: [u8; 32],
}

/// Looks at a file, off the threads that answer requests.
pub(super) async fn inspect(cabinet: &Cabinet, received: Received) -> Result<Fit, Failure> {
    let turn = cabinet.decoding.clone().acquire_owned().await;
    let turn = turn.map_err(|error| Failure::Fault(error.to_string()))?;
    let looking = tokio::task::spawn_blocking(move || {
        // Held by the work itself: a request that is given up must not let another one begin beside it.
        let _turn = turn;
        fit(received)
    });
    let fit = looking.await.map_err(|error| Failure::Fault(format!("a decoder gave up: {error}")))?;
    Ok(fit?)
}

fn fit(received: Received) -> Result<Fit, Unfit> {
    let Received { content, name, content_type } = received;
    if content.is_empty() {
        return Err(Unfit::Empty);
    }
    let kind = Kind::of(&content)?;
    kind.check_name(name.as_deref().unwrap_or_default())?;
    kind.check_content_type(content_type.as_deref().unwrap_or_default())?;
    let (kind, content) = match kind {
        Kind::Pdf => {
            pdf::check(&content)?;
            (kind, content)
        }
        Kind::Jpeg | Kind::Png | Kind::Webp => {
            let picture = picture::anew(kind, &content)?;
            (picture.kind, picture.content)
        }
    };
    let sha256 = Sha256::digest(&content).into();
    Ok(Fit { kind, content, sha256 })
}
