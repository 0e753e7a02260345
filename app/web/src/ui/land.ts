/** Outlines of the continents for maps, and the projection: Equal Earth (Šavrič, Patterson, Jenny 2018). */
import type { GeometryCollection, Topology } from 'topojson-specification';
import { feature } from 'topojson-client';
import land from 'world-atlas/land-110m.json';

import type { Degrees } from '../data/model';

const [A1, A2, A3, A4] = [1.340264, -0.081106, 0.000893, 0.003796] as const;
const M = Math.sqrt(3) / 2;
const RADIANS = Math.PI / 180;
/** Half the width of the projected Earth. */
export const HALF_WIDTH = 2.7066297;

/** A place on the projected Earth, north up. */
export type Point = readonly [x: number, y: number];

/** Projects a place in degrees. */
export function project(latitude: number, longitude: number): Point {
    const t = Math.asin(M * Math.sin(latitude * RADIANS));
    const [t2, t6] = [t * t, t ** 6];
    const x = (longitude * RADIANS * Math.cos(t)) / (M * (A1 + 3 * A2 * t2 + t6 * (7 * A3 + 9 * A4 * t2)));
    return [x, -t * (A1 + A2 * t2 + t6 * (A3 + A4 * t2))];
}

/** The place in degrees that is projected to a point; `undefined` outside the Earth. */
export function unproject([x, y]: Point): Degrees | undefined {
    let t = -y;
    for (let round = 0; round < 12; round++) {
        const [t2, t6] = [t * t, t ** 6];
        const value = t * (A1 + A2 * t2 + t6 * (A3 + A4 * t2)) + y;
        t -= value / (A1 + 3 * A2 * t2 + t6 * (7 * A3 + 9 * A4 * t2));
    }
    const [t2, t6] = [t * t, t ** 6];
    const sine = Math.sin(t) / M;
    const longitude = (M * x * (A1 + 3 * A2 * t2 + t6 * (7 * A3 + 9 * A4 * t2))) / Math.cos(t) / RADIANS;
    if (Math.abs(sine) > 1 || !(Math.abs(longitude) <= 180)) return undefined;
    return { latitude: Math.asin(sine) / RADIANS, longitude };
}

const topology = land as unknown as Topology<{ land: GeometryCollection }>;

/** The coasts as closed lines of projected points. */
export const coasts: readonly (readonly Point[])[] = feature(topology, topology.objects.land).features.flatMap(
    ({ geometry }) => {
        const polygons =
            geometry.type === 'MultiPolygon'
                ? geometry.coordinates
                : geometry.type === 'Polygon'
                  ? [geometry.coordinates]
                  : [];
        return polygons.flat().flatMap(cutAtDateLine);
    },
);

/** A coast that leaves the map on one side comes back on the other: drawn in one line, it would cross the whole map. */
function cutAtDateLine(ring: readonly (readonly number[])[]): Point[][] {
    const parts: Point[][] = [[]];
    ring.forEach(([longitude, latitude], at) => {
        const before = ring[at - 1]?.[0];
        if (before !== undefined && Math.abs(longitude! - before) > 180) parts.push([]);
        parts.at(-1)!.push(project(latitude!, longitude!));
    });
    return parts;
}

/** The edge of the Earth. */
export const outline: readonly Point[] = [
    ...Array.from({ length: 73 }, (_, at) => project(-90 + at * 2.5, -180)),
    ...Array.from({ length: 73 }, (_, at) => project(90 - at * 2.5, 180)),
];
