import './index.css';

import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { App } from './app';
import { loadConfig } from './config';
import { openServices, SessionProvider } from './session';
import { applyTheme } from './theme';
import { explain } from './transactions/explain';
import { Alert } from './ui/basics';

applyTheme();
const root = createRoot(document.getElementById('root')!);
const queries = new QueryClient({
    defaultOptions: { queries: { staleTime: 3_000, retry: 1, refetchOnWindowFocus: false } },
});

try {
    const services = await openServices(await loadConfig());
    root.render(
        <StrictMode>
            <QueryClientProvider client={queries}>
                <SessionProvider services={services}>
                    <App />
                </SessionProvider>
            </QueryClientProvider>
        </StrictMode>,
    );
} catch (error) {
    root.render(
        <main className="mx-auto max-w-lg p-8">
            <h1 className="mb-3 text-xl font-semibold">Lumora cannot start</h1>
            <Alert>{explain(error)}</Alert>
        </main>,
    );
}
