// Builds dist/: the sources as JavaScript modules with their types, one file each, so that bundlers leave out what is not
// used. Imports get the file names that Node and browsers ask for, which the compiler leaves as they are written.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
const compiler = join(root, 'node_modules/typescript/bin/tsc');
execFileSync(process.execPath, [compiler, '--build', join(root, 'tsconfig.build.json')], { stdio: 'inherit' });

const SPECIFIER = /(\bfrom\s*|\bimport\s*\(?\s*)(['"])(\.{1,2}(?:\/[^'"]+)?)\2/g;

/** What a module means by `./name`: a file beside it, or the index of a folder. */
function fileOf(module, specifier) {
    const target = resolve(dirname(module), specifier);
    if (/\/\w/.test(specifier) && existsSync(`${target}.js`)) return `${specifier}.js`;
    if (existsSync(join(target, 'index.js'))) return `${specifier}/index.js`;
    throw new Error(`${module} imports ${specifier}, which was not built`);
}

for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || !/\.(js|d\.ts)$/.test(path)) continue;
    const text = readFileSync(path, 'utf8');
    const mended = text.replace(SPECIFIER, (_, before, quote, specifier) =>
        specifier.endsWith('.js')
            ? `${before}${quote}${specifier}${quote}`
            : `${before}${quote}${fileOf(path, specifier)}${quote}`,
    );
    if (mended !== text) writeFileSync(path, mended);
}

for (const name of ['LICENSE-APACHE', 'LICENSE-MIT']) copyFileSync(resolve(root, '../..', name), join(dist, name));
