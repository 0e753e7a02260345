/**
 * What the owner of an oracle does, and what anybody may do to keep epochs going. Measuring, committing bundles and signing
 * attestations are what the oracle's software does: `crates/oracle`.
 */
import type { Account, Address, Instruction, ReadonlyUint8Array, TransactionSigner } from '@solana/kit';

import { findEpochAddress, findLmrAddress } from './addresses';
import { concat } from './bytes';
import {
    type Epoch,
    getCloseEpochInstructionAsync,
    getDepositOracleBondInstructionAsync,
    getDrawSeedInstruction,
    getOpenEpochInstructionAsync,
    getRemoveOracleInstructionAsync,
    getUpdateOracleInstructionAsync,
    getWithdrawOracleBondInstructionAsync,
    LUMORA_BANDWIDTH_PROGRAM_ADDRESS,
} from './generated/bandwidth';
import { createLmrAccount } from './tokens';

const program = LUMORA_BANDWIDTH_PROGRAM_ADDRESS;

/** Adds LMR base units to an oracle's bond. Anybody may. */
export async function bondOracle(
    depositor: TransactionSigner,
    oracle: Address,
    amount: number | bigint,
): Promise<Instruction[]> {
    const source = await findLmrAddress(depositor.address);
    return [await getDepositOracleBondInstructionAsync({ depositor, source, oracle, amount, program })];
}

/** Where nodes reach an oracle, as the chain keeps it: the address as IPv6 (IPv4 mapped), then the port, big endian. */
export function oracleEndpoint(ip: readonly number[], port: number): Uint8Array {
    if (ip.length !== 4 && ip.length !== 16) throw new RangeError('an IP address has 4 or 16 bytes');
    const mapped = ip.length === 4 ? [...new Array<number>(10).fill(0), 0xff, 0xff, ...ip] : ip;
    return concat(Uint8Array.from(mapped), Uint8Array.of(port >> 8, port & 0xff));
}

/** Changes where nodes reach an oracle ({@link oracleEndpoint}). */
export async function updateOracle(
    owner: TransactionSigner,
    oracle: Address,
    endpoint: ReadonlyUint8Array,
): Promise<Instruction[]> {
    return [await getUpdateOracleInstructionAsync({ owner, oracle, endpoint })];
}

/** Removes an oracle from the epochs that are not open yet. `remover` is its owner, or the network's authority. */
export async function removeOracle(remover: TransactionSigner, oracle: Address): Promise<Instruction[]> {
    return [await getRemoveOracleInstructionAsync({ remover, oracle })];
}

/** Pays a removed oracle's bond, once it is due, to its owner's LMR account, which is created if there is none. */
export async function withdrawOracleBond(owner: TransactionSigner, oracle: Address): Promise<Instruction[]> {
    return [
        await createLmrAccount(owner, owner.address),
        await getWithdrawOracleBondInstructionAsync({
            owner,
            destination: await findLmrAddress(owner.address),
            oracle,
            program,
        }),
    ];
}

/** Opens the next epoch, whose number is the oracle set's `nextEpoch`, once it is due. Anybody may pay for it. */
export async function openEpoch(payer: TransactionSigner, epoch: bigint): Promise<Instruction[]> {
    return [await getOpenEpochInstructionAsync({ payer, epoch: await findEpochAddress(epoch) })];
}

/** Draws an epoch's seed from the slot that was named for it, once there is a later block. Anybody may. */
export async function drawSeed(epoch: bigint): Promise<Instruction[]> {
    return [getDrawSeedInstruction({ epoch: await findEpochAddress(epoch) })];
}

/** Closes the account of an epoch that nobody needs any more. Anybody may; the rent goes back to who paid it. */
export async function closeEpoch({
    address: epoch,
    data,
}: Pick<Account<Epoch>, 'address' | 'data'>): Promise<Instruction[]> {
    return [await getCloseEpochInstructionAsync({ epoch, rentPayer: data.rentPayer })];
}
