//! Jobs in a test: instructions of `tasks`, built with what the program itself generates, and nodes that can claim.

use anchor_lang::{InstructionData, ToAccountMetas};
use bytemuck::{Zeroable, bytes_of};
use lumora_core::{
    result::{Secret, WORDS},
    sketch::Sketch,
};
use lumora_interface::{
    Account, VERSION, bandwidth, event_authority, registry, rewards,
    tasks::{self, Assignment, Job, ShardState, Work},
};
use lumora_tasks::instructions::{CreateJobArguments, RejectResultArguments, RevealResultArguments};
use solana_account::Account as ChainAccount;
use solana_address::Address;
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::{
    Refused, Sent, World,
    instructions::{self, INSTRUCTIONS_SYSVAR, SYSTEM_PROGRAM, TOKEN_PROGRAM},
    tokens::associated_account,
    world::{LMR, SOL, keypair},
};

/// Components of the unit vectors that tests use.
pub const UNIT: i16 = i16::MAX;
/// Price of a replica of a shard in tests.
pub const PRICE: u64 = 2 * LMR + 1;
/// Seconds to commit and to reveal in tests.
pub const WINDOW: u32 = 100;
/// Seconds in which the only result of a shard can be challenged in tests.
pub const CHALLENGE: u32 = 200;

/// A node and the keys around it.
pub struct Executor {
    /// Wallet that owns it.
    pub owner: Keypair,
    /// Its hot key.
    pub operator: Keypair,
    /// Address of its account.
    pub node: Address,
    /// LMR account of its owner.
    pub tokens: Address,
}

/// What a node found.
#[derive(Clone, Copy, Debug)]
pub struct Finding {
    /// Merkle root of its records.
    pub root: [u8; 32],
    /// Their number.
    pub records: u32,
    /// Their words and its salts.
    pub secret: Secret,
}

impl Finding {
    /// A result of ten records whose words are all these bits.
    pub fn new(word: u64, salt: u8) -> Self {
        Self::of_words([word; WORDS], salt)
    }

    /// A result of ten records with these words.
    pub fn of_words(words: [u64; WORDS], salt: u8) -> Self {
        Self {
            root: [salt; 32],
            records: 10,
            secret: Secret {
                words: words.map(|word| Sketch([word, 0, 0, 0])),
                salts: core::array::from_fn(|word| [salt.wrapping_add(word as u8); 32]),
            },
        }
    }

    /// The commitment of whoever holds this assignment.
    pub fn commitment(&self, world: &World, assignment: &Assignment) -> [u8; 32] {
        self.secret
            .commitment(&assignment.slot(&world.network_id), &self.root, self.records)
    }

    /// What shows a word.
    pub fn arguments(&self, word: u8) -> RevealResultArguments {
        let opening = self.secret.opening(usize::from(word)).expect("there are so many words");
        RevealResultArguments {
            result_root: self.root,
            records: self.records,
            word: opening.word.0,
            salt: opening.salt,
            rest: opening.rest,
        }
    }
}

fn build(accounts: impl ToAccountMetas, more: &[AccountMeta], data: impl InstructionData) -> Instruction {
    let mut accounts = accounts.to_account_metas(None);
    accounts.extend_from_slice(more);
    Instruction {
        program_id: tasks::ID,
        accounts,
        data: data.data(),
    }
}

/// `tasks.initialize`
pub fn initialize(authority: &Address, treasury: &Address) -> Instruction {
    build(
        lumora_tasks::accounts::Initialize {
            authority: *authority,
            network: registry::NETWORK,
            treasury: *treasury,
            config: tasks::config_address().0,
            system_program: SYSTEM_PROGRAM,
        },
        &[],
        lumora_tasks::instruction::Initialize {},
    )
}

