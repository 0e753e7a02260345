//! A chain in this process: the programs as they were built for Solana, an initialised network, funded wallets.

use std::{collections::BTreeMap, path::PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use litesvm::LiteSVM;
use lumora_interface::{
    Account, Event,
    bandwidth::{self, InitializeOraclesArguments},
    registry, rewards,
};
use solana_account::Account as ChainAccount;
use solana_address::Address;
use solana_clock::Clock;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::{AddressLookupTableAccount, Message, VersionedMessage, v0};
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;

use crate::{instructions, refusals};

/// One SOL in lamports.
pub const SOL: u64 = 1_000_000_000;
/// One LMR in base units.
pub const LMR: u64 = 1_000_000;
/// Unix time at which every test begins.
pub const START: i64 = 1_800_000_000;
/// Seconds of an epoch, of the time to commit bundles after it, and of the dispute window after an attestation.
pub const EPOCH_SECONDS: u32 = 60;
/// See [`EPOCH_SECONDS`].
pub const COMMIT_SECONDS: u32 = 30;
/// See [`EPOCH_SECONDS`].
pub const DISPUTE_SECONDS: u32 = 20;
/// The oracle set of the tests: no bond needed.
pub const ORACLES: InitializeOraclesArguments = InitializeOraclesArguments {
    epoch_seconds: EPOCH_SECONDS,
    commit_seconds: COMMIT_SECONDS,
    dispute_seconds: DISPUTE_SECONDS,
    minimum_bond: 0,
    unbonding_seconds: 200,
    retention_seconds: 500,
};
/// What each epoch of the first cycle may mint, LMR base units.
pub const FIRST_AMOUNT: u64 = 1_000 * LMR;

/// A chain and who acts on it.
pub struct World {
    /// The chain.
    pub svm: LiteSVM,
    /// Pays the fees of every transaction.
    pub payer: Keypair,
    /// The network's authority.
    pub authority: Keypair,
    /// The oracles, in the order of the set.
    pub oracles: Vec<Keypair>,
    /// Bound into every signed message.
    pub network_id: [u8; 32],
}

/// What a transaction that landed did.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Compute units of the whole transaction.
    pub compute_units: u64,
    /// Bytes of the transaction on the wire.
    pub transaction_bytes: usize,
    /// Accounts that it locks for writing, the fee payer included.
    pub writable_accounts: usize,
    /// Lamports put into accounts that did not exist before.
    pub rent_lamports: u64,
    /// Program logs.
    pub logs: Vec<String>,
    /// Data of all instructions that programs sent.
    pub inner: Vec<Vec<u8>>,
}

/// Why a transaction was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The custom code of the program that refused, if it gave one.
    pub code: Option<u32>,
    /// The error as the runtime prints it, and the logs.
    pub text: String,
}

impl Sent {
    /// The first event of this type, whether it was logged or recorded by a program's call to itself.
    pub fn event<T: Event>(&self) -> T {
        let logged = self
            .logs
            .iter()
            .filter_map(|log| BASE64_STANDARD.decode(log.strip_prefix("Program data: ")?).ok());
        self.inner
            .iter()
            .cloned()
            .chain(logged)
            .find_map(|data| T::from_event_data(&data))
            .expect("the event was recorded")
    }
}

impl World {
    /// The programs `registry`, `bandwidth` and `rewards`, initialised, with this many oracles. Further programs:
    /// [`World::deploy`].
    pub fn new(oracles: usize) -> Self {
        Self::with_oracles(oracles, ORACLES)
    }

    /// The same with another oracle set. Where it needs bonds, those are deposited.
    pub fn with_oracles(oracles: usize, set: InitializeOraclesArguments) -> Self {
        let mut world = Self::bare();
        world.initialize(set);
        for seed in 0..oracles {
            world.add_oracle(seed as u8);
        }
        world
    }

