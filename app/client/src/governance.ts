/** What the network's authority and its guardian do, and what anybody may do about announced parameters. */
import { type Address, address, type Instruction, type ReadonlyUint8Array, type TransactionSigner } from '@solana/kit';

import { INCINERATOR } from './addresses';
import { getAddOracleInstructionAsync, getSetMinimumBondInstructionAsync } from './generated/bandwidth';
import {
    getAcceptAuthorityInstructionAsync,
    getAnnounceParametersInstructionAsync,
    getApplyParametersInstructionAsync,
    getFreezeAdaptationInstructionAsync,
    getPauseInstructionAsync,
    getProposeAuthorityInstructionAsync,
    getRenounceAuthorityInstructionAsync,
    getSetGuardianInstructionAsync,
    getUnfreezeAdaptationInstructionAsync,
    getUnpauseInstructionAsync,
    getWithdrawAnnouncementInstructionAsync,
    type Network,
    type NetworkParameters,
} from './generated/registry';
import {
    getMakeGrantInstructionAsync,
    getSetBreakerInstructionAsync,
    LUMORA_REWARDS_PROGRAM_ADDRESS,
} from './generated/rewards';

/** The address of zeros: nobody. */
const NOBODY = /* @__PURE__ */ address('11111111111111111111111111111111');

/** Bits of `Network.paused`: which new commitments are stopped. Exits are never stopped. */
export const pauseBits = {
    /** Registering nodes. */
    registering: 1,
    /** Creating jobs and claiming shards. */
    claimingWork: 2,
    /** Listing and buying datasets. */
    buying: 4,
} as const;

/** What is paused. */
export const pausedOf = ({ paused }: Pick<Network, 'paused'>): (keyof typeof pauseBits)[] =>
    (Object.keys(pauseBits) as (keyof typeof pauseBits)[]).filter(what => (paused & pauseBits[what]) !== 0);

const bitsOf = (what: readonly (keyof typeof pauseBits)[]): number =>
    what.reduce((bits, one) => bits | pauseBits[one], 0);

/** Stops new commitments. `caller` is the authority or the guardian. */
export async function pause(
    caller: TransactionSigner,
    ...what: readonly (keyof typeof pauseBits)[]
): Promise<Instruction[]> {
    return [await getPauseInstructionAsync({ caller, bits: bitsOf(what) })];
}

/** Allows new commitments again; only the authority may. */
export async function unpause(
    authority: TransactionSigner,
    ...what: readonly (keyof typeof pauseBits)[]
): Promise<Instruction[]> {
    return [await getUnpauseInstructionAsync({ authority, bits: bitsOf(what) })];
}

/** Keeps the oracles from adapting weights and longest wait. `caller` is the authority or the guardian. */
export async function freezeAdaptation(caller: TransactionSigner): Promise<Instruction[]> {
    return [await getFreezeAdaptationInstructionAsync({ caller })];
}

/** Lets the oracles adapt weights and longest wait again; only the authority may. */
export async function unfreezeAdaptation(authority: TransactionSigner): Promise<Instruction[]> {
    return [await getUnfreezeAdaptationInstructionAsync({ authority })];
}

/** What the oracles may adapt: weights of bandwidth, proximity, latency and reputation, and the longest wait. */
export interface Tuning {
    /** Basis points; they sum to 10,000. */
    readonly weights: readonly [number, number, number, number];
    readonly maxWaitSeconds: number;
}

/** How the oracles have adapted the ranking, and what the authority set last, which they stay near. */
export const adaptationOf = (
    network: Network,
): { readonly count: number; readonly frozen: boolean; readonly now: Tuning; readonly base: Tuning } => {
    const { weights, maxWaitSeconds } = parametersOf(network);
    const now: Tuning = { weights: weights as [number, number, number, number], maxWaitSeconds };
    const [bandwidth = 0, proximity = 0, latency = 0, reputation = 0] = network.baseWeights;
    const isBase = bandwidth + proximity + latency + reputation === 0;
    const base: Tuning = isBase
        ? now
        : { weights: [bandwidth, proximity, latency, reputation], maxWaitSeconds: network.baseMaxWaitSeconds };
    return { count: network.adaptations, frozen: network.adaptationFrozen !== 0, now, base };
};

/** Proposes who shall be the authority of all five programs; nobody named, it withdraws a proposal. */
export async function proposeAuthority(
    authority: TransactionSigner,
    proposed: Address = NOBODY,
): Promise<Instruction[]> {
    return [await getProposeAuthorityInstructionAsync({ authority, proposed })];
}

