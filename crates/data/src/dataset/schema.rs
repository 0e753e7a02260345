//! The columns of a dataset: inferred from the rows, held against the manifest, and used for CSV and Parquet.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::manifest::{Manifest, URL_FIELD};

/// Most columns that rows may have, so that hostile rows cannot take memory without end.
pub const MAX_COLUMNS: usize = 4_096;
/// Doubles represent every integer up to here.
const EXACT: u64 = 1 << 53;

/// What a column holds. Every member may also be null or absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// True or false.
    Boolean,
    /// Integers of 64 bits with a sign.
    Integer,
    /// Numbers, each of which a double represents as exactly as the row does.
    Number,
    /// Text.
    Text,
    /// Lists of text.
    TextList,
    /// Anything else, or a mixture: the JSON of the value.
    Json,
}

/// One member of the rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSchema {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Rows in which it is not null.
    pub present: u64,
}

/// Why a row does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// Not a JSON object.
    #[error("it is not a JSON object: {0}")]
    NotAnObject(String),
    /// A member that the manifest does not define.
    #[error("it has the member `{0}`, which the manifest does not define")]
    Unexpected(String),
    /// A member that the manifest requires.
    #[error("it lacks the member `{0}`, which the manifest requires")]
    Missing(String),
    /// Too many different members.
    #[error("with it the rows have more than 4,096 different members")]
    TooManyColumns,
}

/// What was seen in a column.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    boolean: bool,
    /// Integers that a double represents.
    integer: bool,
    /// Integers of 64 bits that a double does not represent.
    long_integer: bool,
    number: bool,
    text: bool,
    text_list: bool,
    other: bool,
    present: u64,
    required: bool,
}

impl Seen {
    fn kind(&self) -> Kind {
        let integers = self.integer || self.long_integer;
        match (
            self.boolean,
            integers,
            self.number,
            self.text,
            self.text_list,
            self.other,
        ) {
            (true, false, false, false, false, false) => Kind::Boolean,
            (false, true, false, false, false, false) => Kind::Integer,
            (false, _, true, false, false, false) if !self.long_integer => Kind::Number,
            (false, false, false, true, false, false) => Kind::Text,
            // A column without any value is text: every format can write it.
            (false, false, false, false, false, false) => Kind::Text,
            (false, false, false, false, true, false) => Kind::TextList,
            _ => Kind::Json,
        }
    }
}

/// Learns the columns from rows, one after the other.
#[derive(Debug, Default)]
pub struct Inference {
    columns: BTreeMap<String, Seen>,
    /// Whether members are limited to the columns that are there from the start.
    closed: bool,
    required: usize,
}

impl Inference {
    /// For rows of which nothing is known.
    pub fn open() -> Self {
        Self::default()
    }

    /// For rows that must be what `manifest` extracts.
    pub fn of(manifest: &Manifest) -> Self {
        let column = |name: &str, required| {
            let seen = Seen {
                required,
                ..Seen::default()
            };
            (name.to_owned(), seen)
        };
        let columns: BTreeMap<String, Seen> = manifest
            .fields
            .iter()
            .map(|(name, field)| column(name, field.required))
            .chain([column(URL_FIELD, true)])
            .collect();
        Self {
            required: columns.values().filter(|seen| seen.required).count(),
            columns,
            closed: true,
        }
    }

    /// Takes note of a row, the JSON of an object.
    pub fn row(&mut self, row: &[u8]) -> Result<(), Misfit> {
        let mut deserializer = serde_json::Deserializer::from_slice(row);
        let mut visit = Row {
            inference: self,
            misfit: None,
            required: 0,
        };
        let read = deserializer
            .deserialize_map(&mut visit)
            .and_then(|()| deserializer.end());
        let (misfit, required) = (visit.misfit, visit.required);
        if let Some(misfit) = misfit {
            return Err(misfit);
        }
        read.map_err(|error| Misfit::NotAnObject(error.to_string()))?;
        if required == self.required {
            return Ok(());
        }
        let members: BTreeMap<String, IgnoredAny> =
            serde_json::from_slice(row).map_err(|error| Misfit::NotAnObject(error.to_string()))?;
        let missing = self
            .columns
            .iter()
            .find(|(name, seen)| seen.required && !members.contains_key(*name));
        missing.map_or(Ok(()), |(name, _)| Err(Misfit::Missing(name.clone())))
    }

    /// The columns by name; those that never occurred are left out, but for the manifest's.
    pub fn finish(self) -> Vec<FieldSchema> {
        self.columns
            .into_iter()
            .map(|(name, seen)| FieldSchema {
                name,
                kind: seen.kind(),
                present: seen.present,
            })
            .collect()
    }
}

/// Reads one row without building its values.
struct Row<'a> {
    inference: &'a mut Inference,
    misfit: Option<Misfit>,
    required: usize,
}

