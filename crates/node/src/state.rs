//! What a node must not forget. The chain says what it holds and how far each assignment is; here is only what the
//! chain cannot say: results that are ready to be committed or revealed, and measurements that were taken.
//!
//! Every write is one durable transaction, and a result is written before its commitment is sent: a process killed at
//! any point finds either no result (and runs the shard again) or the very result that it committed to.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use borsh::{BorshDeserialize, BorshSerialize};
use lumora_core::{
    hash::Hash,
    result::{Opening, Secret, Slot, WORDS},
    sketch::{LANES, Sketch},
};
use lumora_interface::Address;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, backends::InMemoryBackend};

use crate::error::{Error, Result};

type Key = &'static [u8; 32];

/// Address of the node's account, under the id of the network: whose state this is.
const IDENTITY: TableDefinition<&str, &[u8; 32]> = TableDefinition::new("identity");
/// Borsh of [`Prepared`], under the address of the assignment. (Table `prepared` of earlier versions held results of one
/// word; what was committed to then cannot be shown any more.)
const PREPARED: TableDefinition<Key, &[u8]> = TableDefinition::new("prepared by word");
/// Encoded signed receipt, under epoch, round and challenger. Empty when the round was given up.
const MEASURED: TableDefinition<(u64, u32, [u8; 32]), &[u8]> = TableDefinition::new("measured");

/// Bytes that the node moved in a month of its owner's data plan, under the first day of that month (days since 1970).
const VOLUME: TableDefinition<i64, u64> = TableDefinition::new("volume");

/// Epochs of measurements that are kept: enough to show an oracle's receipt in a dispute.
const EPOCHS_KEPT: u64 = 64;

/// A shard's result, ready to be committed to.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Prepared {
    /// Address of the job.
    pub job: [u8; 32],
    /// Shard of the job.
    pub shard: u32,
    /// Replica of the shard.
    pub replica: u8,
    /// When the assignment was claimed: tells it from an earlier one of the same replica, which expired.
    pub claimed_at: i64,
    /// Merkle root of the canonical records.
    pub result_root: Hash,
    /// Words of the records' similarity sketch.
    pub words: [[u64; LANES]; WORDS],
    /// Number of records.
    pub records: u32,
    /// Random bytes that keep each word from being guessed.
    pub salts: [[u8; 32]; WORDS],
    /// What is committed to.
    pub commitment: Hash,
    /// Digest in the content identifier of the sealed result.
    pub sealed: Hash,
}

impl Prepared {
    /// A result with its commitment, which the program computes again at the first reveal.
    pub fn new(
        slot: &Slot<'_>,
        claimed_at: i64,
        result_root: Hash,
        records: u32,
        secret: &Secret,
        sealed: Hash,
    ) -> Self {
        Self {
            job: *slot.job,
            shard: slot.shard,
            replica: slot.replica,
            claimed_at,
            result_root,
            words: secret.words.map(|word| word.0),
            records,
            salts: secret.salts,
            commitment: secret.commitment(slot, &result_root, records),
            sealed,
        }
    }

    /// What shows a word; `None` where all words are shown.
    pub fn opening(&self, word: u8) -> Option<Opening> {
        let secret = Secret {
            words: self.words.map(Sketch),
            salts: self.salts,
        };
        secret.opening(usize::from(word))
    }
}

/// The node's state on disk. Cheap to clone.
#[derive(Clone)]
pub struct State {
    database: Arc<Database>,
    path: Arc<PathBuf>,
}

impl State {
    /// Opens the state in `folder`, making it if it is not there, and checks that it is this node's on this network.
    pub fn open(folder: &Path, network_id: &[u8; 32], node: &Address) -> Result<Self> {
        let path = folder.join("state.redb");
        std::fs::create_dir_all(folder).map_err(|source| Error::File {
            path: folder.to_owned(),
            source,
        })?;
        let database = Database::create(&path).map_err(|error| failed(&path, "opened", error.into()))?;
        let state = Self {
            database: Arc::new(database),
            path: Arc::new(path),
        };
        state.claim_for(network_id, node)?;
        Ok(state)
    }

    /// A state that lasts as long as the process.
    pub fn in_memory() -> Result<Self> {
        let path = PathBuf::from("in memory");
        let database = Database::builder()
            .create_with_backend(InMemoryBackend::new())
            .map_err(|error| failed(&path, "opened", error.into()))?;
        let state = Self {
            database: Arc::new(database),
            path: Arc::new(path),
        };
        state.claim_for(&[0; 32], &Address::default())?;
        Ok(state)
    }

