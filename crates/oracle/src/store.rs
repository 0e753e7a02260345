//! What an oracle must not forget when it is killed: receipts, bundles, what it signed, attested leaves, checked results.
//!
//! Every write is a transaction that is on disk when the call returns. What it signed comes first of all: an oracle that
//! forgot would sign again, and lose its bond.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use lumora_client::oracle_api::{EpochFigures, SignedStatement};
use lumora_core::{
    attestation::{LEAF_LEN, Leaf, Statement},
    hash::Hash,
};
use lumora_pob::SignedReceipt;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::Serialize;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::{
    error::{Error, Result},
    watch::offence::{News, Offence, compare},
};

/// What the whole state is about.
const ABOUT: TableDefinition<&str, &[u8]> = TableDefinition::new("about");
const NETWORK: &str = "network";
/// Epoch, round, node to the receipt.
const RECEIPTS: TableDefinition<(u64, u32, &[u8; 32]), &[u8]> = TableDefinition::new("receipts");
/// Epoch, author to the sealed bundle.
const BUNDLES: TableDefinition<(u64, &[u8; 32]), &[u8]> = TableDefinition::new("bundles");
/// Epoch, author to the root of the bundle that is held.
const ROOTS: TableDefinition<(u64, &[u8; 32]), &[u8; 32]> = TableDefinition::new("bundle roots");
/// Epochs of which no further bundle is taken.
const CLOSED: TableDefinition<u64, ()> = TableDefinition::new("closed holdings");
/// Epoch to the one statement that is or will be signed.
const STATEMENTS: TableDefinition<u64, &[u8]> = TableDefinition::new("statements");
/// Epoch to the leaves worked out here, whether or not they were attested.
const COMPUTED: TableDefinition<u64, &[u8]> = TableDefinition::new("computed leaves");
/// Epoch to the attested leaves.
const ATTESTED: TableDefinition<u64, &[u8]> = TableDefinition::new("attested leaves");
/// Epoch to what became of it (JSON).
const RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("records");
/// Epochs that are in the archive, or never will be.
const ARCHIVED: TableDefinition<u64, ()> = TableDefinition::new("archived");
/// Epoch, oracle to what it was seen to sign about it, of different contents two at most (JSON).
const SEEN: TableDefinition<(u64, &[u8; 32]), &[u8]> = TableDefinition::new("seen statements");
/// Epoch, oracle to the two statements that contradict each other (JSON), until the chain has them.
const OFFENCES: TableDefinition<(u64, &[u8; 32]), &[u8]> = TableDefinition::new("offences");
/// Epoch, node to how its figures came about (JSON).
const EXPLANATIONS: TableDefinition<(u64, &[u8; 32]), &[u8]> = TableDefinition::new("explanations");

/// When the result can no longer be rejected, and its case, to whether it was found wrong.
const FINDINGS: TableDefinition<(i64, &[u8; 32]), bool> = TableDefinition::new("findings");

/// What became of the wish to sign a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// This very statement may be signed: it is on disk, and no other of its epoch ever was.
    Kept,
    /// Another one of the same epoch was promised before; this one must not be signed.
    Given(Statement),
}

/// The oracle's state. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    path: Arc<PathBuf>,
    database: Arc<Database>,
}

