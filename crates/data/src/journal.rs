//! The journal of a shard: one line per finished page, appended as it is finished, so that a killed run goes on where it
//! stopped.
//!
//! Each line begins with the first 16 hexadecimal digits of the SHA-256 of the rest. A line that was cut short by the
//! kill, or damaged on disk, ends what is read; it and all behind it are dropped and fetched again.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use lumora_core::hash::sha256;
use serde::{Serialize, de::DeserializeOwned};

use crate::error::{Error, Result};

/// Digits of the checksum in front of a line.
const CHECKSUM_DIGITS: usize = 16;
/// Longest line that is read back.
const MAX_LINE: u64 = 64 << 20;

/// An open journal.
pub struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Opens the journal at `path` for the work that `identity` names, and returns the entries it holds. A journal of
    /// other work is emptied.
    pub fn open<T: DeserializeOwned>(path: &Path, identity: &str) -> Result<(Self, Vec<T>)> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| Error::file("create the folder", folder, source))?;
        }
        let error = |source| Error::file("open the journal", path, source);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(error)?;
        let (entries, good) = read(&file, identity).map_err(error)?;
        file.set_len(good).map_err(error)?;
        file.seek(SeekFrom::End(0)).map_err(error)?;
        let mut journal = Self {
            file,
            path: path.to_owned(),
        };
        if good == 0 {
            journal.write_line(identity)?;
        }
        Ok((journal, entries))
    }

    /// Appends an entry. It is with the operating system when this returns: killing the process does not lose it.
    pub fn append<T: Serialize>(&mut self, entry: &T) -> Result<()> {
        let text = serde_json::to_string(entry)
            .map_err(|source| Error::file("write the journal", &self.path, std::io::Error::other(source)))?;
        self.write_line(&text)
    }

    fn write_line(&mut self, text: &str) -> Result<()> {
        // In one write, so that two entries never mix.
        let line = format!("{} {text}\n", checksum(text));
        self.file
            .write_all(line.as_bytes())
            .map_err(|source| Error::file("write the journal", &self.path, source))
    }
}

fn checksum(text: &str) -> String {
    let mut digits = hex::encode(sha256(&[text.as_bytes()]));
    digits.truncate(CHECKSUM_DIGITS);
    digits
}

/// The entries, and the length of the file up to the last good one.
fn read<T: DeserializeOwned>(file: &File, identity: &str) -> std::io::Result<(Vec<T>, u64)> {
    let mut reader = BufReader::new(file);
    let mut entries = Vec::new();
    let mut good = 0;
    let mut is_first = true;
    loop {
        let mut line = Vec::new();
        let length = std::io::Read::take(&mut reader, MAX_LINE).read_until(b'\n', &mut line)?;
        let Some(text) = checked(&line) else {
            return Ok((entries, good));
        };
        if is_first {
            if text != identity {
                return Ok((entries, 0));
            }
            is_first = false;
        } else if let Ok(entry) = serde_json::from_str(text) {
            entries.push(entry);
        } else {
            return Ok((entries, good));
        }
        good += length as u64;
    }
}

fn checked(line: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (digits, text) = line.split_once(' ')?;
    (digits == checksum(text)).then_some(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn write(path: &Path, identity: &str, entries: &[String]) {
        let (mut journal, _) = Journal::open::<String>(path, identity).unwrap();
        for entry in entries {
            journal.append(entry).unwrap();
        }
    }

    #[test]
    fn entries_survive_and_other_work_starts_afresh() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/shard.journal");
        write(&path, "job 1", &["a".to_owned(), "b\n".to_owned()]);
        write(&path, "job 1", &["c".to_owned()]);
        let (_, entries) = Journal::open::<String>(&path, "job 1").unwrap();
        assert_eq!(entries, ["a", "b\n", "c"]);
        let (_, entries) = Journal::open::<String>(&path, "job 2").unwrap();
        assert!(entries.is_empty());
        let (_, entries) = Journal::open::<String>(&path, "job 2").unwrap();
        assert!(entries.is_empty());
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let Err(error) = Journal::open::<String>(&file.path().join("x"), "job") else {
            panic!("opened below a file")
        };
        assert!(error.to_string().contains(file.path().to_str().unwrap()), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// A kill leaves a file cut anywhere; a bad disk leaves a changed byte.
        #[test]
        fn whatever_is_lost_the_rest_is_read_and_can_be_continued(
            entries in prop::collection::vec(".{0,20}", 1..10), cut in any::<usize>(), damage in any::<Option<usize>>(),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("journal");
            write(&path, "job", &entries);
            let mut bytes = std::fs::read(&path).unwrap();
            bytes.truncate(cut % (bytes.len() + 1));
            if let Some(at) = damage.filter(|_| !bytes.is_empty()) {
                let length = bytes.len();
                bytes[at % length] ^= 1;
            }
            std::fs::write(&path, &bytes).unwrap();
            let (mut journal, kept) = Journal::open::<String>(&path, "job").unwrap();
            prop_assert!(entries.starts_with(&kept));
            for entry in &entries[kept.len()..] {
                journal.append(entry).unwrap();
            }
            prop_assert_eq!(Journal::open::<String>(&path, "job").unwrap().1, entries);
        }
    }
}
