//! onebox
fn main() {}
