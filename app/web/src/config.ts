/** What one build needs to be told about where it runs: `config.json` next to `index.html`. */

import { Told } from './transactions/explain';

const NETWORKS = ['localnet', 'devnet', 'testnet', 'mainnet'] as const;

/** A Solana network, named as in the Wallet Standard's chains. */
export type NetworkName = (typeof NETWORKS)[number];

/** Addresses of the services that the pages ask. */
export type Config = {
    readonly network: NetworkName;
    /** JSON-RPC address of the network. */
    readonly rpcUrl: string;
    /** WebSocket address of the network. */
    readonly wsUrl: string;
    /** Address of an indexer; without one, everything is read from the chain. */
    readonly indexerUrl: string | undefined;
    /** Address of the store with data cards, packages, segments and manifests. */
    readonly storeUrl: string | undefined;
};

/** The configuration cannot be used; the message says what to change. */
export class ConfigError extends Told {
    override readonly name = 'ConfigError';
}

/** Reads a configuration, with every address checked. */
export function parseConfig(value: unknown): Config {
    if (typeof value !== 'object' || value === null) throw new ConfigError('config.json must hold one JSON object');
    const members = value as Record<string, unknown>;
    const network = NETWORKS.find(name => name === members['network']);
    if (network === undefined) throw new ConfigError(`config.json: "network" must be one of ${NETWORKS.join(', ')}`);
    const rpcUrl = url(members, 'rpcUrl', ['http:', 'https:']);
    if (rpcUrl === undefined) throw new ConfigError('config.json: "rpcUrl" is missing');
    return {
        network,
        rpcUrl,
        wsUrl: url(members, 'wsUrl', ['ws:', 'wss:']) ?? websocketOf(rpcUrl),
        indexerUrl: url(members, 'indexerUrl', ['http:', 'https:']),
        storeUrl: url(members, 'storeUrl', ['http:', 'https:']),
    };
}

/** Loads `config.json` from next to the page. */
export async function loadConfig(): Promise<Config> {
    const response = await fetch(new URL('config.json', document.baseURI), { cache: 'no-cache' });
    if (!response.ok) throw new ConfigError(`config.json could not be loaded: the server answered ${response.status}`);
    return parseConfig(await response.json());
}

function url(members: Record<string, unknown>, name: string, schemes: readonly string[]): string | undefined {
    const value = members[name];
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value !== 'string' || !URL.canParse(value) || !schemes.includes(new URL(value).protocol)) {
        throw new ConfigError(`config.json: "${name}" must be an address that begins with ${schemes[0]}//`);
    }
    return value.replace(/\/+$/, '');
}

/** By convention the WebSocket is on the next port, and behind a proxy on the same address. */
function websocketOf(rpcUrl: string): string {
    const address = new URL(rpcUrl);
    address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
    if (address.port !== '') address.port = `${Number(address.port) + 1}`;
    return address.href.replace(/\/+$/, '');
}
