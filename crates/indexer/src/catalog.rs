//! Every account, event and error of the five programs, read from their interface descriptions (`idl/*.json`), which are
//! what the programs were built from. An event that is added to a program is known here once its description is.

use std::{collections::HashMap, sync::LazyLock};

use lumora_interface::Address;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The descriptions, in the order in which the programs build on each other.
const DESCRIPTIONS: [&str; 5] = [
    include_str!("../../../idl/registry.json"),
    include_str!("../../../idl/bandwidth.json"),
    include_str!("../../../idl/rewards.json"),
    include_str!("../../../idl/tasks.json"),
    include_str!("../../../idl/market.json"),
];

/// The catalogue of what this version knows.
pub static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    Catalog::read(&DESCRIPTIONS).expect("the descriptions are part of this program, and a test reads them")
});

/// What the programs consist of, as seen from outside.
#[derive(Debug)]
pub struct Catalog {
    programs: Vec<Program>,
}

/// One of the programs.
#[derive(Debug)]
pub struct Program {
    /// `registry`.
    pub name: String,
    /// Its address.
    pub address: Address,
    accounts: HashMap<[u8; 8], Layout>,
    events: HashMap<[u8; 8], Layout>,
    errors: HashMap<u32, String>,
}

/// A type whose fields lie in memory one after the other, padding included.
#[derive(Debug)]
pub struct Layout {
    /// `NodeRegistered`.
    pub name: String,
    /// Bytes of all fields, without the discriminator.
    pub size: usize,
    fields: Fields,
}

type Fields = Vec<(String, Kind)>;

#[derive(Clone, Debug)]
enum Kind {
    Unsigned(usize),
    Signed(usize),
    Address,
    Bytes(usize),
    List(Box<Kind>, usize),
    Group(Fields),
}

/// The types that a description names.
type Types<'a> = HashMap<&'a str, &'a TypeEntry>;

impl Catalog {
    fn read(descriptions: &[&str]) -> Result<Self, String> {
        let programs = descriptions
            .iter()
            .map(|text| Program::read(text))
            .collect::<Result<_, _>>()?;
        Ok(Self { programs })
    }

    /// The programs.
    pub fn programs(&self) -> &[Program] {
        &self.programs
    }

    /// Their addresses.
    pub fn addresses(&self) -> Vec<Address> {
        self.programs.iter().map(|program| program.address).collect()
    }

    /// The program at this address, if it is one of Lumora's.
    pub fn program(&self, address: &Address) -> Option<&Program> {
        self.programs.iter().find(|program| program.address == *address)
    }

    /// The program of this name.
    pub fn program_named(&self, name: &str) -> Option<&Program> {
        self.programs.iter().find(|program| program.name == name)
    }
}

impl Program {
    fn read(text: &str) -> Result<Self, String> {
        let description: Description = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let name = description.metadata.name.trim_start_matches("lumora_").to_owned();
        let types: Types<'_> = description
            .types
            .iter()
            .map(|entry| (entry.name.as_str(), entry))
            .collect();
        let layouts = |entries: &[Named]| {
            entries
                .iter()
                .map(|entry| {
                    let layout = Layout::read(&entry.name, &types).map_err(|reason| format!("{name}: {reason}"))?;
                    Ok((entry.discriminator, layout))
                })
                .collect::<Result<HashMap<_, _>, String>>()
        };
        Ok(Self {
            address: description
                .address
                .parse()
                .map_err(|_| format!("{name}: its address is none"))?,
            accounts: layouts(&description.accounts)?,
            events: layouts(&description.events)?,
            errors: description
                .errors
                .into_iter()
                .map(|error| (error.code, error.name))
                .collect(),
            name,
        })
    }

    /// The type of this account data, if the program has such.
    pub fn account(&self, data: &[u8]) -> Option<&Layout> {
        self.accounts.get(data.first_chunk()?)
    }

