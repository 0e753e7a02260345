/** Lists of accounts, found by what they say. Nodes look through all accounts of a program for these: not for a hot path. */
import {
    type Account,
    type Address,
    type Base58EncodedBytes,
    getAddressEncoder,
    getBase58Decoder,
    getBase64Encoder,
    type GetProgramAccountsApi,
    type ReadonlyUint8Array,
    type Rpc,
} from '@solana/kit';

import {
    asAssignment,
    asAttestation,
    asGrant,
    asListing,
    asNode,
    asPurchase,
    asReward,
    asWork,
    type Decode,
} from './checked';
import { type Attestation, ATTESTATION_DISCRIMINATOR, LUMORA_BANDWIDTH_PROGRAM_ADDRESS } from './generated/bandwidth';
import {
    type Listing,
    LISTING_DISCRIMINATOR,
    LUMORA_MARKET_PROGRAM_ADDRESS,
    type Purchase,
    PURCHASE_DISCRIMINATOR,
} from './generated/market';
import { LUMORA_REGISTRY_PROGRAM_ADDRESS, type Node, NODE_DISCRIMINATOR } from './generated/registry';
import {
    type Grant,
    GRANT_DISCRIMINATOR,
    LUMORA_REWARDS_PROGRAM_ADDRESS,
    type Reward,
    REWARD_DISCRIMINATOR,
} from './generated/rewards';
import {
    type Assignment,
    ASSIGNMENT_DISCRIMINATOR,
    JOB_DISCRIMINATOR,
    LUMORA_TASKS_PROGRAM_ADDRESS,
    type Work,
    WORK_DISCRIMINATOR,
} from './generated/tasks';
import { asJob, type JobAccount } from './jobs';

type ProgramAccountsRpc = Rpc<GetProgramAccountsApi>;

/** Bytes that an account has at an offset, discriminator included. */
export type Has = { readonly offset: number; readonly bytes: ReadonlyUint8Array };

/** Where the accounts that these functions look for hold what they are looked for by. */
export const OFFSETS = {
    nodeOwner: 16,
    listingSeller: 24,
    purchaseListing: 24,
    purchaseBuyer: 56,
    jobClient: 40,
    assignmentJob: 16,
    assignmentNode: 48,
    grantRecipient: 16,
} as const;

/** The filters of a request or subscription for accounts of one type. */
export const filtersOf = (discriminator: ReadonlyUint8Array, ...has: readonly Has[]) =>
    [{ offset: 0, bytes: discriminator }, ...has].map(({ offset, bytes }) => ({
        memcmp: {
            bytes: getBase58Decoder().decode(bytes) as Base58EncodedBytes,
            encoding: 'base58' as const,
            offset: BigInt(offset),
        },
    }));

const holds = (offset: number, address: Address): Has => ({ offset, bytes: getAddressEncoder().encode(address) });

/** All nodes, or those of an owner. */
export const fetchNodes = (rpc: ProgramAccountsRpc, owner?: Address): Promise<Account<Node>[]> =>
    fetchList(rpc, LUMORA_REGISTRY_PROGRAM_ADDRESS, NODE_DISCRIMINATOR, asNode, [[OFFSETS.nodeOwner, owner]]);

/** The latest proven figures of all nodes. */
export const fetchAttestations = (rpc: ProgramAccountsRpc): Promise<Account<Attestation>[]> =>
    fetchList(rpc, LUMORA_BANDWIDTH_PROGRAM_ADDRESS, ATTESTATION_DISCRIMINATOR, asAttestation, []);

/** The records of work of all nodes. */
export const fetchWorks = (rpc: ProgramAccountsRpc): Promise<Account<Work>[]> =>
    fetchList(rpc, LUMORA_TASKS_PROGRAM_ADDRESS, WORK_DISCRIMINATOR, asWork, []);

/** What all nodes have claimed. */
export const fetchRewards = (rpc: ProgramAccountsRpc): Promise<Account<Reward>[]> =>
    fetchList(rpc, LUMORA_REWARDS_PROGRAM_ADDRESS, REWARD_DISCRIMINATOR, asReward, []);

/** All listings, or those of a seller. */
export const fetchListings = (rpc: ProgramAccountsRpc, seller?: Address): Promise<Account<Listing>[]> =>
    fetchList(rpc, LUMORA_MARKET_PROGRAM_ADDRESS, LISTING_DISCRIMINATOR, asListing, [[OFFSETS.listingSeller, seller]]);

/** Purchases: of a listing, of a buyer, or of both. */
export const fetchPurchases = (
    rpc: ProgramAccountsRpc,
    of: { readonly listing?: Address; readonly buyer?: Address },
): Promise<Account<Purchase>[]> =>
    fetchList(rpc, LUMORA_MARKET_PROGRAM_ADDRESS, PURCHASE_DISCRIMINATOR, asPurchase, [
        [OFFSETS.purchaseListing, of.listing],
        [OFFSETS.purchaseBuyer, of.buyer],
    ]);

/** All jobs with the states of their shards, or those of a client. */
export const fetchJobs = (rpc: ProgramAccountsRpc, client?: Address): Promise<JobAccount[]> =>
    fetchList(rpc, LUMORA_TASKS_PROGRAM_ADDRESS, JOB_DISCRIMINATOR, asJob, [[OFFSETS.jobClient, client]]);

/** Assignments: of a job, of a node, or of both. Those that expired or were rejected are among them. */
export const fetchAssignments = (
    rpc: ProgramAccountsRpc,
    of: { readonly job?: Address; readonly node?: Address },
): Promise<Account<Assignment>[]> =>
    fetchList(rpc, LUMORA_TASKS_PROGRAM_ADDRESS, ASSIGNMENT_DISCRIMINATOR, asAssignment, [
        [OFFSETS.assignmentJob, of.job],
        [OFFSETS.assignmentNode, of.node],
    ]);

/** Grants of a wallet that are not wholly released. */
export const fetchGrants = (rpc: ProgramAccountsRpc, recipient: Address): Promise<Account<Grant>[]> =>
    fetchList(rpc, LUMORA_REWARDS_PROGRAM_ADDRESS, GRANT_DISCRIMINATOR, asGrant, [[OFFSETS.grantRecipient, recipient]]);

async function fetchList<T extends object>(
    rpc: ProgramAccountsRpc,
    program: Address,
    discriminator: ReadonlyUint8Array,
    decode: Decode<T>,
    wanted: readonly (readonly [offset: number, address: Address | undefined])[],
): Promise<T[]> {
    const has = wanted.flatMap(([offset, address]) => (address === undefined ? [] : [holds(offset, address)]));
    const found = await rpc
        .getProgramAccounts(program, {
            commitment: 'confirmed',
            encoding: 'base64',
            filters: filtersOf(discriminator, ...has),
        })
        .send();
    return found.map(({ pubkey, account: { data, executable, lamports, owner, space } }) => {
        const bytes = new Uint8Array(getBase64Encoder().encode(data[0]));
        return decode({ address: pubkey, data: bytes, executable, lamports, programAddress: owner, space });
    });
}
