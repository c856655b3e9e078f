//! Names to addresses: the user's own answers first, then the system's; and for the guarded client, public ones alone.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use wreq::dns::{Addrs, Name, Resolve, Resolving};

use crate::address;

/// Answers for names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resolver {
    overrides: Arc<HashMap<String, Vec<SocketAddr>>>,
    assumed_public: Arc<Vec<String>>,
    public_only: bool,
}

/// A name that leads nowhere but into private networks.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` has no public address")]
pub(super) struct NotPublic(String);

impl Resolver {
    pub(crate) fn new(overrides: HashMap<String, Vec<SocketAddr>>, assumed_public: Vec<String>) -> Self {
        Self {
            overrides: Arc::new(overrides),
            assumed_public: Arc::new(assumed_public),
            public_only: false,
        }
    }

    /// The same, with the addresses of private networks left out: what is connected to with it is public, whatever a
    /// name server answers the second time.
    pub(crate) fn public_only(&self) -> Self {
        Self {
            public_only: true,
            ..self.clone()
        }
    }

    /// Whether a name counts as public whatever it resolves to.
    pub(crate) fn assumes_public(&self, name: &str) -> bool {
        self.assumed_public.iter().any(|known| known == name)
    }

    async fn look_up(self, name: Name) -> Result<Addrs, Box<dyn std::error::Error + Send + Sync>> {
        let name = name.as_str();
        let mut found: Vec<SocketAddr> = match self.overrides.get(name) {
            Some(addresses) => addresses.clone(),
            // As in browsers, these names are this machine and no name server's business: RFC 6761, section 6.3.
            None if name.ends_with(".localhost") => {
                vec![(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()]
            }
            // The port is the connector's to fill in.
            None => tokio::net::lookup_host((name, 0)).await?.collect(),
        };
        if found.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address").into());
        }
        if self.public_only && !self.assumes_public(name) {
            found.retain(|address| address::is_public(address.ip()));
            if found.is_empty() {
                return Err(NotPublic(name.to_owned()).into());
            }
        }
        Ok(Box::new(found.into_iter()))
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(self.clone().look_up(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn looked_up(resolver: &Resolver, name: &str) -> Result<Vec<String>, String> {
        match resolver.clone().look_up(name.into()).await {
            Ok(addresses) => Ok(addresses.map(|address| address.to_string()).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[tokio::test]
    async fn the_guarded_one_leaves_private_addresses_out_and_refuses_a_name_that_has_no_others() {
        let mixed = vec!["10.0.0.1:0".parse().unwrap(), "93.184.216.34:0".parse().unwrap()];
        let inside = vec!["192.168.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()];
        let overrides = HashMap::from([("mixed.test".to_owned(), mixed), ("inside.test".to_owned(), inside)]);
        let open = Resolver::new(overrides, Vec::new());
        assert_eq!(looked_up(&open, "inside.test").await.unwrap().len(), 2);
        let guarded = open.public_only();
        assert_eq!(looked_up(&guarded, "mixed.test").await.unwrap(), ["93.184.216.34:0"]);
        let error = looked_up(&guarded, "inside.test").await.unwrap_err();
        assert!(error.contains("no public address"), "{error}");
    }
}
