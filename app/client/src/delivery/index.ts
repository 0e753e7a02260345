/**
 * The proof that a buyer gets the right key in the step in which the money moves: both ends of it, and the check.
 *
 * Byte for byte the protocol of `crates/core/src/delivery` (see there for what is proven); `tests/vectors` holds the two
 * together.
 *
 * **Not constant-time.** JavaScript's big integers take time that depends on their values, and neither they nor strings
 * can be wiped from memory. @noble/curves evens out what it can, which is no guarantee. A buyer's secret is of one
 * purchase and used in a place of the buyer's own; a seller that delivers at the request of strangers, who could measure
 * it many times, should use the Rust client.
 */
export * from './error';
export { ORDER, SECOND_GENERATOR_BYTES, SECOND_GENERATOR_SEED } from './group';
export * from './keys';
export * from './parties';
export { type Delivery, PROOF_LENGTH, type Sale } from './sale';
export * from './verify';
