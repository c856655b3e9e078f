//! Checks that no other tool makes.

mod arrows;
mod hygiene;

pub(crate) use arrows::check as arrows;
pub(crate) use hygiene::check as hygiene;
