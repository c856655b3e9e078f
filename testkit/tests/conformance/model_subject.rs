//! The models, as subjects of the suite.

use std::sync::Once;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use silkroute_core::{CookieJar, Error, Registration, Result, Session, async_trait};
use silkroute_testkit::conformance::{Capabilities, Capability, Setup, Subject};
use silkroute_testkit::site::TestSite;
use tokio::sync::Semaphore;

use crate::exchange::{Inner, PLACES};
use crate::model::Model;
use crate::sabotage::Sabotage;

/// Can do everything.
#[derive(Clone, Copy)]
pub(crate) struct Whole;

/// Can do nothing but `GET` a URL, and refuses the rest.
#[derive(Clone, Copy)]
pub(crate) struct Modest;

/// One of the two, breaking one rule.
#[derive(Clone, Copy)]
pub(crate) struct Saboteur {
    pub(crate) sabotage: Sabotage,
    pub(crate) modest: bool,
}

const MODEST: [Capability; 7] = [
    Capability::Bodies,
    Capability::Headers,
    Capability::Cookies,
    Capability::CookieStore,
    Capability::Proxy,
    Capability::SessionHeaders,
    Capability::SessionProxy,
];

fn capabilities(modest: bool) -> Capabilities {
    if modest {
        Capabilities::all().without(&MODEST).only_methods(&["GET"])
    } else {
        Capabilities::all()
    }
}

fn build(sabotage: Option<Sabotage>, modest: bool, site: &TestSite, setup: &Setup) -> Result<Box<dyn Session>> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Only the first call can succeed, and it is enough.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let headers = setup.headers.iter().map(|(name, value)| {
        let name = HeaderName::try_from(*name).map_err(|e| Error::invalid("a header", e))?;
        Ok((name, HeaderValue::from_static(value)))
    });
    Ok(Box::new(Model::new(Inner {
        sabotage,
        modest,
        timeout: setup.timeout.unwrap_or(Duration::from_secs(30)),
        headers: headers.collect::<Result<_>>()?,
        proxy: setup.proxy.clone(),
        ca_pem: site.ca_pem().to_owned(),
        jar: CookieJar::new(),
        places: Semaphore::new(PLACES),
    })))
}

macro_rules! subject {
    ($subject:ty, $self:ident => $sabotage:expr, $modest:expr) => {
        #[async_trait]
        impl Subject for $subject {
            fn registration(&self) -> Option<&'static Registration> {
                None
            }

            fn capabilities(&self) -> Capabilities {
                let $self = self;
                capabilities($modest)
            }

            async fn build(&self, site: &TestSite, setup: &Setup) -> Result<Box<dyn Session>> {
                let $self = self;
                build($sabotage, $modest, site, setup)
            }
        }
    };
}

subject!(Whole, _whole => None, false);
subject!(Modest, _modest => None, true);
subject!(Saboteur, saboteur => Some(saboteur.sabotage), saboteur.modest);