/// Terms of a job that passes every check.
pub fn terms(world: &World) -> CreateJobArguments {
    CreateJobArguments {
        manifest_hash: [1; 32],
        uri_hash: [2; 32],
        target: [UNIT, 0, 0],
        replicas: 2,
        max_replicas: 2,
        tolerance_bits: 3,
        tolerance_count: 500,
        price: PRICE,
        deadline: world.now() + 10_000,
        commit_seconds: WINDOW,
        reveal_seconds: WINDOW,
        challenge_seconds: 0,
    }
}

/// The same terms with so many replicas of each shard, no more, and a time to challenge if there is only one.
pub fn with_replicas(replicas: u8, terms: CreateJobArguments) -> CreateJobArguments {
    CreateJobArguments {
        replicas,
        max_replicas: replicas,
        challenge_seconds: if replicas == 1 { CHALLENGE } else { 0 },
        ..terms
    }
}

/// `tasks.create_job`
pub fn create_job(client: &Address, id: u64, shard_count: u32, arguments: CreateJobArguments) -> Instruction {
    let job = tasks::job_address(client, id).0;
    build(
        lumora_tasks::accounts::CreateJob {
            client: *client,
            network: registry::NETWORK,
            config: tasks::config_address().0,
            job,
            escrow: tasks::escrow_address(&job).0,
            lmr_mint: rewards::MINT,
            client_tokens: associated_account(client, &rewards::MINT),
            token_program: TOKEN_PROGRAM,
            system_program: SYSTEM_PROGRAM,
            event_authority: event_authority(&tasks::ID),
            program: tasks::ID,
        },
        &[],
        lumora_tasks::instruction::CreateJob {
            id,
            shard_count,
            arguments,
        },
    )
}

/// `tasks.claim_shard`; `assigned` are the replicas that are taken, `former_rent_payer` paid for what the replica's former
/// node left behind.
pub fn claim_shard(
    executor: &Executor,
    job: &Address,
    shard: u32,
    replica: u8,
    assigned: &[u8],
    former_rent_payer: Option<Address>,
) -> Instruction {
    let mut more = siblings(job, shard, assigned);
    more.extend(former_rent_payer.map(|payer| AccountMeta::new(payer, false)));
    build(
        lumora_tasks::accounts::ClaimShard {
            operator: executor.operator.pubkey(),
            network: registry::NETWORK,
            node: executor.node,
            attestation: bandwidth::attestation_address(&executor.node).0,
            job: *job,
            assignment: tasks::assignment_address(job, shard, replica).0,
            work: tasks::work_address(&executor.node).0,
            system_program: SYSTEM_PROGRAM,
        },
        &more,
        lumora_tasks::instruction::ClaimShard { shard, replica },
    )
}

/// `tasks.commit_result`
pub fn commit_result(operator: &Address, assignment: &Address, commitment: [u8; 32]) -> Instruction {
    build(
        lumora_tasks::accounts::CommitResult {
            operator: *operator,
            assignment: *assignment,
        },
        &[],
        lumora_tasks::instruction::CommitResult { commitment },
    )
}

/// `tasks.reveal_result`; `others` are the shard's other assigned replicas.
pub fn reveal_result(
    operator: &Address,
    job: &Address,
    shard: u32,
    replica: u8,
    others: &[u8],
    arguments: RevealResultArguments,
) -> Instruction {
    build(
        lumora_tasks::accounts::RevealResult {
            operator: *operator,
            job: *job,
            assignment: tasks::assignment_address(job, shard, replica).0,
        },
        &siblings(job, shard, others),
        lumora_tasks::instruction::RevealResult { arguments },
    )
}

/// `tasks.settle_shard`; `assigned` are the executors by replica.
pub fn settle_shard(job: &Address, treasury: &Address, shard: u32, assigned: &[(u8, &Executor)]) -> Instruction {
    let more: Vec<AccountMeta> = assigned
        .iter()
        .flat_map(|(replica, executor)| {
            [
                tasks::assignment_address(job, shard, *replica).0,
                tasks::work_address(&executor.node).0,
                executor.tokens,
                executor.operator.pubkey(),
            ]
        })
        .map(|address| AccountMeta::new(address, false))
        .collect();
    build(
        lumora_tasks::accounts::SettleShard {
            job: *job,
            escrow: tasks::escrow_address(job).0,
            treasury: *treasury,
            token_program: TOKEN_PROGRAM,
            event_authority: event_authority(&tasks::ID),
            program: tasks::ID,
        },
        &more,
        lumora_tasks::instruction::SettleShard { shard },
    )
}

