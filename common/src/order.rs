//! An order: what a shop reports about it, and what follows from all reports together.
//!
//! Reports come late, twice and out of order. So nothing here moves an order from one state to the next: [`fold`]
//! is a function of the *set* of events, and the same set gives the same order whichever came first.

mod check;
mod event;
mod fold;
mod reversals;
mod split;
mod status;

pub use check::{Flaw, MAX_ADDRESS, MAX_CLICK_IDS, MAX_ITEMS, MAX_NUMBER, MAX_QUANTITY, MAX_TEXT, MAX_TIME};
pub use event::{
    BACKDATED, Customer, Delivery, Event, IN_THE_FUTURE, Item, Kind, Parked, Reversal, ReversedItem, parked,
};
pub use fold::{Folded, Ignored, Line, fold};
pub use split::{Split, Unsplit, Whole};
pub use status::{Status, status};

#[cfg(test)]
mod tests;
