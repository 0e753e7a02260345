/** The frame around the rooms: navigation, wallet, transactions. Rooms are loaded when they are entered. */
import { Component, lazy, type ReactNode, Suspense, useEffect, useRef } from 'react';

import { linkTo, type Room, ROOMS, useRoute } from './route';
import { useSession } from './session';
import { chooseTheme, type Theme, useTheme } from './theme';
import { Tray } from './transactions/Tray';
import { Alert, Button, Loading } from './ui/basics';
import { WalletButton } from './wallet/WalletButton';

const LOADERS = {
    provide: lazy(() => import('./rooms/provide')),
    market: lazy(() => import('./rooms/market')),
    jobs: lazy(() => import('./rooms/jobs')),
    network: lazy(() => import('./rooms/network')),
} as const;

const TITLES: Readonly<Record<Room, string>> = {
    provide: 'Provide',
    market: 'Market',
    jobs: 'Jobs',
    network: 'Network',
};

const ICONS: Readonly<Record<Room, ReactNode>> = {
    provide: <path d="M10 16V5m0 0L5.5 9.5M10 5l4.5 4.5M3.5 16.5h13" />,
    market: <path d="M3 6.5h14M4.2 6.5l.8 9.2h10l.8-9.2M7.2 9V5.6a2.8 2.8 0 0 1 5.6 0V9" />,
    jobs: <path d="M3.5 4.5h5v5h-5zm8 0h5v5h-5zm-8 7.5h5v4h-5zm8 0h5v4h-5z" />,
    network: (
        <path d="M10 3.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM3.5 10h13M10 3.5c2.2 2 2.8 4 2.8 6.5s-.6 4.5-2.8 6.5c-2.2-2-2.8-4-2.8-6.5S7.800 5.500 10 3.500Z" />
    ),
};

/** See the module. */
export function App() {
    const { room, item } = useRoute();
    const Shown = LOADERS[room];
    const heading = useRef<HTMLElement>(null);
    const entered = useRef(room);
    useEffect(() => {
        document.title = `${TITLES[room]} · Lumora`;
        if (entered.current === room) return;
        // A reader of the screen hears that another room was entered.
        entered.current = room;
        heading.current?.focus({ preventScroll: true });
        scrollTo(0, 0);
    }, [room]);
    return (
        <div className="min-h-dvh pb-16 md:pb-0 md:pl-44">
            <a
                href="#main"
                onClick={event => {
                    event.preventDefault();
                    heading.current?.focus();
                }}
                className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-md focus:bg-panel focus:px-3 focus:py-2"
            >
                Skip to content
            </a>
            <Navigation room={room} />
            <header className="sticky top-0 z-20 flex h-13 items-center justify-between gap-3 border-b border-line bg-page/95 px-4 backdrop-blur md:px-6">
                <h1 className="text-base font-semibold">{TITLES[room]}</h1>
                <div className="flex items-center gap-2">
                    <LiveMark />
                    <ThemeSwitch />
                    <WalletButton />
                </div>
            </header>
            <main
                id="main"
                ref={heading}
                tabIndex={-1}
                aria-label={TITLES[room]}
                className="mx-auto max-w-[88rem] p-4 outline-none md:p-6"
            >
                <Guard key={room}>
                    <Suspense fallback={<Loading lines={5} />}>
                        <Shown item={item} />
                    </Suspense>
                </Guard>
            </main>
            <footer className="mx-auto max-w-[88rem] px-4 pb-6 text-2xs text-muted md:px-6">
                Maps made with Natural Earth.{' '}
                <a href="licences.txt" className="underline underline-offset-2">
                    Licences of what this page is made of
                </a>
            </footer>
            <Tray />
        </div>
    );
}

