//! What was just done, said once on the page that follows: an answer to a form leads to a page with `?done=…`.
//!
//! Invariant: the words are ours; an address chooses among them and can add none.

use axum::response::Redirect;
use url::form_urlencoded;

/// Characters of the longest name of an object in an address.
const MAX_NAME: usize = 64;

/// Something that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    AffiliateApproved,
    AffiliateRejected,
    AffiliateSuspended,
    AffiliateReactivated,
    DocumentApproved,
    DocumentRejected,
    Asked,
    InvitationSent,
    PartnershipChanged,
    RateAgreed,
    TermsAgreed,
    InvitationRevoked,
    VendorActivated,
    VendorDeactivated,
    ProductOffered,
    ProductWithdrawn,
    AccountDisabled,
    AccountEnabled,
    AccountReset,
    AccountInvited,
    LinkPaused,
    LinkActivated,
    HoldReleased,
    HoldConfirmed,
    EventLetIn,
    PayoutRequested,
    PayoutApproved,
    PayoutRejected,
    Made,
    Saved,
    Removed,
    Sent,
    Decided,
    DocumentSent,
    WebhookEnabled,
    WebhookDisabled,
    TestSent,
    LinkMade,
    MailSent,
    PasswordChanged,
    Protected,
    Unprotected,
    KeyRevoked,
    CouponEnded,
}

