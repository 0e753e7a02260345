/**
 * What a client does with a job, and what nodes and anybody else do with its shards. Each function gives the instructions of
 * one transaction.
 */
import {
    type Account,
    AccountRole,
    type Address,
    type EncodedAccount,
    type Instruction,
    type ReadonlyUint8Array,
    type TransactionSigner,
} from '@solana/kit';

import {
    findAssignmentAddress,
    findAttestationAddress,
    findEscrowAddress,
    findJobAddress,
    findLmrAddress,
    findVerdictAddress,
    findWorkAddress,
    LMR_MINT,
    NETWORK,
    NODE_BONDS,
} from './addresses';
import { sha256, utf8 } from './bytes';
import { type AccountsRpc, asJobFields, fetchAs, WrongAccount } from './checked';
import { cidOfDigest } from './dataset/cid';
import { findEventAuthorityPda } from './generated/registry';
import {
    type Assignment,
    getCancelJobInstruction,
    getClaimShardInstructionAsync,
    getCloseAssignmentInstruction,
    getCloseJobInstructionAsync,
    getCloseVerdictInstruction,
    getCommitResultInstruction,
    getCreateJobInstructionAsync,
    getExpireAssignmentInstruction,
    getJobSize,
    getRefundJobInstructionAsync,
    getRevealResultInstruction,
    getSettleShardInstructionAsync,
    getSlashAssignmentInstructionAsync,
    type Job,
    LUMORA_TASKS_PROGRAM_ADDRESS,
    type RevealResultInstructionDataArgs,
    type Verdict,
} from './generated/tasks';
import { createLmrAccount } from './tokens';

/** Most shards of a job. */
export const MAX_SHARDS = 8_192;
/** Most replicas of a shard. */
export const MAX_REPLICAS = 7;

/** Values of `Assignment.state`. */
export const assignmentState = {
    /** A node works on it. */
    claimed: 1,
    /** The node committed to a result that it has not shown yet. */
    committed: 2,
    /** The node showed its result, or some words of it. */
    revealed: 3,
    /** The node ran out of time. Kept for its slashing, and for whoever takes the replica next. */
    expired: 4,
    /** The majority, or a quorum of oracles, did not find what the node had shown. Kept like an expired one. */
    rejected: 5,
} as const;

/** How far a shard is. */
export type ShardState = {
    /** Whether it is settled. */
    readonly isSettled: boolean;
    /** Before settlement the replicas that nodes work on; afterwards those that won and were paid. */
    readonly replicas: readonly number[];
};

/** A job as last read, with the state of each of its shards, which stand behind the fields of its account. */
export type JobAccount = Pick<Account<Job>, 'address' | 'data'> & { readonly shards: readonly ShardState[] };

/** An assignment as last read. */
export type AssignmentAccount = Pick<Account<Assignment>, 'address' | 'data'>;

/** Reads a shard's state byte: bits 0 to 6 are its replicas, bit 7 says whether it is settled. */
export const shardState = (byte: number): ShardState => ({
    isSettled: (byte & 0x80) !== 0,
    replicas: Array.from({ length: MAX_REPLICAS }, (_, replica) => replica).filter(replica => (byte >> replica) & 1),
});

/** A job's account together with its shards; throws {@link WrongAccount} where it is none, or is cut off. */
export function asJob(account: EncodedAccount): JobAccount {
    const { address, data } = asJobFields(account);
    const bytes = account.data.slice(getJobSize(), getJobSize() + data.shardCount);
    if (bytes.length < data.shardCount) throw new WrongAccount(address, 'Job', 'it ends before its last shard');
    return { address, data, shards: Array.from(bytes, shardState) };
}

/** A job with its shards; `undefined` once it is closed. */
export const fetchJob = (rpc: AccountsRpc, address: Address): Promise<JobAccount | undefined> =>
    fetchAs(rpc, address, asJob);

/** How far a job is, in shards. */
export type JobProgress = {
    readonly shards: number;
    /** With at least one node at work. */
    readonly inWork: number;
    readonly settled: number;
};

