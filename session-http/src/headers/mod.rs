//! The headers of a navigation, as each browser sends them and in its order.

mod hints;
mod sets;
mod site;

use std::borrow::Cow;
use std::sync::Arc;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, ORIGIN, RANGE,
    REFERER,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use silkroute_core::Identity;
use url::{Position, Url};

pub(crate) use hints::is_hint;
pub(crate) use sets::{boundary, header_order};
pub(crate) use site::Relation;

use crate::Destination;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// One place in the order of headers.
#[derive(Clone, Debug)]
enum Slot {
    /// A header that is always there.
    Fixed(HeaderName, HeaderValue),
    /// A header that the request may bring.
    Part(Part),
    /// Where headers go that have no place of their own.
    Rest,
}

/// A header whose value belongs to the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Authorization,
    CacheControl,
    ContentLength,
    ContentType,
    Cookie,
    Origin,
    Referer,
    Site,
}

impl Part {
    const fn header(self) -> HeaderName {
        match self {
            Self::Authorization => AUTHORIZATION,
            Self::CacheControl => CACHE_CONTROL,
            Self::ContentLength => CONTENT_LENGTH,
            Self::ContentType => CONTENT_TYPE,
            Self::Cookie => COOKIE,
            Self::Origin => ORIGIN,
            Self::Referer => REFERER,
            Self::Site => SEC_FETCH_SITE,
        }
    }
}

/// What a request brings along, besides the user's own headers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// Length of the body; `None`: there is none and the method does not ask for one.
    pub(crate) content_length: Option<u64>,
    pub(crate) content_type: Option<HeaderValue>,
    /// Whether a form is sent, which browsers do not want from a cache.
    pub(crate) form: bool,
    pub(crate) cookie: Option<HeaderValue>,
    pub(crate) origin: Option<HeaderValue>,
    pub(crate) referer: Option<HeaderValue>,
    pub(crate) site: Relation,
}

impl Facts {
    fn value(&self, part: Part) -> Option<HeaderValue> {
        match part {
            Part::Authorization => None,
            Part::CacheControl => self.form.then_some(HeaderValue::from_static("max-age=0")),
            Part::ContentLength => self.content_length.map(HeaderValue::from),
            Part::ContentType => self.content_type.clone(),
            Part::Cookie => self.cookie.clone(),
            Part::Origin => self.origin.clone(),
            Part::Referer => self.referer.clone(),
            Part::Site => Some(self.site.header()),
        }
    }
}

/// The headers of an identity, for secure origins or for others.
#[derive(Clone, Debug)]
struct Template(Vec<Slot>);

impl Template {
    /// The headers of a request, in their order. The user's win over the identity's, in the identity's place.
    fn assemble(&self, user: &HeaderMap, facts: &Facts) -> HeaderMap {
        let mut out = HeaderMap::with_capacity(self.0.len() + user.keys_len() + 1);
        let put_users = |out: &mut HeaderMap, name: &HeaderName| {
            let mut values = user.get_all(name).iter().peekable();
            let found = values.peek().is_some();
            values.for_each(|value| {
                out.append(name.clone(), value.clone());
            });
            found
        };
        for slot in &self.0 {
            match slot {
                Slot::Fixed(name, value) => {
                    if put_users(&mut out, name) {
                        continue;
                    }
                    // A part of a compressed document decompresses to nothing: browsers ask for ranges as they are.
                    let plain = *name == ACCEPT_ENCODING && user.contains_key(RANGE);
                    let value = if plain {
                        HeaderValue::from_static("identity")
                    } else {
                        value.clone()
                    };
                    out.append(name.clone(), value);
                }
                Slot::Part(part) => {
                    let name = part.header();
                    // The length is that of the body, whatever the user thinks it is.
                    if *part != Part::ContentLength && put_users(&mut out, &name) {
                        continue;
                    }
                    if let Some(value) = facts.value(*part) {
                        out.append(name, value);
                    }
                }
                Slot::Rest => {
                    for name in user.keys().filter(|name| !self.has_place_for(name)) {
                        put_users(&mut out, name);
                    }
                }
            }
        }
        out
    }

    fn has_place_for(&self, name: &HeaderName) -> bool {
        // These are made by the connection, and a second one would make the request ambiguous.
        *name == CONTENT_LENGTH
            || *name == HOST
            || self.0.iter().any(|slot| match slot {
                Slot::Fixed(placed, _) => placed == name,
                Slot::Part(part) => part.header() == *name,
                Slot::Rest => false,
            })
    }
}

/// The headers of an identity in a session: what is always the same is put together once.
#[derive(Clone, Debug)]
pub(crate) struct HeaderSet {
    secure: Prepared,
    plain: Prepared,
    /// Whether it is a browser that has client hints, which it keeps from insecure origins.
    keeps_hints: bool,
    /// Whether it is of what a page asks for, and not of a navigation.
    of_page: bool,
}

