//! temporary
#![expect(missing_docs)]
#[derive(Debug)]
pub struct Sketch(u64);
impl Sketch {
    pub fn decode(b: &[u8]) -> Result<Self, String> { Ok(Self(b.len() as u64)) }
    pub fn union(&mut self, other: &Self) { self.0 = self.0.max(other.0) + 1 }
    pub fn estimate(&self) -> u64 { self.0 }
}
