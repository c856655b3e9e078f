//! The protocol: what goes over the wire, and who waits for what.

mod connection;
mod message;
mod session;
mod subscription;
pub(crate) mod transport;

pub use connection::Connection;
pub use message::{Event, RawCommand};
pub use session::{CdpSession, Observer};
pub use subscription::{Received, Subscription};
