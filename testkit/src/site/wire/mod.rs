//! What a client looks like on the wire: its TLS ClientHello, its HTTP/2 preface, and its headers in the order and
//! the case in which it sent them.
//!
//! Taps read along below the TLS and HTTP libraries, which both hide these things. A tap never fails a connection: what
//! it cannot read it reports as a text.

mod client_hello;
mod control;
mod head;
mod http1;
mod http2;
mod ja;
mod reader;
mod socket;
mod tap;

pub use client_hello::{Alps, ClientHello, KeyShare};
pub use http2::{HeadersPriority, Http2, PriorityFrame};
pub use ja::{GREASE, is_grease};

pub(crate) use control::{Control, End};
pub(crate) use head::{Head, Heads};
pub(crate) use socket::Socket;
pub(crate) use tap::Tap;
