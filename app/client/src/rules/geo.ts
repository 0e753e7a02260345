/** Coarse locations as unit vectors: `crates/core/src/geo.rs`. */

/** A point on the Earth: towards 0° N 0° E, towards 0° N 90° E, towards the north pole. Of length {@link SCALE}. */
export type UnitVector = readonly [x: number, y: number, z: number];

/** A component of 32,767 is 1.0. */
export const SCALE = 32_767;

const EARTH_RADIUS_KM = 6_371n;

const squaredDistance = (a: UnitVector, b: UnitVector): bigint =>
    a.reduce((sum, component, at) => sum + BigInt(component - b[at]!) ** 2n, 0n);

/** Straight-line (chord) distance between two points of the surface in kilometres, rounded down; at most 12,742. */
export const chordDistance = (a: UnitVector, b: UnitVector): number =>
    Number((squareRoot(squaredDistance(a, b)) * EARTH_RADIUS_KM) / BigInt(SCALE));

/** Whether the length is one to within 0.1 %: the programs take no other. */
export function isUnit(vector: UnitVector): boolean {
    const one = BigInt(SCALE) ** 2n;
    const off = squaredDistance(vector, [0, 0, 0]) - one;
    return (off < 0n ? -off : off) <= one / 500n;
}

/** Whether this is an H3 index of resolution 3, the only one that a node may state. */
export function isCoarseCell(cell: bigint): boolean {
    const digit = (position: bigint) => (cell >> (45n - 3n * position)) & 7n;
    return (
        cell >> 52n === 0x083n &&
        ((cell >> 45n) & 0x7fn) < 122n &&
        [1n, 2n, 3n].every(position => digit(position) < 7n) &&
        (cell & 0xf_ffff_ffffn) === 0xf_ffff_ffffn
    );
}

/** The vector of a point, both in degrees, north and east positive. For where a job's data lives. */
export function unitVector(latitude: number, longitude: number): [number, number, number] {
    if (!(Math.abs(latitude) <= 90)) throw new RangeError('the latitude lies between -90 and 90 degrees');
    if (!(Math.abs(longitude) <= 180)) throw new RangeError('the longitude lies between -180 and 180 degrees');
    const [north, east] = [latitude, longitude].map(degrees => (degrees * Math.PI) / 180) as [number, number];
    const components = [Math.cos(north) * Math.cos(east), Math.cos(north) * Math.sin(east), Math.sin(north)];
    // `+ 0` since `Math.round` has a negative zero.
    return components.map(component => Math.round(component * SCALE) + 0) as [number, number, number];
}

/** The latitude and longitude of a vector in degrees, for maps. */
export function degreesOf([x, y, z]: UnitVector): { latitude: number; longitude: number } {
    const degrees = (radians: number) => (radians * 180) / Math.PI;
    return { latitude: degrees(Math.atan2(z, Math.hypot(x, y))), longitude: degrees(Math.atan2(y, x)) };
}

/** The largest integer whose square is at most `value`, by Newton's method from above. */
function squareRoot(value: bigint): bigint {
    let root = BigInt(Math.ceil(Math.sqrt(Number(value)))) + 1n;
    while (root * root > value) root = (root + value / root) / 2n;
    return root;
}
