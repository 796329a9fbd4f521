//! What is bought.

use std::collections::BTreeMap;

use common::ids::VendorId;
use common::money::MAX_MINOR;
use common::order::Item;

use super::Plot;
use crate::orders::chance::Chance;
use crate::orders::world::World;

/// Lines of one vendor's part of an order.
const MOST_LINES: u64 = 4;

/// The items of an order, and whose they are.
#[derive(Clone)]
pub(super) struct Basket {
    pub(super) items: Vec<Item>,
    pub(super) owners: BTreeMap<String, VendorId>,
    /// What else there was, or may be: shoppers of several vendors leave one, and come back.
    shelf: Vec<(VendorId, Item)>,
}

/// A basket of things of the plot's vendors, sometimes not yet of all of them.
pub(super) fn basket(plot: &Plot, world: &World, chance: &mut Chance) -> Basket {
    let mut basket = Basket { items: Vec::new(), owners: BTreeMap::new(), shelf: Vec::new() };
    for vendor in &plot.vendors {
        for line in 1..=chance.within(1..=MOST_LINES) {
            // Some things no programme knows.
            let product_id = chance.percent(85).then(|| *chance.pick(&world.vendor(*vendor).products));
            let item_id = format!("{}-{line}", vendor.0);
            basket.owners.insert(item_id.clone(), *vendor);
            basket.items.push(Item {
                item_id,
                product_id,
                name: None,
                quantity: chance.within(1..=5) as u32,
                net_minor: price(chance),
            });
        }
    }
    if chance.percent(45) {
        basket.put_back(*chance.pick(&plot.vendors));
    }
    basket
}

/// Prices that round, and the ends of what is taken.
fn price(chance: &mut Chance) -> i64 {
    match chance.below(50) {
        0 => 0,
        1 => MAX_MINOR / 64,
        2..=12 => chance.within(1..=20) as i64,
        _ => chance.within(100..=50_000) as i64,
    }
}

impl Basket {
    /// The basket as the shop corrects it: a price, a line less, a vendor less or more.
    pub(super) fn corrected(&self, vendors: &[VendorId], chance: &mut Chance) -> Self {
        let mut basket = self.clone();
        if vendors.len() > 1 && chance.percent(40) {
            basket.swap(*chance.pick(vendors));
            return basket;
        }
        let at = chance.below(basket.items.len() as u64) as usize;
        let owner = basket.owners[&basket.items[at].item_id];
        let others = basket.owners.values().filter(|of| **of == owner).count() - 1;
        if others > 0 && chance.percent(40) {
            let item = basket.items.remove(at);
            basket.owners.remove(&item.item_id);
        } else {
            basket.items[at].net_minor = price(chance);
        }
        basket
    }

    /// All of a vendor's things out, if there are others', or in.
    fn swap(&mut self, vendor: VendorId) {
        let (theirs, rest): (Vec<_>, Vec<_>) = self.shelf.drain(..).partition(|(of, _)| *of == vendor);
        self.shelf = rest;
        if theirs.is_empty() {
            self.put_back(vendor);
        }
        for (_, item) in theirs {
            self.owners.insert(item.item_id.clone(), vendor);
            self.items.push(item);
        }
    }

    fn put_back(&mut self, vendor: VendorId) {
        if self.owners.values().all(|owner| *owner == vendor) {
            return;
        }
        let (theirs, others): (Vec<Item>, Vec<Item>) =
            self.items.drain(..).partition(|item| self.owners.get(&item.item_id) == Some(&vendor));
        self.items = others;
        self.owners.retain(|_, owner| *owner != vendor);
        self.shelf.extend(theirs.into_iter().map(|item| (vendor, item)));
    }

    /// One vendor's things.
    pub(super) fn of(&self, vendor: VendorId) -> Self {
        let mut basket = self.clone();
        basket.items.retain(|item| self.owners.get(&item.item_id) == Some(&vendor));
        basket.owners.retain(|_, owner| *owner == vendor);
        basket
    }
}