impl Store {
    /// Opens the state in a folder, making it when it is missing.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("oracle.redb");
        let fail = |reason: String| Error::Store {
            path: path.clone(),
            reason,
        };
        std::fs::create_dir_all(folder).map_err(|error| fail(error.to_string()))?;
        let database = Database::create(&path).map_err(|error| fail(error.to_string()))?;
        let store = Self {
            path: Arc::new(path),
            database: Arc::new(database),
        };
        // A table must exist before it can be read.
        store.write(|transaction| {
            transaction.open_table(ABOUT)?;
            transaction.open_table(RECEIPTS)?;
            transaction.open_table(BUNDLES)?;
            transaction.open_table(ROOTS)?;
            transaction.open_table(CLOSED)?;
            transaction.open_table(STATEMENTS)?;
            transaction.open_table(COMPUTED)?;
            transaction.open_table(ATTESTED)?;
            transaction.open_table(RECORDS)?;
            transaction.open_table(ARCHIVED)?;
            transaction.open_table(SEEN)?;
            transaction.open_table(OFFENCES)?;
            transaction.open_table(EXPLANATIONS)?;
            transaction.open_table(FINDINGS)?;
            Ok(())
        })?;
        Ok(store)
    }

    /// Ties the state to a network for good. What was signed for one says nothing about another, so a state of another
    /// network is refused.
    pub fn belong_to(&self, network: &Hash) -> Result<()> {
        let is_another = self.write(|transaction| {
            let mut table = transaction.open_table(ABOUT)?;
            let known = table.get(NETWORK)?.map(|known| known.value() == network);
            if known.is_none() {
                table.insert(NETWORK, network.as_slice())?;
            }
            Ok(known == Some(false))
        })?;
        if is_another {
            let reason = "it belongs to another network: give each network a `data_dir` of its own".into();
            return Err(Error::Store {
                path: self.path.to_path_buf(),
                reason,
            });
        }
        Ok(())
    }

    /// Keeps a receipt, one per epoch, round and node: the first that measured something, else the first.
    /// Whether it was kept.
    pub fn add_receipt(&self, signed: &SignedReceipt) -> Result<bool> {
        let receipt = &signed.receipt;
        let key = (receipt.epoch, receipt.round, &receipt.node);
        let is_measured = receipt.is_measured();
        self.write(|transaction| {
            let mut table = transaction.open_table(RECEIPTS)?;
            let is_better = match table.get(key)? {
                None => true,
                Some(kept) => is_measured && !decoded(kept.value())?.receipt.is_measured(),
            };
            if is_better {
                table.insert(key, signed.encode().as_slice())?;
            }
            Ok(is_better)
        })
    }

    /// Whether a node has been measured in a round; failures do not count.
    pub fn is_measured(&self, epoch: u64, round: u32, node: &Hash) -> Result<bool> {
        self.read(|transaction| {
            let table = transaction.open_table(RECEIPTS)?;
            let kept = table.get((epoch, round, node))?;
            kept.map_or(Ok(false), |kept| Ok(decoded(kept.value())?.receipt.is_measured()))
        })
    }

    /// The receipts of an epoch, by round and node.
    pub fn receipts(&self, epoch: u64) -> Result<Vec<SignedReceipt>> {
        self.read(|transaction| {
            let table = transaction.open_table(RECEIPTS)?;
            let range = table.range((epoch, 0, &[0; 32])..=(epoch, u32::MAX, &[u8::MAX; 32]))?;
            range.map(|entry| decoded(entry?.1.value())).collect()
        })
    }

    /// Keeps a bundle that was checked. The first one of an author stays; whether this one did.
    pub fn put_bundle(&self, epoch: u64, author: &Hash, root: &Hash, sealed: &[u8]) -> Result<bool> {
        self.write(|transaction| {
            let mut roots = transaction.open_table(ROOTS)?;
            if roots.get((epoch, author))?.is_some() {
                return Ok(false);
            }
            roots.insert((epoch, author), root)?;
            transaction.open_table(BUNDLES)?.insert((epoch, author), sealed)?;
            Ok(true)
        })
    }

    /// Replaces a bundle by the one that its author committed to on chain, which alone counts.
    pub fn replace_bundle(&self, epoch: u64, author: &Hash, root: &Hash, sealed: &[u8]) -> Result<()> {
        self.write(|transaction| {
            transaction.open_table(ROOTS)?.insert((epoch, author), root)?;
            transaction.open_table(BUNDLES)?.insert((epoch, author), sealed)?;
            Ok(())
        })
    }

    /// A sealed bundle.
    pub fn bundle(&self, epoch: u64, author: &Hash) -> Result<Option<Vec<u8>>> {
        self.read(|transaction| {
            let table = transaction.open_table(BUNDLES)?;
            Ok(table.get((epoch, author))?.map(|sealed| sealed.value().to_vec()))
        })
    }

    /// The authors whose bundles are held, with the bundles' roots, by author.
    pub fn bundle_roots(&self, epoch: u64) -> Result<Vec<(Hash, Hash)>> {
        self.read(|transaction| {
            let table = transaction.open_table(ROOTS)?;
            let range = table.range((epoch, &[0; 32])..=(epoch, &[u8::MAX; 32]))?;
            range
                .map(|entry| {
                    let (key, root) = entry?;
                    Ok((*key.value().1, *root.value()))
                })
                .collect()
        })
    }

    /// Takes no further bundles of an epoch from their authors.
    pub fn close_holding(&self, epoch: u64) -> Result<()> {
        self.write(|transaction| {
            transaction.open_table(CLOSED)?.insert(epoch, ())?;
            Ok(())
        })
    }

    /// Whether no further bundles of an epoch are taken from their authors.
    pub fn is_closed(&self, epoch: u64) -> Result<bool> {
        self.read(|transaction| Ok(transaction.open_table(CLOSED)?.get(epoch)?.is_some()))
    }

    /// Promises to sign this statement and no other about its epoch. On disk when it returns; sign only then, and only
    /// what was [`Promise::Kept`].
    pub fn promise(&self, statement: &Statement) -> Result<Promise> {
        self.write(|transaction| {
            let mut table = transaction.open_table(STATEMENTS)?;
            let given = table
                .get(statement.epoch)?
                .map(|bytes| decode_statement(bytes.value()))
                .transpose()?;
            match given {
                None => {
                    table.insert(statement.epoch, encode_statement(statement).as_slice())?;
                    Ok(Promise::Kept)
                }
                Some(given) if given == *statement => Ok(Promise::Kept),
                Some(given) => Ok(Promise::Given(given)),
            }
        })
    }

    /// The statement promised about an epoch.
    pub fn statement(&self, epoch: u64) -> Result<Option<Statement>> {
        self.read(|transaction| {
            let table = transaction.open_table(STATEMENTS)?;
            let bytes = table.get(epoch)?;
            bytes.map(|bytes| decode_statement(bytes.value())).transpose()
        })
    }

    /// Keeps what an oracle was seen to sign, which must have been checked. If it contradicts what was kept, both are
    /// evidence from then on, in the same transaction: being killed in between must not lose it.
    pub fn see(&self, signed: &SignedStatement) -> Result<News> {
        let key = (signed.epoch, signed.oracle.as_array());
        self.write(|transaction| {
            let mut table = transaction.open_table(SEEN)?;
            let mut kept = table.get(key)?.map_or(Ok(vec![]), |json| statements(json.value()))?;
            let news = compare(&kept, signed);
            if news == News::Nothing {
                return Ok(news);
            }
            kept.push(*signed);
            table.insert(key, json(&kept).as_slice())?;
            if let News::Offence(offence) = &news {
                transaction
                    .open_table(OFFENCES)?
                    .insert(key, json(offence).as_slice())?;
            }
            Ok(news)
        })
    }

    /// What an oracle was seen to sign about an epoch.
    pub fn seen_of(&self, epoch: u64, oracle: &Hash) -> Result<Vec<SignedStatement>> {
        self.read(|transaction| {
            let table = transaction.open_table(SEEN)?;
            table
                .get((epoch, oracle))?
                .map_or(Ok(vec![]), |json| statements(json.value()))
        })
    }

    /// What all were seen to sign about an epoch, by oracle.
    pub fn seen(&self, epoch: u64) -> Result<Vec<SignedStatement>> {
        self.read(|transaction| {
            let table = transaction.open_table(SEEN)?;
            let mut all = Vec::new();
            for entry in table.range((epoch, &[0; 32])..=(epoch, &[u8::MAX; 32]))? {
                all.extend(statements(entry?.1.value())?);
            }
            Ok(all)
        })
    }

    /// The offences that the chain does not have yet.
    pub fn offences(&self) -> Result<Vec<Offence>> {
        self.read(|transaction| {
            let table = transaction.open_table(OFFENCES)?;
            let read = |json: &[u8]| serde_json::from_slice(json).map_err(|_| corrupted("an offence"));
            table.iter()?.map(|entry| read(entry?.1.value())).collect()
        })
    }

    /// Forgets an offence: the chain has it, or will never take it.
    pub fn settle(&self, epoch: u64, oracle: &Hash) -> Result<()> {
        self.write(|transaction| {
            transaction.open_table(OFFENCES)?.remove((epoch, oracle))?;
            Ok(())
        })
    }

    /// Keeps the leaves worked out here, until it shows whether they are the attested ones.
    pub fn put_computed(&self, epoch: u64, leaves: &[Leaf]) -> Result<()> {
        self.write(|transaction| {
            transaction
                .open_table(COMPUTED)?
                .insert(epoch, encode_leaves(leaves).as_slice())?;
            Ok(())
        })
    }

    /// The leaves worked out here.
    pub fn computed(&self, epoch: u64) -> Result<Option<Vec<Leaf>>> {
        self.read(|transaction| {
            let table = transaction.open_table(COMPUTED)?;
            table.get(epoch)?.map(|bytes| decode_leaves(bytes.value())).transpose()
        })
    }

    /// Keeps the leaves of an attested root.
    pub fn put_attested(&self, epoch: u64, leaves: &[Leaf]) -> Result<()> {
        self.write(|transaction| {
            transaction
                .open_table(ATTESTED)?
                .insert(epoch, encode_leaves(leaves).as_slice())?;
            transaction.open_table(COMPUTED)?.remove(epoch)?;
            Ok(())
        })
    }

    /// The leaves of an epoch's attested root, by node.
    pub fn attested(&self, epoch: u64) -> Result<Option<Vec<Leaf>>> {
        self.read(|transaction| {
            let table = transaction.open_table(ATTESTED)?;
            table.get(epoch)?.map(|bytes| decode_leaves(bytes.value())).transpose()
        })
    }

    /// The latest epoch whose attested leaves are kept.
    pub fn latest_attested(&self) -> Result<Option<u64>> {
        self.read(|transaction| {
            let table = transaction.open_table(ATTESTED)?;
            Ok(table.last()?.map(|(epoch, _)| epoch.value()))
        })
    }

    /// Keeps what became of an attested epoch; what was kept before is replaced, for it may have been reopened.
    pub fn put_record(&self, epoch: u64, figures: &EpochFigures) -> Result<()> {
        self.write(|transaction| {
            transaction
                .open_table(RECORDS)?
                .insert(epoch, json(figures).as_slice())?;
            Ok(())
        })
    }

    /// What became of an attested epoch.
    pub fn record(&self, epoch: u64) -> Result<Option<EpochFigures>> {
        self.read(|transaction| {
            let table = transaction.open_table(RECORDS)?;
            let json = table.get(epoch)?;
            json.map(|json| serde_json::from_slice(json.value()).map_err(|_| corrupted("an epoch's record")))
                .transpose()
        })
    }

    /// The attested epochs that are not archived, ascending.
    pub fn unarchived(&self) -> Result<Vec<u64>> {
        self.read(|transaction| {
            let archived = transaction.open_table(ARCHIVED)?;
            let mut numbers = Vec::new();
            for entry in transaction.open_table(RECORDS)?.iter()? {
                let number = entry?.0.value();
                if archived.get(number)?.is_none() {
                    numbers.push(number);
                }
            }
            Ok(numbers)
        })
    }

    /// An epoch is in the archive, or never will be.
    pub fn mark_archived(&self, epoch: u64) -> Result<()> {
        self.write(|transaction| {
            transaction.open_table(ARCHIVED)?.insert(epoch, ())?;
            Ok(())
        })
    }

    /// The latest epoch before this one whose attested leaves are kept.
    pub fn attested_before(&self, epoch: u64) -> Result<Option<u64>> {
        self.read(|transaction| {
            let table = transaction.open_table(ATTESTED)?;
            let before = table.range(..epoch)?.next_back().transpose()?;
            Ok(before.map(|(number, _)| number.value()))
        })
    }

    /// Keeps how nodes' figures came about.
    pub fn put_explanations<'a>(
        &self,
        epoch: u64,
        explanations: impl IntoIterator<Item = (&'a Hash, Vec<u8>)>,
    ) -> Result<()> {
        self.write(|transaction| {
            let mut table = transaction.open_table(EXPLANATIONS)?;
            for (node, json) in explanations {
                table.insert((epoch, node), json.as_slice())?;
            }
            Ok(())
        })
    }

    /// How a node's figures came about.
    pub fn explanation(&self, epoch: u64, node: &Hash) -> Result<Option<Vec<u8>>> {
        self.read(|transaction| {
            let table = transaction.open_table(EXPLANATIONS)?;
            Ok(table.get((epoch, node))?.map(|json| json.value().to_vec()))
        })
    }

    /// Forgets everything about epochs before this one, except what was signed here, and the evidence against others.
    pub fn forget_before(&self, epoch: u64) -> Result<()> {
        let zero = &[0; 32];
        self.write(|transaction| {
            transaction
                .open_table(RECEIPTS)?
                .retain_in(..(epoch, 0, zero), |_, _| false)?;
            transaction
                .open_table(BUNDLES)?
                .retain_in(..(epoch, zero), |_, _| false)?;
            transaction
                .open_table(ROOTS)?
                .retain_in(..(epoch, zero), |_, _| false)?;
            transaction
                .open_table(EXPLANATIONS)?
                .retain_in(..(epoch, zero), |_, _| false)?;
            transaction.open_table(SEEN)?.retain_in(..(epoch, zero), |_, _| false)?;
            transaction.open_table(CLOSED)?.retain_in(..epoch, |_, _| false)?;
            transaction.open_table(COMPUTED)?.retain_in(..epoch, |_, _| false)?;
            transaction.open_table(ATTESTED)?.retain_in(..epoch, |_, _| false)?;
            transaction.open_table(RECORDS)?.retain_in(..epoch, |_, _| false)?;
            transaction.open_table(ARCHIVED)?.retain_in(..epoch, |_, _| false)?;
            Ok(())
        })
    }

    /// Keeps whether a result was found wrong. `closes_at`: when it can no longer be rejected.
    pub fn keep_finding(&self, closes_at: i64, case: &Hash, is_wrong: bool) -> Result<()> {
        self.write(|transaction| {
            transaction.open_table(FINDINGS)?.insert((closes_at, case), is_wrong)?;
            Ok(())
        })
    }

    /// Whether a result was found wrong; `None` while it is not decided.
    pub fn finding(&self, closes_at: i64, case: &Hash) -> Result<Option<bool>> {
        self.read(|transaction| {
            let table = transaction.open_table(FINDINGS)?;
            Ok(table.get((closes_at, case))?.map(|is_wrong| is_wrong.value()))
        })
    }

    /// Forgets the results that could no longer be rejected before this time. Writes only where there are any.
    pub fn forget_findings_before(&self, closed_at: i64) -> Result<()> {
        let old = ..(closed_at, &[0; 32]);
        let is_none = self.read(|transaction| Ok(transaction.open_table(FINDINGS)?.range(old)?.next().is_none()))?;
        if is_none {
            return Ok(());
        }
        self.write(|transaction| {
            transaction.open_table(FINDINGS)?.retain_in(old, |_, _| false)?;
            Ok(())
        })
    }

    fn read<T>(&self, body: impl FnOnce(&redb::ReadTransaction) -> Attempt<T>) -> Result<T> {
        let attempt = || body(&self.database.begin_read()?);
        attempt().map_err(|error| self.fail(&error))
    }

    fn write<T>(&self, body: impl FnOnce(&redb::WriteTransaction) -> Attempt<T>) -> Result<T> {
        let attempt = || {
            let transaction = self.database.begin_write()?;
            let value = body(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        beside_other_tasks(attempt).map_err(|error| self.fail(&error))
    }

    fn fail(&self, error: &redb::Error) -> Error {
        Error::Store {
            path: self.path.to_path_buf(),
            reason: error.to_string(),
        }
    }
}

/// Waits for the disk, which may be seconds on a busy machine, without holding up the tasks that share this thread.
fn beside_other_tasks<T>(wait: impl FnOnce() -> T) -> T {
    match Handle::try_current() {
        Ok(runtime) if runtime.runtime_flavor() == RuntimeFlavor::MultiThread => tokio::task::block_in_place(wait),
        _ => wait(),
    }
}

type Attempt<T> = std::result::Result<T, redb::Error>;

fn corrupted(what: &str) -> redb::Error {
    redb::Error::Corrupted(format!("{what} cannot be read back"))
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("figures and text, which JSON can always hold")
}

fn statements(json: &[u8]) -> Attempt<Vec<SignedStatement>> {
    serde_json::from_slice(json).map_err(|_| corrupted("what an oracle signed"))
}

fn decoded(bytes: &[u8]) -> Attempt<SignedReceipt> {
    SignedReceipt::decode(bytes).map_err(|_| corrupted("a receipt"))
}

fn encode_leaves(leaves: &[Leaf]) -> Vec<u8> {
    leaves.iter().flat_map(Leaf::encode).collect()
}

fn decode_leaves(bytes: &[u8]) -> Attempt<Vec<Leaf>> {
    let (leaves, rest) = bytes.as_chunks::<LEAF_LEN>();
    if !rest.is_empty() {
        return Err(corrupted("a list of leaves"));
    }
    leaves
        .iter()
        .map(|leaf| Leaf::decode(leaf).ok_or_else(|| corrupted("a leaf")))
        .collect()
}

type StatementFields = ([u8; 32], [u8; 32], u64, u32, Hash, u32, u64, u64, u64, u32, i64);

fn encode_statement(statement: &Statement) -> Vec<u8> {
    let fields: StatementFields = (
        statement.network_id,
        statement.program,
        statement.epoch,
        statement.set_version,
        statement.root,
        statement.leaf_count,
        statement.total_contribution,
        statement.epoch_reward,
        statement.cumulative_reward,
        statement.bundles,
        statement.expires_at,
    );
    borsh::to_vec(&fields).expect("writing to a vector cannot fail")
}

fn decode_statement(bytes: &[u8]) -> Attempt<Statement> {
    let fields: StatementFields = borsh::from_slice(bytes).map_err(|_| corrupted("a statement"))?;
    let (network_id, program, epoch, set_version, root, leaf_count, ..) = fields;
    let (.., total_contribution, epoch_reward, cumulative_reward, bundles, expires_at) = fields;
    Ok(Statement {
        network_id,
        program,
        epoch,
        set_version,
        root,
        leaf_count,
        total_contribution,
        epoch_reward,
        cumulative_reward,
        bundles,
        expires_at,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use solana_keypair::Keypair;
    use solana_signer::Signer;

    use super::*;

    fn statement(epoch: u64, root: u8) -> Statement {
        Statement {
            network_id: [1; 32],
            program: [2; 32],
            epoch,
            set_version: 3,
            root: [root; 32],
            leaf_count: 4,
            total_contribution: 5,
            epoch_reward: 6,
            cumulative_reward: 7,
            bundles: 8,
            expires_at: -9,
        }
    }

    #[test]
    fn only_one_statement_per_epoch_is_ever_promised_restarts_included() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.promise(&statement(4, 1)).unwrap(), Promise::Kept);
        assert_eq!(store.promise(&statement(4, 1)).unwrap(), Promise::Kept);
        assert_eq!(
            store.promise(&statement(4, 2)).unwrap(),
            Promise::Given(statement(4, 1))
        );
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(
            store.promise(&statement(4, 2)).unwrap(),
            Promise::Given(statement(4, 1))
        );
        store.forget_before(100).unwrap();
        assert_eq!(
            store.promise(&statement(4, 2)).unwrap(),
            Promise::Given(statement(4, 1))
        );
        assert_eq!(store.promise(&statement(5, 2)).unwrap(), Promise::Kept);
        assert_eq!(store.statement(5).unwrap(), Some(statement(5, 2)));
    }

    #[test]
    fn a_state_serves_one_network_only() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.belong_to(&[1; 32]).unwrap();
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        store.belong_to(&[1; 32]).unwrap();
        assert!(
            store
                .belong_to(&[2; 32])
                .unwrap_err()
                .to_string()
                .contains("another network")
        );
    }

    #[test]
    fn evidence_outlasts_being_killed_until_it_is_settled() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let key = Keypair::new();
        let [first, second, third] = [1, 2, 3].map(|root| SignedStatement::sign(&key, &statement(4, root)));
        assert_eq!(store.see(&first).unwrap(), News::First);
        assert_eq!(store.see(&first).unwrap(), News::Nothing);
        let offence = Offence { first, second };
        assert_eq!(store.see(&second).unwrap(), News::Offence(offence));
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        // Two are enough, so that a liar cannot fill the disk.
        assert_eq!(store.see(&third).unwrap(), News::Nothing);
        store.forget_before(100).unwrap();
        assert_eq!(store.offences().unwrap(), [offence]);
        store.settle(4, key.pubkey().as_array()).unwrap();
        assert_eq!(store.offences().unwrap(), []);
    }

    #[test]
    fn leaves_come_back_whole_and_old_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let leaves: Vec<Leaf> = (0..3)
            .map(|node| Leaf {
                node: [node; 32],
                epoch: 4,
                ..Leaf::default()
            })
            .collect();
        store.put_computed(4, &leaves).unwrap();
        assert_eq!(
            (store.computed(4).unwrap(), store.attested(4).unwrap()),
            (Some(leaves.clone()), None)
        );
        store.put_attested(4, &leaves).unwrap();
        store.put_attested(6, &[]).unwrap();
        assert_eq!(
            (store.computed(4).unwrap(), store.attested(4).unwrap()),
            (None, Some(leaves))
        );
        store.forget_before(5).unwrap();
        assert_eq!(
            (store.attested(4).unwrap(), store.attested(6).unwrap()),
            (None, Some(vec![]))
        );
        assert_eq!(store.latest_attested().unwrap(), Some(6));
    }

    #[test]
    fn findings_outlast_a_restart_and_go_when_their_time_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.keep_finding(100, &[1; 32], true).unwrap();
        store.keep_finding(200, &[1; 32], false).unwrap();
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        let findings = || [100, 200, 300].map(|closes_at| store.finding(closes_at, &[1; 32]).unwrap());
        assert_eq!(findings(), [Some(true), Some(false), None]);
        store.forget_findings_before(100).unwrap();
        assert_eq!(findings(), [Some(true), Some(false), None]);
        store.forget_findings_before(101).unwrap();
        assert_eq!(findings(), [None, Some(false), None]);
    }

    #[test]
    fn the_first_bundle_of_an_author_stays_until_the_chain_says_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert!(store.put_bundle(1, &[5; 32], &[1; 32], b"one").unwrap());
        assert!(!store.put_bundle(1, &[5; 32], &[2; 32], b"two").unwrap());
        assert_eq!(store.bundle(1, &[5; 32]).unwrap().unwrap(), b"one");
        store.replace_bundle(1, &[5; 32], &[2; 32], b"two").unwrap();
        assert_eq!(store.bundle_roots(1).unwrap(), [([5; 32], [2; 32])]);
        assert_eq!(store.bundle(2, &[5; 32]).unwrap(), None);
    }
}
