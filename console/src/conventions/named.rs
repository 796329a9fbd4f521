//! What stands in an address. What cannot be read is answered as what does not exist.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::api::given::is_name;
use crate::problem::Failure;

/// What an address names. It is empty where the address cannot be read, and nothing has an empty name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Named<T = String>(pub(crate) T);

impl<S, T> FromRequestParts<S> for Named<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Default + Send,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let read = Path::<T>::from_request_parts(parts, state).await;
        Ok(Self(read.map(|Path(named)| named).unwrap_or_default()))
    }
}

/// The name, unless nothing of ours can have it: such a name is never looked up.
pub(crate) fn possible(name: &str, missing: fn() -> Failure) -> Result<&str, Failure> {
    if is_name(name) { Ok(name) } else { Err(missing()) }
}
