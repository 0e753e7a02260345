/** Why the network did not execute a transaction, with the sentence that helps. The same as `lumora_client::Refusal`. */
import type { Address, Instruction, Signature, TransactionError } from '@solana/kit';

import { errorMessage, errorName } from './errors';

/** Why a transaction was refused. */
export type Refusal = {
    /** Name of the error: `TooEarly`, `NotEnoughSol`, `BlockhashNotFound`. */
    readonly name: string;
    /** What it means and what to do about it. */
    readonly sentence: string;
    /** The innermost program that failed; absent where none ran. */
    readonly program?: Address;
    /** The program's own error code. */
    readonly code?: number;
    /** Which of the caller's instructions failed. */
    readonly instruction?: number;
};

/** A transaction that the network refused, in a simulation or for good. */
export class TransactionRefused extends Error {
    override readonly name = 'TransactionRefused';

    constructor(
        readonly refusal: Refusal,
        /** What the programs logged. */
        readonly logs: readonly string[],
        /** The transaction, if it landed and failed: then its fee is paid. Absent where the simulation refused it. */
        readonly signature?: Signature,
    ) {
        super(refusal.sentence);
    }
}

type NameAndSentence = readonly [name: string, sentence: string];

const TOKEN = 'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA';
const SYSTEM = '11111111111111111111111111111111';
const ED25519 = 'Ed25519SigVerify111111111111111111111111111';

const NO_SOL: NameAndSentence = [
    'NotEnoughSol',
    'The wallet holds too little SOL for the fee or the rent: send it some (on a local network: an airdrop)',
];
const NOT_DEPLOYED: NameAndSentence = [
    'NotDeployed',
    'A program is not deployed on this network: check which network the wallet and this page use',
];

/** Errors of the chain's own programs that a user meets, by program and code. */
const NATIVE: Readonly<Record<string, Readonly<Record<number, NameAndSentence>>>> = {
    [TOKEN]: {
        0: NO_SOL,
        1: ['NotEnoughLmr', 'The wallet holds less LMR than this needs: add some, or choose a smaller amount'],
        3: ['MintMismatch', 'The token account is of another mint: pass one that holds LMR'],
        4: ['OwnerMismatch', 'The signer does not own the token account: sign with its owner'],
        17: ['AccountFrozen', 'The token account is frozen'],
    },
    [SYSTEM]: {
        0: ['AccountInUse', 'The account exists already: this was done before, or its number is taken'],
        1: NO_SOL,
    },
    [ED25519]: {
        2: ['InvalidSignature', 'A signature does not belong to its key and message: sign the very bytes again'],
    },
};

/** Errors of the runtime while a program ran. */
const BUILTIN: Readonly<Record<string, NameAndSentence>> = {
    InvalidSeeds: ['InvalidSeeds', 'An address was not derived from the seeds that the program expects'],
    MissingRequiredSignature: ['MissingRequiredSignature', 'A signature is missing: sign with every wallet named'],
    ComputationalBudgetExceeded: [
        'ComputationalBudgetExceeded',
        'The transaction needs more computing than one may use: send its instructions in several',
    ],
    UnsupportedProgramId: NOT_DEPLOYED,
    InvalidAccountOwner: ['InvalidAccountOwner', 'An account does not exist yet, or its address is wrong'],
    IllegalOwner: ['IllegalOwner', 'An account does not exist yet, or its address is wrong'],
    InsufficientFunds: NO_SOL,
};

/** Errors of the runtime before any program ran. */
const RUNTIME: Readonly<Record<string, NameAndSentence>> = {
    AccountNotFound: NO_SOL,
    InsufficientFundsForFee: NO_SOL,
    InsufficientFundsForRent: NO_SOL,
    ProgramAccountNotFound: NOT_DEPLOYED,
    BlockhashNotFound: [
        'BlockhashNotFound',
        'The transaction is too old, or signed for another network: sign it again',
    ],
    AlreadyProcessed: ['AlreadyProcessed', 'This very transaction was executed already: nothing is left to do'],
    SignatureFailure: ['SignatureFailure', 'A signature does not verify: sign again with the right keys'],
};

/**
 * Puts a transaction's error into words. `instructions` are those of the transaction, of which the first `added` are not
 * the caller's.
 */
export function refusalOf(
    error: TransactionError,
    logs: readonly string[],
    instructions: readonly Pick<Instruction, 'programAddress'>[] = [],
    added = 0,
): Refusal {
    if (typeof error === 'string' || !('InstructionError' in error)) {
        const key = typeof error === 'string' ? error : (Object.keys(error)[0] ?? 'Unknown');
        const [name, sentence] = RUNTIME[key] ?? [key, `The network did not take the transaction (${key})`];
        return { name, sentence };
    }
    const [position, cause] = error.InstructionError as readonly [number, string | Record<string, unknown>];
    const program = innermostFailure(logs) ?? instructions[Number(position)]?.programAddress;
    const instruction = Number(position) < added ? undefined : Number(position) - added;
    const place = { ...(program && { program }), ...(instruction !== undefined && { instruction }) };
    if (typeof cause === 'object' && 'Custom' in cause) {
        const code = Number(cause['Custom']);
        const [name, sentence] = custom(program, code);
        return { name, sentence, code, ...place };
    }
    const key = typeof cause === 'string' ? cause : (Object.keys(cause)[0] ?? 'Unknown');
    const [name, sentence] = BUILTIN[key] ?? [key, `The network stopped the program (${key})`];
    return { name, sentence, ...place };
}

function custom(program: Address | undefined, code: number): NameAndSentence {
    if (program !== undefined) {
        const [name, sentence] = [errorName(program, code), errorMessage(program, code)];
        if (name !== undefined && sentence !== undefined) return [name, sentence];
        const native = NATIVE[program]?.[code];
        if (native !== undefined) return native;
    }
    return [
        'UnknownError',
        `The program refused with code ${code}, which is not known here: the network may run a newer version`,
    ];
}

/** The first program to fail is the innermost: its callers fail after it, with its error. */
function innermostFailure(logs: readonly string[]): Address | undefined {
    for (const line of logs) {
        const match = /^Program (\w{32,44}) failed/.exec(line);
        if (match !== null) return match[1] as Address;
    }
    return undefined;
}
