/** What went wrong, in sentences that say what to do. */
import { explain as explainFailure } from '@lumora/client';

/** An error of these pages, whose message is written for people. */
export class Told extends Error {
    override readonly name: string = 'Told';
}

/** Whatever was thrown, in words. */
export function explain(error: unknown): string {
    if (error instanceof Told) return error.message;
    const { reason, sentence } = explainFailure(error);
    // What nobody foresaw is told as it is, for whoever it is reported to.
    const detail =
        reason === 'Unexpected' && error instanceof Error && error.message !== '' ? ` (${error.message})` : '';
    return asSentence(`${sentence}${detail}`);
}

/** Begins with a capital and ends with a full stop. */
export const asSentence = (text: string): string =>
    `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
