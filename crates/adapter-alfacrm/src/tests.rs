//! Fixtures as tables, requests as bytes, the platform over scripts and the simulated AlfaCRM, and the laws.

mod accounts;
mod bench;
mod census;
mod clients;
mod conformance;
mod hostile;
mod lessons;
mod properties;
mod replies;
mod requests;
mod rules;
mod sessions;
mod settings;
mod support;
mod updates;