function Navigation({ room }: { room: Room }) {
    return (
        <nav
            aria-label="Rooms"
            className="fixed inset-x-0 bottom-0 z-30 flex border-t border-line bg-panel md:inset-y-0 md:right-auto md:w-44 md:flex-col md:border-t-0 md:border-r"
        >
            <a
                href={linkTo('network')}
                className="hidden items-center gap-2.5 px-5 pt-4 pb-6 text-base font-semibold tracking-tight md:flex"
            >
                <svg aria-hidden viewBox="0 0 20 20" className="size-5 fill-none stroke-accent" strokeWidth="2">
                    <circle cx="10" cy="10" r="7.5" />
                    <circle cx="10" cy="10" r="2.5" className="fill-accent" stroke="none" />
                </svg>
                Lumora
            </a>
            <ul className="flex flex-1 md:flex-col md:gap-0.5 md:px-2.5">
                {ROOMS.map(name => (
                    <li key={name} className="flex-1 md:flex-none">
                        <a
                            href={linkTo(name)}
                            aria-current={name === room ? 'page' : undefined}
                            className="flex h-14 flex-col items-center justify-center gap-0.5 rounded-md text-2xs text-muted hover:text-ink aria-[current]:text-accent md:h-9 md:flex-row md:justify-start md:gap-2.5 md:px-2.5 md:text-sm md:hover:bg-raised md:aria-[current]:bg-accent-soft md:aria-[current]:font-medium"
                        >
                            <svg
                                aria-hidden
                                viewBox="0 0 20 20"
                                className="size-5 fill-none stroke-current md:size-[1.125rem]"
                                strokeWidth="1.5"
                                strokeLinejoin="round"
                                strokeLinecap="round"
                            >
                                {ICONS[name]}
                            </svg>
                            {TITLES[name]}
                        </a>
                    </li>
                ))}
            </ul>
        </nav>
    );
}

const LIVE = {
    live: ['bg-good', 'Live'],
    connecting: ['bg-glow', 'Connecting'],
    lost: ['bg-bad', 'Connecting again'],
} as const;

/** Whether news arrive, and from where. */
function LiveMark() {
    const { live, source, config } = useSession();
    const [colour, text] = LIVE[live];
    return (
        <span
            role="status"
            title={`${config.network}, read from the ${source.kind}`}
            className="flex items-center gap-1.5 text-xs text-muted"
        >
            <span aria-hidden className={`size-1.5 rounded-full ${colour}`} />
            <span className="max-sm:sr-only">
                {text} · {config.network}
            </span>
        </span>
    );
}

const NEXT_THEME: Readonly<Record<Theme, Theme>> = { system: 'light', light: 'dark', dark: 'system' };

function ThemeSwitch() {
    const theme = useTheme();
    return (
        <Button
            kind="quiet"
            className="w-9 !px-0"
            onClick={() => chooseTheme(NEXT_THEME[theme])}
            aria-label={`Colours: ${theme}. Change to ${NEXT_THEME[theme]}`}
            title={`Colours: ${theme}`}
        >
            <svg
                aria-hidden
                viewBox="0 0 20 20"
                className="size-[1.125rem] shrink-0 fill-none stroke-current"
                strokeWidth="1.5"
            >
                <circle cx="10" cy="10" r="7.5" />
                {theme !== 'light' && (
                    <path
                        d="M10 2.5a7.5 7.5 0 0 1 0 15Z"
                        className={theme === 'dark' ? 'fill-current' : 'fill-current opacity-40'}
                        stroke="none"
                    />
                )}
            </svg>
        </Button>
    );
}

/** Says what failed in a room, and leaves the others alone. */
class Guard extends Component<{ children: ReactNode }, { error: unknown }> {
    override state = { error: undefined as unknown };

    static getDerivedStateFromError(error: unknown) {
        return { error };
    }

    override render() {
        if (this.state.error === undefined) return this.props.children;
        const message = this.state.error instanceof Error ? this.state.error.message : String(this.state.error);
        return (
            <Alert>
                This room could not be shown: {message}. Reload the page; if it stays, a newer version may be needed.
            </Alert>
        );
    }
}
