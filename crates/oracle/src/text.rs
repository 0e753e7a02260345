//! Addresses and hashes as text in configuration and events.

/// An address as base58.
pub mod base58 {
    use lumora_interface::Address;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(address: &Address, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(address)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|_| D::Error::custom(format!("`{text}` is not an address in base58")))
    }
}

/// Two hashes in hexadecimal.
pub mod hexadecimals {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Text(#[serde(with = "super::hexadecimal")] [u8; 32]);

    pub fn serialize<S: Serializer>(hashes: &[[u8; 32]; 2], serializer: S) -> Result<S::Ok, S::Error> {
        hashes.map(Text).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[[u8; 32]; 2], D::Error> {
        Ok(<[Text; 2]>::deserialize(deserializer)?.map(|Text(hash)| hash))
    }
}

/// A hash in hexadecimal.
pub mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(hash: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(hash))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut hash = [0; 32];
        hex::decode_to_slice(&text, &mut hash)
            .map_err(|error| D::Error::custom(format!("`{text}` is not 32 bytes in hexadecimal: {error}")))?;
        Ok(hash)
    }
}
