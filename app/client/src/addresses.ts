/** Addresses of accounts, from the same seeds as `crates/interface`. */
import {
    type Address,
    address,
    getAddressEncoder,
    getProgramDerivedAddress,
    getU16Encoder,
    getU32Encoder,
    getU64Encoder,
    getU8Encoder,
    getUtf8Encoder,
    type ReadonlyUint8Array,
} from '@solana/kit';
import { findAssociatedTokenPda, TOKEN_PROGRAM_ADDRESS } from '@solana-program/token';

import { LUMORA_BANDWIDTH_PROGRAM_ADDRESS } from './generated/bandwidth';
import { findListingPda, findPurchasePda, LUMORA_MARKET_PROGRAM_ADDRESS } from './generated/market';
import { LUMORA_REGISTRY_PROGRAM_ADDRESS } from './generated/registry';
import { findGrantPda, LUMORA_REWARDS_PROGRAM_ADDRESS } from './generated/rewards';
import { findJobPda, findWorkPda, LUMORA_TASKS_PROGRAM_ADDRESS } from './generated/tasks';

/** The one `Network` of program `registry`: authority, parameters, what is paused. */
export const NETWORK = /* @__PURE__ */ address('J731TDhVSFB72p3d5ArBi3gB3N1UaWCNBeqVuPdqW73x');
/** The token account that holds the nodes' bonds. */
export const NODE_BONDS = /* @__PURE__ */ address('8f3SbgoH7d55UF3m9xQ1FoUdLes2APQSeoneTDBBL1dt');
/** The one `OracleSet` of program `bandwidth`. */
export const ORACLE_SET = /* @__PURE__ */ address('E7WpT46588JDT9HbziG3uo69yj3SWewK12cXtPLJK5n3');
/** The one `Emission` of program `rewards`. */
export const EMISSION = /* @__PURE__ */ address('8zUapxdifeBicHUmUAoCDMSBqXMmomFzmRWhh2RkyE7k');
/** The LMR mint. */
export const LMR_MINT = /* @__PURE__ */ address('4hrsYK6KAu9PT7oeUTKGsro1R7Br18pKdvotXNeiwYPY');
/** The token account that receives the protocol's fees. */
export const FEES = /* @__PURE__ */ address('CsgUBG6HyqoJYQGrjYSuRQCgqQgi3UN6zq2G5AnCnk8P');
/** Stands for "nobody" as an authority: an address under which nobody can sign. */
export const INCINERATOR = /* @__PURE__ */ address('1nc1nerator11111111111111111111111111111111');

const text = getUtf8Encoder();

async function derived(programAddress: Address, seeds: Parameters<typeof getProgramDerivedAddress>[0]['seeds']) {
    const [address] = await getProgramDerivedAddress({ programAddress, seeds });
    return address;
}

/** The owner's node with this number. */
export const findNodeAddress = (owner: Address, index = 0): Promise<Address> =>
    derived(LUMORA_REGISTRY_PROGRAM_ADDRESS, [
        text.encode('node'),
        getAddressEncoder().encode(owner),
        getU16Encoder().encode(index),
    ]);

/** The latest proven figures of a node. */
export const findAttestationAddress = (node: Address): Promise<Address> =>
    derived(LUMORA_BANDWIDTH_PROGRAM_ADDRESS, [text.encode('attestation'), getAddressEncoder().encode(node)]);

/** An epoch. */
export const findEpochAddress = (epoch: bigint): Promise<Address> =>
    derived(LUMORA_BANDWIDTH_PROGRAM_ADDRESS, [text.encode('epoch'), getU64Encoder().encode(epoch)]);

/** What a node has claimed. */
export const findRewardAddress = (node: Address): Promise<Address> =>
    derived(LUMORA_REWARDS_PROGRAM_ADDRESS, [text.encode('reward'), getAddressEncoder().encode(node)]);

/** What of the early-participant pool was granted to a wallet, by the number of the grant. */
export async function findGrantAddress(recipient: Address, index = 0): Promise<Address> {
    const [address] = await findGrantPda({ recipient, index });
    return address;
}

/** The client's job with this number. */
export async function findJobAddress(client: Address, id: number | bigint): Promise<Address> {
    const [address] = await findJobPda({ client, id });
    return address;
}

/** The token account with a job's LMR. */
export const findEscrowAddress = (job: Address): Promise<Address> =>
    derived(LUMORA_TASKS_PROGRAM_ADDRESS, [text.encode('escrow'), getAddressEncoder().encode(job)]);

/** Who works on a replica of a shard, and how far. */
export const findAssignmentAddress = (job: Address, shard: number, replica: number): Promise<Address> =>
    derived(LUMORA_TASKS_PROGRAM_ADDRESS, [
        text.encode('assignment'),
        getAddressEncoder().encode(job),
        getU32Encoder().encode(shard),
        getU8Encoder().encode(replica),
    ]);

/** A node's record of work. */
export async function findWorkAddress(node: Address): Promise<Address> {
    const [address] = await findWorkPda({ node });
    return address;
}

/** Where the oracles' signatures under the verdict with this digest are counted. */
export const findVerdictAddress = (digest: ReadonlyUint8Array): Promise<Address> =>
    derived(LUMORA_TASKS_PROGRAM_ADDRESS, [text.encode('verdict'), digest]);

/** The seller's listing with this number. */
export async function findListingAddress(seller: Address, id: number | bigint): Promise<Address> {
    const [address] = await findListingPda({ seller, id });
    return address;
}

/** The buyer's purchase of a listing with this number. */
export async function findPurchaseAddress(listing: Address, buyer: Address, index = 0): Promise<Address> {
    const [address] = await findPurchasePda({ listing, buyer, index });
    return address;
}

/** The token account with a purchase's LMR. */
export const findPurchaseVaultAddress = (purchase: Address): Promise<Address> =>
    derived(LUMORA_MARKET_PROGRAM_ADDRESS, [text.encode('vault'), getAddressEncoder().encode(purchase)]);

/** The token account with a listing's bond. */
export const findBondVaultAddress = (listing: Address): Promise<Address> =>
    derived(LUMORA_MARKET_PROGRAM_ADDRESS, [text.encode('bond'), getAddressEncoder().encode(listing)]);

/** A wallet's LMR account. */
export async function findLmrAddress(owner: Address): Promise<Address> {
    const [account] = await findAssociatedTokenPda({ owner, mint: LMR_MINT, tokenProgram: TOKEN_PROGRAM_ADDRESS });
    return account;
}
