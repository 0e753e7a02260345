//! Files that are either whole or absent: what a killed process leaves is never taken for a result.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// Lets `write` fill a file that gets the name `path` when it is done, replacing what was there. Only its owner can read
/// it.
pub(crate) fn write_atomically(path: &Path, write: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    let mut file = temporary_beside(path)?;
    write(file.as_file_mut())?;
    file.persist(path)
        .map(|_| ())
        .map_err(|error| Error::file("write", path, error.error))
}

/// As [`write_atomically`], and on disk when it returns; with `fresh`, an existing file is an error and stays.
pub(crate) fn write_durably(path: &Path, bytes: &[u8], fresh: bool) -> Result<()> {
    let failed = |source| Error::file("write", path, source);
    let mut file = temporary_beside(path)?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(failed)?;
    if fresh {
        file.persist_noclobber(path).map_err(|error| failed(error.error))?;
    } else {
        file.persist(path).map_err(|error| failed(error.error))?;
    }
    // The name, too, has to survive a power cut.
    File::open(parent(path))
        .and_then(|folder| folder.sync_all())
        .map_err(failed)
}

fn temporary_beside(path: &Path) -> Result<NamedTempFile> {
    let folder = parent(path);
    std::fs::create_dir_all(&folder)
        .and_then(|()| NamedTempFile::new_in(&folder))
        .map_err(|source| Error::file("create a file beside", path, source))
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Makes `folder` exist and empty.
pub(crate) fn empty_folder(folder: &Path) -> Result<()> {
    remove_folder(folder)?;
    std::fs::create_dir_all(folder).map_err(|source| Error::file("create the folder", folder, source))
}

/// Removes `folder` if it is there.
pub(crate) fn remove_folder(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("remove the folder", folder, source))
        }
        _ => Ok(()),
    }
}

/// Writes `value` as JSON, atomically.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    write_atomically(path, |file| {
        let text = serde_json::to_vec(value).map_err(|error| Error::file("write", path, error.into()))?;
        file.write_all(&text)
            .map_err(|source| Error::file("write", path, source))
    })
}

/// Reads what [`write_json`] wrote; `None` if there is no such file.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match std::fs::read(path) {
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::file("read", path, source)),
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| Error::file("read", path, error.into())),
    }
}