/// `tasks.expire_assignment`; `others` are the shard's other assigned replicas, for one that was committed.
pub fn expire_assignment(job: &Address, shard: u32, replica: u8, executor: &Executor, others: &[u8]) -> Instruction {
    build(
        lumora_tasks::accounts::ExpireAssignment {
            job: *job,
            assignment: tasks::assignment_address(job, shard, replica).0,
            work: tasks::work_address(&executor.node).0,
        },
        &siblings(job, shard, others),
        lumora_tasks::instruction::ExpireAssignment {},
    )
}

/// `tasks.slash_assignment`; `reporter` receives the reporter's part.
pub fn slash_assignment(
    client: &Address,
    job: &Address,
    shard: u32,
    replica: u8,
    executor: &Executor,
    reporter: &Address,
) -> Instruction {
    build(
        lumora_tasks::accounts::SlashAssignment {
            job: *job,
            assignment: tasks::assignment_address(job, shard, replica).0,
            work: tasks::work_address(&executor.node).0,
            node: executor.node,
            network: registry::NETWORK,
            slasher: registry::SLASHERS[0],
            lmr_mint: rewards::MINT,
            bond_vault: registry::BOND_VAULT,
            reporter: *reporter,
            injured: associated_account(client, &rewards::MINT),
            token_program: TOKEN_PROGRAM,
            registry_event_authority: event_authority(&registry::ID),
            registry_program: registry::ID,
            event_authority: event_authority(&tasks::ID),
            program: tasks::ID,
        },
        &[],
        lumora_tasks::instruction::SlashAssignment {},
    )
}

/// `tasks.close_assignment`
pub fn close_assignment(job: &Address, shard: u32, replica: u8, rent_payer: &Address) -> Instruction {
    build(
        lumora_tasks::accounts::CloseAssignment {
            job: *job,
            assignment: tasks::assignment_address(job, shard, replica).0,
            rent_payer: *rent_payer,
        },
        &[],
        lumora_tasks::instruction::CloseAssignment {},
    )
}

/// `tasks.refund_job`
pub fn refund_job(client: &Address, job: &Address) -> Instruction {
    build(
        lumora_tasks::accounts::RefundJob {
            job: *job,
            escrow: tasks::escrow_address(job).0,
            client_tokens: associated_account(client, &rewards::MINT),
            token_program: TOKEN_PROGRAM,
            event_authority: event_authority(&tasks::ID),
            program: tasks::ID,
        },
        &[],
        lumora_tasks::instruction::RefundJob {},
    )
}

/// `tasks.reject_result`; `rent_payer` paid for the account that counts the signatures.
pub fn reject_result(
    payer: &Address,
    assignment: &Address,
    job: &Address,
    node: &Address,
    rent_payer: &Address,
    arguments: RejectResultArguments,
) -> Instruction {
    build(
        lumora_tasks::accounts::RejectResult {
            payer: *payer,
            oracle_set: bandwidth::ORACLE_SET,
            job: *job,
            assignment: *assignment,
            work: tasks::work_address(node).0,
            verdict: tasks::verdict_address(&arguments.digest).0,
            rent_payer: *rent_payer,
            instructions: INSTRUCTIONS_SYSVAR,
            system_program: SYSTEM_PROGRAM,
        },
        &[],
        lumora_tasks::instruction::RejectResult { arguments },
    )
}

/// `tasks.close_verdict`
pub fn close_verdict(digest: &[u8; 32], assignment: &Address, rent_payer: &Address) -> Instruction {
    build(
        lumora_tasks::accounts::CloseVerdict {
            verdict: tasks::verdict_address(digest).0,
            assignment: *assignment,
            rent_payer: *rent_payer,
        },
        &[],
        lumora_tasks::instruction::CloseVerdict {},
    )
}

