/** Accounts that are what they seem: of the program, and of the type. Anybody can make an account with the same fields. */
import {
    type Account,
    type Address,
    type Decoder,
    type EncodedAccount,
    fetchEncodedAccount,
    type ReadonlyUint8Array,
} from '@solana/kit';

import { equal } from './bytes';
import {
    type Attestation,
    ATTESTATION_DISCRIMINATOR,
    type Epoch,
    EPOCH_DISCRIMINATOR,
    getAttestationDecoder,
    getEpochDecoder,
    getOracleSetDecoder,
    LUMORA_BANDWIDTH_PROGRAM_ADDRESS,
    type OracleSet,
    ORACLE_SET_DISCRIMINATOR,
} from './generated/bandwidth';
import {
    getListingDecoder,
    getPurchaseDecoder,
    type Listing,
    LISTING_DISCRIMINATOR,
    LUMORA_MARKET_PROGRAM_ADDRESS,
    type Purchase,
    PURCHASE_DISCRIMINATOR,
} from './generated/market';
import {
    getNetworkDecoder,
    getNodeDecoder,
    LUMORA_REGISTRY_PROGRAM_ADDRESS,
    type Network,
    NETWORK_DISCRIMINATOR,
    type Node,
    NODE_DISCRIMINATOR,
} from './generated/registry';
import {
    type Emission,
    EMISSION_DISCRIMINATOR,
    getEmissionDecoder,
    getGrantDecoder,
    getRewardDecoder,
    type Grant,
    GRANT_DISCRIMINATOR,
    LUMORA_REWARDS_PROGRAM_ADDRESS,
    type Reward,
    REWARD_DISCRIMINATOR,
} from './generated/rewards';
import {
    type Assignment,
    ASSIGNMENT_DISCRIMINATOR,
    getAssignmentDecoder,
    getJobDecoder,
    getVerdictDecoder,
    getWorkDecoder,
    type Job,
    JOB_DISCRIMINATOR,
    LUMORA_TASKS_PROGRAM_ADDRESS,
    type Verdict,
    VERDICT_DISCRIMINATOR,
    type Work,
    WORK_DISCRIMINATOR,
} from './generated/tasks';

/** An account is not what it was taken for. */
export class WrongAccount extends Error {
    override readonly name = 'WrongAccount';

    constructor(
        readonly address: Address,
        /** What it was taken for: `Listing`. */
        readonly type: string,
        reason: string,
    ) {
        super(`the account ${address} is no ${type}: ${reason}`);
    }
}

/** Decodes an account, or throws {@link WrongAccount}. */
export type Decode<T extends object> = (account: EncodedAccount) => T;

const reader =
    <T extends object>(
        type: string,
        program: Address,
        discriminator: ReadonlyUint8Array,
        decoder: () => Decoder<T>,
    ): Decode<Account<T>> =>
    ({ data, ...rest }) => {
        const wrong = (reason: string) => new WrongAccount(rest.address, type, reason);
        if (rest.programAddress !== program) throw wrong('another program owns it');
        if (!equal(data.slice(0, discriminator.length), discriminator)) throw wrong('it is of another type');
        try {
            return { ...rest, data: decoder().decode(data) };
        } catch {
            throw wrong('it is too short: an older version of the program wrote it');
        }
    };

