//! slotbridge keeps the bookings of one business in step across the booking platforms it is listed on.
//!
//! The binary wires the other crates together: [`config`] reads the file, [`registry`] knows the kinds of platform,
//! [`cli`] runs commands, [`render`] shows reports. It decides nothing about bookings.

mod cli;
mod config;
mod registry;
mod render;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(std::env::args_os())
}
