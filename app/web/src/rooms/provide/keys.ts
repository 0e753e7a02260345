/** Keys for a new node, made in the page and saved as files that `lumora node run` reads. */
import { type Address, createKeyPairSignerFromPrivateKeyBytes, getBase58Encoder } from '@solana/kit';

/** A pair: its address, and the 64 bytes of a keypair file. */
export type NodeKey = { readonly address: Address; readonly file: readonly number[] };

/** Draws a new pair. */
export async function newKey(): Promise<NodeKey> {
    const seed = crypto.getRandomValues(new Uint8Array(32));
    const { address } = await createKeyPairSignerFromPrivateKeyBytes(seed);
    return { address, file: [...seed, ...publicBytes(address)] };
}

/** The 32 bytes of a public key. */
export const publicBytes = (address: string): Uint8Array<ArrayBuffer> =>
    new Uint8Array(getBase58Encoder().encode(address));

/** Whether a text is a public key. */
export function isPublicKey(text: string): text is Address {
    try {
        return publicBytes(text.trim()).length === 32;
    } catch {
        return false;
    }
}