/** Counts how far a job is. */
export const progressOf = ({ shards }: Pick<JobAccount, 'shards'>): JobProgress => ({
    shards: shards.length,
    inWork: shards.filter(({ isSettled, replicas }) => !isSettled && replicas.length > 0).length,
    settled: shards.filter(({ isSettled }) => isSettled).length,
});

/** Whether a job takes no more claims. `now`: Unix time of the chain. */
export const isClosedForClaims = ({ cancelled, deadline }: Job, now: bigint): boolean =>
    cancelled !== 0 || now >= deadline;

/** LMR base units that come back to the client as soon as the job takes no more claims; never less than zero. */
export function unspendable({
    escrowed,
    paid,
    fees,
    refunded,
    price,
    liveAssignments,
}: Pick<Job, 'escrowed' | 'paid' | 'fees' | 'refunded' | 'price' | 'liveAssignments'>): bigint {
    const left = escrowed - paid - fees - refunded - price * BigInt(liveAssignments);
    return left > 0n ? left : 0n;
}

/** What a client asks for, and on which terms nodes work. */
export type JobTerms = {
    /** SHA-256 of the manifest (`dataset.canonicalJson` of it): what to fetch and extract. Store it first. */
    readonly manifestHash: Uint8Array;
    /** Where the manifest is; its content's name where nothing else is given. */
    readonly uri?: string;
    /** Where the data lives: a unit vector, components scaled to 32,767 (`rules.unitVector`). */
    readonly target: readonly [number, number, number];
    /** LMR base units for one replica of one shard, the protocol's fee included. */
    readonly price: number | bigint;
    /** Unix time from which nothing more can be claimed. */
    readonly deadline: number | bigint;
    /** Shards that the pages are split into, at most {@link MAX_SHARDS}; one where nothing else is given. */
    readonly shards?: number;
    /** Nodes that do the same shard, at most {@link MAX_REPLICAS}; two where nothing else is given. */
    readonly replicas?: number;
    /** Nodes that may do a shard while its results do not agree; one more than `replicas`, if those are two or more. */
    readonly maxReplicas?: number;
    /** Most bits in which the sketches of two agreeing results differ; 42. */
    readonly toleranceBits?: number;
    /** Largest difference of the counts of two agreeing results, in basis points of the larger one; 500. */
    readonly toleranceCount?: number;
    /** Seconds from a claim in which a result must be committed to; an hour. */
    readonly commitSeconds?: number;
    /** Seconds from the last commitment of a shard in which results must be shown; ten minutes. */
    readonly revealSeconds?: number;
    /** Seconds in which the oracles may reject the only result of a shard; an hour for one replica, else zero. */
    readonly challengeSeconds?: number;
};

const HOUR = 3_600;

/** The terms of the work with everything that was left out: as `lumora job create` fills it in. */
export function completeTerms(terms: Omit<JobTerms, 'manifestHash' | 'target' | 'price' | 'deadline'>) {
    const { shards = 1, replicas = 2 } = terms;
    const isSingle = replicas === 1;
    return {
        shards,
        replicas,
        maxReplicas: terms.maxReplicas ?? (isSingle ? 1 : Math.min(replicas + 1, MAX_REPLICAS)),
        // `DEFAULT_TOLERANCE` of `crates/core/src/agreement.rs`.
        toleranceBits: terms.toleranceBits ?? 42,
        toleranceCount: terms.toleranceCount ?? 500,
        commitSeconds: terms.commitSeconds ?? HOUR,
        revealSeconds: terms.revealSeconds ?? 600,
        challengeSeconds: terms.challengeSeconds ?? (isSingle ? HOUR : 0),
    };
}

/** LMR base units that {@link createJob} puts into escrow: all that the job can cost. What is not spent comes back. */
export function escrowOf(terms: Omit<JobTerms, 'manifestHash' | 'target' | 'deadline'>): bigint {
    const { shards, maxReplicas } = completeTerms(terms);
    return BigInt(terms.price) * BigInt(maxReplicas) * BigInt(shards);
}

