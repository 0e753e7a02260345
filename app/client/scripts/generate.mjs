// Generates src/generated/<program> from idl/<program>.json. Nothing in there is edited by hand.
//
// Beside what Codama renders stand two tables of ours: `events.ts`, since it renders no events, and `refusals.ts`, since
// its error messages are left out of bundles that are built for production: the very ones that people read.
//
// Five mends on the way:
// - An instruction with the name of an account would clash with it: `grant`, which makes a Grant, becomes `makeGrant`.
// - Anchor 2 registers its aligned-to-one integers as alias types, which nodes-from-anchor does not know: inlined.
// - The renderer annotates the generated plugin with a type of an older kit: the annotation is dropped.
// - The renderer writes a package.json of its own: not wanted.
// - nodes-from-anchor drops the types of events: they are kept as types by not telling it which are events.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { rootNodeFromAnchor } from '@codama/nodes-from-anchor';
import { renderVisitor } from '@codama/renderers-js';
import { createFromRoot } from 'codama';

const here = dirname(fileURLToPath(import.meta.url));
const idlFolder = resolve(here, '../../../idl');
const generated = resolve(here, '../src/generated');

/** Replaces every reference to an alias type by what it stands for. */
export function inlineAliases(idl) {
    const aliases = new Map(
        (idl.types ?? []).filter(({ type }) => type.kind === 'type').map(({ name, type }) => [name, type.alias]),
    );
    const resolveType = value => {
        if (Array.isArray(value)) return value.map(resolveType);
        if (value === null || typeof value !== 'object') return value;
        const alias = aliases.get(value.defined?.name);
        if (alias !== undefined) return resolveType(alias);
        return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolveType(inner)]));
    };
    const types = (idl.types ?? []).filter(({ type }) => type.kind !== 'type');
    return resolveType({ ...idl, types });
}

/** Tells instructions apart from the accounts that they are named after. */
function renameClashes(idl) {
    const accounts = new Set((idl.accounts ?? []).map(({ name }) => name.toLowerCase()));
    const instructions = idl.instructions.map(instruction =>
        accounts.has(instruction.name.replaceAll('_', ''))
            ? { ...instruction, name: `make_${instruction.name}` }
            : instruction,
    );
    return { ...idl, instructions };
}

/** All files below a folder. */
function filesBelow(folder) {
    return readdirSync(folder, { withFileTypes: true }).flatMap(entry =>
        entry.isDirectory() ? filesBelow(join(folder, entry.name)) : [join(folder, entry.name)],
    );
}

/** Drops the return annotation of the plugin function, which names a type that kit 8 shapes otherwise. */
function mendPluginTypes(folder) {
    for (const file of filesBelow(join(folder, 'programs'))) {
        const before = readFileSync(file, 'utf8');
        const after = before.replace(/\): Omit<T, ['"]\w+['"]> & \{[^}]*\} => \{/, ') => {');
        if (after !== before) writeFileSync(file, after);
    }
}

/** The events of a program, by the first eight bytes of their data. */
function eventTable(idl) {
    const program = pascal(idl);
    const names = idl.events.map(({ name }) => name).sort();
    const discriminators = new Map(idl.events.map(({ name, discriminator }) => [name, discriminator]));
    const rows = names.map(name => `    ['${name}', '${toHex(discriminators.get(name))}', get${name}Decoder],`);
    return [
        '/** Written by scripts/generate.mjs. */',
        "import type { Decoder } from '@solana/kit';",
        '',
        `import { ${names.flatMap(name => [`type ${name}`, `get${name}Decoder`]).join(', ')} } from './types';`,
        '',
        `/** What program \`${idl.metadata.name.replace('lumora_', '')}\` tells. */`,
        `export type ${program}Event =`,
        `${names.map(name => `    | { readonly name: '${name}'; readonly data: ${name} }`).join('\n')};`,
        '',
        '/** Name, discriminator in hexadecimal, and decoder of the fields that follow it. */',
        'type Row = readonly [name: string, discriminator: string, decoder: () => Decoder<object>];',
        'export const EVENTS: readonly Row[] = [',
        ...rows,
        '];',
        '',
    ].join('\n');
}

/** Name and sentence of each error of a program, by its code. */
function refusalTable(idl) {
    const rows = idl.errors.map(
        ({ code, name, msg }) => `    ${code}: [${JSON.stringify(name)}, ${JSON.stringify(msg)}],`,
    );
    return [
        '/** Written by scripts/generate.mjs. */',
        'export const REFUSALS: Readonly<Record<number, readonly [name: string, sentence: string]>> = {',
        ...rows,
        '};',
        '',
    ].join('\n');
}

const toHex = bytes => Buffer.from(bytes).toString('hex');
const pascal = idl => {
    const name = idl.metadata.name.replace('lumora_', '');
    return name[0].toUpperCase() + name.slice(1);
};

rmSync(generated, { recursive: true, force: true });
mkdirSync(generated, { recursive: true });
const names = readdirSync(idlFolder)
    .filter(name => name.endsWith('.json'))
    .map(name => name.replace(/\.json$/, ''))
    .sort();
for (const name of names) {
    const idl = JSON.parse(readFileSync(join(idlFolder, `${name}.json`), 'utf8'));
    const codama = createFromRoot(rootNodeFromAnchor({ ...renameClashes(inlineAliases(idl)), events: [] }));
    const folder = join(generated, name);
    await codama.accept(
        renderVisitor(folder, { generatedFolder: '.', kitImportStrategy: 'rootOnly', syncPackageJson: false }),
    );
    mendPluginTypes(folder);
    writeFileSync(join(folder, 'events.ts'), eventTable(idl));
    writeFileSync(join(folder, 'refusals.ts'), refusalTable(idl));
    console.log(`generated src/generated/${name}`);
}