#[derive(Clone, Debug)]
struct Prepared {
    template: Template,
    /// A `GET` without anything of its own.
    bare: Arc<HeaderMap>,
    /// The same, with room for `Host`.
    bare_with_host: HeaderMap,
}

impl Prepared {
    fn new(template: Template, defaults: &HeaderMap) -> Self {
        let bare = template.assemble(defaults, &Facts::default());
        let mut bare_with_host = bare.clone();
        bare_with_host.insert(HOST, HeaderValue::from_static(""));
        Self {
            template,
            bare: Arc::new(bare),
            bare_with_host,
        }
    }
}

/// The headers of a request, twice: for the wire, and to be shown.
pub(crate) struct Assembled {
    pub(crate) wire: HeaderMap,
    pub(crate) shown: Arc<HeaderMap>,
}

impl HeaderSet {
    /// Of an identity whose version is known, or of none; with the session's default headers.
    pub(crate) fn new(identity: Option<&Identity>, defaults: &HeaderMap) -> Self {
        Self::of(identity, defaults, |secure| sets::slots(identity, secure))
    }

    /// Of what a page of this identity asks for; `None`: it is not known what that looks like.
    pub(crate) fn of_page(identity: &Identity, defaults: &HeaderMap, destination: Destination) -> Option<Self> {
        sets::of_page(identity, destination, true)?;
        let slots = |secure| sets::of_page(identity, destination, secure).unwrap_or_default();
        let set = Self::of(Some(identity), defaults, slots);
        Some(Self { of_page: true, ..set })
    }

    fn of(identity: Option<&Identity>, defaults: &HeaderMap, slots: impl Fn(bool) -> Vec<Slot>) -> Self {
        let keeps_hints = identity.is_some_and(|identity| identity.brands().is_some());
        let [secure, plain] = [true, false].map(|secure| {
            let defaults = match !secure && keeps_hints {
                true => hints::without(defaults, &HeaderMap::new()),
                false => Cow::Borrowed(defaults),
            };
            Prepared::new(Template(slots(secure)), &defaults)
        });
        Self {
            secure,
            plain,
            keeps_hints,
            of_page: false,
        }
    }

    fn prepared(&self, secure: bool) -> &Prepared {
        if secure { &self.secure } else { &self.plain }
    }

    /// The headers of a `GET` that brings nothing of its own.
    pub(crate) fn bare(&self, secure: bool, url: &Url) -> Assembled {
        let prepared = self.prepared(secure);
        let wire = match host(url) {
            Some(host) => {
                let mut wire = prepared.bare_with_host.clone();
                wire.insert(HOST, host);
                wire
            }
            None => HeaderMap::clone(&prepared.bare),
        };
        Assembled {
            wire,
            shown: Arc::clone(&prepared.bare),
        }
    }

    /// The headers of any request. `user` are the session's defaults and the request's `own`, merged. Client hints that
    /// the session has by default go where the identity's would, and the `Accept` of a navigation goes with navigations.
    pub(crate) fn assemble(
        &self,
        secure: bool,
        url: &Url,
        user: &HeaderMap,
        own: &HeaderMap,
        facts: &Facts,
    ) -> Assembled {
        let user = match !secure && self.keeps_hints {
            true => hints::without(user, own),
            false => Cow::Borrowed(user),
        };
        let user = match self.of_page && !own.contains_key(ACCEPT) && is_navigations(&user) {
            true => Cow::Owned(retain(&user, |name, _| *name != ACCEPT)),
            false => user,
        };
        let mut wire = self.prepared(secure).template.assemble(&user, facts);
        let shown = Arc::new(wire.clone());
        if let Some(host) = host(url) {
            wire.insert(HOST, host);
        }
        Assembled { wire, shown }
    }
}

/// The `Host` of a request whose version is certain, which without TLS it is. Otherwise wreq fills it in, if HTTP/1.1 it
/// will be: that costs it more than half of what all other headers cost.
fn host(url: &Url) -> Option<HeaderValue> {
    if url.scheme() != "http" {
        return None;
    }
    HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort]).ok()
}

/// Whether the `Accept` asks for a document first, as no part of a page does.
fn is_navigations(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT);
    accept.is_some_and(|accept| accept.as_bytes().starts_with(b"text/html"))
}

/// The headers for which `keep` holds, in their order.
pub(crate) fn retain(headers: &HeaderMap, keep: impl Fn(&HeaderName, &HeaderValue) -> bool) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        if keep(name, value) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

/// The session's headers under the request's: whatever the request has replaces all values of that name.
pub(crate) fn merge(defaults: &HeaderMap, own: &HeaderMap) -> HeaderMap {
    let mut merged = defaults.clone();
    for name in own.keys() {
        let mut values = own.get_all(name).iter();
        if let Some(first) = values.next() {
            merged.insert(name.clone(), first.clone());
        }
        for value in values {
            merged.append(name.clone(), value.clone());
        }
    }
    merged
}

#[cfg(test)]
mod tests;
