//! A sketch of visitors, as Redis or Postgres hands it back.

use common::hll::Sketch;

/// What can be read is written as what reads the same, and uniting it with itself changes nothing.
pub(crate) fn run(bytes: &[u8]) {
    let Ok(sketch) = Sketch::from_redis(bytes) else { return };
    let again = Sketch::from_redis(&sketch.to_redis()).expect("what we write can be read");
    assert!(again == sketch, "written and read again");
    let mut united = sketch.clone();
    united.merge(&again);
    assert!(united == sketch, "united with itself");
    assert_eq!(united.estimate(), sketch.estimate());
    let mut more = sketch.clone();
    more.insert(b"one more");
    assert!(more.estimate() >= sketch.estimate(), "nobody leaves");
}