/// `tasks.cancel_job`
pub fn cancel_job(client: &Address, job: &Address) -> Instruction {
    build(
        lumora_tasks::accounts::CancelJob {
            client: *client,
            job: *job,
        },
        &[],
        lumora_tasks::instruction::CancelJob {},
    )
}

/// `tasks.close_job`
pub fn close_job(client: &Address, job: &Address) -> Instruction {
    build(
        lumora_tasks::accounts::CloseJob {
            job: *job,
            escrow: tasks::escrow_address(job).0,
            client: *client,
            client_tokens: associated_account(client, &rewards::MINT),
            token_program: TOKEN_PROGRAM,
            event_authority: event_authority(&tasks::ID),
            program: tasks::ID,
        },
        &[],
        lumora_tasks::instruction::CloseJob {},
    )
}

fn siblings(job: &Address, shard: u32, replicas: &[u8]) -> Vec<AccountMeta> {
    replicas
        .iter()
        .map(|replica| AccountMeta::new_readonly(tasks::assignment_address(job, shard, *replica).0, false))
        .collect()
}

/// A world with program `tasks`, a client with LMR and a job.
pub struct Board {
    /// The chain.
    pub world: World,
    /// Pays for the job.
    pub client: Keypair,
    /// LMR account of the client.
    pub client_tokens: Address,
    /// Receives the fees.
    pub treasury: Address,
    /// The job.
    pub job: Address,
    /// Its number of replicas.
    pub replicas: u8,
}

impl Board {
    /// A world with program `tasks`, initialised, and a client with 1,000 LMR but no job.
    pub fn empty() -> Self {
        Self::with_oracles(0)
    }

    /// The same with this many oracles.
    pub fn with_oracles(oracles: usize) -> Self {
        let mut world = World::new(oracles);
        world.deploy(tasks::ID, "tasks");
        let authority = world.authority.insecure_clone();
        let treasury = world.lmr_account(&keypair("treasury", 0).pubkey());
        world.must(&[initialize(&authority.pubkey(), &treasury)], &[&authority]);
        let client = world.wallet("client");
        let client_tokens = world.grant(&client.pubkey(), 1_000 * LMR);
        let job = tasks::job_address(&client.pubkey(), 0).0;
        Self {
            world,
            client,
            client_tokens,
            treasury,
            job,
            replicas: 2,
        }
    }

    /// The same with a job of so many shards and replicas.
    pub fn new(shard_count: u32, replicas: u8) -> Self {
        let mut board = Self::empty();
        board.replicas = replicas;
        let arguments = with_replicas(replicas, terms(&board.world));
        board.create(shard_count, arguments).expect("the job is created");
        board
    }

    /// The same with a job that may have so many replicas of a shard.
    pub fn growing(shard_count: u32, replicas: u8, max_replicas: u8) -> Self {
        let mut board = Self::empty();
        board.replicas = replicas;
        let arguments = CreateJobArguments {
            max_replicas,
            ..with_replicas(replicas, terms(&board.world))
        };
        board.create(shard_count, arguments).expect("the job is created");
        board
    }

    /// Creates the client's job number 0.
    pub fn create(&mut self, shard_count: u32, arguments: CreateJobArguments) -> Result<Sent, Refused> {
        let client = self.client.insecure_clone();
        self.world
            .send(&[create_job(&client.pubkey(), 0, shard_count, arguments)], &[&client])
    }

