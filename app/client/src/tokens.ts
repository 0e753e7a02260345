/** LMR in wallets. Amounts are in base units, of which an LMR has a million. */
import { type Address, fetchEncodedAccount, type Instruction, type TransactionSigner } from '@solana/kit';
import {
    decodeToken,
    getCreateAssociatedTokenIdempotentInstruction,
    getTransferCheckedInstruction,
    TOKEN_PROGRAM_ADDRESS,
} from '@solana-program/token';

import { findLmrAddress, LMR_MINT } from './addresses';
import type { AccountsRpc } from './checked';

/** Decimals of the LMR mint. */
export const LMR_DECIMALS = 6;
/** Base units in one LMR. */
export const LMR = 1_000_000n;

/** Creates a wallet's LMR account if it does not exist; costs its rent, paid by `payer`, only then. */
export async function createLmrAccount(payer: TransactionSigner, owner: Address): Promise<Instruction> {
    return getCreateAssociatedTokenIdempotentInstruction({
        payer,
        owner,
        ata: await findLmrAddress(owner),
        mint: LMR_MINT,
    });
}

/** Sends LMR to a wallet, whose LMR account is created if it does not exist. */
export async function transferLmr(
    sender: TransactionSigner,
    recipient: Address,
    amount: number | bigint,
): Promise<Instruction[]> {
    return [
        await createLmrAccount(sender, recipient),
        getTransferCheckedInstruction({
            source: await findLmrAddress(sender.address),
            mint: LMR_MINT,
            destination: await findLmrAddress(recipient),
            authority: sender,
            amount,
            decimals: LMR_DECIMALS,
        }),
    ];
}

/** LMR base units that a wallet holds; zero if it has no LMR account yet. */
export async function fetchLmrBalance(rpc: AccountsRpc, owner: Address): Promise<bigint> {
    const account = await fetchEncodedAccount(rpc, await findLmrAddress(owner), { commitment: 'confirmed' });
    if (!account.exists || account.programAddress !== TOKEN_PROGRAM_ADDRESS) return 0n;
    return decodeToken(account).data.amount;
}

/** An amount as people read it: `1,234.5` for 1,234,500,000 base units. */
export function formatLmr(amount: bigint): string {
    const [whole, rest] = [amount / LMR, amount % LMR];
    const sign = amount < 0n ? '-' : '';
    const magnitude = (value: bigint) => (value < 0n ? -value : value).toString();
    const grouped = magnitude(whole).replace(/\B(?=(\d{3})+$)/g, ',');
    const decimals = magnitude(rest).padStart(LMR_DECIMALS, '0').replace(/0+$/, '');
    return `${sign}${grouped}${decimals === '' ? '' : `.${decimals}`}`;
}

/** The base units of an amount that somebody typed, such as `1,234.5`; `undefined` where it is no such amount. */
export function parseLmr(text: string): bigint | undefined {
    // Commas only where thousands are: elsewhere somebody may mean a decimal point, and pay ten times as much.
    const match = /^(\d{1,13}|\d{1,3}(?:,\d{3}){1,4})(?:\.(\d{1,6}))?$/.exec(text.trim());
    if (match === null) return undefined;
    const [, whole, decimals = ''] = match;
    return BigInt(whole!.replaceAll(',', '')) * LMR + BigInt(decimals.padEnd(LMR_DECIMALS, '0'));
}
