//! The wire: the one module that names wreq. Everything else speaks of the types here, so that moving to another line
//! of wreq is a change to this folder alone.

mod client;
mod emulation;
mod failure;
mod header_writer;
mod offers;
mod resolver;
mod tls_sessions;

pub(crate) use client::{Client, ClientSpec, Incoming, Outgoing, TlsMaterial, TlsSources};
pub(crate) use emulation::Wire;
pub(crate) use failure::{Failure, Stage};
pub(crate) use header_writer::{ConnectionPlace, HeaderOrder};
pub(crate) use offers::{Offer, offers};
pub(crate) use resolver::Resolver;
pub(crate) use tls_sessions::TlsSessions;
