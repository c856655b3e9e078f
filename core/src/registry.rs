//! The session kinds that a program has.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{Error, Registered, Registration, Request, Result, Session};

/// The session kinds that a program has, by name.
///
/// ```
/// use silkroute_core::Registry;
///
/// # fn main() -> silkroute_core::Result<()> {
/// let registry = Registry::discover()?;
/// for kind in registry.kinds() {
///     println!("{}: {} ({})", kind.kind(), kind.summary(), kind.package());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Registry {
    kinds: BTreeMap<&'static str, &'static Registration>,
}

impl Registry {
    /// A registry without kinds.
    pub fn new() -> Self {
        Self::default()
    }

    /// All kinds whose crates are linked into the program.
    ///
    /// # Errors
    /// [`Error::DuplicateKind`] when two packages claim a kind.
    pub fn discover() -> Result<Self> {
        inventory::iter::<Registered>
            .into_iter()
            .try_fold(Self::new(), |registry, registered| registry.with(registered.0))
    }

    /// Adds a kind. The same plugin twice is once: a crate may well be both discovered and listed.
    ///
    /// # Errors
    /// [`Error::DuplicateKind`] when another package, or another version of it, has the kind already.
    pub fn with(mut self, registration: &'static Registration) -> Result<Self> {
        match self.kinds.get(registration.kind()) {
            Some(known) if known.is_same_plugin(registration) => {}
            Some(known) => {
                let mut both = [known.publisher(), registration.publisher()];
                both.sort();
                let [first, second] = both;
                return Err(Error::DuplicateKind {
                    kind: registration.kind().to_owned(),
                    first,
                    second,
                });
            }
            None => {
                self.kinds.insert(registration.kind(), registration);
            }
        }
        Ok(self)
    }

    /// The kinds, sorted by name.
    pub fn kinds(&self) -> impl Iterator<Item = &'static Registration> + '_ {
        self.kinds.values().copied()
    }

    /// The kind of this name.
    ///
    /// # Errors
    /// [`Error::UnknownKind`] listing those there are.
    pub fn get(&self, kind: &str) -> Result<&'static Registration> {
        self.kinds.get(kind).copied().ok_or_else(|| Error::UnknownKind {
            kind: kind.to_owned(),
            available: self.kinds.keys().map(|&kind| kind.to_owned()).collect(),
        })
    }

    /// Builds a session of this kind from a configuration object.
    ///
    /// # Errors
    /// The kind is unknown, or refuses the configuration.
    pub fn build(&self, kind: &str, config: Value) -> Result<Box<dyn Session>> {
        self.get(kind)?.build(config)
    }

    /// Builds the session that a table describes: its `kind`, and beside it what that kind can be configured with. For kinds that
    /// are made of other sessions.
    ///
    /// # Errors
    /// [`Error::Config`] naming the place in the table: `kind` is missing or unknown, or the kind refuses the rest.
    pub fn build_table(&self, mut table: Map<String, Value>) -> Result<Box<dyn Session>> {
        let listed = || self.kinds.keys().copied().collect::<Vec<_>>().join(", ");
        let kind = match table.remove("kind") {
            Some(Value::String(kind)) => kind,
            Some(_) => return Err(Error::config("kind", "it must be a text, such as \"http\"")),
            None => return Err(Error::config("", format!("it has no `kind`; there are: {}", listed()))),
        };
        let registration = self.get(&kind).map_err(|error| Error::config("kind", error))?;
        registration.build(Value::Object(table))
    }

    /// Checks the options that a request carries, for every kind known here. Blocks of other kinds are left alone.
    ///
    /// # Errors
    /// [`Error::Options`] naming the key that is unknown or of a wrong type.
    pub fn check(&self, request: &dyn Request) -> Result<()> {
        let options = &request.parts().options;
        for kind in options.kinds() {
            if let (Some(registration), Some(block)) = (self.kinds.get(kind), options.block(kind)) {
                registration.check_options(block)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::{Fetch, SessionOptions, SessionPlugin};

    #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields, default)]
    struct Taken {
        depth: Option<u32>,
    }

    impl SessionOptions for Taken {
        const KIND: &'static str = "taken";
    }

    struct Plugin;

    impl SessionPlugin for Plugin {
        type Config = Taken;
        type Options = Taken;
        const SUMMARY: &'static str = "a kind that several claim";

        fn build(_: Taken) -> Result<Box<dyn Session>> {
            Err(Error::NoSessions)
        }
    }

    static FIRST: Registration = Registration::of::<Plugin>("a", "1");
    static OTHER_PACKAGE: Registration = Registration::of::<Plugin>("b", "1");
    static OTHER_VERSION: Registration = Registration::of::<Plugin>("a", "2");

    #[test]
    fn a_kind_belongs_to_one_package_in_one_version() {
        let twice = Registry::new().with(&FIRST).unwrap().with(&FIRST).unwrap();
        assert_eq!(twice.kinds().count(), 1);
        for (one, two, told) in [
            (&FIRST, &OTHER_PACKAGE, ["a 1", "b 1"]),
            (&OTHER_PACKAGE, &FIRST, ["a 1", "b 1"]),
            (&FIRST, &OTHER_VERSION, ["a 1", "a 2"]),
            (&OTHER_VERSION, &FIRST, ["a 1", "a 2"]),
        ] {
            match Registry::new().with(one).unwrap().with(two) {
                Err(Error::DuplicateKind { kind, first, second }) => {
                    assert_eq!((kind.as_str(), [first.as_str(), second.as_str()]), ("taken", told));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn options_of_kinds_that_are_not_known_here_are_left_alone() {
        let mut request = Fetch::from(url::Url::parse("http://h/").unwrap());
        let registry = Registry::new().with(&FIRST).unwrap();
        let options = &mut crate::Request::parts_mut(&mut request).options;
        options.set_key("martian", "rays", 1);
        options.set_key("taken", "depth", 1);
        registry.check(&request).unwrap();
        crate::Request::parts_mut(&mut request)
            .options
            .set_key("taken", "dept", 1);
        let error = registry.check(&request).unwrap_err().to_string();
        assert!(error.contains("'taken'") && error.contains("dept"), "{error}");
        Registry::new().check(&request).unwrap();
    }
}
