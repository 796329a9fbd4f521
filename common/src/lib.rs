//! The rules of Linkledger.
//!
//! This crate never reads a clock, the environment, a file or a socket, never logs and never awaits: time, ids and
//! seeds are arguments, and every function's result follows from them alone. That is what makes the counting
//! protocol checkable by a simulation that runs the very functions the services run.
//!
//! A click's way: [`ids`], [`link`], [`click`], [`traffic`], [`visitor`], [`destination`] by the [`url_rules`], [`token`],
//! [`wire`], [`ship`], [`flush`], [`hll`]. An order's way, in which each step is a function of everything before it and never of the order
//! in which reports came: [`order`] folds what a shop reported, [`attribution`] finds who is credited, [`commission`]
//! takes a [`rate`] of what remains of the [`money`], [`fraud`] finds reasons to hold it, [`ledger`] books what is missing
//! and [`payout`] nets what is paid.

pub mod attribution;
pub mod click;
pub mod commission;
pub mod destination;
pub mod flush;
pub mod fraud;
pub mod hll;
pub mod ids;
pub mod ledger;
pub mod link;
pub mod money;
pub mod order;
pub mod payout;
pub mod rate;
pub mod secret;
pub mod ship;
pub mod time;
pub mod token;
pub mod traffic;
pub mod url_rules;
pub mod visitor;
pub mod wire;
