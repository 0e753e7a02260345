/** H3 cells: the coarse places in which nodes stand. Loaded apart, for the library is large. */
import type { rules } from '@lumora/client';
import { cellToLatLng, latLngToCell } from 'h3-js';

import type { Degrees } from './model';
import { vectorOf } from './places';

/** The only resolution that the registry takes: cells of about 12,000 square kilometres. */
const RESOLUTION = 3;

/** A cell and its centre, as `register_node` takes them. */
export type Place = { readonly cell: bigint; readonly location: rules.UnitVector; readonly centre: Degrees };

/** The cell around a point. */
export function placeAt({ latitude, longitude }: Degrees): Place {
    const cell = latLngToCell(latitude, longitude, RESOLUTION);
    const centre = centreOf(cell);
    return { cell: BigInt(`0x${cell}`), location: vectorOf(centre), centre };
}

/** The centre of a cell that is named in hexadecimal. */
function centreOf(cell: string): Degrees {
    const [latitude, longitude] = cellToLatLng(cell);
    return { latitude, longitude };
}
