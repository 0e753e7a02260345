/** Dark or light: the system's choice, unless a person made one. */
import { useSyncExternalStore } from 'react';

/** What a person chose. */
export type Theme = 'system' | 'light' | 'dark';

const KEY = 'lumora.theme';
const listeners = new Set<() => void>();
const isTheme = (value: string | null): value is Theme => value === 'light' || value === 'dark';
const chosen = (): Theme => {
    const kept = localStorage.getItem(KEY);
    return isTheme(kept) ? kept : 'system';
};

/** Shows the page in the theme that was chosen. */
export function applyTheme(theme: Theme = chosen()): void {
    if (theme === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
}

/** Chooses a theme, for this and later visits. */
export function chooseTheme(theme: Theme): void {
    if (theme === 'system') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
    applyTheme(theme);
    listeners.forEach(listener => listener());
}

/** The theme that was chosen. */
export const useTheme = (): Theme =>
    useSyncExternalStore(listener => {
        listeners.add(listener);
        return () => listeners.delete(listener);
    }, chosen);

/** Tells when colours change, for what paints by itself. */
export function onThemeChange(changed: () => void): () => void {
    const system = matchMedia('(prefers-color-scheme: dark)');
    system.addEventListener('change', changed);
    listeners.add(changed);
    return () => {
        system.removeEventListener('change', changed);
        listeners.delete(changed);
    };
}
