/** Which rows come from shards that the chain saw settled with the result that is claimed for them. */
import type { dataset } from '@lumora/client';
import { getAddressDecoder } from '@solana/kit';

import type { Source } from '../../data/model';
import { hex } from '../../text/units';

/** Pages of a job's events that are read; larger jobs count as not looked up. */
const MOST_PAGES = 40;

/** The number of such rows; `undefined` where it could not be found out. */
export async function settledRows(source: Source, shards: dataset.Verification['shards']): Promise<number | undefined> {
    const roots = new Map<string, string>();
    for (const job of new Set(shards.map(({ job }) => getAddressDecoder().decode(job)))) {
        let cursor: string | undefined;
        for (let page = 0; page < MOST_PAGES; page++) {
            const { events, cursor: next } = await source.events({ address: job, name: 'ShardSettled' }, cursor);
            for (const { fields } of events) roots.set(`${job}/${fields['shard']}`, String(fields['result_root']));
            cursor = next;
            if (cursor === undefined) break;
        }
        if (cursor !== undefined) return undefined;
    }
    return shards
        .filter(
            ({ job, shard, resultRoot }) =>
                roots.get(`${getAddressDecoder().decode(job)}/${shard}`) === hex(resultRoot),
        )
        .reduce((rows, shard) => rows + shard.rows, 0);
}
