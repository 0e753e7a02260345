import { defineConfig } from 'vitest/config';

export default defineConfig({
    root: import.meta.dirname,
    resolve: { dedupe: ['@solana/kit'] },
    test: { include: ['*.test.ts'], testTimeout: 600_000, hookTimeout: 480_000, fileParallelism: false },
});