    /// A registered node at this place, bonded, with an attestation. The attestation is written by hand: how one comes
    /// about is what the tests of `bandwidth` are for.
    pub fn executor(&mut self, name: &str, location: [i16; 3]) -> Executor {
        let owner = self.world.wallet(name);
        let operator = keypair(name, 1);
        self.world
            .svm
            .airdrop(&operator.pubkey(), SOL)
            .expect("the operator gets SOL");
        let mut arguments = instructions::node_arguments(&operator.pubkey());
        arguments.location = location;
        self.world
            .must(&[instructions::register_node(&owner.pubkey(), arguments)], &[&owner]);
        let node = registry::node_address(&owner.pubkey(), 0).0;
        let tokens = self.world.grant(&owner.pubkey(), 10 * LMR);
        self.world.must(
            &[instructions::deposit_bond(&owner.pubkey(), &node, &tokens, 8 * LMR)],
            &[&owner],
        );
        let executor = Executor {
            owner,
            operator,
            node,
            tokens,
        };
        // Measured after it was located there.
        self.world.pass(1);
        self.attest(&executor, self.world.now());
        executor
    }

    /// Writes an attestation of the node, measured at this time.
    pub fn attest(&mut self, executor: &Executor, measured_at: i64) {
        let (address, bump) = bandwidth::attestation_address(&executor.node);
        let mut attestation = bandwidth::Attestation::zeroed();
        attestation.version = VERSION;
        attestation.bump = bump;
        attestation.node = executor.node;
        attestation.down_kbps = 50_000;
        attestation.up_kbps = 20_000;
        attestation.rtt_us = 10_000;
        attestation.uptime_bps = 10_000;
        attestation.reputation_bps = 10_000;
        attestation.measured_at = measured_at;
        self.write(address, bandwidth::ID, &attestation);
    }

    /// Overwrites an account of one of the programs.
    pub fn write<T: Account>(&mut self, address: Address, owner: Address, account: &T) {
        let mut data = T::DISCRIMINATOR.to_vec();
        data.extend_from_slice(bytes_of(account));
        let existing = self.world.svm.get_account(&address);
        let lamports = existing.map_or(0, |account| account.lamports).max(SOL);
        let account = ChainAccount {
            lamports,
            data,
            owner,
            executable: false,
            rent_epoch: u64::MAX,
        };
        self.world
            .svm
            .set_account(address, account)
            .expect("the account is written");
    }

    /// Claims a replica, once everybody's time has come.
    pub fn claim(&mut self, executor: &Executor, shard: u32, replica: u8) -> Sent {
        let since = self
            .assigned(shard)
            .into_iter()
            .filter_map(|other| self.assignment(shard, other))
            .map(|sibling| sibling.revealed_at)
            .chain(self.assignment(shard, replica).map(|former| former.ended_at))
            .fold(self.read_job().opened_at, i64::max);
        let due = since + 62;
        if self.world.now() < due {
            self.world.pass(due - self.world.now());
        }
        let claim = self.claim_instruction(executor, shard, replica);
        self.world.must(&[claim], &[&executor.operator])
    }

    /// What [`Self::claim`] sends.
    pub fn claim_instruction(&self, executor: &Executor, shard: u32, replica: u8) -> Instruction {
        let payer = executor.operator.pubkey();
        let former = self.assignment(shard, replica).map(|former| former.rent_payer);
        let former = former.filter(|former| *former != payer);
        claim_shard(executor, &self.job, shard, replica, &self.assigned(shard), former)
    }

    /// Commits to a finding.
    pub fn commit(&mut self, executor: &Executor, shard: u32, replica: u8, finding: &Finding) -> Sent {
        let address = tasks::assignment_address(&self.job, shard, replica).0;
        let commitment = finding.commitment(&self.world, &self.world.read(&address));
        self.world.must(
            &[commit_result(&executor.operator.pubkey(), &address, commitment)],
            &[&executor.operator],
        )
    }

    /// Reveals the next word of a finding.
    pub fn reveal(&mut self, executor: &Executor, shard: u32, replica: u8, finding: &Finding) -> Sent {
        let instruction = self.reveal_instruction(executor, shard, replica, finding);
        self.world.must(&[instruction], &[&executor.operator])
    }

