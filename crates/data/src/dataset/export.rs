//! Other formats of an opened dataset.

use std::{
    collections::BTreeSet,
    io::{BufRead, Write},
};

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// Writes JSON Lines as CSV (RFC 4180): one column for each member that occurs, by name; lists and objects as JSON.
///
/// `lines` is called twice, first for the columns: the rows are never all in memory.
pub fn write_csv<R: BufRead>(mut lines: impl FnMut() -> std::io::Result<R>, out: impl Write) -> Result<()> {
    let io_error = |source| Error::file("read", "the dataset's rows".as_ref(), source);
    let mut columns = BTreeSet::new();
    for line in lines().map_err(io_error)?.lines() {
        columns.extend(members(&line.map_err(io_error)?)?.into_iter().map(|(name, _)| name));
    }
    let csv_error = |error: csv::Error| Error::file("write", "the CSV file".as_ref(), std::io::Error::other(error));
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(&columns).map_err(csv_error)?;
    for line in lines().map_err(io_error)?.lines() {
        let row = members(&line.map_err(io_error)?)?;
        let cells = columns.iter().map(|name| match row.get(name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        });
        writer.write_record(cells).map_err(csv_error)?;
    }
    writer
        .flush()
        .map_err(|source| Error::file("write", "the CSV file".as_ref(), source))
}

fn members(line: &str) -> Result<Map<String, Value>> {
    serde_json::from_str(line).map_err(|error| Error::Malformed {
        what: "a row",
        why: error.to_string(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns() {
        let lines = "{\"a\":\"x, \\\"y\\\"\",\"url\":\"u\"}\n{\"b\":[1,\"z\"],\"url\":\"v\",\"a\":null}\n";
        let mut out = Vec::new();
        write_csv(|| Ok(lines.as_bytes()), &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "a,b,url\n\"x, \"\"y\"\"\",,u\n,\"[1,\"\"z\"\"]\",v\n"
        );
    }
}