/** Whether new commitments are paused, who may do what, and the parameters. */
export const asNetwork: Decode<Account<Network>> = /* @__PURE__ */ reader(
    'Network',
    LUMORA_REGISTRY_PROGRAM_ADDRESS,
    NETWORK_DISCRIMINATOR,
    getNetworkDecoder,
);
/** A node. */
export const asNode: Decode<Account<Node>> = /* @__PURE__ */ reader(
    'Node',
    LUMORA_REGISTRY_PROGRAM_ADDRESS,
    NODE_DISCRIMINATOR,
    getNodeDecoder,
);
/** A node's latest proven figures. */
export const asAttestation: Decode<Account<Attestation>> = /* @__PURE__ */ reader(
    'Attestation',
    LUMORA_BANDWIDTH_PROGRAM_ADDRESS,
    ATTESTATION_DISCRIMINATOR,
    getAttestationDecoder,
);
/** An epoch. */
export const asEpoch: Decode<Account<Epoch>> = /* @__PURE__ */ reader(
    'Epoch',
    LUMORA_BANDWIDTH_PROGRAM_ADDRESS,
    EPOCH_DISCRIMINATOR,
    getEpochDecoder,
);
/** The oracles. */
export const asOracleSet: Decode<Account<OracleSet>> = /* @__PURE__ */ reader(
    'OracleSet',
    LUMORA_BANDWIDTH_PROGRAM_ADDRESS,
    ORACLE_SET_DISCRIMINATOR,
    getOracleSetDecoder,
);
/** The schedule of rewards, and what was minted by it. */
export const asEmission: Decode<Account<Emission>> = /* @__PURE__ */ reader(
    'Emission',
    LUMORA_REWARDS_PROGRAM_ADDRESS,
    EMISSION_DISCRIMINATOR,
    getEmissionDecoder,
);
/** What a node has claimed. */
export const asReward: Decode<Account<Reward>> = /* @__PURE__ */ reader(
    'Reward',
    LUMORA_REWARDS_PROGRAM_ADDRESS,
    REWARD_DISCRIMINATOR,
    getRewardDecoder,
);
/** What of the early-participant pool was granted to a wallet. */
export const asGrant: Decode<Account<Grant>> = /* @__PURE__ */ reader(
    'Grant',
    LUMORA_REWARDS_PROGRAM_ADDRESS,
    GRANT_DISCRIMINATOR,
    getGrantDecoder,
);
/** A job's fields; `asJob` has the states of its shards as well. */
export const asJobFields: Decode<Account<Job>> = /* @__PURE__ */ reader(
    'Job',
    LUMORA_TASKS_PROGRAM_ADDRESS,
    JOB_DISCRIMINATOR,
    getJobDecoder,
);
/** Who works on a replica of a shard, and how far. */
export const asAssignment: Decode<Account<Assignment>> = /* @__PURE__ */ reader(
    'Assignment',
    LUMORA_TASKS_PROGRAM_ADDRESS,
    ASSIGNMENT_DISCRIMINATOR,
    getAssignmentDecoder,
);
/** A node's record of work. */
export const asWork: Decode<Account<Work>> = /* @__PURE__ */ reader(
    'Work',
    LUMORA_TASKS_PROGRAM_ADDRESS,
    WORK_DISCRIMINATOR,
    getWorkDecoder,
);
/** The signatures under a verdict. */
export const asVerdict: Decode<Account<Verdict>> = /* @__PURE__ */ reader(
    'Verdict',
    LUMORA_TASKS_PROGRAM_ADDRESS,
    VERDICT_DISCRIMINATOR,
    getVerdictDecoder,
);
/** A dataset that is for sale. */
export const asListing: Decode<Account<Listing>> = /* @__PURE__ */ reader(
    'Listing',
    LUMORA_MARKET_PROGRAM_ADDRESS,
    LISTING_DISCRIMINATOR,
    getListingDecoder,
);
/** A copy that was bought. */
export const asPurchase: Decode<Account<Purchase>> = /* @__PURE__ */ reader(
    'Purchase',
    LUMORA_MARKET_PROGRAM_ADDRESS,
    PURCHASE_DISCRIMINATOR,
    getPurchaseDecoder,
);

/** The `rpc` of a function that reads accounts. */
export type AccountsRpc = Parameters<typeof fetchEncodedAccount>[0];

/** Fetches an account as what it is taken for; `undefined` where there is none. Throws {@link WrongAccount}. */
export async function fetchAs<T extends object>(
    rpc: AccountsRpc,
    address: Address,
    decode: Decode<T>,
): Promise<T | undefined> {
    const account = await fetchEncodedAccount(rpc, address, { commitment: 'confirmed' });
    return account.exists ? decode(account) : undefined;
}
