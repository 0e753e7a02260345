/** What `npm pack` puts into the package, what it weighs in a browser, and that Node and TypeScript find it. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';

import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** An empty project beside which only this package, packed, and what it needs are installed. */
let project: string;
let packed: string[];

beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'lumora-'));
    const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', project], {
        cwd: root,
    });
    const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
    packed = files.map(({ path }) => path);
    const modules = join(project, 'node_modules');
    await mkdir(join(modules, '@lumora'), { recursive: true });
    await run('tar', ['-xzf', join(project, filename), '-C', modules]);
    await run('mv', [join(modules, 'package'), join(modules, '@lumora/client')]);
    const { dependencies, peerDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    for (const name of [...Object.keys(dependencies), ...Object.keys(peerDependencies)]) {
        await mkdir(dirname(join(modules, name)), { recursive: true });
        await symlink(join(root, 'node_modules', name), join(modules, name));
    }
});

afterAll(() => rm(project, { recursive: true, force: true }));

/** Bytes of a browser's bundle of this code, minified: as it is, and as servers send it. */
async function weigh(code: string): Promise<{ bytes: number; gzip: number }> {
    const bundle = await rolldown({
        input: 'entry',
        platform: 'browser',
        logLevel: 'silent',
        transform: { define: { 'process.env.NODE_ENV': '"production"', __DEV__: 'false' } },
        plugins: [
            {
                name: 'entry',
                resolveId: id => (id === 'entry' ? join(project, 'entry.mjs') : undefined),
                load: id => (id === join(project, 'entry.mjs') ? code : undefined),
            },
        ],
    });
    const { output } = await bundle.generate({ minify: true });
    const text = output.map(one => ('code' in one ? one.code : '')).join('');
    return { bytes: text.length, gzip: gzipSync(text).length };
}

describe('the package', () => {
    it('holds modules, their types, licences and the README, and nothing else', () => {
        const strange = packed.filter(path => !/^dist\/.*\.(js|d\.ts)$/.test(path));
        expect(strange.sort()).toEqual(['README.md', 'dist/LICENSE-APACHE', 'dist/LICENSE-MIT', 'package.json']);
        for (const name of ['index', 'dataset/index', 'delivery/index', 'rules/index']) {
            expect(packed).toContain(`dist/${name}.js`);
            expect(packed).toContain(`dist/${name}.d.ts`);
        }
        const sources = packed.filter(path => path.endsWith('.js')).map(path => path.replace('.js', '.d.ts'));
        for (const types of sources) expect(packed).toContain(types);
    });

    it('imports in Node by every name that it exports', async () => {
        const code = ['', '/dataset', '/delivery', '/rules']
            .map(name => `console.log(Object.keys(await import('@lumora/client${name}')).length > 3);`)
            .join('\n');
        await writeFile(join(project, 'imports.mjs'), code);
        const { stdout } = await run(process.execPath, ['imports.mjs'], { cwd: project });
        expect(stdout.trim().split('\n')).toEqual(Array(4).fill('true'));
    });

    it.each(['nodenext', 'bundler'])('has types that a strict program finds with %s resolution', async resolution => {
        await writeFile(
            join(project, 'types.mts'),
            [
                "import { buy, explain, type JobTerms, registry, send } from '@lumora/client';",
                "import { verify } from '@lumora/client/delivery';",
                "import { score } from '@lumora/client/rules';",
                'export const terms: Partial<JobTerms> = { price: 1n };',
                'export const code: number = registry.LUMORA_REGISTRY_ERROR__PAUSED;',
                'export const reason: string = explain(new Error()).reason;',
                '// @ts-expect-error a score takes two arguments',
                'export const wrong: number = score({});',
                'export { buy, send, verify };',
            ].join('\n'),
        );
        const compiler = join(root, 'node_modules/typescript/bin/tsc');
        const module = resolution === 'nodenext' ? 'nodenext' : 'esnext';
        const options = ['--noEmit', '--strict', '--target', 'es2022', '--module', module];
        const result = run(
            process.execPath,
            [compiler, ...options, '--moduleResolution', resolution, '--skipLibCheck', 'types.mts'],
            { cwd: project },
        );
        await expect(result.catch(({ stdout }: { stdout: string }) => stdout)).resolves.toMatchObject({ stdout: '' });
    });

    it.each([
        ['to verify a delivery', "export { verify } from '@lumora/client/delivery';", 36_000, 14_000],
        ['to buy', "export { buy } from '@lumora/client';", 18_000, 6_500],
        ['to say what went wrong', "export { explain } from '@lumora/client';", 36_000, 12_000],
        ['a score', "export { score } from '@lumora/client/rules';", 1_000, 600],
        ['everything', "export * from '@lumora/client';", 500_000, 115_000],
    ])('weighs little in a browser: %s', async (_, code, bytes, gzip) => {
        const weight = await weigh(code);
        expect(weight.bytes).toBeLessThan(bytes);
        expect(weight.gzip).toBeLessThan(gzip);
    });
});

describe('the lock file', () => {
    it('names no registry', async () => {
        expect(await readFile(join(root, 'package-lock.json'), 'utf8')).not.toMatch(
            /https?:\/\/(?!.*funding)[^"]*\.tgz/,
        );
    });

    it('pins what the package is built with', async () => {
        const { dependencies, devDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
        for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
            expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
        }
    });
});

describe('the examples', () => {
    it('of a newcomer is shorter than thirty lines', async () => {
        const text = await readFile(join(root, 'examples/newcomer.mjs'), 'utf8');
        expect(text.trimEnd().split('\n').length).toBeLessThan(30);
        expect((await readdir(join(root, 'examples'))).sort()).toEqual(['buy-dataset.ts', 'newcomer.mjs']);
    });
});
