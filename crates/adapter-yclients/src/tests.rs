//! Tests of the adapter: what it asks for, what it reads and writes, what refusals mean, and how it behaves against a
//! scripted and a simulated platform.

mod bench;
mod checks;
mod conformance;
mod hooks;
mod hostile;
mod in_process;
mod laws;
mod listings;
mod reading;
mod refusals;
mod requests;
mod sessions;
mod settings;
mod simulated;
mod support;
mod updating;
mod writing;
mod zones;
