//! A made-up programme with a past: shops, affiliates, links, terms, rates and coupons, all of which changed in time.
//!
//! It follows from a seed and the moment it is made at. The database gets it as it is, ids and histories included, so
//! that the reference can judge every order by it without asking anybody.

mod history;
mod make;
mod plant;
mod rows;

use std::collections::BTreeMap;

use common::attribution::{Standings, Terms};
use common::commission::RateSource;
use common::ids::{LinkId, VendorId};
use common::rate::Rate;
use common::time::Millis;

pub(super) use self::history::History;
pub(super) use self::plant::{PROGRAMME_KEY, plant, vendor_key};

/// Everything that was ever in force.
#[derive(Debug)]
pub(super) struct World {
    /// When it was made: its past lies before, the load test's own clicks after.
    pub(super) made_at: Millis,
    pub(super) vendors: Vec<Vendor>,
    pub(super) affiliates: Vec<Affiliate>,
    pub(super) partnerships: BTreeMap<(VendorId, u64), Partnership>,
    pub(super) links: Vec<Link>,
    pub(super) products: BTreeMap<u64, Product>,
    pub(super) coupons: Vec<Coupon>,
}

#[derive(Debug)]
pub(super) struct Vendor {
    pub(super) id: VendorId,
    pub(super) is_active: History<bool>,
    pub(super) terms: History<Terms>,
    /// Its products' ids.
    pub(super) products: Vec<u64>,
    /// Its links, as positions among all.
    pub(super) links: Vec<usize>,
}

#[derive(Debug)]
pub(super) struct Affiliate {
    pub(super) id: u64,
    pub(super) standing: History<Membership>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) is_approved: bool,
    pub(super) is_active: bool,
}

#[derive(Debug)]
pub(super) struct Partnership {
    pub(super) is_active: History<bool>,
    /// Nothing is agreed on before its first row.
    pub(super) rates: History<Rate>,
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: LinkId,
    pub(super) code: String,
    pub(super) vendor: VendorId,
    pub(super) affiliate: u64,
    pub(super) standing: History<Switch>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Switch {
    pub(super) is_active: bool,
    pub(super) expires: Option<Millis>,
}

#[derive(Debug)]
pub(super) struct Product {
    pub(super) vendor: VendorId,
    /// A row without a rate ends it.
    pub(super) rates: History<Option<Rate>>,
}

#[derive(Debug)]
pub(super) struct Coupon {
    pub(super) vendor: VendorId,
    pub(super) code: String,
    pub(super) link: LinkId,
    pub(super) since: Millis,
    pub(super) until: Option<Millis>,
}

impl World {
    pub(super) fn vendor(&self, id: VendorId) -> &Vendor {
        &self.vendors[id.0 as usize - 1]
    }

    /// The link, if there is one of that id.
    pub(super) fn link(&self, id: LinkId) -> Option<&Link> {
        self.links.get((id.0 as usize).checked_sub(1)?)
    }

    /// What stood at a moment of everything that a link hangs on.
    pub(super) fn standings(&self, link: &Link, at: Millis) -> Standings {
        let switch = link.standing.near(at);
        let member = self.affiliates[link.affiliate as usize - 1].standing.near(at);
        Standings {
            vendor: link.vendor,
            affiliate: link.affiliate,
            link_active: switch.is_active,
            link_expires: switch.expires,
            vendor_active: *self.vendor(link.vendor).is_active.near(at),
            affiliate_approved: member.is_approved,
            affiliate_active: member.is_active,
            partnership_active: *self.partnerships[&(link.vendor, link.affiliate)].is_active.near(at),
        }
    }

    /// The rate of a line of an order placed at that moment, and where it comes from.
    pub(super) fn rate(
        &self,
        vendor: VendorId,
        affiliate: u64,
        product: Option<u64>,
        at: Millis,
    ) -> Option<(Rate, RateSource)> {
        let product = product.and_then(|id| self.products.get(&id)).filter(|of| of.vendor == vendor);
        let own = product.and_then(|product| *product.rates.at(at)?);
        let agreed = || self.partnerships.get(&(vendor, affiliate))?.rates.at(at).copied();
        own.map(|rate| (rate, RateSource::Product)).or_else(|| Some((agreed()?, RateSource::Partnership)))
    }
}
