//! Documents of people who do not exist. Each says in large letters that it is a specimen.

use std::fmt::Write as _;
use std::io::Cursor;

use anyhow::Context as _;
use image::{ImageFormat, Rgb, RgbImage};

use crate::font::{HEIGHT, WIDTH, glyph};

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Specimen {
    /// A card, as PNG.
    Picture,
    /// A page, as PDF.
    Page,
}

impl Specimen {
    /// As the console keeps it.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Picture => "image/png",
            Self::Page => "application/pdf",
        }
    }
}

/// A card of ISO 7810's shape, in pixels.
const CARD: (u32, u32) = (856, 540);
const PAPER: Rgb<u8> = Rgb([238, 241, 236]);
const EDGE: Rgb<u8> = Rgb([62, 92, 118]);
const INK: Rgb<u8> = Rgb([46, 52, 64]);
const STAMP: Rgb<u8> = Rgb([176, 58, 46]);
const SHADE: Rgb<u8> = Rgb([205, 213, 206]);

/// The file's bytes.
pub(crate) fn specimen(kind: Specimen, name: &str, document_type: &str) -> anyhow::Result<Vec<u8>> {
    match kind {
        Specimen::Picture => card(name, document_type),
        Specimen::Page => Ok(page(name, document_type)),
    }
}

fn card(name: &str, document_type: &str) -> anyhow::Result<Vec<u8>> {
    let (width, height) = CARD;
    let mut card = RgbImage::from_pixel(width, height, PAPER);
    fill(&mut card, (0, 0), (width, 70), EDGE);
    // Where a face would be, nobody is.
    fill(&mut card, (50, 130), (210, 270), SHADE);
    write(&mut card, (50, 18), 5, PAPER, "REPUBLIC OF NOWHERE");
    write(&mut card, (300, 140), 4, INK, document_type);
    write(&mut card, (300, 200), 5, INK, name);
    write(&mut card, (300, 270), 3, INK, "MADE UP FOR A DEMO");
    write(&mut card, (300, 310), 3, INK, "NOT A REAL DOCUMENT");
    write(&mut card, (100, 430), 13, STAMP, "SPECIMEN");
    let mut png = Cursor::new(Vec::new());
    card.write_to(&mut png, ImageFormat::Png).context("cannot encode a picture")?;
    Ok(png.into_inner())
}

fn fill(card: &mut RgbImage, (left, top): (u32, u32), (width, height): (u32, u32), colour: Rgb<u8>) {
    for y in top..top + height {
        for x in left..left + width {
            card.put_pixel(x, y, colour);
        }
    }
}

fn write(card: &mut RgbImage, (left, top): (u32, u32), size: u32, colour: Rgb<u8>, text: &str) {
    for (nth, letter) in (0_u32..).zip(text.chars()) {
        let corner = left + nth * (WIDTH + 1) * size;
        for (row, bits) in (0_u32..).zip(glyph(letter)) {
            for column in (0..WIDTH).filter(|column| bits >> (WIDTH - 1 - column) & 1 == 1) {
                let at = (corner + column * size, top + row * size);
                if at.0 + size <= card.width() && top + HEIGHT * size <= card.height() {
                    fill(card, at, (size, size), colour);
                }
            }
        }
    }
}

/// One page with a few lines, by hand: a PDF is text with a table of where everything stands.
fn page(name: &str, document_type: &str) -> Vec<u8> {
    let lines = [
        (28, 740, "REPUBLIC OF NOWHERE"),
        (18, 690, document_type),
        (18, 660, name),
        (12, 620, "Made up for a demo. Not a real document."),
        (90, 380, "SPECIMEN"),
    ];
    let mut text = String::new();
    for (size, height, line) in lines {
        // Names of the demo have no brackets, which would need a backslash.
        let _ = writeln!(text, "BT /F1 {size} Tf 60 {height} Td ({line}) Tj ET");
    }
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>"
            .to_owned(),
        format!("<</Length {}>>\nstream\n{text}endstream", text.len()),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica-Bold>>".to_owned(),
    ];
    let (mut pdf, mut places) = ("%PDF-1.4\n".to_owned(), Vec::new());
    for (number, object) in (1..).zip(&objects) {
        places.push(pdf.len());
        let _ = write!(pdf, "{number} 0 obj\n{object}\nendobj\n");
    }
    let table = pdf.len();
    let _ = write!(pdf, "xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for place in places {
        let _ = writeln!(pdf, "{place:010} 00000 n ");
    }
    let _ = write!(pdf, "trailer\n<</Size {}/Root 1 0 R>>\nstartxref\n{table}\n%%EOF\n", objects.len() + 1);
    pdf.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_one_and_a_page_is_whole() {
        let picture = specimen(Specimen::Picture, "Ada Placeholder", "identity").expect("encoded");
        let read = image::load_from_memory(&picture).expect("a picture").to_rgb8();
        assert_eq!(read.dimensions(), CARD);
        assert!(read.pixels().any(|pixel| *pixel == STAMP), "it is stamped");
        let page = String::from_utf8(specimen(Specimen::Page, "Ada Placeholder", "tax").expect("text"))
            .expect("text");
        assert!(page.starts_with("%PDF-1.4") && page.ends_with("%%EOF\n") && page.contains("(SPECIMEN)"));
        let place: usize = page
            .split("startxref\n")
            .nth(1)
            .and_then(|end| end.split('\n').next())
            .expect("a place")
            .parse()
            .expect("a number");
        assert!(page[place..].starts_with("xref"));
    }
}
