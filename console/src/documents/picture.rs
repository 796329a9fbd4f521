//! Pictures, decoded and encoded anew: what is stored was written by us, so it holds no metadata (where a photograph was
//! taken, on what device), no second file behind the picture, and nothing that a viewer could stumble over.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ColorType, DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits};

use super::MAX_DOCUMENT;
use super::kind::Kind;
use super::unfit::Unfit;

/// Points of a picture at most: a scanned page at 600 dpi has 35 million.
pub(super) const MAX_PIXELS: u64 = 40_000_000;

/// Points along one side at most; more is no paper.
const MAX_SIDE: u32 = 20_000;

/// Bytes that decoding one picture may take: [`MAX_PIXELS`] with four bytes each, and what the decoder needs beside.
const MAX_DECODED: u64 = 192 * 1024 * 1024;

/// The quality that photographs are saved with, and what is tried when that is too large.
const QUALITIES: [u8; 3] = [90, 75, 60];

/// A picture as we store it.
#[derive(Debug)]
pub(super) struct Picture {
    /// A picture too large without loss becomes a photograph, so this need not be what was sent.
    pub(super) kind: Kind,
    pub(super) content: Vec<u8>,
}

/// Saves a picture anew. Takes long: not on a thread that answers requests.
pub(super) fn anew(kind: Kind, content: &[u8]) -> Result<Picture, Unfit> {
    let picture = plain(decode(kind, content)?);
    let damaged = |_| Unfit::Damaged(kind);
    let lossless = match kind {
        Kind::Jpeg | Kind::Pdf => None,
        Kind::Png => {
            let mut saved = Vec::new();
            picture.write_with_encoder(PngEncoder::new(&mut saved)).map_err(damaged)?;
            Some(saved)
        }
        Kind::Webp => {
            let mut saved = Vec::new();
            picture.write_with_encoder(WebPEncoder::new_lossless(&mut saved)).map_err(damaged)?;
            Some(saved)
        }
    };
    if let Some(content) = lossless.filter(|content| content.len() <= MAX_DOCUMENT) {
        return Ok(Picture { kind, content });
    }
    let opaque = DynamicImage::from(picture.into_rgb8());
    for quality in QUALITIES {
        let mut content = Vec::new();
        opaque.write_with_encoder(JpegEncoder::new_with_quality(&mut content, quality)).map_err(damaged)?;
        if content.len() <= MAX_DOCUMENT {
            return Ok(Picture { kind: Kind::Jpeg, content });
        }
    }
    Err(Unfit::TooLargeAnew)
}

/// The picture the right way up. Its size is looked at before a single point is decoded.
fn decode(kind: Kind, content: &[u8]) -> Result<DynamicImage, Unfit> {
    let format = match kind {
        Kind::Jpeg => ImageFormat::Jpeg,
        Kind::Png => ImageFormat::Png,
        Kind::Webp => ImageFormat::WebP,
        Kind::Pdf => return Err(Unfit::OtherKind),
    };
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED);
    let mut reader = ImageReader::with_format(Cursor::new(content), format);
    reader.limits(limits.clone());
    let unfit = |error| match error {
        image::ImageError::Limits(_) => Unfit::TooManyPixels,
        _ => Unfit::Damaged(kind),
    };
    let mut decoder = reader.into_decoder().map_err(unfit)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Unfit::TooManyPixels);
    }
    // The whole picture is one allocation, which the decoder's own limits do not count.
    limits.reserve(decoder.total_bytes()).map_err(unfit)?;
    decoder.set_limits(limits).map_err(unfit)?;
    let orientation = decoder.orientation().map_err(unfit)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(unfit)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// Eight bits a channel: what all encoders write, and all that eyes see.
