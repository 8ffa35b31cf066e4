//! What every platform adapter is made of.
//!
//! [`Platform`] is the trait that an adapter implements; [`Capabilities`] say where platforms differ in a way that the
//! engine must know; [`PlatformError`] says what went wrong and whether a call may be repeated.
//! [`client::Api`] carries an adapter's plain `http` requests through the quota [`gate`], retries and redaction, over a
//! [`transport::Transport`]: [`reqwest_transport`] in production, a simulated platform's router or [`testing`] elsewhere.
//! [`account::Account`] is what the binary hands to an adapter; [`conformance`] is the suite that every adapter passes.
//! This crate knows no database and no config file.

pub mod account;
pub mod capabilities;
pub mod client;
pub mod conformance;
pub mod error;
pub mod gate;
pub mod platform;
mod redact;
pub mod reqwest_transport;
pub mod seam;
pub mod system_seam;
pub mod tally;
pub mod testing;
#[cfg(test)]
mod tests;
pub mod transport;
pub mod webhook;

pub use account::{Account, Contacts, InvalidConfig};
pub use capabilities::Capabilities;
pub use error::{ErrorKind, PlatformError, Retry};
pub use platform::Platform;
