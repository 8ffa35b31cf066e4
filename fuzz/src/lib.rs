//! What the fuzz targets share.

/// Runs a story in virtual time: whatever it waits for takes none.
///
/// # Panics
/// Where no runtime can be made, and where the story does.
pub fn in_virtual_time<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(story)
}
