//! The catalog on disk, so that an edge can start while Redis is away.
//!
//! Magic, number of entries, entries (length and JSON each), CRC-32C of all before. It is written beside the old one
//! and renamed over it; one that is not whole is as good as none.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
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

/// Reads a snapshot, if it is whole: first all of it for the checksum, then again for the entries. Says how many there
/// are before it visits them, and returns it.
pub(super) fn read(path: &Path, expect: impl FnOnce(u64), mut visit: impl FnMut(Entry)) -> io::Result<u64> {
    let count = walk(path, |_| Ok(()))?;
    expect(count);
    walk(path, |json| {
        visit(serde_json::from_slice(json)?);
        Ok(())
    })
}

/// Visits the entries as JSON, and tells at the end whether they were what was written.
fn walk(path: &Path, mut visit: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<u64> {
    let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut file = Summed { inner: BufReader::with_capacity(1 << 20, File::open(path)?), crc: 0 };
    let mut magic = [0; 8];
    file.read(&mut magic)?;
    if &magic != MAGIC {
        return Err(damaged("it is of another version"));
    }
    let (mut count, mut json) = (0, Vec::new());
    loop {
        let mut length = [0; 4];
        file.read(&mut length)?;
        let length = u32::from_le_bytes(length);
        if length == u32::MAX {
            break;
        }
        if length as usize > MAX_ENTRY {
            return Err(damaged("an entry is too long"));
        }
        json.resize(length as usize, 0);
        file.read(&mut json)?;
        visit(&json)?;
        count += 1;
    }
    let (crc, mut expected) = (file.crc, [0; 4]);
    file.read(&mut expected)?;
    if crc != u32::from_le_bytes(expected) {
        return Err(damaged("its checksum is wrong"));
    }
    Ok(count)
}

/// A file and the checksum of what went through it.
struct Summed<F> {
    inner: F,
    crc: u32,
}

impl Summed<BufWriter<File>> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        self.inner.write_all(bytes)
    }
}

impl Summed<BufReader<File>> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.inner.read_exact(bytes)?;
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        Ok(())
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
        let read_whole = read(&path, |count| assert_eq!(count, 300), |entry| codes.push(entry.code));
        assert_eq!(read_whole.expect("whole"), 300);
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), 300);

        let whole = std::fs::read(&path).expect("readable");
        for at in [0, 9, 500, whole.len() - 1] {
            let mut torn = whole.clone();
            torn[at] ^= 1;
            std::fs::write(&path, &torn).expect("writable");
            assert!(read(&path, |_| (), |_| panic!("a damaged snapshot must not be believed")).is_err());
        }
        for len in [0, 3, 8, 20, whole.len() - 1] {
            std::fs::write(&path, &whole[..len]).expect("writable");
            assert!(read(&path, |_| (), |_| panic!("a torn snapshot must not be believed")).is_err());
        }
    }
}
