/** Brings a manifest to where nodes read it. */
import { dataset } from '@lumora/client';

/** Where it is now, or where a person must put it. */
export type Stored =
    | { readonly kind: 'stored' }
    | { readonly kind: 'to put'; readonly cid: string; readonly place: string; readonly why: string };

/** Puts the manifest into the store by HTTP. A store that takes nothing is no failure: the person can do it. */
export async function putManifest(
    storeUrl: string | undefined,
    cid: dataset.Cid,
    content: Uint8Array<ArrayBuffer>,
    fetch: typeof globalThis.fetch = (input, init) => globalThis.fetch(input, init),
): Promise<Stored> {
    const path = dataset.objectPath(cid);
    if (storeUrl === undefined) {
        return { kind: 'to put', cid, place: path, why: 'No store is configured for this page.' };
    }
    const place = `${storeUrl}/${path}`;
    const response = await fetch(place, { method: 'PUT', body: content }).catch(() => undefined);
    if (response?.ok) return { kind: 'stored' };
    const why =
        response === undefined
            ? 'The store cannot be reached.'
            : `The store takes no uploads (it answered ${response.status}).`;
    return { kind: 'to put', cid, place, why };
}
