//! Sorting more than fits in memory: sorted runs of bounded size on disk, merged when they are read.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, Result},
    files,
};

/// Runs that are merged at once: each takes an open file and a buffer.
const FAN_IN: usize = 128;
const RUN_BUFFER: usize = 64 << 10;

/// What can be sorted on disk.
pub(crate) trait Item: Ord + Sized {
    /// Appends the item.
    fn write(&self, out: &mut impl Write) -> io::Result<()>;
    /// Reads the item that begins with `first`, the first byte of what [`Item::write`] wrote.
    fn read(first: u8, input: &mut impl Read) -> io::Result<Self>;
    /// Bytes that it takes in memory, about.
    fn size(&self) -> usize;
}

/// Writes `items`, which must be sorted, as the run `path`. A run that is there is complete: it gets its name last.
pub(crate) fn write_run<T: Item>(path: &Path, items: impl IntoIterator<Item = Result<T>>) -> Result<()> {
    files::write_atomically(path, |file| {
        let mut out = BufWriter::with_capacity(RUN_BUFFER, file);
        for item in items {
            item?
                .write(&mut out)
                .map_err(|source| Error::file("write", path, source))?;
        }
        out.flush().map_err(|source| Error::file("write", path, source))
    })
}

/// A run that is read.
struct Run {
    input: BufReader<File>,
    path: PathBuf,
}

impl Run {
    fn open(path: PathBuf) -> Result<Self> {
        let file = File::open(&path).map_err(|source| Error::file("read", &path, source))?;
        Ok(Self {
            input: BufReader::with_capacity(RUN_BUFFER, file),
            path,
        })
    }

    fn next<T: Item>(&mut self) -> Result<Option<T>> {
        let mut first = [0];
        let read = loop {
            match self.input.read(&mut first) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        match read {
            Ok(0) => Ok(None),
            Ok(_) => T::read(first[0], &mut self.input).map(Some),
            Err(error) => Err(error),
        }
        .map_err(|source| Error::file("read", &self.path, source))
    }
}

/// The items of several runs in order.
pub(crate) struct Merge<T> {
    runs: Vec<Run>,
    /// The next item of each run; the number of the run decides between equal items.
    next: BinaryHeap<Reverse<(T, usize)>>,
}

impl<T: Item> Merge<T> {
    /// Merges `runs`; when they are many, first into fewer in `folder`.
    pub(crate) fn new(runs: Vec<PathBuf>, folder: &Path) -> Result<Self> {
        let (mut runs, mut made) = (runs, 0);
        while runs.len() > FAN_IN {
            let rest = runs.split_off(FAN_IN);
            let merged = folder.join(format!("merged-{made}"));
            made += 1;
            // Left by a killed process that had the same runs.
            if !merged.exists() {
                write_run(&merged, Self::of_few(runs)?)?;
            }
            runs = rest;
            runs.push(merged);
        }
        Self::of_few(runs)
    }

    fn of_few(paths: Vec<PathBuf>) -> Result<Self> {
        let mut merge = Self {
            runs: paths.into_iter().map(Run::open).collect::<Result<_>>()?,
            next: BinaryHeap::new(),
        };
        for (number, run) in merge.runs.iter_mut().enumerate() {
            merge.next.extend(run.next()?.map(|item| Reverse((item, number))));
        }
        Ok(merge)
    }

    fn advance(&mut self) -> Result<Option<T>> {
        let Some(mut least) = self.next.peek_mut() else {
            return Ok(None);
        };
        let Some(run) = self.runs.get_mut(least.0.1) else {
            return Ok(None);
        };
        Ok(Some(match run.next()? {
            Some(following) => std::mem::replace(&mut least.0.0, following),
            None => PeekMut::pop(least).0.0,
        }))
    }
}

impl<T: Item> Iterator for Merge<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

/// Sorts items that come one after the other.
pub(crate) struct Sorter<T> {
    folder: PathBuf,
    budget: usize,
    items: Vec<T>,
    size: usize,
    runs: Vec<PathBuf>,
}

impl<T: Item> Sorter<T> {
    /// A sorter that keeps at most about `budget` bytes in memory and the rest in files of the new folder `folder`.
    pub(crate) fn new(folder: PathBuf, budget: usize) -> Result<Self> {
        files::empty_folder(&folder)?;
        Ok(Self {
            folder,
            budget,
            items: Vec::new(),
            size: 0,
            runs: Vec::new(),
        })
    }

    pub(crate) fn push(&mut self, item: T) -> Result<()> {
        self.size += item.size();
        self.items.push(item);
        if self.size < self.budget {
            return Ok(());
        }
        self.spill()
    }

    fn spill(&mut self) -> Result<()> {
        let path = self.folder.join(format!("run-{}", self.runs.len()));
        self.items.sort_unstable();
        write_run(&path, self.items.drain(..).map(Ok))?;
        self.runs.push(path);
        self.size = 0;
        Ok(())
    }

    /// The items in order.
    pub(crate) fn finish(mut self) -> Result<Merge<T>> {
        self.spill()?;
        // The memory goes to whoever reads.
        drop(self.items);
        Merge::new(self.runs, &self.folder)
    }
}

/// A number on disk.
impl Item for u64 {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.to_le_bytes())
    }

    fn read(first: u8, input: &mut impl Read) -> io::Result<Self> {
        let mut bytes = [first; 8];
        input.read_exact(&mut bytes[1..])?;
        Ok(Self::from_le_bytes(bytes))
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn everything_comes_out_once_and_in_order(numbers in prop::collection::vec(any::<u64>(), 0..3_000), budget in 8usize..4_000) {
            let folder = tempfile::tempdir().unwrap();
            let mut sorter = Sorter::new(folder.path().join("sort"), budget).unwrap();
            for number in &numbers {
                sorter.push(*number).unwrap();
            }
            let sorted: Vec<u64> = sorter.finish().unwrap().map(Result::unwrap).collect();
            let mut expected = numbers;
            expected.sort_unstable();
            prop_assert_eq!(sorted, expected);
        }
    }

    #[test]
    fn a_run_that_was_cut_short_is_an_error_and_not_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        write_run(&path, [1u64, 2, 3].map(Ok)).unwrap();
        std::fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(20)
            .unwrap();
        let read: Result<Vec<u64>> = Merge::new(vec![path], folder.path()).unwrap().collect();
        assert!(matches!(read, Err(Error::File { .. })), "{read:?}");
    }
}
