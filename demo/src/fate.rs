//! What becomes of an order after somebody filled a basket.

use common::money::Currency;
use common::order::{Item, ReversedItem};

use crate::dice::Dice;

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Kept,
    /// Placed, and nobody says that it was sent.
    Waiting,
    Abandoned,
    Cancelled,
    RefundedInFull,
    RefundedInPart,
    ChargedBack,
}

/// Of 1,000 baskets.
const FATES: [(Fate, f64); 7] = [
    (Fate::Kept, 790.0),
    (Fate::Waiting, 8.0),
    (Fate::Abandoned, 70.0),
    (Fate::Cancelled, 42.0),
    (Fate::RefundedInFull, 48.0),
    (Fate::RefundedInPart, 34.0),
    (Fate::ChargedBack, 8.0),
];

impl Fate {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        FATES[dice.weighted(&FATES.map(|(_, weight)| weight))].0
    }

    /// Whether the shop sends it off.
    pub(crate) fn is_sent(self) -> bool {
        !matches!(self, Self::Waiting | Self::Abandoned | Self::Cancelled)
    }
}

/// Everything comes back.
pub(crate) fn all_of(items: &[Item]) -> Vec<ReversedItem> {
    let back = |item: &Item| ReversedItem {
        item_id: item.item_id.clone(),
        quantity: item.quantity,
        amount_minor: item.net_minor,
    };
    items.iter().map(back).collect()
}

/// One piece comes back; of an order of one piece, a part of its price.
pub(crate) fn one_of(items: &[Item]) -> Vec<ReversedItem> {
    let first = items.first();
    let is_single = items.len() == 1 && first.is_some_and(|item| item.quantity == 1);
    let back = |item: &Item| ReversedItem {
        item_id: item.item_id.clone(),
        quantity: u32::from(!is_single),
        amount_minor: if is_single { item.net_minor / 5 } else { item.net_minor / i64::from(item.quantity) },
    };
    first.map(back).into_iter().collect()
}

/// What everything costs.
pub(crate) fn euro() -> Option<Currency> {
    "EUR".parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(quantity: u32, net_minor: i64) -> Item {
        Item { item_id: "1".to_owned(), product_id: None, name: None, quantity, net_minor }
    }

    #[test]
    fn nothing_more_comes_back_than_was_bought() {
        for items in [vec![item(1, 3_490)], vec![item(3, 2_970)]] {
            let (all, one) = (all_of(&items), one_of(&items));
            assert_eq!((all[0].quantity, all[0].amount_minor), (items[0].quantity, items[0].net_minor));
            assert!(
                one[0].quantity < items[0].quantity && one[0].amount_minor < items[0].net_minor,
                "{one:?}"
            );
        }
    }

    #[test]
    fn every_fate_is_met() {
        let mut dice = Dice::of(1, 0);
        let drawn: Vec<Fate> = (0..3_000).map(|_| Fate::draw(&mut dice)).collect();
        assert!(FATES.iter().all(|(fate, _)| drawn.contains(fate)));
    }
}