    fn claim_for(&self, network_id: &[u8; 32], node: &Address) -> Result<()> {
        let foreign = self.write("claimed", |transaction| {
            let mut table = transaction.open_table(IDENTITY)?;
            let stored = |name: &str, table: &redb::Table<&str, &[u8; 32]>| -> redb_result::Result<Option<[u8; 32]>> {
                Ok(table.get(name)?.map(|found| *found.value()))
            };
            let (network, found) = (stored("network", &table)?, stored("node", &table)?);
            match (network, found) {
                (Some(network), Some(found)) if network == *network_id && found == node.to_bytes() => {}
                (None, None) => {
                    table.insert("network", network_id)?;
                    table.insert("node", node.as_array())?;
                }
                (_, found) => return Ok(Some(found.unwrap_or_default())),
            }
            // A reader meets all tables from the start on.
            transaction.open_table(PREPARED)?;
            transaction.open_table(MEASURED)?;
            transaction.open_table(VOLUME)?;
            Ok(None)
        })?;
        match foreign {
            None => Ok(()),
            Some(found) => Err(Error::ForeignState {
                path: self.path.to_path_buf(),
                expected: *node,
                found: Address::new_from_array(found),
            }),
        }
    }

    /// Remembers a result. Durable when this returns.
    pub fn keep_result(&self, assignment: &Address, result: &Prepared) -> Result<()> {
        let bytes = borsh::to_vec(result).expect("writing to a vector cannot fail");
        self.write("written", |transaction| {
            transaction
                .open_table(PREPARED)?
                .insert(assignment.as_array(), bytes.as_slice())?;
            Ok(())
        })
    }

    /// Forgets results whose assignments have ended.
    pub fn drop_results(&self, assignments: &[Address]) -> Result<()> {
        if assignments.is_empty() {
            return Ok(());
        }
        self.write("written", |transaction| {
            let mut table = transaction.open_table(PREPARED)?;
            for assignment in assignments {
                table.remove(assignment.as_array())?;
            }
            Ok(())
        })
    }

    /// All results that wait for their commitment, reveal or settlement.
    pub fn results(&self) -> Result<BTreeMap<Address, Prepared>> {
        let entries = self.read(|transaction| {
            let table = transaction.open_table(PREPARED)?;
            let mut entries = Vec::new();
            for entry in table.iter()? {
                let (key, value) = entry?;
                entries.push((*key.value(), value.value().to_vec()));
            }
            Ok(entries)
        })?;
        entries
            .into_iter()
            .map(|(key, value)| {
                let result = borsh::from_slice(&value).map_err(|_| Error::StateEntry { what: "result" })?;
                Ok((Address::new_from_array(key), result))
            })
            .collect()
    }

    /// Remembers that a challenger is done with in a round: with its receipt, or given up (`None`). Forgets old epochs.
    pub fn keep_measurement(&self, epoch: u64, round: u32, oracle: &Address, receipt: Option<&[u8]>) -> Result<()> {
        self.write("written", |transaction| {
            let mut table = transaction.open_table(MEASURED)?;
            table.insert((epoch, round, oracle.to_bytes()), receipt.unwrap_or_default())?;
            if let Some(oldest) = epoch.checked_sub(EPOCHS_KEPT) {
                table.retain_in(..(oldest, 0, [0; 32]), |_, _| false)?;
            }
            Ok(())
        })
    }

    /// Rounds and challengers of an epoch that are done with.
    pub fn measured(&self, epoch: u64) -> Result<BTreeSet<(u32, Address)>> {
        self.read(|transaction| {
            let table = transaction.open_table(MEASURED)?;
            let mut done = BTreeSet::new();
            for entry in table.range((epoch, 0, [0; 32])..=(epoch, u32::MAX, [u8::MAX; 32]))? {
                let (key, _) = entry?;
                let (_, round, oracle) = key.value();
                done.insert((round, Address::new_from_array(oracle)));
            }
            Ok(done)
        })
    }

    /// The encoded receipt of a measurement, if there is one.
    pub fn receipt(&self, epoch: u64, round: u32, oracle: &Address) -> Result<Option<Vec<u8>>> {
        self.read(|transaction| {
            let table = transaction.open_table(MEASURED)?;
            let found = table.get((epoch, round, oracle.to_bytes()))?;
            Ok(found
                .map(|receipt| receipt.value().to_vec())
                .filter(|receipt| !receipt.is_empty()))
        })
    }

    /// Adds to the bytes moved in the month that began on `first_day` (days since 1970). Returns their sum.
    pub fn add_volume(&self, first_day: i64, bytes: u64) -> Result<u64> {
        self.write("written", |transaction| {
            let mut table = transaction.open_table(VOLUME)?;
            let before = table.get(first_day)?.map_or(0, |found| found.value());
            let after = before.saturating_add(bytes);
            table.insert(first_day, after)?;
            Ok(after)
        })
    }

    /// Bytes moved in the month that began on `first_day` (days since 1970).
    pub fn volume(&self, first_day: i64) -> Result<u64> {
        self.read(|transaction| {
            let found = transaction.open_table(VOLUME)?.get(first_day)?;
            Ok(found.map_or(0, |found| found.value()))
        })
    }

