//! The catalog on disk, so that an edge can start while Redis is away.
//!
//! Magic, number of entries, entries (length and JSON each), CRC-32C of all before. It is written beside the old one
//! and renamed over it; one that is not whole is as good as none.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use common::link::Entry;

use super::table::Table;

const MAGIC: &[u8; 8] = b"LLSNAP01";
/// A link is at most a few kilobytes; a longer entry means the length is damaged.
const MAX_ENTRY: usize = 64 * 1024;

/// Writes everything in the table. Returns the number of entries.
pub(super) fn write(path: &Path, table: &Table) -> io::Result<u64> {
    let draft = path.with_extension("new");
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    let mut out = Summed { inner: BufWriter::with_capacity(1 << 20, file), crc: 0 };
    out.write(MAGIC)?;
    let (mut count, mut failed) = (0, None);
    table.each(|entry| {
        let written = serde_json::to_vec(entry).map_err(io::Error::from).and_then(|json| {
            out.write(&(json.len() as u32).to_le_bytes())?;
            out.write(&json)
        });
        count += 1;
        failed = failed.take().or(written.err());
    });
    if let Some(error) = failed {
        return Err(error);
    }
    out.write(&u32::MAX.to_le_bytes())?;
    let crc = out.crc;
    out.write(&crc.to_le_bytes())?;
    let file = out.inner.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    Ok(count)
}

/// Reads a snapshot, if it is whole: first all of it for the checksum, then again for the entries.
pub(super) fn read(path: &Path, mut visit: impl FnMut(Entry)) -> io::Result<u64> {
    let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let bytes = std::fs::metadata(path)?.len();
    if bytes < (MAGIC.len() + 8) as u64 {
        return Err(damaged("it is too short"));
    }
    let body = bytes - 4;
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    if crc_of((&mut file).take(body))? != u32_from(&mut file)? {
        return Err(damaged("its checksum is wrong"));
    }
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut magic = [0; 8];
    file.read_exact(&mut magic)?;
    if &magic != MAGIC {
        return Err(damaged("it is of another version"));
    }
    let (mut count, mut json) = (0, Vec::new());
    loop {
        let length = u32_from(&mut file)?;
        if length == u32::MAX {
            return Ok(count);
        }
        if length as usize > MAX_ENTRY {
            return Err(damaged("an entry is too long"));
        }
        json.resize(length as usize, 0);
        file.read_exact(&mut json)?;
        visit(serde_json::from_slice(&json)?);
        count += 1;
    }
}

fn crc_of(mut reader: impl Read) -> io::Result<u32> {
    let (mut crc, mut chunk) = (0, vec![0; 1 << 16]);
    loop {
        match reader.read(&mut chunk)? {
            0 => return Ok(crc),
            n => crc = crc32c::crc32c_append(crc, &chunk[..n]),
        }
    }
}

fn u32_from(reader: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    reader.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

struct Summed {
    inner: BufWriter<File>,
    crc: u32,
}

impl Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        self.inner.write_all(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::{WhenFull, tests::entry};
    use super::*;

    #[test]
    fn a_snapshot_comes_back_and_a_damaged_one_does_not() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let path = folder.path().join("links.snapshot");
        let table = Table::new(usize::MAX);
        for i in 0..300 {
            table.tell(entry(&format!("code{i}"), i, Some("https://shop.example.com/")), 1, WhenFull::Skip);
        }
        assert_eq!(write(&path, &table).expect("writable"), 300);
        let mut codes = Vec::new();
        assert_eq!(read(&path, |entry| codes.push(entry.code)).expect("whole"), 300);
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), 300);

        let whole = std::fs::read(&path).expect("readable");
        for at in [0, 9, 500, whole.len() - 1] {
            let mut torn = whole.clone();
            torn[at] ^= 1;
            std::fs::write(&path, &torn).expect("writable");
            assert!(read(&path, |_| panic!("a damaged snapshot must not be believed")).is_err());
        }
        for len in [0, 3, 8, 20, whole.len() - 1] {
            std::fs::write(&path, &whole[..len]).expect("writable");
            assert!(read(&path, |_| panic!("a torn snapshot must not be believed")).is_err());
        }
    }
}
