//! Where a proxy's target is.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

#[derive(Default)]
pub(super) struct Targets(Mutex<HashMap<(String, Option<u16>), SocketAddr>>);

impl Targets {
    pub(super) fn set(&self, host: &str, port: Option<u16>, target: SocketAddr) {
        let mut targets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        targets.insert((host.to_ascii_lowercase(), port), target);
    }

    pub(super) fn resolve(&self, host: &str, port: u16) -> io::Result<SocketAddr> {
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let targets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let set = targets
            .get(&(host.clone(), Some(port)))
            .or_else(|| targets.get(&(host.clone(), None)));
        if let Some(target) = set {
            return Ok(*target);
        }
        let address = match host.parse::<IpAddr>() {
            Ok(address) => address,
            Err(_) if host == "localhost" || host.ends_with(".localhost") => Ipv4Addr::LOCALHOST.into(),
            Err(_) => return Err(unreachable(&format!("no address for {host}"))),
        };
        if address.is_loopback() {
            Ok(SocketAddr::new(address, port))
        } else {
            Err(unreachable(&format!("{address} is not this machine")))
        }
    }
}

fn unreachable(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::HostUnreachable, why)
}
