//! The sessions that a command fetches through, and what its flags change of them.

mod args;
mod cookies;
mod headers;
mod known;
mod options;
mod target;

pub(crate) use args::SessionArgs;
pub(crate) use cookies::CookieFile;
pub(crate) use known::KnownSessions;
pub(crate) use target::Target;
pub(crate) use {headers::read as read_headers, options::read as read_options};
