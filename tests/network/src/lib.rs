//! Tests of what runs off chain, against the programs on an embedded network. A crate of its own, so that the tests of the
//! programs alone build without it.
