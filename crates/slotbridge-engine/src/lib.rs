//! Drives the core with platforms and store: observe, match, merge, plan, guard, execute.
