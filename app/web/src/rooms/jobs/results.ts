/**
 * The key for which nodes seal a job's results, drawn for one job: a page never sees a wallet's secret. It is saved as a
 * keypair file, from which `lumora job fetch --key FILE` derives the same.
 */
import { delivery } from '@lumora/client';
import { createKeyPairSignerFromPrivateKeyBytes, getBase58Encoder } from '@solana/kit';

import { hex } from '../../text/units';

/** See the module. */
export type ResultsKey = {
    /** 32 random bytes. */
    readonly seed: Uint8Array<ArrayBuffer>;
    /** What the manifest names, in hexadecimal. */
    readonly publicKey: string;
};

const resultsKeyOf = (seed: Uint8Array<ArrayBuffer>): ResultsKey => ({
    seed,
    publicKey: hex(delivery.resultsKeypair(seed).publicKey),
});

/** A key for a new job. */
export const newResultsKey = (): ResultsKey => resultsKeyOf(crypto.getRandomValues(new Uint8Array(32)));

/** The keypair file of a seed. */
export async function keypairFile(seed: Uint8Array<ArrayBuffer>): Promise<Blob> {
    const { address } = await createKeyPairSignerFromPrivateKeyBytes(seed);
    return new Blob([JSON.stringify([...seed, ...getBase58Encoder().encode(address)])]);
}

/** Under which name the seed of a job is kept in this browser. */
export const resultsName = (manifestHash: string): string => `results/${manifestHash}`;
