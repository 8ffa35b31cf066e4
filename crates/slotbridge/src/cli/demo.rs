//! `slotbridge demo`
use super::Global;
use super::output::Output;
use super::report::{Exit, Failure};
pub(crate) async fn run(_global: &Global, _output: &Output) -> Result<Exit, Failure> { todo!() }
