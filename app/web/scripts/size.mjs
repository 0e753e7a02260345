// Holds the script that the first page needs to its limit: everything that index.html names, the room that is shown first,
// and what those modules import statically, compressed as a web server would.
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const LIMIT = 200_000;
const dist = resolve(dirname(fileURLToPath(import.meta.url)), '../dist');

const html = readFileSync(join(dist, 'index.html'), 'utf8');
const pending = [...html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+\.js)"/g)].map(([, file]) => file);
pending.push(
    ...readdirSync(join(dist, 'assets'))
        .filter(name => /^(indexer|network|NodeMap)-.*\.js$/.test(name))
        .map(name => `assets/${name}`),
);
const seen = new Set();
let bytes = 0;
while (pending.length > 0) {
    const file = pending.pop();
    if (seen.has(file)) continue;
    seen.add(file);
    const code = readFileSync(join(dist, file), 'utf8');
    const size = gzipSync(code, { level: 9 }).length;
    bytes += size;
    console.log(`${String(size).padStart(8)}  ${file}`);
    for (const [, name] of code.matchAll(/(?:import|from)\s*["']\.\/([^"']+\.js)["']/g))
        pending.push(join(dirname(file), name));
}
console.log(`${String(bytes).padStart(8)}  compressed script on first load, of at most ${LIMIT}`);
if (bytes > LIMIT) {
    console.error('The first load is too large: load what it does not need lazily.');
    process.exit(1);
}
