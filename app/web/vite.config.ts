import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

export default defineConfig({
    // Relative addresses: the build works in any folder of any web server.
    base: './',
    plugins: [react(), tailwindcss()],
    resolve: { dedupe: ['@solana/kit'] },
    build: { target: 'es2023', chunkSizeWarningLimit: 800, license: { fileName: 'licences.txt' } },
    worker: { format: 'es' },
    test: { include: ['test/**/*.test.ts'] },
});
