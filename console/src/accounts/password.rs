//! Passwords: what may be one, and how one is kept.
//!
//! Argon2id on a thread of its own, few at a time: each takes 19 MiB and a core for tens of milliseconds, and a flood of
//! sign-ins must not take the machine from everybody else.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::problem::{BadParameter, Failure};

/// Characters of a password at least. Length is what counts; no kind of character is asked for.
const MIN_CHARS: usize = 12;
/// Bytes of a password at most: a long sentence. More would only cost time.
const MAX_BYTES: usize = 1_024;
/// Memory in KiB, passes and lanes of Argon2id: the second choice of OWASP's cheat sheet, for machines that do other things too.
const COST: (u32, u32, u32) = (19_456, 2, 1);
/// Bytes of salt.
const SALT: usize = 16;
/// Passwords that are looked at in one moment. More would wait for cores anyway.
const AT_ONCE: usize = 2;
/// How long one may wait for its turn.
const TURN: Duration = Duration::from_secs(5);

/// What people choose who were told to take twelve characters.
const COMMON: &str = include_str!("common_passwords.txt");

/// Hashes and checks passwords, a few at a time.
#[derive(Clone, Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    /// The hash of a password that nobody has: what an unknown account's is compared with.
    nobodys: Arc<str>,
}

impl Passwords {
    /// Ready to be asked.
    pub fn new() -> anyhow::Result<Self> {
        let nobodys = hash("a password that nobody has").map_err(|failure| anyhow::anyhow!("{failure}"))?;
        Ok(Self { turns: Arc::new(Semaphore::new(AT_ONCE)), nobodys: nobodys.into() })
    }

    /// A password as it is stored.
    pub async fn hash(&self, password: String) -> Result<String, Failure> {
        self.in_turn(move || hash(&password)).await?
    }

    /// Whether this is the password. Without a stored one it takes as long, and is not.
    pub async fn is_right(&self, password: String, stored: Option<String>) -> Result<bool, Failure> {
        let nobodys = self.nobodys.clone();
        self.in_turn(move || {
            let against = stored.as_deref().unwrap_or(&nobodys);
            let fits = password.len() <= MAX_BYTES
                && phc::PasswordHash::new(against).is_ok_and(|hash| {
                    hasher().is_ok_and(|h| h.verify_password(password.as_bytes(), &hash).is_ok())
                });
            fits && stored.is_some()
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let turn = tokio::time::timeout(TURN, self.turns.clone().acquire_owned()).await;
        let turn = turn.map_err(|_| Failure::Busy)?.map_err(|error| Failure::Fault(error.to_string()))?;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(|error| Failure::Fault(error.to_string()))
    }
}

/// Complains about what must not be a password. `about`: what belongs to the person, such as name and address.
pub fn check(password: &str, about: &[&str]) -> Result<(), Failure> {
    let refuse = |code, detail: String| {
        Err(Failure::Content(vec![BadParameter { field: "password".to_owned(), code, detail }]))
    };
    if password.chars().count() < MIN_CHARS {
        return refuse("password_too_short", format!("a password has {MIN_CHARS} characters or more"));
    }
    if password.len() > MAX_BYTES {
        return refuse("password_too_long", format!("a password has {MAX_BYTES} bytes or fewer"));
    }
    let lower = password.to_lowercase();
    let is_own = about
        .iter()
        .any(|own| own.len() >= 4 && lower.contains(&own.to_lowercase()) && own.len() * 2 > lower.len());
    if COMMON.lines().any(|common| common == lower) || is_monotonous(&lower) || is_own {
        return refuse(
            "password_too_common",
            "this is one of the first that somebody would try; take another".to_owned(),
        );
    }
    Ok(())
}

/// A few characters again and again.
fn is_monotonous(text: &str) -> bool {
    let mut seen: Vec<char> = text.chars().collect();
    seen.sort_unstable();
    seen.dedup();
    seen.len() < 4
}

fn hash(password: &str) -> Result<String, Failure> {
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt).map_err(|error| Failure::Fault(format!("no random numbers: {error}")))?;
    let hash: phc::PasswordHash = hasher()?
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map_err(|error| Failure::Fault(format!("cannot hash a password: {error}")))?;
    Ok(hash.to_string())
}

fn hasher() -> Result<Argon2<'static>, Failure> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None)
        .map_err(|error| Failure::Fault(format!("Argon2: {error}")))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_what_counts() {
        let verdict =
            |password: &str| check(password, &["ada@example.com", "Ada Example"]).err().map(|f| f.kind().1);
        for good in ["a dozen made-up words", "ünïcödé ist gut", &"made-up ".repeat(100), "kq7!vb2m%xz9"]
        {
            assert_eq!(verdict(good), None, "{good}");
        }
        assert_eq!(verdict("kq7!vb2m%xz"), Some("password_too_short"));
        assert_eq!(verdict(&"x1y2".repeat(300)), Some("password_too_long"));
        for common in [
            "Password1234",
            "qwertyuiop12",
            "aaaaaaaaaaaaaaaa",
            "ababababababab",
            "ada@example.com1",
            "ada example!!",
        ] {
            assert_eq!(verdict(common), Some("password_too_common"), "{common}");
        }
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_and_nothing_fits_none() {
        let passwords = Passwords::new().expect("ready");
        let stored = passwords.hash("a made-up password".to_owned()).await.expect("hashed");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        let is_right = async |password: &str, stored: Option<&str>| {
            passwords.is_right(password.to_owned(), stored.map(str::to_owned)).await.expect("answered")
        };
        assert!(is_right("a made-up password", Some(&stored)).await);
        assert!(!is_right("a made-up passworD", Some(&stored)).await);
        assert!(!is_right("a password that nobody has", None).await);
        assert!(!is_right("a made-up password", Some("damaged")).await);
    }
}
