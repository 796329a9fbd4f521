//! Orders and their books, under any order of arrival: whatever set of reports there is, and however they come
//! (permuted, repeated, in batches, with the books brought up to date in between), the end is the same.
//!
//! The rules are the very functions that `settle` runs; only the shop, the histories and Postgres are models of a
//! few lines. Each planted bug must be caught, or the properties are no test of it.

mod books;
mod mutants;
mod permutations;
mod properties;
mod reports;
mod split;
