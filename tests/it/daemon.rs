//! `slotbridge run` from outside: the built binary, four simulated platforms over loopback HTTP, a real database file.

mod commands;
mod down;
mod dry;
mod hints;
mod killed;
mod many;
mod methods;
mod notify;
mod polling;
mod process;
mod reload;
mod rig;
mod silence;
mod step;
mod stopping;