    /// What [`Self::reveal`] sends.
    pub fn reveal_instruction(&self, executor: &Executor, shard: u32, replica: u8, finding: &Finding) -> Instruction {
        let word = self.assignment(shard, replica).map_or(0, |assignment| assignment.shown);
        reveal_result(
            &executor.operator.pubkey(),
            &self.job,
            shard,
            replica,
            &self.others(shard, replica),
            finding.arguments(word),
        )
    }

    /// Expires an assignment that ran out of time.
    pub fn expire(&mut self, executor: &Executor, shard: u32, replica: u8) -> Sent {
        let expire = self.expire_instruction(executor, shard, replica);
        self.world.must(&[expire], &[])
    }

    /// What [`Self::expire`] sends.
    pub fn expire_instruction(&self, executor: &Executor, shard: u32, replica: u8) -> Instruction {
        expire_assignment(&self.job, shard, replica, executor, &self.others(shard, replica))
    }

    /// Slashes the node of an assignment that ended badly; `reporter` gets its part.
    pub fn slash(&mut self, executor: &Executor, shard: u32, replica: u8, reporter: &Address) -> Sent {
        let slash = slash_assignment(&self.client.pubkey(), &self.job, shard, replica, executor, reporter);
        self.world.must(&[slash], &[])
    }

    /// What [`Self::settle_instruction`] is for, with the nodes that are there.
    pub fn settle_among(&self, shard: u32, team: &[&Executor]) -> Instruction {
        let assigned: Vec<(u8, &Executor)> = self
            .assigned(shard)
            .into_iter()
            .filter_map(|replica| {
                let node = self.assignment(shard, replica)?.node;
                Some((replica, *team.iter().find(|executor| executor.node == node)?))
            })
            .collect();
        self.settle_instruction(shard, &assigned)
    }

    /// Claims, commits and reveals replicas 0, 1, ... of a shard with these findings.
    pub fn work(&mut self, shard: u32, team: &[(&Executor, Finding)]) {
        for (replica, (executor, _)) in team.iter().enumerate() {
            self.claim(executor, shard, replica as u8);
        }
        for (replica, (executor, finding)) in team.iter().enumerate() {
            self.commit(executor, shard, replica as u8, finding);
        }
        for (replica, (executor, finding)) in team.iter().enumerate() {
            self.reveal(executor, shard, replica as u8, finding);
        }
    }

    /// What settles a shard whose assigned replicas are these.
    pub fn settle_instruction(&self, shard: u32, assigned: &[(u8, &Executor)]) -> Instruction {
        settle_shard(&self.job, &self.treasury, shard, assigned)
    }

    /// The job as it is now.
    pub fn read_job(&self) -> Job {
        self.world.read(&self.job)
    }

    /// The state of a shard.
    pub fn state(&self, shard: u32) -> ShardState {
        let account = self.world.svm.get_account(&self.job).expect("the job exists");
        ShardState(Job::shard_states(&account.data)[shard as usize])
    }

    /// The replicas of a shard that are assigned.
    pub fn assigned(&self, shard: u32) -> Vec<u8> {
        let state = self.state(shard);
        (0..tasks::MAX_REPLICAS).filter(|replica| state.has(*replica)).collect()
    }

    /// The same without one of them.
    pub fn others(&self, shard: u32, replica: u8) -> Vec<u8> {
        let assigned = self.assigned(shard).into_iter();
        assigned.filter(|other| *other != replica).collect()
    }

    /// An assignment, or what is left of it.
    pub fn assignment(&self, shard: u32, replica: u8) -> Option<Assignment> {
        let address = tasks::assignment_address(&self.job, shard, replica).0;
        let account = self.world.svm.get_account(&address)?;
        Assignment::from_account(&account.owner, &account.data).ok()
    }

    /// A node's record of work.
    pub fn record_of_work(&self, executor: &Executor) -> Work {
        self.world.read(&tasks::work_address(&executor.node).0)
    }

    /// LMR in the job's escrow.
    pub fn escrow(&self) -> u64 {
        self.world.balance(&tasks::escrow_address(&self.job).0)
    }
}
