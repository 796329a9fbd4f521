//! Clicks as rows of Parquet: what each column is called, of which type, and where it comes from.

use std::fs::File;
use std::sync::Arc;

use common::ids::Lane;
use common::traffic::Country;
use common::wire::{Record, RecordFlags};
use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

/// The columns. `lane` and `seq` are a click's identity; hashes are keyed, `visitor` with a key that changes every month.
const SCHEMA: &str = "message click {
    required int64 clicked_at (TIMESTAMP(MICROS, true));
    required int32 lane (INTEGER(16, false));
    required int64 seq;
    required int64 link_id;
    required int64 vendor_id;
    required boolean filtered;
    required boolean stale_catalog;
    required int64 visitor (INTEGER(64, false));
    optional int64 source (INTEGER(64, false));
    required int32 address (INTEGER(32, false));
    required int32 agent (INTEGER(32, false));
    optional binary country (UTF8);
    required binary device (UTF8);
    required binary browser (UTF8);
    required binary os (UTF8);
    required binary channel (UTF8);
}";

/// Clicks that are kept in memory and written as one group: 8 MiB of them, enough for readers to skip by.
const GROUP: usize = 1 << 17;

/// Rows on their way into a file.
pub(super) struct Rows {
    lane: Lane,
    file: SerializedFileWriter<File>,
    waiting: Vec<Record>,
}

impl Rows {
    /// Begins a file of one lane's clicks.
    pub(super) fn begin(lane: Lane, file: File) -> Result<Self, ParquetError> {
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("linkledger ", env!("CARGO_PKG_VERSION")).to_owned());
        let file = SerializedFileWriter::new(file, schema, Arc::new(properties.build()))?;
        Ok(Self { lane, file, waiting: Vec::new() })
    }

    /// Adds a row.
    pub(super) fn push(&mut self, record: Record) -> Result<(), ParquetError> {
        self.waiting.push(record);
        if self.waiting.len() == GROUP { self.write_group() } else { Ok(()) }
    }

    /// Ends the file, which is handed back.
    pub(super) fn finish(mut self) -> Result<File, ParquetError> {
        if !self.waiting.is_empty() {
            self.write_group()?;
        }
        self.file.into_inner()
    }

    /// Writes what waits, column by column in the order of [`SCHEMA`].
    fn write_group(&mut self) -> Result<(), ParquetError> {
        let lane = i32::from(self.lane.0);
        let flag = |flag| move |click: &Record| click.flags.has(flag);
        let name = |name: &'static str| ByteArray::from(name);
        let mut group = Group { group: self.file.next_row_group()?, clicks: &self.waiting };
        group.required::<Int64Type>(|click| click.at_us.cast_signed())?;
        group.required::<Int32Type>(|_| lane)?;
        group.required::<Int64Type>(|click| click.seq.0.cast_signed())?;
        group.required::<Int64Type>(|click| click.link.0.cast_signed())?;
        group.required::<Int64Type>(|click| i64::from(click.vendor.0))?;
        group.required::<BoolType>(flag(RecordFlags::BOT))?;
        group.required::<BoolType>(flag(RecordFlags::STALE_CATALOG))?;
        group.required::<Int64Type>(|click| click.visitor.cast_signed())?;
        group.optional::<Int64Type>(|click| (click.source != 0).then_some(click.source.cast_signed()))?;
        group.required::<Int32Type>(|click| click.prefix.cast_signed())?;
        group.required::<Int32Type>(|click| click.agent.cast_signed())?;
        group.optional::<ByteArrayType>(|click| {
            (click.country != Country::UNKNOWN).then(|| ByteArray::from(click.country.to_string().as_str()))
        })?;
        group.required::<ByteArrayType>(|click| name(click.device.name()))?;
        group.required::<ByteArrayType>(|click| name(click.browser.name()))?;
        group.required::<ByteArrayType>(|click| name(click.os.name()))?;
        group.required::<ByteArrayType>(|click| name(click.channel.name()))?;
        group.group.close()?;
        self.waiting.clear();
        Ok(())
    }
}

/// A group of rows, whose columns are written one after another.
struct Group<'file, 'clicks> {
    group: SerializedRowGroupWriter<'file, File>,
    clicks: &'clicks [Record],
}

impl Group<'_, '_> {
    fn required<T: DataType>(&mut self, value: impl Fn(&Record) -> T::T) -> Result<(), ParquetError> {
        let values: Vec<T::T> = self.clicks.iter().map(value).collect();
        self.write::<T>(&values, None)
    }

    fn optional<T: DataType>(&mut self, value: impl Fn(&Record) -> Option<T::T>) -> Result<(), ParquetError> {
        let values: Vec<Option<T::T>> = self.clicks.iter().map(value).collect();
        let there: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
        let values: Vec<T::T> = values.into_iter().flatten().collect();
        self.write::<T>(&values, Some(&there))
    }

    fn write<T: DataType>(&mut self, values: &[T::T], there: Option<&[i16]>) -> Result<(), ParquetError> {
        let mut column =
            self.group.next_column()?.ok_or_else(|| ParquetError::General("a column too many".to_owned()))?;
        column.typed::<T>().write_batch(values, there, None)?;
        column.close()
    }
}
