//! What a session can do, as data.

use std::collections::BTreeSet;

/// Something that a session can do, or says that it cannot.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// It asks the site itself. Without: it replays what [`record`](super::record) recorded, and what can only be seen at
    /// the site is not checked.
    Live,
    /// It sends request bodies.
    Bodies,
    /// It sends request headers.
    Headers,
    /// It sends the cookies that a request carries.
    Cookies,
    /// It sends a request through the proxy that the request names.
    Proxy,
    /// It keeps the cookies that servers set, and sends them back.
    CookieStore,
    /// It gives bodies as they were sent. Without: it renders them, as a browser does.
    RawBodies,
    /// It fetches from `https:` URLs, trusting the site's authority.
    Https,
    /// Its configuration takes a timeout.
    SessionTimeout,
    /// Its configuration takes headers.
    SessionHeaders,
    /// Its configuration takes a proxy.
    SessionProxy,
}

impl Capability {
    const ALL: [Self; 11] = [
        Self::Live,
        Self::Bodies,
        Self::Headers,
        Self::Cookies,
        Self::Proxy,
        Self::CookieStore,
        Self::RawBodies,
        Self::Https,
        Self::SessionTimeout,
        Self::SessionHeaders,
        Self::SessionProxy,
    ];
}

/// What a session can do. Where a request field is concerned, it must refuse the rest with
/// [`Error::Unsupported`](silkroute_core::Error::Unsupported).
///
/// ```
/// use silkroute_testkit::conformance::{Capabilities, Capability};
///
/// let browser = Capabilities::all()
///     .without(&[Capability::Bodies, Capability::RawBodies])
///     .only_methods(&["GET"]);
/// assert!(browser.can(Capability::Proxy) && !browser.can_send("POST"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    has: BTreeSet<Capability>,
    /// `None`: any.
    methods: Option<&'static [&'static str]>,
}

impl Capabilities {
    /// Everything that the suite knows to ask for, with any method.
    #[must_use]
    pub fn all() -> Self {
        Self {
            has: Capability::ALL.into(),
            methods: None,
        }
    }

    /// All of them but these.
    #[must_use]
    pub fn without(mut self, missing: &[Capability]) -> Self {
        self.has.retain(|capability| !missing.contains(capability));
        self
    }

    /// No other methods than these. `GET` must be among them.
    #[must_use]
    pub fn only_methods(mut self, methods: &'static [&'static str]) -> Self {
        self.methods = Some(methods);
        self
    }

    /// Whether this is among them.
    #[must_use]
    pub fn can(&self, capability: Capability) -> bool {
        self.has.contains(&capability)
    }

    /// Whether requests of this method can be sent.
    #[must_use]
    pub fn can_send(&self, method: &str) -> bool {
        self.methods.is_none_or(|methods| methods.contains(&method))
    }
}
