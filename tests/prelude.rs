//! The names that a program takes from the root and from the prelude.
#![deny(ambiguous_glob_reexports, reason = "a name that means two things does not compile")]
#![allow(missing_docs, unused_imports, reason = "it is names alone")]

/// All of both: a name that is in both must be one thing.
pub mod both {
    pub use silkroute::prelude::*;
    pub use silkroute::*;
}

#[test]
fn a_fingerprint_is_that_of_a_request() -> both::Result<()> {
    let rules = both::FingerprintRules::default();
    let fingerprint = |url| both::Fetch::get(url).map(|fetch| rules.fingerprint(&fetch, "http"));
    let of_one: both::Fingerprint = fingerprint("https://shop.test/?b=1&a=2")?;
    assert_eq!(of_one, fingerprint("https://shop.test/?a=2&b=1")?);
    Ok(())
}