/** Creates the client's job number `id` and puts {@link escrowOf} its terms into escrow. `address` is the job's. */
export async function createJob(
    client: TransactionSigner,
    id: number | bigint,
    terms: JobTerms,
): Promise<{ instructions: Instruction[]; address: Address }> {
    const { shards: shardCount, ...rest } = completeTerms(terms);
    const { manifestHash, price, deadline, target } = terms;
    const { uri = `ipfs://${cidOfDigest(manifestHash)}` } = terms;
    const job = await findJobAddress(client.address, id);
    const instruction = await getCreateJobInstructionAsync({
        client,
        network: NETWORK,
        job,
        escrow: await findEscrowAddress(job),
        lmrMint: LMR_MINT,
        clientTokens: await findLmrAddress(client.address),
        program: LUMORA_TASKS_PROGRAM_ADDRESS,
        id,
        shardCount,
        manifestHash,
        uriHash: sha256(utf8(uri)),
        target: [...target],
        price,
        deadline,
        ...rest,
    });
    return { instructions: [instruction], address: job };
}

/**
 * Stops further claims and takes back what can no longer be spent, if there is anything; what nodes have begun is still
 * judged and paid.
 */
export async function cancelJob(client: TransactionSigner, job: JobAccount): Promise<Instruction[]> {
    const cancel = getCancelJobInstruction({ client, job: job.address });
    return unspendable(job.data) === 0n ? [cancel] : [cancel, ...(await refundJob(client, job))];
}

/** Gives the client what can no longer be spent of a job that takes no more claims. Anybody may. */
export async function refundJob(
    payer: TransactionSigner,
    { address: job, data: { client } }: Pick<JobAccount, 'address' | 'data'>,
): Promise<Instruction[]> {
    return [
        await createLmrAccount(payer, client),
        await getRefundJobInstructionAsync({
            job,
            escrow: await findEscrowAddress(job),
            clientTokens: await findLmrAddress(client),
            program: LUMORA_TASKS_PROGRAM_ADDRESS,
        }),
    ];
}

/** Ends a job without assignments: what is left of the escrow, and all rent, go back to the client. Anybody may. */
export async function closeJob(
    payer: TransactionSigner,
    { address: job, data: { client } }: Pick<JobAccount, 'address' | 'data'>,
): Promise<Instruction[]> {
    return [
        await createLmrAccount(payer, client),
        await getCloseJobInstructionAsync({
            job,
            escrow: await findEscrowAddress(job),
            client,
            clientTokens: await findLmrAddress(client),
            program: LUMORA_TASKS_PROGRAM_ADDRESS,
        }),
    ];
}

/** One replica of one shard of a job. */
export type Replica = { readonly shard: number; readonly replica: number };

/**
 * Takes a replica for a node. `job` is as last read: the assignments of the shard's other replicas must be shown. `former` is
 * what the replica's former node left behind, if it had one.
 */
export async function claimShard(
    operator: TransactionSigner,
    node: Address,
    job: JobAccount,
    { shard, replica }: Replica,
    former?: AssignmentAccount,
): Promise<Instruction[]> {
    const instruction = await getClaimShardInstructionAsync({
        operator,
        network: NETWORK,
        node,
        attestation: await findAttestationAddress(node),
        job: job.address,
        assignment: await findAssignmentAddress(job.address, shard, replica),
        shard,
        replica,
    });
    const repaid = former?.data.rentPayer;
    const extra = await siblings(job, { shard, replica });
    if (repaid !== undefined && repaid !== operator.address)
        extra.push({ address: repaid, role: AccountRole.WRITABLE });
    return [{ ...instruction, accounts: [...instruction.accounts, ...extra] }];
}

/** Commits a node to a result that it does not show yet (`lumora_core::result::commitment`; 32 bytes). */
export const commitResult = (
    operator: TransactionSigner,
    assignment: Address,
    commitment: ReadonlyUint8Array,
): Instruction[] => [getCommitResultInstruction({ operator, assignment, commitment })];

/** A word of a result, and what it was committed to with. */
export type Revealed = RevealResultInstructionDataArgs;