    /// The type of this event, if the program has such. `data` begins with the discriminator.
    pub fn event(&self, data: &[u8]) -> Option<&Layout> {
        self.events.get(data.first_chunk()?)
    }

    /// The event of this name.
    pub fn event_named(&self, name: &str) -> Option<&Layout> {
        self.events.values().find(|layout| layout.name == name)
    }

    /// Names of its events, in no order.
    pub fn event_names(&self) -> impl Iterator<Item = &str> {
        self.events.values().map(|layout| layout.name.as_str())
    }

    /// Name of an error code, if the program has such.
    pub fn error(&self, code: u32) -> Option<&str> {
        self.errors.get(&code).map(String::as_str)
    }
}

impl Layout {
    fn read(name: &str, types: &Types<'_>) -> Result<Self, String> {
        let fields = fields(name, types)?;
        Ok(Self {
            name: name.to_owned(),
            size: size(&fields),
            fields,
        })
    }

    /// The fields by name. `data` begins with the discriminator; of data that an older program wrote, the fields that it
    /// has. Integers of 64 bits are texts (no number of JavaScript holds them), times excepted; bytes are hexadecimal;
    /// what is padding or reserved is left out.
    pub fn decode(&self, data: &[u8]) -> Map<String, Value> {
        decode(&self.fields, data.get(8..).unwrap_or_default())
    }

    /// Every address that the fields name, each once, the zero address excepted.
    pub fn addresses(&self, data: &[u8]) -> Vec<Address> {
        let mut found = Vec::new();
        for (_, kind, bytes) in parts(&self.fields, data.get(8..).unwrap_or_default()) {
            kind.collect_addresses(bytes, &mut found);
        }
        found
    }
}

/// The fields of the type of this name.
fn fields(name: &str, types: &Types<'_>) -> Result<Fields, String> {
    let entry = types.get(name).ok_or_else(|| format!("no type {name}"))?;
    entry
        .body
        .fields
        .iter()
        .map(|field| Ok((field.name.clone(), Kind::read(&field.kind, types)?)))
        .collect::<Result<_, String>>()
        .map_err(|reason| format!("{name}: {reason}"))
}

fn size(fields: &[(String, Kind)]) -> usize {
    fields.iter().map(|(_, kind)| kind.size()).sum()
}

/// The fields with their bytes, as far as there are bytes.
fn parts<'a>(fields: &'a [(String, Kind)], bytes: &'a [u8]) -> impl Iterator<Item = (&'a str, &'a Kind, &'a [u8])> {
    fields.iter().scan(bytes, |rest, (name, kind)| {
        let (bytes, after) = rest.split_at_checked(kind.size())?;
        *rest = after;
        Some((name.as_str(), kind, bytes))
    })
}

/// The fields by name, without padding and reserved room.
fn decode(fields: &[(String, Kind)], bytes: &[u8]) -> Map<String, Value> {
    parts(fields, bytes)
        .filter(|(name, ..)| !name.starts_with('_'))
        .map(|(name, kind, bytes)| {
            let value = if name == "h3_cell" {
                Value::String(h3_text(bytes))
            } else {
                kind.decode(bytes)
            };
            (name.to_owned(), value)
        })
        .collect()
}

/// An H3 cell as H3's own tools write it.
fn h3_text(bytes: &[u8]) -> String {
    bytes
        .first_chunk()
        .map(|bytes| format!("{:x}", u64::from_le_bytes(*bytes)))
        .unwrap_or_default()
}

