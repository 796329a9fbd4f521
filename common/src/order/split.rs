//! One order of several vendors: who is told what.
//!
//! Whatever is reported of the order is told to every vendor that it ever has, whenever either becomes known, each
//! with its own items only. So each vendor's set of events, and with it its books, follows from the set of reports
//! alone, in whatever order they arrive. Three kinds of reports are for fewer: one that names its vendor, for that one;
//! a refund or chargeback of items, for their vendors; and one of an amount, for the vendor that the caller names.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Event, Kind, Reversal};

/// A report of an order of several vendors. `V` names a vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole<V> {
    /// The report for all vendors together.
    pub event: Event,
    /// Whose its items are, bought or taken back. Of a sale, all of them; of a reversal those that it says itself,
    /// until [`Split::place`] found the others.
    pub owners: BTreeMap<String, V>,
    /// Items that it takes back without saying whose they are.
    pub inferred: BTreeSet<String>,
    /// The one vendor that it is about: named by it, or found by [`Split::place`].
    pub addressee: Option<V>,
}

/// Why nobody can say whose a report is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsplit {
    /// Nothing is known yet of what is taken back.
    #[error("whose order it is, or that item of it, is not known yet")]
    Unknown,
    /// An amount of an order of several vendors.
    #[error("an amount of an order of several vendors: name the items it takes back, with an amount each")]
    NameTheItems,
    /// Several vendors have sold an item of that name in this order.
    #[error("several vendors have item {0:?} of this order: say whose it is")]
    ItemOfSeveral(String),
    /// It was taken back when it was another vendor's, and nobody said whose.
    #[error(
        "item {0:?} of this order was another vendor's when it was taken back: give this line an id of its own"
    )]
    ItemTakenBack(String),
}

/// An order, and who was told what of it.
#[derive(Debug, Clone)]
pub struct Split<V> {
    wholes: Vec<Whole<V>>,
    vendors: BTreeSet<V>,
    /// Whose each item ever was, as it was sold.
    owners: BTreeMap<String, BTreeSet<V>>,
    /// Items that were taken back without a word of whose they are: from then on nobody else's.
    inferred: BTreeSet<String>,
    /// Who has a part in each refund or chargeback.
    reversals: BTreeMap<(Kind, String), BTreeSet<V>>,
}

impl<V> Default for Split<V> {
    fn default() -> Self {
        Self {
            wholes: Vec::new(),
            vendors: BTreeSet::new(),
            owners: BTreeMap::new(),
            inferred: BTreeSet::new(),
            reversals: BTreeMap::new(),
        }
    }
}

impl<V: Copy + Ord> Split<V> {
    /// Finds out whose a new report is, where it does not say so itself. Changes nothing.
    ///
    /// # Errors
    /// If that would be a guess: see [`Unsplit`].
    pub fn place(&self, mut whole: Whole<V>) -> Result<Whole<V>, Unsplit> {
        match &whole.event.reversal {
            None => {
                let is_anothers = |(item, owner): &(&String, &V)| {
                    self.inferred.contains(*item) && !self.is_of(item, **owner)
                };
                if let Some((item, _)) = whole.owners.iter().find(is_anothers) {
                    return Err(Unsplit::ItemTakenBack(item.clone()));
                }
            }
            // Nothing taken back: for those who heard of it before, whoever they are.
            Some(reversal) if reversal.items.is_empty() && reversal.amount_minor == Some(0) => {}
            Some(reversal) if reversal.items.is_empty() => {
                if whole.addressee.is_none() {
                    whole.addressee = Some(self.of_amount(whole.event.kind, reversal)?);
                }
            }
            Some(reversal) => {
                for item in &reversal.items {
                    if !whole.owners.contains_key(&item.item_id) {
                        whole.owners.insert(item.item_id.clone(), self.of_item(&item.item_id)?);
                        whole.inferred.insert(item.item_id.clone());
                    }
                }
            }
        }
        Ok(whole)
    }

    /// An amount goes where earlier words on the same reversal went, or to the only vendor there is.
    fn of_amount(&self, kind: Kind, reversal: &Reversal) -> Result<V, Unsplit> {
        let heard =
            self.reversals.get(&(kind, reversal.reversal_id.clone())).filter(|heard| !heard.is_empty());
        let mut vendors = heard.unwrap_or(&self.vendors).iter();
        match (vendors.next(), vendors.next()) {
            (Some(vendor), None) => Ok(*vendor),
            (None, _) => Err(Unsplit::Unknown),
            (Some(_), Some(_)) => Err(Unsplit::NameTheItems),
        }
    }

