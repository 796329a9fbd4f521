//! Click tokens for orders to come with: real ones from the edge, and ones signed here, good and bad, of any moment.

use anyhow::Context as _;
use common::ids::{Lane, LinkId, Seq, VendorId};
use common::secret::Master;
use common::time::Millis;
use common::token::{Click, KeyStates, Keyring, Signer, VISITOR_MAX};

use super::chance::Chance;

/// A lane that no edge of the house has: signed tokens never meet real ones.
const LANE: Lane = Lane(900);
/// Codes of channels that exist.
const CHANNELS: u64 = 4;

/// Who signs a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// The one that edges sign with.
    Active,
    /// The one before it: good until it was retired.
    Retired,
    /// Leaked.
    Revoked,
    /// Never issued.
    Unknown,
}

impl Key {
    const ALL: [(Self, u8); 4] =
        [(Self::Active, 2), (Self::Retired, 1), (Self::Revoked, 3), (Self::Unknown, 9)];
}

/// The key states a house is started with, given when key 1 was retired.
pub(super) fn key_states(retired_at: Millis) -> String {
    let at = chrono::DateTime::from_timestamp_millis(retired_at.0.cast_signed()).unwrap_or_default();
    format!("1:retired@{},2:active,3:revoked", at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
}

/// A token that the edge gave out.
pub(super) struct Real {
    /// Whose link was clicked.
    pub(super) vendor: VendorId,
    pub(super) token: String,
    pub(super) at: Millis,
}

/// Where tokens come from.
pub(super) struct Purse {
    /// What the house believes.
    pub(super) keyring: Keyring,
    /// When key 1 was retired.
    pub(super) retired_at: Millis,
    signers: Vec<(Key, Signer)>,
    real: Vec<Real>,
}

impl Purse {
    /// The purse of a house with this secret, whose key 1 was retired then.
    pub(super) fn open(secret: &str, retired_at: Millis) -> anyhow::Result<Self> {
        let master = Master::parse(secret).context("the house's secret")?;
        let states: KeyStates = key_states(retired_at).parse().context("the house's keys")?;
        let alone = |kid: u8| -> anyhow::Result<Signer> {
            Ok(Keyring::new(&master, &format!("{kid}:active").parse()?).signer())
        };
        let signers =
            Key::ALL.iter().map(|(key, kid)| Ok((*key, alone(*kid)?))).collect::<anyhow::Result<_>>()?;
        Ok(Self { keyring: Keyring::new(&master, &states), retired_at, signers, real: Vec::new() })
    }

    /// Adds a token that the edge gave for a link of this vendor. Errors when the house itself would not believe it.
    pub(super) fn add(&mut self, vendor: VendorId, token: String) -> anyhow::Result<()> {
        let click = self.keyring.verify(token.as_bytes()).context("the edge's own token")?;
        self.real.push(Real { vendor, token, at: Millis(click.ts_ms) });
        Ok(())
    }

    /// How many real tokens there are.
    pub(super) fn real(&self) -> usize {
        self.real.len()
    }

    /// The last real click.
    pub(super) fn last_click(&self) -> Option<Millis> {
        self.real.iter().map(|real| real.at).max()
    }

    /// The `number`-th real token, in turns.
    pub(super) fn turn(&self, number: u64) -> Option<&Real> {
        self.real.get((number as usize).checked_rem(self.real.len())?)
    }

    /// A token of a click that nobody made. `number` makes it unlike any other.
    pub(super) fn sign(
        &self,
        key: Key,
        link: LinkId,
        at: Millis,
        number: u64,
        chance: &mut Chance,
    ) -> String {
        let click = Click {
            flags: 0,
            ts_ms: at.0,
            link,
            visitor: chance.bits() & VISITOR_MAX,
            channel: chance.below(CHANNELS) as u16,
            lane: LANE,
            seq: Seq(number + 1),
        };
        let signer = self.signers.iter().find(|(of, _)| *of == key).expect("every key has a signer");
        String::from_utf8_lossy(&signer.1.sign(&click)).into_owned()
    }
}
