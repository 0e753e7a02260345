/** Work that is begun ahead of who waits for it. */

/**
 * Yields the results of `work` for 0 to `count` - 1, in order, with up to `window` of them under way. Whoever stops early,
 * or gets an error, leaves nothing running: `signal` is aborted then.
 */
export async function* ahead<T>(
    first: number,
    count: number,
    window: number,
    work: (index: number, signal: AbortSignal) => Promise<T>,
): AsyncGenerator<T, void, undefined> {
    const abort = new AbortController();
    const running: Promise<T>[] = [];
    let next = first;
    try {
        while (next < count || running.length > 0) {
            while (next < count && running.length < window) {
                const begun = work(next++, abort.signal);
                // An error is raised when its turn comes, and not before as one that nobody handles.
                begun.catch(() => undefined);
                running.push(begun);
            }
            yield await running.shift()!;
        }
    } finally {
        abort.abort();
    }
}
