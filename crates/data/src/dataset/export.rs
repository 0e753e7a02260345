//! The rows of an opened dataset in other formats: CSV (RFC 4180) and Parquet. The rows are read twice, first for the
//! columns, and never all in memory.

mod csv_file;
mod parquet_file;

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use serde_json::{Map, Value};

use super::{
    card::{Card, column_names},
    schema::{FieldSchema, Inference},
};
use crate::error::{Error, Result};

pub use csv_file::Formulas;

/// A format that datasets are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line, as it was sold: the only format that can be verified again.
    JsonLines,
    /// Columns by name; lists and objects as JSON.
    Csv(Formulas),
    /// Columns by name, with types.
    Parquet,
}

/// Writes the verified rows in the file `rows` to the file `to`, which appears when it is whole. `card` must describe
/// them.
pub fn export(rows: &Path, card: &Card, format: Format, to: &Path) -> Result<()> {
    let schema = columns(rows)?;
    // A card may name columns that no row has; a row has no columns that the card does not name.
    let named = column_names(&card.schema);
    let is_described = schema
        .iter()
        .all(|field| named.contains(field.name.as_str()) && card.schema.iter().any(|described| described == field));
    if !is_described {
        return Err(Error::CardMismatch { what: "columns" });
    }
    match format {
        Format::JsonLines => std::fs::copy(rows, to)
            .map(|_| ())
            .map_err(|source| Error::file("write", to, source)),
        Format::Csv(formulas) => csv_file::write(rows, &schema, formulas, to),
        Format::Parquet => parquet_file::write(rows, &schema, to),
    }
}

/// The columns that occur in the rows.
fn columns(rows: &Path) -> Result<Vec<FieldSchema>> {
    let mut inference = Inference::open();
    each_row(rows, |number, row| {
        inference.row(row).map_err(|misfit| Error::UnwritableRow {
            row: number,
            why: misfit.to_string(),
        })
    })?;
    Ok(inference.finish())
}

fn each_row(path: &Path, mut use_row: impl FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
    let failed = |source| Error::file("read", path, source);
    let mut rows = BufReader::with_capacity(1 << 20, File::open(path).map_err(failed)?);
    let (mut row, mut number) = (Vec::new(), 0);
    while rows.read_until(b'\n', &mut row).map_err(failed)? > 0 {
        use_row(number, row.strip_suffix(b"\n").unwrap_or(&row))?;
        row.clear();
        number += 1;
    }
    Ok(())
}

fn each_record(path: &Path, mut use_record: impl FnMut(u64, Map<String, Value>) -> Result<()>) -> Result<()> {
    each_row(path, |number, row| {
        let record = serde_json::from_slice(row).map_err(|error| Error::UnwritableRow {
            row: number,
            why: error.to_string(),
        })?;
        use_record(number, record)
    })
}
