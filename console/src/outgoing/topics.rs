//! What may be told.

use crate::conventions::words;

/// Topics that vendors hear of themselves, and the programme of all.
pub(crate) const OF_VENDORS: [&str; 7] = [
    "order.settled",
    "commission.payable",
    "payout.paid",
    "partnership.approved",
    "partnership.rejected",
    "partnership.active",
    "partnership.inactive",
];

/// Topics that are the programme's alone.
pub(crate) const OF_PROGRAMME: [&str; 4] =
    ["affiliate.approved", "affiliate.rejected", "affiliate.suspended", "affiliate.reactivated"];

words! {
    /// Something that happens.
    Topic: OF_VENDORS.into_iter().chain(OF_PROGRAMME)
}

/// What `…/test` sends; nobody subscribes to it.
pub(super) const TEST: &str = "test";

/// Whether somebody may hear of a topic.
pub(super) fn is_known(topic: &str, vendor: Option<i64>) -> bool {
    OF_VENDORS.contains(&topic) || vendor.is_none() && OF_PROGRAMME.contains(&topic)
}
