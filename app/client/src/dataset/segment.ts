/**
 * Encrypted segments: AES-256-GCM by WebCrypto in the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár, 2015).
 *
 * Segment i is encrypted under the nonce prefix (7 bytes) || i (32 bits, big endian) || last (1 byte), so that segments
 * cannot be reordered, dropped from the end or appended without notice. AES-GCM does not commit to its key: the header
 * carries a commitment, and is authenticated with every segment.
 */
import { type Bytes, concat, equal, sha256, u32, u64 } from '../bytes';
import { derive } from './derive';
import { DatasetError, malformed } from './error';

/** Plaintext bytes in a segment, where nothing else is asked for: 1 MiB. */
export const SEGMENT_SIZE = 1 << 20;
/** Largest segment that is made or opened, 16 MiB: the size comes from a header that somebody else wrote. */
export const MAX_SEGMENT_SIZE = 1 << 24;
/** Bytes by which a segment grows in encryption. */
export const TAG_SIZE = 16;

const VERSION = 1;
const ENCODED_LENGTH = 77;
const ENCRYPTION_INFO = 'lumora segment encryption v1';
const NONCE_INFO = 'lumora segment nonce v1';
const COMMITMENT_INFO = 'lumora key commitment v1';

/** What is known of a stream before its segments. */
export type Header = {
    /** Different for each stream, 32 bytes: a hash of the plaintext under the key. */
    readonly salt: Bytes;
    /** Plaintext bytes in each segment but the last. */
    readonly segmentSize: number;
    /** Plaintext bytes in all. */
    readonly plaintextLength: number;
    /** Derived from key and salt, 32 bytes: tells a wrong key, and keeps one ciphertext to one key. */
    readonly commitment: Bytes;
};

/** The header's bytes: version, salt, segment size, plaintext length, commitment; numbers in little endian. */
export const encodeHeader = ({ salt, segmentSize, plaintextLength, commitment }: Header): Bytes =>
    concat(Uint8Array.of(VERSION), salt, u32(segmentSize), u64(plaintextLength), commitment);

/** Reads a header. */
export function decodeHeader(bytes: Bytes): Header {
    const refused = (why: string) => malformed('the segment header', why);
    if (bytes.length !== ENCODED_LENGTH) throw refused('it does not have 77 bytes');
    if (bytes[0] !== VERSION) throw refused('it has a version this program does not know');
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const length = view.getBigUint64(37, true);
    // At 1 byte a segment there would be more than 2^32 segments long before this.
    if (length > BigInt(Number.MAX_SAFE_INTEGER)) throw refused('it announces more than 2^53 bytes');
    const header = {
        salt: bytes.slice(1, 33),
        segmentSize: view.getUint32(33, true),
        plaintextLength: Number(length),
        commitment: bytes.slice(45),
    };
    if (header.segmentSize === 0 || header.segmentSize > MAX_SEGMENT_SIZE) {
        throw refused('segments must have between 1 byte and 16 MiB');
    }
    segmentCount(header);
    return header;
}

/** Number of segments. Empty data has one, empty, so that its absence is noticed too. */
export function segmentCount({ plaintextLength, segmentSize }: Header): number {
    const count = Math.max(1, Math.ceil(plaintextLength / segmentSize));
    if (count > 0xffff_ffff) throw new DatasetError('TooManySegments', { bytes: plaintextLength, segmentSize });
    return count;
}

/** Bytes of segment `index` before encryption. */
export const plaintextLengthOf = ({ plaintextLength, segmentSize }: Header, index: number): number =>
    Math.min(Math.max(plaintextLength - segmentSize * index, 0), segmentSize);

/** Bytes of segment `index` after encryption. */
export const ciphertextLengthOf = (header: Header, index: number): number =>
    plaintextLengthOf(header, index) + TAG_SIZE;

/** The cipher of one stream: opens and seals segments, one at a time and in any order. */
export class SegmentCipher {
    readonly #key: CryptoKey;
    readonly #prefix: Bytes;
    readonly #headerHash: Bytes;
    /** Number of segments. */
    readonly count: number;

    private constructor(
        readonly header: Header,
        key: CryptoKey,
        prefix: Bytes,
    ) {
        this.#key = key;
        this.#prefix = prefix;
        this.#headerHash = sha256(encodeHeader(header));
        this.count = segmentCount(header);
    }

    /** Checks that `key` (32 bytes) is the one the header commits to, before anything is decrypted. */
    static async open(key: Uint8Array, header: Header): Promise<SegmentCipher> {
        if (!equal(derive(key, header.salt, COMMITMENT_INFO), header.commitment))
            throw new DatasetError('WrongKey', {});
        const usages: KeyUsage[] = ['encrypt', 'decrypt'];
        const raw = derive(key, header.salt, ENCRYPTION_INFO);
        const imported = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, usages);
        raw.fill(0);
        return new SegmentCipher(header, imported, derive(key, header.salt, NONCE_INFO).slice(0, 7));
    }

    /**
     * Prepares to encrypt `plaintextLength` bytes. One key must never see the same salt with two different plaintexts:
     * `salt` is a hash of the plaintext under the key.
     */
    static create(key: Uint8Array, salt: Bytes, segmentSize: number, plaintextLength: number): Promise<SegmentCipher> {
        const commitment = derive(key, salt, COMMITMENT_INFO);
        return SegmentCipher.open(key, { salt, segmentSize, plaintextLength, commitment });
    }

    /** Encrypts segment `index`. */
    async seal(index: number, segment: Bytes): Promise<Bytes> {
        if (index >= this.count || segment.length !== plaintextLengthOf(this.header, index)) {
            throw new DatasetError('SegmentLength', { index });
        }
        return new Uint8Array(await crypto.subtle.encrypt(this.#parameters(index), this.#key, segment));
    }

    /** Decrypts segment `index`. */
    async decrypt(index: number, segment: Bytes): Promise<Bytes> {
        if (index < this.count && segment.length === ciphertextLengthOf(this.header, index)) {
            try {
                return new Uint8Array(await crypto.subtle.decrypt(this.#parameters(index), this.#key, segment));
            } catch (error) {
                // WebCrypto says this of a tag that does not fit; anything else is no statement about the segment.
                if (!(error instanceof Error && error.name === 'OperationError')) throw error;
            }
        }
        throw new DatasetError('TamperedSegment', { index });
    }

    #parameters(index: number): AesGcmParams {
        const iv = new Uint8Array(12);
        iv.set(this.#prefix);
        new DataView(iv.buffer).setUint32(7, index);
        iv[11] = index + 1 === this.count ? 1 : 0;
        return { name: 'AES-GCM', iv, additionalData: this.#headerHash };
    }
}
