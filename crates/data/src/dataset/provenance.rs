//! Where the rows come from, as it is stored: one entry for each record of each shard in the order of the dataset,
//! encrypted, for an entry of a record that was left out is a hash that could be guessed.
//!
//! A shard's records stand in the dataset's order in the shard itself, too. So the entries name every shard's leaves in
//! order, and whoever has the rows computes the result root that the node revealed on chain, for all shards at once and
//! with a few hashes of memory for each.

use std::io::{self, Read, Write};

use lumora_core::{hash::Hash, provenance::Leaf};
use serde::{Deserialize, Serialize};

use crate::shard::RobotsNote;

/// A shard of the dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Address of the job.
    #[serde(with = "hex::serde")]
    pub job: [u8; 32],
    /// Number of the shard.
    pub shard: u32,
    /// Address of the node.
    #[serde(with = "hex::serde")]
    pub node: [u8; 32],
    /// The result root that the node revealed.
    #[serde(with = "hex::serde")]
    pub result_root: Hash,
    /// Records under that root, those included that were left out of the dataset as duplicates.
    pub records: u64,
}

/// What is known of one record of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// It is the dataset's next row.
    Row(RowSource),
    /// It was left out, because another row has the same content.
    LeftOut {
        /// Number of its shard among the origins.
        origin: u32,
        /// Its leaf under the shard's result root.
        leaf: Hash,
    },
}

/// Where a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowSource {
    /// Number of its shard among the origins.
    pub(crate) origin: u32,
    /// Unix time of the fetch.
    pub(crate) fetched_at: i64,
    /// What robots.txt said.
    pub(crate) robots: RobotsNote,
}

const ROW_NO_RULES: u8 = 0;
const ROW_ALLOWED: u8 = 1;
const LEFT_OUT: u8 = 2;

impl Entry {
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Row(row) => {
                let tag = match row.robots {
                    RobotsNote::NoRules => ROW_NO_RULES,
                    RobotsNote::Allowed => ROW_ALLOWED,
                };
                out.write_all(&[tag])?;
                out.write_all(&row.origin.to_le_bytes())?;
                out.write_all(&row.fetched_at.to_le_bytes())
            }
            Self::LeftOut { origin, leaf } => {
                out.write_all(&[LEFT_OUT])?;
                out.write_all(&origin.to_le_bytes())?;
                out.write_all(leaf)
            }
        }
    }

    /// The next entry; `None` at the end. What is cut short or has no meaning is an error.
    pub(crate) fn read(input: &mut impl Read) -> io::Result<Option<Self>> {
        let mut tag = [0];
        loop {
            match input.read(&mut tag) {
                Ok(0) => return Ok(None),
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let mut origin = [0; 4];
        input.read_exact(&mut origin)?;
        let origin = u32::from_le_bytes(origin);
        let robots = match tag[0] {
            ROW_NO_RULES => RobotsNote::NoRules,
            ROW_ALLOWED => RobotsNote::Allowed,
            LEFT_OUT => {
                let mut leaf = [0; 32];
                input.read_exact(&mut leaf)?;
                return Ok(Some(Self::LeftOut { origin, leaf }));
            }
            tag => {
                let why = format!("an entry begins with {tag}, which has no meaning");
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
        };
        let mut fetched_at = [0; 8];
        input.read_exact(&mut fetched_at)?;
        Ok(Some(Self::Row(RowSource {
            origin,
            fetched_at: i64::from_le_bytes(fetched_at),
            robots,
        })))
    }
}

impl RowSource {
    /// The provenance leaf of a row with these hashes.
    pub(crate) fn leaf(&self, origin: &Origin, record_hash: Hash, url_hash: Hash) -> Leaf {
        Leaf {
            record_hash,
            url_hash,
            fetched_at: self.fetched_at,
            robots: self.robots.into(),
            node: origin.node,
            job: origin.job,
            shard: origin.shard,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry() -> impl Strategy<Value = Entry> {
        prop_oneof![
            (any::<u32>(), any::<i64>(), any::<bool>()).prop_map(|(origin, fetched_at, rules)| Entry::Row(RowSource {
                origin,
                fetched_at,
                robots: if rules {
                    RobotsNote::Allowed
                } else {
                    RobotsNote::NoRules
                },
            })),
            (any::<u32>(), any::<Hash>()).prop_map(|(origin, leaf)| Entry::LeftOut { origin, leaf }),
        ]
    }

    proptest! {
        #[test]
        fn entries_read_back_and_a_cut_is_noticed(entries in prop::collection::vec(entry(), 1..20), cut in 1usize..13) {
            let mut bytes = Vec::new();
            for entry in &entries {
                entry.write(&mut bytes).unwrap();
            }
            let mut input = bytes.as_slice();
            for entry in &entries {
                prop_assert_eq!(Entry::read(&mut input).unwrap(), Some(*entry));
            }
            prop_assert_eq!(Entry::read(&mut input).unwrap(), None);

            let mut input = &bytes[..bytes.len() - cut.min(12)];
            let last = entries.iter().map(|_| Entry::read(&mut input)).last().unwrap();
            prop_assert!(last.is_err());
        }

        #[test]
        fn any_bytes_are_entries_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut input = bytes.as_slice();
            while let Ok(Some(_)) = Entry::read(&mut input) {}
        }
    }
}