impl<'de> Visitor<'de> for &mut Row<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<Name<'de>>()? {
            let name = name.0;
            let columns = &mut self.inference.columns;
            if !columns.contains_key(name.as_ref()) {
                if self.inference.closed {
                    self.misfit.get_or_insert(Misfit::Unexpected(name.into_owned()));
                    members.next_value::<IgnoredAny>()?;
                    continue;
                }
                if columns.len() == MAX_COLUMNS {
                    self.misfit.get_or_insert(Misfit::TooManyColumns);
                    members.next_value::<IgnoredAny>()?;
                    continue;
                }
                columns.insert(name.clone().into_owned(), Seen::default());
            }
            let Some(seen) = columns.get_mut(name.as_ref()) else {
                continue;
            };
            self.required += usize::from(seen.required);
            members.next_value_seed(seen)?;
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for &mut Seen {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Seen {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.boolean = true;
        self.present += 1;
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.integer |= value.unsigned_abs() <= EXACT;
        self.long_integer |= value.unsigned_abs() > EXACT;
        self.present += 1;
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.integer |= value <= EXACT;
        self.long_integer |= value > EXACT && i64::try_from(value).is_ok();
        self.other |= i64::try_from(value).is_err();
        self.present += 1;
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.number = true;
        self.present += 1;
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.text = true;
        self.present += 1;
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut all_text = true;
        while let Some(IsText(text)) = items.next_element()? {
            all_text &= text;
        }
        self.text_list |= all_text;
        self.other |= !all_text;
        self.present += 1;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.other = true;
        self.present += 1;
        Ok(())
    }
}

/// A member's name, borrowed where it holds no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Whether a value is text.
struct IsText(bool);

impl<'de> Deserialize<'de> for IsText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Look;
        impl<'de> Visitor<'de> for Look {
            type Value = IsText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_str<E>(self, _: &str) -> Result<IsText, E> {
                Ok(IsText(true))
            }
            fn visit_unit<E>(self) -> Result<IsText, E> {
                Ok(IsText(false))
            }
            fn visit_bool<E>(self, _: bool) -> Result<IsText, E> {
                Ok(IsText(false))
            }
            fn visit_i64<E>(self, _: i64) -> Result<IsText, E> {
                Ok(IsText(false))
            }
            fn visit_u64<E>(self, _: u64) -> Result<IsText, E> {
                Ok(IsText(false))
            }
            fn visit_f64<E>(self, _: f64) -> Result<IsText, E> {
                Ok(IsText(false))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<IsText, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(IsText(false))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<IsText, A::Error> {
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(IsText(false))
            }
        }
        deserializer.deserialize_any(Look)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn kinds(rows: &[serde_json::Value]) -> Vec<(String, Kind, u64)> {
        let mut inference = Inference::open();
        for row in rows {
            inference.row(row.to_string().as_bytes()).unwrap();
        }
        let schema = inference.finish().into_iter();
        schema.map(|field| (field.name, field.kind, field.present)).collect()
    }

    #[test]
    fn a_column_is_what_all_of_its_values_are() {
        let table = [
            (vec![json!(true), json!(null)], Kind::Boolean),
            (
                vec![json!(1), json!(-1), json!(i64::MIN), json!(i64::MAX)],
                Kind::Integer,
            ),
            (vec![json!(1), json!(1.5)], Kind::Number),
            // A double would change the integer.
            (vec![json!((1u64 << 53) + 1), json!(1.5)], Kind::Json),
            (vec![json!(u64::MAX)], Kind::Json),
            (vec![json!("a"), json!("")], Kind::Text),
            (vec![json!(null)], Kind::Text),
            (vec![json!([]), json!(["a", "b"])], Kind::TextList),
            (vec![json!(["a", 1])], Kind::Json),
            (vec![json!([["a"]])], Kind::Json),
            (vec![json!({"a": 1})], Kind::Json),
            (vec![json!("a"), json!(1)], Kind::Json),
            (vec![json!(false), json!(1)], Kind::Json),
        ];
        for (values, kind) in table {
            let mut rows: Vec<_> = values.iter().map(|value| json!({"a": value})).collect();
            let present = values.iter().filter(|value| !value.is_null()).count() as u64;
            assert_eq!(kinds(&rows), [("a".to_owned(), kind, present)], "{values:?}");
            rows.reverse();
            assert_eq!(kinds(&rows)[0].1, kind, "{values:?} backwards");
        }
    }

    #[test]
    fn rows_are_held_against_the_manifest() {
        let manifest = Manifest::from_json(include_bytes!("../../examples/manifest.json")).unwrap();
        let required = manifest.fields.iter().find(|(_, field)| field.required).unwrap().0;
        let row = json!({"url": "https://a.example/", required.as_str(): "x"});
        let mut inference = Inference::of(&manifest);
        inference.row(row.to_string().as_bytes()).unwrap();
        let mut surprising = row.clone();
        surprising["surprise"] = json!({"deep": [1]});
        assert_eq!(
            inference.row(surprising.to_string().as_bytes()),
            Err(Misfit::Unexpected("surprise".to_owned()))
        );
        assert_eq!(
            inference.row(br#"{"url":"https://a.example/"}"#),
            Err(Misfit::Missing(required.clone()))
        );
        for bad in ["[]", "", "{}x", "{\"url\":", "1"] {
            assert!(
                matches!(inference.row(bad.as_bytes()), Err(Misfit::NotAnObject(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn hostile_rows_take_neither_memory_nor_stack_without_end() {
        let mut inference = Inference::open();
        for number in 0..MAX_COLUMNS {
            inference.row(format!("{{\"{number}\":1}}").as_bytes()).unwrap();
        }
        assert_eq!(inference.row(br#"{"one more":1}"#), Err(Misfit::TooManyColumns));
        let deep = format!("{{\"1\":{}{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        // Whatever it is taken for, the stack holds.
        let _ = inference.row(deep.as_bytes());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_row_or_a_misfit(bytes in prop::collection::vec(any::<u8>(), 0..100), text in "[\\[\\]{}\",:0-9a-z.]{0,60}") {
            let _ = Inference::open().row(&bytes);
            let _ = Inference::open().row(text.as_bytes());
        }
    }
}
