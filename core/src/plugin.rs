//! How a session kind makes itself known.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::options::read_block;
use crate::redact::redact_mismatch;
use crate::{Error, Result, Session, SessionOptions};

/// A session kind: how it is called, what it can be configured with, and how to build one.
///
/// Implement it on an empty type and hand that to [`register_session!`](crate::register_session).
pub trait SessionPlugin: 'static {
    /// What a configuration of a session may hold. Derive `Deserialize` with `deny_unknown_fields` and
    /// `default`, and document each field: the first line of its doc comment is the help that users see.
    type Config: DeserializeOwned + JsonSchema;
    /// What a request may carry for this kind.
    type Options: SessionOptions;

    /// The kind's name, as configurations and options write it.
    const KIND: &'static str = <Self::Options as SessionOptions>::KIND;
    /// One line that says what it is for.
    const SUMMARY: &'static str;

    /// Builds a session, with no input or output: that is for [`start`](Session::start).
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Invalid`] for a configuration that cannot be.
    fn build(config: Self::Config) -> Result<Box<dyn Session>>;
}

/// The record of a session kind.
#[derive(Clone, Copy, Debug)]
pub struct Registration {
    kind: &'static str,
    summary: &'static str,
    package: &'static str,
    version: &'static str,
    build: fn(Value) -> Result<Box<dyn Session>>,
    check_options: fn(&Map<String, Value>) -> Result<()>,
    config_schema: fn() -> Value,
    options_schema: fn() -> Value,
}

impl Registration {
    /// The record of a plugin, published by this package in this version. [`register_session!`](crate::register_session)
    /// fills both in.
    pub const fn of<P: SessionPlugin>(package: &'static str, version: &'static str) -> Self {
        Self {
            kind: P::KIND,
            summary: P::SUMMARY,
            package,
            version,
            build: build::<P>,
            check_options: check_options::<P::Options>,
            config_schema: schema::<P::Config>,
            options_schema: schema::<P::Options>,
        }
    }

    /// The kind's name.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// One line that says what it is for.
    pub fn summary(&self) -> &'static str {
        self.summary
    }

    /// The package that publishes it.
    pub fn package(&self) -> &'static str {
        self.package
    }

    /// That package's version.
    pub fn version(&self) -> &'static str {
        self.version
    }

    /// Builds a session from a configuration object.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field that is unknown, missing or of a wrong type; whatever the kind itself refuses.
    pub fn build(&self, config: Value) -> Result<Box<dyn Session>> {
        (self.build)(config)
    }

    /// Checks a request's options for this kind.
    ///
    /// # Errors
    /// [`Error::Options`] naming the key that is unknown or of a wrong type.
    pub fn check_options(&self, block: &Map<String, Value>) -> Result<()> {
        (self.check_options)(block)
    }

    /// What a configuration may hold, as a JSON Schema.
    pub fn config_schema(&self) -> Value {
        (self.config_schema)()
    }

    /// What a request may carry, as a JSON Schema.
    pub fn options_schema(&self) -> Value {
        (self.options_schema)()
    }

    pub(crate) fn is_same_plugin(&self, other: &Self) -> bool {
        (self.kind, self.package, self.version) == (other.kind, other.package, other.version)
    }

    pub(crate) fn publisher(&self) -> String {
        format!("{} {}", self.package, self.version)
    }
}

fn build<P: SessionPlugin>(config: Value) -> Result<Box<dyn Session>> {
    let config: P::Config = serde_path_to_error::deserialize(config).map_err(|error| {
        let path = error.path().to_string();
        Error::config(
            if path == "." { String::new() } else { path },
            redact_mismatch(error.into_inner()),
        )
    })?;
    P::build(config)
}

fn check_options<O: SessionOptions>(block: &Map<String, Value>) -> Result<()> {
    read_block::<O>(O::KIND, block).map(drop)
}

fn schema<T: JsonSchema>() -> Value {
    schemars::schema_for!(T).into()
}

/// What [`register_session!`](crate::register_session) submits. Public for that macro alone.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Registered(pub &'static Registration);

inventory::collect!(Registered);

/// Registers a session kind under the name of its [`SessionPlugin`].
///
/// It makes `pub static REGISTRATION` and submits it to the registry that [`Registry::discover`](crate::Registry::discover)
/// reads. Use it once in a module. A program sees the kind when something in its code names the crate, for which
/// `use the_crate as _;` is enough; where a linker drops constructors (a static library, wasm), pass `&the_crate::REGISTRATION` to
/// [`Registry::with`](crate::Registry::with).
#[macro_export]
macro_rules! register_session {
    ($plugin:ty) => {
        /// The record of this crate's session kind, for [`Registry::with`]($crate::Registry::with).
        pub static REGISTRATION: $crate::Registration =
            $crate::Registration::of::<$plugin>(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

        $crate::__private::inventory::submit! { $crate::Registered(&REGISTRATION) }
    };
}
