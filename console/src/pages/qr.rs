//! Text as a picture to scan: squares along a path, so that a template draws it without a line of ready-made markup.

use std::fmt::Write as _;

use fast_qr::{ECL, QRBuilder};

use crate::problem::Failure;

/// Squares that must stay light around the picture.
const QUIET: usize = 4;

/// A QR code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    /// Squares on each side, the light ones around it included.
    pub(crate) side: usize,
    /// The dark ones, as the path of an SVG.
    pub(crate) path: String,
}

/// The picture of a text.
pub(crate) fn picture(text: &str) -> Result<Picture, Failure> {
    // A quarter may be dirty or covered, as on a flyer.
    let qr = QRBuilder::new(text).ecl(ECL::Q).build();
    let qr = qr.map_err(|error| Failure::Fault(format!("a text cannot be drawn: {error}")))?;
    let mut path = String::new();
    for y in 0..qr.size {
        for x in (0..qr.size).filter(|x| qr[y][*x].value()) {
            // Writing to a String does not fail.
            let _ = write!(path, "M{} {}h1v1h-1z", x + QUIET, y + QUIET);
        }
    }
    Ok(Picture { side: qr.size + 2 * QUIET, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_its_corner_and_light_around_it() {
        let picture = picture("http://127.0.0.1:8080/summer-1").expect("a picture");
        assert!(picture.path.starts_with("M4 4h1v1h-1z") && picture.side >= 21 + 2 * QUIET, "{picture:?}");
    }
}
