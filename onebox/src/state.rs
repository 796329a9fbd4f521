//! What an installation remembers between starts: ports, passwords, keys.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::demo::keys::Keys;
use crate::files;
use crate::folder::DataFolder;
use crate::servers::{free_port, is_free, keep, postgres, random_hex, redis};

/// Bytes of the key that signs click tokens, and of the one that shops' secrets are sealed with.
const SECRET_BYTES: usize = 32;

/// Bytes of the first operator's password: 24 hexadecimal digits to copy.
const PASSWORD_BYTES: usize = 12;

/// Chosen once, kept for ever: a warm start reuses all of it, so that addresses stay and tokens stay valid.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct State {
    /// The key that click tokens are signed with, as hexadecimal text.
    pub(crate) secret: String,
    /// The key that the console seals shops' webhook secrets with. An installation of an earlier version has none yet.
    #[serde(default)]
    pub(crate) console_secret: Option<String>,
    /// What the first operator signs in with at first. An installation of an earlier version has none yet.
    #[serde(default)]
    pub(crate) operator_password: Option<String>,
    /// How the demo's shop and its two treasurers call the API.
    #[serde(default)]
    pub(crate) demo_keys: Option<Keys>,
    /// The private Redis.
    pub(crate) redis_port: u16,
    /// Its users.
    pub(crate) redis: redis::Passwords,
    /// The private Postgres.
    pub(crate) postgres_port: u16,
    /// Its users.
    pub(crate) postgres: postgres::Passwords,
    /// The addresses of the two stores in use, for their owners: what `onebox env` prints.
    #[serde(default)]
    pub(crate) stores: Option<StoreUrls>,
}

/// The two stores, as their owners reach them.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct StoreUrls {
    /// Postgres.
    pub(crate) database: String,
    /// Redis; several separated by commas are a cluster.
    pub(crate) redis: String,
}

impl State {
    /// Reads what was chosen, or chooses. A port that somebody else has taken meanwhile is chosen again.
    ///
    /// Call it when nothing of this installation runs any more.
    pub(crate) fn load_or_choose(folder: &DataFolder) -> anyhow::Result<Self> {
        let mut state = match Self::load(folder)? {
            Some(state) => state,
            None => Self::choose()?,
        };
        if state.console_secret.is_none() {
            state.console_secret = Some(random_hex(SECRET_BYTES)?);
        }
        if state.operator_password.is_none() {
            state.operator_password = Some(random_hex(PASSWORD_BYTES)?);
        }
        if state.demo_keys.is_none() {
            state.demo_keys = Some(Keys::random()?);
        }
        for port in [&mut state.redis_port, &mut state.postgres_port] {
            if !(is_free(([127, 0, 0, 1], *port).into()) && keep(*port)) {
                *port = free_port().context("no free port")?;
            }
        }
        state.save(folder)?;
        Ok(state)
    }

    /// Reads what was chosen; `None` when nothing ever was.
    pub(crate) fn load(folder: &DataFolder) -> anyhow::Result<Option<Self>> {
        let path = folder.state();
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).with_context(|| {
                format!("{} is damaged; restore it, or start in another --data-dir", path.display())
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Writes it all, readable by us only.
    pub(crate) fn save(&self, folder: &DataFolder) -> anyhow::Result<()> {
        files::write_private(&folder.state(), &serde_json::to_vec_pretty(self)?)
    }

    fn choose() -> anyhow::Result<Self> {
        Ok(Self {
            secret: random_hex(SECRET_BYTES)?,
            console_secret: None,
            operator_password: None,
            demo_keys: None,
            redis_port: free_port()?,
            redis: redis::Passwords::random()?,
            postgres_port: free_port()?,
            postgres: postgres::Passwords::random()?,
            stores: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_kept_but_a_taken_port_is_not() {
        let temp = tempfile::tempdir().expect("a temp folder");
        let folder = DataFolder::at(temp.path()).expect("a name");
        let first = State::load_or_choose(&folder).expect("chosen");
        let holder = std::net::TcpListener::bind(("127.0.0.1", first.redis_port)).expect("free until now");
        let second = State::load_or_choose(&folder).expect("read");
        drop(holder);
        assert_ne!(second.redis_port, first.redis_port);
        assert_eq!((&second.secret, &second.redis.admin), (&first.secret, &first.redis.admin));
        assert_eq!(second.secret.len(), 2 * SECRET_BYTES);
        assert!(second.console_secret.is_some() && second.console_secret == first.console_secret);
        assert_ne!(second.console_secret.as_ref(), Some(&second.secret), "no key serves two purposes");
        assert_eq!(second.operator_password, first.operator_password);
        assert!(second.demo_keys.is_some() && second.demo_keys == first.demo_keys);
    }
}
