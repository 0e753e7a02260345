//! Instructions of program `tasks`.

use {
    crate::{
        Connection, Error,
        fetch::decode,
        instruction::{build, event_accounts, readonly, readonly_signer, writable, writable_signer},
        token::{TOKEN_PROGRAM, lmr_account},
    },
    lumora_core::hash::Hash,
    lumora_interface::{
        Address,
        bandwidth::{ORACLE_SET, attestation_address},
        event_authority, registry, rewards,
        tasks::{
            ACCOUNTS_PER_REPLICA, CreateJobArguments, ID, Job, MAX_REPLICAS, RejectResultArguments,
            RevealResultArguments, ShardSettled, ShardState, assignment_address, config_address, escrow_address,
            instruction, job_address, verdict_address, work_address,
        },
    },
    solana_instruction::{AccountMeta, Instruction},
    solana_sdk_ids::{system_program, sysvar},
};

/// A replica of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replica {
    pub job: Address,
    pub shard: u32,
    pub replica: u8,
}

impl Replica {
    /// Address of the replica's assignment.
    pub fn assignment(&self) -> Address {
        assignment_address(&self.job, self.shard, self.replica).0
    }

    /// The assignments of the shard's other assigned replicas, as read-only accounts.
    fn siblings(self, state: ShardState) -> impl Iterator<Item = AccountMeta> {
        (0..MAX_REPLICAS)
            .filter(move |other| state.has(*other) && *other != self.replica)
            .map(move |replica| readonly(Self { replica, ..self }.assignment()))
    }
}

/// An assigned replica as `settle_shard` pays it; the assignment's account names all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assigned {
    pub replica: u8,
    /// The node's account.
    pub node: Address,
    /// Wallet that owns the node and is paid.
    pub owner: Address,
    /// Who gets the assignment's rent back.
    pub rent_payer: Address,
}

/// Names the token account that receives the fees.
pub fn initialize(authority: &Address, treasury: &Address) -> Instruction {
    let accounts = vec![
        writable_signer(*authority),
        readonly(registry::NETWORK),
        readonly(*treasury),
        writable(config_address().0),
        readonly(system_program::ID),
    ];
    build(ID, instruction::INITIALIZE, &(), accounts)
}

/// Creates a job and puts `price x max_replicas x shards` of the client's LMR into its escrow.
pub fn create_job(client: &Address, id: u64, shard_count: u32, arguments: &CreateJobArguments) -> Instruction {
    let (job, _) = job_address(client, id);
    let mut accounts = vec![
        writable_signer(*client),
        readonly(registry::NETWORK),
        readonly(config_address().0),
        writable(job),
        writable(escrow_address(&job).0),
        readonly(rewards::MINT),
        writable(lmr_account(client)),
        readonly(TOKEN_PROGRAM),
        readonly(system_program::ID),
    ];
    accounts.extend(event_accounts(ID));
    build(ID, instruction::CREATE_JOB, &(id, shard_count, arguments), accounts)
}

/// Takes a replica for a node. `state`: the shard's state byte as last seen; its assigned replicas must be shown.
/// `former_rent_payer`: who paid the rent of what the replica's former node left behind, which the operator takes over.
pub fn claim_shard(
    operator: &Address,
    node: &Address,
    replica: Replica,
    state: ShardState,
    former_rent_payer: Option<Address>,
) -> Instruction {
    let mut accounts = vec![
        writable_signer(*operator),
        readonly(registry::NETWORK),
        readonly(*node),
        readonly(attestation_address(node).0),
        writable(replica.job),
        writable(replica.assignment()),
        writable(work_address(node).0),
        readonly(system_program::ID),
    ];
    accounts.extend(replica.siblings(state));
    let repaid = former_rent_payer.filter(|payer| payer != operator);
    accounts.extend(repaid.map(writable));
    build(
        ID,
        instruction::CLAIM_SHARD,
        &(replica.shard, replica.replica),
        accounts,
    )
}

/// Commits to a result (`lumora_core::result::commitment`).
pub fn commit_result(operator: &Address, replica: Replica, commitment: &Hash) -> Instruction {
    let accounts = vec![readonly_signer(*operator), writable(replica.assignment())];
    build(ID, instruction::COMMIT_RESULT, commitment, accounts)
}

