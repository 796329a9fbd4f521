//! Who and what brought most, as bars that lead on.

use crate::pages::format;
use crate::pages::markup::Count;
use crate::pages::splits::{Part, Split};
use crate::report::breakdown::{Breakdown, Share};
use crate::report::groups::{By, Group};

/// Rows of each ranking on the overview.
pub(crate) const SHOWN: i64 = 6;

/// The page of one of them, or `None` where it has none.
pub(crate) fn address_of(by: By, name: &str) -> Option<String> {
    match by {
        By::Affiliate => Some(format!("/affiliates/{name}")),
        By::Vendor => Some(format!("/vendors/{name}")),
        By::Link => Some(format!("/links/{name}")),
        By::Product => None,
    }
}

/// The first of them by human clicks, with the orders they brought. `None` when nothing was clicked.
pub(crate) fn ranking(title: &'static str, by: By, groups: &[Group], more: String) -> Option<Split> {
    let clicked: Vec<&Group> =
        groups.iter().filter(|group| group.human > 0 || group.earnings.orders() > 0).collect();
    let largest = clicked.iter().map(|group| group.human).max()?.max(1);
    let parts = clicked.into_iter().map(|group| Part {
        name: group.name.as_ref().map_or_else(|| "The shop as a whole".to_owned(), |name| name.name.clone()),
        address: group.name.as_ref().and_then(|name| address_of(by, &name.address)),
        human: Count(group.human),
        aside: format::count(group.earnings.orders()),
        width: format::width(group.human, largest),
    });
    Some(Split { title, aside: "Orders", more: Some(more), parts: parts.collect() })
}

/// The three splits of the overview, each leading to its report.
pub(crate) fn origins(breakdown: &Breakdown, report: impl Fn(&'static str) -> String) -> Vec<Split> {
    let wanted = [
        ("Traffic source", "source", &breakdown.channels),
        ("Country", "country", &breakdown.countries),
        ("Device", "device", &breakdown.devices),
    ];
    let split = |(title, name, shares): (&'static str, &'static str, &Vec<Share>)| Split {
        more: Some(report(name)),
        ..Split::of(title, shares)
    };
    wanted.into_iter().filter(|(.., shares)| !shares.is_empty()).map(split).collect()
}