/// The code in the address, the sentence, and where a form undoes it (`{}` is what it was done to).
type Words = (Done, &'static str, &'static str, Option<&'static str>);

const WORDS: &[Words] = &[
    (Done::AffiliateApproved, "approved", "Approved. The affiliate was told by mail.", None),
    (Done::AffiliateRejected, "rejected", "Rejected. The affiliate was told why.", None),
    (
        Done::AffiliateSuspended,
        "suspended",
        "Suspended. The links stop tracking within a second.",
        Some("/affiliates/{}/reactivate"),
    ),
    (
        Done::AffiliateReactivated,
        "reactivated",
        "Active again, with the links that were on before.",
        Some("/affiliates/{}/suspend"),
    ),
    (Done::DocumentApproved, "document-approved", "The document is approved.", None),
    (
        Done::DocumentRejected,
        "document-rejected",
        "Rejected. The affiliate was told why, and may send another.",
        None,
    ),
    (Done::Asked, "asked", "Asked. The vendor was told by mail.", None),
    (Done::InvitationSent, "invitation-sent", "Sent again. Only the newest link works.", None),
    (Done::PartnershipChanged, "partnership", "Changed. The affiliate was told by mail.", None),
    (Done::RateAgreed, "rate-agreed", "Agreed. The affiliates it is for were told by mail.", None),
    (
        Done::VendorActivated,
        "vendor-on",
        "Active again: its links track within a second.",
        Some("/vendors/{}/deactivate"),
    ),
    (
        Done::VendorDeactivated,
        "vendor-off",
        "Deactivated. Its links stop tracking within a second.",
        Some("/vendors/{}/activate"),
    ),
    (Done::ProductOffered, "offered", "On offer.", Some("/products/{}/withdraw")),
    (Done::ProductWithdrawn, "withdrawn", "Not offered any more.", Some("/products/{}/offer")),
    (Done::AccountDisabled, "account-off", "Disabled, and signed out everywhere.", Some("/team/{}/enable")),
    (Done::AccountEnabled, "account-on", "May sign in again.", Some("/team/{}/disable")),
    (Done::AccountReset, "account-reset", "Reset. A mail leads to a new password.", None),
    (Done::AccountInvited, "account-made", "Created. A mail leads to a password.", None),
    (Done::TermsAgreed, "terms-agreed", "Agreed. Every partner was told by mail.", None),
    (Done::InvitationRevoked, "invitation-revoked", "Revoked. Its link no longer works.", None),
    (Done::LinkPaused, "paused", "Paused. Shoppers are no longer tracked.", Some("/links/{}/activate")),
    (Done::LinkActivated, "activated", "The link tracks again.", Some("/links/{}/deactivate")),
    (Done::HoldReleased, "released", "Released. The commission is payable after its hold days.", None),
    (Done::HoldConfirmed, "confirmed", "Confirmed. The commission is not paid.", None),
    (Done::EventLetIn, "let-in", "Let in. The order is worked out anew within a second.", None),
    (Done::PayoutRequested, "requested", "Asked for. Its lines are collected within moments.", None),
    (Done::PayoutApproved, "payout-approved", "Approved. It is booked within moments.", None),
    (Done::PayoutRejected, "payout-rejected", "Rejected. What is owed waits for the next payout.", None),
    (Done::Made, "made", "Created.", None),
    (Done::Saved, "saved", "Saved.", None),
    (Done::Removed, "removed", "Removed.", None),
    (Done::Sent, "sent", "Sent.", None),
    (Done::DocumentSent, "document", "Sent. You are told by mail what was found.", None),
    (Done::LinkMade, "link", "The link is made. Clicks are counted from now on.", None),
    (Done::WebhookEnabled, "told", "It is told again, from now on.", Some("/webhooks/{}/disable")),
    (Done::WebhookDisabled, "untold", "It is told nothing any more.", Some("/webhooks/{}/enable")),
    (Done::TestSent, "test", "A test is on its way; load the page again in a moment.", None),
    (Done::MailSent, "mail", "A mail is on its way; open the link in it.", None),
    (
        Done::PasswordChanged,
        "password",
        "Your password is changed. Everywhere else you are signed out.",
        None,
    ),
    (Done::Protected, "protected", "From now on signing in takes a code of your app.", None),
    (Done::Unprotected, "unprotected", "Your password alone is enough again.", None),
    (Done::KeyRevoked, "key-revoked", "Revoked. Nobody gets in with this key any more.", None),
    (Done::CouponEnded, "coupon-ended", "Ended. It credits nobody any more.", None),
    (Done::Decided, "decided", "Decided. Whoever asked was told.", None),
];

/// One of them, as a page says it.
pub(crate) struct Toast {
    pub(crate) words: &'static str,
    /// Where a form undoes it.
    pub(crate) undo: Option<String>,
}

impl Done {
    fn words(self) -> &'static Words {
        WORDS.iter().find(|(done, ..)| *done == self).expect("every deed has its words")
    }

    /// Leads to the page at `address`, which says what was done.
    pub(crate) fn at(self, address: &str) -> Redirect {
        Redirect::to(&self.address(address, None))
    }

    /// The same of the object with this name, so that it can be undone.
    pub(crate) fn to(self, name: &str, address: &str) -> Redirect {
        Redirect::to(&self.address(address, Some(name)))
    }

    fn address(self, address: &str, name: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("done", self.words().1);
        if let Some(name) = name {
            query.append_pair("of", name);
        }
        let mark = if address.contains('?') { '&' } else { '?' };
        format!("{address}{mark}{}", query.finish())
    }
}

impl Toast {
    /// What the address of a page says was done.
    pub(crate) fn read(query: &str) -> Option<Self> {
        let value = |wanted: &str| {
            form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted).map(|(_, value)| value)
        };
        let done = value("done")?;
        let (_, _, words, undo) = WORDS.iter().find(|(_, code, ..)| *code == done)?;
        let of = value("of").filter(|name| is_name(name));
        let undo = undo.zip(of).map(|(pattern, name)| pattern.replace("{}", &name));
        Some(Self { words, undo })
    }
}

/// An address inside the console without what was done before.
pub(super) fn without(address: &str) -> String {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let pairs = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "done" && name != "of");
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// A public id or a link's code: nothing that could lead an address elsewhere.
fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_said_in_our_words_only() {
        let address = Done::LinkPaused.address("/links?q=a", Some("summer24"));
        assert_eq!(address, "/links?q=a&done=paused&of=summer24");
        let toast = Toast::read(address.split_once('?').expect("a query").1).expect("a toast");
        assert_eq!(toast.undo.as_deref(), Some("/links/summer24/activate"));
        assert_eq!(without(&address), "/links?q=a");
        assert!(Toast::read("done=<b>hello").is_none());
        assert!(Toast::read("done=paused&of=../../x").expect("a toast").undo.is_none());
    }
}
