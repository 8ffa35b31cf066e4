//! The one place through which time, waiting and randomness enter: real in the binary, virtual in the simulator.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// Clock, waiting and random numbers.
#[async_trait]
pub trait Seam: Send + Sync + fmt::Debug {
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// Time since some fixed instant of this process; never goes back. For measuring waits.
    fn elapsed(&self) -> Duration;
    /// Waits. May be dropped at any point.
    async fn sleep(&self, duration: Duration);
    /// A random number.
    fn random(&self) -> u64;
}

/// Ten random bytes, as a new [`slotbridge_core::model::BookingId`] needs them.
pub fn random_bytes(seam: &dyn Seam) -> [u8; 10] {
    let mut bytes = [0; 10];
    let drawn = [seam.random(), seam.random()].map(u64::to_le_bytes);
    for (byte, drawn) in bytes.iter_mut().zip(drawn.as_flattened()) {
        *byte = *drawn;
    }
    bytes
}
