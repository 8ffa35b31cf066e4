//! Fixtures as tables, requests as bytes, the platform over the simulated services, and the laws.

mod bench;
mod conformance;
mod conversion;
mod errors;
mod hostile;
mod moves;
mod requests;
mod sessions;
mod support;
mod webhooks;
