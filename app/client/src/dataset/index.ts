/**
 * Datasets: described before they are bought, opened and verified by the buyer, sealed by the seller. In browsers and in
 * Node; the format is that of `crates/data`, described in docs/datasets.md.
 */
export { type Card, type Kind, peekCard } from './card';
export { type Cid, cidOf, cidOfDigest, digestOfCid, parseCid } from './cid';
export { DatasetError, type DatasetErrorCode, type DatasetErrorContext } from './error';
export { type Row } from './held';
export { canonical as canonicalJson, type Json, type JsonObject } from './json';
export { emptyRoot, leafHash, verifyPath } from './merkle';
export { Dataset, type Described, describeDataset, type Kept, type ReadOptions } from './open';
export { type Listed, type Origin, type Package } from './package';
export { type Robots } from './provenance';
export { findSample, type Sample, sampleRows, verifySample } from './sample';
export { type Packaged, seal, type SealInput, type Shard, type SourceRecord } from './seal';
export { HttpStore, type HttpStoreOptions, MemoryStore, namePath, objectPath, type Sink, type Store } from './store';
export { isComplete, type ShardClaim, type Statements, statements, type Verification } from './verification';