/** Shows the next word of the result, once all assigned replicas of the shard have committed. `job` is as last read. */
export async function revealResult(
    operator: TransactionSigner,
    job: JobAccount,
    { shard, replica }: Replica,
    revealed: Revealed,
): Promise<Instruction[]> {
    const assignment = await findAssignmentAddress(job.address, shard, replica);
    const instruction = getRevealResultInstruction({ operator, job: job.address, assignment, ...revealed });
    return [{ ...instruction, accounts: [...instruction.accounts, ...(await siblings(job, { shard, replica }))] }];
}

/**
 * Pays those who agree, if they are more than half. Anybody may; the answer is always the same. `assigned` are the
 * assignments of all the shard's assigned replicas.
 */
export async function settleShard(
    { address: job, data: { treasury } }: Pick<JobAccount, 'address' | 'data'>,
    shard: number,
    assigned: readonly AssignmentAccount[],
): Promise<Instruction[]> {
    const instruction = await getSettleShardInstructionAsync({
        job,
        escrow: await findEscrowAddress(job),
        treasury,
        program: LUMORA_TASKS_PROGRAM_ADDRESS,
        shard,
    });
    const inOrder = [...assigned].sort((one, other) => one.data.replica - other.data.replica);
    const accounts = await Promise.all(
        inOrder.map(async ({ address, data: { node, owner, rentPayer } }) => [
            address,
            await findWorkAddress(node),
            await findLmrAddress(owner),
            rentPayer,
        ]),
    );
    const extra = accounts.flat().map(address => ({ address, role: AccountRole.WRITABLE }));
    return [{ ...instruction, accounts: [...instruction.accounts, ...extra] }];
}

/** Frees a replica whose node ran out of time. Anybody may. `job` is as last read. */
export async function expireAssignment(job: JobAccount, assignment: AssignmentAccount): Promise<Instruction[]> {
    const instruction = getExpireAssignmentInstruction({
        job: job.address,
        assignment: assignment.address,
        work: await findWorkAddress(assignment.data.node),
    });
    const extra = await siblings(job, assignment.data);
    return [{ ...instruction, accounts: [...instruction.accounts, ...extra] }];
}

/**
 * Takes a part of the bond of a node whose assignment expired or was rejected. Anybody may: a tenth of it goes to the LMR
 * account of `reporter`, which is created if it does not exist.
 */
export async function slashAssignment(
    reporter: TransactionSigner,
    { address: job, data: { client } }: Pick<JobAccount, 'address' | 'data'>,
    { address: assignment, data: { node } }: AssignmentAccount,
): Promise<Instruction[]> {
    const [registryEventAuthority] = await findEventAuthorityPda();
    return [
        await createLmrAccount(reporter, reporter.address),
        await getSlashAssignmentInstructionAsync({
            job,
            assignment,
            work: await findWorkAddress(node),
            node,
            network: NETWORK,
            lmrMint: LMR_MINT,
            bondVault: NODE_BONDS,
            reporter: await findLmrAddress(reporter.address),
            injured: await findLmrAddress(client),
            registryEventAuthority,
            program: LUMORA_TASKS_PROGRAM_ADDRESS,
        }),
    ];
}

/**
 * Closes what an assignment that expired or was rejected left behind, once its node was slashed and its replica cannot be
 * taken any more. Anybody may; the rent goes back to who paid it.
 */
export const closeAssignment = (job: Address, { address: assignment, data }: AssignmentAccount): Instruction[] => [
    getCloseAssignmentInstruction({ job, assignment, rentPayer: data.rentPayer }),
];

/** Closes the account of a verdict that cannot find its quorum any more. Anybody may; the rent goes to who paid it. */
export async function closeVerdict({ digest, assignment, rentPayer }: Verdict): Promise<Instruction[]> {
    return [getCloseVerdictInstruction({ verdict: await findVerdictAddress(digest), assignment, rentPayer })];
}

/** The assignments of the shard's other assigned replicas, the lowest first, as read-only accounts. */
async function siblings(job: JobAccount, { shard, replica }: Replica) {
    const others = (job.shards[shard]?.replicas ?? []).filter(other => other !== replica);
    return Promise.all(
        others.map(async other => ({
            address: await findAssignmentAddress(job.address, shard, other),
            role: AccountRole.READONLY as AccountRole.READONLY | AccountRole.WRITABLE,
        })),
    );
}
