//! Where documents lie: a folder of this machine, or whatever the object store's library speaks to. Nothing here knows
//! whose a file is; that is written in Postgres, and asked there for every download.
//!
//! Invariant: names are drawn at random by us and never come from a request, so no name leads out of the store, and none
//! can be guessed.

mod bucket;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use data_encoding::HEXLOWER;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};
use thiserror::Error;
use tokio::sync::OnceCell;

pub use self::bucket::Bucket;
use crate::problem::Failure;

/// How long one file may take to be written or read. A transaction waits meanwhile, and may for ten seconds.
const PATIENCE: Duration = Duration::from_secs(8);

/// Random bytes of a name.
const NAME_BYTES: usize = 16;

/// Where documents are to lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this folder, which is made when the first document comes.
    Folder(PathBuf),
    /// In a bucket that speaks S3.
    Bucket(Box<Bucket>),
}

/// The store, opened when it is first needed: a console without documents needs no folder.
#[derive(Clone)]
pub struct Store {
    place: Arc<Place>,
    opened: Arc<OnceCell<Arc<dyn ObjectStore>>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({:?})", self.place)
    }
}

/// Why a file was not written or read.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The folder cannot be made or used.
    #[error("cannot use {0} for documents (--document-dir): {1}")]
    Folder(String, std::io::Error),
    /// The bucket's settings.
    #[error("cannot use {0} for documents (--document-bucket): {1}")]
    Bucket(String, object_store::Error),
    /// What the library says.
    #[error("{0}")]
    Store(#[from] object_store::Error),
    /// More uploads at once than are taken.
    #[error("too many uploads at once")]
    Busy,
    /// Longer than [`PATIENCE`].
    #[error("no answer within {} seconds", PATIENCE.as_secs())]
    Silent,
    /// No name could be drawn.
    #[error("no random numbers: {0}")]
    NoName(getrandom::Error),
}

/// A file's name in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectName(String);

impl ObjectName {
    /// A name that nothing has. The first two characters are a folder, so that none holds a million files.
    pub fn random() -> Result<Self, StoreError> {
        let mut random = [0; NAME_BYTES];
        getrandom::fill(&mut random).map_err(StoreError::NoName)?;
        let name = HEXLOWER.encode(&random);
        Ok(Self(format!("{}/{name}", &name[..2])))
    }

    /// A name as it stands in Postgres.
    pub fn stored(name: String) -> Self {
        Self(name)
    }

    /// As it is to stand there.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn path(&self) -> Path {
        Path::from(self.0.as_str())
    }
}

impl Store {
    /// A store that is opened when it is first needed.
    pub fn new(place: Place) -> Self {
        Self { place: Arc::new(place), opened: Arc::new(OnceCell::new()) }
    }

    /// Keeps a file under a name that nothing has yet.
    pub async fn put(&self, name: &ObjectName, content: Vec<u8>) -> Result<(), StoreError> {
        let store = self.open().await?;
        let (path, options) = (name.path(), PutOptions::from(PutMode::Create));
        patiently(store.put_opts(&path, PutPayload::from(content), options)).await.map(|_| ())
    }

    /// The whole file: documents are small.
    pub async fn get(&self, name: &ObjectName) -> Result<Bytes, StoreError> {
        let store = self.open().await?;
        let path = name.path();
        patiently(async { store.get(&path).await?.bytes().await }).await
    }

    /// Removes a file. One that is not there is as good as removed.
    pub async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        let store = self.open().await?;
        match patiently(store.delete(&name.path())).await {
            Err(StoreError::Store(object_store::Error::NotFound { .. })) => Ok(()),
            other => other,
        }
    }

    async fn open(&self) -> Result<Arc<dyn ObjectStore>, StoreError> {
        let opened = self.opened.get_or_try_init(|| async {
            let folder = match &*self.place {
                Place::Folder(folder) => folder,
                Place::Bucket(bucket) => return bucket.open(),
            };
            let unusable = |error| StoreError::Folder(folder.display().to_string(), error);
            make(folder).await.map_err(unusable)?;
            let local = LocalFileSystem::new_with_prefix(folder)?;
            // A document that was said to be taken must be there after a power cut.
            Ok(Arc::new(local.with_fsync(true)) as Arc<dyn ObjectStore>)
        });
        opened.await.cloned()
    }
}

/// Makes the folder, for this process's user alone.
async fn make(folder: &std::path::Path) -> std::io::Result<()> {
    let folder = folder.to_owned();
    let make = move || {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
    };
    tokio::task::spawn_blocking(make).await.map_err(std::io::Error::other)?
}

async fn patiently<T>(work: impl Future<Output = object_store::Result<T>>) -> Result<T, StoreError> {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(outcome) => Ok(outcome?),
        Err(_elapsed) => Err(StoreError::Silent),
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::StoreAway(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_are_kept_once_and_removed_for_good() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("deep/documents");
        let store = Store::new(Place::Folder(place.clone()));
        assert!(!place.exists(), "nothing is made before it is needed");
        let name = ObjectName::random().expect("a name");
        store.put(&name, b"content".to_vec()).await.expect("kept");
        assert_eq!(&store.get(&name).await.expect("read")[..], b"content");
        assert!(store.put(&name, b"other".to_vec()).await.is_err(), "never written over");
        store.delete(&name).await.expect("removed");
        store.delete(&name).await.expect("removed before");
        assert!(store.get(&name).await.is_err());
    }

    #[tokio::test]
    async fn no_name_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("secret"), "secret").expect("written");
        let store = Store::new(Place::Folder(folder.path().join("documents")));
        for name in ["../secret", "/../secret", "a/../../secret", "..%2fsecret"] {
            assert!(store.get(&ObjectName::stored(name.to_owned())).await.is_err(), "{name}");
        }
    }
}
