//! slotbridge keeps the bookings of one business in step across the booking platforms it is listed on.
//!
//! The binary wires the other crates together: [`config`] reads the file, [`registry`] knows the kinds of platform,
//! [`cli`] runs commands, [`render`] shows reports; [`http`], [`control`] and [`metrics`] are the daemon's doors,
//! [`systemd`] hears how it is, [`notices`] tell people, [`schedule`] does things at their hour. It decides nothing about
//! bookings.

mod cli;
mod config;
mod control;
mod http;
mod metrics;
mod notices;
mod registry;
mod render;
mod schedule;
mod systemd;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(std::env::args_os())
}