    /// The programs without any account.
    pub fn bare() -> Self {
        let svm = LiteSVM::new();
        let mut world = Self {
            svm,
            payer: keypair("payer", 0),
            authority: keypair("authority", 0),
            oracles: Vec::new(),
            network_id: [7; 32],
        };
        world.deploy(registry::ID, "registry");
        world.deploy(bandwidth::ID, "bandwidth");
        world.deploy(rewards::ID, "rewards");
        for wallet in [world.payer.pubkey(), world.authority.pubkey()] {
            world.svm.airdrop(&wallet, 1_000 * SOL).unwrap();
        }
        world.set_time(START);
        world
    }

    /// Puts a program on the chain, as it was built by `cargo xtask build-sbf`, with the network's authority as the one who
    /// may upgrade it.
    pub fn deploy(&mut self, id: Address, name: &str) {
        let path = program_file(name);
        let bytes = std::fs::read(&path)
            .unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask build-sbf` first", path.display()));
        self.svm.add_program(id, &bytes).unwrap();
        self.set_upgrade_authority(&id, Some(self.authority.pubkey()));
    }

    /// Says who may upgrade a program: what deploying it by a transaction would do.
    pub fn set_upgrade_authority(&mut self, program: &Address, authority: Option<Address>) {
        let address = Address::find_program_address(&[program.as_ref()], &registry::UPGRADEABLE_LOADER).0;
        let mut account = self.svm.get_account(&address).expect("the program is deployed");
        // `u32` kind, `u64` slot, optional authority (1 + 32 bytes), code.
        account.data[12] = u8::from(authority.is_some());
        account.data[13..45].copy_from_slice(authority.unwrap_or_default().as_ref());
        self.svm.set_account(address, account).unwrap();
    }

    fn initialize(&mut self, set: InitializeOraclesArguments) {
        let authority = self.authority.insecure_clone();
        let steps = [
            instructions::initialize_registry(&authority.pubkey(), self.network_id),
            instructions::initialize_rewards(&authority.pubkey()),
            instructions::create_vault(&authority.pubkey()),
            instructions::initialize_oracles_with(&authority.pubkey(), set),
            instructions::create_oracle_vault(&authority.pubkey()),
        ];
        for step in steps {
            self.must(&[step], &[&authority]);
        }
    }

    /// Adds an oracle whose key, and whose owner's, is derived from `seed`; with its bond, where one is needed.
    pub fn add_oracle(&mut self, seed: u8) {
        let (oracle, owner) = (keypair("oracle", seed), oracle_owner(seed));
        let authority = self.authority.insecure_clone();
        self.must(
            &[instructions::add_oracle(
                &authority.pubkey(),
                &oracle.pubkey(),
                &owner.pubkey(),
            )],
            &[&authority],
        );
        let set: bandwidth::OracleSet = self.read(&bandwidth::ORACLE_SET);
        if set.minimum_bond > 0 {
            self.bond_oracle(seed, set.minimum_bond);
        }
        self.oracles.push(oracle);
    }

    /// A wallet with SOL, derived from `name`.
    pub fn wallet(&mut self, name: &str) -> Keypair {
        let wallet = keypair(name, 0);
        if self.svm.get_balance(&wallet.pubkey()).unwrap_or(0) == 0 {
            self.svm.airdrop(&wallet.pubkey(), 100 * SOL).unwrap();
        }
        wallet
    }

    /// Registers node 0 of a new wallet; gives the wallet and the node's address.
    pub fn register(&mut self, name: &str) -> (Keypair, Address) {
        let owner = self.wallet(name);
        let arguments = instructions::node_arguments(&keypair(name, 1).pubkey());
        self.must(&[instructions::register_node(&owner.pubkey(), arguments)], &[&owner]);
        (
            owner.insecure_clone(),
            registry::node_address(&owner.pubkey(), arguments.index).0,
        )
    }

    /// The chain's Unix time.
    pub fn now(&self) -> i64 {
        self.svm.get_sysvar::<Clock>().unix_timestamp
    }

    /// The chain's slot.
    pub fn slot(&self) -> u64 {
        self.svm.get_sysvar::<Clock>().slot
    }

    /// Lets time pass.
    pub fn pass(&mut self, seconds: impl Into<i64>) {
        let now = self.now();
        self.set_time(now + seconds.into());
    }

    fn set_time(&mut self, unix_timestamp: i64) {
        let mut clock = self.svm.get_sysvar::<Clock>();
        clock.unix_timestamp = unix_timestamp;
        clock.slot += 1;
        self.svm.set_sysvar(&clock);
    }

    /// Puts the chain behind these slots with a block, the newest first: the sysvar has their hashes, and the clock stands one
    /// slot later.
    pub fn set_slot_hashes(&mut self, slots: &[u64]) {
        const SYSVAR: Address = instructions::SLOT_HASHES_SYSVAR;
        let mut account = self.svm.get_account(&SYSVAR).expect("the sysvar exists");
        account.data.fill(0);
        account.data[..8].copy_from_slice(&(slots.len() as u64).to_le_bytes());
        for (entry, slot) in account.data[8..].chunks_exact_mut(40).zip(slots) {
            entry[..8].copy_from_slice(&slot.to_le_bytes());
            entry[8..].copy_from_slice(&lumora_core::hash::sha256(&[b"slot", &slot.to_le_bytes()]));
        }
        self.svm.set_account(SYSVAR, account).expect("the sysvar can be set");
        let mut clock = self.svm.get_sysvar::<Clock>();
        clock.slot = slots.first().expect("a chain has a slot") + 1;
        self.svm.set_sysvar(&clock);
    }

    /// An account of one of the programs.
    pub fn read<T: Account>(&self, address: &Address) -> T {
        let account = self.svm.get_account(address).expect("the account exists");
        T::from_account(&account.owner, &account.data).expect("the account is of this type")
    }

    /// Sends a transaction that the payer and `signers` sign.
    pub fn send(&mut self, instructions: &[Instruction], signers: &[&Keypair]) -> Result<Sent, Refused> {
        self.svm.expire_blockhash();
        let (payer, blockhash) = (self.payer.pubkey(), self.svm.latest_blockhash());
        let message = Message::new_with_blockhash(instructions, Some(&payer), &blockhash);
        self.send_message(VersionedMessage::Legacy(message), instructions, signers)
    }

    /// The same as a versioned transaction that takes what it can of its accounts' addresses from lookup tables.
    pub fn send_with_tables(
        &mut self,
        instructions: &[Instruction],
        signers: &[&Keypair],
        tables: &[AddressLookupTableAccount],
    ) -> Result<Sent, Refused> {
        self.svm.expire_blockhash();
        let (payer, blockhash) = (self.payer.pubkey(), self.svm.latest_blockhash());
        let message = v0::Message::try_compile(&payer, instructions, tables, blockhash).expect("the message compiles");
        self.send_message(VersionedMessage::V0(message), instructions, signers)
    }

    fn send_message(
        &mut self,
        message: VersionedMessage,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<Sent, Refused> {
        let payer = self.payer.insecure_clone();
        let mut all = vec![&payer];
        all.extend(signers.iter().filter(|signer| signer.pubkey() != payer.pubkey()));
        let mut accounts = BTreeMap::from([(payer.pubkey(), true)]);
        for instruction in instructions {
            accounts.entry(instruction.program_id).or_default();
            for meta in &instruction.accounts {
                *accounts.entry(meta.pubkey).or_default() |= meta.is_writable;
            }
        }
        let writable_accounts = accounts.values().filter(|writable| **writable).count();
        let missing: Vec<Address> = accounts
            .into_keys()
            .filter(|address| {
                self.svm
                    .get_account(address)
                    .is_none_or(|account| account.lamports == 0)
            })
            .collect();
        let transaction_bytes = 1 + 64 * all.len() + message.serialize().len();
        let transaction = VersionedTransaction::try_new(message, &all).expect("all signers were passed");
        match self.svm.send_transaction(transaction) {
            Ok(meta) => Ok(Sent {
                compute_units: meta.compute_units_consumed,
                transaction_bytes,
                writable_accounts,
                rent_lamports: missing
                    .iter()
                    .filter_map(|address| self.svm.get_account(address))
                    .map(|account| account.lamports)
                    .sum(),
                logs: meta.logs,
                inner: meta
                    .inner_instructions
                    .into_iter()
                    .flatten()
                    .map(|inner| inner.instruction.data)
                    .collect(),
            }),
            Err(failed) => Err(Refused {
                code: custom_code(&format!("{:?}", failed.err)),
                text: format!("{:?}\n{}", failed.err, failed.meta.logs.join("\n")),
            }),
        }
    }

    /// A lookup table with these addresses, ready for use.
    pub fn lookup_table(&mut self, addresses: Vec<Address>) -> AddressLookupTableAccount {
        const PROGRAM: Address = Address::from_str_const("AddressLookupTab1e1111111111111111111111111");
        const META_BYTES: usize = 56;
        const LOOKUP_TABLE: u32 = 1;
        let mut data = LOOKUP_TABLE.to_le_bytes().to_vec();
        // Not deactivated; extended in slot zero; no authority.
        data.extend(u64::MAX.to_le_bytes());
        data.resize(META_BYTES, 0);
        data.extend(addresses.iter().flat_map(|address| address.to_bytes()));
        let key = keypair("lookup table", addresses.len() as u8).pubkey();
        let account = ChainAccount {
            lamports: SOL,
            data,
            owner: PROGRAM,
            ..Default::default()
        };
        self.svm.set_account(key, account).unwrap();
        AddressLookupTableAccount { key, addresses }
    }

    /// Sends a transaction that must land.
    pub fn must(&mut self, instructions: &[Instruction], signers: &[&Keypair]) -> Sent {
        match self.send(instructions, signers) {
            Ok(sent) => sent,
            Err(refused) => panic!("{}", refused.text),
        }
    }

    /// Sends a transaction that must be refused with this custom code, and must leave every account but the fee payer's
    /// as it was.
    pub fn refused(&mut self, instructions: &[Instruction], signers: &[&Keypair], code: u32) {
        self.refused_inside(instructions, signers, code, instructions);
    }

    /// The same, where what refuses is one of the instructions that `instructions` call.
    pub fn refused_inside(
        &mut self,
        instructions: &[Instruction],
        signers: &[&Keypair],
        code: u32,
        called: &[Instruction],
    ) {
        let before = self.snapshot(instructions);
        let refused = self
            .send(instructions, signers)
            .expect_err("the transaction had to be refused");
        assert_eq!(refused.code, Some(code), "{}", refused.text);
        assert_eq!(
            before,
            self.snapshot(instructions),
            "a refused transaction changed an account"
        );
        refusals::record(called, code);
    }

    /// Sends a transaction that must be refused by the framework or the runtime (no custom code of ours), with this text
    /// in its error, and must leave every account but the fee payer's as it was.
    pub fn refused_with(&mut self, instructions: &[Instruction], signers: &[&Keypair], text: &str) {
        let before = self.snapshot(instructions);
        let refused = self
            .send(instructions, signers)
            .expect_err("the transaction had to be refused");
        assert!(refused.text.contains(text), "{}", refused.text);
        assert_eq!(
            before,
            self.snapshot(instructions),
            "a refused transaction changed an account"
        );
    }

    fn snapshot(&self, instructions: &[Instruction]) -> Vec<(Address, Option<ChainAccount>)> {
        let mut addresses: Vec<Address> = instructions
            .iter()
            .flat_map(|instruction| instruction.accounts.iter().map(|meta| meta.pubkey))
            .filter(|address| *address != self.payer.pubkey())
            .collect();
        addresses.sort();
        addresses.dedup();
        addresses
            .into_iter()
            .map(|address| (address, self.svm.get_account(&address)))
            .collect()
    }
}

/// A keypair that is the same in every run.
pub fn keypair(name: &str, index: u8) -> Keypair {
    Keypair::new_from_array(lumora_core::hash::sha256(&[
        b"lumora test key",
        name.as_bytes(),
        &[index],
    ]))
}

/// The wallet that owns the seat of the oracle derived from `seed`.
pub fn oracle_owner(seed: u8) -> Keypair {
    keypair("oracle owner", seed)
}

/// Where `cargo xtask build-sbf` puts a program.
pub fn program_file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../target/deploy")
        .join(format!("lumora_{name}.so"))
}

/// The number in `Custom(6001)`.
fn custom_code(error: &str) -> Option<u32> {
    let (_, rest) = error.split_once("Custom(")?;
    rest.split(')').next()?.parse().ok()
}
