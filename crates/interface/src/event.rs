//! What all events have in common, and the tag under which a program calls itself to record one.

use bytemuck::Pod;

/// First eight bytes of the data of an instruction that a program sends to itself to record an event.
pub const SELF_CALL_TAG: [u8; 8] = 0x1d9a_cb51_2ea5_45e4_u64.to_le_bytes();

/// An event of one of the programs: eight bytes of discriminator, then the fields as they lie in memory.
pub trait Event: Pod {
    /// First eight bytes of SHA-256(`event:<Name>`).
    const DISCRIMINATOR: [u8; 8];

    /// Reads the payload of a `Program data:` log line, or of a self-call (with or without its tag).
    fn from_event_data(data: &[u8]) -> Option<Self> {
        let data = data.strip_prefix(&SELF_CALL_TAG).unwrap_or(data);
        let fields = data.strip_prefix(&Self::DISCRIMINATOR)?;
        (fields.len() == size_of::<Self>()).then(|| bytemuck::pod_read_unaligned(fields))
    }
}

/// Ties an event's layout to its discriminator.
macro_rules! event {
    ($name:ident, discriminator = $discriminator:expr) => {
        impl $crate::Event for $name {
            const DISCRIMINATOR: [u8; 8] = $discriminator;
        }
    };
}
