/** The files that the Rust tests write and check too. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Reads `tests/vectors/<name>` of the repository. */
export const readVectors = <T>(name: string): T => JSON.parse(readFileSync(vectorPath(name), 'utf8')) as T;

/** Where `tests/vectors/<name>` of the repository is. */
export const vectorPath = (name: string): string =>
    fileURLToPath(new URL(`../../../tests/vectors/${name}`, import.meta.url));
