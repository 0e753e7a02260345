//! CSV, by RFC 4180.

use std::path::Path;

use serde_json::Value;

use super::each_record;
use crate::{
    dataset::schema::FieldSchema,
    error::{Error, Result},
    files,
};

/// What becomes of text that a spreadsheet would take for a formula. Whoever wrote a page that was collected could
/// otherwise run formulas on the buyer's machine ("CSV injection").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Formulas {
    /// An apostrophe is put in front, which spreadsheets do not show.
    #[default]
    Defused,
    /// Text stays as it is: for programs that read CSV.
    Kept,
}

impl Formulas {
    fn cell(self, text: String) -> String {
        // Tab and carriage return are skipped by spreadsheets before they look; the full-width signs are signs to some.
        let begins_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
        match self {
            Self::Defused if begins_formula => format!("'{text}"),
            _ => text,
        }
    }
}

pub(super) fn write(rows: &Path, schema: &[FieldSchema], formulas: Formulas, to: &Path) -> Result<()> {
    let failed = |error: csv::Error| Error::file("write", to, std::io::Error::other(error));
    files::write_atomically(to, |file| {
        let mut out = csv::WriterBuilder::new().buffer_capacity(1 << 20).from_writer(file);
        let names = schema.iter().map(|field| formulas.cell(field.name.clone()));
        out.write_record(names).map_err(failed)?;
        each_record(rows, |_, record| {
            let cells = schema.iter().map(|field| match record.get(&field.name) {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => formulas.cell(text.clone()),
                // A number is no formula, and JSON begins with a bracket or a letter.
                Some(other) => other.to_string(),
            });
            out.write_record(cells).map_err(failed)
        })?;
        out.flush().map_err(|source| Error::file("write", to, source))
    })
}
