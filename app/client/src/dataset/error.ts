/** What can go wrong with a dataset, each with what to do about it: the errors of `crates/data`, by the same names. */

const sentences = {
    MissingObject: ({ cid }: { cid: string }) =>
        `the store has no object ${cid}. Ask whoever gave you the name for a copy, or point to another store`,
    CorruptObject: ({ cid }: { cid: string }) =>
        `object ${cid} was damaged or replaced in the store: its bytes do not have that hash. Fetch it from another copy`,
    ObjectTooLarge: ({ cid, bytes }: { cid: string; bytes: number }) =>
        `object ${cid} has ${bytes} bytes, more than it may have here. It is not what it is said to be`,
    SlowObject: ({ cid }: { cid: string }) =>
        `the store sent object ${cid} too slowly to be of use. Try again later, or point to another store`,
    WrongRange: ({ cid, asked, sent }: { cid: string; asked: number; sent: string }) =>
        `the store sent object ${cid} from ${sent} where it was asked to go on from byte ${asked}. Point to another store`,
    Store: ({ what, why }: { what: string; why: string }) =>
        `the store could not ${what}: ${why}. Check that it is reachable, then try again`,
    Malformed: ({ what, why }: { what: string; why: string }) =>
        `${what} is not in the expected form: ${why}. It was made by another version, or is not what its name was given for`,
    WrongKey: () =>
        'this is not the key the data was encrypted with (its commitment differs). Check that the key belongs to this dataset',
    TamperedSegment: ({ index }: { index: number }) =>
        `segment ${index} does not decrypt: it was changed, reordered, or taken from other data. Fetch it again from another copy`,
    KeptMismatch: ({ index }: { index: number }) =>
        `segment ${index} of the rows that were kept is not that of the dataset: remove them and download again`,
    SegmentCount: ({ expected, found }: { expected: number; found: number }) =>
        `${found} segments where the header announces ${expected}: the data was cut off or extended. Fetch it again`,
    SegmentLength: ({ index }: { index: number }) =>
        `segment ${index} does not have the length that the header gives it`,
    TooManySegments: ({ bytes, segmentSize }: { bytes: number; segmentSize: number }) =>
        `${bytes} bytes are too many for segments of ${segmentSize}: choose larger segments`,
    RootMismatch: ({ what, expected, found }: { what: string; expected: string; found: string }) =>
        `the ${what} root is ${found}, but ${expected} was announced: this is not the dataset that was listed`,
    CardMismatch: ({ what }: { what: string }) =>
        `the data card's ${what} do not fit the dataset: do not buy by this card`,
    PackageMismatch: ({ what, expected, found }: { what: string; expected: bigint; found: bigint }) =>
        `the package's ${what} is ${found}, where the listing says ${expected}: this is not the dataset that was listed`,
    RowWithoutProvenance: ({ row }: { row: number }) =>
        `row ${row} has no provenance: the dataset was not made as the listing says`,
    ProvenanceWithoutRow: ({ rows }: { rows: number }) =>
        `there is provenance for more than the ${rows} rows: rows were left out after the listing was made`,
    BadSample: ({ why }: { why: string }) => `the sample is not to be trusted: ${why}`,
    TooManyOrigins: ({ found }: { found: number }) =>
        `${found} shards are more than the 65,536 that a dataset may have: build several datasets`,
    ShardTwice: ({ shard }: { shard: number }) =>
        `two results for shard ${shard} of one job: pass one of them, from the group of replicas that was settled`,
    Unsealable: ({ why }: { why: string }) => `this cannot be sealed: ${why}`,
    NotRead: () => 'nothing can be said of a dataset before all of it was read, to the end and without an error',
} as const;

type Sentences = typeof sentences;

/** Names of the errors. */
export type DatasetErrorCode = keyof Sentences;

/** The values that an error's sentence names. */
export type DatasetErrorContext<C extends DatasetErrorCode> =
    Parameters<Sentences[C]> extends [infer Context] ? Context : object;

/** See {@link DatasetErrorCode}. */
export class DatasetError<C extends DatasetErrorCode = DatasetErrorCode> extends Error {
    override readonly name = 'DatasetError';

    constructor(
        readonly code: C,
        readonly context: DatasetErrorContext<C>,
    ) {
        super((sentences[code] as (context: DatasetErrorContext<C>) => string)(context));
    }
}

/** Something is not in the form it should have. */
export const malformed = (what: string, why: string): DatasetError => new DatasetError('Malformed', { what, why });

/** Says of bytes or text that do not parse what was being read. */
export function parsing<T>(what: string, parse: () => T): T {
    try {
        return parse();
    } catch (error) {
        throw error instanceof DatasetError
            ? error
            : malformed(what, error instanceof Error ? error.message : String(error));
    }
}
