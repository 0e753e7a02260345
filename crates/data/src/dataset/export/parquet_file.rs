//! Parquet, in row groups of bounded size.

use std::{path::Path, sync::Arc};

use arrow_array::{
    ArrayRef, RecordBatch,
    builder::{BooleanBuilder, Float64Builder, Int64Builder, ListBuilder, StringBuilder},
};
use arrow_schema::{DataType, Field, Schema};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};
use serde_json::Value;

use super::each_record;
use crate::{
    dataset::schema::{FieldSchema, Kind},
    error::{Error, Result},
    files,
};

/// Rows and bytes after which a batch goes to the encoder.
const BATCH_ROWS: usize = 4_096;
const BATCH_BYTES: usize = 8 << 20;
/// Encoded bytes after which a row group is written.
const ROW_GROUP_BYTES: usize = 16 << 20;

pub(super) fn write(rows: &Path, schema: &[FieldSchema], to: &Path) -> Result<()> {
    let failed = |error: parquet::errors::ParquetError| Error::file("write", to, std::io::Error::other(error));
    let arrow_schema = Arc::new(Schema::new(schema.iter().map(arrow_field).collect::<Vec<_>>()));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by("lumora".to_owned())
        .build();
    files::write_atomically(to, |file| {
        let mut out = ArrowWriter::try_new(file, Arc::clone(&arrow_schema), Some(properties)).map_err(failed)?;
        let mut batch = Batch::new(schema);
        let mut write_batch = |batch: &mut Batch<'_>| -> Result<()> {
            let columns = batch.take();
            let columns =
                RecordBatch::try_new(Arc::clone(&arrow_schema), columns).map_err(|error| failed(error.into()))?;
            out.write(&columns).map_err(failed)?;
            if out.in_progress_size() >= ROW_GROUP_BYTES {
                out.flush().map_err(failed)?;
            }
            Ok(())
        };
        each_record(rows, |number, mut record| {
            for (field, column) in schema.iter().zip(&mut batch.columns) {
                let value = record.remove(&field.name).unwrap_or_default();
                batch.bytes += column.push(value).ok_or_else(|| Error::UnwritableRow {
                    row: number,
                    why: format!(
                        "its `{}` is not what it was when the columns were looked through",
                        field.name
                    ),
                })?;
            }
            batch.rows += 1;
            if batch.rows == BATCH_ROWS || batch.bytes >= BATCH_BYTES {
                write_batch(&mut batch)?;
            }
            Ok(())
        })?;
        if batch.rows > 0 {
            write_batch(&mut batch)?;
        }
        out.close().map(|_| ()).map_err(failed)
    })
}

fn arrow_field(field: &FieldSchema) -> Field {
    let kind = match field.kind {
        Kind::Boolean => DataType::Boolean,
        Kind::Integer => DataType::Int64,
        Kind::Number => DataType::Float64,
        Kind::Text | Kind::Json => DataType::Utf8,
        Kind::TextList => DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
    };
    Field::new(&field.name, kind, true)
}

/// Rows on their way to the encoder.
struct Batch<'a> {
    schema: &'a [FieldSchema],
    columns: Vec<Column>,
    rows: usize,
    bytes: usize,
}

impl<'a> Batch<'a> {
    fn new(schema: &'a [FieldSchema]) -> Self {
        Self {
            schema,
            columns: schema.iter().map(Column::new).collect(),
            rows: 0,
            bytes: 0,
        }
    }

    /// The columns so far; the batch starts again.
    fn take(&mut self) -> Vec<ArrayRef> {
        let full = std::mem::replace(self, Self::new(self.schema));
        full.columns.into_iter().map(Column::finish).collect()
    }
}

/// A column that is being filled.
enum Column {
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Number(Float64Builder),
    Text(StringBuilder),
    TextList(ListBuilder<StringBuilder>),
    Json(StringBuilder),
}

impl Column {
    fn new(field: &FieldSchema) -> Self {
        match field.kind {
            Kind::Boolean => Self::Boolean(BooleanBuilder::new()),
            Kind::Integer => Self::Integer(Int64Builder::new()),
            Kind::Number => Self::Number(Float64Builder::new()),
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::TextList => Self::TextList(ListBuilder::new(StringBuilder::new())),
            Kind::Json => Self::Json(StringBuilder::new()),
        }
    }

    /// Adds a value and says how many bytes it takes; `None` for a value of another kind.
    fn push(&mut self, value: Value) -> Option<usize> {
        const NUMBER: usize = size_of::<u64>();
        Some(match (self, value) {
            (Self::Boolean(column), value) => {
                column.append_option(nullable(&value, Value::as_bool)?);
                1
            }
            (Self::Integer(column), value) => {
                column.append_option(nullable(&value, Value::as_i64)?);
                NUMBER
            }
            (Self::Number(column), value) => {
                column.append_option(nullable(&value, Value::as_f64)?);
                NUMBER
            }
            (Self::Text(column), value) => {
                let text = nullable(&value, Value::as_str)?;
                column.append_option(text);
                NUMBER + text.map_or(0, str::len)
            }
            (Self::TextList(column), Value::Null) => {
                column.append_null();
                NUMBER
            }
            (Self::TextList(column), Value::Array(items)) => {
                let mut bytes = NUMBER;
                for item in &items {
                    let text = item.as_str()?;
                    column.values().append_value(text);
                    bytes += NUMBER + text.len();
                }
                column.append(true);
                bytes
            }
            (Self::TextList(_), _) => return None,
            (Self::Json(column), Value::Null) => {
                column.append_null();
                NUMBER
            }
            (Self::Json(column), value) => {
                let text = value.to_string();
                column.append_value(&text);
                NUMBER + text.len()
            }
        })
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Boolean(mut column) => Arc::new(column.finish()),
            Self::Integer(mut column) => Arc::new(column.finish()),
            Self::Number(mut column) => Arc::new(column.finish()),
            Self::Text(mut column) | Self::Json(mut column) => Arc::new(column.finish()),
            Self::TextList(mut column) => Arc::new(column.finish()),
        }
    }
}

/// The value as `read` takes it, or nothing for null; `None` for a value of another kind.
fn nullable<'a, T>(value: &'a Value, read: impl FnOnce(&'a Value) -> Option<T>) -> Option<Option<T>> {
    if value.is_null() {
        Some(None)
    } else {
        read(value).map(Some)
    }
}
