//! Reading a journal folder from outside: of a running edge or a dead one, for audits and tests.

use std::io;
use std::path::Path;

use common::ids::Lane;
use common::wire::Record;

use super::file::{Found, SegmentFile};
use super::folder::{self, Folder};

/// What a folder held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Survey {
    /// Lanes with a folder.
    pub lanes: usize,
    /// Segments with a whole header.
    pub segments: usize,
    /// Records visited.
    pub records: u64,
    /// Files that are neither segments nor spares.
    pub unreadable: usize,
}

/// Visits every record below a journal's root, lane by lane, oldest first. Takes no lock and changes nothing.
///
/// Records that are not whole are passed over. Whatever the bytes are, this ends without a panic;
/// errors are those of the file system.
pub fn read_dir(root: &Path, mut visit: impl FnMut(Lane, &Record)) -> io::Result<Survey> {
    let mut survey = Survey::default();
    for lane in folder::lanes_below(root)? {
        survey.lanes += 1;
        for segment in segments_of(&Folder::path_of(root, lane), &mut survey)? {
            if segment.header.lane != lane {
                survey.unreadable += 1;
                continue;
            }
            survey.segments += 1;
            segment.read_whole(|record| {
                survey.records += 1;
                visit(lane, record);
            })?;
        }
    }
    Ok(survey)
}

fn segments_of(folder: &Path, survey: &mut Survey) -> io::Result<Vec<SegmentFile>> {
    let mut segments = Vec::new();
    for (_, path) in folder::segment_files(folder)? {
        match SegmentFile::open(&path) {
            Ok(Found::Segment(segment)) => segments.push(segment),
            Ok(Found::Spare) => {}
            Ok(Found::Unreadable) => survey.unreadable += 1,
            // Deleted since the folder was listed: the edge is running.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    segments.sort_by_key(|segment| segment.header.first_seq());
    Ok(segments)
}