    fn of_item(&self, item: &str) -> Result<V, Unsplit> {
        let mut owners = self.owners.get(item).into_iter().flatten();
        match (owners.next(), owners.next()) {
            (Some(owner), None) => Ok(*owner),
            (None, _) => Err(Unsplit::Unknown),
            (Some(_), Some(_)) => Err(Unsplit::ItemOfSeveral(item.to_owned())),
        }
    }

    fn is_of(&self, item: &str, vendor: V) -> bool {
        self.owners.get(item).is_some_and(|owners| owners.contains(&vendor))
    }

    /// Adds a report that was [placed](Self::place), now or long ago. Returns what is to be told because of it: to
    /// whom, and which report, by its number in the order of adding. Nothing is returned twice.
    pub fn add(&mut self, whole: Whole<V>) -> Vec<(V, usize)> {
        let own = whole.named();
        let mut told = Vec::new();
        for vendor in own.difference(&self.vendors) {
            told.extend(self.numbers(Whole::is_for_all).map(|number| (*vendor, number)));
        }
        self.vendors.extend(&own);
        let hearers = if let Some(reversal) = &whole.event.reversal {
            let key = (whole.event.kind, reversal.reversal_id.clone());
            let heard = self.reversals.get(&key).cloned().unwrap_or_default();
            for vendor in own.difference(&heard) {
                told.extend(self.numbers(|earlier| earlier.is_about(&key)).map(|number| (*vendor, number)));
            }
            let hearers: BTreeSet<V> = heard.union(&own).copied().collect();
            self.reversals.insert(key, hearers.clone());
            self.inferred.extend(whole.inferred.iter().cloned());
            hearers
        } else {
            for (item, owner) in &whole.owners {
                self.owners.entry(item.clone()).or_default().insert(*owner);
            }
            if whole.addressee.is_some() { own } else { self.vendors.clone() }
        };
        told.extend(hearers.into_iter().map(|vendor| (vendor, self.wholes.len())));
        self.wholes.push(whole);
        told
    }

    fn numbers(&self, which: impl Fn(&Whole<V>) -> bool) -> impl Iterator<Item = usize> {
        self.wholes.iter().enumerate().filter(move |(_, whole)| which(whole)).map(|(number, _)| number)
    }

    /// What a vendor is told of a report: everything but what is bought of others, or taken back of them.
    pub fn part(&self, vendor: V, number: usize) -> Event {
        self.wholes[number].part(vendor)
    }
}

impl<V: Copy + Ord> Whole<V> {
    /// The vendors that it says something of.
    fn named(&self) -> BTreeSet<V> {
        let addressee = self.addressee.filter(|_| self.owners.is_empty() || self.is_of_amount());
        self.owners.values().copied().chain(addressee).collect()
    }

    fn is_of_amount(&self) -> bool {
        self.event.reversal.as_ref().is_some_and(|reversal| reversal.items.is_empty())
    }

    fn is_for_all(&self) -> bool {
        self.addressee.is_none() && self.event.reversal.is_none()
    }

    fn is_about(&self, key: &(Kind, String)) -> bool {
        let reversal = self.event.reversal.as_ref();
        reversal.is_some_and(|reversal| self.event.kind == key.0 && reversal.reversal_id == key.1)
    }

    fn part(&self, vendor: V) -> Event {
        let is_theirs = |item: &String| self.owners.get(item) == Some(&vendor);
        let mut event = self.event.clone();
        event.items.retain(|item| is_theirs(&item.item_id));
        event.others_only = event.kind.sells() && event.items.is_empty() && !self.event.items.is_empty();
        if let Some(reversal) = &mut event.reversal {
            reversal.items.retain(|item| is_theirs(&item.item_id));
            let is_told_all = self.is_of_amount() && self.addressee == Some(vendor);
            if reversal.items.is_empty() && !is_told_all {
                // Another word on the same reversal took something back of them, this one does not.
                reversal.amount_minor = Some(0);
            }
        }
        event
    }
}