impl Kind {
    fn read(description: &Value, types: &Types<'_>) -> Result<Self, String> {
        match description {
            Value::String(name) => match name.as_str() {
                "u8" => Ok(Self::Unsigned(1)),
                "u16" => Ok(Self::Unsigned(2)),
                "u32" => Ok(Self::Unsigned(4)),
                "u64" => Ok(Self::Unsigned(8)),
                "i8" => Ok(Self::Signed(1)),
                "i16" => Ok(Self::Signed(2)),
                "i32" => Ok(Self::Signed(4)),
                "i64" => Ok(Self::Signed(8)),
                "pubkey" => Ok(Self::Address),
                other => Err(format!("fields of type {other} are not known")),
            },
            Value::Object(object) => {
                if let Some(name) = description.pointer("/defined/name").and_then(Value::as_str) {
                    return fields(name, types).map(Self::Group);
                }
                let array = object.get("array").and_then(Value::as_array).map(Vec::as_slice);
                let Some([element, length]) = array else {
                    return Err(format!("fields of type {description} are not known"));
                };
                let length = length.as_u64().and_then(|length| usize::try_from(length).ok());
                let length = length.ok_or_else(|| format!("{description} has no length"))?;
                Ok(match Self::read(element, types)? {
                    Self::Unsigned(1) => Self::Bytes(length),
                    element => Self::List(Box::new(element), length),
                })
            }
            _ => Err(format!("fields of type {description} are not known")),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Unsigned(bytes) | Self::Signed(bytes) | Self::Bytes(bytes) => *bytes,
            Self::Address => 32,
            Self::List(element, length) => element.size() * length,
            Self::Group(fields) => size(fields),
        }
    }

    /// Adds the addresses that are in `bytes`, which has exactly this kind's size.
    fn collect_addresses(&self, bytes: &[u8], found: &mut Vec<Address>) {
        match self {
            Self::Address => {
                let address = Address::new_from_array(bytes.try_into().unwrap_or_default());
                if address != Address::default() && !found.contains(&address) {
                    found.push(address);
                }
            }
            Self::List(element, _) => bytes
                .chunks_exact(element.size().max(1))
                .for_each(|bytes| element.collect_addresses(bytes, found)),
            Self::Group(fields) => {
                parts(fields, bytes).for_each(|(_, kind, bytes)| kind.collect_addresses(bytes, found));
            }
            Self::Unsigned(_) | Self::Signed(_) | Self::Bytes(_) => {}
        }
    }

    /// `bytes` has exactly this kind's size.
    fn decode(&self, bytes: &[u8]) -> Value {
        match self {
            Self::Unsigned(8) => Value::String(unsigned(bytes).to_string()),
            Self::Unsigned(_) => unsigned(bytes).into(),
            Self::Signed(_) => signed(bytes).into(),
            Self::Address => {
                let bytes = <[u8; 32]>::try_from(bytes).unwrap_or_default();
                Value::String(Address::new_from_array(bytes).to_string())
            }
            Self::Bytes(_) => Value::String(hex::encode(bytes)),
            Self::List(element, _) => bytes
                .chunks_exact(element.size().max(1))
                .map(|bytes| element.decode(bytes))
                .collect(),
            Self::Group(fields) => Value::Object(decode(fields, bytes)),
        }
    }
}

/// A little-endian number of at most eight bytes.
fn unsigned(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The same in two's complement.
fn signed(bytes: &[u8]) -> i64 {
    let unused = 64 - 8 * bytes.len().clamp(1, 8);
    (unsigned(bytes) << unused).cast_signed() >> unused
}

/// What is read of a description.
#[derive(Deserialize)]
struct Description {
    address: String,
    metadata: Metadata,
    #[serde(default)]
    accounts: Vec<Named>,
    #[serde(default)]
    events: Vec<Named>,
    #[serde(default)]
    errors: Vec<ErrorEntry>,
    #[serde(default)]
    types: Vec<TypeEntry>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    discriminator: [u8; 8],
}

#[derive(Deserialize)]
struct ErrorEntry {
    code: u32,
    name: String,
}

#[derive(Deserialize)]
struct TypeEntry {
    name: String,
    #[serde(rename = "type")]
    body: TypeBody,
}

#[derive(Deserialize)]
struct TypeBody {
    #[serde(default)]
    fields: Vec<FieldEntry>,
}

#[derive(Deserialize)]
struct FieldEntry {
    name: String,
    #[serde(rename = "type")]
    kind: Value,
}