fn plain(picture: DynamicImage) -> DynamicImage {
    match picture.color() {
        ColorType::L8 | ColorType::La8 | ColorType::Rgb8 | ColorType::Rgba8 => picture,
        ColorType::L16 => picture.into_luma8().into(),
        ColorType::La16 => picture.into_luma_alpha8().into(),
        ColorType::Rgb16 | ColorType::Rgb32F => picture.into_rgb8().into(),
        _ => picture.into_rgba8().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(width: u32, height: u32) -> DynamicImage {
        image::RgbaImage::from_fn(width, height, |x, y| image::Rgba([x as u8, y as u8, 7, 255])).into()
    }

    fn saved(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut content = Cursor::new(Vec::new());
        picture.write_to(&mut content, format).expect("saved");
        content.into_inner()
    }

    #[test]
    fn pictures_are_kept_and_all_beside_them_is_not() {
        let opaque = DynamicImage::from(sample(40, 30).into_rgb8());
        for (kind, format, picture) in [
            (Kind::Jpeg, ImageFormat::Jpeg, &opaque),
            (Kind::Png, ImageFormat::Png, &sample(40, 30)),
            (Kind::Webp, ImageFormat::WebP, &sample(40, 30)),
        ] {
            let sent = [saved(picture, format), b"<?php canary ?>".to_vec()].concat();
            let kept = anew(kind, &sent).expect("a picture");
            assert_eq!(kept.kind, kind);
            assert!(!super::super::kind::has(&kept.content, b"canary"), "{kind:?}");
            let seen = image::load_from_memory_with_format(&kept.content, format).expect("a picture");
            assert_eq!((seen.width(), seen.height()), (40, 30));
        }
    }

    #[test]
    fn a_photograph_is_turned_the_right_way_up_and_loses_its_exif() {
        let opaque = DynamicImage::from(sample(40, 30).into_rgb8());
        let sent = saved(&opaque, ImageFormat::Jpeg);
        // Orientation 6: a quarter turn. One entry, little-endian, and words that must not survive.
        let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
        exif.extend_from_slice(b"taken at 59.3293 N 18.0686 E");
        let length = (exif.len() as u16 + 2).to_be_bytes();
        let tagged = [&sent[..2], &[0xff, 0xe1], &length, &exif, &sent[2..]].concat();
        let kept = anew(Kind::Jpeg, &tagged).expect("a photograph");
        let seen = image::load_from_memory(&kept.content).expect("a picture");
        assert_eq!((seen.width(), seen.height()), (30, 40));
        assert!(
            !super::super::kind::has(&kept.content, b"Exif")
                && !super::super::kind::has(&kept.content, b"taken")
        );
    }

    #[test]
    fn bombs_are_seen_before_they_go_off() {
        let claims = |width: u32, height: u32| {
            let mut content = saved(&sample(1, 1), ImageFormat::Png);
            content[16..20].copy_from_slice(&width.to_be_bytes());
            content[20..24].copy_from_slice(&height.to_be_bytes());
            let mut sum = crc32(&content[12..29]).to_be_bytes().to_vec();
            content.splice(29..33, sum.drain(..));
            content
        };
        for (width, height) in [(65_535, 65_535), (20_001, 1), (8_000, 5_001), (1, 0x7fff_ffff)] {
            let outcome = anew(Kind::Png, &claims(width, height)).map(|kept| kept.kind);
            assert_eq!(outcome, Err(Unfit::TooManyPixels), "{width} x {height}");
        }
        let outcome = anew(Kind::Png, &claims(8_000, 5_000)).map(|kept| kept.kind);
        assert_eq!(outcome, Err(Unfit::Damaged(Kind::Png)), "within the limit, but there are no points");
    }

    #[test]
    fn what_only_begins_like_a_picture_is_damaged() {
        for (kind, content) in [
            (Kind::Jpeg, &b"\xff\xd8\xff\xe0\x00\x10JFIF\0"[..]),
            (Kind::Png, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
            (Kind::Webp, b"RIFF\x24\0\0\0WEBPVP8L"),
        ] {
            assert_eq!(anew(kind, content).map(|kept| kept.kind), Err(Unfit::Damaged(kind)));
        }
    }

    /// The checksum of PNG chunks, for claims that are wrong in nothing but the size.
    fn crc32(content: &[u8]) -> u32 {
        !content.iter().fold(!0, |sum, byte| {
            (0..8)
                .fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
        })
    }
}
