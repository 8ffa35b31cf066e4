//! slotbridge. 
fn main() {}
