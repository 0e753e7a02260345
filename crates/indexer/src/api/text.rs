//! How values are written: what no number of JavaScript holds is text.

use lumora_core::reason::Reason;
use lumora_interface::Address;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// A number of 64 bits as text; of money, LMR base units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, pattern = "^[0-9]+$", example = "1500000")]
pub struct Amount(pub u64);

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A time, where zero means that it has not come yet.
pub(super) fn time(seconds: i64) -> Option<i64> {
    (seconds != 0).then_some(seconds)
}

/// The sentence of a reason code.
pub(super) fn reason_text(code: u8) -> &'static str {
    Reason::from_code(code).map_or("A reason that this version does not know.", Reason::sentence)
}

/// The members of a bitmap.
pub(super) fn bits(bitmap: u32) -> Vec<u8> {
    (0..32).filter(|bit| bitmap >> bit & 1 == 1).collect()
}

/// An address, where zero means that there is none.
pub(super) fn optional(address: &Address) -> Option<String> {
    (address.to_bytes() != [0; 32]).then(|| address.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_texts_and_bitmaps_lists() {
        assert_eq!(
            serde_json::to_string(&Amount(u64::MAX)).unwrap(),
            "\"18446744073709551615\""
        );
        assert_eq!(bits(0b1000_0000_0000_0000_0000_0000_0000_0101), [0, 2, 31]);
        assert_eq!((time(0), time(5)), (None, Some(5)));
    }
}
