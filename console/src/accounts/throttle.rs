//! Failed sign-ins, by account and by address: a few are free, then each makes the next wait twice as long.
//!
//! Invariant: an attempt is counted before it is looked at, so that a thousand at once get no more tries than a thousand
//! in a row. Addresses are kept as keyed hashes only.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::HEXLOWER;
use sqlx::PgPool;

use crate::problem::Failure;
use crate::vault::{Purpose, Vault};

/// The longest wait in seconds: longer would let anybody lock anybody out for good.
const LONGEST: f64 = 900.0;
/// Failures older than this are forgotten.
const MEMORY: TimeDelta = TimeDelta::hours(1);

/// Whose failures are counted.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// Sign-ins to one account, whether it exists or not.
    Account(&'a str),
    /// Sign-ins from one address.
    Address(IpAddr),
    /// Mails asked for to one address of a person.
    MailsTo(&'a str),
    /// Mails asked for from one address of a machine.
    MailsFrom(IpAddr),
}

impl Subject<'_> {
    /// How many are free: people mistype, and many may share one address.
    fn free(self) -> i32 {
        match self {
            Self::Account(_) => 5,
            Self::Address(_) => 30,
            Self::MailsTo(_) => 3,
            Self::MailsFrom(_) => 20,
        }
    }

    fn bucket(self, vault: &Vault) -> String {
        let text = match self {
            Self::Account(email) => format!("account {email}"),
            Self::Address(address) => format!("address {}", network(address)),
            Self::MailsTo(email) => format!("mails to {email}"),
            Self::MailsFrom(address) => format!("mails from {}", network(address)),
        };
        HEXLOWER.encode(&vault.passing_hash(Purpose::SignInBucket, text.as_bytes())[..16])
    }
}

/// One machine has a whole /64 of IPv6.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{:x?}", &address.segments()[..4]),
    }
}

/// Counts one attempt. Refuses it while the subject has to wait.
pub async fn attempt(
    pool: &PgPool,
    vault: &Vault,
    subject: Subject<'_>,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let bucket = subject.bucket(vault);
    let counted = sqlx::query_scalar!(
        "insert into sign_in_failure as f (bucket, failures, first_at) values ($1, 1, $2) \
         on conflict (bucket) do update set \
             failures = case when f.first_at < $3 then 1 else f.failures + 1 end, \
             first_at = case when f.first_at < $3 then $2 else f.first_at end, \
             blocked_until = case when f.first_at >= $3 and f.failures + 1 > $4 \
                 then $2 + least($5::float8, power(2, least(f.failures + 1 - $4, 20))) * interval '1 second' end \
         where f.blocked_until is null or f.blocked_until <= $2 \
         returning failures",
        bucket,
        now,
        now - MEMORY,
        subject.free(),
        LONGEST
    )
    .fetch_optional(pool)
    .await
    .map_err(Failure::writing)?;
    if counted.is_some() {
        return Ok(());
    }
    let until = sqlx::query_scalar!("select blocked_until from sign_in_failure where bucket = $1", bucket)
        .fetch_optional(pool)
        .await?;
    let seconds = until.flatten().map_or(1, |until| (until - now).num_seconds() + 1);
    Err(Failure::TooManyAttempts(u64::try_from(seconds).unwrap_or(1).max(1)))
}

/// An attempt was good after all: the account starts anew, the address has one failure less.
pub async fn forgive(
    pool: &PgPool,
    vault: &Vault,
    account: Subject<'_>,
    address: Option<Subject<'_>>,
) -> Result<(), Failure> {
    sqlx::query!("delete from sign_in_failure where bucket = $1", account.bucket(vault))
        .execute(pool)
        .await
        .map_err(Failure::writing)?;
    if let Some(address) = address {
        sqlx::query!(
            "update sign_in_failure set failures = failures - 1, blocked_until = null where bucket = $1 and failures > 1",
            address.bucket(vault)
        )
        .execute(pool)
        .await
        .map_err(Failure::writing)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_say_nothing_and_a_network_is_one() {
        let vault = Vault::new(None).expect("a vault");
        let bucket = |subject: Subject<'_>| subject.bucket(&vault);
        let address = |text: &str| Subject::Address(text.parse().expect("an address"));
        assert_eq!(bucket(address("2001:db8::1")), bucket(address("2001:db8::ffff:1")));
        assert_ne!(bucket(address("2001:db8::1")), bucket(address("2001:db8:0:1::1")));
        assert_ne!(bucket(address("192.0.2.1")), bucket(address("192.0.2.2")));
        assert!(!bucket(Subject::Account("ada@example.com")).contains("ada"));
    }
}
