/** What anybody may do about rewards, grants and fees; a node's own claims are among what a provider does. */
import type { Account, Address, Instruction, TransactionSigner } from '@solana/kit';

import { findEpochAddress, findGrantAddress, findLmrAddress } from './addresses';
import {
    getBurnFeesInstructionAsync,
    getFundEpochInstructionAsync,
    getReleaseInstructionAsync,
    type Grant,
    LUMORA_REWARDS_PROGRAM_ADDRESS,
} from './generated/rewards';
import type { Network } from './generated/registry';
import { createLmrAccount } from './tokens';

const program = LUMORA_REWARDS_PROGRAM_ADDRESS;

/** Mints the rewards of a final epoch into the pool, within the schedule; once per epoch. Anybody may. */
export async function fundEpoch(epoch: number | bigint): Promise<Instruction[]> {
    return [await getFundEpochInstructionAsync({ epoch: await findEpochAddress(BigInt(epoch)), program })];
}

/** Pays what has vested of a grant to its recipient, whose LMR account is created if it does not exist. Anybody may. */
export async function releaseGrant(
    payer: TransactionSigner,
    { data: { recipient, index, rentPayer } }: Pick<Account<Grant>, 'data'>,
): Promise<Instruction[]> {
    return [
        await createLmrAccount(payer, recipient),
        await getReleaseInstructionAsync({
            grant: await findGrantAddress(recipient, index),
            destination: await findLmrAddress(recipient),
            rentPayer,
            program,
        }),
    ];
}

/** LMR base units of a grant that have vested by `now` (Unix time), released or not. The emission's times are in seconds. */
export function vestedOf(
    { amount, startsAt }: Pick<Grant, 'amount' | 'startsAt'>,
    schedule: { readonly vestingCliffSeconds: number; readonly vestingSeconds: number },
    now: bigint,
): bigint {
    const elapsed = now - startsAt;
    const [cliff, whole] = [BigInt(schedule.vestingCliffSeconds), BigInt(schedule.vestingSeconds)];
    if (elapsed < cliff || elapsed < 0n) return 0n;
    return elapsed >= whole ? amount : (amount * elapsed) / whole;
}

/** Burns the network's share of the fees and pays the rest to the authority's LMR account. Anybody may. */
export async function burnFees({
    data: { authority },
}: {
    readonly data: Pick<Network, 'authority'>;
}): Promise<Instruction[]> {
    return [await getBurnFeesInstructionAsync({ destination: await findLmrAddress(authority as Address), program })];
}