/** Makes `proposed` the authority, if it was proposed. */
export async function acceptAuthority(proposed: TransactionSigner): Promise<Instruction[]> {
    return [await getAcceptAuthorityInstructionAsync({ proposed })];
}

/** Names who may pause besides the authority; nobody named, nobody may. */
export async function setGuardian(authority: TransactionSigner, guardian: Address = NOBODY): Promise<Instruction[]> {
    return [await getSetGuardianInstructionAsync({ authority, guardian })];
}

/**
 * **Gives the authority up for good**: afterwards no parameter, oracle, guardian or pause of any program can change. It takes
 * two steps: the first transaction proposes that nobody shall be the authority, the second does it.
 */
export async function renounceAuthority(
    authority: TransactionSigner,
): Promise<[propose: Instruction[], renounce: Instruction[]]> {
    return [
        await proposeAuthority(authority, INCINERATOR),
        [await getRenounceAuthorityInstructionAsync({ authority })],
    ];
}

/** Parameters of the network, as they are announced. */
export type Parameters = Omit<NetworkParameters, 'padding'>;

/** The parameters that hold now. */
export const parametersOf = (network: Network): Parameters => {
    const { weightBandwidth, weightProximity, weightLatency, weightReputation } = network;
    return {
        minimumBond: network.minimumBond,
        shardBond: network.shardBond,
        unbondingSeconds: network.unbondingSeconds,
        weights: [weightBandwidth, weightProximity, weightLatency, weightReputation],
        referenceKbps: network.referenceKbps,
        halfDistanceKm: network.halfDistanceKm,
        halfLatencyUs: network.halfLatencyUs,
        maxWaitSeconds: network.maxWaitSeconds,
        attestationMaxAgeSeconds: network.attestationMaxAgeSeconds,
        capacityShare: network.capacityShare,
        expirySlash: network.expirySlash,
        protocolFee: network.protocolFee,
        burnShare: network.burnShare,
    };
};

/** Announces changes of the parameters, each at most one step from what holds, for when the notice has passed. */
export async function announceParameters(
    authority: TransactionSigner,
    network: Network,
    changes: Partial<Parameters>,
): Promise<Instruction[]> {
    const { padding } = network.announced;
    const parameters = { ...parametersOf(network), ...changes, padding: new Uint8Array(padding.length) };
    return [await getAnnounceParametersInstructionAsync({ authority, parameters })];
}

/** Withdraws announced parameters that were not applied yet. */
export async function withdrawAnnouncement(authority: TransactionSigner): Promise<Instruction[]> {
    return [await getWithdrawAnnouncementInstructionAsync({ authority })];
}

/** Makes announced parameters hold once the notice has passed. Anybody may. */
export async function applyParameters(): Promise<Instruction[]> {
    return [await getApplyParametersInstructionAsync({})];
}

/** Adds an oracle, which counts from the next epoch on if it has its bond by then (`oracles.oracleEndpoint`). */
export async function addOracle(
    authority: TransactionSigner,
    oracle: { readonly key: Address; readonly owner: Address; readonly endpoint: ReadonlyUint8Array },
): Promise<Instruction[]> {
    return [await getAddOracleInstructionAsync({ authority, ...oracle })];
}

/** Sets what an oracle must have at stake to count in later epochs, LMR base units. */
export async function setMinimumOracleBond(
    authority: TransactionSigner,
    minimumBond: number | bigint,
): Promise<Instruction[]> {
    return [await getSetMinimumBondInstructionAsync({ authority, minimumBond })];
}

/** Lets at most `limit` LMR base units be claimed in each window of `seconds`; a limit of zero switches that off. */
export async function setBreaker(
    authority: TransactionSigner,
    limit: number | bigint,
    seconds: number,
): Promise<Instruction[]> {
    return [await getSetBreakerInstructionAsync({ authority, limit, seconds })];
}

/** Allocates LMR of the early-participant pool to a wallet for good; `releaseGrant` pays it as it vests. */
export async function grantLmr(
    authority: TransactionSigner,
    recipient: Address,
    amount: number | bigint,
    index = 0,
): Promise<Instruction[]> {
    const program = LUMORA_REWARDS_PROGRAM_ADDRESS;
    return [await getMakeGrantInstructionAsync({ authority, recipient, index, amount, program })];
}
