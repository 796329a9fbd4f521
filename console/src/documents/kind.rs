//! What an uploaded file is, by its content alone: four kinds, and nothing that is two things at once.

use super::unfit::Unfit;

/// A file that PDF readers, browsers and unpackers look at begins or ends within so many bytes of markers.
const NEAR_BEGIN: usize = 1024;

/// A ZIP archive ends with a record of 22 bytes and a comment of 65,535 at most.
const ZIP_END: usize = 22 + 65_535;

/// What we take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A photograph.
    Jpeg,
    /// A picture without loss.
    Png,
    /// A picture of the web.
    Webp,
    /// Pages.
    Pdf,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Jpeg, Self::Png, Self::Webp, Self::Pdf];

    /// The kind of this content, which must not pass for another one as well.
    pub fn of(content: &[u8]) -> Result<Self, Unfit> {
        let seen = infer::get(content).map(|seen| seen.mime_type());
        let kind = Self::ALL.into_iter().find(|kind| Some(kind.content_type()) == seen);
        let kind = kind.ok_or(Unfit::OtherKind)?;
        if kind.passes_for_another(content) { Err(Unfit::TwoKinds) } else { Ok(kind) }
    }

    /// As headers say it.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Pdf => "application/pdf",
        }
    }

    /// The kind that headers say so.
    pub fn from_content_type(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.content_type() == name)
    }

    /// How names of such files end; the first is the one we give.
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Jpeg => &["jpg", "jpeg"],
            Self::Png => &["png"],
            Self::Webp => &["webp"],
            Self::Pdf => &["pdf"],
        }
    }

    /// Refuses a file that calls itself something else than it is. A name without an ending claims nothing.
    pub fn check_name(self, name: &str) -> Result<(), Unfit> {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        match ending {
            Some(ending) if !self.extensions().contains(&ending.as_str()) => Err(Unfit::NamedOtherwise(self)),
            _ => Ok(()),
        }
    }

    /// The same for a media type that came with it.
    pub fn check_content_type(self, said: &str) -> Result<(), Unfit> {
        let essence = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_so = essence == self.content_type() || (self == Self::Jpeg && essence == "image/jpg");
        // What programs say who do not know.
        let is_open = essence.is_empty() || essence == "application/octet-stream";
        if is_so || is_open { Ok(()) } else { Err(Unfit::NamedOtherwise(self)) }
    }

    /// A file may begin like a picture and end like an archive: whoever opens it as the other thing gets that.
    fn passes_for_another(self, content: &[u8]) -> bool {
        let begin = content[..content.len().min(NEAR_BEGIN)].to_ascii_lowercase();
        let end = &content[content.len().saturating_sub(ZIP_END)..];
        let is_page =
            [&b"<!doctype"[..], b"<html", b"<script", b"<svg", b"<?php"].iter().any(|mark| has(&begin, mark));
        let is_pdf = self != Self::Pdf && has(&begin, b"%pdf-");
        is_page || is_pdf || is_zip(end)
    }
}

/// Whether the content ends as an archive does: a record whose comment reaches exactly to the end.
fn is_zip(end: &[u8]) -> bool {
    const MARK: &[u8] = b"PK\x05\x06";
    end.windows(22).enumerate().any(|(at, record)| {
        let comment = usize::from(u16::from_le_bytes([record[20], record[21]]));
        record.starts_with(MARK) && at + 22 + comment == end.len()
    })
}

pub(super) fn has(content: &[u8], mark: &[u8]) -> bool {
    content.windows(mark.len()).any(|part| part == mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JPEG: &[u8] = b"\xff\xd8\xff\xe0\x00\x10JFIF\0";

    #[test]
    fn content_tells_the_kind_and_nothing_else_does() {
        for (content, kind) in [
            (JPEG, Some(Kind::Jpeg)),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Some(Kind::Png)),
            (b"RIFF\x24\0\0\0WEBPVP8L", Some(Kind::Webp)),
            (b"%PDF-1.7\n", Some(Kind::Pdf)),
            (b"GIF89a", None),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", None),
            (b"<!DOCTYPE html><script>", None),
            (b"MZ\x90\0", None),
            (b"PK\x03\x04", None),
            (b"", None),
        ] {
            assert_eq!(Kind::of(content).ok(), kind, "{content:?}");
        }
    }

    #[test]
    fn what_is_two_things_is_refused() {
        let archive_end = [b"PK\x05\x06".as_slice(), &[0; 16], &[0, 0]].concat();
        let commented = [b"PK\x05\x06".as_slice(), &[0; 16], &[3, 0], b"%%E"].concat();
        for tail in [&archive_end[..], &commented, b"\n%PDF-1.4", b"<script>alert(1)</script>", b"<HTML>"] {
            let both = [JPEG, tail].concat();
            assert!(matches!(Kind::of(&both), Err(Unfit::TwoKinds)), "{tail:?}");
        }
        let mark_by_chance = [JPEG, b"PK\x05\x06", &[7; 40]].concat();
        assert_eq!(Kind::of(&mark_by_chance).ok(), Some(Kind::Jpeg));
    }

    #[test]
    fn names_and_headers_must_not_say_otherwise() {
        for good in ["a.pdf", "A.PDF", "scan", "../../etc/passwd.pdf", ""] {
            assert!(Kind::Pdf.check_name(good).is_ok(), "{good}");
        }
        for bad in ["a.pdf.html", "a.jpg", "a.svg", "a.", "../.."] {
            assert!(Kind::Pdf.check_name(bad).is_err(), "{bad}");
        }
        for good in ["image/jpeg", "IMAGE/JPEG; q=1", "image/jpg", "application/octet-stream", ""] {
            assert!(Kind::Jpeg.check_content_type(good).is_ok(), "{good}");
        }
        for bad in ["image/png", "text/html", "application/pdf"] {
            assert!(Kind::Jpeg.check_content_type(bad).is_err(), "{bad}");
        }
    }
}