/// Shows the next word of the result, once all assigned replicas of the shard have committed. `state`: the shard's state byte
/// as last seen.
pub fn reveal_result(
    operator: &Address,
    replica: Replica,
    state: ShardState,
    arguments: &RevealResultArguments,
) -> Instruction {
    let mut accounts = vec![
        readonly_signer(*operator),
        writable(replica.job),
        writable(replica.assignment()),
    ];
    accounts.extend(replica.siblings(state));
    build(ID, instruction::REVEAL_RESULT, arguments, accounts)
}

/// Accounts of `settle_shard` before those of the replicas.
const SETTLE_ACCOUNTS: usize = 6;

/// Pays those who agree. `assigned`: every assigned replica of the shard. Anybody may call it.
pub fn settle_shard(job: &Address, treasury: &Address, shard: u32, assigned: &[Assigned]) -> Instruction {
    let mut accounts = vec![
        writable(*job),
        writable(escrow_address(job).0),
        writable(*treasury),
        readonly(TOKEN_PROGRAM),
    ];
    accounts.extend(event_accounts(ID));
    debug_assert_eq!(accounts.len(), SETTLE_ACCOUNTS);
    let mut assigned = assigned.to_vec();
    assigned.sort_unstable_by_key(|one| one.replica);
    for one in assigned {
        let replica: [AccountMeta; ACCOUNTS_PER_REPLICA] = [
            writable(assignment_address(job, shard, one.replica).0),
            writable(work_address(&one.node).0),
            writable(lmr_account(&one.owner)),
            writable(one.rent_payer),
        ];
        accounts.extend(replica);
    }
    build(ID, instruction::SETTLE_SHARD, &shard, accounts)
}

/// The records of work of those who were paid when a shard was settled, by the accounts of its `settle_shard` (see
/// [`crate::history::RecordedEvent::accounts`]).
pub fn paid_works<'a>(settled: &ShardSettled, accounts: &'a [Address]) -> impl Iterator<Item = &'a Address> {
    let (assigned, winners) = (settled.assigned, settled.winners);
    let replicas = (0..MAX_REPLICAS).filter(move |replica| assigned >> replica & 1 == 1);
    let works = accounts
        .get(SETTLE_ACCOUNTS..)
        .unwrap_or_default()
        .as_chunks::<ACCOUNTS_PER_REPLICA>()
        .0
        .iter()
        .map(|[_, work, ..]| work);
    replicas
        .zip(works)
        .filter(move |(replica, _)| winners >> replica & 1 == 1)
        .map(|(_, work)| work)
}

/// Frees a replica whose node ran out of time. `state`: the shard's state byte as last seen. Anybody may call it.
pub fn expire_assignment(replica: Replica, state: ShardState, node: &Address) -> Instruction {
    let mut accounts = vec![
        writable(replica.job),
        writable(replica.assignment()),
        writable(work_address(node).0),
    ];
    accounts.extend(replica.siblings(state));
    build(ID, instruction::EXPIRE_ASSIGNMENT, &(), accounts)
}

/// Takes a part of the bond of the node of an assignment that expired or was rejected. `reporter`: LMR account that receives
/// the reporter's part. Anybody may call it.
pub fn slash_assignment(replica: Replica, node: &Address, client: &Address, reporter: &Address) -> Instruction {
    let mut accounts = vec![
        writable(replica.job),
        writable(replica.assignment()),
        writable(work_address(node).0),
        writable(*node),
        writable(registry::NETWORK),
        readonly(registry::SLASHERS[0]),
        writable(rewards::MINT),
        writable(registry::BOND_VAULT),
        writable(*reporter),
        writable(lmr_account(client)),
        readonly(TOKEN_PROGRAM),
        readonly(event_authority(&registry::ID)),
        readonly(registry::ID),
    ];
    accounts.extend(event_accounts(ID));
    build(ID, instruction::SLASH_ASSIGNMENT, &(), accounts)
}

/// Closes what an assignment that expired or was rejected left behind, once its node was slashed and its replica cannot be
/// taken any more. Anybody may call it.
pub fn close_assignment(replica: Replica, rent_payer: &Address) -> Instruction {
    let accounts = vec![
        writable(replica.job),
        writable(replica.assignment()),
        writable(*rent_payer),
    ];
    build(ID, instruction::CLOSE_ASSIGNMENT, &(), accounts)
}

