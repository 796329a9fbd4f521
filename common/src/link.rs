//! A link as it is published to the edges, and what an edge finds when it resolves a code.

use serde::{Deserialize, Serialize};

use crate::ids::{LinkId, VendorId};
use crate::time::Millis;

/// What is published under a code: a link, or the mark that there is none any more.
///
/// The version decides: an older entry never replaces a newer one, in Redis or at an edge, in whatever order
/// they arrive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The public code.
    pub code: String,
    /// Grows with every change of this link.
    pub version: u64,
    /// The link. `None`: deleted.
    pub link: Option<Published>,
}

/// The part of a link that edges need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Its id.
    #[serde(rename = "id")]
    pub link: LinkId,
    /// Whose product it leads to.
    pub vendor: VendorId,
    /// Who earns by it.
    pub affiliate: u64,
    /// The product, 0 for none in particular.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub product: u64,
    /// Where it leads: an absolute http(s) URL, with macros.
    #[serde(rename = "to")]
    pub destination: String,
    /// Where shoppers go, untracked, while the link is paused or expired. Absolute http(s) URL without macros.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// Whether clicks are tracked: the link and everything it hangs on (affiliate, vendor) is active.
    #[serde(rename = "on")]
    pub is_active: bool,
    /// From this instant on it is expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Millis>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Whether a link may be tracked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its clicks count.
    Active,
    /// Switched off, itself or with what it hangs on.
    Paused,
    /// Its day has passed.
    Expired,
}

/// The standing at `now`. A link expires *at* its expiry instant: the millisecond before is still active.
pub fn standing(is_active: bool, expires: Option<Millis>, now: Millis) -> Standing {
    match expires {
        _ if !is_active => Standing::Paused,
        Some(expires) if now >= expires => Standing::Expired,
        _ => Standing::Active,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_expires_at_its_instant() {
        let expires = Some(Millis(1000));
        assert_eq!(standing(true, expires, Millis(999)), Standing::Active);
        assert_eq!(standing(true, expires, Millis(1000)), Standing::Expired);
        assert_eq!(standing(false, expires, Millis(1)), Standing::Paused);
        assert_eq!(standing(true, None, Millis(u64::MAX)), Standing::Active);
    }

    #[test]
    fn entries_are_pinned() {
        let entry = Entry {
            code: "demo1".to_owned(),
            version: 3,
            link: Some(Published {
                link: LinkId(7),
                vendor: VendorId(2),
                affiliate: 5,
                product: 0,
                destination: "https://shop.example.com/p".to_owned(),
                fallback: None,
                is_active: true,
                expires: None,
            }),
        };
        let json = r#"{"code":"demo1","version":3,"link":{"id":7,"vendor":2,"affiliate":5,"to":"https://shop.example.com/p","on":true}}"#;
        assert_eq!(serde_json::to_string(&entry).expect("plain data"), json);
        assert_eq!(serde_json::from_str::<Entry>(json).expect("our own"), entry);
        let gone = r#"{"code":"demo1","version":4,"link":null}"#;
        assert_eq!(serde_json::from_str::<Entry>(gone).expect("our own").link, None);
    }
}
