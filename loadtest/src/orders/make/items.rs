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
}

/// A basket of things of the plot's vendors.
pub(super) fn basket(plot: &Plot, world: &World, chance: &mut Chance) -> Basket {
    let mut basket = Basket { items: Vec::new(), owners: BTreeMap::new() };
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
    /// The basket as the shop corrects it: a price less, or a line less, if one is left for every vendor.
    pub(super) fn corrected(&self, chance: &mut Chance) -> Self {
        let mut basket = self.clone();
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
}
