/** Why a node's figure is what it is, in words and with what to do. */
import { reasonOf } from '@lumora/client';

/** `Reason::Paused`. */
const PAUSED = 7;

/** The sentence of a reason code. */
export const reasonSentence = (code: number): string =>
    reasonOf(code)?.sentence ?? `Reason ${code}: this page is older than the network. Reload it.`;

/** Codes that need nothing done. */
export const isFine = (code: number): boolean => code === 0 || code === 3;

/** What decides whether a node earns, as far as the chain tells. */
export type Standing = {
    readonly active: boolean;
    readonly attestation?: { readonly reason: number; readonly measuredAt: number; readonly contribution: bigint };
    readonly registeredAt: number;
};

/** Why a node earns nothing now, and what to do; `undefined` where it earns. `epochSeconds` is the time of one epoch. */
export function whyZero(node: Standing, epochSeconds: number, now: number): string | undefined {
    if (!node.active) return reasonSentence(PAUSED);
    if (node.attestation === undefined) {
        return now - node.registeredAt < 3 * epochSeconds
            ? 'The first measurement comes with the next epoch. Start the node and leave it running; the figures appear here by themselves.'
            : 'This node has never been measured. Start it with “lumora node run”, and check that outgoing UDP is open.';
    }
    const age = now - node.attestation.measuredAt;
    if (age > 4 * epochSeconds) {
        return 'The latest proven figures are some epochs old: the node did not prove newer ones. Check that it runs and that its operator key has SOL for fees.';
    }
    return node.attestation.contribution === 0n ? reasonSentence(node.attestation.reason) : undefined;
}
