/** A dialog by the platform: keeps the focus, closes with Escape, gives the focus back. */
import { type ReactNode, useEffect, useId, useRef } from 'react';

/** See the module. It is open while it is rendered. What is marked with `data-first` gets the focus. */
export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ReactNode }) {
    const dialog = useRef<HTMLDialogElement>(null);
    const id = useId();
    useEffect(() => {
        const shown = dialog.current;
        if (shown === null || shown.open) return;
        shown.showModal();
        // The platform would choose the first control, which closes the dialog.
        shown.querySelector<HTMLElement>('[data-first]')?.focus();
    }, []);
    return (
        <dialog
            ref={dialog}
            aria-labelledby={id}
            onCancel={event => {
                event.preventDefault();
                onClose();
            }}
            className="m-auto w-[min(26rem,calc(100vw-2rem))] rounded-lg border border-line bg-panel p-0 text-ink shadow-float backdrop:bg-black/40"
        >
            <div className="flex items-center justify-between gap-4 border-b border-line px-4 py-2.5">
                <h2 id={id} className="font-semibold">
                    {title}
                </h2>
                <button
                    type="button"
                    onClick={onClose}
                    aria-label="Close"
                    className="grid size-7 place-items-center rounded-md text-muted hover:bg-raised hover:text-ink"
                >
                    <svg
                        aria-hidden
                        viewBox="0 0 16 16"
                        className="size-4 stroke-current"
                        strokeWidth="1.6"
                        fill="none"
                    >
                        <path d="M3.5 3.5l9 9m0-9l-9 9" />
                    </svg>
                </button>
            </div>
            <div className="p-4">{children}</div>
        </dialog>
    );
}
