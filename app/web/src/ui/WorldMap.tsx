/** The Earth with marks on it, on a canvas: ten thousand marks are drawn in one pass. */
import { useEffect, useRef, useState } from 'react';

import type { Degrees } from '../data/model';
import { onThemeChange } from '../theme';
import { coasts, HALF_WIDTH, outline, type Point, project, unproject } from './land';

/** A mark. */
export type Mark = Degrees & {
    /** How large, from 0 to 1. */
    readonly weight: number;
    readonly tone: 'accent' | 'glow' | 'muted';
};

/** Shown from here to there: ice without nodes is left out. */
const [TOP, BOTTOM] = [project(84, 0)[1], project(-57, 0)[1]];
const ASPECT = (BOTTOM - TOP) / (2 * HALF_WIDTH);
const TONES = ['muted', 'accent', 'glow'] as const;

/** See the module. `label` says in words what the marks show. With `onPick`, clicking chooses a place. */
export function WorldMap({
    marks,
    label,
    onPick,
}: {
    marks: readonly Mark[];
    label: string;
    onPick?: (place: Degrees) => void;
}) {
    const frame = useRef<HTMLDivElement>(null);
    const canvas = useRef<HTMLCanvasElement>(null);
    const [width, setWidth] = useState(0);
    const height = Math.round(width * ASPECT);

    useEffect(() => {
        const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)));
        observer.observe(frame.current!);
        return () => observer.disconnect();
    }, []);

    useEffect(() => {
        if (width === 0) return;
        const draw = () => paint(canvas.current!, width, height, marks);
        let due = requestAnimationFrame(draw);
        const stop = onThemeChange(() => {
            cancelAnimationFrame(due);
            due = requestAnimationFrame(draw);
        });
        return () => {
            cancelAnimationFrame(due);
            stop();
        };
    }, [width, height, marks]);

    return (
        <div ref={frame} className="w-full">
            <canvas
                ref={canvas}
                role="img"
                aria-label={label}
                style={{ width, height }}
                className={onPick === undefined ? '' : 'cursor-crosshair'}
                onClick={event => {
                    const box = event.currentTarget.getBoundingClientRect();
                    const place = unproject([
                        ((event.clientX - box.left) / box.width - 0.5) * 2 * HALF_WIDTH,
                        TOP + ((event.clientY - box.top) / box.height) * (BOTTOM - TOP),
                    ]);
                    if (place !== undefined) onPick?.(place);
                }}
            />
        </div>
    );
}

function paint(canvas: HTMLCanvasElement, width: number, height: number, marks: readonly Mark[]): void {
    const ratio = Math.min(devicePixelRatio, 2);
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const context = canvas.getContext('2d')!;
    // `currentColor` is the only colour that a canvas resolves by the theme.
    const colour = (name: string) => {
        canvas.style.color = `var(--color-${name})`;
        return getComputedStyle(canvas).color;
    };
    const scale = (width * ratio) / (2 * HALF_WIDTH);
    const at = ([x, y]: Point): Point => [(x + HALF_WIDTH) * scale, (y - TOP) * scale];
    const trace = (points: readonly Point[]) => {
        points.forEach((point, index) => (index === 0 ? context.moveTo(...at(point)) : context.lineTo(...at(point))));
        context.closePath();
    };
    context.fillStyle = colour('sea');
    context.beginPath();
    trace(outline);
    context.fill();
    context.fillStyle = colour('land');
    context.beginPath();
    coasts.forEach(trace);
    context.fill();
    for (const tone of TONES) {
        const ofTone = marks.filter(mark => mark.tone === tone);
        if (ofTone.length === 0) continue;
        context.fillStyle = colour(tone);
        context.globalAlpha = marks.length > 2_000 ? 0.45 : 0.8;
        context.beginPath();
        for (const { latitude, longitude, weight } of ofTone) {
            const [x, y] = at(project(latitude, longitude));
            const radius = (1.6 + 3.4 * weight) * ratio;
            context.moveTo(x + radius, y);
            context.arc(x, y, radius, 0, 2 * Math.PI);
        }
        context.fill();
        context.globalAlpha = 1;
    }
}
