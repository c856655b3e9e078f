//! The test site does what its list of routes says, and writes down what was asked as it was asked.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

mod bodies;
mod browser;
mod challenge;
mod client;
mod failures;
mod life;
mod pages;
mod proxy;
mod scripts;
mod wire;
