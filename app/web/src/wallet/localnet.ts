/**
 * A wallet for local networks alone: a key in memory, which is gone with the page. It announces itself like any other
 * wallet and asks before it signs, so that what works with it works with others.
 */
import {
    createKeyPairSignerFromBytes,
    createKeyPairSignerFromPrivateKeyBytes,
    getBase58Encoder,
    getTransactionDecoder,
    getTransactionEncoder,
    type KeyPairSigner,
    partiallySignTransaction,
} from '@solana/kit';
import { SolanaSignTransaction, type SolanaSignTransactionFeature } from '@solana/wallet-standard-features';
import type { Wallet } from '@wallet-standard/base';
import {
    StandardConnect,
    type StandardConnectFeature,
    StandardDisconnect,
    type StandardDisconnectFeature,
    StandardEvents,
    type StandardEventsFeature,
    type StandardEventsListeners,
} from '@wallet-standard/features';
import { ReadonlyWalletAccount, registerWallet } from '@wallet-standard/wallet';

/** What the wallet asks its person. */
export interface Person {
    /** A key to connect with; `undefined` where none is given. */
    chooseKey(): Promise<Uint8Array | undefined>;
    /** Whether a transaction is to be signed. */
    approves(transaction: Uint8Array): Promise<boolean>;
}

/** The person said no: the error that wallets give for it. */
export class RejectedError extends Error {
    readonly code = 4001;

    constructor() {
        super('User rejected the request.');
    }
}

/** Reads a secret as `lumora localnet` prints it (base58) or as a keypair file holds it (64 numbers). */
export function parseSecret(text: string): Uint8Array | undefined {
    try {
        const trimmed = text.trim();
        const bytes = trimmed.startsWith('[')
            ? Uint8Array.from(JSON.parse(trimmed) as number[])
            : new Uint8Array(getBase58Encoder().encode(trimmed));
        return bytes.length === 64 || bytes.length === 32 ? bytes : undefined;
    } catch {
        return undefined;
    }
}

/** Announces the wallet to the page. */
export function registerLocalnetWallet(person: Person): void {
    let signer: KeyPairSigner | undefined;
    let account: ReadonlyWalletAccount | undefined;
    const listeners = new Set<StandardEventsListeners['change']>();
    const tell = () => listeners.forEach(listener => listener({ accounts: account ? [account] : [] }));
    const features: StandardConnectFeature &
        StandardDisconnectFeature &
        StandardEventsFeature &
        SolanaSignTransactionFeature = {
        [StandardConnect]: {
            version: '1.0.0',
            connect: async ({ silent } = {}) => {
                if (account === undefined && silent !== true) {
                    const key = await person.chooseKey();
                    if (key === undefined) throw new RejectedError();
                    signer = await (key.length === 64
                        ? createKeyPairSignerFromBytes(key)
                        : createKeyPairSignerFromPrivateKeyBytes(key));
                    const { address } = signer;
                    const publicKey = new Uint8Array(getBase58Encoder().encode(address));
                    account = new ReadonlyWalletAccount({
                        address,
                        publicKey,
                        chains: ['solana:localnet'],
                        features: [SolanaSignTransaction],
                    });
                    tell();
                }
                return { accounts: account ? [account] : [] };
            },
        },
        [StandardDisconnect]: {
            version: '1.0.0',
            disconnect: async () => {
                signer = account = undefined;
                tell();
            },
        },
        [StandardEvents]: {
            version: '1.0.0',
            on: (_, listener) => {
                listeners.add(listener);
                return () => listeners.delete(listener);
            },
        },
        [SolanaSignTransaction]: {
            version: '1.0.0',
            supportedTransactionVersions: ['legacy', 0],
            signTransaction: (...inputs) =>
                Promise.all(
                    inputs.map(async ({ transaction }) => {
                        if (signer === undefined || !(await person.approves(transaction))) throw new RejectedError();
                        const decoded = getTransactionDecoder().decode(transaction);
                        const signed = await partiallySignTransaction([signer.keyPair], decoded);
                        return { signedTransaction: new Uint8Array(getTransactionEncoder().encode(signed)) };
                    }),
                ),
        },
    };
    const wallet: Wallet = {
        version: '1.0.0',
        name: 'Localnet key',
        icon: ICON,
        chains: ['solana:localnet'],
        features,
        get accounts() {
            return account ? [account] : [];
        },
    };
    registerWallet(wallet);
}

const ICON =
    'data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCAxNiAxNiI+PGNpcmNsZSBjeD0iNS41IiBjeT0iOCIgcj0iMyIgZmlsbD0ibm9uZSIgc3Ryb2tlPSIjMTA2OTVmIiBzdHJva2Utd2lkdGg9IjEuNiIvPjxwYXRoIGQ9Ik04LjUgOEgxNG0tMiAwdjIuNSIgZmlsbD0ibm9uZSIgc3Ryb2tlPSIjMTA2OTVmIiBzdHJva2Utd2lkdGg9IjEuNiIvPjwvc3ZnPg==';
