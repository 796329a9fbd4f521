//! A bucket of Amazon S3, or of whatever else speaks its protocol (Ceph, Garage).
//!
//! Whoever runs several consoles needs one: each must find what another has taken. Who may use it is said by the usual
//! variables, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, or by the machine's own role.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http_body_util::BodyExt as _;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::rt::TokioExecutor;
use object_store::aws::AmazonS3Builder;
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody,
    HttpResponse, HttpResponseBody, HttpService,
};
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, RetryConfig};
use url::Url;

use super::{PATIENCE, StoreError};

/// Attempts after the first: a person waits.
const RETRIES: usize = 2;

/// Where documents lie in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// What every name in it begins with; empty when nothing.
    pub prefix: String,
    /// Another server than Amazon's. Plain HTTP is spoken where it says so.
    pub endpoint: Option<Url>,
    /// The region it lies in.
    pub region: String,
}

impl Bucket {
    /// Reads `s3://NAME` or `s3://NAME/PREFIX`.
    pub fn parse(text: &str, endpoint: Option<&str>, region: &str) -> Result<Self, String> {
        let wrong = || "must be s3://NAME or s3://NAME/PREFIX".to_owned();
        let (name, prefix) = {
            let rest = text.strip_prefix("s3://").ok_or_else(wrong)?;
            rest.split_once('/').unwrap_or((rest, ""))
        };
        let is_name = (3..=63).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'));
        if !is_name {
            return Err(wrong());
        }
        let endpoint = endpoint.map(server).transpose()?;
        Ok(Self {
            name: name.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
            endpoint,
            region: region.to_owned(),
        })
    }

    /// A way in. Nothing is asked yet.
    pub(super) fn open(&self) -> Result<Arc<dyn ObjectStore>, StoreError> {
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(&self.name)
            .with_region(&self.region)
            .with_http_connector(Wire)
            .with_retry(RetryConfig {
                max_retries: RETRIES,
                retry_timeout: PATIENCE,
                ..RetryConfig::default()
            });
        if let Some(endpoint) = &self.endpoint {
            builder = builder
                .with_endpoint(endpoint.as_str().trim_end_matches('/'))
                .with_allow_http(endpoint.scheme() == "http");
        }
        let bucket = builder.build().map_err(|error| StoreError::Bucket(self.name.clone(), error))?;
        Ok(Arc::new(PrefixStore::new(bucket, self.prefix.as_str())))
    }
}

fn server(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| format!("{text:?} is not the address of a server, such as https://s3.example.com"))
}

/// How the library's requests go out: by the HTTP and the TLS that the rest of the console speaks.
#[derive(Debug)]
struct Wire;

impl HttpConnector for Wire {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        let connector =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        Ok(HttpClient::new(Line(Client::builder(TokioExecutor::new()).build(connector))))
    }
}

struct Line(Client<HttpsConnector<Tcp>, HttpRequestBody>);

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

#[async_trait]
impl HttpService for Line {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let failed = |error: hyper_util::client::legacy::Error| {
            let kind = if error.is_connect() { HttpErrorKind::Connect } else { HttpErrorKind::Request };
            HttpError::new(kind, error)
        };
        let (head, body) = self.0.request(request).await.map_err(failed)?.into_parts();
        let body = body.map_err(|error| HttpError::new(HttpErrorKind::Decode, error));
        Ok(HttpResponse::from_parts(head, HttpResponseBody::new(body)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_named_by_its_address() {
        let bucket =
            |text| Bucket::parse(text, None, "eu-central-1").map(|bucket| (bucket.name, bucket.prefix));
        assert_eq!(bucket("s3://papers"), Ok(("papers".into(), String::new())));
        assert_eq!(bucket("s3://papers.example/kyc/2026/"), Ok(("papers.example".into(), "kyc/2026".into())));
        for wrong in ["papers", "s3://", "s3:///kyc", "s3://Papers", "https://papers", "s3://p"] {
            assert!(bucket(wrong).is_err(), "{wrong}");
        }
        for wrong in ["s3.example.com", "ftp://s3.example.com", "http://"] {
            assert!(Bucket::parse("s3://papers", Some(wrong), "x").is_err(), "{wrong}");
        }
    }
}
