//! Cookies: one jar that several sessions can share, saved and loaded in Playwright's format.
//!
//! The rules are those of RFC 6265 as its successor has them
//! (<https://datatracker.ietf.org/doc/draft-ietf-httpbis-rfc6265bis/>), which is what browsers do; where they leave a
//! choice, Chrome's is taken.

mod bucket;
mod cookie;
mod date;
mod domain;
mod jar;
mod origins;
mod serde_form;
mod set_cookie;
mod storage_state;

pub use cookie::{Cookie, SameSite};
pub use jar::CookieJar;
pub use storage_state::{OriginState, StorageItem, StorageState};