    fn write<T>(
        &self,
        action: &'static str,
        change: impl FnOnce(&redb::WriteTransaction) -> redb_result::Result<T>,
    ) -> Result<T> {
        let run = || -> redb_result::Result<T> {
            let transaction = self.database.begin_write()?;
            let value = change(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        run().map_err(|error| failed(&self.path, action, error))
    }

    fn read<T>(&self, look: impl FnOnce(&redb::ReadTransaction) -> redb_result::Result<T>) -> Result<T> {
        let run = || -> redb_result::Result<T> { look(&self.database.begin_read()?) };
        run().map_err(|error| failed(&self.path, "read", error))
    }
}

/// The database's error is large; it is boxed where it leaves this module.
mod redb_result {
    #![allow(clippy::result_large_err)]
    pub(super) type Result<T> = std::result::Result<T, redb::Error>;
}

fn failed(path: &Path, action: &'static str, source: redb::Error) -> Error {
    Error::State {
        path: path.to_owned(),
        action,
        source: Box::new(source),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NETWORK: [u8; 32] = [3; 32];
    const NODE: Address = Address::new_from_array([4; 32]);

    fn result(shard: u32) -> Prepared {
        let slot = Slot {
            network_id: &NETWORK,
            job: &[5; 32],
            shard,
            replica: 1,
            node: NODE.as_array(),
        };
        let secret = Secret {
            words: [Sketch([7; 4]); WORDS],
            salts: [[9; 32]; WORDS],
        };
        Prepared::new(&slot, 100, [6; 32], 8, &secret, [10; 32])
    }

    fn address(byte: u8) -> Address {
        Address::new_from_array([byte; 32])
    }

    #[test]
    fn results_and_measurements_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        {
            let state = State::open(folder.path(), &NETWORK, &NODE).unwrap();
            state.keep_result(&address(1), &result(1)).unwrap();
            state.keep_result(&address(2), &result(2)).unwrap();
            state.drop_results(&[address(1)]).unwrap();
            state.keep_measurement(7, 0, &address(8), Some(b"receipt")).unwrap();
            state.keep_measurement(7, 1, &address(8), None).unwrap();
            state.keep_measurement(8, 1, &address(8), None).unwrap();
            assert_eq!(state.add_volume(20_000, 700).unwrap(), 700);
            assert_eq!(state.add_volume(20_000, 50).unwrap(), 750);
            state.add_volume(20_031, 5).unwrap();
        }
        let state = State::open(folder.path(), &NETWORK, &NODE).unwrap();
        assert_eq!(state.results().unwrap(), BTreeMap::from([(address(2), result(2))]));
        assert_eq!(
            state.measured(7).unwrap(),
            BTreeSet::from([(0, address(8)), (1, address(8))])
        );
        assert_eq!(
            state.receipt(7, 0, &address(8)).unwrap().as_deref(),
            Some(&b"receipt"[..])
        );
        assert_eq!(state.receipt(7, 1, &address(8)).unwrap(), None);
        assert_eq!((state.volume(20_000).unwrap(), state.volume(20_031).unwrap()), (750, 5));
        assert_eq!(state.volume(20_062).unwrap(), 0);
    }

    #[test]
    fn a_write_that_was_not_finished_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path(), &NETWORK, &NODE).unwrap();
        let cut_off = state.write("written", |transaction| -> redb_result::Result<()> {
            transaction
                .open_table(PREPARED)?
                .insert(address(1).as_array(), &b"half"[..])?;
            Err(redb::Error::Corrupted("killed here".into()))
        });
        assert!(cut_off.is_err());
        assert!(state.results().unwrap().is_empty());
    }

    #[test]
    fn the_state_of_another_node_or_network_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        State::open(folder.path(), &NETWORK, &NODE)
            .unwrap()
            .keep_result(&address(1), &result(1))
            .unwrap();
        for (network, node) in [([0; 32], NODE), (NETWORK, address(9))] {
            let error = State::open(folder.path(), &network, &node).err().unwrap();
            assert!(matches!(error, Error::ForeignState { .. }), "{error}");
        }
        assert_eq!(
            State::open(folder.path(), &NETWORK, &NODE)
                .unwrap()
                .results()
                .unwrap()
                .len(),
            1
        );
    }

    #[test]
    fn two_nodes_cannot_share_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let _first = State::open(folder.path(), &NETWORK, &NODE).unwrap();
        let error = State::open(folder.path(), &NETWORK, &NODE).err().unwrap();
        assert!(error.to_string().contains("no other node uses this folder"), "{error}");
    }

    #[test]
    fn old_measurements_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path(), &NETWORK, &NODE).unwrap();
        state.keep_measurement(1, 0, &address(8), None).unwrap();
        state.keep_measurement(1 + EPOCHS_KEPT, 0, &address(8), None).unwrap();
        assert!(!state.measured(1).unwrap().is_empty());
        state.keep_measurement(2 + EPOCHS_KEPT, 0, &address(8), None).unwrap();
        assert!(state.measured(1).unwrap().is_empty());
    }

    #[test]
    fn a_damaged_file_is_an_error_and_not_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("state.redb"), vec![7; 9_000]).unwrap();
        assert!(matches!(
            State::open(folder.path(), &NETWORK, &NODE),
            Err(Error::State { .. })
        ));
    }
}
