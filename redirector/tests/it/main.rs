//! The edge as a process beside a real Redis: what shoppers get, what is counted, what outages change.

mod bad_input;
mod catalog;
mod cluster;
mod counting;
mod harness;
mod hostile;
mod limits;
mod outages;