/// Gives the client what can no longer be spent of a job that takes no more claims. Anybody may call it.
pub fn refund_job(job: &Address, client: &Address) -> Instruction {
    let mut accounts = vec![
        writable(*job),
        writable(escrow_address(job).0),
        writable(lmr_account(client)),
        readonly(TOKEN_PROGRAM),
    ];
    accounts.extend(event_accounts(ID));
    build(ID, instruction::REFUND_JOB, &(), accounts)
}

/// Counts the oracles' signatures under a verdict on the only result of a shard. They are in the instruction just before it
/// (`lumora_interface::bandwidth::signatures`). `rent_payer`: who brought the first of them; the payer if these are.
pub fn reject_result(
    payer: &Address,
    replica: Replica,
    node: &Address,
    rent_payer: &Address,
    arguments: &RejectResultArguments,
) -> Instruction {
    let accounts = vec![
        writable_signer(*payer),
        readonly(ORACLE_SET),
        writable(replica.job),
        writable(replica.assignment()),
        writable(work_address(node).0),
        writable(verdict_address(&arguments.digest).0),
        writable(*rent_payer),
        readonly(sysvar::instructions::ID),
        readonly(system_program::ID),
    ];
    build(ID, instruction::REJECT_RESULT, arguments, accounts)
}

/// Closes the account of a verdict that cannot find its quorum any more. `assignment` and `rent_payer`: as the verdict names
/// them. Anybody may call it.
pub fn close_verdict(digest: &Hash, assignment: &Address, rent_payer: &Address) -> Instruction {
    let accounts = vec![
        writable(verdict_address(digest).0),
        readonly(*assignment),
        writable(*rent_payer),
    ];
    build(ID, instruction::CLOSE_VERDICT, &(), accounts)
}

/// Stops further claims.
pub fn cancel_job(client: &Address, job: &Address) -> Instruction {
    build(
        ID,
        instruction::CANCEL_JOB,
        &(),
        vec![readonly_signer(*client), writable(*job)],
    )
}

/// Ends a job: what is left of the escrow, and all rent, go back to its client. Anybody may call it.
pub fn close_job(job: &Address, client: &Address) -> Instruction {
    let mut accounts = vec![
        writable(*job),
        writable(escrow_address(job).0),
        writable(*client),
        writable(lmr_account(client)),
        readonly(TOKEN_PROGRAM),
    ];
    accounts.extend(event_accounts(ID));
    build(ID, instruction::CLOSE_JOB, &(), accounts)
}

impl Connection {
    /// A job and the state of each of its shards; `None` once it is closed.
    pub async fn job(&self, address: &Address) -> Result<Option<(Job, Vec<ShardState>)>, Error> {
        let Some(account) = self.account(address).await? else {
            return Ok(None);
        };
        let job: Job = decode(address, &account)?;
        let states = Job::shard_states(&account.data)
            .iter()
            .copied()
            .map(ShardState)
            .collect();
        Ok(Some((job, states)))
    }
}

#[cfg(test)]
mod tests {
    use {super::*, bytemuck::Zeroable};

    fn address(seed: u8) -> Address {
        Address::new_from_array([seed; 32])
    }

    #[test]
    fn who_was_paid_is_read_from_the_accounts_of_the_settlement() {
        let one = |replica| Assigned {
            replica,
            node: address(replica),
            owner: address(50 + replica),
            rent_payer: address(100 + replica),
        };
        let instruction = settle_shard(&address(200), &address(201), 7, &[one(6), one(1), one(4)]);
        let mut accounts: Vec<Address> = instruction.accounts.iter().map(|it| it.pubkey).collect();
        let settled = ShardSettled {
            assigned: 0b101_0010,
            winners: 0b100_0010,
            ..ShardSettled::zeroed()
        };
        let works = [1, 6].map(|node| work_address(&address(node)).0);
        assert!(paid_works(&settled, &accounts).eq(&works));
        // The program takes no notice of accounts past the replicas.
        accounts.extend([address(9); ACCOUNTS_PER_REPLICA]);
        assert!(paid_works(&settled, &accounts).eq(&works));
        assert_eq!(paid_works(&settled, &[]).count(), 0);
    }
}
