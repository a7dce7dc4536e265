//! The fields of a JSON object in their order and to the byte, so that what another program wrote into a file
//! survives a rewrite. A doubled key is an error: nobody knows which of the two counts.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON object whose values are kept as they were written.
#[derive(Debug, Clone, Default)]
pub struct Fields(Vec<(String, Box<RawValue>)>);

impl Fields {
    /// Returns the value of a field; one that is `null` is there.
    pub fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| &**v)
    }

    /// Sets a field, in its place or at the end.
    pub fn set(&mut self, name: &str, value: Box<RawValue>) {
        match self.0.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Removes a field.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| n != name);
    }

    /// Returns the fields with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.iter().map(|(n, v)| (n.as_str(), &**v))
    }

    /// Returns the object as a file for people: one field a line, ending in a newline.
    pub fn to_bytes(&self) -> Vec<u8> {
        let lines: Vec<String> =
            self.iter().map(|(name, value)| format!(" {}: {}", serde_json::Value::from(name), value.get())).collect();
        format!("{{\n{}\n}}\n", lines.join(",\n")).into_bytes()
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    if fields.get(&name).is_some() {
                        return Err(A::Error::custom(format!("the key {name:?} stands twice")));
                    }
                    fields.0.push((name, value));
                }
                Ok(fields)
            }
        }
        input.deserialize_map(FieldsVisitor)
    }
}

impl serde::Serialize for Fields {
    fn serialize<S: serde::Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.collect_map(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_to_the_byte_and_doubled_keys_do_not() {
        let text = r#"{"a": 1.10e2, "b": {"x":  [1,2]}, "c": 123456789012345678901234567890}"#;
        let mut fields: Fields = serde_json::from_str(text).unwrap();
        fields.set("a", RawValue::from_string("2".into()).unwrap());
        let written = String::from_utf8(fields.to_bytes()).unwrap();
        assert_eq!(written, "{\n \"a\": 2,\n \"b\": {\"x\":  [1,2]},\n \"c\": 123456789012345678901234567890\n}\n");
        assert!(serde_json::from_str::<Fields>(r#"{"a":1,"\u0061":2}"#).is_err());
    }
}
