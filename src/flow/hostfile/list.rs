//! The list of services in its two forms: names or maps in a list, or a map of names and settings.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{Service, Settings};
use crate::flow::name::ServiceName;

/// The services, each once.
pub struct ServiceList(pub Vec<Service>);

impl<'de> Deserialize<'de> for ServiceList {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(ListVisitor).map(ServiceList)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Vec<Service>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("services: a list of names or maps, or a map of name → settings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut seen = BTreeSet::new();
        let mut services = Vec::new();
        while let Some(service) = list.next_element_seed(ItemSeed { seen: &mut seen })? {
            services.push(service);
        }
        Ok(services)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut seen = BTreeSet::new();
        let mut services = Vec::new();
        while let Some(name) = map.next_key_seed(NameSeed { seen: &mut seen })? {
            let settings = map.next_value::<Option<Settings>>()?.unwrap_or_default().checked::<A::Error>()?;
            if settings.name.as_ref().is_some_and(|n| *n != name) {
                return Err(A::Error::custom(format!("the name under {name} is another one")));
            }
            services.push(Service { name, settings });
        }
        if services.is_empty() {
            return Err(A::Error::custom("an empty map: write `services: []` if nothing should run"));
        }
        Ok(services)
    }
}

/// Reads a service's name and refuses one that was already there.
struct NameSeed<'a> {
    seen: &'a mut BTreeSet<ServiceName>,
}

impl NameSeed<'_> {
    fn check<E: Error>(self, text: &str) -> Result<ServiceName, E> {
        let name: ServiceName = text.parse().map_err(E::custom)?;
        if !self.seen.insert(name.clone()) {
            return Err(E::custom(format!("the service {name} stands twice")));
        }
        Ok(name)
    }
}

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = ServiceName;
    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<ServiceName, D::Error> {
        input.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_> {
    type Value = ServiceName;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a service")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<ServiceName, E> {
        self.check(text)
    }
}

/// Reads one entry of a list: a name, or a map with one.
struct ItemSeed<'a> {
    seen: &'a mut BTreeSet<ServiceName>,
}

impl<'de> DeserializeSeed<'de> for ItemSeed<'_> {
    type Value = Service;
    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Service, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ItemSeed<'_> {
    type Value = Service;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a service: its name, or a map with `name`")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Service, E> {
        let name = NameSeed { seen: self.seen }.check(text)?;
        Ok(Service { name, settings: Settings::default() })
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Service, A::Error> {
        let settings = Settings::deserialize(MapAccessDeserializer::new(map))?.checked::<A::Error>()?;
        let name = settings.name.clone().ok_or_else(|| A::Error::custom("a service without a `name`"))?;
        let name = NameSeed { seen: self.seen }.check(name.as_str())?;
        Ok(Service { name, settings })
    }
}
